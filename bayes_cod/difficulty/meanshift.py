"""Improved MeanShift: clusters of bounded radius and minimum size, with outliers (COD, Algorithm 1).

Each round runs flat-kernel MeanShift on the questions that have no cluster yet, drops members
further from their centre than the bandwidth, dissolves clusters that are too small, and ends when a
round adds no cluster. The work is done on unique rows with weights over a spatial index, which gives
the partition of the row-by-row algorithm in a small part of its time and with memory for the rows alone.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from sklearn.base import BaseEstimator, ClusterMixin

from bayes_cod.difficulty.balls import WeightedPoints
from bayes_cod.difficulty.vectors import FloatArray, IntArray, zero_mask
from bayes_cod.errors import InputError

OUTLIER = -1
"""Label of questions that belong to no cluster."""

_TIE = 1e-9
"""Relative tolerance on distances: points at exactly the bandwidth, common on a grid, are inside."""
_STOP = 1e-3
"""A seed rests when a step is shorter than this share of the bandwidth (as in scikit-learn)."""
_FEW = 1e-3
"""A round on a sample that gives fewer than this share of the questions a cluster is the last."""
_DECIMALS = 12
"""To which positions and distances count as equal, so that rounding of sums never decides a tie."""
_AT_ONCE = 4_000_000
"""Distances held at a time."""


def canonical_rows(vectors: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Sorted unique rows, their multiplicities, and for each row the index of its unique row."""
    order = np.lexsort(vectors.T[::-1])
    ordered = vectors[order]
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    inverse = np.empty(len(ordered), dtype=np.int64)
    inverse[order] = np.cumsum(first) - 1
    return ordered[first], np.bincount(inverse).astype(np.int64), inverse


def sample_rows(rows: FloatArray, weights: IntArray, most: int) -> tuple[FloatArray, IntArray]:
    """At most `most` of the rows with their weights, the same ones at each call."""
    if len(rows) <= most:
        return rows, weights
    drawn = np.sort(np.random.default_rng(0).choice(len(rows), most, replace=False))
    return rows[drawn], weights[drawn]


