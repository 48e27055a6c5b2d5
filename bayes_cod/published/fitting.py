"""Bounded least squares for the cluster law, by a grid of starts and a polish.

In decades x from the largest rung the law is ``y = g + A exp(-exp(alpha - beta x))`` with
``A = (1 - g) exp(-c)``: for given (alpha, beta) it is linear in (g, A). Every point of a grid of (alpha, beta)
is therefore solved in closed form, for all clusters at once, and the best ones are polished with
`scipy.optimize.least_squares`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares, minimize_scalar

from bayes_cod import laws
from bayes_cod.published.problems import FloatArray, ScoreProblem

ALPHA_GRID = np.linspace(-6.0, 4.0, 41)
BETA_GRID = np.concatenate([[0.0], np.geomspace(0.03, 8.0, 31)])
BOUNDS = {"alpha": (-12.0, 8.0), "beta": (0.0, 12.0), "c": (0.0, 20.0), "g": (0.0, 0.999)}

MIN_RUNGS_FOR_CEILING = 4
"""Rungs from which the ceiling c is fitted and the chance level used; with fewer the law is exp(-a C^-b)."""


def chance_level(problem: ScoreProblem) -> float:
    """Level g where it is not fitted: chance, or 0 on ladders of three rungs or fewer.

    A curve of two parameters that starts at chance explodes when the first rung happens to score chance or less.
    """
    return problem.chance if len(problem) >= MIN_RUNGS_FOR_CEILING else 0.0


@dataclass(frozen=True)
class LawFit:
    """Cluster law with its parameters, in decades from the largest rung.

    Attributes
    ----------
    alpha, beta, c, g
        Parameters of `laws.cod_decades`.
    n_params
        How many of them were free.
    rss
        Residual sum of squares.
    """

    alpha: float
    beta: float
    c: float
    g: float
    n_params: int
    rss: float

    def __call__(self, x: FloatArray) -> FloatArray:
        """Score at compute `x`, in decades from the largest rung."""
        return np.asarray(laws.cod_decades(np.asarray(x, dtype=float), self.alpha, self.beta, self.c, self.g))


def minimise_on_grid(cost: Callable[[float], float], grid: FloatArray) -> float:
    """Minimum of a function of one positive variable: the best grid point, refined between its neighbours.

    Parameters
    ----------
    cost
        Function to minimise.
    grid : [point]
        Positive values in increasing order.
    """
    best = int(np.argmin([cost(float(value)) for value in grid]))
    low, high = (float(np.log(grid[i])) for i in (max(best - 1, 0), min(best + 1, len(grid) - 1)))
    found = minimize_scalar(
        lambda z: cost(float(np.exp(z))), bounds=(low, high), method="bounded", options={"xatol": 1e-7}
    )
    return float(np.exp(found.x))


def fit_laws(
    x: FloatArray,
    y: FloatArray,
    *,
    free_c: bool,
    chance: float | None,
    n_starts: int = 2,
) -> list[LawFit]:
    """Least-squares fits of the cluster law, one a row of `y`.

    Parameters
    ----------
    x : [rung]
        Compute in decades from the largest rung.
    y : [cluster, rung]
        Mean pass rates.
    free_c : bool
        Fit c >= 0; otherwise c = 0.
    chance : float, optional
        Fixed level g of a random guesser; fitted in [0, 1) if not given.
    n_starts : int
        Grid points that are polished, at different values of beta.

    Returns
    -------
    list of LawFit
    """
    alpha, beta = (grid.ravel() for grid in np.meshgrid(ALPHA_GRID, BETA_GRID, indexing="ij"))
    basis = np.exp(-np.exp(alpha[:, None] - beta[:, None] * x))
    rss, g, scale = _linear_part(basis, y, free_c, chance)
    fits = []
    for row, cost in enumerate(rss):
        best: LawFit | None = None
        for start in _starts(cost, n_starts):
            fit = _polish(x, y[row], (alpha[start], beta[start], g[row, start], scale[row, start]), free_c, chance)
            if best is None or fit.rss < best.rss:
                best = fit
            if best.rss < 1e-16:
                break
        assert best is not None
        fits.append(best)
    return fits


def _starts(cost: FloatArray, n_starts: int) -> list[int]:
    """Best grid points, each at its own value of beta, cheapest first."""
    table = cost.reshape(len(ALPHA_GRID), len(BETA_GRID))
    per_beta = table.argmin(axis=0)
    order = np.argsort(table[per_beta, np.arange(len(BETA_GRID))], kind="stable")
    chosen: list[int] = []
    for b in order:
        if all(abs(int(b) - c % len(BETA_GRID)) > 3 for c in chosen):
            chosen.append(int(per_beta[b]) * len(BETA_GRID) + int(b))
        if len(chosen) == n_starts:
            break
    return chosen


def _linear_part(
    basis: FloatArray, y: FloatArray, free_c: bool, chance: float | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Best (g, A) and residual sum of squares, [cluster, grid] each, under 0 <= g, 0 <= A <= 1 - g."""
    n = y.shape[1]
    s_e, s_ee = basis.sum(axis=1), (basis**2).sum(axis=1)
    s_y, s_yy, s_ye = y.sum(axis=1)[:, None], (y**2).sum(axis=1)[:, None], y @ basis.T

    def rss(g: FloatArray, scale: FloatArray) -> FloatArray:
        value = s_yy + n * g**2 + scale**2 * s_ee + 2 * g * scale * s_e - 2 * g * s_y - 2 * scale * s_ye
        return np.asarray(np.maximum(value, 0.0))

    tiny = 1e-12
    candidates: list[tuple[FloatArray, FloatArray]] = []
    if chance is not None:
        g = np.full(s_ye.shape, chance)
        most = 1 - chance
        scale = np.clip((s_ye - g * s_e) / (s_ee + tiny), 0.0, most) if free_c else np.full(s_ye.shape, most)
        candidates.append((g, scale))
    else:
        # edge g + A = 1 (c = 0): y - E = g (1 - E)
        g = np.clip((s_y - s_e - s_ye + s_ee) / (n - 2 * s_e + s_ee + tiny), 0.0, BOUNDS["g"][1])
        candidates.append((g, 1 - g))
        if free_c:
            scale = np.clip(s_ye / (s_ee + tiny), 0.0, 1.0)  # edge g = 0
            candidates.append((np.zeros_like(scale), scale))
            determinant = n * s_ee - s_e**2
            safe = np.where(determinant > 1e-10, determinant, np.inf)
            scale = (n * s_ye - s_e * s_y) / safe
            g = (s_y - scale * s_e) / n
            inside = (g >= 0) & (scale >= 0) & (g + scale <= 1)
            candidates.append((np.where(inside, g, candidates[0][0]), np.where(inside, scale, candidates[0][1])))
    costs = np.stack([rss(*pair) for pair in candidates])
    pick = costs.argmin(axis=0)[None]
    gs, scales = (np.stack([pair[i] for pair in candidates]) for i in (0, 1))
    cost, g, scale = (np.take_along_axis(values, pick, axis=0)[0] for values in (costs, gs, scales))
    return cost, g, scale


