"""Forecasts by way of the loss: losses along compute, and scores along loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

COLUMNS = 3


def plot_losses(table: pd.DataFrame, *, series: Sequence[str] | None = None, ax: Axes | None = None) -> Figure:
    """Draw loss against compute, one panel a series.

    Parameters
    ----------
    table
        series, model, flops, is_target, loss, median, low90, high90.
    series
        Series to draw; all where not given.
    ax
        Axes to draw in, for one series; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(dict.fromkeys(table["series"])) if series is None else list(series)
    low, high = float(table["flops"].min()), float(table["flops"].max())
    with style.style():
        figure, panels = style.canvas(ax, len(names), columns=2, height=2.4, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            rows = table[table["series"] == name]
            rungs, targets = rows[~rows["is_target"]], rows[rows["is_target"]]
            axes.vlines(rungs["flops"], rungs["low90"], rungs["high90"], color=style.FORECAST, linewidth=1, alpha=0.6)
            axes.plot(rungs["flops"], rungs["median"], "_", color=style.FORECAST, markersize=7)
            said = [f"{model}: {loss:.3f}" for model, loss in zip(rungs["model"], rungs["loss"], strict=True)]
            style.points(
                axes, rungs["flops"], rungs["loss"], said, marker="o", color=style.INK, markersize=3.4, zorder=4
            )
            axes.vlines(targets["flops"], targets["low90"], targets["high90"], color=style.FORECAST, linewidth=2)
            said = [
                f"{row['model']}: {row['median']:.3f}; 90 %: {row['low90']:.3f} to {row['high90']:.3f}"
                for row in targets.to_dict("records")
            ]
            style.points(axes, targets["flops"], targets["median"], said, **_TARGET)
            axes.set_title(f"{name} loss", fontsize=8)
            style.compute_axis(axes, low / 2, high * 2)
            axes.grid(axis="y")
        style.labels(figure, ax, "training compute (FLOPs)", "loss")
        if ax is None:
            style.legend(figure, loss_handles())
    return figure


_TARGET: dict[str, Any] = {
    "marker": "o",
    "color": style.PAPER,
    "markeredgecolor": style.FORECAST,
    "markersize": 5,
    "linestyle": "none",
}


def loss_handles() -> list[Line2D]:
    """What the marks of `plot_losses` mean, as handles of a legend."""
    bar = {**_TARGET, "color": style.FORECAST, "markerfacecolor": style.PAPER, "linestyle": "-", "linewidth": 2}
    return [
        Line2D([], [], marker="o", linestyle="none", color=style.INK, markersize=4, label="rungs"),
        Line2D([], [], marker="_", color=style.FORECAST, linewidth=1, label="law at the rungs, 90 %"),
        Line2D([], [], label="target: median, 90 %", **bar),
    ]


def plot_score_map(
    curves: xr.Dataset,
    seen: pd.DataFrame,
    emergence: pd.DataFrame,
    benchmarks: Sequence[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Figure:
    """Draw score against loss, one panel a benchmark, with the point where it leaves its floor.

    Parameters
    ----------
    curves
        `score[sample, loss, benchmark]`.
    seen
        benchmark, loss, score, is_final.
    emergence
        benchmark, loss, low90, high90.
    benchmarks
        Benchmarks to draw; all where not given.
    ax
        Axes to draw in, for one benchmark; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [str(name) for name in (curves["benchmark"].values if benchmarks is None else benchmarks)]
    loss = curves["loss"].values
    points = emergence.set_index("benchmark")
    with style.style():
        figure, panels = style.canvas(ax, len(names), columns=COLUMNS, height=1.75, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            band = np.quantile(curves["score"].sel(benchmark=name).values, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
            style.fan(axes, loss, band)
            rows = seen[seen["benchmark"] == name]
            final = rows["is_final"].to_numpy(dtype=bool)
            axes.plot(rows["loss"][~final], rows["score"][~final], ".", color=style.RUNG, markersize=2.5, zorder=3)
            axes.plot(rows["loss"][final], rows["score"][final], "o", color=style.INK, markersize=3, zorder=4)
            inside = np.clip(
                points.loc[name, ["low90", "loss", "high90"]].to_numpy(dtype=float), loss.min(), loss.max()
            )
            if inside[0] < inside[2]:
                axes.axvspan(inside[0], inside[2], color=style.GREEN, alpha=style.BAND_90, linewidth=0)
            axes.axvline(inside[1], color=style.GREEN, linewidth=0.9, linestyle=(0, (3, 2)))
            axes.set_xlim(loss.max(), loss.min())
            axes.set_title(style.short(name, 34), fontsize=8)
            style.score_ticks(axes, "y")
        style.labels(figure, ax, "loss (falling to the right)", "score (points)")
        if ax is None:
            style.legend(figure, map_handles())
    return figure


def map_handles() -> list[Line2D]:
    """What the marks of `plot_score_map` mean, as handles of a legend."""
    return [
        Line2D([], [], marker="o", linestyle="none", color=style.INK, markersize=4, label="final rungs"),
        Line2D([], [], marker=".", linestyle="none", color=style.RUNG, markersize=4, label="along training"),
        Line2D([], [], color=style.FORECAST, linewidth=1.3, label="latent score: median, 50 %, 90 %"),
        Line2D([], [], color=style.GREEN, linewidth=0.9, linestyle=(0, (3, 2)), label="emergence, 90 %"),
    ]
