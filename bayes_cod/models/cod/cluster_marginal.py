"""The likelihood of clusters with their levels, ratios and classes summed out, and its derivatives.

Written out for the same reason as that of paths (`marginal`): a graph of it takes many times as long to compile.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from pytensor.graph.basic import Apply
from pytensor.link.numba.dispatch import basic as numba_dispatch
from pytensor.link.numba.dispatch.basic import register_funcify_default_op_cache_key

from bayes_cod.models.common.with_gradient import WithGradient, version_of


@numba.njit(cache=True)
def between(place: Any, last: int) -> Any:
    """Nodes of an even grid ``(4,)`` about a place on it, their weights in a smooth curve through them, and slopes.

    Catmull and Rom's cubic, which keeps first derivatives continuous: a likelihood interpolated by straight lines has
    its peaks at nodes. Beyond the ends the end stays.
    """
    inside = min(max(place, 0.0), float(last))
    low = min(int(inside), last - 1)
    u = inside - low
    nodes = np.array([max(low - 1, 0), low, low + 1, min(low + 2, last)])
    weights = np.array(
        [
            0.5 * (-u + 2 * u**2 - u**3),
            0.5 * (2 - 5 * u**2 + 3 * u**3),
            0.5 * (u + 4 * u**2 - 3 * u**3),
            0.5 * (-(u**2) + u**3),
        ]
    )
    slopes = np.array(
        [
            0.5 * (-1 + 4 * u - 3 * u**2),
            0.5 * (-10 * u + 9 * u**2),
            0.5 * (1 + 8 * u - 9 * u**2),
            0.5 * (-2 * u + 3 * u**2),
        ]
    )
    if inside != place:
        slopes[:] = 0.0
    return nodes, weights, slopes


@numba.njit(cache=True)
def evaluate(
    log_shares: Any, mean: Any, spread: Any, log_noise: Any, tables: Any, owner: Any, log_ratios: Any, log_noises: Any
) -> Any:
    """Log likelihood of all clusters' answers and its derivatives by the first four inputs.

    Parameters
    ----------
    log_shares
        Log probabilities of the classes law, flat, irregular ``(class,)``.
    mean
        Mean log ratio of each benchmark ``(benchmark,)``.
    spread
        Standard deviation of log ratios within a benchmark, a scalar.
    log_noise
        Log of the clusters' noise, a scalar; between those of the grid log likelihoods are interpolated.
    tables
        Log likelihoods with levels summed out ``(cluster, noise, option)``: all ratios, flat, irregular.
    owner
        Benchmark of each cluster ``(cluster,)``; below 0 there is none.
    log_ratios, log_noises
        The grids, even.
    """
    ratios, last = len(log_ratios), len(log_noises) - 1
    d_shares, d_mean, d_spread, d_noise = np.zeros(3), np.zeros_like(mean), 0.0, 0.0
    step = log_noises[1] - log_noises[0]
    nodes, weights, slopes = between((log_noise - log_noises[0]) / step, last)
    prior, by_mean, by_spread = np.zeros((3, len(mean), ratios))
    for b in range(len(mean)):
        away = (log_ratios - mean[b]) / spread
        log = -0.5 * away**2
        top = log.max()
        prior[b] = log - top - np.log(np.exp(log - top).sum())
        share = np.exp(prior[b])
        by_mean[b] = (away - (share * away).sum()) / spread
        by_spread[b] = (away**2 - (share * away**2).sum()) / spread
    value, options = 0.0, ratios + 2
    log, by_noise = np.zeros(options), np.zeros(options)
    for k in range(len(tables)):
        b = owner[k]
        if b < 0:
            continue
        top = -np.inf
        for o in range(options):
            log[o] = prior[b, o] + log_shares[0] if o < ratios else log_shares[o - ratios + 1]
            by_noise[o] = 0.0
            for i in range(4):
                log[o] += weights[i] * tables[k, nodes[i], o]
                by_noise[o] += slopes[i] * tables[k, nodes[i], o]
            top = max(top, log[o])
        total = 0.0
        for o in range(options):
            log[o] = np.exp(log[o] - top)
            total += log[o]
        value += top + np.log(total)
        for o in range(options):
            share = log[o] / total
            d_noise += share * by_noise[o] / step
            if o < ratios:
                d_shares[0] += share
                d_mean[b] += share * by_mean[b, o]
                d_spread += share * by_spread[b, o]
            else:
                d_shares[o - ratios + 1] += share
    return value, d_shares, d_mean, d_spread, d_noise


class ClusterLikelihood(WithGradient):
    """`evaluate` in a PyTensor graph; the parameters are the first four inputs."""

    n_parameters = 4
    evaluate = staticmethod(evaluate)


@register_funcify_default_op_cache_key(ClusterLikelihood)  # type: ignore[untyped-decorator]
def _compiled(op: ClusterLikelihood, node: Apply, **kwargs: Any) -> Any:
    @numba_dispatch.numba_njit
    def cluster_likelihood(log_shares, mean, spread, log_noise, tables, owner, log_ratios, log_noises):  # type: ignore[no-untyped-def]
        value, by_shares, by_mean, by_spread, by_noise = evaluate(
            log_shares, mean, spread.item(), log_noise.item(), tables, owner, log_ratios, log_noises
        )
        return np.array(value), by_shares, by_mean, np.array(by_spread), np.array(by_noise)

    return cluster_likelihood, version_of(__name__)


_likelihood = ClusterLikelihood()


def log_likelihood(*parameters_and_data: Any) -> Any:
    """A scalar of the graph; arguments as `evaluate` has them."""
    return _likelihood(*parameters_and_data)[0]
