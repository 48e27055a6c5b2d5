"""The clusterers that COD is compared with, behind one interface.

All are scikit-learn estimators that take difficulty vectors [question, rung] and set `labels_`
(-1: outlier) and `cluster_centers_`. Questions that no rung ever passed are set aside first, as for
the improved MeanShift, and the work is done on sorted unique rows with weights, so that the partition
does not depend on the order of the questions.
"""

from __future__ import annotations

from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin, clone
from sklearn.cluster import DBSCAN, KMeans

from bayes_cod.difficulty.meanshift import (
    OUTLIER,
    ImprovedMeanShift,
    canonical_rows,
    check_vectors,
    nearest,
)
from bayes_cod.difficulty.vectors import FloatArray, IntArray, zero_mask
from bayes_cod.errors import InputError


@runtime_checkable
class Clusterer(Protocol):
    """What the forecasters need of a clusterer."""

    labels_: IntArray
    cluster_centers_: FloatArray

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Cluster difficulty vectors [question, rung]."""
        ...

    def fit_predict(self, X: npt.ArrayLike, y: object = None) -> IntArray:
        """Cluster difficulty vectors and return the labels [question]."""
        ...


def refit(clusterer: Clusterer, fitted: Clusterer | None) -> Clusterer:
    """An unfitted clusterer of the same settings, for a bootstrap replicate of the questions.

    Parameters
    ----------
    clusterer
        Gives the settings.
    fitted
        The clusterer fitted to the questions that the replicate is drawn from; KMeans starts at its centres.
    """
    fresh: Clusterer = clone(clusterer)
    if isinstance(fresh, _KMeansClusterer) and isinstance(fitted, _KMeansClusterer):
        fresh.start_ = fitted.centres_
    return fresh


class _WeightedRowClusterer(ClusterMixin, BaseEstimator):
    """Clusters sorted unique rows with weights and spreads the labels over the questions."""

    labels_: IntArray
    cluster_centers_: FloatArray

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Cluster difficulty vectors [question, rung], complete pass rates.

        Raises
        ------
        InputError
            If X is not two-dimensional or has missing entries.
        """
        vectors = check_vectors(X)
        labels = np.full(len(vectors), OUTLIER, dtype=np.int64)
        self.cluster_centers_ = np.empty((0, vectors.shape[1]))
        passed = ~zero_mask(vectors)
        if passed.any():
            rows, weights, inverse = canonical_rows(vectors[passed])
            row_labels, self.cluster_centers_ = self._cluster(rows, weights)
            labels[passed] = row_labels[inverse]
        self.labels_ = labels
        return self

    def _cluster(self, rows: FloatArray, weights: IntArray) -> tuple[IntArray, FloatArray]:
        raise NotImplementedError


