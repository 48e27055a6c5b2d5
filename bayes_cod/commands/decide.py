"""`bayes-cod decide`: what to do, given forecasts; `decide mixture`, which mixture of data a planned run should use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.answers import pairs
from bayes_cod.commands.console import answer, screen, stage
from bayes_cod.commands.decide_compute import compute
from bayes_cod.commands.decide_next_run import next_run
from bayes_cod.commands.decide_plans import plans
from bayes_cod.commands.decide_trials import trials
from bayes_cod.commands.losses import check_gate, fit_losses, visible_runs
from bayes_cod.commands.options import check_seed, given_settings, open_ladder
from bayes_cod.errors import InputError
from bayes_cod.results.files import Writer, check_folder, write_csv, write_json, write_text, write_together
from bayes_cod.threads import one_thread

if TYPE_CHECKING:
    from bayes_cod.decisions.mixture import Decision
    from bayes_cod.ladder import Ladder

FILES = ("mixtures.csv", "mixtures.png", "diagnostics.csv", "decision.json", "report.html")
SHOWN = 5

decide = typer.Typer(no_args_is_help=True, help="Decide what to train, given forecasts.", rich_markup_mode="rich")


@decide.callback()
def options() -> None:
    """Decide what to train, given forecasts.

    Everything but the mixture starts from a saved forecast, the --out of 'bayes-cod forecast'.

    For example:

      bayes-cod decide compute out/ --require "gsm8k>=0.8" --confidence 0.9
    """


for _name, _command in (("compute", compute), ("plans", plans), ("next-run", next_run), ("trials", trials)):
    decide.command(_name)(_command)


@decide.command()
def mixture(
    ladder: Annotated[str, typer.Argument(help="Folder of tables, one table, or microladder:mixed.", metavar="LADDER")],
    params: Annotated[float, typer.Option(help="Parameters of the planned run.")],
    tokens: Annotated[float, typer.Option(help="Training tokens of the planned run.")],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    goal: Annotated[
        Literal["scores", "losses"],
        typer.Option(help="Make the mean score large, or the mean loss small."),
    ] = "scores",
    weight: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark (with --goal losses, validation domain) that counts, and how much (repeat for more; left "
            "out: all alike).",
            metavar="NAME=WEIGHT",
        ),
    ] = None,
    current: Annotated[
        list[str] | None,
        typer.Option(
            help="Mixture in use: its shares (repeat for each domain), or the name of a listed model that has it.",
            metavar="DOMAIN=SHARE|MODEL",
        ),
    ] = None,
    at_least: Annotated[
        list[str] | None, typer.Option(help="Smallest share of a domain (repeat for more).", metavar="DOMAIN=SHARE")
    ] = None,
    at_most: Annotated[
        list[str] | None, typer.Option(help="Largest share of a domain (repeat for more).", metavar="DOMAIN=SHARE")
    ] = None,
    available: Annotated[
        list[str] | None, typer.Option(help="Tokens that a domain has (repeat for more).", metavar="DOMAIN=TOKENS")
    ] = None,
    repetitions: Annotated[float, typer.Option(help="How often available tokens may be repeated.")] = 1.0,
    inside: Annotated[
        bool, typer.Option("--inside", help="Choose among blends of tried mixtures only, without extrapolation.")
    ] = False,
    candidates: Annotated[int, typer.Option(min=3, max=5000, help="Mixtures to compare, about.")] = 500,
    family: Annotated[str | None, typer.Option(help="Use the runs of one family. Left out: all runs.")] = None,
    cut: Annotated[
        str | None,
        typer.Option(help="Largest run to use, by name; results of larger ones are hidden.", metavar="MODEL"),
    ] = None,
    checkpoints: Annotated[
        Literal["final", "late"],
        typer.Option(help="final: the end of every run; late: also checkpoints from a fifth of its tokens on."),
    ] = "final",
    draws: Annotated[int | None, typer.Option(min=1, help="Draws a chain.")] = None,
    chains: Annotated[int | None, typer.Option(min=1, help="Chains.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same numbers.")] = 0,
    allow_failed_gate: Annotated[
        bool, typer.Option("--allow-failed-gate", help="Report even if the sampler did not converge.")
    ] = False,
) -> None:
    """Compare mixtures of training data for a planned run.

    Learns from runs on several mixtures, small ones as a rule, and gives for each candidate its expected score (or
    loss), the probability that it is the best and that it beats the current mixture, and the expected regret.
    Candidates that are no blend of tried mixtures are marked as extrapolation. Writes mixtures.csv, mixtures.png,
    decision.json, diagnostics.csv and report.html.

    For example:

      bayes-cod decide mixture microladder:mixed --cut w32-s0 --params 42320 --tokens 8072064 \
