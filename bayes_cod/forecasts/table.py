"""The forecast as people read it: one row a target and benchmark, the truth beside the intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_cod.forecasts.record import Record, last_scores


def forecast_rows(record: Record) -> pd.DataFrame:
    """Intervals of the observed score.

    Parameters
    ----------
    record
        A forecast that was made.

    Returns
    -------
    pandas.DataFrame
        target, flops, benchmark, truth (NaN where unknown), last_rung (score of the largest rung evaluated),
        median, low50, high50, low90, high90 (NaN for a point method), decades (beyond the largest rung),
        share_extrapolating (of the questions; NaN where the method does not tell). Scores are fractions.
    """
    summary = record.forecast.summary(("observed",))
    decades = {target.name: record.decades(target) for target in record.targets}
    shares = record.forecast.facts.get("share_extrapolating") or {}
    last = last_scores(record)
    names = list(zip(summary["target"], summary["benchmark"], strict=True))
    bounds = {"low50": "q25", "high50": "q75", "low90": "q05", "high90": "q95"}
    intervals = {name: summary[column] if record.is_distribution else np.nan for name, column in bounds.items()}
    return pd.DataFrame(
        {
            "target": summary["target"],
            "flops": summary["flops"],
            "benchmark": summary["benchmark"],
            "truth": [record.truth(target, benchmark) for target, benchmark in names],
            "last_rung": [last.get(benchmark, np.nan) for _, benchmark in names],
            "median": summary["q50"],
            **intervals,
            "decades": [decades[target] for target, _ in names],
            "share_extrapolating": [_share(shares.get(benchmark)) for _, benchmark in names],
        }
    )


def _share(value: float | None) -> float:
    return np.nan if value is None else float(value)
