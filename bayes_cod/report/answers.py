"""What a report says first: the scores, how far they are extrapolated, and the chance of what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.forecasts.record import RUNG, Record, last_scores
from bayes_cod.ladder import Target
from bayes_cod.report.numbers import flops, multiple, number, probability, rounded

NEAR_CHANCE = 0.02
"""A benchmark is at chance where no rung is farther above it than this, or than two standard errors of a score."""
SHOWN = 5
"""Sentences on the first screen; the others are folded."""


@dataclass(frozen=True)
class Answer:
    """What is forecast of one target and benchmark; scores are fractions.

    Attributes
    ----------
    target, benchmark
        Which.
    median, low90, high90
        Observed score; bounds are NaN for a method without intervals.
    today, today_model
        Score of the largest rung that has one, and that rung's name.
    above_today
        Probability of a higher score than today's; NaN for a method without intervals.
    whose
        Whose score that is, in words.
    threshold, reaches
        What the user asked for, and the probability of that score or more; NaN where nothing was asked.
    chance, at_chance
        A random guesser's score, and whether no rung is above it.
    truth
        Where it is known, else NaN.
    """

    target: str
    benchmark: str
    median: float
    low90: float
    high90: float
    today: float
    today_model: str
    whose: str
    above_today: float
    threshold: float
    reaches: float
    chance: float
    at_chance: bool
    truth: float

    @property
    def head(self) -> str:
        """Benchmark and score."""
        return f"{self.benchmark}: {self._points(self.median)}"

    @property
    def rest(self) -> str:
        """The rest of the sentence that begins with `head`."""
        parts = [f", with 90\u202f% probability {self._points(self.low90)} to {self._points(self.high90)}"]
        if np.isnan(self.low90):
            parts = [" (a method without intervals)"]
        if not np.isnan(self.today):
            parts.append(f"; {self.whose} has {self._points(self.today)}")
        if not np.isnan(self.threshold):
            parts.append(f"; probability of {100 * self.threshold:g} or more: {probability(self.reaches)}")
        elif not np.isnan(self.above_today):
            parts.append(f"; probability of more than that: {probability(self.above_today)}")
        if not np.isnan(self.truth):
            parts.append(f"; it scored {self._points(self.truth)}")
        if self.at_chance:
            parts.append(f". No rung is above chance ({self._points(self.chance)}), so nothing shows when it will rise")
        return "".join(parts) + "."

    @property
    def sentence(self) -> str:
        """The whole answer in words."""
        return self.head + self.rest

    def _points(self, fraction: float) -> str:
        return rounded(fraction, 1.0 if np.isnan(self.low90) else self.high90 - self.low90)

    def as_json(self) -> dict[str, Any]:
        """As JSON holds it: fractions, None where unknown."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            name: None if isinstance(value, float) and np.isnan(value) else value for name, value in fields.items()
        } | {"sentence": self.sentence}


@dataclass(frozen=True)
class TargetAnswers:
    """The answers of one target, and how far it is.

    Attributes
    ----------
    target, flops
        Its name and compute.
    distance
        How far beyond the largest rung, in words.
    decades
        The same as a number.
    answers
        The first are shown, as many as `shown`; others are folded.
    shown
        How many.
    """

    target: str
    flops: float
    distance: str
    decades: float
    answers: tuple[Answer, ...]
    shown: int


