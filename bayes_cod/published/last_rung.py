"""The plainest baseline: the last rung's score, unchanged."""

from __future__ import annotations

from bayes_cod.published.base import ScoreMethod, last_rung
from bayes_cod.published.problems import ScoreProblem, Solution


class LastRung(ScoreMethod):
    """The target scores what the largest rung scored."""

    name = "last-rung"
    min_rungs = 1

    def solve(self, problem: ScoreProblem) -> Solution:
        """Take the last score."""
        return last_rung(problem)
