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
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

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
