"""What a table of cells says: summaries a method and group, skill over the best baseline, paired comparisons.

Methods are compared only on cells that all of them answered; the others are counted. Errors and widths are in
points (0-100) here, because people read them; coverage and skill are fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from bayes_cod import registry
from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import CELL, CLUSTER, COVERED, OK, PERCENT, REFUSED, UNUSABLE
from bayes_cod.evaluation.recalibration import SUFFIX
from bayes_cod.scoring.standard_errors import Estimate, clustered_mean, clustered_skill

POINTS = 100.0
MIN_ANSWERED = 0.5
GROUPINGS = ("ladder", "family", "benchmark", "n_rungs", "decades_bin")
DECADE_EDGES = (-np.inf, 0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf)

_IN_POINTS = {
    "abs_error": "abs_error_points",
    "crps": "crps_points",
    "wis": "wis_points",
    "error": "bias_points",
    "width_90": "width_90_points",
}
_COVERAGE = {column: f"coverage_{percent}" for column, percent in zip(COVERED, PERCENT, strict=True)}
PAIRED = ("abs_error", "crps")
"""Scores that a summary sets against the baseline's, cell by cell."""
_DISTRIBUTION = ("+bootstrap", "+conformal")


def summarise(
    cells: pd.DataFrame,
    by: Sequence[str] = (),
    *,
    methods: Sequence[str] | None = None,
    baseline: str | None = None,
    min_answered: float = MIN_ANSWERED,
) -> pd.DataFrame:
    """Summarise a back-test a group and method.

    Parameters
    ----------
    cells
        Cells as `backtest` returns them; several back-tests may be put together.
    by
        Columns that make the groups (`GROUPINGS` or any other column); one group where not given.
    methods
        Methods to compare; all where not given.
    baseline
        Method that skill is measured against; `best_baseline` of all cells where not given.
    min_answered
        A method that answered no more than this share of a group's cells is counted but not compared, so that it
        does not take the cells of all others away.

    Returns
    -------
    pandas.DataFrame
        One row a group and method: n_asked, n_ok, n_refused, n_unusable, n_cells (compared), n_targets (clusters),
        then abs_error_points, crps_points, wis_points, bias_points (median minus truth) and width_90_points,
        coverage_50 ... coverage_95, abs_error_minus_baseline_points and crps_minus_baseline_points (means of the
        differences from the baseline, cell by cell: below 0 the method is better), skill, each with a column `_se`,
        the name of the baseline, and the mean seconds a fit where the cells have them. NaN where a method was not
        compared or is a point forecast.
    """
    table = _chosen(_with_decades_bin(cells), methods)
    reference = baseline or best_baseline(table, min_answered=min_answered)
    rows = []
    for keys, group in _groups(table, by):
        common = _common(group, _comparable(group, min_answered))
        for method in _names(table):
            own = group[group["method"] == method]
            if len(own):
                rows.append(keys | _row(method, own, common, reference))
    return pd.DataFrame(rows)


def summary_table(
    cells: pd.DataFrame, *, baseline: str | None = None, min_answered: float = MIN_ANSWERED
) -> pd.DataFrame:
    """Summaries over everything and by each of `GROUPINGS`, one under the other.

    Returns
    -------
    pandas.DataFrame
        Columns `grouping` ("all" or the column's name) and `group` before those of `summarise`.
    """
    reference = baseline or best_baseline(cells, min_answered=min_answered)
    parts = [summarise(cells, baseline=reference, min_answered=min_answered).assign(grouping="all", group="all")]
    for grouping in GROUPINGS:
        part = summarise(cells, [grouping], baseline=reference, min_answered=min_answered)
        parts.append(part.assign(grouping=grouping, group=part.pop(grouping).astype(str)))
    table = pd.concat(parts, ignore_index=True)
    return table[["grouping", "group", *table.columns.drop(["grouping", "group"])]]


