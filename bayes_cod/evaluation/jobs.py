"""One job of a back-test: a method fitted once and scored on its cells, kept in a file when it is done."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

import bayes_cod
from bayes_cod import published
from bayes_cod.errors import GateError, InputError, cannot_write
from bayes_cod.evaluation.cells import COLUMNS, COVERED, OK, REFUSED, UNUSABLE, WIDTH
from bayes_cod.evaluation.recalibration import SUFFIX, Recalibration
from bayes_cod.forecasts import Forecast, Method, fit_and_forecast
from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES
from bayes_cod.ladder.splits import Split, View
from bayes_cod.scoring import proper as scores

# Parts of the package that can't change a forecast or its scores (what readers make of files is in the data hash).
_NO_INFLUENCE = (
    *("cli.py", "ladder/inspection.py", "ladder/request.py", "scoring/standard_errors.py"),
    *("evaluation/calibration.py", "evaluation/summary.py", "evaluation/workers.py"),
    *("commands/", "datasets/", "decisions/", "monitor/", "plots/", "readers/", "report/", "results/"),
)
# Parts that the published methods don't import, so that work on the models leaves their finished jobs valid.
_NO_INFLUENCE_ON_POINTS = ("registry.py", "models/", "stacking/")


@dataclass(frozen=True)
class Job:
    """One method on one training set.

    Attributes
    ----------
    method
        What to fit.
    split
        On what, and the cells to score.
    seed
        The job's own seed, from the user's seed and the names of the job.
    key
        SHA-256 of everything the result depends on.
    recalibration
        If given, the same forecasts are also scored recalibrated, as a method of its own.
    """

    method: Method
    split: Split
    seed: int
    key: str
    recalibration: Recalibration | None = None


def job_seed(seed: int, method: str, family: str, cut: str) -> int:
    """Seed of a job: a function of the user's seed and of what the job is, never of the order of jobs."""
    digest = hashlib.sha256(json.dumps([seed, method, family, cut]).encode()).digest()
    return int(np.random.SeedSequence(int.from_bytes(digest)).generate_state(1)[0])


def make_job(
    method: Method,
    split: Split,
    *,
    data_hash: str,
    seed: int,
    pool: str,
    recalibration: Recalibration | None = None,
) -> Job:
    """Name a job by everything its result depends on.

    Raises
    ------
    InputError
        If the method's settings can't be written as JSON.
    """
    try:
        settings = json.dumps(dict(method.settings), sort_keys=True)
    except TypeError as error:
        raise InputError(f"the settings of method '{method.name}' are not plain values ({error})") from None
    own = job_seed(seed, method.name, split.family, split.cut)
    parts = [
        *(
            data_hash,
            code_version(published=method.name in published.names()),
            method.name,
            settings,
            str(seed),
            pool,
            split.family,
            split.cut,
        ),
        *(() if recalibration is None else (json.dumps(recalibration.record()),)),
        *split.benchmarks,
        *split.models,
        *(split.cells["target"] + "\t" + split.cells["benchmark"]),
    ]
    return Job(method, split, own, hashlib.sha256(json.dumps(parts).encode()).hexdigest(), recalibration)


@cache
def code_version(published: bool = False) -> str:
    """Version of the package and of the source that forecasts and scores, so that no stale result is resumed.

    Parameters
    ----------
    published
        Of what a published method runs on; otherwise of everything that any method does.
    """
    root = Path(bayes_cod.__file__).parent
    left_out = _NO_INFLUENCE + (_NO_INFLUENCE_ON_POINTS if published else ())
    digest = hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root).as_posix()
        if not name.startswith(left_out):
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return f"{bayes_cod.__version__}+{digest.hexdigest()[:16]}"


def run_batch(jobs: Sequence[Job], view: View, folder: Path | None) -> list[pd.DataFrame]:
    """Run jobs of one family one after the other in this process, keeping each when it is done.

    A job that is in the folder already is read and not run: a batch whose worker was lost is started again by another.

    Parameters
    ----------
    jobs
        Jobs on one family.
    view
        The family.
    folder
        Where finished jobs are kept; nowhere if None.

    Returns
    -------
    list of pandas.DataFrame
        Scored cells of each job.
    """
    results = []
    for job in jobs:
        result = None if folder is None else load(job, folder)
        if result is None:
            result = run_job(job, view)
            if folder is not None:
                _keep(result, folder / f"{job.key}.parquet")
        results.append(result)
    return results


