"""Improved MeanShift: clusters of bounded radius and minimum size, with outliers (COD, Algorithm 1).

Each round runs flat-kernel MeanShift on the questions that have no cluster yet, drops members
further from their centre than the bandwidth, dissolves clusters that are too small, and ends when a
round adds no cluster. The work is done on unique rows with weights and in blocks of neighbouring
seeds, which gives the partition of the row-by-row algorithm in a small part of its time.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClusterMixin

from bayes_cod.difficulty.vectors import FloatArray, IntArray, zero_mask
from bayes_cod.errors import InputError

OUTLIER = -1
"""Label of questions that belong to no cluster."""

_TIE = 1e-9
"""Relative tolerance on distances: points at exactly the bandwidth, common on a grid, are inside."""
_STOP = 1e-3
"""A seed rests when a step is shorter than this share of the bandwidth (as in scikit-learn)."""
_BLOCK = 64
"""Seeds that share one list of candidate neighbours."""
_CHUNK = 512
"""Rows of a distance matrix held at a time."""


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """Squared Euclidean distances [a, b] between the rows of two arrays, never negative."""
    cross = a @ b.T
    cross *= -2
    cross += np.einsum("ij,ij->i", a, a)[:, None]
    cross += np.einsum("ij,ij->i", b, b)[None, :]
    return np.maximum(cross, 0.0, out=cross)


def canonical_rows(vectors: FloatArray) -> tuple[FloatArray, IntArray, IntArray]:
    """Sorted unique rows, their multiplicities, and for each row the index of its unique row."""
    rows, inverse, weights = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
    return rows, weights.astype(np.int64), inverse.reshape(-1).astype(np.int64)


def estimate_radius(rows: FloatArray, weights: IntArray, quantile: float, cap: float) -> float:
    """Mean distance to the k-th nearest question, k = quantile x questions, at most `cap`.

    Equals ``min(sklearn.cluster.estimate_bandwidth(X, quantile=quantile), cap)`` with the rows
    repeated by their weights; stops as soon as the sum shows that the cap applies.
    """
    total = int(weights.sum())
    k = max(int(total * quantile), 1)
    distance_sum = 0.0
    everyone = np.repeat(rows, weights, axis=0)
    for start in range(0, len(rows), _CHUNK):
        d2 = squared_distances(rows[start : start + _CHUNK], everyone)
        kth = np.partition(d2, k - 1, axis=1)[:, k - 1]
        distance_sum += float(np.sqrt(kth) @ weights[start : start + _CHUNK])
        if distance_sum >= cap * total:
            return cap
    return min(distance_sum / total, cap)


def _blocks(points: FloatArray) -> list[IntArray]:
    """Indices of `points` in groups of at most `_BLOCK` neighbours, by recursive median splits."""
    pending = [np.arange(len(points), dtype=np.int64)]
    done = []
    while pending:
        index = pending.pop()
        if len(index) <= _BLOCK:
            done.append(index)
            continue
        axis = int(np.argmax(np.ptp(points[index], axis=0)))
        order = index[np.argsort(points[index, axis], kind="stable")]
        half = len(order) // 2
        pending += [order[half:], order[:half]]
    return done


def _shift(
    positions: FloatArray, rows: FloatArray, weights: FloatArray, radius: float
) -> tuple[FloatArray, FloatArray]:
    """Mean of the questions within `radius` of each position, and their number (0: not moved)."""
    moved, mass = positions.copy(), np.zeros(len(positions))
    reach2 = (radius * (1 + _TIE)) ** 2
    weighted = np.column_stack([rows * weights[:, None], weights])
    blocks = _blocks(positions)
    centres = np.array([positions[index].mean(axis=0) for index in blocks])
    to_centre = np.sqrt(squared_distances(centres, rows))
    for index, centre, distance in zip(blocks, centres, to_centre, strict=True):
        block = positions[index]
        spread = float(np.sqrt(((block - centre) ** 2).sum(axis=1).max()))
        near = np.flatnonzero(distance <= (radius + spread) * (1 + 1e-6) + 1e-6)
        inside = (squared_distances(block, rows[near]) <= reach2).astype(float)
        sums = inside @ weighted[near]
        found = sums[:, -1] > 0
        moved[index[found]] = sums[found, :-1] / sums[found, -1:]
        mass[index] = sums[:, -1]
    return moved, mass


def flat_mean_shift(rows: FloatArray, weights: IntArray, radius: float, max_iter: int = 300) -> FloatArray:
    """Modes of a flat-kernel MeanShift that starts at every row.

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

    Returns
    -------
    [mode, rung]
        Modes further than `radius` apart, by falling number of questions around them.
    """
    mass_of = weights.astype(float)
    active = rows
    final: list[FloatArray] = []
    final_mass: list[FloatArray] = []
    for step in range(max_iter + 1):
        moved, mass = _shift(active, rows, mass_of, radius)
        rest = np.linalg.norm(moved - active, axis=1) <= _STOP * radius
        if step == max_iter:
            rest[:] = True
        final.append(moved[rest])
        final_mass.append(mass[rest])
        if rest.all():
            break
        active = np.unique(moved[~rest], axis=0)
    centres, mass = np.concatenate(final), np.concatenate(final_mass)
    order = np.lexsort((*centres.T[::-1], mass))[::-1]
    return _drop_near_duplicates(centres[order], radius)


def _drop_near_duplicates(centres: FloatArray, radius: float) -> FloatArray:
    """Centres kept greedily from the first on, dropping later ones within `radius` of a kept one."""
    kept = []
    remaining = centres
    while len(remaining):
        kept.append(remaining[0])
        far = ((remaining - remaining[0]) ** 2).sum(axis=1) > (radius * (1 + _TIE)) ** 2
        remaining = remaining[far]
    return np.array(kept).reshape(-1, centres.shape[1])


def nearest(rows: FloatArray, centres: FloatArray) -> tuple[IntArray, FloatArray]:
    """Index of, and distance to, the nearest centre of each row."""
    d2 = squared_distances(rows, centres)
    index = d2.argmin(axis=1)
    return index.astype(np.int64), np.linalg.norm(rows - centres[index], axis=1)


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
    ) -> None:
        self.quantile = quantile
        self.max_bandwidth = max_bandwidth
        self.min_size = min_size
        self.bandwidth = bandwidth
        self.trim = trim
        self.max_iter = max_iter

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
        if passed.any():
            rows, weights, inverse = canonical_rows(vectors[passed])
            self.bandwidth_ = self.radius_ = self._radius(rows, weights)
            labels[passed] = self._rounds(rows, weights)[inverse]
        self.labels_ = labels
        return self

    def _check_settings(self) -> None:
        if not 0 < self.quantile <= 1:
            raise InputError(f"quantile must be in (0, 1], got {self.quantile}.")
        if self.min_size < 1:
            raise InputError(f"min_size must be 1 or more, got {self.min_size}.")
        for name in ("max_bandwidth", "bandwidth"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} must be positive, got {value}.")

    def _radius(self, rows: FloatArray, weights: IntArray) -> float:
        if self.bandwidth is not None:
            return self.bandwidth
        cap = np.sqrt(rows.shape[1]) / 10 if self.max_bandwidth is None else self.max_bandwidth
        radius = estimate_radius(rows, weights, self.quantile, float(cap))
        # more than a `quantile` of the questions may share one vector each: any small radius will do
        return radius if radius > 0 else float(np.finfo(float).eps)

    def _rounds(self, rows: FloatArray, weights: IntArray) -> IntArray:
        labels = np.full(len(rows), OUTLIER, dtype=np.int64)
        while True:
            self.n_rounds_ += 1
            free = np.flatnonzero(labels == OUTLIER)
            if not len(free):
                return labels
            centres = flat_mean_shift(rows[free], weights[free], self.radius_, self.max_iter)
            index, distance = nearest(rows[free], centres)
            if self.trim:
                index[distance > self.radius_ * (1 + _TIE)] = OUTLIER
            inside = index != OUTLIER
            sizes = np.bincount(index[inside], weights=weights[free][inside], minlength=len(centres))
            kept = np.flatnonzero(sizes >= self.min_size)
            if not len(kept):
                return labels
            number = np.full(len(centres) + 1, OUTLIER, dtype=np.int64)  # the last entry is OUTLIER's
            number[kept] = len(self.cluster_centers_) + np.arange(len(kept))
            labels[free] = number[index]
            self.cluster_centers_ = np.concatenate([self.cluster_centers_, centres[kept]])
            if not self.trim:
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
