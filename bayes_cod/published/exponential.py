"""End-to-end exponential: one law for a benchmark's mean score."""

from __future__ import annotations

from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.fitting import MIN_RUNGS_FOR_CEILING, chance_level, fit_laws
from bayes_cod.published.problems import ScoreProblem, Solution


class Exponential(ScoreMethod):
    """``y = g + (1 - g) exp(-a C^-b - c)`` on the benchmark's scores, g fixed at chance (0 if unknown).

    With three rungs or fewer g = c = 0, so that two parameters are left. Bounded least squares.
    """

    name = "exponential"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit a, b and c."""
        law = fit_laws(
            problem.x,
            problem.score[None, :],
            free_c=len(problem) >= MIN_RUNGS_FOR_CEILING,
            chance=chance_level(problem),
            n_starts=3,
        )[0]
        return Solution(
            predict=lambda target: float(law(problem.decades([target.flops]))[0]),
            fitted=law(problem.x),
            n_params=law.n_params,
        )
