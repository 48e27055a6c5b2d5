"""Question-level results of some models on one benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Counts:
    """Question-level results of some models on one benchmark.

    Attributes
    ----------
    benchmark
        Name of the benchmark.
    questions
        Question ids, shape ``(question,)``.
    models
        Model names in the order asked for, shape ``(model,)``.
    n_trials, n_correct
        Counts, shape ``(question, model)``; 0 trials where a model did not answer.
    chance
        Score of a random guesser, NaN where unknown.
    """

    benchmark: str
    questions: NDArray[np.str_]
    models: tuple[str, ...]
    n_trials: NDArray[np.int64]
    n_correct: NDArray[np.int64]
    chance: float

    @property
    def pass_rate(self) -> NDArray[np.float64]:
        """Pass rates, shape ``(question, model)``; NaN without trials."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.n_correct / self.n_trials

    @property
    def score(self) -> NDArray[np.float64]:
        """Mean pass rate over the questions answered, shape ``(model,)``; NaN where none was."""
        answered = self.n_trials > 0
        total = np.where(answered, self.n_correct / np.maximum(self.n_trials, 1), 0.0).sum(axis=0)
        return np.where(answered.any(axis=0), total / np.maximum(answered.sum(axis=0), 1), np.nan)
