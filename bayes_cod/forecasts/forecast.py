"""`Forecast`: draws of scores over targets and benchmarks, and what people read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Target

Kind = Literal["observed", "latent"]

QUANTILES = (0.025, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.975)
QUANTILE_COLUMNS = tuple(f"q{q * 1000:03.0f}" if q in (0.025, 0.975) else f"q{q * 100:02.0f}" for q in QUANTILES)
KINDS: tuple[Kind, ...] = ("observed", "latent")
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


@dataclass(frozen=True)
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
    """

    draws: xr.Dataset
    method: str
    facts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_draws(
        cls,
        observed: ArrayLike,
        latent: ArrayLike,
        targets: Sequence[Target],
        benchmarks: Sequence[str],
        method: str,
        facts: dict[str, Any] | None = None,
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
        return cls(dataset, method, dict(facts or {}))

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

    # ---------------------------------------------------------------- files

    def save(self, file: Path | str) -> None:
        """Write `forecast.nc`: a DataTree with the group `forecast`."""
        tree = xr.DataTree.from_dict({"/forecast": self._storable()})
        temporary = Path(file).with_suffix(".part")
        tree.to_netcdf(temporary, engine="h5netcdf")
        temporary.replace(file)

    @classmethod
    def load(cls, file: Path | str) -> Forecast:
        """Read what `save` wrote."""
        import json

        with xr.open_datatree(file, engine="h5netcdf") as tree:
            if "forecast" not in tree.children:
                raise InputError("no group 'forecast' in the file; expected a file that Forecast.save wrote", file=file)
            dataset = tree["forecast"].to_dataset().load()
        facts = json.loads(dataset.attrs.pop("facts", "{}"))
        method = str(dataset.attrs.pop("method", "unknown"))
        return cls(dataset, method, facts)

    def _storable(self) -> xr.Dataset:
        import json

        return self.draws.assign_attrs(method=self.method, facts=json.dumps(self.facts))
