"""`bayes-cod decide compute`: how much compute is enough."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayes_cod.commands.answers import open_result, show_answer, write_answer
from bayes_cod.commands.console import stage
from bayes_cod.errors import InputError

NAME = "compute"


def compute(
    run: Annotated[
        Path, typer.Argument(help="Folder of a saved forecast (the --out of 'bayes-cod forecast').", metavar="RUN")
    ],
    require: Annotated[
        list[str],
        typer.Option(
            help="What must be reached, scores as fractions (repeat for more, to be met together): a benchmark, "
            "mean(a,b), or "
            "0.3*a+0.7*b.",
            metavar="BENCHMARK>=SCORE",
        ),
    ],
    confidence: Annotated[float, typer.Option(help="Probability with which it must be reached.")] = 0.9,
    target: Annotated[str | None, typer.Option(help="Target to compare with; left out: the largest.")] = None,
    budget: Annotated[float | None, typer.Option(help="Compute that there is, in FLOPs.", metavar="FLOPS")] = None,
    price: Annotated[
        float | None, typer.Option(help="Price of one device for an hour, in any currency.", metavar="PRICE")
    ] = None,
    throughput: Annotated[
        float | None,
        typer.Option(help="FLOPs that a device does a second in training, as measured.", metavar="FLOPS_A_SECOND"),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="Devices in use at once, for the time it takes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; left out: RUN/compute.")] = None,
) -> None:
    """Tell how much compute is enough to reach scores, with a given confidence.

    Writes compute.csv (probabilities along compute), compute.svg, compute.png, compute.json and report.html.

    For example:

      bayes-cod decide compute out/ --require "gsm8k>=0.8" --confidence 0.9

      bayes-cod decide compute out/ --require "mean(gsm8k,math500)>=0.7" --require "mmlu>=0.75" --price 2.1 \
--throughput 4e14 --devices 1024 --budget 3e24
    """
    from bayes_cod.decisions.answers import answer_compute
    from bayes_cod.decisions.basis import basis_of
    from bayes_cod.decisions.utility import Price, Requirement
    from bayes_cod.plots.decisions import plot_compute

    place = out or run / NAME
    required = [Requirement.parse(text) for text in require]
    if (price is None) != (throughput is None):
        raise InputError("give both `price` and `throughput`, or neither")
    paid = None if price is None or throughput is None else Price(price, throughput, devices)
    result = open_result(run)
    with stage("counting draws"):
        basis = basis_of(result, target)
        made = answer_compute(basis, required, confidence, price=paid, budget=budget, seed=seed)
    aim = " and ".join(str(requirement) for requirement in required)
    least, (low, high) = made.summary["least_compute"]["flops"], made.summary["least_compute_draws_90"]
    picture = plot_compute(
        made.table,
        confidence=confidence,
        least=least,
        low=low,
        high=high,
        rungs=basis.rung_flops,
        target=basis.target.flops,
        title=aim,
    )
    write_answer(
        place,
        NAME,
        title=f"Compute for {aim}",
        lead=f"From the forecast by {result.method} of {result.family}, whose largest rung is {result.last_rung}.",
        words=made.words,
        notes=made.notes,
        tables={"": ("Along compute", made.table)},
        summary=made.summary,
        picture=picture,
        caption="Probability of reaching it along compute: by observed scores of one run, and by the trend alone.",
    )
    show_answer(place, "", made.table.head(0), made.words, made.notes)
