"""How a benchmark's score is composed of its clusters: which follow its path, which do not, and the map to the whole.

The second factor of one likelihood. The first says where the benchmark's score stands on its path, theta; this one how
the answers fall on the clusters given that (`cluster_graph`), so that no answer counts twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.models import sampling as mcmc
from bayes_cod.models.cod import cluster_graph
from bayes_cod.models.cod.cluster_graph import CLASSES, LOG_NOISES, LOG_RATIOS, SCATTER, Evidence
from bayes_cod.models.cod.clusters import REST, WHOLE, Cluster
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import score_of
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.common.categorical import draw_option
from bayes_cod.models.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

LAW, FLAT, IRREGULAR = range(len(CLASSES))
MOVED = 0.02
"""Pass rate by which a cluster, and its benchmark, must have risen over the ladder to show that it follows the law."""
_THETA = np.linspace(-14.0, 14.0, 113)


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
        Draws of the class, the level and the ratio ``(sample, cluster)``; the ratio is 0 where theta does not move with
        the path, and that of a cluster which has shown nothing, so that it counts as flat, is kept.
    noise
        Draws of the clusters' noise at one rung, theta ``(sample,)``.
    origin
        theta of the benchmarks at the last rung, from which ratios count ``(benchmark,)``.
    tree
        Posterior of what clusters share; None where every benchmark is one cluster.
    """

    clusters: tuple[Cluster, ...]
    owner: IntArray
    probability: FloatArray
    kind: IntArray
    level: FloatArray
    ratio: FloatArray
    noise: FloatArray
    origin: FloatArray
    tree: xr.DataTree | None = None

    def at(self, keep: IntArray) -> Composition:
        """Some of the draws."""
        drawn = {name: getattr(self, name)[keep] for name in ("kind", "level", "ratio", "noise")}
        return replace(self, **drawn)

    def pass_rates(self, theta: FloatArray, floor: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Latent pass rates of the clusters ``(sample, x, cluster)`` along paths ``(sample, x, benchmark)``."""
        here = theta[..., self.owner] - self.origin[self.owner]
        place = self.level[:, None, :] + self.ratio[:, None, :] * here
        scatter = SCATTER * rng.standard_normal(place.shape) * (self.kind == IRREGULAR)[:, None, :]
        rates = score_of(place + scatter, floor[self.owner])
        for k, cluster in enumerate(self.clusters):
            if cluster.name == WHOLE:
                rates[..., k] = score_of(theta[..., self.owner[k]], floor[self.owner[k]])
        return rates

    def extrapolating(self) -> FloatArray:
        """Posterior share of the questions in clusters that follow the law ``(benchmark,)``; the rest is none."""
        weight = np.array([cluster.weight * (cluster.name != REST) for cluster in self.clusters])
        return np.bincount(self.owner, weight * self.probability[:, LAW], minlength=len(self.origin))

    def full_of_subset(self, subset: FloatArray, floor: FloatArray, rng: np.random.Generator) -> FloatArray:
        """The map: score on all questions at a latent score of the predictable subset ``(sample, subset, benchmark)``.

        Each draw's subset are the clusters that follow the law in it, each by its questions. Its score grows with theta
        from floor to one, as the whole does, so that the map is monotone and its ends are fixed; each draw scatters the
        clusters by their noise, so that a draw is one run's map. What the rest adds is the difference, its emergence
        among it. A draw without such a cluster, and a benchmark of one cluster, has the whole for its subset.
        """
        full = np.empty((len(self.level), len(subset), len(self.origin)))
        full[:] = np.asarray(subset)[None, :, None]
        level = self.level + self.noise[:, None] * rng.standard_normal(self.level.shape)
        for b in range(len(self.origin)):
            mine = [k for k in np.flatnonzero(self.owner == b) if self.clusters[k].name not in (WHOLE, REST)]
            weight = np.array([self.clusters[k].weight for k in mine])
            whole = score_of(_THETA, floor[b])
            whole[0], whole[-1] = floor[b], 1.0
            for s in range(len(self.level) if mine else 0):
                follows = self.kind[s, mine] == LAW
                if not follows.any():
                    continue
                move = self.ratio[s, mine][follows, None] * (_THETA - self.origin[b])
                place = level[s, mine][follows, None] + move
                part = weight[follows] @ score_of(place, floor[b]) / weight[follows].sum()
                part[0], part[-1] = floor[b], 1.0
                full[s, :, b] = np.interp(subset, part, whole)
        return full

    def unsure(self) -> tuple[str, ...]:
        """What clusters share on which the chains do not agree."""
        if self.tree is None:
            return ()
        posterior = self.tree["posterior"].to_dataset()
        reported = {name.replace("_", " "): posterior[name].values for name in ("ratio_spread", "cluster_noise")}
        reported |= {f"share of {kind}": posterior["class_shares"].values[..., i] for i, kind in enumerate(CLASSES)}
        return tuple(sorted(mcmc.gate(reported, self.tree).failed))


def compose(
    clusters: Sequence[Cluster],
    seen: Observations,
    draws: Draws,
    sampler: SamplerSettings,
    seed: int,
    rng: np.random.Generator,
) -> Composition:
    """Posterior of clusters given their paths: what they share is sampled, each one's own is drawn given it."""
    paths = draws.at_rungs(seen)  # (sample, rung, benchmark)
    origin = paths[:, -1].mean(axis=0)
    owner = np.array([seen.benchmarks.index(cluster.benchmark) for cluster in clusters])
    rises = score_of(paths[:, -1], seen.floor) - score_of(paths[:, 0], seen.floor) > MOVED  # (sample, benchmark)
    parts = np.array([k for k, cluster in enumerate(clusters) if cluster.name != WHOLE], dtype=np.int64)
    kind = np.zeros((len(draws), len(clusters)), dtype=np.int64)
    level, ratio = np.tile(origin[owner], (len(draws), 1)), np.ones((len(draws), len(clusters)))
    noise, tree = np.zeros(len(draws)), None
    if len(parts):
        along = [paths[:, :, owner[k]].mean(axis=0) - origin[owner[k]] for k in parts]
        evidence = [Evidence.of(clusters[k], path, seen.floor[owner[k]]) for k, path in zip(parts, along, strict=True)]
        tree = cluster_graph.sample(evidence, owner[parts], len(seen.benchmarks), sampler, seed)
        shared = _Shared.of(tree, len(draws))
        noise = shared.noise
        for k, one, path in zip(parts, evidence, along, strict=True):
            kind[:, k], level[:, k], ratio[:, k] = _drawn(one, shared, int(owner[k]), rng)
            first, last = (score_of(level[:, k] + ratio[:, k] * path[end], seen.floor[owner[k]]) for end in (0, -1))
            kind[:, k] = np.where((kind[:, k] == LAW) & (last - first <= MOVED), FLAT, kind[:, k])
    kind = np.where((kind == LAW) & ~rises[:, owner], FLAT, kind)
    probability = np.stack([(kind == c).mean(axis=0) for c in range(len(CLASSES))], axis=1)
    return Composition(tuple(clusters), owner, probability, kind, level, ratio, noise, origin, tree)


@dataclass(frozen=True)
class _Shared:
    """Draws of what clusters share, as many as the paths have, chain by chain; `smooth`, `near`: of `interpolation`."""

    log_shares: FloatArray
    mean_log_ratio: FloatArray
    ratio_spread: FloatArray
    noise: FloatArray
    smooth: FloatArray
    near: FloatArray

    @classmethod
    def of(cls, tree: xr.DataTree, samples: int) -> Self:
        drawn = mcmc.flat(tree)
        keep = np.linspace(0, len(drawn["cluster_noise"]) - 1, samples).round().astype(int)
        names = ("class_shares", "mean_log_ratio", "ratio_spread", "cluster_noise")
        shares, mean, spread, noise = (drawn[name][keep] for name in names)
        return cls(np.log(shares), mean, spread, noise, *cluster_graph.interpolation(np.log(noise)))


def _drawn(
    evidence: Evidence, shared: _Shared, benchmark: int, rng: np.random.Generator
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Class, level and ratio of one cluster, given what clusters share, each ``(sample,)``."""
    log = shared.smooth @ evidence.table
    log[:, :-2] += cluster_graph.ratio_weights(shared.mean_log_ratio[:, benchmark], shared.ratio_spread)
    log[:, :-2] += shared.log_shares[:, :1]
    log[:, -2:] += shared.log_shares[:, 1:]
    option = draw_option(_normalised(log), rng)
    place = draw_option(shared.near, rng)  # a noise of the grid beside the draw's
    levels = np.concatenate(
        [
            evidence.law,
            evidence.flat[:, None],
            np.broadcast_to(evidence.irregular, (len(LOG_NOISES), 1, len(evidence.levels))),
        ],
        axis=1,
    )  # (noise, option, level)
    below = np.cumsum(_normalised(levels), axis=-1)
    drawn = (below[place, option] < rng.random((len(option), 1))).sum(axis=1).clip(max=len(evidence.levels) - 1)
    level = evidence.levels[drawn] + evidence.widths[drawn] * (rng.random(len(option)) - 0.5)
    kind = np.where(option < len(LOG_RATIOS), LAW, option - len(LOG_RATIOS) + FLAT)
    ratio = np.where(kind == LAW, np.exp(LOG_RATIOS[option.clip(max=len(LOG_RATIOS) - 1)]), 0.0)
    return kind, level, ratio


def _normalised(log: FloatArray) -> FloatArray:
    weight = np.exp(log - log.max(axis=-1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True))
