"""What every method is: a forecaster.

Published methods, baselines and Bayesian models differ in nothing else that the back-test, the report or the
command line can see.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target


@runtime_checkable
class Forecaster(Protocol):
    """Fit on a ladder, then forecast targets.

    Implementations take their settings and a seed when they are made; the same seed and data give the same
    numbers.
    """

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        ...

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit on every rung of `ladder` (one family, cut already applied; rungs are ``ladder.rungs()``).

        Parameters
        ----------
        ladder
            The family to forecast. Only its evaluated models may be used; larger ones may be listed in
            ``ladder.models`` without results.
        pool
            Other families' ladders, for methods that learn from them; ignored by the rest.

        Raises
        ------
        InputError
            If the ladder lacks a table or has too few rungs for the method.
        """
        ...

    def forecast(self, targets: Sequence[Target]) -> Forecast:
        """Forecast the scores of targets on every benchmark of the fitted ladder."""
        ...


@runtime_checkable
class Sampled(Protocol):
    """What a forecaster fitted by sampling has after its fit, beyond `Forecaster`."""

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws with named dimensions."""
        ...

    @property
    def diagnostics(self) -> pd.DataFrame:
        """quantity, r_hat, ess_bulk, ess_tail, passed; with rows for divergences and E-BFMI."""
        ...

    @property
    def gate_passed(self) -> bool:
        """Whether every diagnostic of what is reported passed."""
        ...


@runtime_checkable
class Taught(Protocol):
    """What a forecaster has whose prior may have been learnt from other families."""

    def taught_by(self, family: str, models: Collection[str]) -> str:
        """What of a family (known by its name or its models) the prior was learnt from, in words; empty if nothing."""
        ...


@runtime_checkable
class ThroughLosses(Protocol):
    """What a report can show of a forecaster that forecasts domain losses on the way to scores."""

    def domain_losses(self, targets: Sequence[Target]) -> pd.DataFrame:
        """target, domain, kind (observed or latent), mean, sd and quantiles q025 ... q975 of the losses."""
        ...


@runtime_checkable
class Staged(Sampled, Protocol):
    """What a report can show of a forecaster that goes from compute to loss to score."""

    def loss_table(self) -> pd.DataFrame:
        """series, model, flops, is_target, loss, median, low90, high90 of rungs and targets."""
        ...

    def score_map(self) -> xr.Dataset:
        """Latent score against loss: `score[sample, loss, benchmark]`, fractions."""
        ...

    def map_observations(self) -> pd.DataFrame:
        """benchmark, loss, score, is_final of what the map was fitted to."""
        ...

    def emergence(self) -> pd.DataFrame:
        """benchmark, loss, low90, high90, p_emerged: where each benchmark leaves its floor."""
        ...


def gate_passed(forecaster: Forecaster) -> bool:
    """Whether the diagnostics allow the result to be reported; a point method has none to fail."""
    return forecaster.gate_passed if isinstance(forecaster, Sampled) else True


@runtime_checkable
class Explained(Sampled, Protocol):
    """What a report can show of a fitted forecaster: curves of benchmarks and of clusters."""

    def curves(self, flops: NDArray[np.float64]) -> xr.Dataset:
        """Latent score along compute: `latent[sample, flops, benchmark]`, fractions."""
        ...

    def clusters(self) -> pd.DataFrame:
        """benchmark, cluster, n_questions, p_law, p_flat, p_irregular, kind."""
        ...

    def cluster_curves(self, flops: NDArray[np.float64]) -> xr.Dataset:
        """Pass rate along compute: `pass_rate[sample, flops, cluster]`, fractions.

        The dimension `cluster` runs over all benchmarks' clusters; its coordinates `benchmark` and `cluster` name
        the rows of `clusters()`.
        """
        ...

    def cluster_observations(self) -> pd.DataFrame:
        """benchmark, cluster, model, flops, pass_rate of every cluster and rung."""
        ...


@runtime_checkable
class Checked(Sampled, Protocol):
    """What a report can show of a forecaster that can be asked what its priors decide and whether its rungs fit."""

    def prior_sensitivity(self, forecast: Forecast) -> pd.DataFrame:
        """How a forecast of this fit moves when priors count for half or twice as much.

        target, benchmark, prior ("evaluations": the likelihood), sensitivity, and at half and twice the weight:
        median_half, median_twice, width_half, width_twice (changes, fractions), pareto_k_half, pareto_k_twice.
        """
        ...

    def rung_check(self) -> pd.DataFrame:
        """What was seen at the rungs beside what the fit expects there.

        benchmark, model, kind ("fit": evaluated once more; "step": trained once more from the rung before), seen,
        median, low90, high90 (fractions), pit.
        """
        ...
