"""Bounded least squares for the cluster law, by a grid of starts and a polish.

In decades x from the largest rung the law is ``y = g + A exp(-exp(alpha - beta x))`` with
``A = (1 - g) exp(-c)``: for given (alpha, beta) it is linear in (g, A). Every point of a grid of (alpha, beta)
is therefore solved in closed form, and the best ones are polished, for all clusters at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from bayes_cod import laws
from bayes_cod.published.problems import FloatArray, ScoreProblem
from bayes_cod.published.separable import LinearPart, best_starts, first_of_the_best, refine, scan

ALPHA_GRID = np.linspace(-6.0, 4.0, 41)
BETA_GRID = np.concatenate([[0.0], np.geomspace(0.03, 8.0, 31)])
LOWER, UPPER = np.array([-12.0, 0.0]), np.array([8.0, 12.0])
"""Bounds of (alpha, beta)."""
MOST_C = 20.0
"""Largest c; the ceiling is then g."""

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
    linear = LinearPart(chance, free_c)
    alpha, beta = (grid.ravel() for grid in np.meshgrid(ALPHA_GRID, BETA_GRID, indexing="ij"))
    grid = np.stack([alpha, beta], axis=1)

    def basis(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        z = np.exp(theta[:, :1] - theta[:, 1:] * x)
        e = np.exp(-z)
        return e, np.stack([-e * z, e * z * x], axis=2)

    starts = best_starts(scan(linear, basis(grid)[0], y), len(BETA_GRID), n_starts, apart=3)
    theta, g, scale, rss = refine(linear, basis, np.repeat(y, n_starts, axis=0), grid[starts.ravel()], LOWER, UPPER)
    n_params = 2 + linear.n_params
    fits = []
    for i in first_of_the_best(rss.reshape(len(y), n_starts)):
        c = min(max(float(-np.log(max(scale[i], 1e-300) / (1 - g[i]))), 0.0), MOST_C)
        fits.append(LawFit(float(theta[i, 0]), float(theta[i, 1]), c, float(g[i]), n_params, float(rss[i])))
    return fits
