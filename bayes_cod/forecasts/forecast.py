"""`Forecast`: draws of scores over targets and benchmarks, and what people read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_cod.errors import GateError, InputError
from bayes_cod.forecasts.explanation import Explanation
from bayes_cod.ladder import Target

Kind = Literal["observed", "latent"]

QUANTILES = (0.025, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.975)
QUANTILE_COLUMNS = tuple(f"q{q * 1000:03.0f}" if q in (0.025, 0.975) else f"q{q * 100:02.0f}" for q in QUANTILES)
KINDS: tuple[Kind, ...] = ("observed", "latent")
MOST_LINES = 20
"""Rows of a display."""
MEAN_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}


def mean_over_benchmarks(observed: NDArray[np.float64], targets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Quantiles of every target's mean over benchmarks, from joint draws.

    Parameters
    ----------
    observed
        Shape ``(sample, target, benchmark)``, fractions.
    targets
        Names of the targets.
    """
    found = np.quantile(observed.mean(axis=2), list(MEAN_QUANTILES.values()), axis=0)
    return {name: dict(zip(MEAN_QUANTILES, found[:, t].tolist(), strict=True)) for t, name in enumerate(targets)}


def not_converged(failed: Sequence[str]) -> GateError:
    """The refusal of a result of which some diagnostics failed, and what a user can do."""
    named = ", ".join(failed[:3]) + (" ..." if len(failed) > 3 else "")
    return GateError(
        f"the sampler did not converge: {len(failed)} diagnostics failed ({named}), so the result is not reported; "
        "sample longer (`draws`, `chains`), or look at it all the same with `allow_failed_gate`"
    )


