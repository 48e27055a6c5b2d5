"""`bayes-cod learn-prior`: from families with results to a prior for forecasts of another family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import answer, screen, stage
from bayes_cod.commands.options import check_seed, given_settings, open_ladder
from bayes_cod.errors import InputError
from bayes_cod.results.files import check_folder

if TYPE_CHECKING:
    from bayes_cod.models.cod.learnt_prior import LearntPrior

Z90 = 1.645
MEANING = {
    "slope": "mean slope of a family, theta per decade",
    "curvature": "curvature, per decade",
    "walk": "typical own walk of its benchmarks, theta per root decade",
    "noise": "passing noise of a benchmark, theta",
}
NOT_LOG = ("curvature",)


def learn_prior(
    ladders: Annotated[
        list[str],
        typer.Argument(help="Folders of tables, tables, or the word microladder: one or more.", metavar="LADDER"),
    ],
    out: Annotated[Path, typer.Option(help="File for the prior, such as prior.json; replaced if it is there.")],
    family: Annotated[
        list[str] | None, typer.Option(help="Family to learn from (repeat for more; left out: all).", metavar="F")
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark to learn from (repeat for more; left out: all). The name alone means all its settings.",
            metavar="B",
        ),
    ] = None,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws a chain.")] = None,
    chains: Annotated[int | None, typer.Option(min=1, help="Chains.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same prior.")] = 0,
) -> None:
    """Learn a prior for the method bayes-cod from families with results, for forecasts of another family.

    All families with three rungs of different compute are fitted in one model; what they have in common is the prior
    for a new one. Do not learn from the family that you want to forecast, nor from its fine-tunes.

    For example:

      bayes-cod learn-prior last_generation/ other_team/ --out prior.json

      bayes-cod learn-prior my_ladder/ --family old --family older --out prior.json

      bayes-cod forecast my_ladder/ --family new --target new-70b --prior prior.json --out out
    """
    check_seed(seed)
    _check_file(out)
    with stage("reading"):
        read = [open_ladder(name) for name in ladders]
    from bayes_cod.models.cod import learning  # loads PyMC
    from bayes_cod.models.cod.forecaster import SAMPLER

    found, left_out = learning.lessons(read, family or (), benchmark or ())
    sampler = replace(SAMPLER, **given_settings(draws, chains))
    with stage(f"fitting {len(found)} families together"):
        learnt = learning.learn(found, left_out, seed=seed, sampler=sampler)
    learnt.save(out)
    answer({**learnt.record(), "out": str(out)})
    show(learnt, out)


def _check_file(out: Path) -> None:
    """Refuse a place that no file can be written to, before any work is done."""
    if out.is_dir():
        raise InputError("this is a folder; --out names a file, such as prior.json", file=out)
    check_folder(out.parent, "a file in a folder")


def show(learnt: LearntPrior, out: Path) -> None:
    """Print what changed, what it rests on, and where the file is."""
    from bayes_cod.models.cod.priors import Priors

    numbers = ("shipped", "90 % range", "learnt", "90 % range")
    table = Table(
        "hyperparameter",
        "what it is",
        *[Column(name, justify="right") for name in numbers],
        title=f"Prior for a new family, learnt from {len(learnt.sources)} families: medians and ranges",
        title_justify="left",
    )
    for name, meaning in MEANING.items():
        cells = [
            text
            for priors in (Priors(), learnt.priors)
            for text in _range(getattr(priors, f"{name}_mean"), getattr(priors, f"{name}_sd"), log=name not in NOT_LOG)
        ]
        table.add_row(name, meaning, *cells)
    console = screen()
    console.print(table)
    for source in learnt.sources:
        size = f"{len(source.models)} rungs, {source.n_benchmarks} benchmarks"
        text = f"• learnt from {source.family} of {source.ladder}: {size}"
        console.print(Text(text, style="dim"), soft_wrap=True)
    for one in learnt.left_out:
        console.print(Text(f"• left out: {one.family} of {one.ladder}: {one.reason}", style="yellow"), soft_wrap=True)
    console.print(f"prior: {out}", markup=False, soft_wrap=True)


def _range(centre: float, sd: float, *, log: bool) -> tuple[str, str]:
    """Median and central 90 % range of a normal prior, in the hyperparameter's own unit."""
    low, mid, high = (np.exp(x) if log else x for x in (centre - Z90 * sd, centre, centre + Z90 * sd))
    return f"{mid:.2g}", f"{low:.2g} to {high:.2g}"
