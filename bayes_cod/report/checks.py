"""The sections of a report on what a fit rests on: its priors, and how well its rungs fit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from bayes_cod.forecasts.checks import EVALUATIONS, RELIABLE_UP_TO, SENSITIVE_ABOVE, resting_on_priors, rung_summary
from bayes_cod.forecasts.record import Record
from bayes_cod.report.numbers import interval, number, points
from bayes_cod.report.section import Column, Section, Table

ROWS = 12
ROWS_A_PRIOR = 3
NOT_RELIABLE = "not reliable"
POWERS = ("half", "twice")
MINUS = "\u2212"


def priors_section(record: Record) -> Section | None:
    """How forecasts move when priors count for half or twice as much; None for methods that can't tell."""
    sensitivity = record.explanation.prior_sensitivity
    if sensitivity is None:
        return None
    resting = resting_on_priors(sensitivity)
    counts = resting["prior"].value_counts(sort=False)
    n_forecasts = len(record.forecast.targets) * len(record.forecast.benchmarks)
    if resting.empty:
        return Section(
            "What the priors decide", text=[_summary(resting, sensitivity, n_forecasts), _PRIORS_READING], folded=True
        )
    first = resting.groupby("prior", sort=False).head(ROWS_A_PRIOR)  # priors in order of their most sensitive forecast
    order = {name: place for place, name in enumerate(counts.index)}
    shown = first.sort_values("prior", key=lambda names: names.map(order), kind="stable").head(ROWS)
    cells, groups = [], {}
    for index, row in enumerate(shown.to_dict("records")):
        if index == 0 or row["prior"] != shown["prior"].iloc[index - 1]:
            groups[index] = f"Prior of {row['prior']}: {counts[row['prior']]} of {n_forecasts} forecasts rest on it"
        cells.append(_row(row))
    columns = [Column("Benchmark"), Column("Target"), Column("Sensitivity", True)]
    columns += [Column("Median at half", True), Column("Median at twice", True)]
    columns += [Column("Width at half", True), Column("Width at twice", True), Column("Pareto k", True)]
    caption = (
        f"Changes in points when a prior has half or twice its weight; the {ROWS_A_PRIOR} most sensitive forecasts of "
        "each prior. Width is that of the 90 % interval."
    )
    return Section(
        "What the priors decide",
        text=[_summary(resting, sensitivity, n_forecasts), _PRIORS_READING],
        table=Table(columns, cells, groups, caption),
        folded=True,
    )


_PRIORS_READING = (
    "Each group of priors is raised to the powers 0.5 (half its weight) and 2 (twice its weight) by weighting the "
    "draws, with no new fit. Sensitivity is how fast the observed score's distribution moves with the weight; above "
    f"{SENSITIVE_ABOVE:g} the forecast rests on the prior. It is relative to the forecast's own spread, so close to 0 "
    "or 100 points the changes may be small all the same. Where the weights' Pareto k is above "
    f"{RELIABLE_UP_TO:g} too few draws carry the result, and it is not reliable. A forecast that rests on a prior is "
    "not wrong; whoever doubts the prior should doubt the forecast as far as the table says."
)


def _summary(resting: pd.DataFrame, sensitivity: pd.DataFrame, n_forecasts: int) -> str:
    """One sentence on the whole, and one on the forecast that rests most on a prior."""
    if resting.empty:
        return f"None of the {n_forecasts} forecasts rests on a prior."
    counts = resting["prior"].value_counts(sort=False)
    named = ", ".join(f"{count} on that of {name}" for name, count in counts.items())
    names = sensitivity.loc[sensitivity["prior"] != EVALUATIONS, "prior"].unique()
    none = [str(name) for name in names if name not in counts.index]
    text = f"Of {n_forecasts} forecasts, so many rest on a prior: {named}"
    text += f"; none on that of {' or '.join(none)}." if none else "."
    top = resting.iloc[0].to_dict()
    text += f" The forecast of {top['benchmark']} for {top['target']} rests most on one, the prior of {top['prior']}"
    moves = [
        f"{_change(top, 'median', power)} points at {power} its weight" for power in POWERS if _reliable(top, power)
    ]
    text += f": its median moves by {' and '.join(moves)}." if moves else "."
    movable = [
        (abs(row[f"median_{power}"]), row, power)
        for row in resting.to_dict("records")
        for power in POWERS
        if _reliable(row, power)
    ]
    if movable:
        _, row, power = max(movable, key=lambda found: found[0])
        text += (
            f" The median that moves farthest is that of {row['benchmark']} for {row['target']}: "
            f"{_change(row, 'median', power)} points with the prior of {row['prior']} at {power} its weight."
        )
    return text


