"""`bayes-cod decide trials`: how many trials, which benchmarks, which questions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayes_cod.commands.answers import open_result, pairs, show_answer, write_answer
from bayes_cod.commands.console import stage

NAME = "trials"


def trials(
    run: Annotated[Path, typer.Argument(help="Folder of a saved forecast.", metavar="RUN")],
    flops: Annotated[
        float | None,
        typer.Option(help="Compute of the run to be evaluated next; left out: as the largest rung.", metavar="FLOPS"),
    ] = None,
    target: Annotated[str | None, typer.Option(help="Target to tell about; left out: the largest.")] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark that counts, and how much (repeat for more; left out: all alike).", metavar="NAME=WEIGHT"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; left out: RUN/trials.")] = None,
) -> None:
    """Tell how many trials a question, which benchmarks and which questions are worth paying for.

    Benchmarks in the order in which they tell most about the target, each beside those before; trials a question and
    what they take off the target's interval, spent on the target or on the rungs; and, where the method has clusters
    of questions, how trials are best spread over them. Writes trials.csv, trials_trials.csv, trials_questions.csv,
    trials.svg, trials.png, trials.json and report.html.

    For example:

      bayes-cod decide trials out/ --weight gsm8k=1 --flops 1e21
    """
    from bayes_cod.decisions.answers import answer_trials
    from bayes_cod.decisions.basis import basis_of
    from bayes_cod.plots.decisions import plot_benchmarks

    place = out or run / NAME
    weights = pairs(weight, "weight")
    result = open_result(run)
    with stage("weighing benchmarks"):
        basis = basis_of(result, target)
        made = answer_trials(basis, weights, run_flops=flops)
    headings = {"trials": "Trials a question", "questions": "Questions, by cluster"}
    write_answer(
        place,
        NAME,
        title=f"Benchmarks and trials, for {basis.target.name}",
        lead=f"From the forecast by {result.method} of {result.family}.",
        words=made.words,
        notes=made.notes,
        tables={
            "": ("Benchmarks", made.table),
            **{name: (headings[name], table) for name, table in made.further.items()},
        },
        summary=made.summary,
        picture=plot_benchmarks(made.table),
        caption="What each benchmark of the run tells about the target, alone and beside those above it.",
    )
    show_answer(
        place,
        "Benchmarks, most telling first; ratios of the target's interval after to before",
        made.table,
        made.words,
        made.notes,
    )
