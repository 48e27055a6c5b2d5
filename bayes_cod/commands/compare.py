"""`bayes-cod compare`: saved forecasts of the same targets side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import answer, points, screen, stage
from bayes_cod.commands.tables import box_of_tables
from bayes_cod.errors import InputError

if TYPE_CHECKING:
    import pandas as pd


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of saved forecasts, two or more.", metavar="RUN RUN ...")],
    out: Annotated[Path | None, typer.Option(help="Page to write, such as comparison.html. Left out: none.")] = None,
) -> None:
    """Set saved forecasts of the same targets and benchmarks side by side.

    For example:

      bayes-cod compare monday/ tuesday/

      bayes-cod compare cod/ flp/ exponential/ --out comparison.html
    """
    from bayes_cod.report.compare import compare_page, compared, left_out
    from bayes_cod.results import Result
    from bayes_cod.results.files import write_text, write_together

    with stage("reading"):
        names = short_names(runs)
        results = {name: Result.load(run) for name, run in zip(names, runs, strict=True)}
    table = compared(results)
    if out is not None:
        if out.is_dir():
            raise InputError("is a folder; give `out` a file to write", file=out)
        with stage(f"writing {out}"):
            page = compare_page(results)
            write_together(out.absolute().parent, {out.name: lambda place: write_text(page, place)})
    notes = left_out(results)
    answer({"scores": table.to_dict("records"), "notes": notes, "out": None if out is None else str(out)})
    for target, own in table.groupby("target", sort=False):
        screen().print(_side_by_side(str(target), own))
    for note in notes:
        screen().print(f"• {note}", style="dim", markup=False)
    if out is not None:
        screen().print(f"comparison: {out}", markup=False, soft_wrap=True)


def short_names(runs: list[Path]) -> list[str]:
    """Names of the folders, with as much of the path before them as tells them apart.

    Raises
    ------
    InputError
        If one folder is given twice.
    """
    places = [run.resolve() for run in runs]
    if len(set(places)) < len(places):
        raise InputError("a run is given twice; give different ones")
    for depth in range(1, max(len(place.parts) for place in places) + 1):
        names = ["/".join(place.parts[-depth:]) for place in places]
        if len(set(names)) == len(names):
            break
    return names


def _side_by_side(target: str, table: pd.DataFrame) -> Table:
    """A row a benchmark, a column a run: median and 90 % interval."""
    runs = list(dict.fromkeys(table["run"]))
    with_truth = bool(table["truth"].notna().any())
    shown = Table(
        Column("benchmark", overflow="fold"),
        *[Column(name, justify="right", overflow="fold") for name in runs],
        *[Column("truth", justify="right")] * with_truth,
        title=Text(f"{target}: median and 90 % interval (points)"),
        title_justify="left",
        box=box_of_tables(),
    )
    for benchmark, own in table.groupby("benchmark", sort=False):
        cells = [_cell(row) for row in own.to_dict("records")]
        truth = own["truth"].dropna()
        last = [points(float(truth.iloc[0])) if len(truth) else "–"] * with_truth
        shown.add_row(Text(str(benchmark)), *cells, *last)
    return shown


def _cell(row: dict[object, float]) -> str:
    if row["low90"] != row["low90"]:
        return points(row["median"])
    return f"{points(row['median'])} ({points(row['low90'])} to {points(row['high90'])})"
