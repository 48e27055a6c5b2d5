"""The likelihood of scores and its gradient, in one pass over rows and benchmarks.

It is the formula of `noise.log_density_of` for every kind of benchmark, with kinds summed out:

    log p = sum_b log sum_k share_k prod_r t(score_rb; curve of kind k)^seen_rb.

PyTensor derives the same gradient, as some hundred operations of which each is compiled and goes over all scores;
tests hold the two against each other.
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
from bayes_cod.models.flp.noise import TAIL_DEGREES

type FloatArray = NDArray[np.float64]

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
def _of_kind(
    top: float,
    curve: tuple[FloatArray, FloatArray, FloatArray],
    floor: FloatArray,
    scatter: FloatArray,
    walk: FloatArray,
    score: FloatArray,
    seen: FloatArray,
    least: FloatArray,
    likelihood: FloatArray,
    by_eta: FloatArray,
    by_floor: FloatArray,
    by_scatter: FloatArray,
    by_walk: FloatArray,
) -> None:
    """Fill in the log likelihood of every benchmark, were it of one kind, and its derivatives."""
    share, slope, bend = curve
    rows, wide = share.shape
    density = np.empty(wide)
    for b in range(wide):
        likelihood[b], by_floor[b], by_scatter[b] = 0.0, 0.0, 0.0
    for row in range(rows):
        for b in range(wide):
            span = (1 - floor[b]) * top
            mean = floor[b] + span * share[row, b]
            binomial = mean * (1 - mean)
            drift = walk[row] * span * slope[row, b]
            unit = scatter[b] * max(binomial, least[b])
            variance = scatter[b] * unit + drift * drift
            deviation = score[row, b] - mean
            per_tail = 1 / (variance + deviation * deviation / TAIL_DEGREES)
            ratio = variance * per_tail
            density[b] = ratio**TAIL_DEGREES * per_tail
            by_variance = 0.5 * seen[row, b] * (TAIL_DEGREES - (TAIL_DEGREES + 1) * ratio) / variance
            by_mean = seen[row, b] * (TAIL_DEGREES + 1) / TAIL_DEGREES * deviation * per_tail
            if binomial > least[b]:
                by_mean += by_variance * scatter[b] * scatter[b] * (1 - 2 * mean)
            by_drift = 2 * by_variance * drift
            by_eta[row, b] = span * (by_mean * slope[row, b] + by_drift * walk[row] * bend[row, b])
            by_walk[row, b] = by_drift * span * slope[row, b]
            by_floor[b] += by_mean * (1 - top * share[row, b]) - by_drift * walk[row] * top * slope[row, b]
            by_scatter[b] += 2 * by_variance * unit
        for b in range(wide):
            if seen[row, b] > 0:
                likelihood[b] += 0.5 * seen[row, b] * math.log(density[b])


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
    share: FloatArray,
    skew: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]:
    """The outputs of `ScoresOfKinds` from its inputs."""
    rows, wide = eta.shape
    kinds = len(share)
    part, by_floor, by_scatter = np.empty((kinds, wide)), np.empty((kinds, wide)), np.empty((kinds, wide))
    by_eta, by_walk = np.empty((kinds, rows, wide)), np.empty((kinds, rows, wide))
    curve = _curve(eta, skew[0])
    for kind in range(kinds):
        own = part[kind], by_eta[kind], by_floor[kind], by_scatter[kind], by_walk[kind]
        _of_kind(1 - ceiling[kind], curve, floor, scatter, walk, score, seen, least, *own)
    total = np.zeros(())  # loops from here on are much faster to compile than sums along axes
    all_eta, all_floor, all_scatter, all_walk = np.zeros((rows, wide)), np.zeros(wide), np.zeros(wide), np.zeros(rows)
    for b in range(wide):
        most, likelihood = -math.inf, 0.0
        for kind in range(kinds):
            part[kind, b] += math.log(share[kind])
            most = max(most, part[kind, b])
        for kind in range(kinds):
            part[kind, b] = math.exp(part[kind, b] - most)
            likelihood += part[kind, b]
        total[()] += most + math.log(likelihood)
        for kind in range(kinds):
            part[kind, b] /= likelihood
            all_floor[b] += part[kind, b] * by_floor[kind, b]
            all_scatter[b] += part[kind, b] * by_scatter[kind, b]
    for kind in range(kinds):
        for row in range(rows):
            for b in range(wide):
                all_eta[row, b] += part[kind, b] * by_eta[kind, row, b]
                all_walk[row] += part[kind, b] * by_walk[kind, row, b]
    return total, all_eta, all_floor, all_scatter, all_walk


class ScoresOfKinds(WithGradient):
    """Log likelihood of all scores, up to a constant, and its derivatives.

    Inputs, with axes ``(row, benchmark)``: `eta` ``(row, benchmark)``, `floor` and `scatter` ``(benchmark,)``, `walk`
    ``(row,)``; then the data: `score` and `seen`, its weight, ``(row, benchmark)``, `least` ``(benchmark,)``, `ceiling`
    and `share` of the kinds ``(kind,)``, and `skew` ``(1,)``, all as in `noise.mean_and_variance`.
    """

    n_parameters = len(DERIVED)
    evaluate = staticmethod(_with_gradient)


def _compiled(op: ScoresOfKinds, **_: Any) -> tuple[Callable[..., Any], int]:
    return _with_gradient, version_of(__name__, TAIL_DEGREES)


register_funcify_default_op_cache_key(ScoresOfKinds)(_compiled)


def log_likelihood(
    eta: Any, floor: Any, scatter: Any, walk: Any, score: Any, seen: Any, least: Any, kinds: tuple[Any, Any], skew: Any
) -> Any:
    """Log likelihood of scores as part of a graph; see `ScoresOfKinds`. `kinds` has their ceilings and shares."""
    return ScoresOfKinds()(eta, floor, scatter, walk, score, seen, least, *kinds, skew)[0]
