"""What the priors expect of a benchmark before any result is seen."""

from __future__ import annotations

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

LINES = 40
LINE_ALPHA = 0.35


def plot_prior_curves(curves: xr.DataArray, *, lines: int = LINES, ax: Axes | None = None) -> Figure:
    """Draw curves of pass rate against compute from the priors: all of them as bands, some as lines.

    Parameters
    ----------
    curves
        From `bayes_cod.models.cod.prior_predictive.prior_curves`: ``(sample, decades)``, fractions.
    lines
        Number of curves drawn one by one.
    ax
        Axes to draw in; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    band = curves.quantile([0.05, 0.25, 0.5, 0.75, 0.95], dim="sample").transpose("quantile", "decades").values
    x = curves["decades"].values
    with style.style():
        figure, (axes,) = style.canvas(ax, 1, columns=1, height=2.6, share_y=False)
        axes.fill_between(x, band[0], band[4], color=style.FORECAST, alpha=style.BAND_90, linewidth=0)
        axes.fill_between(x, band[1], band[3], color=style.FORECAST, alpha=style.BAND_50, linewidth=0)
        for curve in curves.transpose("sample", "decades").values[:lines]:
            axes.plot(x, curve, color=style.MUTED, linewidth=0.6, alpha=LINE_ALPHA)
        axes.plot(x, band[2], color=style.FORECAST, linewidth=1.6)
        axes.axvline(0, color=style.INK, linewidth=0.8, linestyle=(0, (2, 2)))
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("compute (decades from the last rung)")
        axes.set_ylabel("score (points)")
        style.score_ticks(axes, "y")
        style.name_fan(axes, float(x[-1]), [("50 %", float(band[3, -1])), ("90 %", float(band[4, -1]))])
        if ax is None:
            handles = [
                Line2D([], [], color=style.FORECAST, linewidth=1.6, label="prior: median, 50 %, 90 %"),
                Line2D([], [], color=style.MUTED, linewidth=0.8, label="single curves"),
                Line2D([], [], color=style.INK, linewidth=0.8, linestyle=(0, (2, 2)), label="last rung"),
            ]
            style.legend(figure, handles)
    return figure
