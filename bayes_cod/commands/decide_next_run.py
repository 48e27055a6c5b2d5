"""`bayes-cod decide next-run`: which small run to train next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayes_cod.commands.answers import open_result, pairs, show_answer, write_answer
from bayes_cod.commands.console import stage

NAME = "next_run"
COLUMNS = [
    "flops",
    "seeds",
    "share_of_target",
    "gaussian",
    "regression",
    "reweighting",
    "i_optimal",
    "narrowing",
    "per_percent",
]


def next_run(
    run: Annotated[Path, typer.Argument(help="Folder of a saved forecast.", metavar="RUN")],
    flops: Annotated[
        list[float] | None,
        typer.Option(
            help="Compute of a run that could be trained (repeat for more). Left out: eight from the smallest rung "
            "to three "
            "tenths of the target's.",
            metavar="FLOPS",
        ),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option(min=1, help="Seeds of each --flops (repeat for more; left out: 1 and 2).")
    ] = None,
    trials: Annotated[
        float | None, typer.Option(help="Trials a question; left out: as many as the ladder has.")
    ] = None,
    largest: Annotated[
        float | None, typer.Option(help="Most compute of a candidate in FLOPs.", metavar="FLOPS")
    ] = None,
    target: Annotated[str | None, typer.Option(help="Target to narrow; left out: the largest.")] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark that counts, and how much (repeat for more; left out: all alike).", metavar="NAME=WEIGHT"
        ),
    ] = None,
    plans: Annotated[
        Path | None,
        typer.Option(help="Plans that the run is to help choose from, as for 'decide plans'.", metavar="FILE"),
    ] = None,
    simulations: Annotated[int, typer.Option(min=0, help="Simulated runs for the reweighting; 0: none.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same numbers.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; left out: RUN/next_run.")] = None,
) -> None:
    """Tell what the next small run is worth: how much it would narrow the target's forecast, for each FLOP.

    Every candidate is simulated from the forecast and the target forecast anew, by three estimates (normal, regression,
    reweighting) and beside I-optimal design, which needs no forecast. With --plans also the value of what it would
    tell, less its cost. Writes next_run.csv, next_run.svg, next_run.png, next_run.json and report.html.

    For example:

      bayes-cod decide next-run out/ --largest 1e21 --weight gsm8k=2 --weight mmlu=1

      bayes-cod decide next-run out/ --flops 3e20 --flops 1e21 --seeds 1 --seeds 3 --plans plans.yaml
    """
    from bayes_cod.decisions.answers import answer_next_run, default_candidates
    from bayes_cod.decisions.basis import basis_of
    from bayes_cod.decisions.plan_file import read_plans, utilities_of
    from bayes_cod.decisions.runs import CandidateRun
    from bayes_cod.plots.decisions import plot_next_run

    place = out or run / NAME
    weights = pairs(weight, "weight")
    result = open_result(run)
    basis = basis_of(result, target)
    if flops:
        runs = [CandidateRun(value, count, trials) for value in flops for count in seeds or (1, 2)]
    else:
        found = default_candidates(basis, largest)
        runs = [CandidateRun(each.flops, each.seeds, trials) for each in found if not seeds or each.seeds in seeds]
    utilities, per_flop = None, 0.0
    notes: list[str] = []
    if plans is not None:
        given = read_plans(plans)
        utilities, notes = utilities_of(given, result, open_result)
        per_flop = 0.0 if given.price is None else float(given.price.cost(1.0))
    with stage(f"simulating {len(runs)} candidates"):
        made = answer_next_run(
            basis,
            runs,
            weights,
            utilities=utilities,
            cost_per_flop=per_flop,
            seed=seed,
            simulations=simulations,
        )
    notes = list(dict.fromkeys([*made.notes, *notes]))
    shown = [name for name in (*COLUMNS, "evsi", "net") if name in made.table]
    write_answer(
        place,
        NAME,
        title=f"The next run, for {basis.target.name}",
        lead=f"From the forecast by {result.method} of {result.family}.",
        words=made.words,
        notes=notes,
        tables={"": ("Candidates", made.table)},
        summary=made.summary,
        picture=plot_next_run(made.table),
        caption="Mean width of the target's 90 % intervals after each candidate, by each estimate.",
    )
    show_answer(
        place,
        "Candidates; ratios of the target's 90 % interval after a run to that before, narrowing as a fraction of a "
        "score",
        made.table[shown],
        made.words,
        notes,
    )
