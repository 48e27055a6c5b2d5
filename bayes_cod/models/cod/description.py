"""What a benchmark's clusters of questions do along the benchmark's own path.

The forecast comes from the path of the whole benchmark, which is known far better than that of any cluster. Given every
draw of the path, a cluster's level and class (follows the law, flat, irregular) are drawn from their exact conditional
posterior on a grid of levels; nothing flows back into the forecast.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.models.cod.arrays import observed_rates
from bayes_cod.models.cod.graph import LAW, TAIL_DEGREES
from bayes_cod.models.cod.grouping import Group
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.common.categorical import draw_option

type FloatArray = NDArray[np.float64]

GRID = np.linspace(-12.0, 12.0, 241)


@dataclass(frozen=True)
class Description:
    """Clusters given draws of their benchmarks' paths.

    Attributes
    ----------
    level
        eta at the last rung ``(sample, cluster)``.
    kind
        Class drawn ``(sample, cluster)``: index into `graph.CLASSES`.
    probability
        Of the classes ``(cluster, class)``, the mean over the draws.
    """

    level: FloatArray
    kind: NDArray[np.int64]
    probability: FloatArray


def describe(
    clusters: Sequence[Group],
    owner: NDArray[np.int32],
    path: FloatArray,
    floor: FloatArray,
    top: FloatArray,
    priors: Priors,
    rng: np.random.Generator,
) -> Description:
    """Draw what clusters do, given draws of their benchmarks.

    Parameters
    ----------
    clusters
        With counts of trials that did not form them.
    owner
        Index of each cluster's benchmark ``(cluster,)``.
    path
        Growth on eta, 0 at the last rung ``(sample, benchmark, rung)``.
    floor, top
        ``(sample, benchmark)``.
    priors
        Those of the fit.
    rng
        Source of the draws.

    Returns
    -------
    Description
    """
    n_sample = len(path)
    level, kind = np.zeros((n_sample, len(clusters))), np.zeros((n_sample, len(clusters)), dtype=np.int64)
    probability = np.zeros((len(clusters), 3))
    prior = -0.5 * ((GRID - priors.level_mean) / priors.level_sd) ** 2
    classes = np.log([priors.class_law, priors.class_flat, priors.class_irregular])
    for k, (group, b) in enumerate(zip(clusters, owner, strict=True)):
        seen = group.n_trials > 0
        rate, sd = observed_rates(group.n_trials[seen], group.n_correct[seen], priors.cluster_concentration)
        low, high = floor[:, b, None, None], top[:, b, None, None]
        growth = path[:, b][:, None, seen]

        def pass_rate(eta: FloatArray, low: FloatArray = low, high: FloatArray = high) -> FloatArray:
            return np.asarray(low + (high - low) * expit(eta))

        law, flat = pass_rate(GRID[:, None] + growth), pass_rate(GRID[:, None] + 0 * growth)
        wide = np.sqrt(sd**2 + flat * (1 - flat) / (1 + priors.irregular_concentration))
        each = np.stack([_density(mean, rate, width) for mean, width in ((law, sd), (flat, sd), (flat, wide))], axis=1)
        each += prior + classes[:, None]  # (sample, class, level)
        weights = np.exp(each - each.max(axis=(1, 2), keepdims=True)).reshape(n_sample, -1)
        weights /= weights.sum(axis=1, keepdims=True)
        drawn = draw_option(weights, rng)
        kind[:, k], level[:, k] = drawn // len(GRID), GRID[drawn % len(GRID)]
        probability[k] = weights.reshape(n_sample, 3, -1).sum(axis=2).mean(axis=0)
    return Description(level, kind, probability)


def _density(mean: FloatArray, rate: FloatArray, sd: FloatArray) -> FloatArray:
    """Log Student-t density of the rates, summed over rungs ``(sample, level)``."""
    squared = ((rate - mean) / sd) ** 2
    logs = -0.5 * (TAIL_DEGREES + 1) * np.log1p(squared / TAIL_DEGREES) - np.log(sd)
    return np.asarray(logs.sum(axis=-1))


def cluster_rates(
    description: Description, owner: NDArray[np.int32], growth: FloatArray, floor: FloatArray, top: FloatArray
) -> FloatArray:
    """Pass rates of the clusters where their benchmarks have grown by `growth` ``(sample, benchmark, point)``.

    Returns
    -------
    array
        ``(sample, point, cluster)``; flat and irregular clusters stay at their level.
    """
    moves = (description.kind == LAW)[:, None, :] * growth.transpose(0, 2, 1)[:, :, owner]
    eta = description.level[:, None, :] + moves
    low, high = floor[:, None, owner], top[:, None, owner]
    return np.asarray(low + (high - low) * expit(eta))
