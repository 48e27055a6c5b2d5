"""The likelihood of scores and its gradient, in one pass over rows and benchmarks.

It is the formula of `score.expected` with Student-t noise, each score's density to the power of its row's weight.
PyTensor derives the same gradient, as some hundred operations of which each is compiled and goes over all scores; tests
hold the two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayes_cod.models.common.with_gradient import WithGradient, version_of

type FloatArray = NDArray[np.float64]

DEGREES = 5
"""Degrees of freedom of the noise."""
FARTHEST = 700.0
"""Where an exponential is about to overflow."""
DERIVED = ("eta", "floor", "scatter", "walk")
"""Inputs by which there are derivatives; they come first."""

_fast: Callable[[Any], Any] = numba.njit(error_model="numpy")


@_fast
def _curve(eta: FloatArray, skew: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The sigmoid of `laws.skewed_sigmoid`, and its first and second derivative, in the shape of eta."""
    share, slope, bend = np.empty_like(eta), np.empty_like(eta), np.empty_like(eta)
    rows, wide = eta.shape
    log_skew = math.log(skew)
    for row in range(rows):  # each loop is either of exponentials or of what processors do several at a time
        for b in range(wide):
            share[row, b] = math.exp(min(log_skew - eta[row, b], FARTHEST))
        for b in range(wide):
            above = 1 / (1 + share[row, b])
            below = share[row, b] * above
            share[row, b] = above
            slope[row, b] = below / skew
            bend[row, b] = below / skew - above
        if skew != 1:
            for b in range(wide):
                share[row, b] = math.exp(math.log(share[row, b]) / skew)
        for b in range(wide):
            slope[row, b] *= share[row, b]
            bend[row, b] *= slope[row, b]
    return share, slope, bend


@_fast
def _with_gradient(
    eta: FloatArray,
    floor: FloatArray,
    scatter: FloatArray,
    walk: FloatArray,
    score: FloatArray,
    seen: FloatArray,
    least: FloatArray,
    ceiling: FloatArray,
    skew: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """The outputs of `Scores` from its inputs."""
    share, slope, bend = _curve(eta, skew[0])
    rows, wide = eta.shape
    total, density = np.zeros(()), np.empty(wide)
    by_eta, by_walk = np.empty((rows, wide)), np.zeros(rows)
    by_floor, by_scatter = np.zeros(wide), np.zeros(wide)
    for row in range(rows):
        for b in range(wide):
            top = 1 - ceiling[b]
            span = (1 - floor[b]) * top
            mean = floor[b] + span * share[row, b]
            binomial = mean * (1 - mean)
            drift = walk[row] * span * slope[row, b]
            unit = scatter[b] * max(binomial, least[b])
            variance = scatter[b] * unit + drift * drift
            deviation = score[row, b] - mean
            per_tail = 1 / (variance + deviation * deviation / DEGREES)
            ratio = variance * per_tail
            density[b] = ratio**DEGREES * per_tail
            by_variance = 0.5 * seen[row, b] * (DEGREES - (DEGREES + 1) * ratio) / variance
            by_mean = seen[row, b] * (DEGREES + 1) / DEGREES * deviation * per_tail
            if binomial > least[b]:
                by_mean += by_variance * scatter[b] * scatter[b] * (1 - 2 * mean)
            by_drift = 2 * by_variance * drift
            by_eta[row, b] = span * (by_mean * slope[row, b] + by_drift * walk[row] * bend[row, b])
            by_walk[row] += by_drift * span * slope[row, b]
            by_floor[b] += by_mean * (1 - top * share[row, b]) - by_drift * walk[row] * top * slope[row, b]
            by_scatter[b] += 2 * by_variance * unit
        for b in range(wide):
            if seen[row, b] > 0:
                total[()] += 0.5 * seen[row, b] * math.log(density[b])
    return total, by_eta, by_floor, by_scatter, by_walk


class Scores(WithGradient):
    """Log likelihood of all scores, up to a constant, and its derivatives.

    Inputs: `eta` ``(row, benchmark)``, `floor` and `scatter` ``(benchmark,)``, `walk` ``(row,)``, the standard
    deviation of what a benchmark's own walk adds to eta; then the data: `score` and `seen`, its weight,
    ``(row, benchmark)``, `least` and `ceiling` ``(benchmark,)``, and `skew` ``(1,)``, all as in `score.expected`.
    """

    n_parameters = len(DERIVED)
    evaluate = staticmethod(_with_gradient)


def _compiled(op: Scores, **_: Any) -> tuple[Callable[..., Any], int]:
    return _with_gradient, version_of(__name__, DEGREES)


register_funcify_default_op_cache_key(Scores)(_compiled)


def log_likelihood(
    eta: Any, floor: Any, scatter: Any, walk: Any, score: Any, seen: Any, least: Any, ceiling: Any, skew: float
) -> Any:
    """Log likelihood of scores as part of a graph; see `Scores`."""
    return Scores()(eta, floor, scatter, walk, score, seen, least, ceiling, np.array([skew]))[0]
