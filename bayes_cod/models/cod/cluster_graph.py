"""The PyMC model of clusters along their benchmarks' paths: which follow, at what ratio, and how far they scatter.

A cluster k of benchmark b, theta_b being the benchmark's path and its value at the last rung the origin,

- *follows the law*: theta_k = level_k + ratio_k (theta_b - origin), log ratio_k ~ Normal(mean ratio_b, ratio spread),
- is *flat*: theta_k = level_k,
- is *irregular*: theta_k scatters around level_k by `SCATTER` from rung to rung.

The first two scatter by the family's cluster noise. Level, ratio and class of a cluster are summed out over grids: what
is sampled is what clusters share, and a cluster's own values are drawn given it (`composition.compose`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.special import betaln, expit, logsumexp
from scipy.stats import norm

from bayes_cod.models import sampling as mcmc
from bayes_cod.models.cod.cluster_marginal import between
from bayes_cod.models.cod.cluster_marginal import log_likelihood as likelihood
from bayes_cod.models.cod.clusters import Cluster
from bayes_cod.models.cod.path import score_of
from bayes_cod.models.sampling import CompiledModels, SamplerSettings, padded

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

CLASSES = ("law", "flat", "irregular")
CLASS_SHARES, CLASS_SD = np.array([0.7, 0.15, 0.15]), 0.5
"""Of the family's class shares: their logs are Normal around these, then made to sum to one."""
LEVEL_SD = 3.0
"""Of level_k, Normal around 0: hundreds of answers stand behind each, so that levels need no pooling."""
COMMON_RATIO_SD, BENCHMARK_RATIO_SD = 0.2, 0.3
"""Of the log of the mean ratio: the family's around 0, a benchmark's around the family's."""
SPREAD, SPREAD_SD = 0.6, 0.4
"""Ratio spread, the standard deviation of log ratios within a benchmark: log-normal, its median and sd."""
NOISE, NOISE_SD = 0.25, 0.5
"""Cluster noise, of theta at one rung: log-normal, its median and sd."""
SCATTER = 1.5

AROUND = 8.0 * np.sinh(np.linspace(-4.0, 4.0, 41)) / np.sinh(4.0)
"""Levels of a cluster's grid, from its last rung's: fine near it, wide for what is all but never solved."""
LOG_RATIOS = np.linspace(-2.0, 2.0, 33)
LOG_NOISES = np.log(NOISE) + np.linspace(-2.0, 2.0, 9)

_CLUSTERS = (64, 256, 1024, 4096)
_BENCHMARKS = (16, 64, 256)
_NONE = -1


@dataclass(frozen=True)
class Evidence:
    """What the answers of one cluster say, level by level.

    Attributes
    ----------
    law
        Log likelihood with the prior of levels ``(noise, ratio, level)``.
    flat
        ``(noise, level)``.
    irregular
        ``(level,)``.
    levels, widths
        The grid's places and how much of the axis each stands for ``(level,)``.
    """

    law: FloatArray
    flat: FloatArray
    irregular: FloatArray
    levels: FloatArray
    widths: FloatArray

    @classmethod
    def of(cls, cluster: Cluster, path: FloatArray, floor: float) -> Self:
        """Given the benchmark's path from its origin at the rungs ``(rung,)``."""
        at = cluster.n_trials > 0
        k, n = cluster.n_correct[at], cluster.n_trials[at]
        last = np.clip(((k[-1] + 0.5) / (n[-1] + 1) - floor) / (1 - floor), 1e-3, 1 - 1e-3)
        levels = np.log(last / (1 - last)) + AROUND
        widths = np.gradient(levels)
        prior = norm.logpdf(levels, 0, LEVEL_SD) + np.log(widths)
        along = levels[:, None] + np.exp(LOG_RATIOS)[:, None, None] * path[at]  # (ratio, level, rung)
        still = np.broadcast_to(levels[:, None], (len(levels), int(at.sum())))
        noises = np.exp(LOG_NOISES)
        law = np.stack([answers(k, n, along, floor, noise) for noise in noises])
        flat = np.stack([answers(k, n, still, floor, noise) for noise in noises])
        irregular = answers(k, n, still, floor, SCATTER) + prior
        return cls(law + prior, flat + prior, irregular, levels, widths)

    @cached_property
    def table(self) -> FloatArray:
        """Levels summed out: ``(noise, option)``, the options being all ratios, flat, irregular."""
        irregular = np.full((len(LOG_NOISES), 1), logsumexp(self.irregular))
        return np.hstack([logsumexp(self.law, axis=2), logsumexp(self.flat, axis=1)[:, None], irregular])


