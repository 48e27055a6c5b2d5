"""Whether "the least compute for a score with 90 % confidence" was enough, from finished back-tests.

``python docs/studies/decision_study.py CELLS [CELLS ...]``: files of cells, as `bayes-cod backtest --out` (cells.csv)
or `cod_study.py` writes them. Two counts, each with its standard error (clustered by target):

- *at the model*: of every target forecast, ask for the score whose least compute is just the target's own, which is its
  10 % quantile, and see whether the target reached it;
- *of fixed scores*: for scores of 10 to 90 points ask for the smallest of a benchmark's targets whose 10 % quantile
  reaches it, and see whether that one did (not for cells of `cod_study.py`, which have no such quantile).
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
    if CONFIDENCE_COLUMN in cells:
        missed = cells["truth"] < cells[CONFIDENCE_COLUMN]
    else:
        missed = (cells["in_80%"] == 0) & (cells["truth"] < cells["median"])
    return clustered_mean((~missed).to_numpy(dtype=float), cells["family"] + cells["target"])


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


def read(file: Path) -> pd.DataFrame:
    """Cells of forecasts that have intervals, with the method's name."""
    cells = pd.read_csv(file)
    if CONFIDENCE_COLUMN in cells:
        return cells[cells["q90"] > cells[CONFIDENCE_COLUMN]]
    name = file.name.removesuffix(".csv").partition(".")
    return cells[cells["width_80%"] > 0].assign(ladder=name[0], method=name[2])


def main(files: list[str]) -> None:
    """Print one line a ladder and method."""
    for file in files:
        for (ladder, method), rows in read(Path(file)).groupby(["ladder", "method"]):
            found = {"at the model": at_the_model(rows)}
            if CONFIDENCE_COLUMN in rows:
                found["of fixed scores"] = of_fixed_scores(rows)
            parts = [
                f"{name} {100 * each.value:.0f} % (se {100 * each.se:.1f}, {each.n_clusters} targets)"
                for name, each in found.items()
            ]
            print(f"{ladder:20} {method:26} {len(rows):5} cells: {'; '.join(parts)}")


if __name__ == "__main__":
    main(sys.argv[1:])
