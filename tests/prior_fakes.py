"""A learnt prior, and fits without sampling to learn one from."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.cod.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.cod.priors import Priors

SLOPES = {"alpha": 1.0, "beta": 1.2, "gamma": 0.9}
"""Log slopes that the families' fits find, each with a standard deviation of 0.1."""


def learnt(**values: float) -> LearntPrior:
    """A prior learnt from one family `old` of two models."""
    told = {"slope_mean": (-0.2, 0.3)}
    source = Source("old", "last_generation", "ab" * 32, ("old-1b", "old-7b"), 5, told)
    priors = Priors(**({"slope_mean": -0.4, "slope_sd": 0.4} | values))
    return LearntPrior(priors, (source,), (LeftOut("short", "last_generation", "2 rungs"),), {"seed": 3})


def posterior(slope: float, rng: np.random.Generator) -> xr.DataTree:
    """Draws of every hyperparameter: the slope known, the others as the prior has them."""
    shipped, size = Priors(), (4, 800)

    def log_normal(name: str) -> np.ndarray:
        return np.exp(rng.normal(getattr(shipped, name), getattr(shipped, f"{name}_sd"), size))

    family_z = rng.normal(0, 1, (*size, 1))
    known = rng.normal(slope, 0.1, size) - shipped.family_spread * family_z[..., 0]
    curvature = rng.normal(shipped.curvature_mean, np.hypot(shipped.curvature_sd, shipped.curvature_spread), (*size, 1))
    data: dict[str, Any] = {
        "slope_mean": (("chain", "draw"), np.exp(known)),
        "family_z": (("chain", "draw", "family"), family_z),
        "curvature": (("chain", "draw", "family"), curvature),
    }
    scales = ("slope_spread", "shared_walk", "own_walk", "shared_luck", "own_luck")
    data |= {name: (("chain", "draw"), log_normal(name)) for name in scales}
    return xr.DataTree.from_dict({"/posterior": xr.Dataset(data)})


class FakeFit:
    """Stands for `BayesianCOD`: finds `SLOPES`; the gate refuses the family `refused`, `unusable` can't be fitted."""

    def __init__(self, seed: int, *, grouping: Any, sampler: Any) -> None:
        assert grouping.clusters == "none"
        self.rng = np.random.default_rng(seed)

    def fit(self, ladder: Ladder) -> Self:
        (self.family,) = ladder.families
        if self.family == "unusable":
            raise InputError("has no items table")
        return self

    @property
    def gate_passed(self) -> bool:
        return self.family != "refused"

    @property
    def diagnostics(self) -> pd.DataFrame:
        return pd.DataFrame({"quantity": ["a", "b"], "passed": [self.gate_passed, True]})

    @property
    def posterior(self) -> xr.DataTree:
        return posterior(SLOPES[self.family], self.rng)