def _row(row: dict[Any, Any]) -> list[str]:
    moves = [_change(row, what, power) for what in ("median", "width") for power in POWERS]
    k = " / ".join(number(row[f"pareto_k_{power}"], 2) for power in POWERS).replace("-", MINUS)
    return [str(row["benchmark"]), str(row["target"]), number(row["sensitivity"], 2), *moves, k]


def _change(row: dict[Any, Any], what: str, power: str) -> str:
    """A signed change in points."""
    change = float(row[f"{what}_{power}"])
    if not _reliable(row, power):
        return NOT_RELIABLE
    shown = points(abs(change))
    return shown if shown == "0.0" else ("+" if change > 0 else MINUS) + shown


def _reliable(row: dict[Any, Any], power: str) -> bool:
    return bool(float(row[f"pareto_k_{power}"]) <= RELIABLE_UP_TO)


def rungs_section(record: Record) -> Section | None:
    """Whether the rungs are what the fit expects; None for methods that can't tell."""
    check = record.explanation.rung_check
    if check is None:
        return None
    summary = rung_summary(check)
    columns = [Column("Benchmark"), Column("Fit: in 50 %", True), Column("in 90 %", True)]
    columns += [Column("Steps: in 50 %", True), Column("in 90 %", True), Column("Verdict")]
    rows = []
    for benchmark, table in summary.groupby("benchmark", sort=False):
        counted = {row["kind"]: row for row in table.to_dict("records")}
        cells = [
            f"{counted[kind][name]} of {counted[kind]['rungs']}" if kind in counted else number(None, 0)
            for kind in ("fit", "step")
            for name in ("inside50", "inside90")
        ]
        rows.append([str(benchmark), *cells, "off" if table["off"].any() else "fits"])
    verdicts = [_verdict(row, check) for row in summary[summary["off"]].to_dict("records")]
    return Section(
        "Fit at the rungs",
        text=[_RUNGS_READING, *verdicts] if verdicts else [_RUNGS_READING, "All benchmarks fit."],
        table=Table(columns, rows, caption="Rungs inside the central predictive intervals."),
        folded=not verdicts,
    )


_RUNGS_READING = (
    "Fit: the score that a rung would have in another evaluation. A benchmark's path follows its rungs closely, so "
    "most lie in the 50 % interval. Steps: the score that a rung would have if it were trained again, going on "
    "from the rung before it as a forecast goes on from the last."
)
_KIND = {"fit": "the evaluation of", "step": "the step to"}


def _verdict(row: dict[Any, Any], check: pd.DataFrame) -> str:
    """Why a benchmark is off."""
    table = check[(check["benchmark"] == row["benchmark"]) & (check["kind"] == row["kind"])].set_index("model")
    if not row["outside"]:
        n, kind = row["rungs"], {"fit": "evaluations", "step": "steps"}[row["kind"]]
        return f"{row['benchmark']}: {n - row['inside90']} of {n} {kind} lie outside their 90 % interval."
    found = [
        f"{_KIND[row['kind']]} {name} ({points(table.loc[name, 'seen'])} points seen, 90 % interval "
        f"{interval(table.loc[name, 'low90'], table.loc[name, 'high90'])})"
        for name in row["outside"]
    ]
    return f"{row['benchmark']}: not expected at 99 % over all its rungs: {'; '.join(found)}."
