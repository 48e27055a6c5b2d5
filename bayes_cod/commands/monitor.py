"""`bayes-cod monitor`: whether a large run is on track."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bayes_cod.commands.answers import open_result, show_answer, write_answer
from bayes_cod.commands.console import screen, stage
from bayes_cod.errors import InputError

if TYPE_CHECKING:
    from bayes_cod.monitor.watching import Watched
    from bayes_cod.results import Result

NAME = "monitor"


def monitor(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Folder of a saved forecast, then a table of what was observed; or the table alone, for losses.",
            metavar="[RUN] OBSERVED",
        ),
    ],
    run: Annotated[str | None, typer.Option(help="Which run, for a table of several.", metavar="NAME")] = None,
    target: Annotated[str | None, typer.Option(help="Target that the run is; left out: the largest.")] = None,
    total_tokens: Annotated[
        float | None, typer.Option(help="Tokens of the whole run; left out: the target's.", metavar="TOKENS")
    ] = None,
    tokens_per_step: Annotated[
        float | None, typer.Option(help="Tokens of a step, for a table without tokens.", metavar="TOKENS")
    ] = None,
    schedule: Annotated[
        Literal["cosine", "linear", "constant"],
        typer.Option(help="How the learning rate decays, where the table has no column lr."),
    ] = "cosine",
    false_alarms: Annotated[
        float,
        typer.Option(help="Probability of ever raising an alarm on a healthy run, however often it is looked at."),
    ] = 0.05,
    direction: Annotated[
        Literal["worse", "both"], typer.Option(help="Alarms for a run that is worse than forecast, or better too.")
    ] = "worse",
    earlier: Annotated[
        Path | None, typer.Option(help="Losses of the run that this one goes on from.", metavar="TABLE")
    ] = None,
    earlier_run: Annotated[str | None, typer.Option(help="Which run of --earlier.", metavar="NAME")] = None,
    learning: Annotated[
        int,
        typer.Option(
            min=8,
            help="First points of each loss, taken to be healthy; at most those of the first tenth of a run whose "
            "length is known (three at least).",
        ),
    ] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read the table again as it grows, until interrupted.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between looks with --follow.")] = 30.0,
    looks: Annotated[int | None, typer.Option(min=1, help="Looks after which --follow ends; left out: none.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the results; left out: RUN/monitor, or OBSERVED's name.")
    ] = None,
) -> None:
    """Tell whether a large run is on track: what was observed in its bands, an alarm, and the end as forecast now.

    The table has tokens (or step), then benchmark and score, or loss (or loss_NAME) columns, or both; lr where the
    learning rate is to be told apart. Scores need a saved forecast; losses are watched from their own healthy start,
    or from the run that they go on from (--earlier). Writes monitor.csv, monitor_end.csv, monitor.svg, monitor.png,
    monitor.json and report.html; exits with 0 whether or not there is an alarm, which monitor.json tells.

    For example:

      bayes-cod monitor out/ observed.csv --total-tokens 2e12 --schedule cosine

      bayes-cod monitor losses.csv --run marin-32b-muon --schedule constant --follow
    """
    if len(files) > 2:
        raise InputError("give a saved forecast and one table, or one table")
    table = files[-1]
    saved = files[0] if len(files) == 2 else None
    place = out or (saved / NAME if saved is not None else table.parent / f"{table.name.split('.')[0]}_{NAME}")
    result = None if saved is None else open_result(saved)
    from bayes_cod.monitor.observed import read_observed
    from bayes_cod.monitor.watching import watch_run

    before = None
    if earlier is not None:
        before = read_observed(earlier, run=earlier_run, tokens_per_step=tokens_per_step)
    state, seen = None, 0
    while True:
        now = (table.stat().st_mtime_ns, table.stat().st_size) if table.exists() else None
        if now != state or seen == 0:
            state = now
            with stage("watching"):
                made = watch_run(
                    read_observed(table, run=run, tokens_per_step=tokens_per_step),
                    result,
                    target=target,
                    total_tokens=total_tokens,
                    schedule=schedule,
                    level=false_alarms,
                    direction=direction,
                    earlier=before,
                    learning=learning,
                    seed=seed,
                )
            _write(made, place, table, result, total_tokens)
            _show(made, place, follow=follow)
        seen += 1
        if not follow or (looks is not None and seen >= looks):
            return
        time.sleep(every)


def _write(made: Watched, place: Path, table: Path, result: Result | None, total_tokens: float | None) -> None:
    from bayes_cod.plots.monitor import plot_watched

    words = made.words()
    source = "its own start" if result is None else f"the forecast by {result.method} of {result.family}"
    write_answer(
        place,
        NAME,
        title=f"{table.name}, watched",
        lead=f"{len(made.points)} observations up to {made.points['tokens'].max():.4g} tokens, beside {source}.",
        words=words,
        notes=made.notes,
        tables={"": ("Observations", made.points), "end": ("The end of the run, as forecast now", made.end)},
        summary=made.summary(),
        picture=plot_watched(
            made.points, made.end, made.ahead, level=made.level, alarm=made.alarm, since=made.since, total=total_tokens
        ),
        caption="Each series in its bands, and the e-process of the alarm.",
        alarm=words[0] if made.alarm is not None else "",
        kicker="watched run",
    )


def _show(made: Watched, place: Path, *, follow: bool) -> None:
    words = made.words()
    if follow:
        console = screen()
        last = made.points["tokens"].max()
        console.print(
            f"{last:.4g} tokens: {words[0]}", style="bold red" if made.alarm is not None else None, markup=False
        )
        return
    show_answer(place, "", made.end.head(0), words, made.notes, alarm=made.alarm is not None)
