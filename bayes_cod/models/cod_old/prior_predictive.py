"""Curves that the priors of Bayesian COD expect of a benchmark before any result is seen."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.models.cod.effective_compute import curved, curved_ahead
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors

type FloatArray = NDArray[np.float64]

LOWEST, HIGHEST, POINTS = -3.0, 1.0, 81


def prior_curves(priors: Priors, seed: int, n: int, *, chance: float = 0.0) -> xr.DataArray:
    """Draw curves of one benchmark that is one group, each from a ladder of its own.

    Luck is in them as one continuous walk; jumps, passing luck and the noise of an evaluation are not.

    Parameters
    ----------
    priors
        See `Priors`.
    seed
        The same seed gives the same curves.
    n
        Number of curves.
    chance
        Score of a random guesser; 0 for open questions.

    Returns
    -------
    xarray.DataArray
        Pass rate over ``(sample, decades)``, fractions; decades of compute from the last rung, -3 to 1.
    """
    rng = np.random.default_rng(seed)
    decades = np.linspace(LOWEST, HIGHEST, POINTS)
    spread = np.exp(rng.normal(priors.slope_spread, priors.slope_spread_sd, n))
    slope = np.exp(rng.normal(priors.slope_mean, np.hypot(priors.slope_sd, priors.family_spread), n))
    slope *= 1 + spread * rng.standard_normal(n)
    curvature = rng.normal(priors.curvature_mean, np.hypot(priors.curvature_sd, priors.curvature_spread), n)[:, None]
    scale = rng.normal(priors.shared_walk, priors.shared_walk_sd, n)
    shared = _walks(decades, np.exp(scale), rng)
    own = _walks(decades, np.exp(rng.normal(priors.own_walk, np.hypot(priors.own_walk_sd, priors.wild_walk), n)), rng)
    level = rng.normal(priors.level_mean, np.hypot(priors.level_sd, priors.level_mean_sd), n)
    guessed = 1 / (1 + np.exp(-rng.normal(priors.floor_mean, priors.floor_sd, n)))
    floor = guessed if chance == 0 else chance * rng.beta(priors.below_chance, CHANCE_SHAPE, n)
    top = floor + (1 - floor) * (1 - priors.ceiling)
    behind = curved(np.minimum(decades, 0.0)[None, :], curvature)
    theta = behind + curved_ahead(np.maximum(decades, 0.0)[None, :], curvature)
    eta = level[:, None] + slope[:, None] * (theta + shared) + own
    rate = floor[:, None] + (top - floor)[:, None] * expit(eta)
    return xr.DataArray(rate, dims=("sample", "decades"), coords={"decades": decades}, name="pass_rate")


def share_falling(curves: xr.DataArray, by: float = 0.1) -> float:
    """Share of curves that end more than `by` (a fraction) below where they start."""
    change = curves.isel(decades=-1) - curves.isel(decades=0)
    return float((change < -by).mean())


def _walks(decades: FloatArray, scale: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Walks along the grid that are 0 at the last rung ``(sample, point)``; scale per root decade."""
    steps = rng.standard_normal((len(scale), len(decades) - 1)) * np.sqrt(np.diff(decades)) * scale[:, None]
    walk = np.concatenate([np.zeros((len(scale), 1)), np.cumsum(steps, axis=1)], axis=1)
    anchor = int(np.argmin(np.abs(decades)))
    return np.asarray(walk - walk[:, [anchor]])
