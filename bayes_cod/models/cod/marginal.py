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
        covariance, residual = np.empty((n, n)), np.empty(n)
        for i in range(n):
            residual[i] = seen[curve, at[i]] - fixed[0] - slope[f] * moved[f, at[i]]
            for j in range(n):
                covariance[i, j] = (
                    fixed[1]
                    + squared * slope[f] ** 2 * moved[f, at[i]] * moved[f, at[j]]
                    + walk[curve] * min(-x[f, at[i]], -x[f, at[j]])
                )
            covariance[i, i] += variance[curve, at[i]] + noise[f]
        inverse = np.linalg.inv(covariance)
        log_det = 2.0 * np.log(np.diag(np.linalg.cholesky(covariance))).sum()
        pull = inverse @ residual
        log_likelihood -= 0.5 * (residual @ pull + log_det + n * np.log(2.0 * np.pi))
        for i in range(n):
            by_mean = pull[i]
            for j in range(n):
                by_covariance = 0.5 * (pull[i] * pull[j] - inverse[i, j])
                d_moved[f, at[i]] += 2.0 * by_covariance * squared * slope[f] ** 2 * moved[f, at[j]]
                d_slope[f] += by_covariance * 2.0 * squared * slope[f] * moved[f, at[i]] * moved[f, at[j]]
                d_squared += by_covariance * slope[f] ** 2 * moved[f, at[i]] * moved[f, at[j]]
                d_walk[curve] += by_covariance * min(-x[f, at[i]], -x[f, at[j]])
                if i == j:
                    d_noise[f] += by_covariance
            d_moved[f, at[i]] += by_mean * slope[f]
            d_slope[f] += by_mean * moved[f, at[i]]
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
