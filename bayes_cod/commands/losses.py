"""`bayes-cod losses`: losses of validation domains for models on other mixtures, sizes and tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bayes_cod.commands.console import answer, errors, screen, stage
from bayes_cod.commands.options import check_seed, given_settings, open_ladder
from bayes_cod.commands.tables import diagnostics_table
from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import not_converged
from bayes_cod.results.files import check_folder, write_csv, write_json, write_together
from bayes_cod.threads import one_thread

if TYPE_CHECKING:
    from pandas import DataFrame

    from bayes_cod.ladder import Ladder, Target
    from bayes_cod.models.flpm.losses import MixtureLosses

FILES = ("losses.csv", "diagnostics.csv", "run.json")


def losses(
    ladder: Annotated[
        str, typer.Argument(help="Folder of tables, one table, or microladder:mixtures.", metavar="LADDER")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    targets: Annotated[
        Path | None,
        typer.Option(
            help="Table of the models to forecast: model (or run), params and tokens (or flops), mix_<domain>.",
            metavar="FILE",
        ),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Listed model to forecast (repeat for more).", metavar="NAME")
    ] = None,
    family: Annotated[str | None, typer.Option(help="Use the runs of one family. Left out: all runs.")] = None,
    cut: Annotated[
        str | None,
        typer.Option(help="Largest run to use, by name; losses of larger ones are hidden.", metavar="MODEL"),
    ] = None,
    checkpoints: Annotated[
        Literal["final", "late"],
        typer.Option(help="final: the end of every run; late: also checkpoints from a fifth of its tokens on."),
    ] = "late",
    draws: Annotated[int | None, typer.Option(min=1, help="Draws a chain.")] = None,
    chains: Annotated[int | None, typer.Option(min=1, help="Chains.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same numbers.")] = 0,
    allow_failed_gate: Annotated[
        bool, typer.Option("--allow-failed-gate", help="Report even if the sampler did not converge.")
    ] = False,
) -> None:
    """Forecast the loss of every validation domain from mixture, size and tokens; without mixtures, their mean.

    Writes losses.csv (target, flops, params, tokens, domain, kind, mean, sd and quantiles), diagnostics.csv and
    run.json.

    For example:

      bayes-cod losses mixture_losses/ --family regmix_pile17 --target 1B-test-0 --target 1B-test-1 --out out

      bayes-cod losses delphi/ --family delphi --target delphi-1e21 --target delphi-1e22 --out out

      bayes-cod losses mixture_losses/ --family 5Mix --targets mixture_losses/dml_1B_mixtures_only.csv --out out
    """
    check_folder(out)
    check_seed(seed)
    if not targets and not target:
        raise InputError("no target was given; name listed models with --target, or a table of them with --targets")
    from bayes_cod.readers.tables.targets import read_targets

    with stage("reading"):
        read = open_ladder(ladder)
        asked = [read.target(name) for name in target or ()]
        asked += read_targets(targets, family) if targets is not None else []
        names = frozenset(one.name for one in asked)
        used = visible_runs(read, family, cut, hidden=names)
    forecast_by = _from_mixtures if used.mixtures is not None and not used.mixtures.empty else _from_sizes
    table, diagnostics, made = forecast_by(used, asked, checkpoints, draws, chains, seed)
    check_gate(diagnostics, allow_failed_gate)
    record: dict[str, Any] = {"seed": seed, "data": used.data_hash()} | made
    write_together(
        out,
        {
            "losses.csv": lambda file: write_csv(table, file),
            "diagnostics.csv": lambda file: write_csv(diagnostics, file),
            "run.json": lambda file: write_json(record, file),
        },
        known=FILES,
    )
    answer({**record, "losses": table.to_dict("records"), "out": str(out)})
    console = screen()
    for note in record["notes"]:
        console.print(f"• {note}", style="dim", markup=False)
    console.print(f"losses of {len(asked)} targets: {out / 'losses.csv'}", markup=False, soft_wrap=True)


def _from_mixtures(
    used: Ladder,
    asked: list[Target],
    checkpoints: Literal["final", "late"],
    draws: int | None,
    chains: int | None,
    seed: int,
) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """Losses of every domain by the first stage of Bayesian FLP-M, diagnostics, and what is recorded."""
    model = fit_losses(used, checkpoints, draws, chains, seed)
    from bayes_cod.models.flpm.losses.table import loss_table

    points, notes = model.points(asked)
    gate = model.judge(points, [f"target {one.name}" for one in asked])
    with stage("forecasting"):
        table = loss_table(model, asked)
    record = {"runs": len(set(model.evidence.models)), "domains": list(model.evidence.domains)}
    record |= {"training_domains": list(model.evidence.sources), "notes": [*model.evidence.notes, *notes]}
    return table, gate.table, record | {"checkpoints": checkpoints, "draws": len(model.draws)}


def _from_sizes(
    used: Ladder,
    asked: list[Target],
    checkpoints: Literal["final", "late"],
    draws: int | None,
    chains: int | None,
    seed: int,
) -> tuple[DataFrame, DataFrame, dict[str, Any]]:
    """The mean loss by the first stage of Bayesian FLP, where runs have no mixtures; final models alone."""
    from bayes_cod.models.flp.loss_law import LossLaw

    model = LossLaw(seed, sampling=given_settings(draws, chains))
    with stage("fitting the law of losses"):
        model.fit(used)
    evidence = model.evidence
    record = {"runs": evidence.n_runs, "domains": list(evidence.series), "notes": list(evidence.notes)}
    return model.table(asked), model.judge(asked).table, record | {"checkpoints": "final"}


def visible_runs(ladder: Ladder, family: str | None, cut: str | None, hidden: frozenset[str] = frozenset()) -> Ladder:
    """The runs that a fit may use: one family, up to a cut, without those that are forecast."""
    chosen = ladder.select(family=family, cut=cut)
    kept = [str(name) for name in chosen.models["model"] if str(name) not in hidden]
    return chosen.select(models=kept)


def fit_losses(
    ladder: Ladder, checkpoints: Literal["final", "late"], draws: int | None, chains: int | None, seed: int
) -> MixtureLosses:
    """Fit the domain-loss stage with a progress line."""
    from bayes_cod.models.flpm.evidence import LossSettings
    from bayes_cod.models.flpm.losses import LOSS_SAMPLER, MixtureLosses

    model = MixtureLosses(
        seed, settings=LossSettings(checkpoints), sampler=replace(LOSS_SAMPLER, **given_settings(draws, chains))
    )
    with stage("fitting the losses of the domains"), one_thread():
        return model.fit(ladder)


def check_gate(table: Any, allowed: bool) -> None:
    """Print failed diagnostics, and refuse unless the user wants the result all the same.

    Raises
    ------
    GateError
        With the number of quantities that failed.
    """
    failed = [str(name) for name in table.loc[~table["passed"].astype(bool), "quantity"]]
    if not failed:
        return
    errors().print(diagnostics_table(table))
    if not allowed:
        raise not_converged(failed)
