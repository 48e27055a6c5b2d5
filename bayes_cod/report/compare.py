"""Several forecasts side by side: what each says of the targets and benchmarks that all of them have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.forecasts.record import Record, last_scores
from bayes_cod.ladder.naming import some
from bayes_cod.plots.compare import compare_handles, plot_compare
from bayes_cod.plots.style import fitted
from bayes_cod.report.numbers import flops, interval, points
from bayes_cod.report.page import render
from bayes_cod.report.section import Cell, Column, Figure, Section, Table
from bayes_cod.report.svg import legend, panel

WIDTH = 4.0


def compared(records: Mapping[str, Record]) -> pd.DataFrame:
    """What every forecast says of the targets and benchmarks that all have.

    Parameters
    ----------
    records
        At least two forecasts by the names that they are shown under.

    Returns
    -------
    pandas.DataFrame
        target, benchmark, run, method, today (score of that run's largest rung), median, low50, high50, low90, high90
        (NaN for a method without intervals), decades, truth; scores as fractions. Rows of one target and benchmark
        follow one another, in the order of the runs.

    Raises
    ------
    InputError
        With fewer than two forecasts, or if they have no target or no benchmark in common.
    """
    if len(records) < 2:
        raise InputError("one forecast can't be compared; give two or more")
    targets = _common({name: record.forecast.targets for name, record in records.items()}, "target")
    benchmarks = _common({name: record.benchmarks for name, record in records.items()}, "benchmark")
    rows = []
    for target in targets:
        for benchmark in benchmarks:
            for name, record in records.items():
                rows.append({"target": target, "benchmark": benchmark, "run": name, **_row(record, target, benchmark)})
    return pd.DataFrame(rows)


def _common(names: Mapping[str, Sequence[str]], what: str) -> list[str]:
    first, *others = names.values()
    common = [name for name in first if all(name in other for other in others)]
    if not common:
        have = "; ".join(f"{run}: {', '.join(list(own)[:4])}" for run, own in names.items())
        raise InputError(f"these forecasts have no {what} in common ({have}); compare forecasts of the same {what}s")
    return common


def _row(record: Record, target: str, benchmark: str) -> dict[str, float | str]:
    draws = record.forecast.samples(target, benchmark)
    low50, high50, low90, high90 = (
        np.quantile(draws, [0.25, 0.75, 0.05, 0.95]) if record.is_distribution else [np.nan] * 4
    )
    (own,) = [one for one in record.targets if one.name == target]
    return {
        "method": record.method,
        "today": last_scores(record, [benchmark])[benchmark],
        "median": float(np.median(draws)),
        "low50": float(low50),
        "high50": float(high50),
        "low90": float(low90),
        "high90": float(high90),
        "decades": record.decades(own),
        "truth": record.truth(target, benchmark),
    }


def left_out(records: Mapping[str, Record]) -> list[str]:
    """What some forecasts have and others don't, so that it is not compared; and what else they differ in."""
    found = []
    for what, names in (
        ("targets", {name: record.forecast.targets for name, record in records.items()}),
        ("benchmarks", {name: record.benchmarks for name, record in records.items()}),
    ):
        everywhere = set.intersection(*[set(own) for own in names.values()])
        for run, own in names.items():
            if more := [name for name in own if name not in everywhere]:
                found.append(f"{run} also has the {what} {some(more, 5)}, which not all have.")
    hashes = {name: record.data.get("sha256") for name, record in records.items()}
    if len(set(hashes.values())) > 1:
        found.append("The forecasts were made from different data.")
    found += [f"{name} did not converge." for name, record in records.items() if not record.gate_passed]
    return found


def compare_page(records: Mapping[str, Record]) -> str:
    """The comparison as one HTML file.

    Parameters
    ----------
    records
        As `compared` takes them.

    Raises
    ------
    InputError
        As `compared` does.
    """
    table = compared(records)
    targets = list(dict.fromkeys(table["target"]))
    return render(
        title=", ".join(targets),
        lead=f"{len(records)} forecasts side by side: {', '.join(records)}. Observed scores in points.",
        alarm="",
        warnings=left_out(records),
        sections=[_scores(table), _runs(records)],
        kicker="comparison",
    )


def _scores(table: pd.DataFrame) -> Section:
    with_truth = bool(table["truth"].notna().any())
    columns = [Column("Benchmark"), Column("Run"), Column("Largest rung", True), Column("Median", True)]
    columns += [Column("50 % interval", True), Column("90 % interval", True)] + [Column("Truth", True)] * with_truth
    rows: list[list[str | Cell]] = []
    groups = {}
    for index, row in enumerate(table.to_dict("records")):
        if index == 0 or row["target"] != table["target"].iloc[index - 1]:
            groups[index] = str(row["target"])
        cells: list[str | Cell] = [str(row["benchmark"]), str(row["run"]), points(row["today"]), points(row["median"])]
        cells += [interval(row["low50"], row["high50"]), interval(row["low90"], row["high90"])]
        rows.append(cells + [points(row["truth"])] * with_truth)
    figures: list[Figure] = []
    for index, (target, own) in enumerate(table.groupby("target", sort=False)):
        figure, axes = fitted(WIDTH, 0.24 * len(own) + 0.75)
        plot_compare(own, ax=axes)
        figures.append(panel(figure, f"compare{index}", f"{target}: intervals of every forecast"))
    return Section(
        "Scores",
        table=Table(columns, rows, groups, "What each forecast says of the same score."),
        figures=figures,
        legend=legend(compare_handles(table)),
    )


def _runs(records: Mapping[str, Record]) -> Section:
    columns = [Column("Run"), Column("Method"), Column("Family"), Column("Rungs", True), Column("Largest rung")]
    columns += [Column("Its FLOPs", True), Column("Converged"), Column("Made")]
    rows: list[list[str | Cell]] = [
        [
            name,
            record.method,
            record.family,
            str(len(record.rungs)),
            record.last_rung,
            Cell(flops(record.last_flops), record.last_flops),
            "yes" if record.gate_passed else "no",
            str(record.made.get("date", "–")),
        ]
        for name, record in records.items()
    ]
    return Section("Runs", table=Table(columns, rows, caption="What was forecast from what."))
