"""Every benchmark's score along compute: rungs, the fitted curve and the targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.plots import style
from bayes_cod.plots.known import Known

COLUMNS = 3
MARGIN = 0.12
HEADROOM = 0.06


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
        score. Left out for methods without curves.
    benchmarks
        Benchmarks to draw; all where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(benchmarks) if benchmarks is not None else forecast.benchmarks
    grid = flops_grid(rungs, forecast)
    with style.style():
        figure, panels = style.panels(len(names), columns=COLUMNS, height=1.75, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            latent = None if curves is None else curves["latent"].sel(benchmark=name)
            _panel(axes, forecast, known, rungs, name, latent)
            axes.set_title(style.short(name, 34), fontsize=8)
            style.compute_axis(axes, float(grid[0]), float(grid[-1]))
            style.score_ticks(axes, "y")
        figure.supxlabel("training compute (FLOPs)", fontsize=8, color=style.MUTED)
        figure.supylabel("score (points)", fontsize=8, color=style.MUTED)
        style.legend(figure, _handles(with_curve=curves is not None, with_truth=_has_truth(forecast, known)))
    return figure


def _panel(
    axes: Axes, forecast: Forecast, known: Known, rungs: pd.DataFrame, name: str, latent: xr.DataArray | None
) -> None:
    chance = known.chance(name)
    if np.isfinite(chance):
        axes.axhline(chance, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    seen = [chance]
    if latent is not None:
        band = latent.quantile([0.05, 0.25, 0.5, 0.75, 0.95], dim="sample").transpose("quantile", "flops").values
        x = latent["flops"].values
        axes.fill_between(x, band[0], band[4], color=style.FORECAST, alpha=style.BAND_90, linewidth=0)
        axes.fill_between(x, band[1], band[3], color=style.FORECAST, alpha=style.BAND_50, linewidth=0)
        axes.plot(x, band[2], color=style.FORECAST, linewidth=1.3)
        seen += [float(band[0].min()), float(band[4].max())]
    scores = [known.truth(str(model), name) for model in rungs["model"]]
    axes.plot(rungs["flops"], scores, "o", color=style.INK, markersize=3.6, zorder=4)
    seen += scores
    for target, flops in zip(forecast.targets, forecast.draws["flops"].values, strict=True):
        if forecast.draws.sizes["sample"] > 1:
            wide, narrow = forecast.interval(target, name, 0.9), forecast.interval(target, name, 0.5)
            axes.plot([flops, flops], wide, color=style.FORECAST, linewidth=1.2, solid_capstyle="round")
            axes.plot([flops, flops], narrow, color=style.FORECAST, linewidth=4, solid_capstyle="butt")
            seen += [*wide]
        median = float(np.median(forecast.samples(target, name)))
        truth = known.truth(target, name)
        axes.plot(flops, median, "o", color=style.PAPER, markeredgecolor=style.FORECAST, markersize=4, zorder=4)
        axes.plot(flops, truth, "D", color=style.TRUTH, markersize=4, zorder=5)
        seen += [median, truth]
    low, high = np.nanmin(seen), np.nanmax(seen)
    axes.set_ylim(max(low - HEADROOM, -0.02), min(high + HEADROOM, 1.02))


def _has_truth(forecast: Forecast, known: Known) -> bool:
    return any(np.isfinite(known.truth(target, name)) for target in forecast.targets for name in forecast.benchmarks)


def _handles(*, with_curve: bool, with_truth: bool) -> list[Line2D]:
    handles = [Line2D([], [], marker="o", linestyle="none", color=style.INK, markersize=4, label="rungs")]
    if with_curve:
        handles.append(Line2D([], [], color=style.FORECAST, linewidth=1.3, label="latent score: median, 50 %, 90 %"))
    handles.append(
        Line2D(
            [],
            [],
            marker="o",
            color=style.FORECAST,
            markerfacecolor=style.PAPER,
            markersize=4,
            linewidth=2.4,
            label="target, observed: 50 %, 90 %",
        )
    )
    if with_truth:
        handles.append(Line2D([], [], marker="D", linestyle="none", color=style.TRUTH, markersize=4, label="truth"))
    handles.append(Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="chance"))
    return handles
