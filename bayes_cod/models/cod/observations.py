"""What Bayesian COD sees of a family at benchmark level: scores as counts of effective trials along the axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Counts, Ladder
from bayes_cod.models.cod.axis import Axis
from bayes_cod.models.cod.marginal import MISSING
from bayes_cod.models.cod.path import FLOOR_SHARE, seen_through_scores
from bayes_cod.models.cod.priors import Priors

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

MIN_RUNGS = 2
UNKNOWN_SIZE = 250
"""Questions that a benchmark is taken to have where nobody says: few, so that its scores count as imprecise."""
AT_FLOOR = 0.01
"""How far above its floor a score still counts as at the floor."""
MOST_TRIALS = 200_000
MOST_GAINED = 10
"""How many times more than their number trials can count, where questions are all but always right or wrong."""


@dataclass(frozen=True)
class Observations:
    """Scores of one family's rungs.

    Attributes
    ----------
    family
        Its name.
    axis
        Its axis; rungs below are in the axis's order.
    rungs
        Rows of `Ladder.models` in that order.
    benchmarks
        Names, shape ``(benchmark,)``.
    chance
        Score of a random guesser, shape ``(benchmark,)``; NaN where unknown.
    n_trials, n_correct
        Effective trials behind each score and successes, shape ``(benchmark, rung)``; no trials where a score is
        missing. A score of a fixed set of questions is as precise as that of so many trials of one question.
    ahead
        Effective trials that a target is evaluated with, shape ``(benchmark,)``.
    floor
        Lower end of each benchmark's path, shape ``(benchmark,)``.
    theta, variance
        What each score says of the path (`path.seen_through_scores`), shape ``(benchmark, rung)``.
    notes
        What was assumed.
    """

    family: str
    axis: Axis
    rungs: pd.DataFrame
    benchmarks: tuple[str, ...]
    chance: FloatArray
    n_trials: IntArray
    n_correct: IntArray
    ahead: IntArray
    floor: FloatArray
    theta: FloatArray
    variance: FloatArray
    notes: tuple[str, ...] = ()

    @classmethod
    def empty(cls) -> Observations:
        """A family without results, from which a model takes the form of its data."""
        axis = Axis("nominal", np.zeros(1, dtype=np.int64), np.zeros(1), np.zeros(1), None, 0.0)
        none = np.zeros((1, 1), dtype=np.int64)
        unseen = np.full((1, 1), MISSING)
        return cls("", axis, pd.DataFrame(), ("",), np.zeros(1), none, none, none[0], np.zeros(1), 0 * unseen, unseen)

    @property
    def score(self) -> FloatArray:
        """Observed scores, shape ``(benchmark, rung)``; NaN where missing."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.n_correct / self.n_trials


