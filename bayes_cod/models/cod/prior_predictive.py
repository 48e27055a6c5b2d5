"""Curves that the prior of Bayesian COD expects of a benchmark before any result is seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from bayes_cod.models.cod.path import FLOOR_SHARE, bent, score_of
from bayes_cod.models.cod.priors import Priors

DECADES = tuple(np.linspace(-3.0, 2.0, 51).round(2).tolist())


def prior_curves(
    prior: Priors | None = None,
    *,
    decades: Sequence[float] = DECADES,
    chance: float = 0.0,
    samples: int = 1000,
    seed: int = 0,
) -> xr.DataArray:
    """Draw one benchmark of one family for each sample: its latent score along compute.

    Parameters
    ----------
    prior
        The shipped one where not given.
    decades
        Distances from the last rung, increasing.
    chance
        Score of a random guesser, a fraction.
    samples, seed
        Number of curves, and the seed of all of them.

    Returns
    -------
    xarray.DataArray
        ``(sample, decades)``, fractions.

    Examples
    --------
    >>> curves = prior_curves(samples=200)
    >>> bool(curves.sel(decades=2.0).median() > curves.sel(decades=0.0).median() > curves.sel(decades=-3.0).median())
    True
    """
    p, rng = prior or Priors(), np.random.default_rng(seed)
    x = np.asarray(decades, dtype=float)
    shape = (samples, 1)

    def normal(mean: float, sd: float) -> np.ndarray:
        return mean + sd * rng.standard_normal(shape)

    def walk() -> np.ndarray:
        """Brownian paths that are zero at the last rung."""
        steps = np.sqrt(np.diff(x, prepend=x[0])) * rng.standard_normal((samples, len(x)))
        path = np.cumsum(steps, axis=1)
        return np.asarray(path - path[:, [int(np.argmin(np.abs(x)))]])

    slope = np.exp(normal(p.slope_mean, p.slope_sd)) * normal(1.0, p.slope_spread)
    scale = np.exp(normal(p.walk_mean, p.walk_sd)) * np.abs(normal(0.0, 1.0))
    moved = bent(x, normal(p.curvature_mean, p.curvature_sd)) + p.shared_walk * walk()
    theta = normal(p.level_mean, p.level_sd) + slope * moved + scale * walk()
    return xr.DataArray(
        score_of(theta, FLOOR_SHARE * chance), dims=("sample", "decades"), coords={"decades": x}, name="latent score"
    )
