"""Sums of weighted points in balls, over a k-d tree: the inner loop of MeanShift.

scikit-learn builds the tree; a compiled loop walks it for one ball after the other, adds up whole branches that lie
inside and compares the points of the leaves on the ball's surface. Memory grows with the points alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from sklearn.neighbors import KDTree

type FloatArray = npt.NDArray[np.float64]

_LEAF = 64
"""Room for points in a leaf: a constant, for which the compiler unrolls its loops."""
_DEPTH = 64
"""Branches that wait to be visited; more than the depth of any tree."""


def _cached(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call, and keep the machine code on disk if there is a place for it."""
    options: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"reassoc", "contract", "nsz"}}
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # numba finds no folder that it may write to
        compiled = numba.njit(**options)(function)
    return compiled


@_cached
def _ball_sums(  # type: ignore[no-untyped-def]
    centres, squared_radius, lower, upper, totals, coordinates, weights, sums
):
    """Add weight times point, and weight, of the points in each ball to `sums` [ball, dimension + 1]."""
    dimensions = centres.shape[1]
    first_leaf = np.uint64(len(totals) // 2)
    waiting = np.empty(_DEPTH, np.uint64)
    distance, inside = np.empty(_LEAF), np.empty(_LEAF)
    for ball in range(len(centres)):
        centre, total = centres[ball], sums[ball]
        waiting[0] = 0
        n_waiting = 1
        while n_waiting:
            n_waiting -= 1
            node = waiting[n_waiting]
            nearest = farthest = 0.0
            for j in range(dimensions):
                below, above = lower[node, j] - centre[j], centre[j] - upper[node, j]
                gap, reach = max(below, above, 0.0), max(-below, -above)
                nearest += gap * gap
                farthest += reach * reach
            if nearest > squared_radius:
                continue
            if farthest <= squared_radius:
                for j in range(dimensions + 1):
                    total[j] += totals[node, j]
                continue
            if node < first_leaf:
                waiting[n_waiting], waiting[n_waiting + 1] = 2 * node + 2, 2 * node + 1
                n_waiting += 2
                continue
            points, weight = coordinates[node - first_leaf], weights[node - first_leaf]
            for i in range(_LEAF):
                distance[i] = 0.0
            for j in range(dimensions):
                of, axis = centre[j], points[j]
                for i in range(_LEAF):
                    difference = axis[i] - of
                    distance[i] += difference * difference
            mass = 0.0
            for i in range(_LEAF):
                share = weight[i] if distance[i] <= squared_radius else 0.0
                inside[i] = share
                mass += share
            if mass == 0.0:
                continue
            total[dimensions] += mass
            for j in range(dimensions):
                added, axis = 0.0, points[j]
                for i in range(_LEAF):
                    added += axis[i] * inside[i]
                total[j] += added


class WeightedPoints:
    """Points with weights, indexed for sums over balls.

    Parameters
    ----------
    points : [point, dimension]
    weights : [point]
        Positive.
    """

    def __init__(self, points: FloatArray, weights: npt.ArrayLike) -> None:
        mass = np.asarray(weights, dtype=float)
        _, order, nodes, bounds = KDTree(points, leaf_size=_LEAF // 2 - 1).get_arrays()
        self._lower, self._upper = np.ascontiguousarray(bounds[0]), np.ascontiguousarray(bounds[1])
        leaves = nodes[len(nodes) // 2 :]
        begin, size = leaves["idx_start"], leaves["idx_end"] - leaves["idx_start"]
        leaf = np.repeat(np.arange(len(leaves)), size)
        place = np.arange(len(points)) - begin[leaf]
        self._coordinates = np.zeros((len(leaves), points.shape[1], _LEAF))
        self._coordinates[leaf, :, place] = points[order]
        self._weights = np.zeros((len(leaves), _LEAF))  # of an empty place it stays 0
        self._weights[leaf, place] = mass[order]
        level = np.column_stack([np.einsum("ldp,lp->ld", self._coordinates, self._weights), self._weights.sum(axis=1)])
        levels = [level]
        while len(level) > 1:
            level = level[0::2] + level[1::2]
            levels.append(level)
        self._totals = np.concatenate(levels[::-1])

    def within(self, centres: FloatArray, radius: float) -> tuple[FloatArray, FloatArray]:
        """Weighted mean of the points within `radius` of each centre, and their weight.

        Parameters
        ----------
        centres : [ball, dimension]
        radius
            Points at this distance are inside.

        Returns
        -------
        tuple of arrays
            Means [ball, dimension], the centre itself where the ball is empty; weights [ball].
        """
        sums = np.zeros((len(centres), centres.shape[1] + 1))
        balls = np.ascontiguousarray(centres, dtype=float), radius**2
        points = self._lower, self._upper, self._totals, self._coordinates, self._weights
        try:
            _ball_sums(*balls, *points, sums)
        except OSError:  # the disk is too full to keep the machine code; it is in memory all the same
            _ball_sums(*balls, *points, sums)
        mass = sums[:, -1]
        means = np.array(centres, dtype=float)
        found = mass > 0
        means[found] = sums[found, :-1] / mass[found, None]
        return means, mass
