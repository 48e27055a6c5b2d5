"""Tables of results as the terminal shows them."""

from __future__ import annotations

import math
import sys

import pandas as pd
from rich.box import HEAVY_HEAD, Box
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import points
from bayes_cod.forecasts.record import Record
from bayes_cod.forecasts.table import forecast_rows

NARROW = 100
"""Columns of a terminal below which a forecast's table leaves out what matters least."""


def forecast_tables(record: Record, width: int) -> list[tuple[str, Table]]:
    """Median and intervals of every benchmark, with the truth where it is known: a heading and a table a target.

    Parameters
    ----------
    record
        A forecast that was made.
    width
        Columns of the terminal: below 100 the 50 % interval and the share of questions are left out, and names wrap.
    """
    rows = forecast_rows(record)
    with_truth, with_share = (bool(rows[name].notna().any()) for name in ("truth", "share_extrapolating"))
    tables = []
    for target, own in rows.groupby("target", sort=False):
        shown = {"today": _points(own["last_rung"]), "median": _points(own["median"])}
        if record.is_distribution:
            if width >= NARROW:
                shown["50 % interval"] = _intervals(own, "50")
            shown["90 % interval"] = _intervals(own, "90")
        if with_truth:
            shown["truth"] = _points(own["truth"])
        if with_share and width >= NARROW:
            shown["extrapolate"] = ["–" if math.isnan(x) else f"{x:.0%}" for x in own["share_extrapolating"]]
        decades = float(own["decades"].iloc[0])
        table = Table(
            Column("benchmark", overflow="fold"),
            *[Column(name, justify="right", no_wrap=True) for name in shown],
            box=box_of_tables(),
        )
        for index, name in enumerate(own["benchmark"]):
            table.add_row(Text(str(name)), *[cells[index] for cells in shown.values()])
        far = f"{10**decades:.3g} x the compute of {record.last_rung} ({decades:.2f} decades)"
        tables.append((f"{target}: {far}", table))
    return tables


def _points(fractions: pd.Series) -> list[str]:
    return [points(value) for value in fractions]


def box_of_tables() -> Box | None:
    """Lines around the cells of tables on a terminal, none in a file or pipe."""
    return HEAVY_HEAD if sys.stdout.isatty() else None


def _intervals(rows: pd.DataFrame, level: str) -> list[str]:
    return [_interval(low, high) for low, high in zip(rows[f"low{level}"], rows[f"high{level}"], strict=True)]


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
