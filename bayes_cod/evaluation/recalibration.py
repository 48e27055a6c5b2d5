"""Recalibration: intervals of a method scaled by what a back-test says they held."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import CELL, OK
from bayes_cod.forecasts.forecast import Forecast, mean_over_benchmarks
from bayes_cod.ladder.naming import some

type FloatArray = NDArray[np.float64]

SUFFIX = "+recalibrated"
CELLS = "cells.csv"
LEVELS = (0.5, 0.8, 0.9)
KEY = (*CELL, "method")
NEEDED = (*KEY, "status", "pit", "n_draws")
_REMEDY = "give the cells.csv that 'bayes-cod backtest' wrote"
PRIOR_WEIGHT = 2.0
"""Benchmarks that the expectation counts as that intervals hold what they say."""
ALIKE = 0.05
"""Correlation of the squared distances of a family's benchmarks: of the distances themselves it is 0.16 to 0.25."""
FARTHEST = 4.0
"""Standard deviations at which a miss is cut off: beyond, draws can't tell how far it is."""


@dataclass(frozen=True)
class Source:
    """A family whose forecasts were scored.

    Attributes
    ----------
    ladder, family
        Their names.
    targets
        Models that were forecast.
    benchmarks
        How many.
    cells
        How many forecasts of one score.
    root_mean_square
        Of the truth's distance from the median in the forecast's own standard deviations; 1 where intervals hold what
        they say.
    held
        Share of the truths in the central intervals of `LEVELS`.
    """

    ladder: str
    family: str
    targets: tuple[str, ...]
    benchmarks: int
    cells: int
    root_mean_square: float
    held: tuple[float, ...]


@dataclass(frozen=True)
class Recalibration:
    r"""How a method's forecasts are widened or narrowed around their medians.

    In a forecast's own standard deviations the truth lies at :math:`z = \Phi^{-1}(F(y))`, with F the forecast's
    distribution; a calibrated method's z is standard normal. Here z is Normal with mean 0 and an unknown variance,
    whose prior is scaled inverse chi-squared around 1 (`PRIOR_WEIGHT` degrees of freedom). Every benchmark of a family
    tells of the variance by its mean square; as those of a family go together (`ALIKE`), n of them count as
    :math:`n / (1 + (n - 1) \rho)`. The z of a new forecast is then Student-t with `freedom` and `scale` (Gelman et al.,
    Bayesian Data Analysis, 3rd edition, section 2.6), and so is every recalibrated forecast's.

    Attributes
    ----------
    method
        The method that was back-tested.
    scale
        Below 1 it narrows.
    freedom
        Degrees of freedom.
    sources
        What it was learnt from.
    sha256
        Of the cells' rows that were used.
    """

    method: str
    scale: float
    freedom: float
    sources: tuple[Source, ...]
    sha256: str

    @classmethod
    def learn(cls, cells: pd.DataFrame, method: str) -> Self:
        """Learn from the cells of back-tests.

        Parameters
        ----------
        cells
            As `evaluation.backtest` returns them; of several back-tests, one under the other.
        method
            The method to recalibrate.

        Raises
        ------
        InputError
            Without a scored forecast of the method that is a distribution.
        """
        if method not in (scored := scored_methods(cells)):
            raise InputError(
                f"the back-test has no scored intervals of '{method}'; it has of: {', '.join(scored) or 'no method'}. "
                f"back-test {method} first"
            )
        known = cells[(cells["method"] == method) & _is_scored(cells)]
        least = 0.5 / known["n_draws"]
        z = ndtri(known["pit"].clip(least, 1 - least)).clip(-FARTHEST, FARTHEST)
        table = known.assign(square=z**2)
        sources = tuple(
            _source(str(ladder), str(family), rows)
            for (ladder, family), rows in table.groupby(["ladder", "family"], sort=True)
        )
        told = np.array([source.benchmarks / (1 + (source.benchmarks - 1) * ALIKE) for source in sources])
        squares = np.array([source.root_mean_square**2 for source in sources])
        freedom = PRIOR_WEIGHT + float(told.sum())
        scale = float(np.sqrt((PRIOR_WEIGHT + told @ squares) / freedom))
        rows = known[list(NEEDED)].sort_values(list(KEY)).to_csv(index=False)
        return cls(method, scale, freedom, sources, hashlib.sha256(rows.encode()).hexdigest())

    @property
    def ratio(self) -> float:
        """Width of a 90 % interval over that of the method's own, for a normal forecast."""
        return self.scale * float(stdtrit(self.freedom, 0.95) / ndtri(0.95))

    def apply(self, forecast: Forecast) -> Forecast:
        """The forecast with every score's distribution scaled around its median.

        A draw stays at its rank among the draws of a score, so that what scores of one draw have in common is kept. The
        method's name gets `SUFFIX`, and the facts say what was done. Latent scores, which no back-test can check, are
        scaled alike.
        """
        if forecast.draws.sizes["sample"] == 1:
            raise InputError(f"'{forecast.method}' forecasts one number and no interval, so nothing can be scaled")
        order = ("sample", "target", "benchmark")
        own = forecast.draws[["score", "latent"]].transpose(*order)
        scaled = forecast.draws.assign({name: (order, self._scaled(own[name].to_numpy())) for name in own})
        facts = forecast.facts | {"recalibration": self.record()}
        if "mean_over_benchmarks" in facts:
            facts["mean_over_benchmarks"] = mean_over_benchmarks(scaled["score"].to_numpy(), forecast.targets)
        facts["warnings"] = [*(facts.get("warnings") or ()), self.sentence()]
        return replace(forecast, draws=scaled, method=forecast.method + SUFFIX, facts=facts)

    def _scaled(self, draws: FloatArray) -> FloatArray:
        n = len(draws)
        levels = (np.arange(n) + 0.5) / n
        place = np.clip(n * ndtr(self.scale * stdtrit(self.freedom, levels)) - 0.5, 0, n - 1)
        low = np.floor(place).astype(int)
        high, share = np.minimum(low + 1, n - 1), (place - low)[:, None, None]
        rank = np.argsort(np.argsort(draws, axis=0, kind="stable"), axis=0)
        ordered = np.sort(draws, axis=0)
        return np.take_along_axis((1 - share) * ordered[low] + share * ordered[high], rank, axis=0)

    def sentence(self) -> str:
        """What was done, in one sentence."""
        families = some([f"{source.family} of {source.ladder}" for source in self.sources])
        change = f"{100 * abs(self.ratio - 1):.0f} % {'narrower' if self.ratio < 1 else 'wider'}"
        return (
            f"intervals are recalibrated: about {change} at 90 % than the method's own, by what these held for "
            f"{sum(source.cells for source in self.sources)} scores of {families}"
        )

    def check_unseen(self, family: str, rungs: Collection[str], targets: Collection[str]) -> None:
        """Refuse to recalibrate a forecast by the very scores that it is about.

        Parameters
        ----------
        family
            Family to forecast.
        rungs
            Its models that the forecast may know.
        targets
            Models to forecast.

        Raises
        ------
        InputError
            If the back-test knows a target's scores, or those of a model of the family above its largest rung.
        """
        seen = {
            name
            for source in self.sources
            for name in source.targets
            if name in targets or (source.family == family and name not in rungs)
        }
        if seen:
            raise InputError(
                f"the back-test to recalibrate by scored forecasts of {', '.join(sorted(seen)[:3])}, whose scores this "
                f"forecast of '{family}' must not know; back-test other families, or this one only up to the largest "
                "rung used here"
            )

    def record(self) -> dict[str, Any]:
        """Everything of it as JSON holds it."""
        return asdict(self) | {"ratio_90": self.ratio}


