"""Fit, forecast, judge: the one sequence by which every forecast is made."""

from __future__ import annotations

from collections.abc import Sequence

from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.ladder import Ladder, Target
from bayes_cod.threads import one_thread


@one_thread()
def fit_and_forecast(
    forecaster: Forecaster,
    ladder: Ladder,
    targets: Sequence[Target],
    *,
    pool: Ladder | None = None,
    explain: bool = False,
    allow_failed_gate: bool = False,
) -> Forecast:
    """Fit a forecaster, forecast targets, and refuse a forecast whose diagnostics failed.

    Parameters
    ----------
    forecaster
        Not yet fitted.
    ladder, pool
        What it may learn from; the cut is already applied.
    targets
        Models to forecast.
    explain
        Whether the forecast carries its explanation.
    allow_failed_gate
        Return a forecast that did not converge, which says so itself (`Forecast.gate_passed`).

    Raises
    ------
    GateError
        If the diagnostics of what is reported failed.
    InputError
        If the method can't use the ladder or the targets.
    """
    forecast = forecaster.fit(ladder, pool=pool).forecast(targets, explain=explain)
    if not allow_failed_gate:
        forecast.check_gate()
    return forecast
