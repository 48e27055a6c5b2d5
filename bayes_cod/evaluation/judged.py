"""How good a forecast was, once the truth is in: beside the baselines', and over several forecasts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.forecasts.record import RUNG, Record, last_scores
from bayes_cod.readers.tables.numbers import numbers
from bayes_cod.readers.tables.sheets import read_sheet
from bayes_cod.scoring.proper import crps, pit

KEYS = ["digest", "target", "benchmark"]
NUMBERS = [
    *("truth", "median", "low50", "high50", "low90", "high90", "error", "crps", "pit"),
    *("crps_last_rung", "crps_line", "decades"),
]
COLUMNS = [*KEYS, "date", "method", "family", *NUMBERS, "in50", "in90"]
EDGE = 0.002


def read_truth(path: Path | str) -> pd.DataFrame:
    """Read what was evaluated: target (or model), benchmark (or task), score (or acc), one row each.

    Returns
    -------
    pandas.DataFrame
        target, benchmark, score (fraction).

    Raises
    ------
    InputError
        For missing columns, a score that is no fraction, or two of one target and benchmark.
    """
    file = Path(path)
    frame = read_sheet(file).frame.rename(
        columns={"model": "target", "run": "target", "task": "benchmark", "acc": "score"}
    )
    missing = [name for name in ("target", "benchmark", "score") if name not in frame]
    if missing:
        raise InputError(
            f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it needs target (or model), "
            f"benchmark and score",
            file=file,
        )
    found = numbers(frame["score"], percents=True)
    score = found.values
    wrong = (frame["score"].astype(str).isin(found.wrong) | (score.notna() & ~score.between(0, 1))).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"a score of {frame['score'].iloc[row]}; scores are fractions between 0 and 1, so 80 points are 0.8",
            file=file,
            row=int(frame.index[row]),
            column="score",
        )
    made = pd.DataFrame(
        {"target": frame["target"].astype(str), "benchmark": frame["benchmark"].astype(str), "score": score}
    ).dropna(ignore_index=True)
    repeated = made[made.duplicated(["target", "benchmark"])]
    if len(repeated):
        raise InputError(
            f"'{repeated['target'].iloc[0]}' has two scores on '{repeated['benchmark'].iloc[0]}'; keep one", file=file
        )
    return made


def judge(record: Record, truth: pd.DataFrame, *, digest: str = "", date: str = "", seed: int = 0) -> pd.DataFrame:
    """Score a forecast against the truth.

    Parameters
    ----------
    record
        The forecast.
    truth
        target, benchmark, score; rows of other targets or benchmarks are left out.
    digest, date
        Of its registration, if it was registered.
    seed
        Breaks ties in the PIT.

    Returns
    -------
    pandas.DataFrame
        One row a target and benchmark whose truth is known: digest, target, benchmark, date, method, family, truth,
        median and ends of the 50 % and 90 % intervals, error (of the median), crps, pit, the CRPS of two baselines
        (which is their error): the largest rung's score, and a straight line in log compute through all rungs on the
        logit scale; decades, in50, in90.

    Raises
    ------
    InputError
        If no row is of a target and benchmark that was forecast.
    """
    known = truth[truth["target"].isin(record.forecast.targets) & truth["benchmark"].isin(record.benchmarks)]
    if not len(known):
        raise InputError(
            f"no row is of a target and benchmark that was forecast; targets: {', '.join(record.forecast.targets)}; "
            f"benchmarks: {', '.join(record.benchmarks[:12])}"
        )
    rng = np.random.default_rng(seed)
    last = last_scores(record, record.benchmarks)
    flops = {target.name: target for target in record.targets}
    rows = []
    for target, benchmark, value in zip(known["target"], known["benchmark"], known["score"], strict=True):
        name, truth_of = str(benchmark), float(value)
        draws = record.forecast.samples(str(target), name)
        score = np.array(truth_of)
        low90, low50, median, high50, high90 = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95])
        line = _line(record, name, flops[str(target)].flops)
        rows.append(
            {
                "digest": digest,
                "target": str(target),
                "benchmark": name,
                "date": date,
                "method": record.method,
                "family": record.family,
                "truth": truth_of,
                "median": median,
                "low50": low50,
                "high50": high50,
                "low90": low90,
                "high90": high90,
                "error": abs(median - truth_of),
                "crps": float(crps(draws, score)),
                "pit": float(pit(draws, score, rng)),
                "crps_last_rung": abs(last[name] - truth_of),
                "crps_line": abs(line - truth_of),
                "decades": record.decades(flops[str(target)]),
                "in50": bool(low50 <= truth_of <= high50),
                "in90": bool(low90 <= truth_of <= high90),
            }
        )
    return pd.DataFrame(rows)[COLUMNS]


def _line(record: Record, benchmark: str, flops: float) -> float:
    """A straight line in log compute through the rungs' logits, at the target; one rung: its score."""
    seen = record.observations
    rungs = seen[(seen["role"] == RUNG) & (seen["benchmark"] == benchmark)]
    x, score = np.log10(rungs["flops"].to_numpy(dtype=float)), rungs["score"].to_numpy(dtype=float)
    if len(np.unique(x)) < 2:
        return float(score[-1])
    y = np.log((score + EDGE) / (1 - score + EDGE))
    slope, level = np.polyfit(x - x.mean(), y, 1)
    value = 1 / (1 + np.exp(-(level + slope * (np.log10(flops) - x.mean()))))
    return float(np.clip(value * (1 + 2 * EDGE) - EDGE, 0.0, 1.0))


def totals(cells: pd.DataFrame) -> dict[str, Any]:
    """What some judged forecasts come to: means of the scores, coverage, and skill against the better baseline."""
    crps_mean = float(cells["crps"].mean())
    baselines = {name: float(cells[f"crps_{name}"].mean()) for name in ("last_rung", "line")}
    best = min(baselines.values())
    return {
        "forecasts": int(cells.groupby(["digest", "target"], dropna=False).ngroups),
        "cells": len(cells),
        "error": float(cells["error"].mean()),
        "crps": crps_mean,
        "crps_baselines": baselines,
        "skill": 1 - crps_mean / best if best > 0 else float("nan"),
        "held_50": float(cells["in50"].mean()),
        "held_90": float(cells["in90"].mean()),
        "width_90": float((cells["high90"] - cells["low90"]).mean()),
    }


def add_to_track(cells: pd.DataFrame, file: Path) -> pd.DataFrame:
    """A track record with these cells in it, not yet written; cells that it had are replaced.

    Parameters
    ----------
    cells
        From `judge`.
    file
        CSV of earlier ones; may be missing.

    Raises
    ------
    InputError
        For a file that is no track record.
    """
    if not file.exists():
        return cells
    before = pd.read_csv(file, dtype={"digest": str, "target": str, "benchmark": str, "date": str})
    if list(before.columns) != COLUMNS:
        raise InputError("is no track record of forecasts (its columns are others); choose another file", file=file)
    before["digest"] = before["digest"].fillna("")
    both = pd.concat([before, cells], ignore_index=True)
    return both.drop_duplicates(KEYS, keep="last", ignore_index=True)
