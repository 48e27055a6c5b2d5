"""The forecast as people read it: one row a target and benchmark, the truth beside the intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayes_cod.results.result import Run


def forecast_rows(run: Run) -> pd.DataFrame:
    """Intervals of the observed score.

    Parameters
    ----------
    run
        A forecast that was made.

    Returns
    -------
    pandas.DataFrame
        target, flops, benchmark, truth (NaN where unknown), last_rung (score of the largest rung evaluated),
        median, low50, high50, low90, high90 (NaN for a point method), decades (beyond the largest rung),
        share_extrapolating (of the questions; NaN where the method does not tell). Scores are fractions.
    """
    summary = run.forecast.summary(("observed",))
    request = run.request
    decades = {target.name: request.decades(target) for target in request.targets}
    shares = run.forecast.facts.get("share_extrapolating") or {}
    last = _last_rung(run)
    names = list(zip(summary["target"], summary["benchmark"], strict=True))
    bounds = {"low50": "q25", "high50": "q75", "low90": "q05", "high90": "q95"}
    intervals = {name: summary[column] if run.is_distribution else np.nan for name, column in bounds.items()}
    return pd.DataFrame(
        {
            "target": summary["target"],
            "flops": summary["flops"],
            "benchmark": summary["benchmark"],
            "truth": [request.source.truth(target, benchmark) for target, benchmark in names],
            "last_rung": [last.get(benchmark, np.nan) for _, benchmark in names],
            "median": summary["q50"],
            **intervals,
            "decades": [decades[target] for target, _ in names],
            "share_extrapolating": [_share(shares.get(benchmark)) for _, benchmark in names],
        }
    )


def _last_rung(run: Run) -> dict[str, float]:
    scores = run.request.ladder.observed_scores.merge(run.request.rungs[["model", "flops"]], on="model")
    largest = scores.sort_values("flops").drop_duplicates("benchmark", keep="last")
    return dict(zip(largest["benchmark"], largest["score"], strict=True))


def _share(value: float | None) -> float:
    return np.nan if value is None else float(value)
