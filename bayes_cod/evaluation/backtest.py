"""Expanding-scale back-test: every method forecasts every family's larger models from its smaller ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from bayes_cod import registry
from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import COLUMNS
from bayes_cod.evaluation.jobs import Job, load, make_job, run_batch
from bayes_cod.evaluation.recalibration import Recalibration
from bayes_cod.evaluation.workers import parallel
from bayes_cod.forecasts import Forecaster, Method
from bayes_cod.forecasts.forecaster import Taught
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.pool import Pool, without_family
from bayes_cod.ladder.shared import comparable
from bayes_cod.ladder.splits import CutBy, Split, View, split_ladder

BATCHES = 8
"""Batches a worker that jobs are divided into at least: few leave workers idle at the end, many cost transfers."""

Progress = Callable[[int, int, str], None]


def backtest(
    ladder: Ladder,
    methods: Sequence[Method],
    *,
    families: Sequence[str] | None = None,
    benchmarks: Sequence[str] | None = None,
    min_rungs: int = 3,
    max_decades: float | None = None,
    cut_by: CutBy = "flops",
    pool: Pool = None,
    seed: int = 0,
    n_jobs: int | None = None,
    folder: Path | str | None = None,
    progress: Progress | None = None,
    recalibrations: Mapping[str, Recalibration] | None = None,
) -> pd.DataFrame:
    """Forecast models whose scores are known from smaller ones, and score the forecasts.

    For every family and every cut that leaves `min_rungs` rungs of different compute, each method is fitted on the
    rungs up to the cut and forecasts all larger evaluated models on all benchmarks in one call. Finished jobs
    (method, family, cut) are kept in `folder`; a run that was interrupted goes on from there and gives the same
    numbers, whatever the order of jobs or their number at a time.

    Inside ``with bayes_cod.evaluation.workers.cluster(address):`` and with `n_jobs` left out, the jobs run on a Dask
    cluster; `folder` must then be one that all its workers reach. A worker may be lost in the middle: another goes on,
    and does no finished job again.

    Parameters
    ----------
    ladder
        Ladder with one or more families.
    methods
        What to test; names must differ.
    families, benchmarks
        What to forecast; all where not given. A benchmark's name without a setting stands for all its settings.
    min_rungs
        Fewest rungs of different compute below a forecast.
    max_decades
        Farthest target, in decades from the cut; any distance where not given.
    cut_by
        "flops": cuts and targets go by training compute; "params": by size, for ladders of several token budgets a
        size.
    pool
        "others": methods that learn from other families are given the full ladders of all families but the one
        forecast, on its benchmarks; another ladder: they are given its families, but never the one forecast nor a model
        of its names; None: they get nothing.
    seed
        Same seed, data and code give the same numbers.
    n_jobs
        Jobs at a time, as joblib counts them (-1: one a core); 1 where not given and no `parallel_config` is active.
    folder
        Where finished jobs are kept; made if missing. Nothing is kept where not given.
    progress
        Called with (jobs done, jobs in all, what was last done), first with the number of jobs found finished.
    recalibrations
        By name of a method: its forecasts are also scored recalibrated, as a method of its own.

    Returns
    -------
    pandas.DataFrame
        One row a cell and method with the columns of `cells.COLUMNS`, by method, family and cut.

    Raises
    ------
    InputError
        For unknown names, methods named twice, a prior or recalibration learnt from a family to forecast, or if the
        ladder leaves no cell.
    """
    made = _check(methods, pool)
    chosen = comparable(ladder.select(benchmarks=benchmarks) if benchmarks else ladder)
    pool = comparable(pool) if isinstance(pool, Ladder) else pool
    splits = split_ladder(chosen, families=families, min_rungs=min_rungs, max_decades=max_decades, cut_by=cut_by)
    _check_unseen(methods, made, splits, recalibrations or {})
    data_hash = chosen.data_hash()
    named = pool.data_hash() if isinstance(pool, Ladder) else pool or "none"
    jobs = [
        make_job(
            method,
            split,
            data_hash=data_hash,
            seed=seed,
            pool=named,
            recalibration=(recalibrations or {}).get(method.name),
        )
        for method in methods
        for split in splits
    ]
    store = None if folder is None else Path(folder).absolute()  # workers may be elsewhere
    results = _resume(jobs, store)
    report = progress or _silent
    report(len(results), len(jobs), f"{len(results)} of {len(jobs)} jobs were done before")
    for batch, tables in _run([job for job in jobs if job.key not in results], chosen, pool, n_jobs, store):
        results |= {job.key: table for job, table in zip(batch, tables, strict=True)}
        last = batch[-1]
        report(len(results), len(jobs), f"{last.method.name}: {last.split.family} up to {last.split.cut}")
    return pd.concat([results[job.key] for job in jobs], ignore_index=True)[list(COLUMNS)]


def _check(methods: Sequence[Method], pool: Pool) -> list[Forecaster]:
    names = [method.name for method in methods]
    if not names:
        raise InputError("no method was given to test; see bayes_cod.registry.names()")
    if len(set(names)) < len(names):
        raise InputError(f"methods must have different names; given: {', '.join(names)}")
    if isinstance(pool, str) and pool != "others":
        raise InputError(f"pool is '{pool}'; expected 'others', a ladder or None")
    # an unknown name or setting fails now and not hours later
    return [method.make(0) for method in methods]


def _check_unseen(
    methods: Sequence[Method],
    made: Sequence[Forecaster],
    splits: Sequence[Split],
    recalibrations: Mapping[str, Recalibration],
) -> None:
    """Refuse a prior or recalibration learnt from what is to be forecast: its truth would be in the forecast."""
    for method, forecaster in zip(methods, made, strict=True):
        recalibration = recalibrations.get(method.name)
        for split in splits:
            targets = [target.name for target in split.targets]
            if recalibration is not None:
                recalibration.check_unseen(split.family, split.models, targets)
            if isinstance(forecaster, Taught) and (
                seen := forecaster.taught_by(split.family, [*split.models, *targets])
            ):
                raise InputError(
                    f"the prior of '{forecaster.name}' was learnt from {seen}, which is to be forecast, so its "
                    "results would leak; learn a prior from other families, or forecast other families"
                )


def _resume(jobs: Sequence[Job], folder: Path | None) -> dict[str, pd.DataFrame]:
    if folder is None:
        return {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"no folder for finished jobs can be made ({error.strerror})", file=folder) from None
    return {job.key: table for job in jobs if (table := load(job, folder)) is not None}


def _run(
    jobs: Sequence[Job], ladder: Ladder, pool: Pool, n_jobs: int | None, folder: Path | None
) -> Iterator[tuple[list[Job], list[pd.DataFrame]]]:
    """Run jobs in batches and hand over each batch as it ends, in any order."""
    batches = _batches(jobs, joblib.effective_n_jobs(n_jobs))
    source = pool if isinstance(pool, Ladder) else ladder if pool == "others" else None

    @lru_cache(maxsize=1)  # neighbouring batches are often of one family
    def view(family: str) -> View:
        own = ladder.select(family=family)
        return View(own, None if source is None else without_family(source, family, set(own.models["model"])))

    def task(number: int, batch: list[Job]) -> Any:
        return joblib.delayed(_numbered)(number, batch, view(batch[0].split.family), folder)

    run = parallel(n_jobs, "generator_unordered")
    for number, tables in run(task(number, batch) for number, batch in enumerate(batches)):
        yield batches[number], tables


def _numbered(number: int, batch: list[Job], view: View, folder: Path | None) -> tuple[int, list[pd.DataFrame]]:
    return number, run_batch(batch, view, folder)


def _batches(jobs: Sequence[Job], workers: int) -> list[list[Job]]:
    """Jobs that share work stay together.

    Jobs of point methods on one cut share the training set. Jobs of another method on one family do, so that a worker
    compiles their model once. One worker takes jobs singly in that order (they share its process anyhow, and progress
    is reported after each); when there are few batches for the workers, the longest is halved until all have work.
    """
    point = set(registry.names("all"))
    grouped: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        key = job.split.cut if job.method.name in point else job.method.name
        grouped.setdefault((key, job.split.family), []).append(job)
    batches = list(grouped.values())
    if workers == 1:
        return [[job] for batch in batches for job in batch]
    while batches and len(batches) < BATCHES * workers and (longest := max(map(len, batches))) > 1:
        place = [len(batch) for batch in batches].index(longest)
        whole = batches[place]
        batches[place : place + 1] = [whole[: longest // 2], whole[longest // 2 :]]
    return batches


def _silent(_done: int, _total: int, _text: str) -> None:
    """Progress of a caller who wants none."""
