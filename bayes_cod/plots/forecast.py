"""Intervals of every benchmark's score, with the truth where it is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import Forecast, Kind
from bayes_cod.plots import style
from bayes_cod.plots.known import Known

ROW = 0.27
BELOW = 0.3
"""The truth stands so far below its interval, in rows, so that neither hides the other."""


def plot_forecast(
    forecast: Forecast,
    known: Known | None = None,
    *,
    targets: Sequence[str] | None = None,
    kind: Kind = "observed",
    last_rung: str | None = None,
    order: Sequence[str] | None = None,
    thresholds: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw 50 % and 90 % intervals of every benchmark, one panel a target.

    Parameters
    ----------
    forecast
        What to draw.
    known
        Gives the truth, where it holds the targets' results, and the last rung's scores.
    targets
        Targets to draw; all where not given.
    kind
        Observed or latent score.
    last_rung
        Name of the largest model the forecast started from; its scores are marked.
    order
        Benchmarks from top to bottom; by the last target's median where not given.
    thresholds
        Scores asked for, fractions, by benchmark; marked where given.
    ax
        Axes to draw in, for one target; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    InputError
        For a target that is not in the forecast, or `ax` with several.
    """
    names = list(targets) if targets is not None else forecast.targets
    unknown = [name for name in names if name not in forecast.targets]
    if unknown or not names:
        raise InputError(f"targets {unknown} are not in this forecast; it has: {', '.join(forecast.targets)}")
    rows = list(order) if order is not None else _order(forecast, names[-1], kind)
    with style.style():
        height = ROW * len(rows) + 0.55
        figure, panels = style.canvas(ax, len(names), columns=3, height=height, share_y=True)
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, forecast, name, rows, kind, known, last_rung, thresholds or {})
        panels[0].set_yticks(range(len(rows)), [style.short(benchmark) for benchmark in rows])
        panels[0].set_ylim(len(rows) - 0.4, -0.6)
        style.labels(figure, ax, f"{kind} score (points)")
        if ax is None:
            handles = forecast_handles(forecast, known, targets=names, last_rung=last_rung, thresholds=thresholds)
            style.legend(figure, handles)
    return figure


def _order(forecast: Forecast, target: str, kind: Kind) -> list[str]:
    """Benchmarks by median, highest first."""
    medians = {name: float(np.median(forecast.samples(target, name, kind))) for name in forecast.benchmarks}
    return sorted(forecast.benchmarks, key=lambda name: -medians[name])


def _panel(
    axes: Axes,
    forecast: Forecast,
    target: str,
    rows: Sequence[str],
    kind: Kind,
    known: Known | None,
    last_rung: str | None,
    thresholds: Mapping[str, float],
) -> None:
    for row, name in enumerate(rows):
        median = float(np.median(forecast.samples(target, name, kind)))
        said = f"{name}, {target}: median {100 * median:.1f}"
        if forecast.is_distribution:
            wide, narrow = (forecast.interval(target, name, level, kind) for level in (0.9, 0.5))
            said += "".join(
                f"; {level} %: {100 * low:.1f} to {100 * high:.1f}" for level, (low, high) in ((50, narrow), (90, wide))
            )
            axes.plot(wide, [row, row], label=said, **_WIDE)
            axes.plot(narrow, [row, row], label=said, **_NARROW)
        axes.plot(median, row, zorder=4, label=said, **_MEDIAN)
        if known is not None and last_rung is not None:
            today = known.truth(last_rung, name)
            axes.plot(today, row, label=f"{name}, {last_rung}: {100 * today:.1f}", **_RUNG)
        if name in thresholds:
            asked = thresholds[name]
            axes.plot(asked, row, label=f"{name}: {100 * asked:g} asked for", **_ASKED)
        if known is not None:
            truth = known.truth(target, name)
            axes.plot(truth, row + BELOW, zorder=5, label=f"{name}, {target}: truth {100 * truth:.1f}", **_TRUTH)
    axes.set_title(style.short(target, 36))
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.spines["left"].set_visible(False)
    style.score_ticks(axes, "x")


_WIDE: dict[str, Any] = {
    "color": style.FORECAST,
    "linewidth": 1.4,
    "alpha": 0.8,
    "solid_capstyle": "round",
    "clip_on": False,
}
_NARROW: dict[str, Any] = {"color": style.FORECAST, "linewidth": 5, "solid_capstyle": "butt"}
_MEDIAN: dict[str, Any] = {
    "marker": "o",
    "color": style.PAPER,
    "markeredgecolor": style.FORECAST,
    "markersize": 4.6,
    "linestyle": "none",
    "clip_on": False,
}
_RUNG: dict[str, Any] = {
    "marker": "|",
    "color": style.RUNG,
    "markersize": 9,
    "markeredgewidth": 1.6,
    "linestyle": "none",
}
_ASKED: dict[str, Any] = {"marker": 7, "color": style.GREEN, "markersize": 5, "linestyle": "none", "clip_on": False}
_TRUTH: dict[str, Any] = {
    "marker": "D",
    "color": style.TRUTH,
    "markersize": 3.8,
    "linestyle": "none",
    "clip_on": False,
}


def forecast_handles(
    forecast: Forecast,
    known: Known | None = None,
    *,
    targets: Sequence[str] | None = None,
    last_rung: str | None = None,
    thresholds: Mapping[str, float] | None = None,
) -> list[Line2D]:
    """What the marks of `plot_forecast` mean, as handles of a legend; its arguments are that function's."""
    handles = [Line2D([], [], label="median", **_MEDIAN)]
    if forecast.is_distribution:
        handles += [
            Line2D([], [], label="50 % interval", **_NARROW),
            Line2D([], [], label="90 % interval", **_WIDE),
        ]
    if any_truth(forecast, known, targets):
        handles.append(Line2D([], [], label="truth", **_TRUTH))
    if last_rung is not None:
        handles.append(Line2D([], [], label="largest rung", **_RUNG))
    if thresholds:
        handles.append(Line2D([], [], label="asked for", **_ASKED))
    return handles


def any_truth(forecast: Forecast, known: Known | None, targets: Sequence[str] | None = None) -> bool:
    """Whether the score of any target (of those given, or all) is known."""
    if known is None:
        return False
    names = forecast.targets if targets is None else targets
    return any(np.isfinite(known.truth(target, name)) for target in names for name in forecast.benchmarks)
