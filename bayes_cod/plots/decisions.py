"""Pictures of decisions: probability along compute, plans, candidate runs, benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from bayes_cod.plots import style

MOST_BARS = 20


def plot_compute(
    table: pd.DataFrame,
    *,
    confidence: float,
    least: float,
    low: float,
    high: float,
    rungs: NDArray[np.float64],
    target: float,
    title: str = "",
) -> Figure:
    """Draw the probability of reaching thresholds along compute.

    Parameters
    ----------
    table
        flops, probability, latent, and a column for each single requirement.
    confidence
        Probability that was asked for.
    least, low, high
        The least compute that reaches it and the ends of its interval (FLOPs; NaN or infinite where it is not reached).
    rungs, target
        Compute of the rungs and of the target.
    title
        What is to be reached.

    Returns
    -------
    matplotlib.figure.Figure
    """
    alone = [name for name in table.columns if ">=" in name]
    with style.style():
        figure, (axes,) = style.panels(1, columns=1, height=3.0, share_y=False)
        x = table["flops"]
        if len(alone) > 1:
            for name in alone:
                axes.plot(x, table[name], color=style.GREY, linewidth=0.9)
        axes.plot(x, table["latent"], color=style.FORECAST, linewidth=1.2, linestyle=(0, (4, 2)))
        axes.plot(x, table["probability"], color=style.FORECAST, linewidth=2.0)
        axes.axhline(confidence, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        if np.isfinite(least):
            if np.isfinite(high):
                axes.axvspan(low, high, color=style.VERMILLION, alpha=style.BAND_90, linewidth=0)
            axes.axvline(least, color=style.VERMILLION, linewidth=1.4)
        axes.plot(rungs, np.zeros(len(rungs)), "|", color=style.INK, markersize=7)
        axes.plot([target], [0.0], "v", color=style.FORECAST, markersize=5)
        style.compute_axis(axes, float(x.min()), float(x.max()))
        axes.set_ylim(-0.03, 1.03)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
        axes.grid(axis="y")
        axes.set_title(style.short(title, 70))
        axes.set_xlabel("training compute (FLOPs)")
        axes.set_ylabel("probability")
        handles = [
            Line2D([], [], color=style.FORECAST, linewidth=2, label="observed scores of one run"),
            Line2D([], [], color=style.FORECAST, linewidth=1.2, linestyle=(0, (4, 2)), label="the trend alone"),
            Line2D([], [], color=style.VERMILLION, linewidth=1.4, label="least compute"),
        ]
        if len(alone) > 1:
            handles.insert(2, Line2D([], [], color=style.GREY, linewidth=0.9, label="each requirement alone"))
        style.legend(figure, handles)
    return figure


def plot_plans(table: pd.DataFrame, draws: NDArray[np.float64], *, unit: str = "utility") -> Figure:
    """Draw the utility of plans: 50 % and 90 % intervals, means, and the probability of being best.

    Parameters
    ----------
    table
        plan, mean, p_best, in the order to be drawn.
    draws
        Utilities ``(sample, plan)`` in the same order.
    unit
        Name of the utility's unit.
    """
    names = [
        f"{style.short(str(name))}  (best {share:.0%})"
        for name, share in zip(table["plan"], table["p_best"], strict=True)
    ]
    with style.style():
        figure, (axes,) = style.panels(1, columns=1, height=0.6 + 0.34 * len(names), share_y=False)
        rows = np.arange(len(names))[::-1]
        low90, low50, high50, high90 = np.quantile(draws, [0.05, 0.25, 0.75, 0.95], axis=0)
        axes.hlines(rows, low90, high90, color=style.FORECAST, linewidth=1.2)
        axes.hlines(rows, low50, high50, color=style.FORECAST, linewidth=4.5)
        axes.plot(table["mean"], rows, "o", color=style.PAPER, markeredgecolor=style.INK, markersize=5, zorder=4)
        axes.set_yticks(rows, names)
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.grid(axis="x")
        axes.set_xlabel(f"{unit}: mean, 50 % and 90 % intervals")
    return figure


def plot_next_run(table: pd.DataFrame) -> Figure:
    """Draw what candidate runs would narrow the target's interval to, against what they cost.

    Parameters
    ----------
    table
        flops, seeds, cost, width_now, gaussian, regression, i_optimal and, where it was asked for, reweighting: ratios
        of the width after a run to that before.
    """
    estimates = {
        "gaussian": (style.FORECAST, "o", "normal"),
        "regression": (style.GREEN, "s", "regression"),
        "reweighting": (style.VERMILLION, "^", "reweighting"),
        "i_optimal": (style.GREY, "x", "I-optimal design, no forecast"),
    }
    known = {name: look for name, look in estimates.items() if name in table}
    with style.style():
        figure, (axes,) = style.panels(1, columns=1, height=3.0, share_y=False)
        for seeds, group in table.sort_values("cost").groupby("seeds"):
            for name, (color, marker, _) in known.items():
                filled = color if seeds == table["seeds"].min() else style.PAPER
                axes.plot(
                    group["cost"],
                    100 * group["width_now"] * group[name],
                    marker=marker,
                    markersize=4.5,
                    linewidth=0.9,
                    color=color,
                    markerfacecolor=filled,
                )
        now = 100 * float(table["width_now"].iloc[0])
        axes.axhline(now, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        style.compute_axis(axes, float(table["cost"].min()) / 1.5, float(table["cost"].max()) * 1.5)
        axes.set_ylim(0, 1.08 * now)
        axes.grid(axis="y")
        axes.set_xlabel("compute of the run, all its seeds (FLOPs); open marks: more seeds")
        axes.set_ylabel("90 % interval of the target (points)")
        handles = [
            Line2D([], [], color=color, marker=marker, markersize=4.5, linewidth=0.9, label=label)
            for color, marker, label in known.values()
        ]
        handles.append(Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="now"))
        style.legend(figure, handles, columns=3)
    return figure


def plot_benchmarks(table: pd.DataFrame, names: Sequence[str] | None = None) -> Figure:
    """Draw what benchmarks of a planned run tell about the target: alone, and together with those before.

    Parameters
    ----------
    table
        order, benchmark, alone, together: ratios of the width of the target's interval after to that before.
    names
        Benchmarks to draw; the twenty most telling where not given.
    """
    rows = table.sort_values("order")
    rows = rows.head(MOST_BARS) if names is None else rows[rows["benchmark"].isin(names)]
    with style.style():
        figure, (axes,) = style.panels(1, columns=1, height=0.6 + 0.22 * len(rows), share_y=False)
        y = np.arange(len(rows))[::-1]
        axes.barh(y, 100 * (1 - rows["alone"]), color=style.FORECAST, alpha=0.45, height=0.6)
        axes.plot(100 * (1 - rows["together"]), y, "o-", color=style.INK, markersize=3.5, linewidth=0.9)
        axes.set_yticks(y, [style.short(str(name)) for name in rows["benchmark"]])
        axes.set_xlabel("the target's 90 % interval narrows by (%)")
        axes.grid(axis="x")
        style.legend(
            figure,
            [
                Line2D([], [], color=style.FORECAST, alpha=0.45, linewidth=6, label="this benchmark alone"),
                Line2D([], [], color=style.INK, marker="o", markersize=3.5, linewidth=0.9, label="with all above it"),
            ],
        )
    return figure
