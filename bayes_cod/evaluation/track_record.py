"""How a method's intervals did at a like distance, out of the cells of back-tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import OK
from bayes_cod.evaluation.recalibration import SUFFIX

LIKE = 0.5
"""Distances within this share of the one asked for are like it ..."""
LEAST = 0.3
"""... and so are those within so many decades."""
NEEDED = (
    *("ladder", "family", "target", "method", "status", "decades"),
    *("covered_50", "covered_90", "abs_error", "width_90"),
)


@dataclass(frozen=True)
class TrackRecord:
    """What a method's forecasts held at a like distance.

    Attributes
    ----------
    method
        The method.
    nearest, farthest
        Smallest and largest distance of the cells counted, in decades; NaN without cells.
    cells, targets, families
        Numbers of scores, of models, and of families' ladders.
    held50, held90
        Share of the scores in their central intervals; NaN for a method without intervals.
    error
        Mean distance of score and median, a fraction.
    width90
        Mean width of the 90 % interval, a fraction.
    beyond
        Largest distance in the back-test at all, in decades.
    """

    method: str
    nearest: float
    farthest: float
    cells: int
    targets: int
    families: int
    held50: float
    held90: float
    error: float
    width90: float
    beyond: float


def track_record(cells: pd.DataFrame, method: str, decades: float, *, without: str = "") -> TrackRecord | None:
    """Count what a method's intervals held at a like distance.

    Parameters
    ----------
    cells
        Cells of back-tests (`cells.csv`).
    method
        The method that made the forecast.
    decades
        Extrapolation distance of the forecast.
    without
        Name of the forecast's target: cells of it are left out, as they are no evidence of another model.

    Returns
    -------
    TrackRecord or None
        None where the method was not back-tested; with `cells` 0 where it was, but at other distances only.

    Raises
    ------
    InputError
        If the cells lack a column.
    """
    if missing := [name for name in NEEDED if name not in cells.columns]:
        raise InputError(f"the back-test's table of cells has no column {', '.join(missing)}; back-test again")
    scored = cells[(cells["status"] == OK) & (cells["target"] != without)]
    own = scored[scored["method"] == method]
    if own.empty:
        own = scored[scored["method"] == method.removesuffix(SUFFIX)]
    if own.empty:
        return None
    like = own[(own["decades"] - decades).abs() <= max(LEAST, LIKE * decades)]
    return TrackRecord(
        method=str(own["method"].iloc[0]),
        nearest=float(like["decades"].min()),
        farthest=float(like["decades"].max()),
        cells=len(like),
        targets=len(like[["ladder", "target"]].drop_duplicates()),
        families=len(like[["ladder", "family"]].drop_duplicates()),
        held50=_mean(like["covered_50"]),
        held90=_mean(like["covered_90"]),
        error=_mean(like["abs_error"]),
        width90=_mean(like["width_90"]),
        beyond=float(own["decades"].max()),
    )


def _mean(values: pd.Series) -> float:
    known = pd.to_numeric(values, errors="coerce").dropna()
    return float(known.mean()) if len(known) else float(np.nan)
