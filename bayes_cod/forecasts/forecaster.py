"""What every method is: a forecaster.

Published methods, baselines and Bayesian models differ in nothing else that the back-test, the report or the
command line can see: what a method samples and what it can show is in the forecast, as data.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, Self, runtime_checkable

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

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Forecast the scores of targets on every benchmark of the fitted ladder.

        The fit stays as it is: another forecast of it changes nothing in this one.

        Parameters
        ----------
        targets
            Models to forecast.
        explain
            Whether the forecast carries its explanation, which takes time that a back-test does not have.

        Returns
        -------
        Forecast
            With the diagnostics of what is reported, whether or not they passed.
        """
        ...


@runtime_checkable
class Taught(Protocol):
    """What a forecaster has whose prior may have been learnt from other families."""

    def taught_by(self, family: str, models: Collection[str]) -> str:
        """What of a family (known by its name or its models) the prior was learnt from, in words; empty if nothing."""
        ...
