"""How a benchmark's score is composed of its clusters: which follow its path, which do not, and the map to the whole.

The second factor of one likelihood. The first says where the benchmark's score stands on its path, theta; this one how
the answers fall on the clusters given that, so that no answer counts twice. A cluster k of benchmark b

- *follows the law*: theta_k = level_k + ratio_k (theta_b - theta_b at the last rung), ratio_k > 0,
- is *flat*: theta_k = level_k, or it would follow the law but has hardly moved, or its benchmark has not,
- is *irregular*: theta_k scatters around level_k from rung to rung.

A cluster's parameters are two and shared with nothing, so that its posterior is a sum over a grid, classes included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit, logsumexp
from scipy.stats import norm

from bayes_cod.models.cod.clusters import WHOLE, Cluster
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import score_of
from bayes_cod.models.cod.predict import Draws

type FloatArray = NDArray[np.float64]

CLASSES = ("law", "flat", "irregular")
SHARE = np.array([0.7, 0.15, 0.15])
"""Prior probabilities of the classes."""
LEVEL_SD, RATIO_SD, NOISE, SCATTER = 3.0, 0.6, 0.25, 1.5
"""Of level_k; of the log of ratio_k; noise of a cluster's theta at one rung; and that of an irregular one."""
MOVED = 0.02
"""Pass rate by which a cluster, and its benchmark, must have risen over the ladder to show that it follows the law."""

_LEVELS = np.linspace(-9.0, 9.0, 61)
_RATIOS = np.exp(RATIO_SD * norm.ppf((np.arange(15) + 0.5) / 15))


