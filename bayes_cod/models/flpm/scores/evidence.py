"""From a ladder to what the score stage is fitted on: scores of runs beside the losses of their validation domains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence

type FloatArray = NDArray[np.float64]

LEAST_SPREAD = 1e-3
NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution in median absolute deviations."""

UNLEARNT_SHARE, MOST_SHARE = 0.02, 0.995
"""Shares of what is above chance: a score below the first says no more than that the task was not learnt."""

UNLEARNT = float(np.log(UNLEARNT_SHARE / (1 - UNLEARNT_SHARE)))

SAME_SIZE = 0.1
"""Decades of compute to which sizes of runs are rounded."""


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
        """Median log loss ``(domain,)``."""
        return np.asarray(np.median(self.log_loss, axis=0))

    @property
    def spread(self) -> FloatArray:
        """Spread of log loss by its median absolute deviation ``(domain,)``: few far mixtures do not count."""
        return np.asarray(np.maximum(NORMAL_MAD * np.median(np.abs(self.log_loss - self.centre), axis=0), LEAST_SPREAD))

    def falls(self, log_loss: FloatArray) -> FloatArray:
        """Falls of log loss below the runs' median, in units of the spread: larger is better.

        A rise counts by its logarithm: models that hardly know a domain differ little in its tasks.
        """
        falls = (self.centre - log_loss) / self.spread
        return np.asarray(np.where(falls > 0, falls, -np.log1p(np.maximum(-falls, 0.0))))

    @property
    def logit(self) -> FloatArray:
        """Logit of the share of what is above the floor ``(run, benchmark)``."""
        above = (self.score - self.chance) / (1 - self.chance)
        return np.asarray(logit(np.clip(above, UNLEARNT_SHARE, MOST_SHARE)))

    @property
    def learnt(self) -> NDArray[np.bool_]:
        """Whether a score is above the floor ``(run, benchmark)``."""
        return np.asarray(self.logit > UNLEARNT + 1e-9)

    def unlearnt_scores(self, benchmark: int) -> FloatArray:
        """Scores of the runs that had not learnt a benchmark, by its number."""
        score = self.score[:, benchmark]
        return np.asarray(score[np.isfinite(score) & ~self.learnt[:, benchmark]])

    @property
    def sizes(self) -> FloatArray:
        """Distinct sizes of runs, as decades of compute, increasing; what is close counts as one."""
        return np.unique(np.round(self.log_compute / np.log(10.0) / SAME_SIZE)) * SAME_SIZE

    def steps(self, log_compute: FloatArray) -> FloatArray:
        """How far down the walk along size points lie ``(point, step)``.

        The walk starts at 0 at the largest size and goes down; each step counts minus the square root of its decades.
        Beyond the largest size nothing is known of it (see `ahead`).
        """
        sizes = self.sizes
        if len(sizes) == 1:
            return np.zeros((len(log_compute), 1))
        gaps = np.diff(sizes)
        at = np.clip(np.asarray(log_compute)[:, None] / np.log(10.0), sizes[0], sizes[-1])
        passed = np.clip((sizes[1:] - at) / gaps, 0.0, 1.0)
        return np.asarray(-passed * np.sqrt(gaps))

    def ahead(self, log_compute: FloatArray) -> FloatArray:
        """Decades of compute beyond the largest size, at least 0 ``(point,)``."""
        return np.asarray(np.maximum(np.asarray(log_compute) / np.log(10.0) - self.sizes[-1], 0.0))


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