def best_baseline(
    cells: pd.DataFrame, candidates: Sequence[str] | None = None, *, min_answered: float = MIN_ANSWERED
) -> str | None:
    """Baseline with the smallest mean CRPS on the cells that all candidates answered.

    Parameters
    ----------
    cells
        Cells of a back-test.
    candidates
        Methods to choose from. Where not given: point methods made into distributions (`+bootstrap`,
        `+conformal`) or, if none was run, all that are neither Bayesian nor stacks nor recalibrated.
    min_answered
        A candidate must have answered more than this share of the cells.

    Returns
    -------
    str or None
        None if no candidate answered enough cells.
    """
    names = _names(cells)
    if candidates is None:
        own = [name for name in names if not name.endswith(SUFFIX)]
        plain = [name for name in own if not registry.is_bayesian(name) and not registry.is_stack(name)]
        candidates = [name for name in plain if name.endswith(_DISTRIBUTION)] or plain
    common = common_cells(cells, candidates, min_answered=min_answered)
    if common.empty:
        return None
    return str(common.groupby("method", sort=True)["crps"].mean().idxmin())


def common_cells(
    cells: pd.DataFrame, methods: Sequence[str] | None = None, *, min_answered: float = MIN_ANSWERED
) -> pd.DataFrame:
    """Rows of the cells that all methods answered, as `summarise` compares them; what plots should be given.

    Parameters
    ----------
    cells
        Cells of a back-test.
    methods
        Methods to compare; all where not given.
    min_answered
        Methods that answered no more than this share of the cells are left out.

    Returns
    -------
    pandas.DataFrame
        Part of `cells`.
    """
    table = cells if methods is None else cells[cells["method"].isin(list(methods))]
    return _common(table, _comparable(table, min_answered))


def paired(cells: pd.DataFrame, method: str, other: str, score: str = "crps", by: Sequence[str] = ()) -> pd.DataFrame:
    """Compare two methods cell by cell, on the cells that both answered.

    Parameters
    ----------
    cells
        Cells of a back-test.
    method, other
        The two methods.
    score
        Column where smaller is better and fractions are stored: crps, abs_error, wis.
    by
        Columns that make the groups; one group where not given.

    Returns
    -------
    pandas.DataFrame
        One row a group: method, other, score, n_cells, n_targets, n_left_out (cells that only one of them, or
        neither, answered), difference_points (mean of method minus other: below 0 the method is better), its
        clustered standard error, the ends low_95_points and high_95_points of its 95 % confidence interval, and
        `wins`, the share of cells where the method's score is smaller (ties count half).

    Raises
    ------
    InputError
        If a method is not among the cells.
    """
    rows = []
    for keys, group in _groups(_chosen(_with_decades_bin(cells), [method, other]), by):
        common = _common(group, [method, other])
        sides = [common[common["method"] == name].set_index(CELL)[score].sort_index() for name in (method, other)]
        difference = sides[0].to_numpy() - sides[1].to_numpy()
        estimate = clustered_mean(difference * POINTS, _cluster_labels(sides[0].reset_index()))
        low, high = estimate.interval(0.95)
        row = {
            "method": method,
            "other": other,
            "score": score,
            "n_cells": len(difference),
            "n_targets": estimate.n_clusters,
            "n_left_out": len(group[CELL].drop_duplicates()) - len(difference),
            "difference_points": estimate.value,
            "difference_points_se": estimate.se,
            "low_95_points": low,
            "high_95_points": high,
            "wins": float(np.mean((difference < 0) + 0.5 * (difference == 0))) if len(difference) else float("nan"),
        }
        rows.append(keys | row)
    return pd.DataFrame(rows)


