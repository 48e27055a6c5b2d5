"""`bayes-cod decide plans`: which plan to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayes_cod.commands.answers import open_result, show_answer, write_answer
from bayes_cod.commands.console import stage

NAME = "plans"


def plans(
    run: Annotated[Path, typer.Argument(help="Folder of a saved forecast.", metavar="RUN")],
    file: Annotated[Path, typer.Argument(help="Plans, as YAML.", metavar="PLANS.yaml")],
    unit: Annotated[str, typer.Option(help="Name of the currency, for the picture.")] = "utility",
    out: Annotated[Path | None, typer.Option(help="Folder for the results; left out: RUN/plans.")] = None,
) -> None:
    """Compare plans on the same draws: expected utility, probability of being best, regret, dominance, information.

    Writes plans.csv, plans_pairs.csv, plans.svg, plans.png, plans.json and report.html. A file of plans:

      worth: {weights: {gsm8k: 2, mmlu: 1}, per_point: 20000, rewards: [{require: ["gsm8k>=0.8"], worth: 500000}]}

      price: {per_hour: 2.1, throughput: 4.0e14}

      plans: [{name: 7B, target: mine-7b}, {name: larger, flops: 3.0e23}, {name: other mix, result: ../mix_b, target:
      b-7b, \
cost: 900000}, {name: nothing, value: 0}]

    For example:

      bayes-cod decide plans out/ plans.yaml --unit USD
    """
    from bayes_cod.decisions.plan_file import read_plans, utilities_of
    from bayes_cod.decisions.plans import compare
    from bayes_cod.plots.decisions import plot_plans

    place = out or run / NAME
    given = read_plans(file)
    result = open_result(run)
    with stage("comparing plans"):
        utilities, notes = utilities_of(given, result, open_result)
        made = compare(utilities, [plan.name for plan in given.plans])
    best, table = made.table.iloc[0], made.table
    words = [
        f"{best['plan']} has the largest expected utility ({best['mean']:,.4g}); it is best with "
        f"{best['p_best']:.0%}, and "
        f"choosing it costs {best['regret']:,.4g} on average against knowing better.",
        f"Knowing all scores before choosing would be worth {made.perfect_information:,.4g}: no evaluation, small "
        f"run or delay "
        "is worth more.",
    ]
    dominated = table[table["dominated_by"] != ""]
    words += [
        f"{row.plan} is dominated by {row.dominated_by}: every utility is reached with no lower probability there."
        for row in dominated.itertuples()
    ]
    write_answer(
        place,
        NAME,
        title="Plans",
        lead=f"From the forecast by {result.method} of {result.family} and {file.name}.",
        words=words,
        notes=notes,
        tables={"": ("Plans", table), "pairs": ("Pairs", made.pairs)},
        summary={
            "best": made.best,
            "perfect_information": made.perfect_information,
            "plans": table.to_dict("records"),
            "pairs": made.pairs.to_dict("records"),
            "words": words,
            "notes": notes,
        },
        picture=plot_plans(table, made.draws, unit=unit),
        caption="Utility of each plan: mean, 50 % and 90 % intervals, and the probability of being best.",
    )
    show_answer(place, "Utility of the plans, worth less cost", table, words, notes)
