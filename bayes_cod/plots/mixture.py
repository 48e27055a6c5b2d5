"""What each mixture is worth: a curve with a band for two training domains, a ternary plot for three, pairs beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.plots import style

type FloatArray = NDArray[np.float64]

MOST_PAIRED = 5
MAP = "cividis"
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])


def plot_mixtures(
    shares: FloatArray,
    mean: FloatArray,
    low: FloatArray,
    high: FloatArray,
    *,
    sources: Sequence[str],
    extrapolates: NDArray[np.bool_],
    tried: FloatArray,
    best: FloatArray,
    current: FloatArray | None,
    label: str,
    scale: float = 1.0,
) -> Figure:
    """Draw what mixtures are worth.

    Parameters
    ----------
    shares
        Candidates ``(candidate, source)``.
    mean, low, high
        Expected value and the ends of its 90 % interval ``(candidate,)``.
    sources
        Training domains.
    extrapolates
        Candidates outside the blends of tried mixtures ``(candidate,)``; drawn faint.
    tried
        Mixtures of the runs ``(run, source)``.
    best, current
        The mixture with the best expected value and the one in use ``(source,)``.
    label
        Name and unit of the value.
    scale
        What values are multiplied by.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if shares.ndim != 2 or shares.shape[1] != len(sources) or shares.shape[1] < 2:
        raise InputError(
            f"shares have the shape {shares.shape}; expected (candidate, {len(sources)}), two sources or more"
        )
    values, low, high = scale * mean, scale * low, scale * high
    marks = [(best, "*", style.VERMILLION, 13, "best expected")]
    if current is not None:
        marks.append((current, "D", style.INK, 6, "current"))
    with style.style():
        if len(sources) == 2:
            figure = _curve(shares, values, low, high, extrapolates, tried, marks, sources, label)
        elif len(sources) == 3:
            figure = _ternary(shares, values, extrapolates, tried, marks, sources, label)
        else:
            figure = _pairs(shares, values, extrapolates, marks, sources, label)
        handles = [
            Line2D([], [], marker=marker, color=color, markersize=min(size, 9), linestyle="none", label=name)
            for _, marker, color, size, name in marks
        ]
        if len(sources) <= 3:
            handles.append(_handle("o", "none", style.MUTED, "tried"))
        if extrapolates.any():
            handles.append(_handle("s", style.RULE, style.RULE, "faint: extrapolation"))
        style.legend(figure, handles)
    return figure


type _Mark = tuple[FloatArray, str, str, int, str]


def _handle(marker: str, face: str, edge: str, name: str) -> Line2D:
    return Line2D([], [], marker=marker, markerfacecolor=face, markeredgecolor=edge, linestyle="none", label=name)


def _curve(
    shares: FloatArray,
    values: FloatArray,
    low: FloatArray,
    high: FloatArray,
    extrapolates: NDArray[np.bool_],
    tried: FloatArray,
    marks: Sequence[_Mark],
    sources: Sequence[str],
    label: str,
) -> Figure:
    figure, (axes,) = style.panels(1, columns=1, height=3.2, share_y=False)
    order = np.argsort(shares[:, 0])
    x = shares[order, 0]
    axes.fill_between(x, low[order], high[order], color=style.FORECAST, alpha=style.BAND_90, linewidth=0)
    axes.plot(x, values[order], color=style.FORECAST, linewidth=1.2, alpha=0.45)
    axes.plot(x, np.where(extrapolates[order], np.nan, values[order]), color=style.FORECAST, linewidth=1.8)
    bottom = float(low.min())
    axes.plot(tried[:, 0], np.full(len(tried), bottom), "o", color="none", markeredgecolor=style.MUTED, markersize=4)
    for mixture, marker, color, size, _ in marks:
        height = float(np.interp(mixture[0], x, values[order]))
        axes.plot(mixture[0], height, marker, color=color, markersize=size, zorder=5)
    axes.set_xlabel(f"share of {style.short(sources[0])} (the rest is {style.short(sources[1])}); band: 90 % interval")
    axes.set_ylabel(label)
    return figure