@dataclass(frozen=True)
class Composition:
    """Posterior of one ladder's clusters.

    Attributes
    ----------
    clusters
        The clusters.
    owner
        Index of each one's benchmark ``(cluster,)``.
    probability
        Of the classes ``(cluster, class)``.
    kind, level, ratio
        Draws of the class, the level and the ratio ``(sample, cluster)``; the ratio of what is not law is 0.
    origin
        theta of the benchmarks at the last rung, from which ratios count ``(benchmark,)``.
    """

    clusters: tuple[Cluster, ...]
    owner: NDArray[np.int64]
    probability: FloatArray
    kind: NDArray[np.int64]
    level: FloatArray
    ratio: FloatArray
    origin: FloatArray

    def pass_rates(self, theta: FloatArray, floor: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Latent pass rates of the clusters ``(sample, x, cluster)`` along paths ``(sample, x, benchmark)``."""
        here = theta[..., self.owner] - self.origin[self.owner]
        place = self.level[:, None, :] + self.ratio[:, None, :] * here
        scatter = SCATTER * rng.standard_normal(place.shape) * (self.kind == 2)[:, None, :]
        rates = score_of(place + scatter, floor[self.owner])
        for k, cluster in enumerate(self.clusters):
            if cluster.name == WHOLE:
                rates[..., k] = score_of(theta[..., self.owner[k]], floor[self.owner[k]])
        return rates

    def extrapolating(self) -> FloatArray:
        """Posterior share of the questions that follow the law ``(benchmark,)``."""
        weight = np.array([cluster.weight for cluster in self.clusters])
        return np.bincount(self.owner, weight * self.probability[:, 0], minlength=len(self.origin))

    def full_of_subset(self, subset: FloatArray, floor: FloatArray) -> FloatArray:
        """The map: score on all questions at a score of the predictable subset ``(sample, subset, benchmark)``.

        The subset's score is the mean over its clusters, each weighted by its questions and the probability that it
        follows the law; it grows with theta from floor to one, as the whole does, so the map is monotone and its ends
        are fixed. What the rest adds is the difference.
        """
        theta = np.linspace(-14.0, 14.0, 113)
        full = np.empty((len(self.level), len(subset), len(self.origin)))
        for b in range(len(self.origin)):
            mine = [k for k in np.flatnonzero(self.owner == b) if self.clusters[k].name != WHOLE]
            weight = np.array([self.clusters[k].weight * self.probability[k, 0] for k in mine])
            whole = score_of(theta, floor[b])
            if weight.sum() < 1e-6:
                full[:, :, b] = subset
                continue
            for s in range(len(self.level)):
                ratio = np.where(self.ratio[s, mine] > 0, self.ratio[s, mine], 1.0)
                place = self.level[s, mine][:, None] + ratio[:, None] * (theta - self.origin[b])
                part = weight @ score_of(place, floor[b]) / weight.sum()
                part[0], part[-1] = floor[b], 1.0
                ends = whole.copy()
                ends[0], ends[-1] = floor[b], 1.0
                full[s, :, b] = np.interp(subset, part, ends)
        return full


def compose(clusters: Sequence[Cluster], seen: Observations, draws: Draws, rng: np.random.Generator) -> Composition:
    """Posterior of clusters given their benchmarks' paths."""
    paths = draws.at_rungs(seen)  # (sample, rung, benchmark)
    origin = paths[:, -1].mean(axis=0)
    samples = len(draws)
    owner = np.array([seen.benchmarks.index(cluster.benchmark) for cluster in clusters])
    probability = np.empty((len(clusters), len(CLASSES)))
    kind = np.zeros((samples, len(clusters)), dtype=np.int64)
    level, ratio = np.zeros((samples, len(clusters))), np.ones((samples, len(clusters)))
    for k, cluster in enumerate(clusters):
        path, floor = paths[:, :, owner[k]], float(seen.floor[owner[k]])
        risen = float((score_of(path[:, -1], floor) - score_of(path[:, 0], floor) > MOVED).mean())
        if cluster.name == WHOLE:
            probability[k] = [risen, 1 - risen, 0.0]
            level[:, k] = origin[owner[k]]
            continue
        log, moved = _densities(cluster, path.mean(axis=0) - origin[owner[k]], floor)
        share = np.exp(log - logsumexp(log))  # (class, level, ratio)
        law = risen * float(share[0][moved].sum())
        irregular = float(share[2].sum())
        probability[k] = [law, 1 - law - irregular, irregular]
        drawn = rng.choice(share.size, samples, p=share.ravel())
        c, a, r = np.unravel_index(drawn, share.shape)
        kind[:, k], level[:, k] = c, _LEVELS[a]
        ratio[:, k] = np.where(c == 0, _RATIOS[r], 0.0)
    return Composition(tuple(clusters), owner, probability, kind, level, ratio, origin)


def _densities(cluster: Cluster, path: FloatArray, floor: float) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Log joint densities over ``(class, level, ratio)``, and where a law has moved ``(level, ratio)``."""
    at = cluster.n_trials > 0
    k, n = cluster.n_correct[at], cluster.n_trials[at]
    place = _LEVELS[:, None, None] + _RATIOS[None, :, None] * path[at]
    law = _log_likelihood(k, n, place, floor, NOISE)
    alone = np.broadcast_to(_LEVELS[:, None, None], (len(_LEVELS), 1, int(at.sum())))
    flat, irregular = (_log_likelihood(k, n, alone, floor, noise) for noise in (NOISE, SCATTER))
    log = np.full((3, len(_LEVELS), len(_RATIOS)), -np.inf)
    log[0] = law - np.log(len(_RATIOS))
    log[1, :, 0], log[2, :, 0] = flat[:, 0], irregular[:, 0]
    log += np.log(SHARE)[:, None, None] + norm.logpdf(_LEVELS, 0, LEVEL_SD)[None, :, None]
    rates = score_of(place, np.asarray(floor))
    return log, rates[..., -1] - rates[..., 0] > MOVED


def _log_likelihood(
    k: NDArray[np.int64], n: NDArray[np.int64], theta: FloatArray, floor: float, noise: float
) -> FloatArray:
    """Beta-binomial log likelihood, summed over rungs, the last axis; noise is that of theta."""
    score = np.clip(score_of(theta, np.asarray(floor)), 1e-7, 1 - 1e-7)
    growth = (1 - floor) * expit(theta) * expit(-theta)
    total = np.maximum(1 / ((noise * growth) ** 2 / (score * (1 - score)) + 1e-5) - 1, 1.0)
    alpha, beta = score * total, (1 - score) * total
    return np.asarray((betaln(k + alpha, n - k + beta) - betaln(alpha, beta)).sum(axis=-1))