def observe(ladder: Ladder, prior: Priors) -> Observations:
    """Scores of a ladder's rungs.

    Raises
    ------
    InputError
        With fewer than two rungs, or without any score.
    """
    rungs = ladder.rungs()
    if len(rungs) < MIN_RUNGS:
        raise InputError(
            f"ladder '{ladder.name}' has {len(rungs)} evaluated final model(s) with known compute; this method needs "
            f"{MIN_RUNGS} or more"
        )
    axis = Axis.of(rungs)
    rungs = rungs.iloc[axis.order].reset_index(drop=True)
    names = [str(name) for name in rungs["model"]]
    table = ladder.observed_scores
    table = table[table["model"].isin(names)].dropna(subset=["score"])
    if table.empty:
        raise InputError(f"ladder '{ladder.name}' has no scores and no counts of questions; this method needs either")
    trials = _effective_trials(ladder, table)
    by_score, by_trials = (
        table.assign(n=trials).pivot_table(index="benchmark", columns="model", values=value).reindex(columns=names)
        for value in ("score", "n")
    )
    benchmarks = tuple(str(name) for name in by_score.index)
    score = np.asarray(by_score.to_numpy(dtype=float))
    n = np.asarray(np.nan_to_num(by_trials.to_numpy(dtype=float)).round().astype(np.int64))
    if np.nanmin(score) < 0 or np.nanmax(score) > 1:
        raise InputError(f"ladder '{ladder.name}' has scores outside [0, 1]; give fractions")
    correct = np.nan_to_num(score * n).round().astype(np.int64)
    chance = np.array([ladder.chance(name) for name in benchmarks])
    floor = FLOOR_SHARE * np.nan_to_num(chance)
    theta, variance = seen_through_scores(correct, n, floor, prior.level_mean, prior.level_sd)
    variance = np.where(_implied(correct, n, floor), np.inf, variance)
    unknown = sorted(set(table.loc[table["n_questions"].isna(), "benchmark"]))
    notes: tuple[str, ...] = ()
    if unknown:
        notes = (
            f"number of questions unknown for {', '.join(unknown)}: taken as {UNKNOWN_SIZE}, which widens intervals",
        )
    return Observations(
        family=str(rungs["family"].iloc[-1]),
        axis=axis,
        rungs=rungs,
        benchmarks=benchmarks,
        chance=chance,
        n_trials=n,
        n_correct=correct,
        ahead=np.array([row[row > 0][-1] for row in n]),
        floor=floor,
        theta=theta,
        variance=np.minimum(variance, MISSING),
        notes=notes,
    )


def _effective_trials(ladder: Ladder, table: pd.DataFrame) -> FloatArray:
    """Trials of one question that would be as precise as each score, shape ``(row of table,)``."""
    questions = table["n_questions"].fillna(UNKNOWN_SIZE).to_numpy(dtype=float)
    total = questions * table["n_trials"].to_numpy(dtype=float)
    if ladder.items is not None:
        within = _variance_within(ladder, table)
        score = table["score"].to_numpy(dtype=float)
        score = (score * total + 0.5) / (total + 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            precise = score * (1 - score) / within
        total = np.where(np.isfinite(within), np.clip(precise, total, MOST_GAINED * total), total)
    return np.asarray(np.clip(total, 1, MOST_TRIALS))


def _variance_within(ladder: Ladder, table: pd.DataFrame) -> FloatArray:
    """Variance of each score from its trials, its questions fixed; NaN where questions had one trial each."""
    found: dict[tuple[str, str], float] = {}
    for benchmark, rows in table.groupby("benchmark"):
        models = [str(name) for name in rows["model"]]
        counts = ladder.counts(str(benchmark), models, common=False)
        variance = variance_of_score(counts)
        found |= {(str(benchmark), model): float(v) for model, v in zip(models, variance, strict=True)}
    return np.array([found[str(b), str(m)] for b, m in zip(table["benchmark"], table["model"], strict=True)])


def variance_of_score(counts: Counts) -> FloatArray:
    """Variance of the mean of a model's pass rates from its trials, shape ``(model,)``; NaN with single trials."""
    n, p = counts.n_trials.astype(float), np.nan_to_num(counts.pass_rate)
    several = n > 1
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(several, p * (1 - p) / (n - 1), 0.0)
        questions, usable = (n > 0).sum(axis=0), several.sum(axis=0)
        return np.where(usable > 0.9 * questions, each.sum(axis=0) / usable / questions, np.nan)


def _implied(correct: IntArray, n: IntArray, floor: FloatArray) -> NDArray[np.bool_]:
    """Scores at the floor that are followed by another one there, shape ``(benchmark, rung)``.

    A score at the floor says that the path is far below it, no more; of several in a row, from the smallest rung on,
    the last says so of the others too. Taken each as seen, they would say that the path is flat.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        score = correct / n
    low = (n == 0) | (score < floor[:, None] + AT_FLOOR)
    so_far = np.logical_and.accumulate(low, axis=1)
    later = np.zeros_like(so_far)
    for rung in range(n.shape[1] - 1):
        later[:, rung] = ((n > 0) & so_far)[:, rung + 1 :].any(axis=1)
    return so_far & later & (n > 0)