def make_answers(record: Record, thresholds: Mapping[str, float] | None = None) -> list[TargetAnswers]:
    """Everything that the first screen answers, for every target.

    Parameters
    ----------
    record
        A forecast that was made.
    thresholds
        Score that is asked for, a fraction, by benchmark; a name without sampling setting means all its settings. Left
        out: those that the forecast was made with (its setting `thresholds`), if any.

    Raises
    ------
    InputError
        For a threshold outside 0 to 1 or of a benchmark that was not forecast.
    """
    asked = matched(wanted(record, thresholds), record.benchmarks)
    order = benchmark_order(record, asked)
    shown = max(SHOWN // len(record.targets), min(len(asked), 3), 1)
    return [
        TargetAnswers(
            target.name,
            target.flops,
            distance(record, target),
            record.decades(target),
            tuple(_answer(record, target.name, name, asked.get(name, np.nan)) for name in order),
            shown,
        )
        for target in record.targets
    ]


def wanted(record: Record, thresholds: Mapping[str, float] | None) -> Mapping[str, float]:
    """Thresholds that were given, or else those that the forecast was made with."""
    return (record.settings.get("thresholds") or {}) if thresholds is None else thresholds


def matched(thresholds: Mapping[str, float], benchmarks: list[str]) -> dict[str, float]:
    """Thresholds by the full names of benchmarks.

    Raises
    ------
    InputError
        For a threshold outside 0 to 1 or of an unknown benchmark.
    """
    found: dict[str, float] = {}
    for name, value in thresholds.items():
        if not 0 <= value <= 1:
            raise InputError(f"the threshold of {name} is {value:g}; scores are fractions between 0 and 1")
        own = [full for full in benchmarks if name in (full, full.partition("@")[0])]
        if not own:
            raise InputError(f"the threshold of '{name}' is of no benchmark here; there are: {', '.join(benchmarks)}")
        found |= dict.fromkeys(own, float(value))
    return found


def benchmark_order(record: Record, first: Collection[str] = ()) -> list[str]:
    """Benchmarks as sentences, table and picture have them: by how much the largest target gains on today's score.

    Those at chance, of which nothing is known, come last.

    Parameters
    ----------
    record
        A forecast that was made.
    first
        Benchmarks that come before the others: those that were asked for.
    """
    largest = record.forecast.targets[-1]
    today = last_scores(record, record.benchmarks)

    def place(name: str) -> tuple[bool, bool, float]:
        gain = float(np.median(record.forecast.samples(largest, name))) - today[name]
        return name not in first, at_chance(record, name), 0.0 if np.isnan(gain) else -gain

    return sorted(record.benchmarks, key=place)


def at_chance(record: Record, benchmark: str) -> bool:
    """Whether no rung is above a random guesser's score by more than noise, so that nothing shows a trend."""
    rungs = _rungs(record, benchmark)
    chance = record.chance(benchmark)
    if rungs.empty or np.isnan(chance):
        return False
    noise = 2 * np.sqrt(chance * (1 - chance) / float(rungs["n_questions"].astype(float).max()))
    return bool(rungs["score"].max() <= chance + np.nanmax([NEAR_CHANCE, noise]))


def _rungs(record: Record, benchmark: str) -> pd.DataFrame:
    table = record.observations
    own = table[(table["role"] == RUNG) & (table["benchmark"] == benchmark)]
    return own.sort_values("flops", kind="stable")


def distance(record: Record, target: Target) -> str:
    """How far a target is beyond the largest rung, beside what the ladder itself spans."""
    decades = record.decades(target)
    span = float(np.log10(record.last_flops / record.rungs["flops"].min()))
    text = (
        f"{flops(target.flops)} FLOPs: {multiple(decades)} times the compute of your largest model, "
        f"{record.last_rung} ({number(decades, 2)} decades beyond it; the {len(record.rungs)} rungs span "
        f"{number(span, 2)})."
    )
    if decades > span:
        text += " That is farther than the ladder itself reaches."
    return text


def _answer(record: Record, target: str, benchmark: str, threshold: float) -> Answer:
    draws = record.forecast.samples(target, benchmark)
    known = record.is_distribution
    low, high = record.forecast.interval(target, benchmark, 0.9) if known else (np.nan, np.nan)
    rungs = _rungs(record, benchmark)
    today = float(rungs["score"].iloc[-1]) if len(rungs) else np.nan
    model = str(rungs["model"].iloc[-1]) if len(rungs) else ""
    return Answer(
        target=target,
        benchmark=benchmark,
        median=float(np.median(draws)),
        low90=low,
        high90=high,
        today=today,
        today_model=model,
        whose="your largest model" if model == record.last_rung else f"{model}, the largest that was evaluated on it,",
        above_today=float(np.mean(draws > today)) if known and not np.isnan(today) else np.nan,
        threshold=threshold,
        reaches=float(np.mean(draws >= threshold)) if known and not np.isnan(threshold) else np.nan,
        chance=record.chance(benchmark),
        at_chance=at_chance(record, benchmark),
        truth=record.truth(target, benchmark),
    )
