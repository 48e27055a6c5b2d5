"""Draws reweighted to data: Pareto-smoothed importance weights, and quantiles under weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bayes_cod.decisions.utility import FloatArray

FEWEST_DRAWS = 10.0
FEWEST_IN_TAIL = 5
RELIABLE_UP_TO = 0.7
"""Shape of the weights' tail up to which estimates can be relied on (Vehtari et al., JMLR 25, 2024)."""


@dataclass(frozen=True)
class Weights:
    """Importance weights of draws.

    Attributes
    ----------
    values
        ``(sample,)``, their sum is 1.
    pareto_k
        Shape of their tail; not to be relied on above 0.7. Infinite where fewer than ten draws would be worth as much:
        a tail of so few has no shape.
    """

    values: FloatArray
    pareto_k: float

    @property
    def effective_draws(self) -> float:
        """How many draws of equal weight would be worth as much."""
        return float(1.0 / np.sum(self.values**2))

    @property
    def reliable(self) -> bool:
        """Whether estimates under these weights can be relied on."""
        return self.pareto_k <= RELIABLE_UP_TO


def origins(curves: FloatArray) -> NDArray[np.int64]:
    """Number of the distinct curve that each draw has ``(sample,)``: a bootstrap has several draws of each.

    Parameters
    ----------
    curves
        ``(sample, ...)``.
    """
    _, found = np.unique(curves.reshape(len(curves), -1), axis=0, return_inverse=True)
    return np.asarray(found).ravel()


def smoothed_weights(log_ratio: FloatArray, curves: FloatArray | None = None) -> Weights:
    """Pareto-smoothed weights proportional to the exponential of `log_ratio`.

    Parameters
    ----------
    log_ratio
        ``(sample,)``.
    curves
        What the ratios come from ``(sample, ...)``: draws that are alike in it are one and the same draw.
    """
    log_ratio = log_ratio - log_ratio.max()
    draws = len(log_ratio)
    size = int(min(draws / 5, 3 * np.sqrt(draws)))
    # too few draws, or one and the same value, such as the replicates of one curve: no tail to be smoothed
    if size < FEWEST_IN_TAIL or np.ptp(np.sort(log_ratio)[-size:]) < 1e-12:
        values = np.exp(log_ratio)
        return _judged(Weights(values / values.sum(), 0.0), curves)
    from arviz_stats.base import array_stats  # takes seconds to import, which tables and --help should not

    with np.errstate(over="ignore"):  # of a tail that is too heavy to be drawn, which its shape tells
        log_weight, shape = array_stats.psislw(-log_ratio)
    values = np.exp(np.asarray(log_weight, dtype=float))
    return _judged(Weights(values / values.sum(), float(shape)), curves)


def _judged(found: Weights, curves: FloatArray | None) -> Weights:
    """With an infinite Pareto k where too few distinct draws carry the weight."""
    mass = found.values if curves is None else np.bincount(origins(curves), found.values)
    return found if 1 / np.sum(mass**2) >= FEWEST_DRAWS else replace(found, pareto_k=float("inf"))


def weighted_quantiles(draws: FloatArray, weights: FloatArray, levels: FloatArray) -> FloatArray:
    """Quantiles of weighted draws, linear between them.

    Parameters
    ----------
    draws
        ``(sample, ...)``.
    weights
        ``(sample,)``, summing to 1.
    levels
        Probabilities ``(level,)``.

    Returns
    -------
    array
        ``(level, ...)``.
    """
    flat = draws.reshape(len(draws), -1)
    order = np.argsort(flat, axis=0)
    ordered, mass = np.take_along_axis(flat, order, axis=0), weights[order]
    middle = np.cumsum(mass, axis=0) - 0.5 * mass
    found = np.array([np.interp(levels, middle[:, i], ordered[:, i]) for i in range(flat.shape[1])])
    return np.asarray(found.T.reshape(len(levels), *draws.shape[1:]))
