"""The likelihood of benchmarks that are one group each, with levels, slopes and luck of the benchmarks summed out.

Given the ladder's own parameters (mean slope, spread, scales of luck, luck that all benchmarks share) the eta of a
benchmark at the rungs is normal, so what belongs to the benchmark alone need not be sampled: one normal density a
reading, the probability that the last rung at the floor lies below it, and a sum over the readings. The derivatives are
written out; a test holds them against differences.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch import basic as numba_dispatch
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayes_cod.models.common.with_gradient import WithGradient, version_of

type FloatArray = NDArray[np.float64]

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


@numba.njit(cache=True)
def _log_cdf(q: float) -> float:
    """Log of the standard normal distribution function."""
    if q > -30.0:
        return math.log(0.5 * math.erfc(-q / math.sqrt(2.0)))
    s = 1.0 / (q * q)
    return -0.5 * q * q - math.log(-q) - 0.5 * math.log(2.0 * math.pi) + math.log(1.0 - s + 3.0 * s * s - 15.0 * s**3)


@numba.njit(cache=True)
def _invert(a: Any, k: int) -> float:
    """Invert the leading k rows of a symmetric matrix in place; log determinant. Cholesky."""
    low = np.empty((k, k))
    log_det = 0.0
    for i in range(k):
        for j in range(i + 1):
            total = a[i, j]
            for c in range(j):
                total -= low[i, c] * low[j, c]
            if i == j:
                low[i, i] = math.sqrt(max(total, 1e-12))
                log_det += 2.0 * math.log(low[i, i])
            else:
                low[i, j] = total / low[j, j]
    inverse = np.zeros((k, k))
    for i in range(k):
        inverse[i, i] = 1.0 / low[i, i]
        for j in range(i):
            total = 0.0
            for c in range(j, i):
                total -= low[i, c] * inverse[c, j]
            inverse[i, j] = total / low[i, i]
    for i in range(k):
        for j in range(i + 1):
            total = 0.0
            for c in range(i, k):
                total += inverse[c, i] * inverse[c, j]
            a[i, j] = total
            a[j, i] = total
    return log_det


@numba.njit(cache=True)
def evaluate(
    compute: Any,
    slope: Any,
    spread: Any,
    walk: Any,
    luck: Any,
    hazard: float,
    level: Any,
    decades: Any,
    fixed: Any,
    eta: Any,
    variance: Any,
    told: Any,
    hidden: Any,
    hidden_below: Any,
    jump: Any,
    exposure: Any,
    by_hazard: Any,
    log_weight: Any,
    series: Any,
    family: Any,
) -> Any:
    """Log likelihood, its derivatives, and the log density of every reading.

    For a series (a benchmark of a family) of variances ``spread``, ``walk``, ``luck``, eta at rungs r and q has

        mean  level + slope compute_r - jump_mean [r before the jump]
        cov   level_sd^2 + spread compute_r compute_q + walk min(-x_r, -x_q) + luck [r = q] + jump_var [both before it]

    Parameters
    ----------
    compute
        Effective compute of the rungs, luck that benchmarks share included ``(family, rung)``.
    slope, spread
        Mean slope and variance of slopes ``(family,)``.
    walk, luck
        Variances of the series' own persistent luck (per decade) and passing luck ``(series,)``.
    hazard
        Rate of jumps at the last rung, per decade.
    level
        Mean of the levels ``(family,)``.
    decades
        x ``(family, rung)``.
    fixed
        level_sd**2, jump_mean, jump_sd**2.
    eta, variance, told, hidden, hidden_below, jump, exposure, by_hazard, log_weight
        Of the readings ``(reading,)`` or ``(reading, rung)``, see `readings.Reading`.
    series
        Series of each reading; -1 for padding ``(reading,)``.
    family
        Family of each series ``(series,)``.

    Returns
    -------
    tuple
        Log likelihood; its derivatives by the seven parameters in their order; log density ``(reading,)``.
    """
    n, rungs = eta.shape
    n_series = walk.shape[0]
    level_var, jump_mean, jump_var = fixed[0], fixed[1], fixed[2]
    density = np.full(n, -np.inf)
    d_compute = np.zeros((n, rungs))
    d_slope, d_spread, d_walk, d_luck, d_level = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    cov, missed, pull = np.empty((rungs, rungs)), np.empty(rungs), np.empty(rungs)
    toward, weight, at = np.empty(rungs), np.empty(rungs), np.empty(rungs, np.int64)
    for row in range(n):
        s = series[row]
        if s < 0:
            continue
        f = family[s]
        k = 0
        for i in range(rungs):
            if told[row, i]:
                at[k] = i
                k += 1
        for a in range(k):
            i = at[a]
            missed[a] = eta[row, i] - level[f] - slope[f] * compute[f, i]
            if i <= jump[row]:
                missed[a] += jump_mean
            for b in range(a + 1):
                j = at[b]
                value = level_var + spread[f] * compute[f, i] * compute[f, j]
                value += walk[s] * min(-decades[f, i], -decades[f, j])
                if i <= jump[row] and j <= jump[row]:
                    value += jump_var
                cov[a, b] = value
            cov[a, a] += luck[s] + variance[row, i]
        log_det = _invert(cov, k)
        square = 0.0
        for a in range(k):
            total = 0.0
            for b in range(k):
                total += cov[a, b] * missed[b]
            pull[a] = total
            square += total * missed[a]
        value = log_weight[row] - hazard * exposure[row] - 0.5 * (log_det + square) - _LOG_ROOT * k
        if jump[row] >= 0 and by_hazard[row]:
            value += math.log(hazard)
        grad = np.empty((k, k))  # by the covariance
        for a in range(k):
            d_level[row] += pull[a]
            d_slope[row] += pull[a] * compute[f, at[a]]
            d_compute[row, at[a]] += pull[a] * slope[f]
            for b in range(k):
                grad[a, b] = 0.5 * (pull[a] * pull[b] - cov[a, b])
        c = hidden[row]
        if c >= 0:  # the last rung at the floor, given the others
            before = c <= jump[row]
            mean = level[f] + slope[f] * compute[f, c] - (jump_mean if before else 0.0)
            var = level_var + spread[f] * compute[f, c] ** 2 - walk[s] * decades[f, c] + luck[s]
            if before:
                var += jump_var
            for a in range(k):
                i = at[a]
                toward[a] = level_var + spread[f] * compute[f, c] * compute[f, i]
                toward[a] += walk[s] * min(-decades[f, c], -decades[f, i])
                if before and i <= jump[row]:
                    toward[a] += jump_var
            for a in range(k):
                total = 0.0
                for b in range(k):
                    total += cov[a, b] * toward[b]
                weight[a] = total
            for a in range(k):
                mean += weight[a] * missed[a]
                var -= weight[a] * toward[a]
            var = max(var, 1e-10)
            q = (hidden_below[row] - mean) / math.sqrt(var)
            tail = _log_cdf(q)
            value += tail
            ratio = math.exp(-0.5 * q * q - _LOG_ROOT - tail)
            by_mean, by_var = -ratio / math.sqrt(var), -0.5 * ratio * q / var
            d_level[row] += by_mean
            d_slope[row] += by_mean * compute[f, c]
            d_compute[row, c] += by_mean * slope[f] + 2.0 * by_var * spread[f] * compute[f, c]
            d_spread[row] += by_var * compute[f, c] ** 2
            d_walk[row] -= by_var * decades[f, c]
            d_luck[row] += by_var
            for a in range(k):
                i = at[a]
                d_level[row] -= by_mean * weight[a]
                d_slope[row] -= by_mean * weight[a] * compute[f, i]
                d_compute[row, i] -= by_mean * weight[a] * slope[f]
                by_toward = by_mean * pull[a] - 2.0 * by_var * weight[a]
                d_spread[row] += by_toward * compute[f, c] * compute[f, i]
                d_compute[row, c] += by_toward * spread[f] * compute[f, i]
                d_compute[row, i] += by_toward * spread[f] * compute[f, c]
                d_walk[row] += by_toward * min(-decades[f, c], -decades[f, i])
                for b in range(k):
                    grad[a, b] -= 0.5 * by_mean * (weight[a] * pull[b] + pull[a] * weight[b])
                    grad[a, b] += by_var * weight[a] * weight[b]
        for a in range(k):
            i = at[a]
            for b in range(k):
                j = at[b]
                d_spread[row] += grad[a, b] * compute[f, i] * compute[f, j]
                d_walk[row] += grad[a, b] * min(-decades[f, i], -decades[f, j])
                d_compute[row, i] += 2.0 * grad[a, b] * spread[f] * compute[f, j]
            d_luck[row] += grad[a, a]
        density[row] = value
    highest, total_of = np.full(n_series, -np.inf), np.zeros(n_series)
    for row in range(n):
        if series[row] >= 0 and density[row] > highest[series[row]]:
            highest[series[row]] = density[row]
    for row in range(n):
        if series[row] >= 0:
            total_of[series[row]] += math.exp(density[row] - highest[series[row]])
    log_likelihood, d_hazard, by_level = 0.0, 0.0, np.zeros_like(level)
    by_compute, by_slope, by_spread = np.zeros_like(compute), np.zeros_like(slope), np.zeros_like(spread)
    by_walk, by_luck = np.zeros(n_series), np.zeros(n_series)
    for s in range(n_series):
        if total_of[s] > 0:
            log_likelihood += highest[s] + math.log(total_of[s])
    for row in range(n):
        s = series[row]
        if s < 0:
            continue
        share = math.exp(density[row] - highest[s]) / total_of[s]
        if share < 1e-14:
            continue
        f = family[s]
        for i in range(rungs):
            by_compute[f, i] += share * d_compute[row, i]
        by_slope[f] += share * d_slope[row]
        by_spread[f] += share * d_spread[row]
        by_walk[s] += share * d_walk[row]
        by_luck[s] += share * d_luck[row]
        by_level[f] += share * d_level[row]
        d_hazard += share * ((1.0 / hazard if jump[row] >= 0 and by_hazard[row] else 0.0) - exposure[row])
    return log_likelihood, by_compute, by_slope, by_spread, by_walk, by_luck, d_hazard, by_level, density


class MarginalLikelihood(WithGradient):
    """`evaluate` in a PyTensor graph: the log likelihood, its derivatives, and the readings' log densities.

    The parameters are the first seven inputs.
    """

    n_parameters = 7
    further = (pt.dvector,)
    evaluate = staticmethod(evaluate)


@register_funcify_default_op_cache_key(MarginalLikelihood)  # type: ignore[untyped-decorator]
def _compiled(op: MarginalLikelihood, node: Apply, **kwargs: Any) -> Any:
    @numba_dispatch.numba_njit
    def marginal_likelihood(  # type: ignore[no-untyped-def]
        compute,
        slope,
        spread,
        walk,
        luck,
        hazard,
        level,
        decades,
        fixed,
        eta,
        variance,
        told,
        hidden,
        hidden_below,
        jump,
        exposure,
        by_hazard,
        log_weight,
        series,
        family,
    ):
        value, by_compute, by_slope, by_spread, by_walk, by_luck, d_hazard, by_level, density = evaluate(
            compute,
            slope,
            spread,
            walk,
            luck,
            hazard.item(),
            level,
            decades,
            fixed,
            eta,
            variance,
            told,
            hidden,
            hidden_below,
            jump,
            exposure,
            by_hazard,
            log_weight,
            series,
            family,
        )
        return (
            np.array(value),
            by_compute,
            by_slope,
            by_spread,
            by_walk,
            by_luck,
            np.array(d_hazard),
            by_level,
            density,
        )

    return marginal_likelihood, version_of(__name__)
