"""`bayes-cod forecast`: a ladder and targets in, intervals and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from bayes_cod.commands.console import answer, errors, points, screen, stage
from bayes_cod.commands.options import (
    check_seed,
    open_ladder,
    open_pool,
    open_prior,
    open_recalibrations,
    read_thresholds,
    size,
)
from bayes_cod.commands.tables import diagnostics_table, forecast_tables
from bayes_cod.errors import InputError
from bayes_cod.ladder.request import Request, make_request
from bayes_cod.report.answers import make_answers, matched
from bayes_cod.report.text import report_json
from bayes_cod.results.files import check_folder

if TYPE_CHECKING:
    from bayes_cod.evaluation.recalibration import Recalibration
    from bayes_cod.results import Result


def forecast(
    ladder: Annotated[
        str, typer.Argument(help="Folder of tables or logs, one table, or the word microladder.", metavar="LADDER")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    models: Annotated[
        Path | None,
        typer.Option(help="Models table of a folder of logs, where it is not in the folder.", metavar="FILE"),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(help="Family to continue. Left out: the targets' family, or the only one with two rungs."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Model to forecast (repeat for more). Left out, with no --target-flops either: every listed larger "
            "model of the family that has compute but no results.",
            metavar="NAME",
        ),
    ] = None,
    target_flops: Annotated[
        list[float] | None,
        typer.Option(
            parser=size, help="Training compute of a model to forecast, in FLOPs (repeat for more).", metavar="X"
        ),
    ] = None,
    target_params: Annotated[
        list[float] | None,
        typer.Option(
            parser=size,
            help="Parameters of each target given by --target-flops. With --target-tokens and without --target-flops: "
            "the targets themselves, of 6 x parameters x tokens FLOPs.",
            metavar="N",
        ),
    ] = None,
    target_tokens: Annotated[
        list[float] | None,
        typer.Option(parser=size, help="Training tokens, one for each --target-params.", metavar="D"),
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark to forecast (repeat for more; left out: all). Sampling settings of one benchmark are "
            "separate benchmarks, named benchmark@setting; the name alone means all of them.",
            metavar="NAME",
        ),
    ] = None,
    setting: Annotated[
        str | None, typer.Option(help="Keep one sampling setting; 'bayes-cod check LADDER' lists them.")
    ] = None,
    cut: Annotated[
        str | None,
        typer.Option(
            help="Largest rung to use, by name; results of larger models are hidden. Left out: all rungs smaller than "
            "the smallest target.",
            metavar="MODEL",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="How to forecast: auto (the best form that the ladder's tables allow), or any method that 'bayes-cod "
            "backtest --help' lists; 'bayes-cod check LADDER' says which would work."
        ),
    ] = "auto",
    pool: Annotated[
        str, typer.Option(help="Other families to learn from: others (of this ladder), none, or another ladder's path.")
    ] = "none",
    prior: Annotated[
        Path | None,
        typer.Option(
            help="Prior learnt from other families, a file of 'bayes-cod learn-prior' (for bayes-cod). "
            "Left out: the shipped one.",
            metavar="FILE",
        ),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(
            help="Score asked for, as BENCHMARK=FRACTION (repeat for more): how likely that score or more is.",
            metavar="B=X",
        ),
    ] = None,
    recalibrate: Annotated[
        list[Path] | None,
        typer.Option(
            help="Finished back-test of the same method on other families, or on this one's smaller models: the "
            "--out of 'bayes-cod backtest' (repeat for more). Intervals are scaled by what they held there.",
            metavar="BACKTEST",
        ),
    ] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws a chain, where the method samples.")] = None,
    chains: Annotated[int | None, typer.Option(min=1, help="Chains, where the method samples.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same numbers.")] = 0,
    allow_failed_gate: Annotated[
        bool,
        typer.Option("--allow-failed-gate", help="Report even if the sampler did not converge; it says so in red."),
    ] = False,
    register: Annotated[
        bool,
        typer.Option(
            "--register", help="Write a dated record of the files' hashes, to be judged by 'bayes-cod score'."
        ),
    ] = False,
) -> None:
    """Forecast the scores of larger models, with intervals.

    Writes forecast.csv, forecast.nc, run.json and report.html, and for methods that sample posterior.nc and
    diagnostics.csv: all of them or, if anything fails, none. Exit 0 done, 2 unusable input, 3 not converged.

    For example:

      bayes-cod forecast my_ladder/ --family mine --target mine-70b --out out

      bayes-cod forecast my_ladder/ --target mine-70b --threshold gsm8k=0.7 --out out

      bayes-cod forecast my_ladder/ --family mine --target-flops 3.8e24 --benchmark math500@temp1 --out out

      bayes-cod forecast my_ladder/ --method bayes-flp --target-params 7e9 --target-tokens 3.9e12 --out out

      bayes-cod forecast my_ladder/ --method stack:bayes-cod/bayes-flp/bnsl+bootstrap --target mine-70b --out out

      bayes-cod forecast my_ladder/ --benchmark math500 --setting temp1 --cut mine-7b --pool none --out out

      bayes-cod forecast my_ladder/ --family mine --target mine-70b --prior prior.json --out out

      bayes-cod forecast my_ladder/ --method bayes-flp --target mine-70b --recalibrate backtest_of_old_ladder/ --out out
    """
    check_folder(out)
    check_seed(seed)
    thresholds = read_thresholds(threshold)
    from bayes_cod.registry import check_name, resolve_auto, settings_of

    if method != "auto":
        check_name(method)
    learnt = open_prior(prior, [method])
    with stage("reading"):
        request = make_request(
            open_ladder(ladder, models),
            family=family,
            targets=target or (),
            target_flops=target_flops or (),
            target_params=target_params or (),
            target_tokens=target_tokens or (),
            benchmarks=benchmark or (),
            setting=setting,
            cut=cut,
            pool=open_pool(pool),
        )
    wanted = matched(thresholds, request.benchmarks)
    chosen = resolve_auto(method, request.ladder)
    recalibration = open_recalibrations(recalibrate, [chosen]).get(chosen)
    settings = {
        "cut": cut,
        "setting": setting,
        "pool": pool,
        "prior": None if learnt is None or prior is None else {"file": prior.name, **learnt.origin()},
        "recalibrate": [str(folder) for folder in recalibrate or ()],
        "thresholds": wanted,
        "draws": draws,
        "chains": chains,
        "allow_failed_gate": allow_failed_gate,
    }
    made = settings_of(chosen, draws=draws, chains=chains, priors=learnt)
    if register:
        check_unregistered(out)
    carry_out(request, chosen, seed, made, settings, out, recalibration)
    if register:
        _register(out)


def check_unregistered(out: Path) -> None:
    """Refuse to write over a registered forecast before any work is done.

    Raises
    ------
    InputError
        If the folder holds one.
    """
    from bayes_cod.results.registration import REGISTRATION

    if (out / REGISTRATION).exists():
        raise InputError("holds a registered forecast; choose another `out`", file=out)


def _register(out: Path) -> None:
    from bayes_cod.results.registration import register

    made = register(out)
    screen().print(f"registered {made.date}, digest {made.digest}", markup=False, soft_wrap=True)


def carry_out(
    request: Request,
    method: str,
    seed: int,
    made: dict[str, Any],
    settings: dict[str, Any],
    out: Path,
    recalibration: Recalibration | None = None,
) -> None:
    """Fit, forecast, print and write; what `forecast` and `demo` have in common.

    Raises
    ------
    GateError
        If the sampler did not converge and ``settings["allow_failed_gate"]`` is not set; nothing is written then.
    """
    from bayes_cod.registry import make
    from bayes_cod.results.make import make_result  # both take seconds to import, which --help should not

    allowed = bool(settings.get("allow_failed_gate"))
    forecaster = make(method, seed, **made)
    with stage(f"fitting {method} on {len(request.rungs)} rungs and {len(request.benchmarks)} benchmarks"):
        result = make_result(
            request, forecaster, seed=seed, settings=settings, recalibration=recalibration, allow_failed_gate=True
        )
    if not result.gate_passed:
        if result.diagnostics is not None:
            errors().print(diagnostics_table(result.diagnostics))
        if not allowed:
            result.forecast.check_gate()
    with stage(f"writing {out}"):
        result.save(out)
    show(result, out)


def show(result: Result, out: Path) -> None:
    """Print a forecast and where its files are."""
    answer({**report_json(result), "out": str(out)})
    console = screen()
    console.print(f"{result.method}: observed scores in points, from {len(result.rungs)} rungs.", markup=False)
    for heading, table in forecast_tables(result, console.width):
        console.print(Text(heading, style="bold"))
        console.print(table)
    for target in make_answers(result):
        for asked in target.answers:
            if asked.threshold == asked.threshold:
                console.print(f"{target.target}, {asked.sentence}", markup=False)
    for target, mean in (result.forecast.facts.get("mean_over_benchmarks") or {}).items():
        low, mid, high = (points(mean[name]) for name in ("q05", "q50", "q95"))
        text = f"mean over all benchmarks, {target}: {mid} (90 %: {low} to {high})"
        console.print(text, markup=False, highlight=False)
    for note in result.notes:
        console.print(f"• {note}", style="dim", markup=False)
    if not result.gate_passed:
        console.print("The sampler did not converge: do not rely on these numbers.", style="bold red")
    console.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)
