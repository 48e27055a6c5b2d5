"""A learnt prior, and a fit without sampling to learn one from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayes_cod.models.cod.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import SamplerSettings


def learnt(**values: float) -> LearntPrior:
    """A prior learnt from one family `old` of two models."""
    source = Source("old", "last_generation", "ab" * 32, ("old-1b", "old-7b"), 5)
    priors = Priors(**({"slope_mean": -0.4, "slope_sd": 0.4} | values))
    return LearntPrior(priors, (source,), (LeftOut("short", "last_generation", "2 rungs"),), {"seed": 3})


def fake_fit(seen: Sequence[Observations], priors: Priors, sampler: SamplerSettings, seed: int) -> xr.DataTree:
    """Stands for `fit_together`: families have steeper slopes in common than the prior expects, and know it well."""
    rng = np.random.default_rng(seed)
    size = (4, 800)
    data: dict[str, Any] = {
        f"z_{name}": (("chain", "draw"), rng.standard_normal(size)) for name in ("curvature", "walk", "noise")
    }
    data["z_slope"] = (("chain", "draw"), 1.0 + 0.1 * rng.standard_normal(size))
    stats = {
        "diverging": (("chain", "draw"), np.zeros(size, dtype=bool)),
        "energy": (("chain", "draw"), rng.standard_normal(size)),
    }
    return xr.DataTree.from_dict({"/posterior": xr.Dataset(data), "/sample_stats": xr.Dataset(stats)})
