"""The report of a back-test: which method did best, by how much, and whether its intervals hold what they say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_cod.evaluation.cells import CELL, OK
from bayes_cod.plots import evaluation as plots
from bayes_cod.plots.style import fitted
from bayes_cod.report.numbers import number, percent
from bayes_cod.report.page import render
from bayes_cod.report.section import Cell, Column, Figure, Section, Table
from bayes_cod.report.svg import panel


def backtest_page(cells: pd.DataFrame, common: pd.DataFrame, overall: pd.DataFrame) -> str:
    """A back-test as one HTML file.

    Parameters
    ----------
    cells
        Cells of a back-test.
    common
        Those that all compared methods answered (`evaluation.common_cells`).
    overall
        Their summary (`evaluation.summarise`).
    """
    compared = overall[overall["n_cells"] > 0].sort_values("crps_points", kind="stable")
    return render(
        title=f"Back-test of {', '.join(dict.fromkeys(cells['ladder'].astype(str)))}",
        lead=_lead(cells, compared),
        sections=[part for part in (_summary(compared), _pictures(common, compared), *_cells(cells)) if part],
        warnings=_silent(cells),
        kicker="back-test",
    )


def _lead(cells: pd.DataFrame, compared: pd.DataFrame) -> list[str]:
    if compared.empty:
        return ["No cell was answered by any method."]
    best = compared.iloc[0]
    text = (
        f"{best['method']} did best: its CRPS is {number(best['crps_points'], 1)} points over {best['n_cells']} cells "
        f"of {best['n_targets']} targets"
    )
    if not np.isnan(best["coverage_90"]):
        text += (
            f", its 90\u202f% intervals held {percent(best['coverage_90'])} of the scores and are "
            f"{number(best['width_90_points'], 1)} points wide"
        )
    far = f"{number(cells['decades'].min(), 2)} to {number(cells['decades'].max(), 2)} decades"
    return [f"{text}.", f"Larger models were forecast from smaller ones, {far} beyond the largest rung."]


_COLUMNS = (
    ("n_cells", "Cells", 1.0, 0),
    ("abs_error_points", "Error", 1.0, 1),
    ("crps_points", "CRPS", 1.0, 1),
    ("bias_points", "Bias", 1.0, 1),
    ("coverage_50", "50 % holds (%)", 100.0, 0),
    ("coverage_90", "90 % holds (%)", 100.0, 0),
    ("width_90_points", "90 % width", 1.0, 1),
    ("skill", "Skill", 1.0, 2),
    ("seconds_per_fit", "Seconds a fit", 1.0, 2),
)


def _summary(compared: pd.DataFrame) -> Section | None:
    if compared.empty:
        return None
    columns = [Column("Method"), *(Column(label, True) for _, label, _, _ in _COLUMNS)]
    rows: list[list[str | Cell]] = [
        [str(row["method"]), *(_value(row, name, scale, digits) for name, _, scale, digits in _COLUMNS)]
        for row in compared.to_dict("records")
    ]
    baseline = str(compared["baseline"].iloc[0])
    text = (
        "Compared on the cells that all methods answered; ± is one standard error, which knows that the cells of one "
        "target move together. Scores are in points."
    )
    if baseline:
        text += f" Skill is 1 − CRPS / CRPS of {baseline}."
    return Section("Methods", text=[text], table=Table(columns, rows, caption="Best CRPS first."))


def _value(row: dict[object, float], name: str, scale: float, digits: int) -> Cell:
    value, error = scale * float(row[name]), scale * float(row.get(f"{name}_se", np.nan))
    shown = number(value, digits)
    return Cell(shown if np.isnan(error) or np.isnan(value) else f"{shown} ± {number(error, digits)}", value)


def _pictures(common: pd.DataFrame, compared: pd.DataFrame) -> Section | None:
    answered = [str(name) for name in compared["method"]][: plots.MOST_LINES]
    if not answered:
        return None
    calibrated = [str(name) for name in compared.loc[compared["coverage_90"].notna(), "method"]][: plots.MOST_LINES]
    figures: list[Figure] = []
    if calibrated:
        figure, axes = fitted(4.4, 4.4)
        plots.plot_reliability(common, calibrated, ax=axes)
        figures.append(panel(figure, "reliability", "Share of scores that intervals hold against what they say"))
    figure, axes = fitted(4.4, 3.2)
    plots.plot_error_by_distance(common, answered, ax=axes)
    figures.append(panel(figure, "distance", "Error against extrapolation distance"))
    if compared["skill"].notna().any():
        figure, axes = fitted(4.4, 0.8 + 0.25 * len(compared))
        plots.plot_skill(compared, ax=axes)
        figures.append(panel(figure, "skill", "Skill of every method over the best baseline"))
    for index, method in enumerate(calibrated):
        figure, axes = fitted(4.4, 1.9)
        plots.plot_pit(common, [method], ax=axes)
        figures.append(panel(figure, f"pit{index}", f"Histogram of where scores fell in the intervals of {method}"))
    text = (
        "Where intervals hold what they say, lines follow the diagonal and histograms are flat: a hump means intervals "
        "too wide, a valley too narrow, a slope a bias."
    )
    return Section("Do the intervals hold?", text=[text], figures=figures)


MOST_ROWS = 2000
"""Rows of single cells that a page carries; `cells.csv` has all."""


def _cells(cells: pd.DataFrame) -> list[Section]:
    answered = cells[cells["status"] == OK]
    if answered.empty:
        return []
    columns = [Column("Target"), Column("Benchmark"), Column("Cut"), Column("Method"), Column("Decades", True)]
    columns += [Column(name, True) for name in ("Truth", "Median", "5 %", "95 %", "CRPS")]
    worst = answered.sort_values("crps", ascending=False, kind="stable").head(MOST_ROWS)
    rows: list[list[str | Cell]] = [
        [
            *(str(row[name]) for name in ("target", "benchmark", "cut", "method")),
            number(row["decades"], 2),
            *(number(100 * row[name], 1) for name in ("truth", "q50", "q05", "q95", "crps")),
        ]
        for row in worst.to_dict("records")
    ]
    caption = f"The {len(rows):,} worst of {len(answered):,}, in points."
    return [Section("Forecasts one by one", table=Table(columns, rows, caption=caption), folded=True)]


def _silent(cells: pd.DataFrame) -> Sequence[str]:
    """What was not answered, and why."""
    silent = cells[cells["status"] != OK]
    n_cells = len(cells[CELL].drop_duplicates())
    return [
        f"{name}: {len(rows)} of {n_cells} cells {status}: {reason}"
        for (name, status, reason), rows in silent.groupby(["method", "status", "reason"], sort=False)
    ]
