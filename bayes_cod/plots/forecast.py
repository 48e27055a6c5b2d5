"""Intervals of every benchmark's score, with the truth where it is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import Forecast, Kind
from bayes_cod.plots import style
from bayes_cod.plots.known import Known

ROW = 0.27


def plot_forecast(
    forecast: Forecast,
    known: Known | None = None,
    *,
    targets: Sequence[str] | None = None,
    kind: Kind = "observed",
    last_rung: str | None = None,
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

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = list(targets) if targets is not None else forecast.targets
    unknown = [name for name in names if name not in forecast.targets]
    if unknown or not names:
        raise InputError(f"targets {unknown} are not in this forecast; it has: {', '.join(forecast.targets)}")
    order = _order(forecast, names[-1], kind)
    with style.style():
        figure, panels = style.panels(len(names), columns=3, height=ROW * len(order) + 0.55, share_y=True)
        for axes, name in zip(panels, names, strict=True):
            _panel(axes, forecast, name, order, kind, known, last_rung)
        panels[0].set_yticks(range(len(order)), [style.short(benchmark) for benchmark in order])
        panels[0].set_ylim(len(order) - 0.4, -0.6)
        figure.supxlabel(f"{kind} score (points)", fontsize=8, color=style.MUTED)
        style.legend(figure, _handles(forecast, with_truth=_any_truth(forecast, known, names), with_rung=last_rung))
    return figure


def _order(forecast: Forecast, target: str, kind: Kind) -> list[str]:
    """Benchmarks by median, highest first."""
    medians = {name: float(np.median(forecast.samples(target, name, kind))) for name in forecast.benchmarks}
    return sorted(forecast.benchmarks, key=lambda name: -medians[name])


def _panel(
    axes: Axes,
    forecast: Forecast,
    target: str,
    order: Sequence[str],
    kind: Kind,
    known: Known | None,
    last_rung: str | None,
) -> None:
    distribution = forecast.draws.sizes["sample"] > 1
    for row, benchmark in enumerate(order):
        if distribution:
            axes.plot(
                forecast.interval(target, benchmark, 0.9, kind),
                [row, row],
                color=style.FORECAST,
                linewidth=1.4,
                alpha=0.8,
                solid_capstyle="round",
            )
            axes.plot(
                forecast.interval(target, benchmark, 0.5, kind),
                [row, row],
                color=style.FORECAST,
                linewidth=5,
                solid_capstyle="butt",
            )
        median = float(np.median(forecast.samples(target, benchmark, kind)))
        axes.plot(median, row, "o", color=style.PAPER, markeredgecolor=style.FORECAST, markersize=4.6, zorder=4)
        if known is not None and last_rung is not None:
            axes.plot(known.truth(last_rung, benchmark), row, "|", color=style.RUNG, markersize=8, markeredgewidth=1.5)
        if known is not None:
            axes.plot(known.truth(target, benchmark), row, "D", color=style.TRUTH, markersize=4.6, zorder=5)
    axes.set_title(style.short(target, 36))
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.spines["left"].set_visible(False)
    style.score_ticks(axes, "x")


def _any_truth(forecast: Forecast, known: Known | None, targets: Sequence[str]) -> bool:
    if known is None:
        return False
    return any(np.isfinite(known.truth(target, name)) for target in targets for name in forecast.benchmarks)


def _handles(forecast: Forecast, *, with_truth: bool, with_rung: str | None) -> list[Line2D]:
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            color=style.PAPER,
            markeredgecolor=style.FORECAST,
            markersize=5,
            label="median",
            linestyle="none",
        )
    ]
    if forecast.draws.sizes["sample"] > 1:
        handles += [
            Line2D([], [], color=style.FORECAST, linewidth=5, solid_capstyle="butt", label="50 % interval"),
            Line2D([], [], color=style.FORECAST, linewidth=1.4, alpha=0.8, label="90 % interval"),
        ]
    if with_truth:
        handles.append(Line2D([], [], marker="D", color=style.TRUTH, markersize=4.6, label="truth", linestyle="none"))
    if with_rung is not None:
        handles.append(
            Line2D(
                [],
                [],
                marker="|",
                color=style.RUNG,
                markersize=9,
                markeredgewidth=1.5,
                label="largest rung",
                linestyle="none",
            )
        )
    return handles
