"""The plainest baseline: the last rung's score, unchanged."""

from __future__ import annotations

from collections.abc import Sequence

from bayes_cod.published.base import ScoreMethod, last_rung
from bayes_cod.published.problems import ScoreProblem, Solution


class LastRung(ScoreMethod):
    """The target scores what the largest rung scored."""

    name = "last-rung"
    min_rungs = 1

    def solve_many(self, problems: Sequence[ScoreProblem], start: Solution | None = None) -> list[Solution]:
        """Take the last scores."""
        return [last_rung(problem) for problem in problems]
