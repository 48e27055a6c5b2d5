"""Plots of a back-test: calibration, PIT, error against distance, skill."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import CLUSTER, COVERED, OK
from bayes_cod.plots.style import GREY, WIDTH, canvas, root, short, style
from bayes_cod.scoring.proper import LEVELS

# Okabe and Ito's palette without its yellow, which is faint on white; markers say again what colours say.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MOST_LINES = len(COLOURS)


@style()
def plot_reliability(cells: pd.DataFrame, methods: Sequence[str] | None = None, *, ax: Axes | None = None) -> Figure:
    """Empirical against nominal coverage of central intervals.

    Lines come from the PIT at every level, markers from the intervals reported. Two bands hold 95 % of calibrated
    forecasters: the dark one if all cells were independent, the light one if only targets were, cells of one target
    moving as one; the truth lies between.

    Parameters
    ----------
    cells
        Cells of a back-test.
    methods
        At most `MOST_LINES` methods; the first ones that have intervals where not given.
    ax
        Axes to draw in; a new figure where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    answered = _with_intervals(cells, methods)
    figure, axes = _figure(0.8 * WIDTH, 0.8 * WIDTH, ax)
    nominal = np.linspace(0.01, 0.99, 99)
    n_cells = int(answered.groupby("method").size().min())
    n_targets = int(answered.groupby("method").apply(lambda own: len(own[CLUSTER].drop_duplicates())).min())
    for count, alpha, unit in ((n_targets, 0.15, "targets"), (n_cells, 0.3, "cells")):
        low, high = binomial_envelope(nominal, count)
        label = f"95 % if {count} {unit} are independent"
        axes.fill_between(100 * nominal, 100 * low, 100 * high, color=GREY, alpha=alpha, lw=0, label=label)
    axes.plot([0, 100], [0, 100], color=GREY, ls="--", lw=1)
    for number, method in enumerate(_names(answered)):
        own = answered[answered["method"] == method]
        distance = np.abs(own["pit"].to_numpy() - 0.5)
        empirical = (distance[:, None] <= nominal / 2).mean(axis=0)
        axes.plot(100 * nominal, 100 * empirical, color=COLOURS[number], lw=1.5)
        axes.plot(
            100 * np.array(LEVELS),
            100 * own[list(COVERED)].mean().to_numpy(),
            color=COLOURS[number],
            marker=MARKERS[number],
            ls="",
            label=method,
        )
    axes.set(
        xlabel="nominal coverage of the central interval (%)",
        ylabel="cells whose interval holds the truth (%)",
        xlim=(0, 100),
        ylim=(0, 100),
    )
    axes.set_aspect("equal")
    axes.legend(loc="upper left")
    return figure


@style()
def plot_pit(
    cells: pd.DataFrame, methods: Sequence[str] | None = None, bins: int = 10, *, ax: Axes | None = None
) -> Figure:
    """Histograms of methods' PIT values, one panel each; flat for a calibrated forecaster.

    A hump means intervals too wide, a valley too narrow, a slope a bias. The band holds 95 % of a bin's counts if
    all cells were independent.

    Parameters
    ----------
    cells
        Cells of a back-test.
    methods
        At most `MOST_LINES` methods; the first ones that have intervals where not given.
    bins
        Number of bins.
    ax
        Axes to draw in, for one method; a new figure where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    answered = _with_intervals(cells, methods)
    names = _names(answered)
    figure, panels = canvas(ax, len(names), columns=1, height=1.6, share_y=False)
    for axes, method in zip(panels, names, strict=True):
        values = answered.loc[answered["method"] == method, "pit"].to_numpy()
        low, high = stats.binom.ppf(np.array([0.025, 0.975]), len(values), 1 / bins)
        axes.axhspan(low, high, color=GREY, alpha=0.25, lw=0)
        axes.axhline(len(values) / bins, color=GREY, ls="--", lw=1)
        axes.hist(values, bins=bins, range=(0, 1), color=COLOURS[0], edgecolor="white", alpha=0.85)
        axes.set(ylabel="cells", xlim=(0, 1))

        axes.set_title(short(method, 34))
    panels[-1].set_xlabel("probability integral transform (0: forecast too high, 1: too low)")
    return figure


@style()
def plot_error_by_distance(
    cells: pd.DataFrame, methods: Sequence[str] | None = None, bins: int = 6, *, ax: Axes | None = None
) -> Figure:
    """Absolute error against extrapolation distance.

    Points are cells; lines join the mean error of bins that hold equal numbers of cells.

    Parameters
    ----------
    cells
        Cells of a back-test.
    methods
        At most `MOST_LINES` methods; the first ones that answered where not given.
    bins
        Number of bins.
    ax
        Axes to draw in; a new figure where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    answered = _answered(cells, methods)
    figure, axes = _figure(WIDTH, 0.6 * WIDTH, ax)
    edges = np.unique(np.quantile(answered["decades"], np.linspace(0, 1, bins + 1)))
    for number, method in enumerate(_names(answered)):
        own = answered[answered["method"] == method]
        error = 100 * own["abs_error"]
        axes.plot(own["decades"], error, ls="", marker=".", ms=3, alpha=0.25, color=COLOURS[number])
        step = np.clip(np.searchsorted(edges, own["decades"], side="right"), 1, max(len(edges) - 1, 1))
        means = pd.DataFrame({"step": step, "decades": own["decades"], "error": error}).groupby("step").mean()
        axes.plot(means["decades"], means["error"], color=COLOURS[number], marker=MARKERS[number], label=method)
    axes.set(
        xlabel="extrapolation distance (decades of FLOPs from the largest rung)",
        ylabel="absolute error (points)",
        ylim=(0, None),
    )
    axes.legend()
    return figure