def _source(ladder: str, family: str, rows: pd.DataFrame) -> Source:
    by_benchmark = rows.groupby("benchmark")["square"].mean()
    inside = [((rows["pit"] - 0.5).abs() <= level / 2).mean() for level in LEVELS]
    return Source(
        ladder=ladder,
        family=family,
        targets=tuple(sorted(set(rows["target"].astype(str)))),
        benchmarks=len(by_benchmark),
        cells=len(rows),
        root_mean_square=float(np.sqrt(by_benchmark.mean())),
        held=tuple(float(share) for share in inside),
    )


def scored_methods(cells: pd.DataFrame) -> list[str]:
    """Methods of which a table of cells has scored intervals, without those that were recalibrated already."""
    names = cells.loc[_is_scored(cells), "method"].astype(str)
    return sorted(name for name in set(names) if not name.endswith(SUFFIX))


def _is_scored(cells: pd.DataFrame) -> pd.Series:
    return (cells["status"] == OK) & cells["pit"].notna() & cells["n_draws"].notna()


def read_cells(folders: Sequence[Path]) -> pd.DataFrame:
    """Read the cells of finished back-tests.

    Parameters
    ----------
    folders
        Folders that back-tests were written to, or the cells.csv in them.

    Raises
    ------
    InputError
        Where there is no table of cells, for one that lacks a column or has an impossible value or a row twice, naming
        file, row and column, and for a forecast that is in two of them.
    """
    tables = [_read(folder) for folder in folders]
    for place, table in enumerate(tables):
        for earlier, other in zip(folders, tables[:place], strict=False):
            both = table[list(KEY)].merge(other[list(KEY)])
            if len(both):
                what = ", ".join(str(value) for value in both.iloc[0])
                raise InputError(
                    f"a forecast ({what}) is in {earlier} too and would count twice; give back-tests of different "
                    "ladders",
                    file=folders[place],
                )
    return pd.concat(tables, ignore_index=True)


def _read(folder: Path) -> pd.DataFrame:
    file = folder / CELLS if folder.is_dir() else folder
    if not file.is_file():
        raise InputError("no back-test is there; give the folder that a back-test was written to", file=file)
    try:
        cells = pd.read_csv(file, dtype=dict.fromkeys((*KEY, "status"), str))
    except (OSError, ValueError) as error:  # pandas' own errors of broken files are ValueErrors
        raise InputError(f"is no table of cells ({error}); {_REMEDY}", file=file) from None
    if missing := [name for name in NEEDED if name not in cells.columns]:
        raise InputError(f"has no column {', '.join(missing)}; {_REMEDY}", file=file)
    for name in KEY:
        if cells[name].isna().any():
            row = int(np.flatnonzero(cells[name].isna())[0])
            raise InputError(f"is empty; {_REMEDY}", file=file, row=row + 2, column=name)
    if (twice := cells.duplicated(list(KEY))).any():
        row = int(np.flatnonzero(twice)[0])
        raise InputError(f"is a forecast that was there before; {_REMEDY}", file=file, row=row + 2)
    for name, least, most in (("pit", 0.0, 1.0), ("n_draws", 1.0, np.inf)):
        values = pd.to_numeric(cells[name], errors="coerce")
        wrong = cells[name].notna() & ~values.between(least, most)
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            expected = "a probability" if name == "pit" else "a number of draws"
            raise InputError(
                f"is '{cells[name].iloc[row]}'; expected {expected}; {_REMEDY}", file=file, row=row + 2, column=name
            )
        cells[name] = values
    return cells