--current w24-mix-default --out out

      bayes-cod decide mixture my_runs/ --params 1e9 --tokens 2.5e10 --weight humaneval=2 --weight mmlu=1 \
--current web=0.8 --current code=0.2 --at-least web=0.3 --available code=4e9 --repetitions 4 --out out

      bayes-cod decide mixture mixture_losses/ --family regmix_pile17 --goal losses --weight pile_cc=1 --params 1e9 \
--tokens 2.5e10 --inside --out out
    """
    check_folder(out)
    check_seed(seed)
    from bayes_cod.decisions.mixture import Goal, decide_mixture
    from bayes_cod.decisions.simplex import Limits

    limits = Limits(pairs(at_least, "at_least"), pairs(at_most, "at_most"), pairs(available, "available"), repetitions)
    with stage("reading"):
        read = open_ladder(ladder)
        used = visible_runs(read, family, cut)
        shares = _current(read, current)
    model: Any
    if goal == "losses":
        model = fit_losses(used, checkpoints, draws, chains, seed)
        known = model.evidence.domains
    else:
        model = _fit_scores(used, checkpoints, draws, chains, seed)
        known = model.scores.evidence.benchmarks
    table = model.gate.table
    check_gate(table, allow_failed_gate)
    aim = Goal.of(pairs(weight, "weight"), known, losses=goal == "losses")
    with stage("comparing mixtures"):
        made = decide_mixture(
            model,
            aim,
            params=params,
            tokens=tokens,
            limits=limits,
            current=shares,
            count=candidates,
            seed=seed,
            inside=inside,
        )
    record = _record(made, used, params, tokens, seed)
    writers: dict[str, Writer] = {
        "mixtures.csv": lambda file: write_csv(made.table, file),
        "mixtures.png": lambda file: _picture(made, model).savefig(file, dpi=150, facecolor="white"),
        "diagnostics.csv": lambda file: write_csv(table, file),
        "decision.json": lambda file: write_json(record, file),
        "report.html": lambda file: write_text(_page(made, model), file),
    }
    with stage(f"writing {out}"):
        write_together(out, writers, known=FILES)
    answer(record)
    show(made, out)


def _fit_scores(
    ladder: Ladder, checkpoints: Literal["final", "late"], draws: int | None, chains: int | None, seed: int
) -> Any:
    from bayes_cod.models.flpm.evidence import LossSettings
    from bayes_cod.models.flpm.forecaster import BayesianFLPM

    model = BayesianFLPM(seed, settings=LossSettings(checkpoints))
    given = given_settings(draws, chains)
    model.losses.sampler = replace(model.losses.sampler, **given)
    model.scores.sampler = replace(model.scores.sampler, **given)
    with stage("fitting losses and scores"), one_thread():
        return model.fit(ladder)


def _current(ladder: Ladder, texts: list[str] | None) -> dict[str, float] | None:
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        found = ladder.target(texts[0]).mixture
        if found is None:
            raise InputError(f"'{texts[0]}' has no mixture in this ladder; give shares with --current DOMAIN=SHARE")
        return found
    return pairs(texts, "current")


def show(made: Decision, out: Path) -> None:
    """Print the best candidates beside the current mixture, and what to keep in mind."""
    import pandas as pd

    console = screen()
    losses = made.goal.losses
    unit, factor = ("nats", 1.0) if losses else ("points", 100.0)
    rows = made.table.head(SHOWN)
    if made.current is not None:
        own = made.table[made.table["kind"] == "current"]
        rows = pd.concat([rows[rows["kind"] != "current"], own])
    numbers = ["expected", "90 % interval", "P(best)", "P(beats current)", "gain", "regret", "90 % of regret"]
    table = Table(
        "mixture",
        *[Column(name, justify="right") for name in numbers],
        "",
        title=f"Latent {'loss' if losses else 'score'} of the planned run in {unit}; regret against the best candidate",
        title_justify="left",
    )
    for row in rows.to_dict("records"):
        shares = ", ".join(
            f"{name} {row[f'share_{name}']:.2f}" for name in made.sources if row[f"share_{name}"] >= 0.005
        )
        remark = "current" if row["kind"] == "current" else ""
        remark += (", " if remark else "") + "extrapolates" if row["extrapolates"] else ""
        known = made.current is not None
        table.add_row(
            Text(shares),
            f"{factor * row['mean']:.3g}",
            f"{factor * row['q05']:.3g} to {factor * row['q95']:.3g}",
            f"{row['p_best']:.2f}",
            f"{row['p_beats_current']:.2f}" if known and row["kind"] != "current" else "–",
            f"{factor * row['gain']:+.2g}" if known else "–",
            f"{factor * row['regret']:.2g}",
            f"{factor * row['regret_q05']:.2g} to {factor * row['regret_q95']:.2g}",
            Text(remark),
        )
    console.print(table)
    for note in made.notes:
        console.print(f"• {note}", style="dim", markup=False)
    console.print(f"mixtures: {out / 'mixtures.csv'}", markup=False, soft_wrap=True)


def _picture(made: Decision, model: Any) -> Any:
    from bayes_cod.plots.mixture import plot_mixtures

    losses = made.goal.losses
    evidence = model.evidence if losses else model.losses.evidence
    table = made.table
    return plot_mixtures(
        made.shares,
        *(table[name].to_numpy(dtype=float) for name in ("mean", "q05", "q95")),
        sources=made.sources,
        extrapolates=table["extrapolates"].to_numpy(dtype=bool),
        tried=evidence.points.shares,
        best=made.shares[0],
        current=made.current,
        label="expected loss (nats)" if losses else "expected score (points)",
        scale=1.0 if losses else 100.0,
    )


def _page(made: Decision, model: Any) -> str:
    from bayes_cod.report.decisions import decision_page

    best = made.best
    factor, unit = (1.0, "nats") if made.goal.losses else (100.0, "points")
    shares = ", ".join(f"{name} {best[f'share_{name}']:.2f}" for name in made.sources if best[f"share_{name}"] >= 0.005)
    words = [
        f"The best expected value has {shares}: {factor * best['mean']:.3g} {unit} (90 %: "
        f"{factor * best['q05']:.3g} to "
        f"{factor * best['q95']:.3g}); it is the best of all candidates with {best['p_best']:.0%}, and its expected "
        f"regret "
        f"is {factor * best['regret']:.2g}."
    ]
    if made.current is not None and best["kind"] != "current":
        words.append(
            f"It beats the mixture in use with {best['p_beats_current']:.0%}, by {factor * best['gain']:.2g} {unit}."
        )
    return decision_page(
        title="Mixture of training data",
        lead=f"{len(made.table)} candidates, compared on {len(made.values)} joint draws.",
        words=words,
        notes=made.notes,
        picture=_picture(made, model),
        caption="Expected value of each candidate.",
        tables={"Candidates": made.table},
    )


def _record(made: Decision, ladder: Ladder, params: float, tokens: float, seed: int) -> dict[str, Any]:
    best = {str(name): value for name, value in made.best.items()}
    return {
        "goal": "losses" if made.goal.losses else "scores",
        "weights": dict(made.goal.weights),
        "planned": {"params": params, "tokens": tokens},
        "best": best,
        "current": None if made.current is None else dict(zip(made.sources, map(float, made.current), strict=True)),
        "candidates": len(made.table),
        "notes": list(made.notes),
        "seed": seed,
        "data": ladder.data_hash(),
    }