class _KMeansClusterer(_WeightedRowClusterer):
    """Keeps the centres of every number of clusters tried, and starts at those of `start_` where it has any."""

    n_init: int
    random_state: int
    start_: dict[int, FloatArray]
    centres_: dict[int, FloatArray]

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Cluster difficulty vectors [question, rung], complete pass rates."""
        self.centres_ = {}
        return super().fit(X, y)

    def _kmeans(self, rows: FloatArray, weights: IntArray, n_clusters: int) -> tuple[IntArray, FloatArray]:
        if n_clusters < 1:
            raise InputError(f"n_clusters must be 1 or more, got {n_clusters}.")
        k = min(n_clusters, len(rows))
        start = getattr(self, "start_", {}).get(k)
        if start is None:
            model = KMeans(n_clusters=k, n_init=self.n_init, random_state=self.random_state)
        else:
            model = KMeans(n_clusters=k, init=start, n_init=1, random_state=self.random_state)
        model.fit(rows, sample_weight=weights)
        centres = np.asarray(model.cluster_centers_, dtype=float)
        self.centres_ = {**self.centres_, k: centres}
        return model.labels_.astype(np.int64), centres


class DifficultyKMeans(_KMeansClusterer):
    """Plain KMeans; every question with a pass gets a cluster.

    Parameters
    ----------
    n_clusters : int
        Clusters; fewer if there are fewer distinct vectors. The paper does not say how many it used.
    n_init : int
        Starts.
    random_state : int
        Seed of the starts.
    """

    def __init__(self, n_clusters: int = 10, n_init: int = 5, random_state: int = 0) -> None:
        self.n_clusters = n_clusters
        self.n_init = n_init
        self.random_state = random_state

    def _cluster(self, rows: FloatArray, weights: IntArray) -> tuple[IntArray, FloatArray]:
        return self._kmeans(rows, weights, self.n_clusters)


class DifficultyDBSCAN(_WeightedRowClusterer):
    """DBSCAN; questions in thin regions are outliers.

    Parameters
    ----------
    eps : float, optional
        Distance of neighbours; ``sqrt(n_rungs) / 10`` if not given, the improved MeanShift's cap.
    min_samples : int
        Questions within `eps` that make a core point.
    """

    def __init__(self, eps: float | None = None, min_samples: int = 10) -> None:
        self.eps = eps
        self.min_samples = min_samples

    def _cluster(self, rows: FloatArray, weights: IntArray) -> tuple[IntArray, FloatArray]:
        eps = float(np.sqrt(rows.shape[1])) / 10 if self.eps is None else self.eps
        labels = DBSCAN(eps=eps, min_samples=self.min_samples).fit(rows, sample_weight=weights).labels_
        return labels.astype(np.int64), _means(rows, weights, labels)


class DifficultyMeanShift(ImprovedMeanShift):
    """Plain MeanShift: one round, no trimming; clusters smaller than `min_size` are outliers.

    Same bandwidth rule as the improved one, so that a comparison is about trimming and repeating.
    """

    def __init__(
        self,
        quantile: float = 0.1,
        max_bandwidth: float | None = None,
        min_size: int = 10,
        *,
        bandwidth: float | None = None,
        max_iter: int = 300,
        max_seeds: int = 10_000,
    ) -> None:
        super().__init__(
            quantile,
            max_bandwidth,
            min_size,
            bandwidth=bandwidth,
            trim=False,
            max_iter=max_iter,
            max_seeds=max_seeds,
        )


class ImprovedKMeans(_KMeansClusterer):
    """KMeans with a search for the number of clusters and with outliers.

    The number of clusters is the largest on a grid of candidates whose smallest cluster still has
    `min_size` questions. Questions further than `outlier_factor` times the mean distance to the own
    centre from every centre are outliers, and so are the members of clusters that this leaves with
    fewer than `min_size` questions.

    Parameters
    ----------
    min_size : int
        Questions that the smallest cluster needs.
    outlier_factor : float
        Distance of outliers, in mean intra-cluster distances.
    max_clusters : int
        Largest number tried.
    n_init : int
        Starts.
    random_state : int
        Seed of the starts.
    """

    def __init__(
        self,
        min_size: int = 10,
        outlier_factor: float = 2.0,
        max_clusters: int = 64,
        n_init: int = 1,
        random_state: int = 0,
    ) -> None:
        self.min_size = min_size
        self.outlier_factor = outlier_factor
        self.max_clusters = max_clusters
        self.n_init = n_init
        self.random_state = random_state

    def _cluster(self, rows: FloatArray, weights: IntArray) -> tuple[IntArray, FloatArray]:
        labels, centres = self._search(rows, weights)
        _, distance = nearest(rows, centres)
        limit = self.outlier_factor * float(np.average(distance, weights=weights))
        labels = np.where(distance > limit + 1e-9, OUTLIER, labels)
        sizes = _sizes(labels, weights, len(centres))
        kept = np.flatnonzero(sizes >= self.min_size)
        number = np.full(len(centres) + 1, OUTLIER, dtype=np.int64)
        number[kept] = np.arange(len(kept))
        return number[labels], centres[kept]

    def _search(self, rows: FloatArray, weights: IntArray) -> tuple[IntArray, FloatArray]:
        most = min(self.max_clusters, len(rows), max(int(weights.sum()) // self.min_size, 1))
        candidates = _candidates(most)
        known = [k for k in candidates if k in getattr(self, "start_", {})]
        if known:  # a replicate: the search of the questions it is drawn from ended at the smallest of these
            candidates = [k for k in candidates if k <= 1.5 * known[0]]
        for k in reversed(candidates):
            labels, centres = self._kmeans(rows, weights, k)
            if _sizes(labels, weights, len(centres)).min() >= self.min_size:
                return labels, centres
        return np.zeros(len(rows), dtype=np.int64), np.average(rows, axis=0, weights=weights)[None]


def _candidates(most: int) -> list[int]:
    """Numbers of clusters 2, 3, 4, 6, 8, 11, … up to `most`, about sqrt(2) apart."""
    grid = {round(2 ** (j / 2)) for j in range(2, 2 * max(most, 2))}
    return sorted(k for k in grid if k <= most)


def _sizes(labels: IntArray, weights: IntArray, n_clusters: int) -> FloatArray:
    inside = labels != OUTLIER
    return np.bincount(labels[inside], weights=weights[inside], minlength=n_clusters)


def _means(rows: FloatArray, weights: IntArray, labels: IntArray) -> FloatArray:
    names = np.unique(labels[labels != OUTLIER])
    means = [np.average(rows[labels == k], axis=0, weights=weights[labels == k]) for k in names]
    return np.array(means).reshape(len(names), rows.shape[1])
