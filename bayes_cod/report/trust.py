"""How far to trust a forecast: convergence, track record, share that rests on priors, and what would narrow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from bayes_cod.evaluation.track_record import TrackRecord, track_record
from bayes_cod.forecasts.checks import resting_on_priors, rung_summary
from bayes_cod.forecasts.record import Record
from bayes_cod.ladder.naming import some
from bayes_cod.report.numbers import number, percent, points

Tone = Literal["good", "plain", "warn", "bad"]
HELD_AT_LEAST = 0.8
"""Of 90 % intervals: a track record below is a warning."""


@dataclass(frozen=True)
class Point:
    """One thing that trust rests on.

    Attributes
    ----------
    label
        What it is.
    text
        What was found.
    tone
        good, plain, warn or bad: how it is marked.
    """

    label: str
    text: str
    tone: Tone = "plain"


def trust(record: Record, cells: pd.DataFrame | None = None, narrowing: str = "") -> list[Point]:
    """Everything on the first screen about how far the forecast can be trusted.

    Parameters
    ----------
    record
        A forecast that was made.
    cells
        Cells of back-tests of the method on other models; None where there are none.
    narrowing
        What would narrow the intervals most, where it was studied; else it is said what they are made of.
    """
    found = [_convergence(record), *_track(record, cells), _priors(record), *_rungs(record)]
    if record.is_distribution:
        found.append(Point("Would narrow it most", narrowing or _narrowing(record)))
    return found


def _convergence(record: Record) -> Point:
    table = record.diagnostics
    if table is None:
        return Point(
            "Convergence", f"{record.method} does not sample, so there is nothing that could fail to converge."
        )
    failed = int((~table["passed"].astype(bool)).sum())
    if not record.gate_passed:
        text = f"{failed} of {len(table)} diagnostics failed: do not rely on this forecast."
        return Point("Convergence", text, "bad")
    if failed:
        text = f"The sampler converged for everything reported; {failed} of {len(table)} diagnostics failed elsewhere."
        return Point("Convergence", text, "warn")
    return Point("Convergence", f"The sampler converged: all {len(table)} diagnostics passed.", "good")


def _track(record: Record, cells: pd.DataFrame | None) -> list[Point]:
    label = "Track record"
    if cells is None:
        scaling = record.forecast.facts.get("recalibration")
        text = (
            "None was given: nothing here shows how often this method's intervals held this far out. Back-test "
            f"{record.method} on models whose scores are known, and give that back-test to this report."
        )
        if scaling:
            text = (
                "The intervals are scaled by what they held in a back-test (see Recalibration); how they did at this "
                "very distance is shown once the back-test is given to this report too."
            )
        return [Point(label, text, "warn")]
    found: list[Point] = []
    for target in record.targets:
        decades = record.decades(target)
        name = label if len(record.targets) == 1 else f"{label}, {target.name}"
        counted = track_record(cells, record.method, decades, without=target.name)
        found.append(_counted(name, counted, record.method, decades))
    return found if len({point.text for point in found}) > 1 else [Point(label, found[0].text, found[0].tone)]


def _counted(label: str, counted: TrackRecord | None, method: str, decades: float) -> Point:
    if counted is None:
        return Point(label, f"The back-test given has no forecast by {method}.", "warn")
    if not counted.cells:
        text = f"None at this distance ({number(decades, 2)} decades): the back-test reaches {counted.beyond:.2f}."
        return Point(label, text, "warn")
    where = f"{number(counted.nearest, 2)} to {number(counted.farthest, 2)} decades out"
    models = "1 model" if counted.targets == 1 else f"{counted.targets} models"
    ladders = "1 family" if counted.families == 1 else f"{counted.families} families"
    whole = f"{counted.cells} scores of {models} of {ladders}"
    if np.isnan(counted.held90):
        text = f"At a like distance ({where}) it erred by {points(counted.error)} points on average ({whole})."
        return Point(label, text)
    text = (
        f"At a like distance ({where}) its 90\u202f% intervals held {percent(counted.held90)} and its 50\u202f% "
        f"intervals {percent(counted.held50)} of {whole}; it erred by {points(counted.error)} points on average, with "
        f"intervals {points(counted.width90)} wide."
    )
    return Point(label, text, "good" if counted.held90 >= HELD_AT_LEAST else "warn")


def _priors(record: Record) -> Point:
    label = "Rests on priors"
    sensitivity = record.explanation.prior_sensitivity
    if sensitivity is None:
        if record.explanation.posterior is None and record.diagnostics is None:
            return Point(label, f"None: {record.method} has no priors; its form of curve is assumed instead.")
        return Point(label, f"Not known: {record.method} can't tell it.", "warn")
    forecasts = len(record.forecast.targets) * len(record.benchmarks)
    resting = resting_on_priors(sensitivity)
    cells = len(resting[["target", "benchmark"]].drop_duplicates())
    if not cells:
        return Point(
            label, f"None of the {forecasts} forecasts moves noticeably when a prior counts for more or less.", "good"
        )
    most = resting.iloc[0]
    return Point(
        label,
        f"{cells} of {forecasts} forecasts rest on a prior, most of all {most['benchmark']} of {most['target']} on "
        f"that of {most['prior']}.",
        "warn" if 2 * cells > forecasts else "plain",
    )


def _rungs(record: Record) -> list[Point]:
    check = record.explanation.rung_check
    if check is None:
        return []
    summary = rung_summary(check)
    off = list(dict.fromkeys(summary.loc[summary["off"], "benchmark"]))
    if not off:
        return [Point("Fit at the rungs", "Every benchmark's rungs are what the fit expects.", "good")]
    return [Point("Fit at the rungs", f"Not what the fit expects: {some([str(name) for name in off])}.", "warn")]


def _narrowing(record: Record) -> str:
    """What the variance is made of: the trend, finite trials, and the luck of one run."""
    draws = record.forecast.draws
    whole = draws["score"].var("sample")
    trend = float((draws["latent"].var("sample") / whole.where(whole > 0)).clip(0, 1).mean())
    if np.isnan(trend):
        return "Not known."
    trials = min(_trials(record), 1 - trend)
    parts = f"Of the variance {percent(trend)} is uncertainty of the trend"
    if np.isnan(trials):
        parts += f" and {percent(1 - trend)} the target's luck and finite trials"
    else:
        few = f"at most {percent(trials)}" if trials >= 0.01 else "hardly any"
        parts += f", {few} finite trials, and the rest the luck of one run, which stays"
    if np.isnan(trials) or trend >= trials:
        return f"{parts}: a rung closer to the target narrows the first; more trials of the target do little."
    return f"{parts}: more questions or trials of the target narrow the second; a further rung does little."


def _trials(record: Record) -> float:
    """Share of the variance that finite trials make up at most (if all questions were equally hard); NaN if unknown."""
    table = record.observations
    counts = (table["n_questions"].astype(float) * table["n_trials"].astype(float)).groupby(table["benchmark"]).max()
    draws = record.forecast.draws
    rate = draws["latent"].median("sample")
    noise = rate * (1 - rate) / counts.reindex(record.benchmarks).to_xarray()
    whole = draws["score"].var("sample")
    return float((noise / whole.where(whole > 0)).clip(0, 1).mean())
