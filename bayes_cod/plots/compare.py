"""Several forecasts of the same scores, one below the other."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

ROW = 0.24
COLOURS = (style.BLUE, style.GREEN, style.VERMILLION, style.GREY)
MARKERS = ("o", "s", "^", "v")


def plot_compare(table: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw the intervals of several forecasts of one target, those of one benchmark below one another.

    Parameters
    ----------
    table
        benchmark, run, median, low50, high50, low90, high90, truth of one target, fractions.
    ax
        Axes to draw in; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    runs, benchmarks = list(dict.fromkeys(table["run"])), list(dict.fromkeys(table["benchmark"]))
    with style.style():
        figure, (axes,) = style.canvas(ax, 1, columns=1, height=ROW * len(table) + 0.55, share_y=False)
        for row in table.to_dict("records"):
            number = runs.index(row["run"])
            place = benchmarks.index(row["benchmark"]) + (number - (len(runs) - 1) / 2) * 0.8 / len(runs)
            color, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
            said = f"{row['benchmark']}, {row['run']}: median {100 * row['median']:.1f}"
            if np.isfinite(row["low90"]):
                said += f"; 90 %: {100 * row['low90']:.1f} to {100 * row['high90']:.1f}"
            axes.plot([row["low90"], row["high90"]], [place, place], color=color, linewidth=1.3, label=said)
            axes.plot(
                [row["low50"], row["high50"]],
                [place, place],
                color=color,
                linewidth=3.6,
                solid_capstyle="butt",
                label=said,
            )
            axes.plot(
                row["median"],
                place,
                marker,
                color=style.PAPER,
                markeredgecolor=color,
                markersize=4,
                zorder=4,
                label=said,
                clip_on=False,
            )
        for place, name in enumerate(benchmarks):
            truths = table.loc[table["benchmark"] == name, "truth"].dropna().unique()
            for truth in truths:
                ends, said = [place - 0.45, place + 0.45], f"{name}: truth {100 * truth:.1f}"
                axes.plot([truth, truth], ends, color=style.INK, linewidth=1.2, label=said)
        axes.set_yticks(range(len(benchmarks)), [style.short(name) for name in benchmarks])
        axes.set_ylim(len(benchmarks) - 0.45, -0.55)
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks(np.linspace(0, 1, 6))
        axes.spines["left"].set_visible(False)
        style.score_ticks(axes, "x")
        if "target" in table:
            axes.set_title(style.short(str(table["target"].iloc[0]), 36))
        style.labels(figure, ax, "observed score (points)")
        if ax is None:
            style.legend(figure, compare_handles(table))
    return figure


def compare_handles(table: pd.DataFrame) -> list[Line2D]:
    """What the marks of `plot_compare` mean, as handles of a legend."""
    handles = [
        Line2D(
            [],
            [],
            color=COLOURS[number % len(COLOURS)],
            marker=MARKERS[number % len(MARKERS)],
            markerfacecolor=style.PAPER,
            markersize=4,
            linewidth=3.6,
            label=f"{name}: median, 50 %, 90 %",
        )
        for number, name in enumerate(dict.fromkeys(table["run"]))
    ]
    if table["truth"].notna().any():
        handles.append(Line2D([], [], label="truth", color=style.INK, linewidth=1.2))
    return handles
