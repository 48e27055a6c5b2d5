"""`Record`: a forecast with everything that must stand beside it, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.forecasts.checks import rung_summary
from bayes_cod.forecasts.explanation import Explanation
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Target

RUNG, TARGET = "rung", "target"
OBSERVATIONS = [
    *("model", "role", "flops", "params", "tokens"),
    *("benchmark", "score", "n_questions", "n_trials", "chance"),
]
"""Columns of `Record.observations`."""


@dataclass(frozen=True, repr=False)
class Record:
    """What was forecast from what, by which method, and what came out.

    A report, a plot, a decision and a monitor need this and nothing else.

    Attributes
    ----------
    forecast
        Draws of the targets' scores, with diagnostics and explanation.
    observations
        One row a model and benchmark that was evaluated: model, role ("rung": the forecast was made from it; "target":
        the truth, where it is known), flops, params, tokens, benchmark, score (fraction), n_questions, n_trials (mean a
        question), chance (NaN where unknown).
    rungs
        Models that the forecast starts from, by compute: model, flops, params, tokens.
    targets
        What was forecast, by compute.
    family
        Family whose ladder was continued.
    settings
        Everything chosen by the user, as JSON holds it.
    seed
        Seed of every random step.
    data
        ladder (name), sha256, pool (name and models, or None), notes: what was odd about the input and decided on.
    made
        wall_time_seconds, date, versions of the packages.
    """

    forecast: Forecast
    observations: pd.DataFrame
    rungs: pd.DataFrame
    targets: tuple[Target, ...]
    family: str
    settings: Mapping[str, Any]
    seed: int
    data: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)

    # ---------------------------------------------------------------- reading

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.forecast.method

    @property
    def benchmarks(self) -> list[str]:
        """Benchmarks that were forecast."""
        return self.forecast.benchmarks

    @property
    def explanation(self) -> Explanation:
        """What stands behind the forecast; empty where the method shows nothing."""
        return self.forecast.explanation or Explanation()

    @property
    def diagnostics(self) -> pd.DataFrame | None:
        """Convergence diagnostics; None for a method that does not sample."""
        return self.forecast.diagnostics

    @property
    def gate_passed(self) -> bool:
        """Whether the diagnostics allow the forecast to be reported."""
        return self.forecast.gate_passed

    @property
    def is_distribution(self) -> bool:
        """Whether the forecast has intervals."""
        return self.forecast.is_distribution

    @property
    def last_rung(self) -> str:
        """Name of the largest rung."""
        return str(self.rungs["model"].iloc[-1])

    @property
    def last_flops(self) -> float:
        """Compute of the largest rung in FLOPs."""
        return float(self.rungs["flops"].max())

    @property
    def notes(self) -> list[str]:
        """What was odd about the input, decided on the way, or warned of by the method."""
        return [*(self.data.get("notes") or ()), *(self.forecast.facts.get("warnings") or ())]

    def decades(self, target: Target) -> float:
        """Extrapolation distance: log10 of the target's compute over the largest rung's."""
        return float(np.log10(target.flops / self.last_flops))

    def truth(self, model: str, benchmark: str) -> float:
        """Observed score of a rung or target, a fraction; NaN where it was not evaluated."""
        return float(self._scores.get((model, benchmark), np.nan))

    def chance(self, benchmark: str) -> float:
        """Score of a random guesser; NaN where unknown."""
        return float(self._chance.get(benchmark, np.nan))

    @cached_property
    def _scores(self) -> dict[tuple[str, str], float]:
        table = self.observations
        return dict(zip(zip(table["model"], table["benchmark"], strict=True), table["score"], strict=True))

    @cached_property
    def _chance(self) -> dict[str, float]:
        table = self.observations
        return dict(zip(table["benchmark"], table["chance"], strict=True))

    # ---------------------------------------------------------------- as JSON

    def summary(self) -> dict[str, Any]:
        """How the result was made, as JSON holds it: what `run.json` is."""
        return {
            "method": self.method,
            "seed": self.seed,
            "gate_passed": self.gate_passed,
            "family": self.family,
            "rungs": [str(name) for name in self.rungs["model"]],
            "benchmarks": self.benchmarks,
            **self.made,
            "data": dict(self.data),
            "targets": [
                {
                    "name": target.name,
                    "flops": target.flops,
                    "family": target.family,
                    "params": target.params,
                    "tokens": target.tokens,
                    "mixture": target.mixture,
                    "decades": self.decades(target),
                }
                for target in self.targets
            ],
            "settings": dict(self.settings),
            "facts": {**self.forecast.facts, **self._checks()},
        }

    def _checks(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        sensitivity, rungs = self.explanation.prior_sensitivity, self.explanation.rung_check
        if sensitivity is not None:
            found["prior_sensitivity"] = sensitivity.to_dict("records")
        if rungs is not None:
            found["rung_check"] = rung_summary(rungs).to_dict("records")
        return found


def target_of(entry: Mapping[str, Any]) -> Target:
    """A target out of a summary's list."""
    return Target(
        name=str(entry["name"]),
        flops=float(entry["flops"]),
        family=str(entry.get("family") or "all"),
        params=entry.get("params"),
        tokens=entry.get("tokens"),
        mixture=entry.get("mixture"),
    )


def last_scores(record: Record, benchmarks: Sequence[str] | None = None) -> dict[str, float]:
    """Score of the largest rung that answered each benchmark, fractions."""
    rungs = record.observations[record.observations["role"] == RUNG]
    largest = rungs.sort_values("flops", kind="stable").drop_duplicates("benchmark", keep="last")
    found = dict(zip(largest["benchmark"], largest["score"].astype(float), strict=True))
    return found if benchmarks is None else {name: found.get(name, float("nan")) for name in benchmarks}