def answers(k: IntArray, n: IntArray, theta: FloatArray, floor: float, noise: float) -> FloatArray:
    """Beta-binomial log likelihood, summed over rungs, the last axis; noise is that of theta."""
    score = np.clip(score_of(theta, np.asarray(floor)), 1e-7, 1 - 1e-7)
    growth = (1 - floor) * expit(theta) * expit(-theta)
    total = np.maximum(1 / ((noise * growth) ** 2 / (score * (1 - score)) + 1e-5) - 1, 1.0)
    alpha, beta = score * total, (1 - score) * total
    return np.asarray((betaln(k + alpha, n - k + beta) - betaln(alpha, beta)).sum(axis=-1))


def interpolation(log_noise: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights of the grid's noises at others, each ``(sample, noise)``: of the smooth curve; shares of neighbours."""
    place = np.clip((log_noise - LOG_NOISES[0]) / (LOG_NOISES[1] - LOG_NOISES[0]), 0, len(LOG_NOISES) - 1)
    smooth = np.zeros((len(place), len(LOG_NOISES)))
    for sample, here in enumerate(place):
        nodes, weights, _ = between(here, len(LOG_NOISES) - 1)
        np.add.at(smooth[sample], nodes, weights)
    return smooth, np.maximum(0.0, 1 - abs(place[:, None] - np.arange(len(LOG_NOISES))))


def ratio_weights(mean: FloatArray, spread: FloatArray) -> FloatArray:
    """Log probabilities of the ratios of the grid ``(..., ratio)``."""
    log = -(((LOG_RATIOS - mean[..., None]) / spread[..., None]) ** 2) / 2
    return np.asarray(log - logsumexp(log, axis=-1, keepdims=True))


def build(clusters: int, benchmarks: int) -> pm.Model:
    """The model, of at most so many clusters and benchmarks; places without a cluster have no owner."""
    with pm.Model() as model:
        tables = pm.Data("tables", np.zeros((clusters, len(LOG_NOISES), len(LOG_RATIOS) + 2)))
        owner = pm.Data("owner", np.full(clusters, _NONE, dtype=np.int32))
        odds = pt.exp(np.log(CLASS_SHARES) + CLASS_SD * pm.Normal("z_class", shape=len(CLASSES)))
        shares = pm.Deterministic("class_shares", odds / odds.sum())
        common, own = pm.Normal("z_ratio"), pm.Normal("z_ratio_benchmark", shape=benchmarks)
        mean = pm.Deterministic("mean_log_ratio", COMMON_RATIO_SD * common + BENCHMARK_RATIO_SD * own)
        spread = pm.Deterministic("ratio_spread", SPREAD * pt.exp(SPREAD_SD * pm.Normal("z_spread")))
        noise = pm.Deterministic("cluster_noise", NOISE * pt.exp(NOISE_SD * pm.Normal("z_noise")))
        given = (tables, owner, LOG_RATIOS, LOG_NOISES)
        pm.Potential("answers", likelihood(pt.log(shares), mean, spread, pt.log(noise), *given))
    return model


_models = CompiledModels()


def sample(
    evidence: list[Evidence], owner: IntArray, benchmarks: int, sampler: SamplerSettings, seed: int
) -> xr.DataTree:
    """Posterior of what clusters share.

    Parameters
    ----------
    evidence
        One a cluster.
    owner
        Index of each one's benchmark ``(cluster,)``.
    benchmarks
        How many there are.
    """
    shape = (padded(len(evidence), _CLUSTERS), padded(benchmarks, _BENCHMARKS))
    tables = np.zeros((shape[0], len(LOG_NOISES), len(LOG_RATIOS) + 2))
    tables[: len(evidence)] = [one.table for one in evidence]
    owners = np.full(shape[0], _NONE, dtype=np.int32)
    owners[: len(owner)] = owner
    compiled = _models.get(shape, lambda: build(*shape))
    return mcmc.sample(compiled, {"tables": tables, "owner": owners}, sampler, seed)
