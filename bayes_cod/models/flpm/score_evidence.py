"""From a ladder to what the score stage is fitted on: scores of runs beside the losses of their validation domains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence

type FloatArray = NDArray[np.float64]

SMALLEST_SPREAD = 1e-3


@dataclass(frozen=True)
class ScoreEvidence:
    """What the score stage is fitted on.

    Attributes
    ----------
    models, benchmarks, domains
        Names.
    log_loss
        ``(run, domain)``, natural log.
    score
        ``(run, benchmark)`` as fractions, NaN where a run was not evaluated.
    log_compute
        Natural log of size times tokens ``(run,)``.
    n_trials
        Questions times trials of a benchmark ``(benchmark,)``.
    chance
        Score of a random guesser ``(benchmark,)``; 0 where unknown.
    """

    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    domains: tuple[str, ...]
    log_loss: FloatArray
    score: FloatArray
    log_compute: FloatArray
    n_trials: FloatArray
    chance: FloatArray

    @property
    def centre(self) -> FloatArray:
        """Mean log loss ``(domain,)``."""
        return np.asarray(self.log_loss.mean(axis=0))

    @property
    def spread(self) -> FloatArray:
        """Standard deviation of log loss ``(domain,)``."""
        return np.asarray(np.maximum(self.log_loss.std(axis=0), SMALLEST_SPREAD))

    def falls(self, log_loss: FloatArray) -> FloatArray:
        """Standardised falls of log loss below the runs' mean: larger is better."""
        return np.asarray((self.centre - log_loss) / self.spread)

    def decades(self, log_compute: FloatArray) -> FloatArray:
        """Decades of compute above the runs' mean."""
        return np.asarray((log_compute - self.log_compute.mean()) / np.log(10.0))


def gather_scores(ladder: Ladder, losses: LossEvidence, pool: Ladder | None = None) -> ScoreEvidence:
    """Join final scores with final losses.

    Parameters
    ----------
    ladder
        With scores or items.
    losses
        Evidence of the loss stage; of each run the latest checkpoint counts.
    pool
        Other families, whose runs are used where they have losses in `losses`.

    Raises
    ------
    InputError
        If no run has both.
    """
    tables = [part.observed_scores for part in (ladder, pool) if part is not None]
    scores = pd.concat([table[["model", "benchmark", "score", "n_questions", "n_trials"]] for table in tables])
    scores = scores.drop_duplicates(["model", "benchmark"])
    last: dict[str, int] = {}
    for row in np.argsort(-losses.points.ahead, kind="stable"):
        last[losses.models[row]] = int(row)
    scores = scores[scores["model"].isin(last)]
    benchmarks = [name for name in ladder.benchmark_names if name in set(scores["benchmark"])]
    if not benchmarks:
        raise InputError(
            f"the method 'bayes-flpm' found no run of ladder '{ladder.name}' with both losses and a score; give losses "
            "and scores under the same model names"
        )
    wide = scores.pivot_table(index="model", columns="benchmark", values="score", observed=True)[benchmarks]
    asked = scores.assign(n=scores["n_questions"].fillna(100.0) * scores["n_trials"])
    sizes = asked.groupby("benchmark", observed=True)["n"].median()
    chance = np.array([ladder.chance(name) for name in benchmarks])
    rows = [last[str(model)] for model in wide.index]
    return ScoreEvidence(
        tuple(map(str, wide.index)),
        tuple(benchmarks),
        losses.domains,
        losses.log_loss[rows],
        wide.to_numpy(dtype=float),
        losses.points.log_compute[rows],
        sizes[benchmarks].to_numpy(dtype=float),
        np.nan_to_num(chance),
    )
