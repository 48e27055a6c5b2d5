"""Means and ratios of cells that share targets, with standard errors that know it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


class Estimate(NamedTuple):
    """An estimate, its standard error and the number of clusters behind both.

    Attributes
    ----------
    value, se
        In the unit of what was averaged; `se` is NaN with fewer than two clusters.
    n_clusters
        Targets.
    """

    value: float
    se: float
    n_clusters: int

    def interval(self, probability: float = 0.95) -> tuple[float, float]:
        """Central confidence interval by Student's t with ``n_clusters - 1`` degrees of freedom."""
        if self.n_clusters < 2:
            return float("nan"), float("nan")
        reach = float(stats.t.ppf((1 + probability) / 2, self.n_clusters - 1)) * self.se
        return self.value - reach, self.value + reach


def clustered_mean(values: ArrayLike, clusters: ArrayLike) -> Estimate:
    r"""Mean over cells with a cluster-robust standard error.

    .. math::
        \mathrm{se}^2 = \frac{G}{G - 1} \frac{1}{n^2} \sum_{g=1}^{G} \Bigl( \sum_{i \in g} (v_i - \bar v) \Bigr)^2

    With one cell a cluster this is the usual standard error of a mean.

    Parameters
    ----------
    values
        Shape ``(cell,)``; NaN where a cell has no value, which leaves the cell out.
    clusters
        Label of each cell's cluster, shape ``(cell,)``.

    Returns
    -------
    Estimate
        NaN where no cell has a value.
    """
    array, label = np.asarray(values, dtype=float), np.asarray(clusters)
    have = np.isfinite(array)
    if not have.any():
        return Estimate(float("nan"), float("nan"), 0)
    array, label = array[have], label[have]
    mean = float(array.mean())
    se, n_clusters = _robust(array - mean, label)
    return Estimate(mean, se, n_clusters)


def clustered_skill(score: ArrayLike, baseline: ArrayLike, clusters: ArrayLike) -> Estimate:
    r"""One minus the ratio of two mean scores, with a cluster-robust standard error.

    The standard error is that of the mean of the linearised ratio,
    :math:`-(s_i - R\,b_i) / \bar b` with :math:`R = \bar s / \bar b`.

    Parameters
    ----------
    score, baseline
        Scores of the same cells, shape ``(cell,)``, all finite.
    clusters
        Label of each cell's cluster, shape ``(cell,)``.

    Returns
    -------
    Estimate
        NaN without cells or where the baseline's mean is 0.
    """
    own, reference, label = np.asarray(score, float), np.asarray(baseline, float), np.asarray(clusters)
    if not len(own) or reference.mean() == 0:
        return Estimate(float("nan"), float("nan"), 0)
    ratio = own.mean() / reference.mean()
    se, n_clusters = _robust(-(own - ratio * reference) / reference.mean(), label)
    return Estimate(float(1 - ratio), se, n_clusters)


def _robust(residuals: NDArray[np.float64], clusters: NDArray[np.generic]) -> tuple[float, int]:
    _, code = np.unique(clusters, return_inverse=True)
    totals = np.bincount(code, weights=residuals)
    n_clusters = len(totals)
    if n_clusters < 2:
        return float("nan"), n_clusters
    variance = n_clusters / (n_clusters - 1) * float(np.sum(totals**2)) / len(residuals) ** 2
    return float(np.sqrt(variance)), n_clusters