def run_job(job: Job, view: View) -> pd.DataFrame:
    """Fit one method below one cut and score its forecasts of the larger models.

    A method that refuses (`GateError`, or a convergence gate that its forecast does not pass) or can't use the data
    (`InputError`) leaves cells without scores and with its reason; any other exception is a defect and propagates.

    Returns
    -------
    pandas.DataFrame
        One row a cell, with the columns `COLUMNS`; and one more, if the method has a recalibration.
    """
    training, others = view.of(job.split)
    start = time.perf_counter()
    forecast, status, reason = None, OK, ""
    try:
        forecast = fit_and_forecast(job.method.make(job.seed), training, job.split.targets, pool=others)
    except GateError as error:
        status, reason = REFUSED, str(error)
    except InputError as error:
        status, reason = UNUSABLE, str(error)
    seconds = time.perf_counter() - start
    recalibration = job.recalibration
    scored = {job.method.name: forecast}
    if recalibration is not None:
        scored[job.method.name + SUFFIX] = None if forecast is None else recalibration.apply(forecast)
    tables = []
    for name, one in scored.items():
        table = job.split.cells.assign(method=name, seconds=seconds, status=status, reason=reason)
        if one is not None:
            table = _score(table, one, np.random.default_rng([job.seed, 1]))
        tables.append(table.reindex(columns=list(COLUMNS)).astype({"reason": "str", "n_draws": float}))
    return pd.concat(tables, ignore_index=True)


def load(job: Job, folder: Path) -> pd.DataFrame | None:
    """Result of a job that was finished before; None if it was not."""
    file = folder / f"{job.key}.parquet"
    if not file.exists():
        return None
    try:
        found = pd.read_parquet(file)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"a damaged job of a back-test ({str(error)[:200]}); remove it", file=file) from None
    if not set(COLUMNS) <= set(found.columns):
        raise InputError("no job of a back-test, or of another version; remove it", file=file)
    return found


def _keep(result: pd.DataFrame, file: Path) -> None:
    """Write a job's result, complete or not at all, whoever else writes it at the same time."""
    try:
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=file.parent) as part:
            whole = Path(part) / file.name
            result.to_parquet(whole, index=False)
            whole.replace(file)
    except OSError as error:
        raise cannot_write(file.parent, error) from None


def _score(table: pd.DataFrame, forecast: Forecast, rng: np.random.Generator) -> pd.DataFrame:
    draws, answered = _draws(table, forecast)
    refused = table["benchmark"].isin(forecast.facts.get("refused") or ()).to_numpy()
    status = np.select([answered, refused], [OK, REFUSED], UNUSABLE)
    reason = np.select(
        [answered, refused],
        ["", "the sampler's chains disagree on this benchmark"],
        "the method gave no finite forecast for this benchmark and target",
    )
    table = table.assign(status=status, reason=reason, n_draws=float(len(draws)))
    if not answered.any():
        return table
    sample, truth = draws[:, answered], table["truth"].to_numpy(dtype=float)[answered]
    interval_score = scores.weighted_interval_score(sample, truth)
    values: dict[str, np.ndarray] = {
        "mean": sample.mean(axis=0),
        **dict(zip(QUANTILE_COLUMNS, np.quantile(sample, QUANTILES, axis=0), strict=True)),
        "error": np.median(sample, axis=0) - truth,
        "abs_error": scores.absolute_error(sample, truth),
        "crps": scores.crps(sample, truth),
        "wis": interval_score.total,
        "wis_width": interval_score.width,
        "wis_under": interval_score.under,
        "wis_over": interval_score.over,
    }
    if len(sample) > 1:  # a point forecast claims no interval, so it has neither coverage nor PIT
        covered, width = scores.coverage_and_width(sample, truth)
        values |= dict(zip(COVERED, covered.astype(float), strict=True))
        values |= dict(zip(WIDTH, width, strict=True))
        values["pit"] = scores.pit(sample, truth, rng)
    filled = pd.DataFrame(values, index=table.index[answered])
    return table.join(filled)


def _draws(table: pd.DataFrame, forecast: Forecast) -> tuple[np.ndarray, np.ndarray]:
    """Draws of every cell, shape ``(sample, cell)``, and which cells have a finite forecast, shape ``(cell,)``."""
    array = forecast.draws["score"].transpose("sample", "target", "benchmark").to_numpy()
    target_of = {name: position for position, name in enumerate(forecast.targets)}
    benchmark_of = {name: position for position, name in enumerate(forecast.benchmarks)}
    draws = np.full((array.shape[0], len(table)), np.nan)
    for position, (target, benchmark) in enumerate(zip(table["target"], table["benchmark"], strict=True)):
        if target in target_of and benchmark in benchmark_of:
            draws[:, position] = array[:, target_of[target], benchmark_of[benchmark]]
    return draws, np.isfinite(draws).all(axis=0)
