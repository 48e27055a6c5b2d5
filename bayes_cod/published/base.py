"""The frame of every published method: problems from a ladder, one solution a benchmark, point forecasts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.published.problems import FloatArray, ItemProblem, ScoreProblem, Solution, item_problems, score_problems


class PointMethod[P: ScoreProblem](ABC):
    """A published method: every benchmark on its own, a point forecast, no distribution.

    Attributes
    ----------
    name
        Name in tables and on the command line.
    min_rungs
        Rungs the method needs. Benchmarks with fewer results fall back on the last rung, and the forecast's facts
        say so.
    problems_ : list
        One problem a benchmark, after `fit`.
    solutions_ : list of Solution
        In the order of `problems_`.
    """

    name: str
    min_rungs: int = 2

    problems_: list[P]
    solutions_: list[Solution]

    @abstractmethod
    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[P]:
        """What the method is given, one problem a benchmark."""

    @abstractmethod
    def solve_many(self, problems: Sequence[P], start: Solution | None = None) -> list[Solution]:
        """Fit problems that have the same rungs, at least `min_rungs` of them, each on its own.

        Parameters
        ----------
        problems
            One benchmark, or replicates of one benchmark.
        start
            Fit of the benchmark that the problems are replicates of; methods with a slow search begin there.
        """

    def solve(self, problem: P) -> Solution:
        """Fit one benchmark; the problem has at least `min_rungs` rungs."""
        return self.solve_many([problem])[0]

    def solve_or_fall_back(self, problems: Sequence[P], start: Solution | None = None) -> list[Solution]:
        """Fit problems that have the same rungs, or leave the last rung unchanged where there are too few."""
        if len(problems[0]) < self.min_rungs:
            reason = f"{len(problems[0])} rungs, {self.min_rungs} needed"
            return [last_rung(problem, reason) for problem in problems]
        return self.solve_many(problems, start)

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit every benchmark of a ladder.

        Parameters
        ----------
        ladder
            The family to forecast, cut already applied.
        pool
            Other families; only an anchor is ever taken from it.

        Raises
        ------
        InputError
            If a table or column that the method needs is missing, or the ladder has fewer rungs than it needs.
        """
        n_rungs = len(ladder.rungs())
        if n_rungs < self.min_rungs:
            raise InputError(
                f"the method '{self.name}' needs {self.min_rungs} rungs, but ladder '{ladder.name}' has {n_rungs} "
                "evaluated final models with known compute; add rungs or choose another method"
            )
        self.problems_ = self.problems(ladder, pool)
        if not self.problems_:
            raise InputError(
                f"ladder '{ladder.name}' has no benchmark with the results that '{self.name}' needs; add them"
            )
        self.solutions_ = [self.solve_or_fall_back([problem])[0] for problem in self.problems_]
        return self

    def points(self, targets: Sequence[Target]) -> FloatArray:
        """Point forecasts, [target, benchmark], as fractions within [0, 1]."""
        points = [[solution.predict(target) for solution in self.solutions_] for target in targets]
        return np.asarray(np.clip(np.array(points, dtype=float), 0.0, 1.0))

    def facts(self, targets: Sequence[Target]) -> dict[str, Any]:
        """What must stand beside the forecast."""
        largest = max(problem.flops[-1] for problem in self.problems_)
        by_benchmark = {
            problem.benchmark: solution.facts
            for problem, solution in zip(self.problems_, self.solutions_, strict=True)
            if solution.facts
        }
        return {
            "decades": {target.name: float(np.log10(target.flops / largest)) for target in targets},
            "kind": "point",
            "benchmarks": by_benchmark,
        }

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Forecast targets on every benchmark of the fitted ladder, as one draw."""
        benchmarks = [problem.benchmark for problem in self.problems_]
        return Forecast.from_points(self.points(targets), targets, benchmarks, self.name, self.facts(targets))


class ScoreMethod(PointMethod[ScoreProblem]):
    """A method that sees compute and scores only."""

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[ScoreProblem]:
        """Scores of the rungs, one problem a benchmark."""
        return score_problems(ladder)


class ItemMethod(PointMethod[ItemProblem]):
    """A method that sees counts of questions."""

    anchor: str | None = None
    smooth: bool = False

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[ItemProblem]:
        """Counts of the questions, one problem a benchmark."""
        return item_problems(ladder, self.anchor, pool, smooth=self.smooth)


def last_rung(problem: ScoreProblem, reason: str | None = None) -> Solution:
    """The last rung's score, unchanged."""
    score = float(problem.score[-1])
    return Solution(
        predict=lambda target: score,
        fitted=problem.observations,
        n_params=len(problem.observations),
        facts={} if reason is None else {"fallback": f"last rung unchanged: {reason}"},
    )
