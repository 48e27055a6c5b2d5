"""Tables of results as the terminal shows them."""

from __future__ import annotations

import math

import pandas as pd
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import flops, points
from bayes_cod.forecasts.record import Record
from bayes_cod.forecasts.table import forecast_rows


def forecast_table(record: Record) -> Table:
    """Median and intervals of every target and benchmark, with the truth where it is known."""
    rows = forecast_rows(record)
    with_truth = rows["truth"].notna().any()
    with_share = rows["share_extrapolating"].notna().any()
    columns = ["target", "benchmark"]
    numbers = ["median", "50 % interval", "90 % interval", "decades beyond"]
    if with_truth:
        numbers.insert(0, "truth")
    if with_share:
        numbers.append("questions that extrapolate")
    last = record.rungs.iloc[-1]
    table = Table(
        *columns,
        *[Column(name, justify="right") for name in numbers],
        title=f"{record.method}: observed score in points, from {len(record.rungs)} rungs up to "
        f"{last['model']} ({flops(float(last['flops']))} FLOPs)",
        title_justify="left",
    )
    previous = None
    for row in rows.to_dict("records"):
        if previous not in (None, row["target"]):
            table.add_section()
        cells = [
            points(row["median"]),
            _interval(row["low50"], row["high50"]),
            _interval(row["low90"], row["high90"]),
            f"{row['decades']:.2f}",
        ]
        if with_truth:
            cells.insert(0, points(row["truth"]))
        if with_share:
            cells.append("–" if math.isnan(row["share_extrapolating"]) else f"{row['share_extrapolating']:.0%}")
        name = "" if row["target"] == previous else row["target"]
        table.add_row(Text(str(name)), Text(str(row["benchmark"])), *cells)
        previous = row["target"]
    return table


def _interval(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"{points(low)} to {points(high)}"


def diagnostics_table(diagnostics: pd.DataFrame, most: int = 20) -> Table:
    """Diagnostics that failed, the worst R-hat first."""
    failed = diagnostics[~diagnostics["passed"].astype(bool)].sort_values("r_hat", ascending=False)
    title = f"{len(failed)} of {len(diagnostics)} diagnostics failed"
    if len(failed) > most:
        title += f"; the worst {most}"
    columns = [Column(name, justify="right") for name in ("R-hat", "bulk ESS", "tail ESS", "value")]
    table = Table("quantity", *columns, title=title, title_justify="left", style="red")
    for row in failed.head(most).to_dict("records"):
        table.add_row(
            Text(str(row["quantity"])),
            _number(row["r_hat"], 3),
            _number(row["ess_bulk"], 0),
            _number(row["ess_tail"], 0),
            _number(row.get("value"), 2),
        )
    return table


def _number(value: float | None, digits: int) -> str:
    number = math.nan if value is None else float(value)
    return "–" if math.isnan(number) else f"{number:.{digits}f}"
