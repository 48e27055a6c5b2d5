"""Power-scaling: how far draws of any quantity move when a part of the model counts for more or less.

A part of the posterior, a prior or the likelihood, is raised to a power alpha: above 1 it counts for more (a normal's
variance is divided by alpha), below 1 for less. No model is fitted anew: draws get Pareto-smoothed importance weights
proportional to ``p(theta) ** (alpha - 1)``. Method and diagnostic are those of Kallioinen, Paananen, Buerkner and
Vehtari (Statistics and Computing 34, 57, 2024; arXiv 2107.14054); weights and distances are computed by arviz-stats.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]

POWERS = (0.5, 2.0)
NUDGES = (0.99, 1.01)
INTERVAL = (0.05, 0.95)


@dataclass(frozen=True)
class Weights:
    """Importance weights of draws.

    Attributes
    ----------
    values
        ``(sample,)``, their sum is 1.
    pareto_k
        Shape of the weights' tail; estimates are not reliable from 0.7 on.
    """

    values: FloatArray
    pareto_k: float


@dataclass(frozen=True)
class Moved:
    """What a power does to draws of some quantities.

    Attributes
    ----------
    median, width
        Change of the median and of the width of the central 90 % interval ``(quantity,)``, in the draws' unit.
    pareto_k
        Of the weights.
    """

    median: FloatArray
    width: FloatArray
    pareto_k: float


def power_weights(log_density: FloatArray, power: float, chains: int = 1) -> Weights:
    """Weights that raise a part of the posterior to a power.

    Parameters
    ----------
    log_density
        Log density of the part at every draw ``(sample,)``, chain by chain; constants may be left out.
    power
        alpha.
    chains
        How many chains the draws come from, for the weights' effective sample size.
    """
    log_ratio = (power - 1) * (log_density - log_density.mean())
    n = len(log_ratio)
    if np.ptp(log_ratio) < 1e-12:  # the same at every draw, or power 1: nothing to weigh
        return Weights(np.full(n, 1 / n), 0.0)
    ratio = np.exp(log_ratio - log_ratio.max()).reshape(chains, -1)
    efficiency = float(array_stats.ess(ratio, method="mean", relative=True))
    log_weight, k = array_stats.psislw(-log_ratio, r_eff=efficiency if np.isfinite(efficiency) else 1.0)
    return Weights(np.exp(np.asarray(log_weight, dtype=float)), float(k))


def sensitivity(draws: FloatArray, log_density: FloatArray, chains: int = 1) -> FloatArray:
    r"""The paper's diagnostic: how fast a distribution moves with the power, at the power 1.

    .. math:: \psi = \frac12 \left(
        \frac{\mathrm{CJS}(\alpha_+)}{\log_2 \alpha_+} - \frac{\mathrm{CJS}(\alpha_-)}{\log_2 \alpha_-} \right),

    with CJS the square root of the cumulative Jensen-Shannon distance between the draws' distributions with and
    without weights, and powers of 1.01 and 0.99. Above 0.05 the part is taken to matter: at that rate a normal's mean
    moves by a quarter of its standard deviation when the power doubles, or the standard deviation by a fifth.

    Parameters
    ----------
    draws
        ``(sample, quantity)``.
    log_density, chains
        As for `power_weights`.

    Returns
    -------
    array
        ``(quantity,)``; 0 for a constant.
    """
    lower, upper = (power_weights(log_density, power, chains).values for power in NUDGES)
    found = np.zeros(draws.shape[1])
    if np.ptp(lower) == 0:
        return found
    for i in np.flatnonzero(np.ptp(draws, axis=0) > 0):
        found[i] = array_stats.power_scale_sense(
            draws[None, :, i], lower[None], upper[None], lower_alpha=NUDGES[0], upper_alpha=NUDGES[1]
        )
    return found


def moved(draws: FloatArray, log_density: FloatArray, power: float, chains: int = 1) -> Moved:
    """How far medians and widths of 90 % intervals move when a part is raised to a power.

    Parameters
    ----------
    draws
        ``(sample, quantity)``.
    log_density, power, chains
        As for `power_weights`.
    """
    weights = power_weights(log_density, power, chains)
    order = np.argsort(draws, axis=0)
    ordered = np.take_along_axis(draws, order, axis=0)
    levels = np.array([INTERVAL[0], 0.5, INTERVAL[1]])
    even = np.full(len(draws), 1 / len(draws))
    low, middle, high = _quantiles(ordered, weights.values[order], levels) - _quantiles(
        ordered, np.broadcast_to(even[:, None], draws.shape), levels
    )
    return Moved(middle, high - low, weights.pareto_k)


def _quantiles(ordered: FloatArray, weights: FloatArray, levels: FloatArray) -> FloatArray:
    """Weighted quantiles of sorted draws ``(level, quantity)``: the least draw that has the level's weight below it."""
    below = np.cumsum(weights, axis=0)
    rows = (below[None] < levels[:, None, None] - 1e-12).sum(axis=1)
    return np.take_along_axis(ordered, np.minimum(rows, len(ordered) - 1), axis=0)
