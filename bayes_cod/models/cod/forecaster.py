"""Bayesian COD: the forecaster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod import sampling
from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.cod.graph import Shape, arrays, build
from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.predict import Draws, predict
from bayes_cod.models.cod.prior import Prior
from bayes_cod.sampling import CompiledModels, Gate, SamplerSettings

FAR_DECADES = 2.0
NEAR_CHANCE = 0.02
SAMPLER = SamplerSettings(draws=500, tune=400, adaptation="auto", target_accept=0.9)
_models = CompiledModels()


class BayesianCOD:
    """Hierarchical path of every benchmark in compute."""

    def __init__(
        self,
        seed: int = 0,
        *,
        prior: Prior | None = None,
        sampler: SamplerSettings | None = None,
        name: str = "bayes-cod",
    ) -> None:
        self.seed = seed
        self.prior = prior or Prior()
        self.sampler = sampler or SAMPLER
        self.name = name
        self._seen: Observations | None = None

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        seen = observe(ladder, self.prior)
        together = [seen]
        shape = Shape.of(together)
        compiled = _models.get(shape, lambda: build(shape))
        self._sample = lambda retry: sampling.sample(
            compiled, arrays(together, shape, self.prior), self.sampler, self.seed, retry=retry
        )
        self._seen = seen
        self._tree = self._sample(False)
        self._draws = Draws.of(self._tree["posterior"].to_dataset(), seen, self.prior, np.random.default_rng([self.seed, 0]))
        return self

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        seen = self._seen
        x = seen.axis.of_targets(targets)
        scores = predict(self._draws, seen, self.prior, x, np.random.default_rng([self.seed, 1]))
        names = [t.name for t in targets]
        reported = sampling.by_label("latent score", seen.benchmarks, names, scores.latent, self._tree)
        self.gate = sampling.gate(reported, self._tree)
        self.gate_passed = self.gate.passed
        return Forecast.from_draws(scores.observed, scores.latent, targets, seen.benchmarks, self.name, {})
