"""The likelihood of benchmarks' paths with levels, slopes and own walks summed out, and its derivatives.

Given what a family's benchmarks share, what was seen of a benchmark is Gaussian, with a covariance that can be written
down: nothing that belongs to one benchmark alone but the scale of its walk need be sampled. Derivatives are written
out, as a graph of so many small matrices takes minutes to compile; a test holds them against differences.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch import basic as numba_dispatch
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayes_cod.models.common.with_gradient import WithGradient, version_of

type FloatArray = NDArray[np.float64]

MISSING = 1e3
"""Variance from which a score counts as missing."""


@numba.njit(cache=True)
def _whitening(covariance: Any) -> Any:
    """Inverse of a covariance's Cholesky root, lower triangular, and the log determinant of the root.

    LAPACK takes three times as long for matrices of ten rungs.
    """
    n = len(covariance)
    root, inverse, log_det = np.zeros((n, n)), np.zeros((n, n)), 0.0
    for j in range(n):
        for i in range(j, n):
            value = covariance[i, j]
            for k in range(j):
                value -= root[i, k] * root[j, k]
            root[i, j] = value / root[j, j] if i > j else np.sqrt(value)
        for i in range(j):
            value = 0.0
            for k in range(i, j):
                value -= root[j, k] * inverse[k, i]
            inverse[j, i] = value / root[j, j]
        inverse[j, j] = 1.0 / root[j, j]
        log_det += np.log(root[j, j])
    return inverse, log_det


@numba.njit(cache=True)
def evaluate(
    moved: Any,
    slope: Any,
    walk: Any,
    noise: Any,
    spread: Any,
    fixed: Any,
    x: Any,
    seen: Any,
    variance: Any,
    family: Any,
) -> Any:
    """Log likelihood of every benchmark's path as it was seen, summed, and its derivatives by the first five inputs.

    Rungs r and q of a benchmark have

        mean  level_mean + slope moved_r
        cov   level_sd^2 + (spread slope)^2 moved_r moved_q + walk min(-x_r, -x_q) + (variance_r + noise) [r = q]

    Parameters
    ----------
    moved
        Path of the family in decades that count ``(family, rung)``, 0 at the last rung, which comes first.
    slope
        Mean slope of the family's benchmarks ``(family,)``.
    walk
        Variance of the own walk per decade ``(curve,)``.
    noise
        Variance of passing noise ``(family,)``.
    spread
        Standard deviation of slopes as a share of their mean, a scalar.
    fixed
        level_mean, level_sd^2.
    x
        Decades from the last rung, <= 0 ``(family, rung)``.
    seen, variance
        What was seen of theta, and how precisely ``(curve, rung)``; a variance of `MISSING` or more: nothing.
    family
        Of each curve ``(curve,)``.
    """
    curves = len(seen)
    d_moved, d_slope = np.zeros_like(moved), np.zeros_like(slope)
    d_walk, d_noise = np.zeros_like(walk), np.zeros_like(noise)
    squared, d_squared = spread * spread, 0.0
    log_likelihood = 0.0
    for curve in range(curves):
        at = np.flatnonzero(variance[curve] < MISSING)
        n = len(at)
        if n == 0:
            continue
        f = family[curve]
        steep = squared * slope[f] ** 2
        along, back = np.empty(n), np.empty(n)  # moved and -x of the rungs seen
        covariance, residual = np.empty((n, n)), np.empty(n)
        for i in range(n):
            along[i], back[i] = moved[f, at[i]], -x[f, at[i]]
            residual[i] = seen[curve, at[i]] - fixed[0] - slope[f] * along[i]
            for j in range(i + 1):
                covariance[i, j] = fixed[1] + steep * along[i] * along[j] + walk[curve] * min(back[i], back[j])
            covariance[i, i] += variance[curve, at[i]] + noise[f]
        inverse, log_det = _whitening(covariance)
        white, pull, across = np.zeros(n), np.zeros(n), np.zeros(n)  # across: derivative by covariance, times moved
        for i in range(n):
            for j in range(i + 1):
                white[i] += inverse[i, j] * residual[j]
            for j in range(i + 1):
                pull[j] += inverse[i, j] * white[i]
        log_likelihood -= 0.5 * (white * white).sum() + log_det + 0.5 * n * np.log(2.0 * np.pi)
        for i in range(n):
            for j in range(i + 1):
                by_covariance = pull[i] * pull[j]
                for k in range(i, n):
                    by_covariance -= inverse[k, i] * inverse[k, j]
                by_covariance *= 0.5
                across[i] += by_covariance * along[j]
                if i == j:
                    d_walk[curve] += by_covariance * back[i]
                    d_noise[f] += by_covariance
                else:
                    across[j] += by_covariance * along[i]
                    d_walk[curve] += 2.0 * by_covariance * min(back[i], back[j])
        for i in range(n):
            d_moved[f, at[i]] += 2.0 * steep * across[i] + slope[f] * pull[i]
            d_slope[f] += along[i] * (2.0 * squared * slope[f] * across[i] + pull[i])
            d_squared += slope[f] ** 2 * along[i] * across[i]
    return log_likelihood, d_moved, d_slope, d_walk, d_noise, 2.0 * spread * d_squared


class PathLikelihood(WithGradient):
    """`evaluate` in a PyTensor graph; the parameters are the first five inputs."""

    n_parameters = 5
    evaluate = staticmethod(evaluate)


@register_funcify_default_op_cache_key(PathLikelihood)  # type: ignore[untyped-decorator]
def _compiled(op: PathLikelihood, node: Apply, **kwargs: Any) -> Any:
    @numba_dispatch.numba_njit
    def path_likelihood(moved, slope, walk, noise, spread, fixed, x, seen, variance, family):  # type: ignore[no-untyped-def]
        value, by_moved, by_slope, by_walk, by_noise, by_spread = evaluate(
            moved, slope, walk, noise, spread.item(), fixed, x, seen, variance, family
        )
        return np.array(value), by_moved, by_slope, by_walk, by_noise, np.array(by_spread)

    return path_likelihood, version_of(__name__)


_likelihood = PathLikelihood()


def log_likelihood(seen: Any, *parameters_and_data: Any) -> Any:
    """Log density of `seen`, a scalar; arguments after it as `evaluate` has them, without it."""
    moved, slope, walk, noise, spread, fixed, x, variance, family = parameters_and_data
    return _likelihood(moved, slope, walk, noise, spread, fixed, x, seen, variance, family)[0]


def random(
    moved: FloatArray,
    slope: FloatArray,
    walk: FloatArray,
    noise: FloatArray,
    spread: FloatArray,
    fixed: FloatArray,
    x: FloatArray,
    variance: FloatArray,
    family: NDArray[np.int64],
    rng: np.random.Generator | None = None,
    size: Any = None,
) -> FloatArray:
    """Draw what might be seen, shape ``(curve, rung)``: with it PyMC makes prior and posterior predictive draws."""
    rng = np.random.default_rng() if rng is None else rng
    curves, rungs = variance.shape
    level = fixed[0] + np.sqrt(fixed[1]) * rng.standard_normal((curves, 1))
    slopes = slope[family, None] * (1 + spread * rng.standard_normal((curves, 1)))
    steps = np.sqrt(np.maximum(x[:, :-1] - x[:, 1:], 0))[family] * rng.standard_normal((curves, rungs - 1))
    own = np.concatenate([np.zeros((curves, 1)), np.cumsum(steps, axis=1)], axis=1) * np.sqrt(walk)[:, None]
    scatter = np.sqrt(variance + noise[family, None]) * rng.standard_normal((curves, rungs))
    return np.asarray(level + slopes * moved[family] + own + scatter)