def _row(method: str, own: pd.DataFrame, common: pd.DataFrame, reference: str | None) -> dict[str, object]:
    compared = common[common["method"] == method].sort_values(CELL)
    clusters = _cluster_labels(compared)
    counts = own["status"].value_counts()
    row: dict[str, object] = {
        "method": method,
        "n_asked": len(own),
        **{f"n_{status}": int(counts.get(status, 0)) for status in (OK, REFUSED, UNUSABLE)},
        "n_cells": len(compared),
        "n_targets": len(set(clusters)),
    }
    for column, name in _IN_POINTS.items():
        row |= _columns(name, clustered_mean(compared[column].to_numpy() * POINTS, clusters))
    for column, name in _COVERAGE.items():
        row |= _columns(name, clustered_mean(compared[column].to_numpy(), clusters))
    baseline = common[common["method"] == reference].sort_values(CELL)
    has_skill = len(baseline) > 0 and len(compared) > 0
    skill = (
        clustered_skill(compared["crps"].to_numpy(), baseline["crps"].to_numpy(), clusters)
        if has_skill
        else Estimate(float("nan"), float("nan"), 0)
    )
    for column in PAIRED:
        difference = compared[column].to_numpy() - baseline[column].to_numpy() if has_skill else np.array([np.nan])
        estimate = clustered_mean(difference * POINTS, clusters if has_skill else np.array([""]))
        row |= _columns(f"{column}_minus_baseline_points", estimate)
    fits = own.drop_duplicates(["ladder", "family", "cut"])
    seconds = fits["seconds"].mean() if "seconds" in fits else float("nan")
    return row | _columns("skill", skill) | {"baseline": reference or "", "seconds_per_fit": seconds}


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_se": estimate.se}


def _comparable(group: pd.DataFrame, min_answered: float) -> list[str]:
    """Methods that answered more than a share `min_answered` of the group's cells."""
    n_cells = len(group[CELL].drop_duplicates())
    answered = group[group["status"] == OK]["method"].value_counts()
    return [str(name) for name in answered.index[answered > min_answered * n_cells]]


def _common(group: pd.DataFrame, compared: Sequence[str]) -> pd.DataFrame:
    """Answered rows of the methods compared, on the cells that every one of them answered."""
    answered = group[group["method"].isin(list(compared)) & (group["status"] == OK)]
    size = answered.groupby(CELL, observed=True)["method"].transform("size")
    return answered[size == len(compared)]


def _groups(table: pd.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, object], pd.DataFrame]]:
    unknown = [column for column in by if column not in table]
    if unknown:
        raise InputError(f"cells can't be grouped by '{unknown[0]}'; their columns are: {', '.join(table.columns)}")
    if not by:
        yield {}, table
        return
    for values, group in table.groupby(list(by), sort=True, observed=True):
        yield dict(zip(by, values, strict=True)), group


def _chosen(cells: pd.DataFrame, methods: Sequence[str] | None) -> pd.DataFrame:
    have = _names(cells)
    missing = [name for name in methods or () if name not in have]
    if missing:
        raise InputError(f"method '{missing[0]}' is not among the cells; they have: {', '.join(have)}")
    if cells.duplicated([*CELL, "method"]).any():
        raise InputError("a cell appears twice for one method; put together only back-tests of different ladders")
    return cells if methods is None else cells[cells["method"].isin(list(methods))]


def _names(cells: pd.DataFrame) -> list[str]:
    return [str(name) for name in cells["method"].unique()]


def _cluster_labels(cells: pd.DataFrame) -> np.ndarray:
    return np.array(["\t".join(map(str, key)) for key in cells[CLUSTER].itertuples(index=False)], dtype=str)


def _with_decades_bin(cells: pd.DataFrame) -> pd.DataFrame:
    """Add `decades_bin`, the extrapolation distance in steps, as an ordered category."""
    names = [f"{low:g} to {high:g}" for low, high in pairwise(DECADE_EDGES)]
    names[0], names[-1] = "within the rungs", f"over {DECADE_EDGES[-2]:g}"
    return cells.assign(decades_bin=pd.cut(cells["decades"], DECADE_EDGES, labels=names))
