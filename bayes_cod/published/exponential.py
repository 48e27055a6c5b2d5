"""End-to-end exponential: one law for a benchmark's mean score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.fitting import MIN_RUNGS_FOR_CEILING, LawFit, chance_level, fit_laws
from bayes_cod.published.problems import ScoreProblem, Solution


class Exponential(ScoreMethod):
    """``y = g + (1 - g) exp(-a C^-b - c)`` on the benchmark's scores, g fixed at chance (0 if unknown).

    With three rungs or fewer g = c = 0, so that two parameters are left. Bounded least squares.
    """

    name = "exponential"

    def solve_many(self, problems: Sequence[ScoreProblem], start: Solution | None = None) -> list[Solution]:
        """Fit a, b and c of each problem."""
        first = problems[0]
        fits = fit_laws(
            first.x,
            np.stack([problem.score for problem in problems]),
            free_c=len(first) >= MIN_RUNGS_FOR_CEILING,
            chance=chance_level(first),
            n_starts=3,
        )
        return [_solution(problem, law) for problem, law in zip(problems, fits, strict=True)]


def _solution(problem: ScoreProblem, law: LawFit) -> Solution:
    return Solution(
        predict=lambda target: float(law(problem.decades([target.flops]))[0]),
        fitted=law(problem.x),
        n_params=law.n_params,
    )
