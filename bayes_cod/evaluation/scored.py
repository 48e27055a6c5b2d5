"""`Backtest`: the cells of a back-test with what people read off them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bayes_cod.evaluation.summary import summarise
from bayes_cod.plots.evaluation import plot_reliability

SHOWN = {
    "n_cells": "cells",
    "abs_error_points": "error",
    "crps_points": "CRPS",
    "skill": "skill",
    "coverage_50": "50 % hold",
    "coverage_90": "90 % hold",
    "width_90_points": "90 % width",
}
"""Columns of a display, scores in points."""


@dataclass(frozen=True, repr=False)
class Backtest:
    """Scored forecasts of models whose results are known.

    Attributes
    ----------
    cells
        One row a cell (ladder, family, cut, target, benchmark) and method: truth, mean, quantiles, crps, abs_error,
        decades, n_rungs, coverage, status and reason; scores as fractions.
    """

    cells: pd.DataFrame

    def summary(self, by: Sequence[str] = ()) -> pd.DataFrame:
        """Scores a method, on the cells that all answered; see `bayes_cod.evaluation.summarise`."""
        return summarise(self.cells, by)

    def table(self) -> pd.DataFrame:
        """The summary as people read it, the least CRPS first: scores in points, coverage in per cent."""
        table = self.summary().sort_values("crps_points", kind="stable")
        shown = table[["method", *SHOWN]].rename(columns=SHOWN)
        for name in ("50 % hold", "90 % hold"):
            shown[name] = 100 * shown[name]
        return shown.round({"error": 1, "CRPS": 2, "skill": 2, "50 % hold": 0, "90 % hold": 0, "90 % width": 1})

    def to_dataframe(self) -> pd.DataFrame:
        """The cells."""
        return self.cells

    def plot(self) -> Figure:
        """Shares of intervals that held, against what they promised; see `plot_reliability`."""
        return plot_reliability(self.cells)

    def save(self, file: Path | str) -> None:
        """Write the cells as CSV, as the command line's `cells.csv`."""
        self.cells.drop(columns="seconds").to_csv(file, index=False)

    def _headline(self) -> str:
        count = len(self.cells) // max(1, self.cells["method"].nunique())
        silent = int(np.sum(self.cells["status"] != "ok"))
        return (
            f"Back-test of {self.cells['method'].nunique()} methods on {count} cells; {silent} rows without an answer"
        )

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.table().to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(self._headline())}</p>{self.table().to_html(index=False, escape=True, border=0)}"
