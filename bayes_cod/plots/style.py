"""The one place for colours, fonts and axes of all pictures.

Colours are those of Okabe and Ito's palette, lightened or darkened until they can be told apart by colour-blind
readers on white and on near-black paper alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import ArrayLike

from bayes_cod.errors import InputError

INK = "#1b1e23"
MUTED = "#5c636e"
RULE = "#d9dce1"
PAPER = "#ffffff"

BLUE = "#2478bd"
VERMILLION = "#d55e00"
GREY = "#868d98"
GREEN = "#009e73"

FORECAST, TRUTH, RUNG = BLUE, VERMILLION, GREY
CLASSES = {"law": BLUE, "flat": GREY, "irregular": VERMILLION}
CLASS_LINES: dict[str, Literal["-"] | tuple[float, Sequence[float]]] = {
    "law": "-",
    "flat": (0, (4, 2)),
    "irregular": (0, (1, 1.5)),
}

WIDTH = 7.6
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
BAND_50, BAND_90 = 0.30, 0.14
FAN_LABEL = 6.5
"""Size of a fan's labels, in points."""

_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelsize": 8,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.8,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "legend.labelcolor": MUTED,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "bayes-cod",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the house style inside a ``with`` block."""
    with matplotlib.rc_context(_SETTINGS):  # type: ignore[arg-type]  # matplotlib checks the keys
        yield


def panels(count: int, *, columns: int, height: float, share_y: bool) -> tuple[Figure, list[Axes]]:
    """Make a figure of equal panels in rows, unused ones removed.

    Parameters
    ----------
    count
        Number of panels.
    columns
        Panels in a full row.
    height
        Height of a row in inches.
    share_y
        Whether all panels have one vertical axis.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = WIDTH if columns > 1 else WIDTH * 0.72
    figure = Figure(figsize=(width, height * rows + 0.55), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=share_y, sharex=share_y)
    axes = list(grid.ravel())
    for spare in axes[count:]:
        spare.remove()
    return figure, axes[:count]


def canvas(ax: Axes | None, count: int, *, columns: int, height: float, share_y: bool) -> tuple[Figure, list[Axes]]:
    """The panels to draw in: those of a new figure, or the axes given.

    Parameters
    ----------
    ax
        Axes of the caller's own, for one panel.
    count, columns, height, share_y
        As `panels` takes them.

    Raises
    ------
    InputError
        If axes are given for several panels.
    """
    if ax is None:
        return panels(count, columns=columns, height=height, share_y=share_y)
    if count != 1:
        raise InputError(f"`ax` holds one panel and {count} were asked for; choose one, or leave `ax` out")
    return root(ax), [ax]


def root(ax: Axes) -> Figure:
    """The figure that axes are in, also if they are in a subfigure."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def single(width: float = 2.6, height: float = 1.9) -> tuple[Figure, Axes]:
    """A figure of one panel, as pages set several of beside one another; sizes in inches.

    Its margins are fixed, so that panels of one size line up.
    """
    with style():
        figure = Figure(figsize=(width, height))
        axes = figure.subplots()
        figure.subplots_adjust(left=0.46 / width, right=1 - 0.3 / width, bottom=0.42 / height, top=1 - 0.24 / height)
        return figure, axes


