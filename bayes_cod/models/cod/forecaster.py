"""Bayesian COD: the forecaster."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling as mcmc
from bayes_cod.models.cod.clusters import cluster_questions
from bayes_cod.models.cod.composition import compose
from bayes_cod.models.cod.explain import Fit, explanation
from bayes_cod.models.cod.graph import Shape, arrays, build
from bayes_cod.models.cod.learnt_prior import LearntPrior
from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.predict import Draws, predict
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

FAR_DECADES = 2.0
NEAR_CHANCE = 0.02

SAMPLER = SamplerSettings(draws=500, tune=400, adaptation="auto", target_accept=0.9)
"""Hardly more is sampled than what a family's benchmarks share, so chains mix at once."""

_models = CompiledModels()


def fit_together(seen: Sequence[Observations], priors: Priors, sampler: SamplerSettings, seed: int) -> xr.DataTree:
    """Posterior of what is shared, of one family or of several at once; see `graph.build`."""
    shape = Shape.of(seen)
    compiled = _models.get(shape, lambda: build(shape))
    return mcmc.sample(compiled, arrays(seen, shape, priors), sampler, seed)


class BayesianCOD:
    """Hierarchical scaling law over benchmarks and clusters of questions, on the axis of equivalent compute.

    Satisfies `bayes_cod.forecasts.Forecaster`.

    Parameters
    ----------
    seed
        Seed of the sampler and of what is drawn ahead.
    priors
        See `Priors`; or a `LearntPrior`, which also says what it was learnt from.
    sampler
        See `SamplerSettings`.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    name
        How the method is called in tables.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: Priors | LearntPrior | Mapping[str, Any] | None = None,
        sampler: SamplerSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
        name: str = "bayes-cod",
    ) -> None:
        if isinstance(priors, Mapping):
            priors = LearntPrior.of(priors)
        self.seed = seed
        self.learnt = priors if isinstance(priors, LearntPrior) else None
        self.priors = priors.priors if isinstance(priors, LearntPrior) else priors or Priors()
        self.sampler = replace(sampler or SAMPLER, **(sampling or {}))
        self._name = name
        self._fit: Fit | None = None

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        return self._name

    def taught_by(self, family: str, models: Collection[str]) -> str:
        """What of a family the prior was learnt from, in words; empty if nothing."""
        return self.learnt.overlap(family, models) if self.learnt is not None else ""

    # ---------------------------------------------------------------- fit

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Sample the posterior given a ladder's rungs.

        Parameters
        ----------
        ladder
            One family's rungs, with scores or counts of questions.
        pool
            Other families' ladders: what their slopes, curvatures and scales have in common is learnt with them.

        Returns
        -------
        A fitted forecaster; this one stays as it is.

        Raises
        ------
        InputError
            With fewer than two rungs, without scores, or if the prior was learnt from a family of the pool.
        """
        seen = observe(ladder, self.priors)
        together = (seen, *self._pooled(pool))
        tree = fit_together(together, self.priors, self.sampler, self.seed)
        draws = Draws.of(tree, seen, self.priors, self._random(0))
        clusters, notes = cluster_questions(ladder, seen, self.seed)
        composition = compose(clusters, seen, draws, self.sampler, self.seed, self._random(3))
        if unsure := composition.unsure():
            notes = (
                *notes,
                f"the chains disagree on what clusters share ({', '.join(unsure)}): take their classes and "
                "the map with care; forecasts of benchmarks do not rest on them",
            )
        fitted = copy(self)
        seen = replace(seen, notes=(*seen.notes, *notes))
        fitted._fit = Fit(seen, draws, self.priors, tree, composition, len(together))
        return fitted

    def _pooled(self, pool: Ladder | None) -> list[Observations]:
        """Scores of the pool's families; those that can teach nothing are left out."""
        found = []
        for family in sorted(pool.families) if pool is not None else ():
            assert pool is not None
            rungs = pool.rungs(family)
            if taught := self.taught_by(family, [str(name) for name in rungs["model"]]):
                raise InputError(
                    f"the prior was learnt from {taught}, which is in the pool too, so that its results would count "
                    "twice; leave the pool out, or take a prior learnt without it"
                )
            if len(rungs) >= 2:
                with suppress(InputError):
                    found.append(observe(pool.select(family=family), self.priors))
        return found

    def _random(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, purpose])

    # ---------------------------------------------------------------- forecast

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Posterior predictive scores of targets on every benchmark of the fitted ladder.

        Raises
        ------
        InputError
            Without a target.
        """
        if self._fit is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        fit = self._fit
        x = fit.seen.axis.of_targets(targets)
        scores = predict(fit.draws, fit.seen, fit.priors, x, self._random(1))
        gate = self._judge([target.name for target in targets], scores.latent)
        forecast = Forecast.from_draws(
            scores.observed,
            scores.latent,
            targets,
            fit.seen.benchmarks,
            self.name,
            self._facts(targets, x),
            diagnostics=gate.table,
        )
        if not explain:
            return forecast
        return replace(forecast, explanation=explanation(fit, forecast, targets, self._random(2)))

    def _judge(self, names: Sequence[str], latent: NDArray[np.float64]) -> Gate:
        assert self._fit is not None
        tree = self._fit.tree
        return mcmc.gate(mcmc.by_label("latent score", self._fit.seen.benchmarks, names, latent, tree), tree)

    def _facts(self, targets: Sequence[Target], x: NDArray[np.float64]) -> dict[str, Any]:
        assert self._fit is not None
        seen = self._fit.seen
        nominal = np.log10([target.flops for target in targets]) - seen.axis.log_flops.max()
        return {
            "decades": {target.name: float(d) for target, d in zip(targets, nominal, strict=True)},
            "axis": f"{seen.axis.kind} compute",
            "decades_on_axis": {target.name: float(d) for target, d in zip(targets, x, strict=True)},
            "share_extrapolating": self._fit.share_extrapolating(),
            "warnings": self._warnings(targets, nominal),
            "settings": {
                "priors": asdict(self.priors),
                "sampler": asdict(self.sampler),
                "seed": self.seed,
                "prior_learnt_from": None if self.learnt is None else self.learnt.origin()["families"],
            },
            "n_rungs": len(seen.axis.rungs),
        }

    def _warnings(self, targets: Sequence[Target], nominal: NDArray[np.float64]) -> list[str]:
        assert self._fit is not None
        seen = self._fit.seen
        found = list(seen.notes)
        for family in dict.fromkeys([seen.family, *(target.family for target in targets)]):
            if taught := self.taught_by(family, [*seen.rungs["model"], *(target.name for target in targets)]):
                found.append(
                    f"the prior was learnt from {taught}: results of this family count twice, and intervals are too "
                    "narrow; use a prior learnt from other families"
                )
        if len(seen.axis.rungs) == 2:
            found.append("two rungs only: the slope rests on the prior; intervals are wide on purpose")
        for target, distance in zip(targets, nominal, strict=True):
            if distance > FAR_DECADES:
                found.append(
                    f"{target.name} lies {distance:.1f} decades beyond the last rung; no ladder tested here "
                    "supports a forecast that far"
                )
            if distance <= 0:
                found.append(f"{target.name} lies within the ladder: this is an interpolation")
        for name, chance, score in zip(seen.benchmarks, seen.chance, seen.score, strict=True):
            if float(np.nanmax(score)) < float(np.nan_to_num(chance)) + NEAR_CHANCE:
                found.append(f"{name}: at chance on every rung; when it will emerge cannot be known from these")
        return found
