"""`bayes-cod learn-prior`: from families with results to a prior for forecasts of another family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import screen, stage, steps
from bayes_cod.commands.options import DEFAULT_METHOD, FORECAST_NAMES, check_seed, given_settings, open_ladder
from bayes_cod.errors import InputError
from bayes_cod.output import check_folder

if TYPE_CHECKING:
    from bayes_cod.ladder import Ladder
    from bayes_cod.models.learnt_prior import LearntPrior, LeftOut, Source
    from bayes_cod.models.lessons import Lesson

Z90 = 1.645
MEANING = {
    "slope_mean": "mean slope of a family, eta per decade",
    "slope_spread": "spread of its benchmarks' slopes",
    "curvature_mean": "curvature, per decade",
    "shared_walk": "shared luck that lasts, decades per root decade",
    "own_walk": "a benchmark's luck that lasts, eta per root decade",
    "shared_luck": "shared luck of one run, decades",
    "own_luck": "a benchmark's luck of one run, eta",
}


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
    method: Annotated[
        str, typer.Option(help="What the prior is for: bayes-cod (with bayes-cod-clusters) or flp (bayes-flp).")
    ] = DEFAULT_METHOD,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws a chain.")] = None,
    chains: Annotated[int | None, typer.Option(min=1, help="Chains.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same prior.")] = 0,
) -> None:
    """Learn a prior for a method from families with results, for forecasts of another family.

    For bayes-cod every family with three rungs of different compute is fitted alone, on all its results; what the
    families tell together is the prior for a new one. Families that the convergence gate refuses are left out and
    named.

    For flp the larger models of every family with four rungs are forecast from its smaller ones, under four sizes of
    what is hardest to tell from few rungs: how far a benchmark may leave its curve. What forecasts best tells the size
    for a new family. That takes eight fits a family.

    Do not learn from the family that you want to forecast, nor from its fine-tunes.

    For example:

      bayes-cod learn-prior last_generation/ other_team/ --out prior.json

      bayes-cod learn-prior my_ladder/ --family old --family older --out prior.json

      bayes-cod learn-prior last_generation/ --method flp --out prior.json

      bayes-cod forecast my_ladder/ --family new --target new-70b --prior prior.json --out out
    """
    check_seed(seed)
    _check_file(out)
    method = FORECAST_NAMES.get(method, method)
    from bayes_cod.models.learnt_prior import KINDS

    if method not in KINDS:
        raise InputError(f"no prior can be learnt for the method '{method}'; --method is one of: {', '.join(KINDS)}")
    with stage("reading"):
        read = [open_ladder(name) for name in ladders]
    teach = _teach_flp if method == "bayes-flp" else _teach_cod
    learnt = teach(read, family or (), benchmark or (), given_settings(draws, chains), seed)
    learnt.save(out)
    show(learnt, out)


def _teach_cod(
    ladders: Sequence[Ladder], families: Sequence[str], benchmarks: Sequence[str], given: Mapping[str, Any], seed: int
) -> LearntPrior:
    from bayes_cod.models.cod import learning  # loads PyMC
    from bayes_cod.models.lessons import lessons, settings_of
    from bayes_cod.sampling import SamplerSettings

    sampler = replace(SamplerSettings(), **given)
    found, left_out = lessons(ladders, families, benchmarks)
    results = []
    for number, lesson in enumerate(found, start=1):
        with stage(f"fitting {_title(lesson, number, len(found))}"):
            results.append(learning.fit_family(lesson, seed=seed, sampler=sampler))
    return learning.learn(*_sorted(results, left_out), settings_of(seed, sampler, benchmarks))


def _teach_flp(
    ladders: Sequence[Ladder], families: Sequence[str], benchmarks: Sequence[str], given: Mapping[str, Any], seed: int
) -> LearntPrior:
    from bayes_cod.models.flp import learning  # loads PyMC
    from bayes_cod.models.flp.forecaster import SAMPLER
    from bayes_cod.models.lessons import lessons, settings_of

    sampler = replace(SAMPLER, **given)
    found, left_out = lessons(ladders, families, benchmarks, fewest_rungs=learning.NEEDED_RUNGS)
    results = []
    for number, lesson in enumerate(found, start=1):
        with steps(f"forecasting within {_title(lesson, number, len(found))}") as progress:
            results.append(learning.fit_family(lesson, seed=seed, sampler=sampler, progress=progress))
    return learning.learn(*_sorted(results, left_out), settings_of(seed, sampler, benchmarks))


def _title(lesson: Lesson, number: int, of: int) -> str:
    size = f"{len(lesson.ladder.rungs())} rungs, {len(lesson.ladder.benchmark_names)} benchmarks"
    return f"{lesson.family} of {lesson.source}, {number} of {of} ({size})"


def _sorted(results: Sequence[Source | LeftOut], left_out: list[LeftOut]) -> tuple[list[Source], list[LeftOut]]:
    from bayes_cod.models.learnt_prior import LeftOut, Source

    sources = [one for one in results if isinstance(one, Source)]
    return sources, [*left_out, *(one for one in results if isinstance(one, LeftOut))]


def _check_file(out: Path) -> None:
    """Refuse a place that no file can be written to, before any work is done."""
    if out.is_dir():
        raise InputError("this is a folder; --out names a file, such as prior.json", file=out)
    check_folder(out.parent, "a file in a folder")


def show(learnt: LearntPrior, out: Path) -> None:
    """Print what changed, what it rests on, and where the file is."""
    table = _walks(learnt) if learnt.method == "bayes-flp" else _hyperparameters(learnt)
    table.title = f"Prior for a new family, learnt from {len(learnt.sources)} families: medians and ranges"
    table.title_justify = "left"
    console = screen()
    console.print(table)
    for source in learnt.sources:
        size = f"{len(source.models)} rungs, {source.n_benchmarks} benchmarks"
        text = f"• learnt from {source.family} of {source.ladder}: {size}"
        console.print(Text(text, style="dim"), soft_wrap=True)
    for one in learnt.left_out:
        console.print(Text(f"• left out: {one.family} of {one.ladder}: {one.reason}", style="yellow"), soft_wrap=True)
    console.print(f"prior: {out}", markup=False, soft_wrap=True)


def _hyperparameters(learnt: LearntPrior) -> Table:
    from bayes_cod.models.cod.learning import HYPERPARAMETERS
    from bayes_cod.models.cod.priors import Priors

    numbers = ("families that tell", "shipped", "90 % range", "learnt", "90 % range")
    table = Table("hyperparameter", "what it is", *[Column(name, justify="right") for name in numbers])
    for h in HYPERPARAMETERS:
        both = (Priors(), learnt.values(Priors))
        cells = [text for priors in both for text in _told(h.centre(priors), h.sd(priors), log=h.log)]
        n = sum(h.name in source.told for source in learnt.sources)
        table.add_row(h.name, MEANING[h.name], str(n), *cells)
    return table


def _walks(learnt: LearntPrior) -> Table:
    """A benchmark's own walk, shipped and learnt, and how well each family was forecast under every size tried."""
    from bayes_cod.models.flp.priors import Priors

    sizes = sorted({size for source in learnt.sources for size in source.log_scores})
    table = Table("a benchmark's own walk", *[Column(name, justify="right") for name in ("median", "90 % range")])
    for size in sizes:
        table.add_column(f"log score at {size:g}", justify="right")
    for name, priors in (("shipped", Priors()), ("learnt", learnt.values(Priors))):
        low, middle, high = (
            priors.own_walk + np.exp(priors.own_walk_more + z * priors.own_walk_sd) for z in (-Z90, 0.0, Z90)
        )
        table.add_row(name, f"{middle:.2g}", f"{low:.2g} to {high:.2g}", *["" for _ in sizes])
    for source in learnt.sources:
        best = max(source.log_scores.values())
        scores = [f"{source.log_scores[size] - best:+.1f}" for size in sizes]
        table.add_row(f"{source.family}, against its best", "", "", *scores)
    return table


def _told(centre: float, sd: float, *, log: bool) -> tuple[str, str]:
    """Median and central 90 % range of a normal prior, in the hyperparameter's own unit."""
    low, mid, high = (np.exp(x) if log else x for x in (centre - Z90 * sd, centre, centre + Z90 * sd))
    return f"{mid:.2g}", f"{low:.2g} to {high:.2g}"
