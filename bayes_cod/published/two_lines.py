"""A guess that every method with intervals has to beat: the score stays, or it goes on rising."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any, Self

import numpy as np

from bayes_cod.forecasts import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.published.problems import ScoreProblem, score_problems

SAMPLES = 1000


class TwoLines:
    """x decades ahead a score is still the last rung's with probability ``exp(-x)``, else anywhere between it and one.

    Nothing is fitted: the guess knows one score, and the distance.

    Parameters
    ----------
    seed
        Seed of the draws.
    """

    name = "two-lines"

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.problems_: list[ScoreProblem] = []

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Look up the last score of every benchmark."""
        fitted = copy(self)
        fitted.problems_ = score_problems(ladder)
        return fitted

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Draw scores of targets; benchmarks of one draw rise together, as far."""
        rng = np.random.default_rng(self.seed)
        rises, share = rng.random((SAMPLES, 1, 1)), rng.random((SAMPLES, 1, 1))
        last = np.array([problem.score[-1] for problem in self.problems_])
        ahead = np.array([[p.decades([target.flops])[0] for p in self.problems_] for target in targets])
        risen = rises > np.exp(-np.maximum(ahead, 0.0))
        scores = np.where(risen, last + share * (1 - last), np.broadcast_to(last, risen.shape))
        facts: dict[str, Any] = {
            "decades": dict(zip([t.name for t in targets], ahead.max(axis=1).tolist(), strict=True))
        }
        benchmarks = [problem.benchmark for problem in self.problems_]
        return Forecast.from_draws(scores, scores, targets, benchmarks, self.name, facts)
