"""One forecast from plan to result: fit, forecast, and what must stand beside it."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd
import xarray as xr

import bayes_cod
from bayes_cod.errors import GateError
from bayes_cod.forecasts.checks import rung_summary
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Checked, Explained, Forecaster, Sampled, gate_passed
from bayes_cod.ladder.request import Request

if TYPE_CHECKING:
    from bayes_cod.evaluation.recalibration import Recalibration

PACKAGES = ("numpy", "pandas", "xarray", "scipy", "scikit-learn", "pymc", "pytensor", "nutpie", "arviz")


def failed_diagnostics(diagnostics: pd.DataFrame) -> int:
    """How many rows of a table of diagnostics did not pass."""
    return int((~diagnostics["passed"].astype(bool)).sum())


def not_converged(failed: int) -> GateError:
    """The refusal of a result of which so many diagnostics failed, and what a user can do."""
    return GateError(
        f"the sampler did not converge: {failed} diagnostics failed, so the result is not reported; sample longer "
        "(--draws, --chains), or look at it all the same with --allow-failed-gate"
    )


@dataclass(frozen=True)
class Run:
    """A fitted forecaster, its forecast and how it was made.

    Attributes
    ----------
    request
        What was forecast from what.
    forecaster
        After its fit.
    forecast
        Draws over the plan's targets and benchmarks.
    settings
        Everything chosen by the user, as JSON holds it.
    seed
        Seed of every random step.
    wall_time
        Seconds of fit and forecast.
    """

    request: Request
    forecaster: Forecaster
    forecast: Forecast
    settings: Mapping[str, Any]
    seed: int
    wall_time: float

    @property
    def posterior(self) -> xr.DataTree | None:
        """Posterior draws, for a forecaster fitted by sampling."""
        return self.forecaster.posterior if isinstance(self.forecaster, Sampled) else None

    @property
    def diagnostics(self) -> pd.DataFrame | None:
        """Convergence diagnostics, for a forecaster fitted by sampling."""
        return self.forecaster.diagnostics if isinstance(self.forecaster, Sampled) else None

    @property
    def gate_passed(self) -> bool:
        """Whether the diagnostics allow the result to be reported; a point method has none to fail."""
        return gate_passed(self.forecaster)

    @property
    def explained(self) -> Explained | None:
        """The forecaster, where it can show its curves."""
        return self.forecaster if isinstance(self.forecaster, Explained) else None

    @cached_property
    def prior_sensitivity(self) -> pd.DataFrame | None:
        """How the forecast moves with its priors, for a forecaster that can tell."""
        return self.forecaster.prior_sensitivity(self.forecast) if isinstance(self.forecaster, Checked) else None

    @cached_property
    def rung_check(self) -> pd.DataFrame | None:
        """What was seen at the rungs beside what the fit expects there, for a forecaster that can tell."""
        return self.forecaster.rung_check() if isinstance(self.forecaster, Checked) else None

    @property
    def is_distribution(self) -> bool:
        """Whether the forecast has intervals; a point method gives one number."""
        return int(self.forecast.draws.sizes["sample"]) > 1

    def check_gate(self) -> None:
        """Raise unless the diagnostics allow the result to be reported.

        Raises
        ------
        GateError
            With the number of quantities that failed.
        """
        diagnostics = self.diagnostics
        if not self.gate_passed:
            raise not_converged(0 if diagnostics is None else failed_diagnostics(diagnostics))

    def record(self) -> dict[str, Any]:
        """How the result was made: seed, versions, data hash, settings, wall time and facts."""
        request = self.request
        return {
            "method": self.forecast.method,
            "seed": self.seed,
            "gate_passed": self.gate_passed,
            "wall_time_seconds": round(self.wall_time, 3),
            "versions": {
                "bayes-cod": bayes_cod.__version__,
                "python": platform.python_version(),
                **{name: version(name) for name in PACKAGES},
            },
            "data": {
                "ladder": request.source.name,
                "sha256": request.source.data_hash(),
                "family": request.family,
                "rungs": [str(name) for name in request.rungs["model"]],
                "pool": None
                if request.pool is None
                else {"name": request.pool.name, "models": len(request.pool.models)},
                "benchmarks": request.benchmarks,
                "notes": [*request.source.notes, *request.notes],
            },
            "targets": [
                {
                    "name": target.name,
                    "flops": target.flops,
                    "params": target.params,
                    "tokens": target.tokens,
                    "decades": request.decades(target),
                }
                for target in request.targets
            ],
            "settings": dict(self.settings),
            "facts": {**self.forecast.facts, **self._checks()},
        }

    def _checks(self) -> dict[str, Any]:
        sensitivity, rungs = self.prior_sensitivity, self.rung_check
        found: dict[str, Any] = {}
        if sensitivity is not None:
            found["prior_sensitivity"] = sensitivity.to_dict("records")
        if rungs is not None:
            found["rung_check"] = rung_summary(rungs).to_dict("records")
        return found


def run_forecast(
    request: Request,
    forecaster: Forecaster,
    *,
    settings: Mapping[str, Any],
    seed: int,
    recalibration: Recalibration | None = None,
) -> Run:
    """Fit a forecaster on a plan's ladder and forecast its targets.

    Parameters
    ----------
    request
        From `make_request`.
    forecaster
        Not yet fitted.
    settings, seed
        Recorded with the result.
    recalibration
        What the forecast's intervals are scaled by, if given.

    Returns
    -------
    Run
        With the forecast made, whether or not the convergence gate was passed; see `Run.check_gate`.

    Raises
    ------
    InputError
        If the recalibration was learnt from what is to be forecast.
    """
    start = time.perf_counter()
    if recalibration is not None:
        rungs = [str(name) for name in request.rungs["model"]]
        recalibration.check_unseen(request.family, rungs, [target.name for target in request.targets])
    fitted = forecaster.fit(request.ladder, pool=request.pool)
    forecast = fitted.forecast(request.targets)
    if recalibration is not None:
        forecast = recalibration.apply(forecast)
    return Run(request, fitted, forecast, settings, seed, time.perf_counter() - start)
