"""`bayes-cod import`: logs of evaluation harnesses in, a ladder's tables out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from bayes_cod import __version__
from bayes_cod.commands.check import as_document, show
from bayes_cod.commands.console import answer, errors, one_line, screen
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.inspection import inspect_ladder
from bayes_cod.readers.detect import EXPORT, RECORD, as_mapping
from bayes_cod.readers.every_eval_ever_writer import write_every_eval_ever
from bayes_cod.readers.logs import read_logs
from bayes_cod.readers.stage import Progress as Report
from bayes_cod.readers.stage import cache_folder
from bayes_cod.results.files import Writer, check_folder, write_json, write_together

TABLES = ("models.csv", "benchmarks.csv", "items.csv.gz", "items.parquet", "scores.csv", RECORD)


class Format(StrEnum):
    """How the questions are written."""

    csv = "csv"
    parquet = "parquet"


def import_logs(
    logs: Annotated[
        Path, typer.Argument(help="Folder of logs, of any mixture of formats, or one log.", metavar="LOGS")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the tables; made if missing.")],
    models: Annotated[
        Path | None,
        typer.Option(
            help="Table with model, family and flops (or params and tokens, or an architecture). Left out: the one in "
            "the folder of logs, if there is one.",
            metavar="FILE",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Metric to count: one for all benchmarks, benchmark=metric (repeat for more), or all, which keeps "
            "every one as benchmark@metric. Left out: by the rules of the guide; what was chosen is told.",
            metavar="NAME",
        ),
    ] = None,
    filter: Annotated[
        list[str] | None,
        typer.Option(help="Filter of lm-evaluation-harness to count, likewise.", metavar="NAME"),
    ] = None,
    table: Annotated[Format, typer.Option(help="How the questions are written.")] = Format.csv,
    every_eval_ever: Annotated[
        bool, typer.Option("--every-eval-ever", help="Write Every Eval Ever records too.")
    ] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Count runs that ended in an error or were cancelled, too.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Read nothing if anything is damaged; otherwise the rest is read.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Logs parsed at the same time.")] = 1,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Parse every log, also those parsed before.")] = False,
) -> None:
    """Read the logs of evaluation harnesses and write a ladder's tables.

    Known are lm-evaluation-harness, Inspect, HELM, OLMES, olmo-eval, lighteval, OpenCompass and Every Eval Ever. Writes
    models.csv, benchmarks.csv, items.csv.gz (or items.parquet), scores.csv and import.json, which keeps all that was
    chosen, set aside and found. A folder of logs can be given wherever a ladder is expected, too. Exit 0 done, 2
    unusable input.

    For example:

      bayes-cod import evaluations/ --models models.csv --out my_ladder

      bayes-cod import evaluations/ --metric acc_norm --metric gsm8k=exact_match --filter strict-match --out my_ladder
    """
    check_folder(out)
    asked, filtered = as_mapping(metric), as_mapping(filter)
    with _progress() as report:
        ladder = read_logs(
            logs,
            models=models,
            metric=asked,
            filter=filtered,
            unfinished=unfinished,
            strict=strict,
            cache=None if no_cache else cache_folder(None),
            jobs=jobs,
            progress=report,
        )
    settings: dict[str, object] = {
        "logs": str(logs), "models": None if models is None else str(models), "metric": asked, "filter": filtered,
        "unfinished": unfinished, "strict": strict,
    }  # fmt: skip
    write_together(out, _writers(ladder, table, settings), known=TABLES)
    if every_eval_ever:
        write_every_eval_ever(ladder, out / EXPORT, retrieved=int(time.time()), version=__version__)
    console = screen()
    found = inspect_ladder(ladder)
    answer({**as_document(found, ladder.name), "settings": settings, "out": str(out)})
    show(found, ladder.name, console)
    console.print(Text(f"Written to {one_line(str(out))}", style="bold"))
    unknown = ladder.models[ladder.models["flops"].isna()]
    if len(unknown):
        console.print(
            Text(f"Next: fill in family and flops (or params and tokens) of {len(unknown)} models in models.csv there.")
        )


def _writers(ladder: Ladder, table: Format, settings: dict[str, object]) -> dict[str, Writer]:
    """What writes each file."""
    writers: dict[str, Writer] = {
        "models.csv": lambda file: _models(ladder).to_csv(file, index=False),
        "benchmarks.csv": lambda file: ladder.benchmarks.to_csv(file, index=False),
    }
    items, scores = ladder.items, ladder.scores
    if items is not None and table is Format.csv:
        writers["items.csv.gz"] = lambda file: items.to_csv(
            file, index=False, compression={"method": "gzip", "compresslevel": 6, "mtime": 0}
        )
    elif items is not None:
        writers["items.parquet"] = lambda file: items.to_parquet(file, index=False, compression="zstd")
    if scores is not None:
        writers["scores.csv"] = lambda file: scores.to_csv(file, index=False)
    record = {"package": "bayes_cod", "version": __version__, "settings": settings, "notes": list(ladder.notes)}
    writers[RECORD] = lambda file: write_json(record, file)
    return writers


def _models(ladder: Ladder) -> pd.DataFrame:
    first = ["model", "family", "flops", "params", "tokens"]
    rest = [column for column in ladder.models if column not in [*first, "is_final"]]
    return ladder.models[first + rest]


@contextmanager
def _progress() -> Iterator[Report | None]:
    """A bar of what is read; nothing where no one watches."""
    console = errors()
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=1.0)

        def report(text: str, share: float) -> None:
            progress.update(task, description=one_line(text)[:60], completed=share)

        yield report
