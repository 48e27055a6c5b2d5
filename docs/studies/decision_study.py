"""Whether "the least compute for a score with 90 % confidence" was enough, from finished back-tests.

``python docs/studies/decision_study.py BACKTEST [BACKTEST ...]``: folders with cells.csv, as `bayes-cod backtest --out`
writes them. Two counts, each with its standard error (clustered by target):

- *at the model*: of every target forecast, ask for the score whose least compute is just the target's own, which is its
  10 % quantile, and see whether the target reached it;
- *of fixed scores*: for scores of 10 to 90 points ask for the smallest of a benchmark's targets whose 10 % quantile
  reaches it, and see whether that one did.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.scoring.standard_errors import Estimate, clustered_mean

CONFIDENCE_COLUMN = "q10"
SCORES = np.arange(0.1, 0.95, 0.1)
ONE_FORECAST = ["ladder", "family", "cut", "benchmark", "method"]


def at_the_model(cells: pd.DataFrame) -> Estimate:
    """Share of cells whose truth reached the 10 % quantile."""
    met = (cells["truth"] >= cells[CONFIDENCE_COLUMN]).to_numpy(dtype=float)
    return clustered_mean(met, cells["family"] + cells["target"])


def of_fixed_scores(cells: pd.DataFrame) -> Estimate:
    """Share of the smallest targets promised to reach a score that did."""
    met, clusters = [], []
    for _, rows in cells.sort_values("decades").groupby(ONE_FORECAST, sort=False):
        for score in SCORES:
            promised = rows[rows[CONFIDENCE_COLUMN] >= score]
            if len(promised):
                first = promised.iloc[0]
                met.append(float(first["truth"] >= score))
                clusters.append(first["family"] + first["target"])
    return clustered_mean(met, clusters)


def main(folders: list[str]) -> None:
    """Print one line a ladder and method."""
    cells = pd.concat([pd.read_csv(Path(folder) / "cells.csv") for folder in folders], ignore_index=True)
    cells = cells[cells[CONFIDENCE_COLUMN].notna() & (cells["q90"] > cells["q10"])]
    for (ladder, method), rows in cells.groupby(["ladder", "method"]):
        parts = []
        for name, found in (("at the model", at_the_model(rows)), ("of fixed scores", of_fixed_scores(rows))):
            parts.append(f"{name} {100 * found.value:.0f} % (se {100 * found.se:.1f}, {found.n_clusters} targets)")
        print(f"{ladder:24} {method:28} {len(rows):5} cells: {'; '.join(parts)}")


if __name__ == "__main__":
    main(sys.argv[1:])
