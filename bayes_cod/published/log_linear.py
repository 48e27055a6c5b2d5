"""Methods that are a straight line after a transform of score and compute: pass rate, direct, FP."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from bayes_cod import laws
from bayes_cod.published.base import ScoreMethod, last_rung
from bayes_cod.published.problems import FloatArray, ScoreProblem, Solution

EMERGENCE_MARGIN = 0.05
"""Score above chance, a fraction, from which a benchmark counts as emerged."""


def line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Intercept and slope of the least-squares line; slope 0 where all x are equal, as for repeats of one run."""
    if np.ptp(x) == 0:
        return float(y.mean()), 0.0
    slope, intercept = np.polyfit(x, y, 1)
    return float(intercept), float(slope)


def _line_solution(
    problem: ScoreProblem,
    transformed: FloatArray,
    inverse: Callable[[FloatArray], FloatArray],
    used: np.ndarray | None = None,
) -> Solution:
    """A line in decades of compute through the transformed scores of the rungs in `used`."""
    mask = np.ones(len(problem), dtype=bool) if used is None else used
    intercept, slope = line(problem.x[mask], transformed[mask])
    return Solution(
        predict=lambda target: float(inverse(intercept + slope * problem.decades([target.flops]))[0]),
        fitted=inverse(intercept + slope * problem.x),
        n_params=2,
        facts={} if mask.all() else {"rungs_used": int(mask.sum())},
    )


class _Line(ScoreMethod):
    """A method that is one line."""

    @abstractmethod
    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit the line."""

    def solve_many(self, problems: Sequence[ScoreProblem], start: Solution | None = None) -> list[Solution]:
        """Fit one line a problem."""
        return [self.solve(problem) for problem in problems]


class PassRate(_Line):
    """End-to-end pass rate: ``-log p = a C^-b``, p the mean pass rate over the trials.

    A line through ``log(-log p)`` against log C by least squares. No chance level and no ceiling. Pass rates of 0 and 1
    are moved by half a question.
    """

    name = "passrate"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit the line."""
        transformed = np.log(-np.log(problem.clip(problem.score)))
        return _line_solution(problem, transformed, lambda z: np.exp(-np.exp(z)))


class Direct(_Line):
    """Direct power law on the chance-corrected log score, ``-log Q' = a C^-b``, ``Q' = (Q - g) / (1 - g)``.

    Only rungs more than 0.05 above chance are used, as published; where fewer than two are, the last rung is left
    unchanged.
    """

    name = "direct"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit the line to the emerged rungs."""
        used = problem.score > problem.chance + EMERGENCE_MARGIN
        if used.sum() < self.min_rungs:
            return last_rung(problem, f"{int(used.sum())} rungs are {EMERGENCE_MARGIN} above chance, 2 needed")
        corrected = np.clip(laws.remove_chance(problem.score, problem.chance), problem.margin, 1 - problem.margin)
        return _line_solution(
            problem,
            np.log(-np.log(corrected)),
            lambda z: np.asarray(laws.remove_chance_inverse(np.exp(-np.exp(z)), problem.chance)),
            used,
        )


class FP(_Line):
    """FLOPs to performance: a power law ``score = k C^s`` by a line through log score against log C."""

    name = "fp"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit the line."""
        transformed = np.log(np.maximum(problem.score, problem.margin))
        return _line_solution(problem, transformed, np.exp)
