"""One sigmoid in log compute for a benchmark's score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayes_cod import laws
from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.fitting import MIN_RUNGS_FOR_CEILING, chance_level
from bayes_cod.published.problems import FloatArray, ScoreProblem, Solution
from bayes_cod.published.separable import LinearPart, best_starts, first_of_the_best, refine, scan

SLOPES, MIDS = np.geomspace(0.1, 20.0, 24), np.linspace(-6.0, 8.0, 57)
"""Grid of slopes a decade and points of inflexion, in decades, that the search starts from."""
N_STARTS = 3
LOWER, UPPER = np.array([0.0, -12.0]), np.array([20.0, 12.0])


class SigmoidOfCompute(ScoreMethod):
    """``y = g + (h - g) / (1 + exp(-k (x - x0)))``, x in decades, g fixed at chance.

    The ceiling h is fitted in (g, 1] with four rungs or more; with fewer g = 0 and h = 1. k >= 0.
    Bounded least squares from several starts.
    """

    name = "sigmoid"

    def solve_many(self, problems: Sequence[ScoreProblem], start: Solution | None = None) -> list[Solution]:
        """Fit k, x0 and the ceiling of each problem."""
        first = problems[0]
        x, chance = first.x, chance_level(first)
        linear = LinearPart(chance, len(first) >= MIN_RUNGS_FOR_CEILING, least_scale=min(0.01, 0.99 - chance))
        y = np.stack([problem.score for problem in problems])

        def basis(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
            gap = x - theta[:, 1:]
            p = laws.sigmoid(theta[:, :1] * gap)
            slope = p * (1 - p)
            return p, np.stack([slope * gap, -slope * theta[:, :1]], axis=2)

        grid = np.stack([part.ravel() for part in np.meshgrid(SLOPES, MIDS)], axis=1)
        starts = best_starts(scan(linear, basis(grid)[0], y), len(SLOPES), N_STARTS, apart=3)
        theta, level, scale, rss = refine(
            linear, basis, np.repeat(y, N_STARTS, axis=0), grid[starts.ravel()], LOWER, UPPER
        )
        best = first_of_the_best(rss.reshape(len(y), N_STARTS))
        return [
            _solution(problem, theta[i], float(level[i]), float(level[i] + scale[i]), 2 + linear.n_params)
            for problem, i in zip(problems, best, strict=True)
        ]


def _solution(problem: ScoreProblem, theta: FloatArray, low: float, high: float, n_params: int) -> Solution:
    def curve(x: FloatArray) -> FloatArray:
        return np.asarray(laws.sigmoid_of_log_compute(x, low, high, theta[0], theta[1]))

    return Solution(
        predict=lambda target: float(curve(problem.decades([target.flops]))[0]),
        fitted=curve(problem.x),
        n_params=n_params,
    )
