"""Every benchmark's score along compute: rungs, the fitted curve and the targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.plots import style
from bayes_cod.plots.forecast import any_truth
from bayes_cod.plots.known import Known

COLUMNS = 3
MARGIN = 0.12
HEADROOM = 0.06
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
BESIDE = 4.5
"""The truth stands so many points beside its target's interval, so that neither hides the other."""


def flops_grid(rungs: pd.DataFrame, forecast: Forecast, size: int = 60) -> NDArray[np.float64]:
    """Compute from a little below the smallest rung to a little above the largest target, shape ``(flops,)``.

    Parameters
    ----------
    rungs
        Models that the forecast started from, with `flops`.
    forecast
        Gives the targets' compute.
    size
        Number of points, evenly spaced in decades.
    """
    low, high = np.log10(rungs["flops"].min()), np.log10(float(forecast.draws["flops"].max()))
    margin = MARGIN * (high - low)
    return np.logspace(low - margin, high + margin, size)


def plot_curves(
    forecast: Forecast,
    known: Known,
    rungs: pd.DataFrame,
    *,
    curves: xr.Dataset | None = None,
    benchmarks: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw score against compute, one panel a benchmark.

    Parameters
    ----------
    forecast
        Intervals of the targets (50 % thick, 90 % thin).
    known
        Scores of the rungs, and of the targets where they are known.
    rungs
        Models that the forecast started from: model, flops.
    curves
        `latent[sample, flops, benchmark]` of a fitted forecaster: median and 50 % and 90 % bands of the latent
        score; with `observed` also the 90 % bounds of the observed score beyond the last rung. Left out for methods
        without curves.
    benchmarks
        Benchmarks to draw; all where not given.
    ax
        Axes to draw in, for one benchmark; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        For `ax` with several benchmarks.
    """
    names = list(benchmarks) if benchmarks is not None else forecast.benchmarks
    grid = flops_grid(rungs, forecast)
    with style.style():
        figure, panels = style.canvas(ax, len(names), columns=COLUMNS, height=1.75, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, forecast, known, rungs, name, curves, float(grid[-1]))
            axes.set_title(style.short(name, 34), fontsize=8)
            style.compute_axis(axes, float(grid[0]), float(grid[-1]))
            style.score_ticks(axes, "y")
        style.labels(figure, ax, "training compute (FLOPs)", "score (points)")
        if ax is None:
            style.legend(figure, curve_handles(forecast, known, curves))
    return figure


def _panel(
    axes: Axes,
    forecast: Forecast,
    known: Known,
    rungs: pd.DataFrame,
    name: str,
    curves: xr.Dataset | None,
    end: float,
) -> None:
    chance = known.chance(name)
    if np.isfinite(chance):
        axes.axhline(chance, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    seen = [chance]
    edges: list[tuple[str, float]] = []
    if curves is not None:
        shown = curves.sel(flops=curves["flops"] <= end)
        band = _quantiles(shown["latent"].sel(benchmark=name))
        x = shown["flops"].values
        style.fan(axes, x, band)
        edges = [("50 %", float(band[3, -1])), ("90 %", float(band[4, -1]))]
        seen += [float(band[0].min()), float(band[4].max())]
        if "observed" in shown:
            seen += _observed(axes, shown["observed"].sel(benchmark=name), float(rungs["flops"].max()))
    scores = [known.truth(str(model), name) for model in rungs["model"]]
    said = [f"{model}: {100 * score:.1f}" for model, score in zip(rungs["model"], scores, strict=True)]
    style.points(axes, rungs["flops"], scores, said, marker="o", color=style.INK, markersize=3.6, zorder=4)
    seen += scores
    for target, flops in zip(forecast.targets, forecast.draws["flops"].values, strict=True):
        seen += _target(axes, forecast, known, target, float(flops), name)
    low, high = np.nanmin(seen), np.nanmax(seen)
    axes.set_ylim(max(low - HEADROOM, -0.02), min(high + HEADROOM, 1.02))
    if edges:
        style.name_fan(axes, float(x[-1]), edges)


def _quantiles(draws: xr.DataArray) -> NDArray[np.float64]:
    return np.asarray(draws.quantile(LEVELS, dim="sample").transpose("quantile", "flops").values)


def _observed(axes: Axes, draws: xr.DataArray, last: float) -> list[float]:
    ahead = draws.sel(flops=draws["flops"] >= last)
    band = _quantiles(ahead)
    for edge in (band[0], band[4]):
        axes.plot(ahead["flops"].values, edge, color=style.FORECAST, linewidth=0.8, linestyle=(0, (3, 2)))
    return [float(band[0].min()), float(band[4].max())]


def _target(axes: Axes, forecast: Forecast, known: Known, target: str, flops: float, name: str) -> list[float]:
    """One target's interval and truth; the values it takes up."""
    median = float(np.median(forecast.samples(target, name)))
    said, seen = f"{target}: median {100 * median:.1f}", [median]
    if forecast.is_distribution:
        wide, narrow = forecast.interval(target, name, 0.9), forecast.interval(target, name, 0.5)
        said += f"; 90 %: {100 * wide[0]:.1f} to {100 * wide[1]:.1f}"
        axes.plot([flops, flops], wide, color=style.FORECAST, linewidth=1.2, solid_capstyle="round", label=said)
        axes.plot([flops, flops], narrow, color=style.FORECAST, linewidth=4, solid_capstyle="butt", label=said)
        seen += [*wide]
    axes.plot(
        flops,
        median,
        "o",
        color=style.PAPER,
        markeredgecolor=style.FORECAST,
        markersize=4,
        zorder=4,
        label=said,
    )
    truth = known.truth(target, name)
    beside = axes.transData + ScaledTranslation(BESIDE / 72, 0, style.root(axes).dpi_scale_trans)
    label = f"{target}: truth {100 * truth:.1f}"
    axes.plot(flops, truth, "D", color=style.TRUTH, markersize=3.6, zorder=5, transform=beside, label=label)
    return [*seen, truth]


def curve_handles(forecast: Forecast, known: Known, curves: xr.Dataset | None = None) -> list[Line2D]:
    """What the marks of `plot_curves` mean, as handles of a legend; its arguments are that function's."""
    handles = [Line2D([], [], marker="o", linestyle="none", color=style.INK, markersize=4, label="rungs")]
    if curves is not None:
        handles.append(Line2D([], [], color=style.FORECAST, linewidth=1.3, label="latent score: median, 50 %, 90 %"))
        if "observed" in curves:
            dashes = (0, (3, 2))
            handles.append(
                Line2D([], [], color=style.FORECAST, linewidth=0.8, linestyle=dashes, label="observed score: 90 %")
            )
    bar = "target, observed: 50 %, 90 %" if forecast.is_distribution else "target"
    handles.append(
        Line2D(
            [],
            [],
            marker="o",
            color=style.FORECAST,
            markerfacecolor=style.PAPER,
            markersize=4,
            linewidth=2.4,
            linestyle="-" if forecast.is_distribution else "none",
            label=bar,
        )
    )
    if any_truth(forecast, known):
        handles.append(Line2D([], [], marker="D", linestyle="none", color=style.TRUTH, markersize=4, label="truth"))
    handles.append(Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="chance"))
    return handles
