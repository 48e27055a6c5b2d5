"""One sigmoid in log compute for a benchmark's score."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from bayes_cod import laws
from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.fitting import MIN_RUNGS_FOR_CEILING, chance_level
from bayes_cod.published.problems import FloatArray, ScoreProblem, Solution


class SigmoidOfCompute(ScoreMethod):
    """``y = g + (h - g) / (1 + exp(-k (x - x0)))``, x in decades, g fixed at chance.

    The ceiling h is fitted in (g, 1] with four rungs or more; with fewer g = 0 and h = 1. k >= 0.
    Bounded least squares from several starts.
    """

    name = "sigmoid"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit k, x0 and the ceiling."""
        x, y, chance = problem.x, problem.score, chance_level(problem)
        free_ceiling = len(problem) >= MIN_RUNGS_FOR_CEILING
        low = np.array([0.0, -12.0, min(chance + 0.01, 0.99)])
        high = np.array([20.0, 12.0, 1.0])
        size = 3 if free_ceiling else 2

        def curve(theta: FloatArray, at: FloatArray) -> FloatArray:
            ceiling = theta[2] if free_ceiling else 1.0
            return np.asarray(laws.sigmoid_of_log_compute(at, chance, ceiling, theta[0], theta[1]))

        def residual(theta: FloatArray) -> FloatArray:
            return curve(theta, x) - y

        def jacobian(theta: FloatArray) -> FloatArray:
            ceiling = theta[2] if free_ceiling else 1.0
            p = laws.sigmoid(theta[0] * (x - theta[1]))
            slope = (ceiling - chance) * p * (1 - p)
            return np.stack([slope * (x - theta[1]), -slope * theta[0], p], axis=1)[:, :size]

        best = None
        for slope in (1.0, 4.0):
            for mid in (-0.7, 0.5, 2.0):
                start = np.array([slope, mid, float(np.clip(y.max() + 0.1, low[2] + 1e-6, 1 - 1e-6))])[:size]
                found = least_squares(
                    residual,
                    start,
                    jacobian,
                    bounds=(low[:size], high[:size]),
                    xtol=1e-9,
                    ftol=1e-9,
                    max_nfev=200,
                )
                if best is None or found.cost < best.cost:
                    best = found
                if best.cost < 1e-16:
                    break
        assert best is not None
        theta = best.x
        return Solution(
            predict=lambda target: float(curve(theta, problem.decades([target.flops]))[0]),
            fitted=curve(theta, x),
            n_params=size,
        )
