"""Curves that are linear in two of their parameters: ``y = g + A E(theta)``, E a rising basis of two parameters.

The cluster law, the sigmoid in compute and the sigmoid from loss to score are such curves. For given theta the best
(g, A) under ``0 <= g``, ``0 <= A`` and ``g + A <= 1`` is known in closed form, so that only theta is searched (variable
projection; the Jacobian is Kaufman's). Golub and Pereyra, "The differentiation of pseudo-inverses and nonlinear least
squares problems whose variables separate", SIAM Journal on Numerical Analysis 10 (1973).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bayes_cod.published.least_squares import solve_together
from bayes_cod.published.problems import FloatArray, IntArray

type Basis = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""From theta [problem, 2] to the basis [problem, point] and its derivative [problem, point, 2]."""

MOST_LEVEL = 0.999
"""Largest level g where it is fitted."""
TIE = 1e-11
"""Sums of squares that differ by less count as equal: a few millionths of a score at every rung."""
_TINY = 1e-12


@dataclass(frozen=True)
class LinearPart:
    """What is known of the level g and the scale A before the fit.

    Attributes
    ----------
    level : float, optional
        Fixed level; fitted in [0, 0.999] if not given.
    free_scale : bool
        Fit A within [`least_scale`, 1 - g]; otherwise ``A = 1 - g``.
    least_scale : float
        Lower end of A where the level is fixed.
    """

    level: float | None
    free_scale: bool
    least_scale: float = 0.0

    @property
    def n_params(self) -> int:
        """Linear parameters that are fitted."""
        return int(self.level is None) + int(self.free_scale)

    def solve(
        self, n: int, e_mean: FloatArray, e_var: FloatArray, y_mean: FloatArray, y_var: FloatArray, cov: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, IntArray]:
        """Best (g, A), the residual sum of squares, and which of them are free at the optimum.

        Parameters
        ----------
        n
            Points of a problem.
        e_mean, e_var, y_mean, y_var, cov
            Means, sums of squared deviations and sum of crossed deviations of basis and data; they broadcast.

        Returns
        -------
        g, A, rss, kind
            `kind` is 0 where neither is free, 1 where A is, 2 where g is along ``g + A = 1``, 3 where both are.
        """

        def rss(g: FloatArray, scale: FloatArray) -> FloatArray:
            gap = y_mean - g - scale * e_mean
            return np.asarray(np.maximum(y_var - 2 * scale * cov + scale**2 * e_var, 0.0) + n * gap**2)

        e_square, cross = e_var + n * e_mean**2, cov + n * e_mean * y_mean
        shape = np.broadcast_shapes(np.shape(cov), np.shape(e_mean))
        if self.level is not None:
            g = np.full(shape, self.level)
            most = 1 - self.level
            if not self.free_scale:
                scale = np.full(shape, most)
                return g, scale, rss(g, scale), np.zeros(shape, dtype=np.int64)
            free = (cross - n * self.level * e_mean) / (e_square + _TINY**2)
            scale = np.clip(free, self.least_scale, most)
            return g, scale, rss(g, scale), (scale == free).astype(np.int64)
        # edge g + A = 1: y - E = g (1 - E)
        rest = n - 2 * n * e_mean + e_square
        free = (n * y_mean - n * e_mean - cross + e_square) / (rest + _TINY**2)
        g = np.clip(free, 0.0, MOST_LEVEL)
        scale = 1 - g
        cost, kind = rss(g, scale), np.where(g == free, 2, 0)
        if not self.free_scale:
            return g, scale, cost, kind
        free = cross / (e_square + _TINY**2)  # edge g = 0
        edge = np.clip(free, 0.0, 1.0)
        edge_cost = rss(np.zeros(shape), edge)
        lower = edge_cost < cost
        g, scale, cost = np.where(lower, 0.0, g), np.where(lower, edge, scale), np.where(lower, edge_cost, cost)
        kind = np.where(lower, (edge == free).astype(np.int64), kind)
        flat = np.clip(y_mean + 0 * cost, 0.0, MOST_LEVEL)  # edge A = 0
        flat_cost = rss(flat, np.zeros(shape))
        lower = flat_cost < cost
        g, scale, cost = np.where(lower, flat, g), np.where(lower, 0.0, scale), np.where(lower, flat_cost, cost)
        kind = np.where(lower, 0, kind)
        inner = cov / np.where(e_var > 1e-14, e_var, np.inf)
        inner_g = y_mean - inner * e_mean
        inside = (inner_g >= 0) & (inner >= 0) & (inner_g + inner <= 1) & (inner_g <= MOST_LEVEL)
        inner_cost = np.where(inside, rss(inner_g, inner), np.inf)
        lower = inner_cost <= cost
        return (
            np.where(lower, inner_g, g),
            np.where(lower, inner, scale),
            np.where(lower, inner_cost, cost),
            np.where(lower, 3, kind).astype(np.int64),
        )

    def at(self, basis: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
        """Best g, A and `kind` [problem] of `solve` for a basis and data [problem, point]."""
        e_mean, y_mean = basis.mean(axis=1), y.mean(axis=1)
        e, d = basis - e_mean[:, None], y - y_mean[:, None]
        e_var, y_var, cov = ((p * q).sum(axis=1) for p, q in ((e, e), (d, d), (e, d)))
        g, scale, _, kind = self.solve(y.shape[1], e_mean, e_var, y_mean, y_var, cov)
        return g, scale, kind


def scan(linear: LinearPart, basis: FloatArray, y: FloatArray) -> FloatArray:
    """Residual sums of squares [problem, candidate] of data [problem, point] at candidate bases [candidate, point]."""
    e_mean = basis.mean(axis=1)
    centred = basis - e_mean[:, None]
    e_var = (centred**2).sum(axis=1)
    y_mean = y.mean(axis=1)
    d = y - y_mean[:, None]
    y_var = (d**2).sum(axis=1)
    costs = np.empty((len(y), len(basis)))
    for first in range(0, len(y), 32):  # rows at a time that stay in the processor's cache
        rows = slice(first, first + 32)
        columns = (y_mean[rows, None], y_var[rows, None], d[rows] @ centred.T)
        costs[rows] = linear.solve(y.shape[1], e_mean, e_var, *columns)[2]
    return costs


def best_starts(cost: FloatArray, n_columns: int, n_starts: int, apart: int) -> IntArray:
    """Numbers of the cheapest grid points [problem, start], each in a column of its own, cheapest first.

    Of columns that cost the same but for `TIE` the first is taken: data that leave a slope open (a jump between two
    rungs) get the least slope that fits them, and not one that rounding chose.

    Parameters
    ----------
    cost : [problem, candidate]
        Candidates are a grid [row, column], flattened.
    n_columns
        Columns of the grid.
    n_starts
        Points asked for.
    apart
        Columns on either side of a chosen point that are passed over.
    """
    table = cost.reshape(len(cost), -1, n_columns)
    per_column, cheapest = table.argmin(axis=1), table.min(axis=1)
    rows, columns = np.arange(len(cost)), np.arange(n_columns)
    chosen = np.empty((len(cost), n_starts), dtype=np.int64)
    for start in range(n_starts):
        at = (cheapest <= cheapest.min(axis=1, keepdims=True) * (1 + 1e-9) + TIE).argmax(axis=1)
        chosen[:, start] = per_column[rows, at] * n_columns + at
        cheapest = np.where(np.abs(columns - at[:, None]) <= apart, np.inf, cheapest)
    return chosen


def refine(
    linear: LinearPart, basis: Basis, y: FloatArray, start: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Fit theta from given starts, (g, A) in closed form.

    Parameters
    ----------
    linear
        What is known of g and A.
    basis
        The curve.
    y : [problem, point]
        Data.
    start : [problem, 2]
        Starts.
    lower, upper : [2]
        Bounds of theta.

    Returns
    -------
    theta [problem, 2], g, A, rss [problem]
    """

    def model(theta: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
        e, slope = basis(theta)
        data = y[which]
        g, scale, kind = linear.at(e, data)
        residual = g[:, None] + scale[:, None] * e - data
        return residual, _project(scale[:, None, None] * slope, e, kind)

    theta, rss = solve_together(model, start, lower, upper)
    g, scale, _ = linear.at(basis(theta)[0], y)
    return theta, g, scale, rss


def _project(jacobian: FloatArray, basis: FloatArray, kind: IntArray) -> FloatArray:
    """Jacobian without what the free linear parameters take up."""
    centre = basis.mean(axis=1, keepdims=True)
    both = (kind == 3)[:, None]
    direction = np.where(both, basis - centre, np.where((kind == 2)[:, None], 1 - basis, basis))
    direction = np.where((kind == 0)[:, None], 0.0, direction)
    size = np.sqrt((direction**2).sum(axis=1, keepdims=True))
    direction = direction / np.where(size > _TINY, size, np.inf)
    shift = np.where(both[:, :, None], jacobian.mean(axis=1, keepdims=True), 0.0)
    jacobian = jacobian - shift
    return np.asarray(jacobian - direction[:, :, None] * (direction[:, None, :] @ jacobian))


def first_of_the_best(rss: FloatArray) -> IntArray:
    """Place in the flattened `rss` [problem, start] of each problem's best start; of equal ones the first."""
    least = rss.min(axis=1, keepdims=True)
    best = np.argmax(rss <= least * (1 + 1e-6) + TIE, axis=1)
    return np.asarray(np.arange(len(rss)) * rss.shape[1] + best, dtype=np.int64)
