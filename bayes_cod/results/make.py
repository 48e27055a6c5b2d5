"""A `Result` from a request: fit, forecast, judge, and write down what must stand beside it."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd

from bayes_cod.evaluation.recalibration import Recalibration
from bayes_cod.forecasts import Forecaster, fit_and_forecast
from bayes_cod.forecasts.record import OBSERVATIONS, RUNG, TARGET
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.request import Request
from bayes_cod.results.result import Result

PACKAGES = ("bayes-cod", "numpy", "pandas", "xarray", "scipy", "scikit-learn", "pymc", "pytensor", "nutpie", "arviz")


def make_result(
    request: Request,
    forecaster: Forecaster,
    *,
    seed: int,
    settings: Mapping[str, Any] | None = None,
    recalibration: Recalibration | None = None,
    allow_failed_gate: bool = False,
) -> Result:
    """Fit a forecaster on a request's ladder and forecast its targets.

    Parameters
    ----------
    request
        From `make_request`.
    forecaster
        Not yet fitted.
    seed, settings
        Written down with the result.
    recalibration
        What the forecast's intervals are scaled by, if given.
    allow_failed_gate
        Return a result that did not converge; it says so wherever it is shown.

    Raises
    ------
    GateError
        If the diagnostics of what is reported failed.
    InputError
        If the method can't use the ladder, or the recalibration was learnt from what is to be forecast.
    """
    start = time.perf_counter()
    if recalibration is not None:
        rungs = [str(name) for name in request.rungs["model"]]
        recalibration.check_unseen(request.family, rungs, [target.name for target in request.targets])
    forecast = fit_and_forecast(
        forecaster,
        request.ladder,
        request.targets,
        pool=request.pool,
        explain=True,
        allow_failed_gate=allow_failed_gate,
    )
    if recalibration is not None:
        forecast = recalibration.apply(forecast)
    pool = request.pool
    return Result(
        forecast=forecast,
        observations=observations(request),
        rungs=_rungs(request),
        targets=request.targets,
        family=request.family,
        settings=dict(settings or {}),
        seed=seed,
        data={
            "ladder": request.source.name,
            "sha256": request.source.data_hash(),
            "pool": None if pool is None else {"name": pool.name, "models": len(pool.models)},
            "notes": [*request.source.notes, *request.notes],
        },
        made={
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "wall_time_seconds": round(time.perf_counter() - start, 3),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        },
    )


def _rungs(request: Request) -> pd.DataFrame:
    return request.rungs[["model", "flops", "params", "tokens"]].reset_index(drop=True)


def observations(request: Request) -> pd.DataFrame:
    """Scores of the rungs, and of the targets where they are known; the columns of `OBSERVATIONS`."""
    rungs = _observed(request.ladder, _rungs(request), RUNG)
    targets = pd.DataFrame(
        [(t.name, t.flops, t.params, t.tokens) for t in request.targets],
        columns=["model", "flops", "params", "tokens"],
    ).astype({"params": float, "tokens": float})
    truth = _observed(request.source, targets, TARGET)
    return pd.concat([part for part in (rungs, truth) if len(part)], ignore_index=True).pipe(
        lambda table: table[table["benchmark"].isin(request.benchmarks)].reset_index(drop=True)
    )


def _observed(ladder: Ladder, models: pd.DataFrame, role: str) -> pd.DataFrame:
    scores = ladder.observed_scores.merge(models, on="model").assign(role=role)
    return scores.astype({"model": "str", "benchmark": "str"})[OBSERVATIONS]