def estimate_radius(rows: FloatArray, weights: IntArray, quantile: float, cap: float) -> float:
    """Mean distance to the k-th nearest question, k = quantile x questions, at most `cap`.

    Equals ``min(sklearn.cluster.estimate_bandwidth(X, quantile=quantile), cap)`` with the rows
    repeated by their weights; stops as soon as the sum shows that the cap applies.
    """
    total = int(weights.sum())
    k = max(int(total * quantile), 1)
    everyone, count = (np.repeat(rows, weights, axis=0), None) if total <= 4 * len(rows) else (rows, weights)
    distance_sum = 0.0
    chunk = max(_AT_ONCE // len(everyone), 1)
    for start in range(0, len(rows), chunk):
        squared = _squared_distances(rows[start : start + chunk], everyone)
        distance_sum += float(np.sqrt(_kth_smallest(squared, count, k)) @ weights[start : start + chunk])
        if distance_sum >= cap * total:
            return cap
    return min(distance_sum / total, cap)


def _squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared Euclidean distances [a, b] between the rows of two arrays, never negative."""
    cross = a @ b.T
    cross *= -2
    cross += np.einsum("ij,ij->i", a, a)[:, None]
    cross += np.einsum("ij,ij->i", b, b)[None, :]
    return np.maximum(cross, 0.0, out=cross)


def _kth_smallest(values: FloatArray, count: IntArray | None, k: int) -> FloatArray:
    """The k-th smallest entry of each row; columns are counted as often as `count` says, else once."""
    if count is None:
        return np.asarray(np.partition(values, k - 1, axis=1)[:, k - 1])
    order = np.argsort(values, axis=1)
    place = (np.cumsum(count[order], axis=1) < k).sum(axis=1)
    return np.asarray(values[np.arange(len(values)), order[np.arange(len(values)), place]])


def flat_mean_shift(
    rows: FloatArray, weights: IntArray, radius: float, max_iter: int = 300, seeds: FloatArray | None = None
) -> FloatArray:
    """Modes of a flat-kernel MeanShift.

    Parameters
    ----------
    rows : [row, rung]
        Unique difficulty vectors.
    weights : [row]
        Number of questions with each vector.
    radius : float
        Bandwidth.
    max_iter : int
        Steps after which a seed rests wherever it is.
    seeds : [seed, rung], optional
        Where to start; at every row if not given.

    Returns
    -------
    [mode, rung]
        Modes further than `radius` apart, by falling number of questions around them.
    """
    points = WeightedPoints(rows, weights)
    active = rows if seeds is None else seeds
    final: list[FloatArray] = []
    final_mass: list[FloatArray] = []
    for step in range(max_iter + 1):
        moved, mass = points.within(active, radius * (1 + _TIE))
        rest = np.linalg.norm(moved - active, axis=1) <= _STOP * radius
        if step == max_iter:
            rest[:] = True
        final.append(moved[rest])
        final_mass.append(mass[rest])
        if rest.all():
            break
        active = canonical_rows(moved[~rest])[0]
    centres, mass = np.concatenate(final), np.concatenate(final_mass)
    order = np.lexsort((*centres.round(_DECIMALS).T[::-1], mass))[::-1]
    return _drop_near_duplicates(centres[order], radius)


def _drop_near_duplicates(centres: FloatArray, radius: float) -> FloatArray:
    """Centres kept greedily from the first on, dropping later ones within `radius` of a kept one."""
    tree = cKDTree(centres)
    kept = np.ones(len(centres), dtype=bool)
    for place, centre in enumerate(centres):
        if kept[place]:
            kept[tree.query_ball_point(centre, radius * (1 + _TIE))] = False
            kept[place] = True
    return centres[kept]


def nearest(rows: FloatArray, centres: FloatArray, within: float = np.inf) -> tuple[IntArray, FloatArray]:
    """Index of, and distance to, the nearest centre of each row, the first of equally near ones.

    `OUTLIER` and infinity where none is nearer than `within`.
    """
    distance, index = cKDTree(centres).query(rows, k=2, distance_upper_bound=within)
    tied = distance[:, 1] <= distance[:, 0] + 10.0**-_DECIMALS
    first = np.where(tied, index.min(axis=1), index[:, 0])
    return np.where(np.isfinite(distance[:, 0]), first, OUTLIER).astype(np.int64), distance[:, 0]


class ImprovedMeanShift(ClusterMixin, BaseEstimator):
    """Clusters of questions no wider than a bandwidth and no smaller than `min_size`.

    ``R = min(estimate_bandwidth(X, quantile), max_bandwidth)`` is found once, from all questions
    with a pass. Deterministic, and independent of the order of the rows.

    Parameters
    ----------
    quantile : float
        Share of the questions whose distance sets the bandwidth, in (0, 1].
    max_bandwidth : float, optional
        Cap on the bandwidth; ``sqrt(n_rungs) / 10`` if not given, a tenth of the longest distance.
    min_size : int
        Questions a cluster needs.
    bandwidth : float, optional
        The bandwidth itself; overrides `quantile` and `max_bandwidth`.
    trim : bool
        Drop members further than the bandwidth from their centre, and go on in rounds. False is
        the plain MeanShift, one round, whose members may lie further out.
    max_iter : int
        Steps of one seed in one round.
    max_seeds : int
        Distinct vectors up to which every one is a seed, as in the paper. Of more, a sample of this many gives the
        bandwidth and, moved over the sample first, the seeds; these are then moved over all vectors, and rounds end
        when they find a cluster for fewer than one in a thousand of the questions.

    Attributes
    ----------
    labels_ : int [question]
        Cluster, numbered from 0 in the order they were found; -1 for outliers, which include all
        questions that no rung ever passed.
    cluster_centers_ : [cluster, rung]
        Modes around which the radius is measured (not the means of the members).
    bandwidth_, radius_ : float
        The bandwidth used; with `trim` no member is further from its centre.
    n_rounds_ : int
        Rounds run, with the last that added nothing.
    sampled_ : bool
        Whether there were more than `max_seeds` distinct vectors.
    """

    def __init__(
        self,
        quantile: float = 0.1,
        max_bandwidth: float | None = None,
        min_size: int = 10,
        *,
        bandwidth: float | None = None,
        trim: bool = True,
        max_iter: int = 300,
        max_seeds: int = 10_000,
    ) -> None:
        self.quantile = quantile
        self.max_bandwidth = max_bandwidth
        self.min_size = min_size
        self.bandwidth = bandwidth
        self.trim = trim
        self.max_iter = max_iter
        self.max_seeds = max_seeds

    def fit(self, X: npt.ArrayLike, y: object = None) -> Self:
        """Cluster difficulty vectors.

        Parameters
        ----------
        X : [question, rung]
            Pass rates, complete.
        y : ignored

        Raises
        ------
        InputError
            If X is not two-dimensional or has missing entries, or a setting is out of range.
        """
        vectors = check_vectors(X)
        self._check_settings()
        labels = np.full(len(vectors), OUTLIER, dtype=np.int64)
        passed = ~zero_mask(vectors)
        self.cluster_centers_ = np.empty((0, vectors.shape[1]))
        self.bandwidth_ = self.radius_ = 0.0
        self.n_rounds_ = 0
        self.sampled_ = False
        if passed.any():
            rows, weights, inverse = canonical_rows(vectors[passed])
            self.sampled_ = len(rows) > self.max_seeds
            self.bandwidth_ = self.radius_ = self._radius(rows, weights)
            labels[passed] = self._rounds(rows, weights)[inverse]
        self.labels_ = labels
        return self

    def _check_settings(self) -> None:
        if not 0 < self.quantile <= 1:
            raise InputError(f"quantile must be in (0, 1], got {self.quantile}.")
        for name in ("min_size", "max_seeds"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be 1 or more, got {getattr(self, name)}.")
        for name in ("max_bandwidth", "bandwidth"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} must be positive, got {value}.")

    def _radius(self, rows: FloatArray, weights: IntArray) -> float:
        if self.bandwidth is not None:
            return self.bandwidth
        cap = np.sqrt(rows.shape[1]) / 10 if self.max_bandwidth is None else self.max_bandwidth
        radius = estimate_radius(*sample_rows(rows, weights, self.max_seeds), self.quantile, float(cap))
        # more than a `quantile` of the questions may share one vector each: any small radius will do
        return radius if radius > 0 else float(np.finfo(float).eps)

    def _modes(self, rows: FloatArray, weights: IntArray) -> FloatArray:
        if len(rows) <= self.max_seeds:
            return flat_mean_shift(rows, weights, self.radius_, self.max_iter)
        seeds = flat_mean_shift(*sample_rows(rows, weights, self.max_seeds), self.radius_, self.max_iter)
        return flat_mean_shift(rows, weights, self.radius_, self.max_iter, seeds)

    def _rounds(self, rows: FloatArray, weights: IntArray) -> IntArray:
        labels = np.full(len(rows), OUTLIER, dtype=np.int64)
        while True:
            self.n_rounds_ += 1
            free = np.flatnonzero(labels == OUTLIER)
            if not len(free):
                return labels
            centres = self._modes(rows[free], weights[free])
            index, _ = nearest(rows[free], centres, self.radius_ * (1 + _TIE) if self.trim else np.inf)
            inside = index != OUTLIER
            sizes = np.bincount(index[inside], weights=weights[free][inside], minlength=len(centres))
            kept = np.flatnonzero(sizes >= self.min_size)
            if not len(kept):
                return labels
            number = np.full(len(centres) + 1, OUTLIER, dtype=np.int64)  # the last entry is OUTLIER's
            number[kept] = len(self.cluster_centers_) + np.arange(len(kept))
            labels[free] = number[index]
            self.cluster_centers_ = np.concatenate([self.cluster_centers_, centres[kept]])
            enough = sizes[kept].sum() >= _FEW * weights.sum() or len(free) <= self.max_seeds
            if not (self.trim and enough):
                return labels


def check_vectors(X: npt.ArrayLike) -> FloatArray:
    """Difficulty vectors as a complete float array [question, rung].

    Raises
    ------
    InputError
        If X is not two-dimensional, is empty or has entries that are not finite.
    """
    vectors = np.asarray(X, dtype=float)
    if vectors.ndim != 2 or 0 in vectors.shape:
        raise InputError(f"difficulty vectors must be a [question, rung] array, got shape {vectors.shape}.")
    if not np.isfinite(vectors).all():
        question, rung = np.argwhere(~np.isfinite(vectors))[0]
        raise InputError(f"question {question} has no pass rate at rung {rung}; fill it (fill_missing) or drop it.")
    return vectors
