"""`bayes-cod backtest`: forecast models whose scores are known, and score the forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import answer, errors, points, screen, stage
from bayes_cod.commands.options import MOST_JOBS, check_seed, open_ladder, open_pool, open_prior, open_recalibrations
from bayes_cod.errors import InputError
from bayes_cod.results.files import Writer, check_folder, write_csv, write_text, write_together

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FILES = (
    "cells.csv",
    "summary.csv",
    "seconds.csv",
    "reliability.png",
    "pit.png",
    "error_by_distance.png",
    "skill.png",
    "report.html",
)
JOBS = "jobs"
JOB = ["method", "ladder", "family", "cut", "seconds"]


def backtest(
    ladder: Annotated[
        str,
        typer.Argument(
            help="Folder of tables, one table, or microladder (also microladder:checkpoints, :grid, ...).",
            metavar="LADDER",
        ),
    ],
    method: Annotated[
        list[str],
        typer.Option(
            help="Method to test (repeat, or give a comma list): a name, baselines (all point methods), all (these and "
            "their +bootstrap and +conformal forms), bayesian or stacks.",
            metavar="M",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the results; made if missing.")],
    family: Annotated[
        list[str] | None, typer.Option(help="Family to forecast (repeat for more; left out: all).", metavar="F")
    ] = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            help="Benchmark to forecast (repeat for more; left out: all). The name alone means all its settings.",
            metavar="B",
        ),
    ] = None,
    min_rungs: Annotated[int, typer.Option(help="Fewest rungs of different compute below a forecast.")] = 3,
    max_decades: Annotated[
        float | None, typer.Option(help="Farthest target, in decades of FLOPs from the largest rung. Left out: any.")
    ] = None,
    cut_by: Annotated[
        Literal["flops", "params"],
        typer.Option(help="What orders the models: training compute, or size (for grids of size and tokens)."),
    ] = "flops",
    pool: Annotated[
        str,
        typer.Option(
            help="What methods that learn from other families (bayes-cod, bayes-flp) are given: others (of this "
            "ladder), none, or another ladder's path."
        ),
    ] = "none",
    prior: Annotated[
        Path | None,
        typer.Option(
            help="Prior learnt from families other than those forecast, a file of 'bayes-cod learn-prior'. bayes-cod "
            "uses it, other methods do not.",
            metavar="FILE",
        ),
    ] = None,
    recalibrate: Annotated[
        list[Path] | None,
        typer.Option(
            help="Finished back-test of the same methods on other ladders, the --out of this command (repeat for "
            "more). Each method that is in it is also scored with its intervals scaled by what they held "
            "there, as METHOD+recalibrated.",
            metavar="BACKTEST",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed, data and code give the same numbers.")] = 0,
    jobs: Annotated[int, typer.Option(help="Jobs at a time; -1: one a core.")] = 1,
    dask: Annotated[
        str | None,
        typer.Option(
            help="Run on a Dask cluster: its scheduler's address or file. --out must be a folder that all workers "
            "reach, each worker have one thread.",
            metavar="ADDRESS",
        ),
    ] = None,
) -> None:
    """Forecast larger models of a ladder from its smaller ones, and score the forecasts.

    Every family is cut at every rung that leaves --min-rungs; each method is fitted up to the cut and forecasts all
    larger evaluated models. Writes cells.csv (one row a cell and method), summary.csv, seconds.csv, report.html and
    plots. Finished jobs are kept in OUT/jobs: the same command, started again, goes on where it was interrupted.

    Point methods: bnsl, cod, cod-dbscan, cod-ikmeans, cod-kmeans, cod-meanshift, cod-nomap,
    cod-quartic, direct, exponential, exponential@equivalent, flp, flpm, fp, gadre, irt, irt@equivalent,
    last-rung, llama3, olmo-two-step, passrate, sigmoid; each may be followed by
    +bootstrap or +conformal, which gives it intervals. Bayesian: bayes-cod, bayes-flp, bayes-flpm.
    Mixtures, weighted by a back-test inside the ladder: stack, cod-flp, stack-points, or stack:M/M of any methods.

    For example:

      bayes-cod backtest microladder --method all --out out

      bayes-cod backtest my_ladder/ --family mine --method bayes-cod,exponential+bootstrap --jobs 2 --out out

      bayes-cod backtest microladder --method stack:bnsl+bootstrap/exponential+bootstrap,stack-points --out out

      bayes-cod backtest my_ladder/ --method baselines --min-rungs 2 --max-decades 1 --benchmark math500 --out out

      bayes-cod backtest my_ladder/ --family mine --method bayes-cod --prior prior.json --out out

      bayes-cod backtest my_ladder/ --method bayes-flp --recalibrate backtest_of_old_ladder/ --out out
    """
    check_folder(out)
    check_seed(seed)
    if jobs == 0 or not -1 <= jobs <= MOST_JOBS:
        raise InputError(f"--jobs is {jobs}; give a number from 1 to {MOST_JOBS:,}, or -1 for one a core")
    from bayes_cod.evaluation import backtest as run_backtest
    from bayes_cod.evaluation import common_cells, summarise, summary_table
    from bayes_cod.evaluation.workers import cluster
    from bayes_cod.registry import AUTO, resolve, resolve_auto, with_prior
    from bayes_cod.registry import method as make_method

    with stage("reading"):
        read = open_ladder(ladder)
    words = [word for text in method for word in text.split(",")]
    names = resolve([resolve_auto(word, read) if word.strip() == AUTO else word for word in words])
    learnt = open_prior(prior, names)
    taught = {} if learnt is None else {"priors": learnt.record()}  # so a job's key names the prior's contents
    recalibrations = open_recalibrations(recalibrate, names)
    methods = [make_method(name, **(taught if with_prior(name) else {})) for name in names]
    with cluster(dask), _bar(out) as progress:
        cells = run_backtest(
            read,
            methods,
            families=family,
            benchmarks=benchmark,
            min_rungs=min_rungs,
            max_decades=max_decades,
            cut_by=cut_by,
            pool=open_pool(pool),
            seed=seed,
            n_jobs=None if dask else jobs,
            folder=out / JOBS,
            progress=progress,
            recalibrations=recalibrations,
        )
    with stage("summarising"):
        overall, table = summarise(cells), summary_table(cells)
    with stage(f"writing {out}"):
        write_together(out, _writers(cells, common_cells(cells), overall, table), known=FILES)
    show(cells, overall, out)


def show(cells: pd.DataFrame, overall: pd.DataFrame, out: Path) -> None:
    """Print the summary over all cells, what was not answered and where the files are."""
    console = screen()
    console.print(_summary(overall))
    compared = overall[overall["n_cells"] > 0]
    n_cells = len(cells) // cells["method"].nunique()
    if len(compared):
        n_common, n_targets = compared[["n_cells", "n_targets"]].iloc[0]
        console.print(
            f"Compared on the {n_common} of {n_cells} cells that {len(compared)} methods all answered, of {n_targets} "
            "target models; ± is one standard error, clustered by target.",
            style="dim",
        )
    baseline = compared["baseline"].iloc[0] if len(compared) else ""
    if baseline:
        console.print(
            f"− baseline is CRPS less that of {baseline}, cell by cell; skill is 1 - CRPS / CRPS of {baseline}.",
            style="dim",
            markup=False,
        )
    silent = cells[cells["status"] != "ok"]
    for (name, status, reason), rows in silent.groupby(["method", "status", "reason"], sort=False):
        console.print(Text(f"• {name}: {len(rows)} cells {status}: {reason}", style="yellow"), soft_wrap=True)
    console.print(f"cells: {out / 'cells.csv'}", markup=False, soft_wrap=True)
    console.print(f"report: {out / 'report.html'}", markup=False, soft_wrap=True)
    answer({"summary": overall.to_dict("records"), "out": str(out)})


def _summary(overall: pd.DataFrame) -> Table:
    names = (
        "cells",
        "error",
        "CRPS",
        "− baseline",
        "bias",
        "50 % holds",
        "90 % holds",
        "90 % width",
        "skill",
        "s a fit",
    )
    table = Table(
        "method",
        *[Column(name, justify="right") for name in names],
        title="Back-test (scores in points)",
        title_justify="left",
    )
    for row in overall.sort_values("crps_points").to_dict("records"):
        table.add_row(
            Text(str(row["method"])),
            f"{row['n_cells']}",
            _number(row, "abs_error_points", 1.0, 1),
            _number(row, "crps_points", 1.0, 1),
            _number(row, "crps_minus_baseline_points", 1.0, 1),
            _number(row, "bias_points", 1.0, 1),
            _number(row, "coverage_50", 100.0, 0, " %"),
            _number(row, "coverage_90", 100.0, 0, " %"),
            points(row["width_90_points"] / 100),
            _number(row, "skill", 1.0, 2),
            f"{row['seconds_per_fit']:.2g}",
        )
    return table


def _number(row: dict[Any, Any], column: str, scale: float, digits: int, unit: str = "") -> str:
    value, se = scale * row[column], scale * row[f"{column}_se"]
    if value != value:
        return "–"
    return f"{value:.{digits}f}{unit}" if se != se else f"{value:.{digits}f} ± {se:.{digits}f}{unit}"


def _writers(
    cells: pd.DataFrame, common: pd.DataFrame, overall: pd.DataFrame, table: pd.DataFrame
) -> dict[str, Writer]:
    from bayes_cod.plots import evaluation as plots
    from bayes_cod.report.backtest import backtest_page

    writers: dict[str, Writer] = {
        # times are not reproducible, so they are no column of cells.csv, which the same command writes again
        "seconds.csv": lambda file: write_csv(cells[JOB].drop_duplicates(), file),
        "summary.csv": lambda file: write_csv(table, file),
        "report.html": lambda file: write_text(backtest_page(cells, common, overall), file),
    }
    best = overall[overall["n_cells"] > 0].sort_values("crps_points", kind="stable")
    answered = [str(name) for name in best["method"]][: plots.MOST_LINES]
    calibrated = [str(name) for name in best.loc[best["coverage_90"].notna(), "method"]][: plots.MOST_LINES]
    if calibrated:
        writers["reliability.png"] = lambda file: _png(plots.plot_reliability(common, calibrated), file)
        writers["pit.png"] = lambda file: _png(plots.plot_pit(common, calibrated), file)
    if answered:
        writers["error_by_distance.png"] = lambda file: _png(plots.plot_error_by_distance(common, answered), file)
    if overall["skill"].notna().any():
        writers["skill.png"] = lambda file: _png(plots.plot_skill(overall), file)
    writers["cells.csv"] = lambda file: write_csv(cells.drop(columns="seconds"), file)
    return writers


def _png(figure: Figure, file: Path) -> None:
    figure.savefig(file, dpi=150, facecolor="white")


@contextmanager
def _bar(out: Path) -> Iterator[Any]:
    """Progress bar on standard error; an interruption says what is kept."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = errors()
    plain = nullcontext() if console.is_terminal else stage("fitting and scoring")
    try:
        with plain, Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("planning", total=None)
            yield lambda done, total, text: bar.update(task, completed=done, total=total, description=text)
    except KeyboardInterrupt:
        console.print(f"interrupted; finished jobs are kept in {out / JOBS}, the same command goes on", markup=False)
        raise typer.Exit(130) from None