@style()
def plot_skill(summary: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Skill of every method over the best baseline, with 95 % intervals.

    Parameters
    ----------
    summary
        What `summarise` returns without groups (or one group of it).
    ax
        Axes to draw in; a new figure where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = summary[summary["skill"].notna()].sort_values("skill", ignore_index=True)
    if rows.empty:
        raise InputError("no method has a skill to plot; a back-test needs a baseline that answered its cells")
    if rows["method"].duplicated().any():
        raise InputError("the summary holds several groups; give one group of it")
    figure, axes = _figure(WIDTH, 0.8 + 0.25 * len(rows), ax)
    reach = stats.t.ppf(0.975, np.maximum(rows["n_targets"] - 1, 1)) * rows["skill_se"].fillna(0.0)
    colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in rows["skill"]]
    whiskers = {"lw": 1, "capsize": 2, "ecolor": GREY}
    axes.barh(rows["method"], rows["skill"], color=colours, xerr=reach, error_kw=whiskers)
    axes.axvline(0, color="black", lw=0.8)
    # a method that is far worse than the baseline would leave no room to tell the others apart
    left, right = float((rows["skill"] - reach).min()), float((rows["skill"] + reach).max())
    axes.set_xlim(max(min(left, 0.0) - 0.05, -2.0), max(right, 0.0) + 0.05)
    axes.set_xlabel(f"skill over {rows['baseline'].iloc[0]} (bars: 95 % interval)")
    return figure


def binomial_envelope(nominal: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Central 95 % range of the share of hits among `count` independent trials of probability `nominal`."""
    low, high = (np.asarray(stats.binom.ppf(tail, count, nominal), dtype=float) / count for tail in (0.025, 0.975))
    return low, high


def _with_intervals(cells: pd.DataFrame, methods: Sequence[str] | None) -> pd.DataFrame:
    answered = cells[cells["pit"].notna()]
    if answered.empty or (methods is not None and not set(methods) <= set(answered["method"])):
        raise InputError(
            f"no intervals to plot for: {', '.join(methods or _names(cells))}; point forecasts have none, use their "
            "+bootstrap or +conformal form"
        )
    return _answered(answered, methods)


def _answered(cells: pd.DataFrame, methods: Sequence[str] | None) -> pd.DataFrame:
    answered = cells[cells["status"] == OK]
    chosen = _names(answered)[:MOST_LINES] if methods is None else list(methods)
    if len(chosen) > MOST_LINES:
        raise InputError(f"{len(chosen)} methods are too many for one plot; give at most {MOST_LINES}")
    kept = answered[answered["method"].isin(chosen)]
    if kept.empty:
        raise InputError("no cell was answered, so there is nothing to plot")
    return kept


def _names(cells: pd.DataFrame) -> list[str]:
    return [str(name) for name in cells["method"].unique()]


def _figure(width: float, height: float, ax: Axes | None) -> tuple[Figure, Axes]:
    if ax is not None:
        return root(ax), ax
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()
