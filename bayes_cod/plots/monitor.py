"""Pictures of a watched run, and of forecasts beside the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

COLUMNS = 2
MOST_PANELS = 11


def plot_watched(
    points: pd.DataFrame,
    end: pd.DataFrame,
    ahead: pd.DataFrame,
    *,
    level: float,
    alarm: float | None,
    since: float | None,
    total: float | None = None,
) -> Figure:
    """Draw a run along its tokens: each series in its bands, the forecast of the end, and the alarm's e-process.

    Parameters
    ----------
    points, end, ahead
        Of `bayes_cod.monitor.watching.Watched`.
    level
        False-alarm rate; the alarm is raised where the e-process reaches one over it.
    alarm, since
        Tokens at which it was raised and trouble began.
    total
        Tokens of the whole run, if known.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys(points["series"]))[:MOST_PANELS]
    with style.style():
        figure, panels = style.panels(len(names) + 1, columns=COLUMNS, height=2.0, share_y=False)
        for axes, name in zip(panels, names, strict=False):
            rows = points[points["series"] == name]
            _series(axes, name, rows, end, ahead[ahead["series"] == name], total)
            _trouble(axes, alarm, since)
        axes = panels[-1]
        axes.plot(points["tokens"], points["log_e"] / np.log(10), color=style.INK, linewidth=1.3)
        axes.axhline(-np.log10(level), color=style.VERMILLION, linewidth=1.0, linestyle=(0, (3, 2)))
        axes.set_title("evidence of trouble", fontsize=8)
        axes.set_ylabel("log10 of the e-process")
        axes.grid(axis="y")
        _trouble(axes, alarm, since)
        figure.supxlabel("training tokens", fontsize=8, color=style.MUTED)
        style.legend(
            figure,
            [
                Line2D([], [], marker="o", linestyle="none", color=style.INK, markersize=3, label="observed"),
                Line2D([], [], color=style.FORECAST, linewidth=5, alpha=0.4, label="expected: 50 %, 90 %"),
                Line2D([], [], color=style.GREEN, linewidth=2.4, label="end as forecast now, 90 %"),
                Line2D([], [], color=style.VERMILLION, linewidth=1.2, label="alarm; thin: trouble since"),
            ],
        )
    return figure


def _series(
    axes: Axes, name: str, rows: pd.DataFrame, end: pd.DataFrame, ahead: pd.DataFrame, total: float | None
) -> None:
    score = rows["kind"].iloc[0] == "score"
    bands = pd.concat([rows[["tokens", "q05", "q25", "q50", "q75", "q95"]], ahead.drop(columns="series")])
    x = bands["tokens"].astype(float)
    axes.fill_between(
        x,
        bands["q05"].astype(float),
        bands["q95"].astype(float),
        color=style.FORECAST,
        alpha=style.BAND_90,
        linewidth=0,
    )
    axes.fill_between(
        x,
        bands["q25"].astype(float),
        bands["q75"].astype(float),
        color=style.FORECAST,
        alpha=style.BAND_50,
        linewidth=0,
    )
    axes.plot(rows["tokens"], rows["seen"], "o", color=style.INK, markersize=2.2, zorder=4)
    known = end[end["series"] == name] if len(end) else end
    last = total if total is not None else float(x.max())
    if len(known):
        row = known.iloc[0]
        axes.plot([last, last], [row["low90"], row["high90"]], color=style.GREEN, linewidth=2.4, solid_capstyle="round")
        axes.plot([last], [row["median"]], "o", color=style.PAPER, markeredgecolor=style.GREEN, markersize=4, zorder=5)
    if not score:
        # the first steps of a loss are far above all that is of interest
        seen = rows["seen"].to_numpy(dtype=float)
        low = float(np.nanmin(np.concatenate([seen, bands["q05"].to_numpy(dtype=float)])))
        high = float(np.nanquantile(seen[len(seen) // 10 :], 0.95))
        axes.set_ylim(low - 0.05 * (high - low), high + 0.35 * (high - low))
    axes.set_title(style.short(name, 34), fontsize=8)
    if score:
        style.score_ticks(axes, "y")
    else:
        axes.grid(axis="y")


def _trouble(axes: Axes, alarm: float | None, since: float | None) -> None:
    if alarm is not None:
        axes.axvline(alarm, color=style.VERMILLION, linewidth=1.2)
    if since is not None:
        axes.axvline(since, color=style.VERMILLION, linewidth=0.6)


def plot_track(cells: pd.DataFrame) -> Figure:
    """Draw judged forecasts: intervals beside the truth, and where in its distribution each truth lies.

    Parameters
    ----------
    cells
        target, benchmark, truth, median, low50, high50, low90, high90, pit.
    """
    shown = cells.tail(30)
    with style.style():
        figure, (left, right) = style.panels(2, columns=2, height=max(2.6, 0.6 + 0.16 * len(shown)), share_y=False)
        rows = np.arange(len(shown))[::-1]
        left.hlines(rows, shown["low90"], shown["high90"], color=style.FORECAST, linewidth=1.1)
        left.hlines(rows, shown["low50"], shown["high50"], color=style.FORECAST, linewidth=3.6)
        left.plot(shown["median"], rows, "o", color=style.PAPER, markeredgecolor=style.FORECAST, markersize=3.5)
        left.plot(shown["truth"], rows, "D", color=style.TRUTH, markersize=3.5, zorder=5)
        several = len(set(shown["target"])) > 1
        left.set_yticks(
            rows,
            [
                style.short(f"{target}: {name}" if several else str(name), 28)
                for target, name in zip(shown["target"], shown["benchmark"], strict=True)
            ],
        )
        style.score_ticks(left, "x")
        left.set_xlabel("score (points)")
        count = len(cells)
        right.hist(cells["pit"], bins=[0.1 * edge for edge in range(11)], color=style.FORECAST, alpha=0.5)
        right.axhline(count / 10, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        right.set_xlabel("probability that the forecast gave to a lower score")
        right.set_ylabel("forecasts")
        style.legend(
            figure,
            [
                Line2D([], [], color=style.FORECAST, linewidth=2.4, label="forecast: 50 %, 90 %"),
                Line2D([], [], marker="D", linestyle="none", color=style.TRUTH, markersize=4, label="truth"),
                Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="even, as it should be"),
            ],
        )
    return figure
