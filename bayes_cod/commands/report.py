"""`bayes-cod report`: the report of a saved forecast, made again in another form or with more to go on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bayes_cod.commands.console import answer, screen, stage, wants_json
from bayes_cod.commands.options import read_thresholds
from bayes_cod.errors import InputError

ENDINGS = {"html": "html", "md": "md", "json": "json"}


def report(
    run: Annotated[Path, typer.Argument(help="Folder of a saved forecast.", metavar="RUN")],
    form: Annotated[
        Literal["html", "md", "json"],
        typer.Option("--format", help="html: the page; md: its sentences and tables; json: the same as data."),
    ] = "html",
    out: Annotated[
        Path | None, typer.Option(help="File to write. Left out: report.html (or .md, .json) in the run's folder.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Score asked for, as BENCHMARK=FRACTION (repeat for more): how likely that score or more is. "
            "Left out: those that the forecast was made with.",
            metavar="B=X",
        ),
    ] = None,
    track_record: Annotated[
        list[Path] | None,
        typer.Option(
            help="Finished back-test of the same method, the --out of 'bayes-cod backtest' (repeat for more): what its "
            "intervals held at this distance.",
            metavar="BACKTEST",
        ),
    ] = None,
) -> None:
    """Write the report of a saved forecast, as a page, as Markdown or as JSON.

    For example:

      bayes-cod report out/ --threshold gsm8k=0.7 --track-record backtest/

      bayes-cod report out/ --format md --out forecast.md
    """
    from bayes_cod.evaluation.recalibration import read_cells
    from bayes_cod.report import build_report
    from bayes_cod.report.text import report_json, report_markdown
    from bayes_cod.results import Result
    from bayes_cod.results.files import as_json, write_text, write_together

    wanted = read_thresholds(threshold) or None
    with stage(f"reading {run}"):
        result = Result.load(run)
        cells = read_cells(track_record) if track_record else None
    file = out or run / f"report.{ENDINGS[form]}"
    if file.is_dir():
        raise InputError("is a folder; give `out` a file to write", file=file)
    with stage(f"writing {file}"):
        if form == "html":
            text = build_report(result, thresholds=wanted, cells=cells)
        elif form == "md":
            text = report_markdown(result, thresholds=wanted, cells=cells)
        else:
            text = as_json(report_json(result, thresholds=wanted, cells=cells))
        write_together(file.absolute().parent, {file.name: lambda place: write_text(text, place)})
    if wants_json():
        answer({**report_json(result, thresholds=wanted, cells=cells), "out": str(file)})
    screen().print(f"report: {file}", markup=False, soft_wrap=True)
