"""A stack of forecasters: their forecasts mixed, with weights from a back-test inside the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, GateError, InputError
from bayes_cod.evaluation.jobs import Method
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Forecaster, Sampled, gate_passed
from bayes_cod.ladder import Ladder, Target
from bayes_cod.stacking.inner import NOT_CONVERGED, InnerCells, InnerSettings, inner_cells
from bayes_cod.stacking.mixing import mix
from bayes_cod.stacking.names import PREFIX, SEPARATOR
from bayes_cod.stacking.weights import STRENGTH, find_weights

type FloatArray = NDArray[np.float64]

DRAWS = 4000
DIAGNOSTICS = ["quantity", "r_hat", "ess_bulk", "ess_tail", "value", "limit", "passed"]


class Stack:
    """A mixture of forecasters; satisfies `bayes_cod.forecasts.forecaster.Forecaster`.

    At the fit every member is fitted on the whole ladder, and those that can be used are back-tested inside it (see
    `inner.inner_cells`). The weights, common to all benchmarks, minimise the mean CRPS of the mixture over the inner
    cells, held near the prior weights (see `weights.find_weights`). A member that refuses the ladder or a target, or
    does not pass its convergence gate, has the weight 0, and the weights are found for the others; the forecast's
    warnings say so. If the gate of every member left fails, all of them are kept and the stack's gate fails.

    Make stacks with `make_stack`, which knows whether a member samples.

    Parameters
    ----------
    members
        Forecasters by name; names must differ.
    seed
        Seed of every member and of the mixture's draws.
    prior
        Prior weight of each member, above 0; equal where not given.
    cuts, ahead, min_rungs
        See `InnerSettings`.
    strength
        Inner cells that the prior weights count as.
    draws
        Draws of a forecast.
    name
        How the stack is called in tables; `stack:MEMBER/MEMBER` where not given.

    Raises
    ------
    InputError
        Without a member, for one named twice, or settings out of range.
    """

    def __init__(
        self,
        members: Sequence[Method],
        seed: int = 0,
        *,
        prior: Sequence[float] | None = None,
        cuts: int = 3,
        ahead: int = 2,
        min_rungs: int = 3,
        strength: float = STRENGTH,
        draws: int = DRAWS,
        name: str | None = None,
    ) -> None:
        names = [member.name for member in members]
        if not names or len(set(names)) < len(names):
            raise InputError(f"a stack needs members of different names; given: {', '.join(names) or 'none'}")
        weights = np.ones(len(names)) if prior is None else np.array(prior, dtype=float)
        if weights.shape != (len(names),) or not (np.isfinite(weights) & (weights > 0)).all():
            raise InputError(f"prior weights {list(prior or ())} were given; expected {len(names)} numbers above 0")
        if not 0 <= strength < np.inf or draws < 2:
            raise InputError(f"strength is {strength} and draws {draws}; expected at least 0 and at least 2")
        self.members = tuple(members)
        self.seed = seed
        self.prior = dict(zip(names, (weights / weights.sum()).tolist(), strict=True))
        self.inner = InnerSettings(cuts, ahead, min_rungs)
        self.strength = strength
        self.draws = draws
        self._name = name or PREFIX + SEPARATOR.join(names)
        self._fitted: dict[str, Forecaster] = {}
        self._kept: list[str] = []
        self._dropped: dict[str, str] = {}
        self._cells: InnerCells | None = None
        self._last_flops = np.nan

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        return self._name

    # ---------------------------------------------------------------- fit

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit the members, then back-test inside the ladder those that can be used.

        Parameters
        ----------
        ladder
            The family to forecast, cut already applied.
        pool
            Other families: given to the members, and a source of further inner cells.

        Raises
        ------
        InputError
            If every member refuses the ladder, with each one's reason.
        """
        self._last_flops = float(ladder.rungs()["flops"].max())
        self._fitted, self._dropped = {}, {}
        for member in self.members:
            try:
                self._fitted[member.name] = member.make(member.name, self.seed, **member.settings).fit(
                    ladder, pool=pool
                )
            except (GateError, InputError) as error:
                self._dropped[member.name] = str(error)
        self._kept = self._usable(list(self._fitted))
        used = [member for member in self.members if member.name in self._kept]
        inner = self.inner if len(used) > 1 else InnerSettings(cuts=0)  # one member has all the weight anyhow
        self._cells = inner_cells(used, ladder, pool, self.seed, inner)
        return self

    def _usable(self, names: Sequence[str]) -> list[str]:
        """Members whose gate was passed, or all of them where none was; the others are dropped."""
        if not names:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in self._dropped.items())
            raise InputError(f"no member of '{self.name}' can be used here; {reasons}")
        passed = [name for name in names if gate_passed(self._fitted[name])]
        for name in names if passed else ():
            if name not in passed:
                self._dropped[name] = NOT_CONVERGED
        return passed or list(names)

    @property
    def cells(self) -> InnerCells:
        """The inner cells."""
        if self._cells is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._cells

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every member, 0 for those that were dropped; they sum to 1."""
        return dict.fromkeys(self.prior, 0.0) | dict(zip(self._kept, self._found().tolist(), strict=True))

    def _found(self) -> FloatArray:
        """Weights of the members kept."""
        place = [self.cells.names.index(name) for name in self._kept]
        prior = np.array([self.prior[name] for name in self._kept])
        return find_weights(self.cells.matrices[:, place][:, :, place], prior, self.strength)

    # ---------------------------------------------------------------- forecast

    def forecast(self, targets: Sequence[Target]) -> Forecast:
        """Mix the members' draws: each joint draw is one of one member, observed and latent alike.

        Raises
        ------
        InputError
            If every member refuses the targets.
        """
        self._dropped = {name: why for name, why in self._dropped.items() if name not in self.cells.names}
        forecasts: dict[str, Forecast] = {}
        for name in self.cells.names:
            try:
                forecasts[name] = self._fitted[name].forecast(targets)
            except (GateError, InputError) as error:
                self._dropped[name] = str(error)
        self._kept = self._usable(list(forecasts))
        used = [forecasts[name] for name in self._kept]
        benchmarks = list(dict.fromkeys(name for forecast in used for name in forecast.benchmarks))
        observed, latent = mix(used, self._found(), benchmarks, self.draws, self.seed)
        return Forecast.from_draws(
            observed, latent, targets, benchmarks, self.name, self._facts(targets, forecasts, benchmarks)
        )

    def _facts(
        self, targets: Sequence[Target], forecasts: Mapping[str, Forecast], benchmarks: Sequence[str]
    ) -> dict[str, Any]:
        facts = {name: forecasts[name].facts for name in self._kept}
        shares = [own["share_extrapolating"] for own in facts.values() if own.get("share_extrapolating")]
        return {
            "decades": {target.name: float(np.log10(target.flops / self._last_flops)) for target in targets},
            **({"share_extrapolating": shares[0]} if shares else {}),
            "stacking": self._record(),
            "warnings": [
                *self._warnings(forecasts, benchmarks),
                *(f"{name}: {text}" for name, own in facts.items() for text in own.get("warnings") or ()),
            ],
            "settings": {
                "inner": asdict(self.inner),
                "strength": self.strength,
                "draws": self.draws,
                "seed": self.seed,
                "members": {name: own.get("settings") or {} for name, own in facts.items()},
            },
        }

    def _record(self) -> dict[str, Any]:
        """Weights and inner scores, as JSON holds them."""
        cells, weights = self.cells, self.weights
        count = len(cells.matrices)
        silent = {"answered": 0, "crps": float("nan"), "abs_error": float("nan")}
        own = {
            str(name): {
                "answered": len(group),
                **{score: float(group[score].mean()) for score in ("crps", "abs_error")},
            }
            for name, group in cells.table.groupby("member")
        }
        record: dict[str, Any] = {
            "cells": count,
            "members": [
                {"name": name, "prior": self.prior[name], "weight": weights[name], **own.get(name, silent)}
                for name in self.prior
            ],
            "cuts": cells.summary(),
        }
        if count:
            place = [cells.names.index(name) for name in self._kept]
            mean = cells.matrices.mean(axis=0)[np.ix_(place, place)]
            prior = np.array([self.prior[name] for name in self._kept])
            found, prior = self._found(), prior / prior.sum()
            record["crps"] = {"weights": float(found @ mean @ found), "prior": float(prior @ mean @ prior)}
        return record

    def _warnings(self, forecasts: Mapping[str, Forecast], benchmarks: Sequence[str]) -> list[str]:
        found = [f"{name} has weight 0: {reason}" for name, reason in self._dropped.items()]
        if len(self._kept) > 1 and not len(self.cells.matrices):
            found.append(
                f"no cut inside the ladder leaves {self.inner.min_rungs} rungs and a larger one: the members have "
                "their prior weights"
            )
        found += [text for name, text in self.cells.refusals if name in self._kept]
        for name in self._kept:
            lacking = [benchmark for benchmark in benchmarks if benchmark not in forecasts[name].benchmarks]
            if lacking:
                found.append(f"{name} does not forecast {', '.join(lacking)}: the others' draws stand there alone")
        return found


class SampledStack(Stack):
    """A stack with members that sample; satisfies `bayes_cod.forecasts.forecaster.Sampled` too."""

    def _sampled(self) -> dict[str, Sampled]:
        """Members of non-zero weight that sample."""
        found = ((name, self._fitted[name]) for name in self._kept)
        return {name: member for name, member in found if isinstance(member, Sampled)}

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws of the members that sample, one group each."""
        return xr.DataTree.from_dict(
            {
                f"/{name}{node.path if node.path != '/' else ''}": node.to_dataset(inherit=False)
                for name, member in self._sampled().items()
                for node in member.posterior.subtree
                if node.has_data
            }
        )

    @property
    def diagnostics(self) -> pd.DataFrame:
        """Diagnostics of the members of non-zero weight; every quantity carries its member's name."""
        tables = [
            member.diagnostics.assign(quantity=f"{name}: " + member.diagnostics["quantity"].astype(str))
            for name, member in self._sampled().items()
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=DIAGNOSTICS)

    @property
    def gate_passed(self) -> bool:
        """Whether every member of non-zero weight passed its gate."""
        return all(member.gate_passed for member in self._sampled().values())


def make_stack(members: Sequence[Method], seed: int = 0, **settings: Any) -> Stack:
    """Make an unfitted stack.

    Parameters
    ----------
    members, seed, **settings
        See `Stack`.

    Returns
    -------
    Stack
        A `SampledStack` if a member samples.

    Raises
    ------
    InputError
        For unknown members or settings.
    """
    sampled = [isinstance(member.make(member.name, seed, **member.settings), Sampled) for member in members]
    try:
        return (SampledStack if any(sampled) else Stack)(members, seed, **settings)
    except TypeError as error:
        raise InputError(f"a stack does not take these settings ({error}); see bayes_cod.stacking.forecaster") from None