def _flat(shares: FloatArray) -> FloatArray:
    return np.asarray(shares @ CORNERS)


def _ternary(
    shares: FloatArray,
    values: FloatArray,
    extrapolates: NDArray[np.bool_],
    tried: FloatArray,
    marks: Sequence[_Mark],
    sources: Sequence[str],
    label: str,
) -> Figure:
    figure, (axes,) = style.panels(1, columns=1, height=4.4, share_y=False)
    places = _flat(shares)
    scale = Normalize(float(values.min()), float(values.max()))
    if len(places) >= 3 and np.linalg.matrix_rank(places - places.mean(axis=0), tol=1e-6) == 2:
        mesh = Triangulation(places[:, 0], places[:, 1])
        axes.tripcolor(mesh, values, cmap=MAP, norm=scale, shading="gouraud", rasterized=True)
    else:
        axes.scatter(places[:, 0], places[:, 1], c=values, cmap=MAP, norm=scale, s=30)
    faint = places[extrapolates]
    axes.scatter(faint[:, 0], faint[:, 1], color=style.PAPER, alpha=0.55, s=16, linewidths=0)
    axes.plot(*np.vstack([CORNERS, CORNERS[:1]]).T, color=style.RULE, linewidth=1.0)
    axes.plot(*_flat(tried).T, "o", color="none", markeredgecolor=style.MUTED, markersize=4)
    for mixture, marker, color, size, _ in marks:
        axes.plot(*_flat(mixture[None]).T, marker, color=color, markersize=size, markeredgecolor=style.PAPER, zorder=5)
    for corner, source, where in zip(CORNERS, sources, ("right", "left", "center"), strict=True):
        shift = {"right": (-0.02, -0.02), "left": (0.02, -0.02), "center": (0.0, 0.03)}[where]
        axes.text(corner[0] + shift[0], corner[1] + shift[1], style.short(source), ha=where, color=style.MUTED)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_xlim(-0.25, 1.25)
    axes.set_ylim(-0.06, 0.95)
    figure.colorbar(ScalarMappable(scale, MAP), ax=axes, label=label, shrink=0.7)
    return figure


def _pairs(
    shares: FloatArray,
    values: FloatArray,
    extrapolates: NDArray[np.bool_],
    marks: Sequence[_Mark],
    sources: Sequence[str],
    label: str,
) -> Figure:
    """Pairs of the training domains whose share matters most to the value."""
    spread = shares.std(axis=0)
    centred = shares - shares.mean(axis=0)
    slope = np.where(spread > 0, np.abs(centred.T @ (values - values.mean())) / np.maximum(spread, 1e-12), 0.0)
    chosen = [int(index) for index in np.argsort(-slope)[:MOST_PAIRED]]
    size = len(chosen) - 1
    figure = Figure(figsize=(style.WIDTH, style.WIDTH * 0.95), layout="constrained")
    grid = figure.subplots(size, size, squeeze=False)
    scale = Normalize(float(values.min()), float(values.max()))
    order = np.argsort(values)
    drawn: list[Axes] = []
    for row in range(size):
        for column in range(size):
            axes: Axes = grid[row, column]
            if column > row:
                axes.remove()
                continue
            drawn.append(axes)
            x, y = chosen[column], chosen[row + 1]
            for part, alpha in ((order[extrapolates[order]], 0.25), (order[~extrapolates[order]], 0.9)):
                places = shares[part]
                axes.scatter(
                    places[:, x], places[:, y], c=values[part], cmap=MAP, norm=scale, s=7, alpha=alpha, linewidths=0
                )
            for mixture, marker, color, size_of, _ in marks:
                axes.plot(mixture[x], mixture[y], marker, color=color, markersize=size_of * 0.8, zorder=5)
            if row == size - 1:
                axes.set_xlabel(style.short(sources[x], 16))
            if column == 0:
                axes.set_ylabel(style.short(sources[y], 16))
    figure.colorbar(ScalarMappable(scale, MAP), ax=drawn, label=label, shrink=0.6)
    return figure
