"""`bayes-cod score`: how good a forecast was, once the truth is in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from bayes_cod.commands.answers import open_result, show_answer, write_answer
from bayes_cod.commands.console import stage

if TYPE_CHECKING:
    from bayes_cod.decisions.plan_file import Plans
    from bayes_cod.results import Result

NAME = "score"
SHOWN = [
    "target",
    "benchmark",
    "truth",
    "median",
    "low90",
    "high90",
    "error",
    "crps",
    "crps_last_rung",
    "crps_line",
    "in90",
]


def score(
    run: Annotated[Path, typer.Argument(help="Folder of a saved forecast.", metavar="RUN")],
    truth: Annotated[Path, typer.Argument(help="Table with target (or model), benchmark and score.", metavar="TRUTH")],
    plans: Annotated[
        Path | None,
        typer.Option(
            help="Plans that were chosen from, for the regret of the choice that the forecast led to.", metavar="FILE"
        ),
    ] = None,
    track: Annotated[
        Path | None,
        typer.Option(
            help="Track record of several forecasts, a CSV file: this one is added, and all are shown.", metavar="FILE"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; left out: RUN/score.")] = None,
) -> None:
    """Judge a forecast by the truth: error, CRPS and coverage beside two baselines', and the regret of the decision.

    A forecast that was registered ('bayes-cod forecast --register') is checked: a file that was changed since is
    refused. Writes score.csv, score.svg, score.png, score.json and report.html; with --track also the track record.

    For example:

      bayes-cod score out/ truth.csv --track forecasts.csv

      bayes-cod score out/ truth.csv --plans plans.yaml
    """
    from bayes_cod.decisions.plan_file import read_plans
    from bayes_cod.evaluation.judged import add_to_track, judge, read_truth, totals
    from bayes_cod.plots.monitor import plot_track
    from bayes_cod.results.registration import registration_of

    place = out or run / NAME
    known = read_truth(truth)
    given = None if plans is None else read_plans(plans)
    registered = registration_of(run)
    result = open_result(run)
    with stage("scoring"):
        cells = judge(
            result,
            known,
            digest=run.resolve().name if registered is None else registered.digest,
            date=str(result.made.get("date", "")) if registered is None else registered.date,
        )
        every = cells if track is None else add_to_track(cells, track)
        own, whole = totals(cells), totals(every)
    words = [
        f"{own['cells']} scores: median off by {100 * own['error']:.1f} points, CRPS {100 * own['crps']:.2f}; 90 % "
        f"intervals "
        f"held {own['held_90']:.0%}, 50 % intervals {own['held_50']:.0%}.",
        f"Baselines' CRPS: the largest rung's score {100 * own['crps_baselines']['last_rung']:.2f}, a straight line "
        f"{100 * own['crps_baselines']['line']:.2f}; skill against the better {own['skill']:.2f}.",
    ]
    notes = [
        "registered " + registered.date if registered else "this forecast was not registered: its date is its own word"
    ]
    summary = {"this": own, "all": whole, "registered": None if registered is None else vars(registered)}
    if given is not None:
        words.append(_regret(given, result, known, summary))
    if track is not None:
        words.append(
            f"Track record: {whole['forecasts']} forecasts, {whole['cells']} scores, CRPS "
            f"{100 * whole['crps']:.2f}, 90 % "
            f"intervals held {whole['held_90']:.0%}, skill {whole['skill']:.2f}."
        )
    write_answer(
        place,
        NAME,
        title=f"Judged: {', '.join(dict.fromkeys(cells['target']))}",
        lead=f"The forecast by {result.method} of {result.family}, beside the truth.",
        words=words,
        notes=notes,
        tables={"": ("Scores", cells)},
        summary={**summary, "words": words, "notes": notes},
        picture=plot_track(every),
        caption="Forecasts beside the truth, and where in its distribution each truth lies.",
        kicker="judged forecast",
    )
    if track is not None:
        _write_track(every, track)
    show_answer(place, "Judged, scores as fractions", cells[SHOWN], words, notes)


def _regret(given: Plans, result: Result, known: pd.DataFrame, summary: dict[str, Any]) -> str:
    from bayes_cod.decisions.plan_file import true_utilities, utilities_of
    from bayes_cod.decisions.plans import compare

    utilities, _ = utilities_of(given, result, open_result)
    chosen = compare(utilities, [plan.name for plan in given.plans]).best
    true = true_utilities(given, result, known, open_result)
    regret = float(true.max() - true[chosen])
    summary["decision"] = {"chosen": chosen, "best": str(true.idxmax()), "regret": regret, "utilities": true.to_dict()}
    return f"The forecast led to {chosen}; at the true scores {true.idxmax()} was best, a regret of {regret:,.4g}."


def _write_track(every: pd.DataFrame, track: Path) -> None:
    from bayes_cod.results.files import write_csv, write_together

    write_together(track.absolute().parent, {track.name: lambda file: write_csv(every, file)})
