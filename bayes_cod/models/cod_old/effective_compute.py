"""Effective compute: a rung's deviation from its nominal compute, as a random walk in log compute and passing luck.

The walk's steps have a variance proportional to the decades between rungs, so this luck persists and grows with
distance. Passing luck belongs to one run: the next rung starts without it. Rungs of equal compute differ by it alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

type FloatArray = NDArray[np.float64]


def curved(decades: Any, curvature: Any) -> Any:
    """Effective compute that goes with nominal compute: theta = x - c x**2, x in decades from the last rung."""
    return decades - curvature * decades**2


def curved_ahead(decades: FloatArray, curvature: FloatArray) -> FloatArray:
    """`curved` beyond the last rung, level from the summit at x = 1 / (2c) on: compute makes no model worse."""
    summit = np.where(curvature > 0, 0.5 / np.maximum(curvature, 1e-9), np.inf)
    return np.asarray(curved(np.minimum(decades, summit), curvature))


@dataclass(frozen=True)
class StepBasis:
    """Directions of the steps between rungs in which both kinds of luck are independent.

    Steps of a walk of scale tau and passing luck of scale sigma have the covariance ``tau**2 G + sigma**2 D D'``, with
    G the gaps and D the differences between rungs. With W such that ``W' D D' W = 1`` and ``W' G W`` diagonal,
    ``W' steps`` has independent entries of variance ``tau**2 variance + sigma**2`` whatever the scales are, so that no
    matrix is factored while sampling.

    Attributes
    ----------
    weights
        W ``(step, direction)``.
    back
        Its inverse, transposed ``(step, direction)``: steps from independent entries.
    variance
        ``(direction,)``, decades.
    """

    weights: FloatArray
    back: FloatArray
    variance: FloatArray

    @classmethod
    def of(cls, decades: FloatArray, steps: int | None = None) -> StepBasis:
        """Basis of a ladder, led by steps of padding up to a given number; those have weight 1 and variance 0."""
        n = len(decades) - 1
        lead = (n if steps is None else steps) - n
        difference = np.diff(np.eye(n + 1), axis=0)
        variance, weights = eigh(np.diag(np.maximum(np.diff(decades), 0.0)), difference @ difference.T)
        full, back, spread = np.eye(lead + n), np.eye(lead + n), np.zeros(lead + n)
        full[lead:, lead:], back[lead:, lead:] = weights, np.linalg.inv(weights).T
        spread[lead:] = np.maximum(variance, 0.0)
        return cls(full, back, spread)


def passing_luck(
    steps: FloatArray, decades: FloatArray, walk: FloatArray, luck: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Draw how much of a ladder's deviations was passing luck, given the steps between its rungs.

    Exact conditional draws: luck and steps are drawn from their prior, then moved by what the steps really were.

    Parameters
    ----------
    steps
        Deviations' steps between rungs ``(sample, ..., step)``.
    decades
        Of the rungs ``(rung,)``.
    walk, luck
        Scales ``(sample, ...)``: per root decade, and of one run.
    rng
        Source of the draws.

    Returns
    -------
    array
        Passing luck of the rungs ``(sample, ..., rung)``.
    """
    basis = StepBasis.of(decades)
    tau, sigma = (scale.reshape(*scale.shape, *(1,) * (steps.ndim - scale.ndim)) for scale in (walk, luck))
    drawn = sigma * rng.standard_normal((*steps.shape[:-1], len(decades)))
    gaps = np.maximum(np.diff(decades), 0.0)
    simulated = tau * np.sqrt(gaps) * rng.standard_normal(steps.shape) + np.diff(drawn, axis=-1)
    missed = ((steps - simulated) @ basis.weights) / (tau**2 * basis.variance + sigma**2)
    difference = np.diff(np.eye(len(decades)), axis=0)
    return np.asarray(drawn + sigma**2 * (missed @ basis.weights.T @ difference))


def target_luck(
    shared: FloatArray, own: FloatArray, decades: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Continue the walks from the last rung to targets.

    Targets of one ladder lie on one path, so a larger target carries on the luck of a smaller one.

    Parameters
    ----------
    shared
        Scale of the shared walk ``(sample,)``, decades per root decade.
    own
        Scale of the benchmarks' own walks ``(sample, benchmark)``, eta per root decade.
    decades
        Distance of each target and benchmark from the last rung ``(target, benchmark)``.
    rng
        Source of the luck.

    Returns
    -------
    tuple of arrays
        Shared luck ``(sample, target)`` in decades and own luck ``(sample, target, benchmark)`` on eta.
    """
    n_target, n_benchmark = decades.shape
    order = np.argsort(decades[:, 0], kind="stable")
    distance = np.maximum(decades[order], 0.0)
    gaps = np.diff(distance, axis=0, prepend=0.0)
    common = np.diff(np.maximum(decades[order, 0], 0.0), prepend=0.0)
    shared_steps = rng.standard_normal((len(shared), n_target)) * np.sqrt(common) * shared[:, None]
    own_steps = rng.standard_normal((len(own), n_target, n_benchmark)) * np.sqrt(gaps) * own[:, None, :]
    back = np.argsort(order)
    return np.cumsum(shared_steps, axis=1)[:, back], np.cumsum(own_steps, axis=1)[:, back]
