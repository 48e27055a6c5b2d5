"""A stack of forecasters: their forecasts mixed, with weights from a back-test inside the ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, GateError, InputError
from bayes_cod.forecasts import Explanation, Forecast, Forecaster, Method
from bayes_cod.ladder import Ladder, Target
from bayes_cod.stacking.inner import InnerCells, InnerSettings, inner_cells
from bayes_cod.stacking.mixing import mix
from bayes_cod.stacking.names import PREFIX, SEPARATOR
from bayes_cod.stacking.weights import STRENGTH, find_weights

type FloatArray = NDArray[np.float64]

DRAWS = 4000
NOT_CONVERGED = "the sampler did not converge"


class Stack:
    """A mixture of forecasters; satisfies `bayes_cod.forecasts.Forecaster`.

    At the fit every member is fitted on the whole ladder and back-tested inside it (see `inner.inner_cells`). The
    weights, common to all benchmarks, minimise the mean CRPS of the mixture over the inner cells, held near the prior
    weights (see `weights.find_weights`). A member that refuses the ladder or a target, or whose forecast does not pass
    its convergence gate, has the weight 0, and the weights are found for the others; the forecast's warnings say so.
    If the gate of every member left fails, all of them are kept and the stack's gate fails.

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
        self._unfitted: dict[str, str] = {}
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
        self._fitted, self._unfitted = {}, {}
        for member in self.members:
            try:
                self._fitted[member.name] = member.make(self.seed).fit(ladder, pool=pool)
            except (GateError, InputError) as error:
                self._unfitted[member.name] = str(error)
        if not self._fitted:
            raise self._nobody(self._unfitted)
        used = [member for member in self.members if member.name in self._fitted]
        inner = self.inner if len(used) > 1 else InnerSettings(cuts=0)  # one member has all the weight anyhow
        self._cells = inner_cells(used, ladder, pool, self.seed, inner)
        return self

    def _nobody(self, reasons: Mapping[str, str]) -> InputError:
        listed = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return InputError(f"no member of '{self.name}' can be used here; {listed}")

    @property
    def cells(self) -> InnerCells:
        """The inner cells."""
        if self._cells is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._cells

    @property
    def weights(self) -> dict[str, float]:
        """Weight of every member if none drops out at a forecast, 0 for those that refused the ladder."""
        kept = list(self.cells.names)
        return dict.fromkeys(self.prior, 0.0) | dict(zip(kept, self.weights_of(kept).tolist(), strict=True))

    def weights_of(self, kept: Sequence[str]) -> FloatArray:
        """Weights of some members when the others are left out, ``(member,)``; they sum to 1."""
        place = [self.cells.names.index(name) for name in kept]
        prior = np.array([self.prior[name] for name in kept])
        return find_weights(self.cells.matrices[:, place][:, :, place], prior, self.strength)

    # ---------------------------------------------------------------- forecast

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Mix the members' draws: each joint draw is one of one member, observed and latent alike.

        The diagnostics are those of the members of non-zero weight that sample, each quantity under its member's name.

        Raises
        ------
        InputError
            If every member refuses the targets.
        """
        forecasts: dict[str, Forecast] = {}
        dropped = dict(self._unfitted)
        for name in self.cells.names:
            try:
                forecasts[name] = self._fitted[name].forecast(targets, explain=explain)
            except (GateError, InputError) as error:
                dropped[name] = str(error)
        if not forecasts:
            raise self._nobody(dropped)
        passed = {name: made for name, made in forecasts.items() if made.gate_passed}
        dropped |= {name: NOT_CONVERGED for name in forecasts if passed and name not in passed}
        mixture = Mixture(self, passed or forecasts, dropped)
        benchmarks = mixture.benchmarks
        observed, latent = mix(list(mixture.used.values()), mixture.weights, benchmarks, self.draws, self.seed)
        return Forecast.from_draws(
            observed,
            latent,
            targets,
            benchmarks,
            self.name,
            self._facts(targets, mixture),
            diagnostics=mixture.diagnostics(),
            explanation=mixture.explanation() if explain else None,
        )

    def _facts(self, targets: Sequence[Target], mixture: Mixture) -> dict[str, Any]:
        facts = {name: made.facts for name, made in mixture.used.items()}
        shares = [own["share_extrapolating"] for own in facts.values() if own.get("share_extrapolating")]
        return {
            "decades": {target.name: float(np.log10(target.flops / self._last_flops)) for target in targets},
            **({"share_extrapolating": shares[0]} if shares else {}),
            "stacking": mixture.record(),
            "warnings": [
                *mixture.warnings(),
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


class Mixture:
    """One forecast of a stack: the members that take part, their weights, and what is said of both.

    Parameters
    ----------
    stack
        Fitted.
    used
        Forecasts of the members that take part.
    dropped
        Why the others do not.
    """

    def __init__(self, stack: Stack, used: Mapping[str, Forecast], dropped: Mapping[str, str]) -> None:
        self.stack, self.used, self.dropped = stack, dict(used), dict(dropped)
        self.weights = stack.weights_of(list(used))
        self.benchmarks = list(dict.fromkeys(name for made in used.values() for name in made.benchmarks))

    def diagnostics(self) -> pd.DataFrame | None:
        """Diagnostics of the members that sample; None where none does."""
        tables = [
            made.diagnostics.assign(quantity=f"{name}: " + made.diagnostics["quantity"].astype(str))
            for name, made in self.used.items()
            if made.diagnostics is not None
        ]
        return pd.concat(tables, ignore_index=True) if tables else None

    def explanation(self) -> Explanation:
        """That of the member of the largest weight that has one, and the posteriors of all, a group each."""
        own = {name: made.explanation for name, made in self.used.items() if made.explanation is not None}
        if not own:
            return Explanation()
        weights = dict(zip(self.used, self.weights.tolist(), strict=True))
        largest = max(own, key=lambda name: weights[name])
        nodes = {
            f"/{name}{node.path if node.path != '/' else ''}": node.to_dataset(inherit=False)
            for name, explanation in own.items()
            if explanation.posterior is not None
            for node in explanation.posterior.subtree
            if node.has_data
        }
        return replace(own[largest], posterior=xr.DataTree.from_dict(nodes) if nodes else None)

    def record(self) -> dict[str, Any]:
        """Weights and inner scores, as JSON holds them."""
        cells, prior = self.stack.cells, self.stack.prior
        weights = dict.fromkeys(prior, 0.0) | dict(zip(self.used, self.weights.tolist(), strict=True))
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
                {"name": name, "prior": prior[name], "weight": weights[name], **own.get(name, silent)} for name in prior
            ],
            "cuts": cells.summary(),
        }
        if count:
            place = [cells.names.index(name) for name in self.used]
            mean = cells.matrices.mean(axis=0)[np.ix_(place, place)]
            given = np.array([prior[name] for name in self.used])
            found, given = self.weights, given / given.sum()
            record["crps"] = {"weights": float(found @ mean @ found), "prior": float(given @ mean @ given)}
        return record

    def warnings(self) -> list[str]:
        """Who has no weight and why, and what the weights rest on."""
        cells = self.stack.cells
        found = [f"{name} has weight 0: {reason}" for name, reason in self.dropped.items()]
        if len(self.used) > 1 and not len(cells.matrices):
            found.append(
                f"no cut inside the ladder leaves {self.stack.inner.min_rungs} rungs and a larger one: the members "
                "have their prior weights"
            )
        found += [text for name, text in cells.refusals if name in self.used]
        for name, made in self.used.items():
            lacking = [benchmark for benchmark in self.benchmarks if benchmark not in made.benchmarks]
            if lacking:
                found.append(f"{name} does not forecast {', '.join(lacking)}: the others' draws stand there alone")
        return found


def make_stack(members: Sequence[Method], seed: int = 0, **settings: Any) -> Stack:
    """Make an unfitted stack.

    Parameters
    ----------
    members, seed, **settings
        See `Stack`.

    Raises
    ------
    InputError
        For unknown settings.
    """
    try:
        return Stack(members, seed, **settings)
    except TypeError as error:
        raise InputError(f"a stack does not take these settings ({error}); see bayes_cod.stacking.forecaster") from None