@dataclass(frozen=True, repr=False)
class Forecast:
    """Joint draws of the targets' scores.

    Attributes
    ----------
    draws
        Dataset with `score` (what the evaluation will print: the target's luck and its finite trials are in it)
        and `latent` (the mean behind it), both over ``(sample, target, benchmark)``, as fractions, with the
        coordinate `flops` over ``target``. One row of `sample` is one joint draw of everything.
    method
        Name of the forecaster.
    facts
        What must stand beside the result: extrapolation distance, share of questions that extrapolate,
        warnings, settings. Values that JSON can hold.
    diagnostics
        Convergence diagnostics of what is reported: quantity, r_hat, ess_bulk, ess_tail, value, limit, passed; None for
        a method that does not sample.
    explanation
        What stands behind it, where it was asked for.
    """

    draws: xr.Dataset
    method: str
    facts: dict[str, Any] = field(default_factory=dict)
    diagnostics: pd.DataFrame | None = None
    explanation: Explanation | None = None

    @classmethod
    def from_draws(
        cls,
        observed: ArrayLike,
        latent: ArrayLike,
        targets: Sequence[Target],
        benchmarks: Sequence[str],
        method: str,
        facts: dict[str, Any] | None = None,
        *,
        diagnostics: pd.DataFrame | None = None,
        explanation: Explanation | None = None,
    ) -> Forecast:
        """Build a forecast from arrays of shape ``(sample, target, benchmark)``."""
        shape = (len(targets), len(benchmarks))
        arrays = [np.asarray(array, dtype=float) for array in (observed, latent)]
        for array in arrays:
            if array.ndim != 3 or array.shape[1:] != shape:
                raise InputError(f"draws have the shape {array.shape}; expected (sample, {shape[0]}, {shape[1]})")
        dims = ("sample", "target", "benchmark")
        dataset = xr.Dataset(
            {"score": (dims, arrays[0]), "latent": (dims, arrays[1])},
            coords={
                "target": [target.name for target in targets],
                "benchmark": list(benchmarks),
                "flops": ("target", [target.flops for target in targets]),
            },
        )
        return cls(dataset, method, dict(facts or {}), diagnostics, explanation)

    @classmethod
    def from_points(
        cls,
        points: ArrayLike,
        targets: Sequence[Target],
        benchmarks: Sequence[str],
        method: str,
        facts: dict[str, Any] | None = None,
    ) -> Forecast:
        """A point forecast, shape ``(target, benchmark)``, as a distribution with one draw."""
        array = np.asarray(points, dtype=float)[None]
        return cls.from_draws(array, array, targets, benchmarks, method, facts)

    # ---------------------------------------------------------------- convergence

    @property
    def is_distribution(self) -> bool:
        """Whether it has intervals; a point method gives one number."""
        return int(self.draws.sizes["sample"]) > 1

    @property
    def failed(self) -> list[str]:
        """Quantities whose diagnostics failed and that stand for something reported.

        A method may leave benchmarks out (the fact `refused`) on which alone its chains disagree; their rows fail
        and are not counted.
        """
        if self.diagnostics is None or self.facts.get("refused"):
            return []
        rows = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "quantity"]
        return [str(name) for name in rows]

    @property
    def gate_passed(self) -> bool:
        """Whether the diagnostics allow the forecast to be reported; a point method has none to fail."""
        return not self.failed

    def check_gate(self) -> None:
        """Raise unless the diagnostics allow the forecast to be reported.

        Raises
        ------
        GateError
            With the number of quantities that failed, and what to do.
        """
        if not self.gate_passed:
            raise not_converged(self.failed)

    # ---------------------------------------------------------------- reading

    @property
    def targets(self) -> list[str]:
        """Names of the targets."""
        return [str(name) for name in self.draws["target"].values]

    @property
    def benchmarks(self) -> list[str]:
        """Names of the benchmarks."""
        return [str(name) for name in self.draws["benchmark"].values]

    def samples(self, target: str, benchmark: str, kind: Kind = "observed") -> NDArray[np.float64]:
        """Draws of one score, shape ``(sample,)``, as fractions."""
        for name, have in ((target, self.targets), (benchmark, self.benchmarks)):
            if name not in have:
                raise InputError(f"'{name}' is not in this forecast; it has: {', '.join(have)}")
        variable = "score" if kind == "observed" else "latent"
        return np.asarray(self.draws[variable].sel(target=target, benchmark=benchmark).values, dtype=float)

    def interval(
        self, target: str, benchmark: str, probability: float = 0.9, kind: Kind = "observed"
    ) -> tuple[float, float]:
        """Central credible interval of one score."""
        tail = (1 - probability) / 2
        low, high = np.quantile(self.samples(target, benchmark, kind), [tail, 1 - tail])
        return float(low), float(high)

    def probability(self, target: str, benchmark: str, at_least: float, kind: Kind = "observed") -> float:
        """Probability that a score reaches `at_least` (a fraction)."""
        if not 0 <= at_least <= 1:
            raise InputError(f"a score of {at_least} was asked for; scores are fractions between 0 and 1")
        return float(np.mean(self.samples(target, benchmark, kind) >= at_least))

    def summary(self, kinds: Sequence[Kind] = KINDS) -> pd.DataFrame:
        """The forecast as a table.

        Returns
        -------
        pandas.DataFrame
            target, flops, benchmark, method, kind, mean, sd and the quantiles q025 ... q975, as fractions.
        """
        rows = []
        for kind in kinds:
            array = self.draws["score" if kind == "observed" else "latent"].values
            quantiles = np.quantile(array, QUANTILES, axis=0)
            mean, sd = array.mean(axis=0), array.std(axis=0)
            for t, target in enumerate(self.targets):
                for b, benchmark in enumerate(self.benchmarks):
                    rows.append(
                        {
                            "target": target,
                            "flops": float(self.draws["flops"].values[t]),
                            "benchmark": benchmark,
                            "method": self.method,
                            "kind": kind,
                            "mean": mean[t, b],
                            "sd": sd[t, b],
                            **dict(zip(QUANTILE_COLUMNS, quantiles[:, t, b], strict=True)),
                        }
                    )
        return pd.DataFrame(rows)

    # ---------------------------------------------------------------- displays

    def _lines(self) -> pd.DataFrame:
        """Median and 90 % interval of the observed scores, in points."""
        table = self.summary(("observed",))
        shown = table[["target", "benchmark"]].assign(median=(100 * table["q50"]).round(1))
        if not self.is_distribution:
            return shown
        bounds = zip(table["q05"], table["q95"], strict=True)
        return shown.assign(**{"90 % interval": [f"{100 * low:.1f} to {100 * high:.1f}" for low, high in bounds]})

    def _headline(self) -> str:
        gate = "" if self.gate_passed else "; THE SAMPLER DID NOT CONVERGE"
        size = int(self.draws.sizes["sample"])
        return f"Forecast by {self.method}: observed scores in points, {size:,} joint draws{gate}"

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self._lines().head(MOST_LINES).to_string(index=False)}"

    def _repr_html_(self) -> str:
        table = self._lines().head(MOST_LINES).to_html(index=False, escape=True, border=0)
        return f"<p>{escape(self._headline())}</p>{table}"