def _polish(
    x: FloatArray,
    y: FloatArray,
    start: tuple[float, float, float, float],
    free_c: bool,
    chance: float | None,
) -> LawFit:
    alpha, beta, g0, scale = start
    c0 = -np.log(max(scale, 1e-8) / max(1 - g0, 1e-8)) if free_c else 0.0
    free = [True, True, free_c, chance is None]
    full = np.array([alpha, beta, max(c0, 0.0), g0])
    low, high = (np.array([BOUNDS[k][i] for k in ("alpha", "beta", "c", "g")])[free] for i in (0, 1))

    def unpack(theta: FloatArray) -> FloatArray:
        values = full.copy()
        values[free] = theta
        return values

    def residual(theta: FloatArray) -> FloatArray:
        return np.asarray(laws.cod_decades(x, *unpack(theta)) - y)

    def jacobian(theta: FloatArray) -> FloatArray:
        a, b, c, g = unpack(theta)
        z = np.exp(a - b * x)
        p = np.exp(-z - c)
        columns = np.stack([-(1 - g) * p * z, (1 - g) * p * z * x, -(1 - g) * p, 1 - p], axis=1)
        return columns[:, free]

    inside = np.clip(full[free], low + 1e-9, high - 1e-9)
    found = least_squares(
        residual, inside, jacobian, bounds=(low, high), xtol=1e-10, ftol=1e-10, gtol=1e-10, max_nfev=200
    )
    values = unpack(found.x)
    final_alpha, final_beta, c, g = (float(value) for value in values)
    return LawFit(final_alpha, final_beta, c, g, sum(free), float(2 * found.cost))
