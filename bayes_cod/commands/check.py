"""`bayes-cod check`: what was read and what can be forecast from it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import answer, flops, points, screen, stage, wants_json
from bayes_cod.commands.options import open_ladder
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.inspection import Inspection, inspect_ladder
from bayes_cod.ladder.shared import comparable

MOST_ROWS = 40
"""Rows of a table beyond which the rest is counted."""


def check(
    ladder: Annotated[
        str, typer.Argument(help="Folder of tables or logs, one table, or the word microladder.", metavar="LADDER")
    ],
    models: Annotated[
        Path | None,
        typer.Option(help="Models table of a folder of logs, where it is not in the folder.", metavar="FILE"),
    ] = None,
) -> None:
    """Read a ladder and tell what can be forecast from it.

    For example:

      bayes-cod check my_ladder/

      bayes-cod check microladder

      bayes-cod check evaluations/ --models models.csv
    """
    with stage("reading"):
        read = open_ladder(ladder, models)
        found = inspect_ladder(read)
    if wants_json():
        answer(as_document(found, read.name))
        return
    show(found, read.name, screen())
    if found.families["forecast"].any() and len(found.benchmarks):
        _methods(read, screen())


def as_document(found: Inspection, name: str) -> dict[str, object]:
    """An inspection as JSON holds it."""
    tables = ("files", "tables", "families", "benchmarks", "pairs")
    listed = {table: getattr(found, table).to_dict("records") for table in tables}
    return {"ladder": name, **listed, "notes": list(found.notes), "problems": list(found.problems)}


def _methods(read: Ladder, console: Console) -> None:
    """Which methods would work on the ladder, and which one `auto` takes."""
    from bayes_cod.errors import InputError
    from bayes_cod.registry import choose, usable

    able = [entry.name for entry, why in usable(comparable(read)) if not why and "+" not in entry.name]
    if not able:
        return
    try:
        console.print(Text(f"--method auto takes: {choose(read)}", style="bold"))
    except InputError as error:
        console.print(Text(f"--method auto: {error}", style="yellow"))
    console.print(Text(f"Methods that would work: {', '.join(able)}"))


def show(found: Inspection, name: str, console: Console) -> None:
    """Print an inspection."""
    console.print(Text(name, style="bold"))
    if len(found.files):
        console.print(_files(found.files))
    tables = Table("table", _right("rows"), "what", title="Tables", title_justify="left")
    for row in found.tables.itertuples():
        tables.add_row(Text(str(row.table)), f"{row.rows:,}", Text(str(row.what)))
    console.print(tables)
    console.print(_families(found.families))
    if len(found.benchmarks):
        console.print(_benchmarks(found.benchmarks))
        if (found.benchmarks["setting"] != "").any():
            console.print("A benchmark's settings and metrics are separate benchmarks, named benchmark@setting.")
    if len(found.pairs):
        console.print(_pairs(found.pairs))
    for style, heading, lines in (("default", "Notes", found.notes), ("yellow", "Watch out", found.problems)):
        if lines:
            console.print(Text(heading, style=f"bold {style}"))
            for line in lines:
                console.print(Text(f"  • {line}", style=style))
    able = [str(family) for family in found.families.loc[found.families["forecast"], "family"]]
    if able and len(found.benchmarks):
        console.print(Text(f"Can be forecast: {', '.join(able)}", style="bold green"))
    elif able:
        console.print(Text("Losses only: no benchmark can be forecast.", style="bold yellow"))
    else:
        console.print(Text("Nothing can be forecast from this ladder yet.", style="bold red"))


def _files(files: pd.DataFrame) -> Table:
    table = Table("file", "table", _right("rows"), "remark", title="Files", title_justify="left")
    for row in files.head(MOST_ROWS).to_dict("records"):
        style = "yellow" if row["table"] == "–" else "default"
        rows = f"{row['rows']:,}" if row["rows"] else "–"
        kind = "not read" if row["table"] == "–" else row["table"]
        table.add_row(Text(row["file"], style=style), Text(kind, style=style), rows, Text(row["remark"]))
    if len(files) > MOST_ROWS:
        table.add_row(f"and {len(files) - MOST_ROWS} more", "", "", "")
    return table


def _pairs(pairs: pd.DataFrame) -> Table:
    """Questions of pairs of rungs, the fewest shared first."""
    numbers = [_right(name) for name in ("shared", "only the first", "only the second")]
    title = "Questions that pairs of rungs share, where they differ"
    table = Table("benchmark", "first", "second", *numbers, title=title, title_justify="left")
    for row in pairs.sort_values("shared", kind="stable").head(MOST_ROWS // 4).to_dict("records"):
        counts = [f"{row[name]:,}" for name in ("shared", "only_first", "only_second")]
        table.add_row(Text(row["benchmark"]), Text(row["first"]), Text(row["second"]), *counts)
    if len(pairs) > MOST_ROWS // 4:
        table.add_row(f"and {len(pairs) - MOST_ROWS // 4} more pairs", "", "", "", "", "")
    return table


def _families(families: pd.DataFrame) -> Table:
    table = Table(
        "family",
        _right("models"),
        _right("rungs"),
        _right("FLOPs of the rungs"),
        "listed larger models",
        title="Families",
        title_justify="left",
    )
    for row in families.head(MOST_ROWS).to_dict("records"):
        span = "–" if row["rungs"] == 0 else f"{flops(row['smallest'])} to {flops(row['largest'])}"
        style = "default" if row["forecast"] else "dim"
        table.add_row(
            Text(row["family"], style=style), str(row["models"]), str(row["rungs"]), span, Text(row["targets"] or "–")
        )
    if len(families) > MOST_ROWS:
        table.add_row(f"and {len(families) - MOST_ROWS} more", "", "", "", "")
    return table


def _benchmarks(benchmarks: pd.DataFrame) -> Table:
    table = Table(
        "benchmark",
        "setting",
        _right("questions"),
        _right("models"),
        _right("trials a question"),
        _right("chance"),
        _right("scores (points)"),
        title="Benchmarks",
        title_justify="left",
    )
    for row in benchmarks.to_dict("records"):
        low, high = row["trials_low"], row["trials_high"]
        trials = "–" if pd.isna(low) else f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
        table.add_row(
            Text(row["benchmark"]),
            Text(row["setting"] or "–"),
            "–" if pd.isna(row["questions"]) else f"{row['questions']:,.0f}",
            str(row["models"]),
            trials,
            points(row["chance"]),
            "–" if pd.isna(row["lowest"]) else f"{points(row['lowest'])} to {points(row['highest'])}",
        )
    return table


def _right(name: str) -> Column:
    return Column(name, justify="right")