def fitted(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of one panel whose margins fit its labels, however long they are; sizes in inches."""
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def labels(figure: Figure, axes: Axes | None, x: str, y: str = "") -> None:
    """Name both axes: once for all panels of a figure, or on the caller's own axes."""
    if axes is not None:
        axes.set_xlabel(x)
        if y:
            axes.set_ylabel(y)
        return
    figure.supxlabel(x, fontsize=8, color=MUTED)
    if y:
        figure.supylabel(y, fontsize=8, color=MUTED)


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Positions moved apart until neighbours are at least `gap` from each other, their order and middle kept."""
    order = np.argsort(positions, kind="stable")
    placed = np.array(positions, dtype=float)[order]
    groups = [[value, 1, value] for value in placed]  # centre, members, sum of wanted positions
    merged: list[list[float]] = []
    for group in groups:
        merged.append(list(group))
        while len(merged) > 1 and merged[-1][0] - merged[-2][0] < gap * (merged[-1][1] + merged[-2][1]) / 2:
            _, count, total = merged.pop()
            merged[-1][1] += count
            merged[-1][2] += total
            merged[-1][0] = merged[-1][2] / merged[-1][1]
    found = [centre + gap * (index - (count - 1) / 2) for centre, count, _ in merged for index in range(int(count))]
    result = np.empty(len(found))
    result[order] = found
    return result.tolist()


def points(axes: Axes, x: ArrayLike, y: ArrayLike, said: Sequence[str], **marker: Any) -> None:
    """Draw points, each with what a page says where the mouse rests on it; points without a value are left out.

    Parameters
    ----------
    axes
        Where.
    x, y
        Positions ``(point,)``.
    said
        One line a point.
    marker
        As `matplotlib.axes.Axes.plot` takes them.
    """
    across, up = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    known = np.isfinite(across) & np.isfinite(up)
    if known.any():
        lines = [" ".join(line.split()) for line, has in zip(said, known, strict=True) if has]
        axes.plot(across[known], up[known], label=chr(10).join(lines), **{"linestyle": "none", **marker})


def fan(axes: Axes, x: ArrayLike, band: ArrayLike, color: str = FORECAST) -> None:
    """Draw a median with its 50 % and 90 % bands, and write the probabilities at their right end.

    Parameters
    ----------
    axes
        Where, its limits set.
    x
        Positions along the axis.
    band
        Quantiles 0.05, 0.25, 0.5, 0.75, 0.95: shape ``(quantile, x)``.
    color
        Of the fan.
    """
    at, levels = np.asarray(x, dtype=float), np.asarray(band, dtype=float)
    axes.fill_between(at, levels[0], levels[4], color=color, alpha=BAND_90, linewidth=0)
    axes.fill_between(at, levels[1], levels[3], color=color, alpha=BAND_50, linewidth=0)
    axes.plot(at, levels[2], color=color, linewidth=1.3)


def name_fan(axes: Axes, end: float, upper: Sequence[tuple[str, float]]) -> list[Text]:
    """Write what a fan's bands hold beside their upper edges at the right end, moved apart where they are close.

    Parameters
    ----------
    axes
        Where, its limits set.
    end
        Position of the right end.
    upper
        Labels and upper edges, such as ``[("50 %", 0.6), ("90 %", 0.7)]``.
    """
    low, high = axes.get_ylim()
    height = axes.get_window_extent().height / root(axes).dpi * 72  # points
    gap = FAN_LABEL * 1.15 * (high - low) / max(height, 20.0)
    places = np.array(spread([edge for _, edge in upper], gap))
    over, under = max(places.max() - high, 0.0), max(low - places.min(), 0.0)
    places = places - over if places.min() - over >= low else places + under
    return [
        axes.annotate(
            label,
            (end, place),
            xytext=(2, 0),
            textcoords="offset points",
            fontsize=FAN_LABEL,
            color=MUTED,
            va="center",
            annotation_clip=False,
        )
        for (label, _), place in zip(upper, places, strict=True)
    ]


def score_ticks(axes: Axes, which: str) -> None:
    """Label an axis of fractions in points."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    axes.grid(axis="x" if which == "x" else "y")


def compute_axis(axes: Axes, low: float, high: float) -> None:
    """Make the horizontal axis logarithmic in FLOPs, with whole decades labelled."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    decades = np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1)
    step = max(1, int(np.ceil(len(decades) / 5)))
    if len(decades) >= 2:
        axes.xaxis.set_major_locator(FixedLocator([float(10**exponent) for exponent in decades[::step]]))
    else:
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(_power))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _power(value: float, _: int) -> str:
    exponent = np.log10(value)
    whole = int(np.floor(exponent + 1e-9))
    factor = "" if np.isclose(exponent, whole) else f"{value / 10**whole:.0f}×"
    return f"{factor}10{str(whole).translate(_SUPERSCRIPT)}"


def short(name: str, longest: int = 30) -> str:
    """A name that fits a label; the middle is left out of a long one."""
    return name if len(name) <= longest else f"{name[: longest // 2]}…{name[-(longest // 2) :]}"


def legend(figure: Figure, handles: Sequence[Line2D], columns: int | None = None) -> None:
    """One legend above all panels."""
    figure.legend(
        handles=list(handles),
        loc="outside upper left",
        ncols=columns or len(handles),
        borderaxespad=0.2,
        handlelength=1.6,
    )
