"""The map from the predictable subset to the full benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

COLUMNS = 3


def plot_subset_map(
    subset_map: xr.Dataset, *, benchmarks: Sequence[str] | None = None, ax: Axes | None = None
) -> Figure:
    """Draw the score on all questions against that on the predictable subset, one panel a benchmark.

    Parameters
    ----------
    subset_map
        `full[sample, subset, benchmark]`, fractions: the latent score on all questions at each score on the subset.
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
    names = [str(name) for name in (subset_map["benchmark"].values if benchmarks is None else benchmarks)]
    x = subset_map["subset"].values
    with style.style():
        figure, panels = style.canvas(ax, len(names), columns=COLUMNS, height=1.85, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            draws = subset_map["full"].sel(benchmark=name).transpose("sample", "subset").values
            band = np.quantile(draws, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
            axes.plot([0, 1], [0, 1], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
            style.fan(axes, x, band)
            axes.set_xlim(-0.02, 1.02)
            axes.set_ylim(-0.02, 1.02)
            axes.set_xticks(np.linspace(0, 1, 6))
            axes.set_yticks(np.linspace(0, 1, 6))
            axes.set_title(style.short(name, 34), fontsize=8)
            style.score_ticks(axes, "x")
            style.score_ticks(axes, "y")
        style.labels(figure, ax, "score on the predictable subset (points)", "score on all questions (points)")
        if ax is None:
            style.legend(figure, subset_handles())
    return figure


def subset_handles() -> list[Line2D]:
    """What the marks of `plot_subset_map` mean, as handles of a legend."""
    return [
        Line2D([], [], color=style.FORECAST, linewidth=1.3, label="latent score: median, 50 %, 90 %"),
        Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="same score on both"),
    ]
