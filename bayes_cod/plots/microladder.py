"""The micro ladder as it was measured: scores along compute, losses along training, spread between seeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.plots import style

type Line = Literal["-"] | tuple[float, Sequence[float]]

COLUMNS = 5
MARGIN = 1.4
SEED_COLOURS = (style.BLUE, style.GREEN, style.GREY, style.INK)
SEED_MARKERS = ("o", "s", "^", "v")
WIDTH_COLOURS = LinearSegmentedColormap.from_list("widths", [style.RULE, style.BLUE, style.INK])
BELOW_ZERO = -0.03  # room for the marker of a spread of nearly nothing
LIGHTEST, DARKEST = 0.25, 0.95
LOSS_TICKS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0)
TARGET_LINES: tuple[Line, ...] = ("-", (0, (3, 1.2)), (0, (1, 1.2)))
SPREADS = (("loss", "by held-out loss"), ("score", "by benchmark scores"))


def plot_scores(ladder: Ladder) -> Figure:
    """Draw final score against compute, one panel a benchmark, every seed by itself.

    Parameters
    ----------
    ladder
        `microladder("main")`: final scores of rungs and targets of every seed.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ladder.scores is None or ladder.benchmarks is None:
        raise InputError("the ladder has no scores to draw")
    models = ladder.models[["model", "seed", "split", "flops"]]
    final = ladder.scores[ladder.scores["is_final"]][["model", "benchmark", "score"]].merge(models, on="model")
    seeds = _seeds(models)
    names = ladder.benchmarks.sort_values(["domain", "benchmark"], kind="stable")
    with style.style():
        figure, panels = style.panels(len(names), columns=COLUMNS, height=1.4, share_y=True)
        for axes, row in zip(panels, names.to_dict("records"), strict=True):
            own = final[final["benchmark"] == row["benchmark"]].sort_values("flops")
            if row["chance"] > 0:
                axes.axhline(row["chance"], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
            for number, seed in enumerate(seeds):
                _seed(axes, own[own["seed"] == seed], number)
            axes.set_title(f"{row['benchmark']} ({row['domain']})", fontsize=7)
            style.compute_axis(axes, models["flops"].min() / MARGIN, models["flops"].max() * MARGIN)
            axes.set_ylim(-0.04, 1.04)
            style.score_ticks(axes, "y")
        figure.supxlabel("training compute (FLOPs)", fontsize=8, color=style.MUTED)
        figure.supylabel("score (points)", fontsize=8, color=style.MUTED)
        style.legend(figure, [*(_seed_handle(number, seed) for number, seed in enumerate(seeds)), *_MARKS])
    return figure


def plot_losses(ladder: Ladder) -> Figure:
    """Draw held-out loss along training, one panel a domain, one line a run.

    Parameters
    ----------
    ladder
        `microladder("checkpoints")`: losses of the main runs at all checkpoints.

    Returns
    -------
    matplotlib.figure.Figure
    """
    if ladder.losses is None:
        raise InputError("the ladder has no losses to draw")
    models = ladder.models[["model", "width", "split"]]
    losses = ladder.losses[["model", "domain", "flops", "loss"]].merge(models, on="model").sort_values("flops")
    domains = [str(name) for name in losses["domain"].unique()]
    looks = _looks(models)
    with style.style():
        figure, panels = style.panels(len(domains), columns=len(domains), height=2.7, share_y=True)
        for axes, domain in zip(panels, sorted(domains), strict=True):
            for _, run in losses[losses["domain"] == domain].groupby("model"):
                colour, line = looks[int(run["width"].iloc[0])]
                axes.plot(run["flops"], run["loss"], color=colour, linestyle=line, linewidth=0.9)
                axes.plot(run["flops"].iloc[-1], run["loss"].iloc[-1], "o", color=colour, markersize=2.6)
            axes.set_title(domain)
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(FixedLocator(LOSS_TICKS))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
            style.compute_axis(axes, losses["flops"].min() / MARGIN, losses["flops"].max() * MARGIN)
            axes.grid(axis="y")
        panels[0].set_ylabel("held-out loss (nats a character)")
        figure.supxlabel("compute spent so far (FLOPs)", fontsize=8, color=style.MUTED)
        targets = set(models.loc[models["split"] == "target", "width"])
        handles = [
            Line2D([], [], color=colour, linestyle=line, linewidth=1.6, label=_label(width, width in targets))
            for width, (colour, line) in looks.items()
        ]
        style.legend(figure, handles, columns=-(-len(handles) // 2))
    return figure


def plot_spread(spread: pd.DataFrame, targets: Collection[int] = ()) -> Figure:
    """Draw the spread between seeds of each rung in decades of effective compute.

    Parameters
    ----------
    spread
        From `bayes_cod.datasets.microladder.spread.shipped_spread`; rungs with one seed have none and are left out.
    targets
        Widths that are targets and not rungs.

    Returns
    -------
    matplotlib.figure.Figure
    """
    several = spread[spread["seeds"] > 1].sort_values("flops")
    if several.empty:
        raise InputError("no rung has several seeds, so there is no spread to draw")
    is_target = several["width"].isin(list(targets))
    with style.style():
        figure, panels = style.panels(len(SPREADS), columns=len(SPREADS), height=2.3, share_y=True)
        for axes, (measure, title) in zip(panels, SPREADS, strict=True):
            deviation, span = several[f"{measure}_sd"], several[f"{measure}_range"]
            axes.vlines(several["flops"], 0, span, color=style.RULE, linewidth=1.2)
            for chosen, colour, marker in ((~is_target, style.BLUE, "o"), (is_target, style.TRUTH, "D")):
                x = several["flops"][chosen]
                axes.plot(x, span[chosen], marker, color=style.PAPER, markeredgecolor=colour, markersize=6)
                axes.plot(x, deviation[chosen], marker, color=colour, markersize=4)
            axes.set_title(title)
            style.compute_axis(axes, several["flops"].min() / MARGIN, several["flops"].max() * MARGIN)
            axes.set_ylim(bottom=BELOW_ZERO)
            axes.grid(axis="y")
        panels[0].set_ylabel("spread between seeds (decades)")
        figure.supxlabel("training compute (FLOPs)", fontsize=8, color=style.MUTED)
        style.legend(figure, _spread_handles(several, with_targets=bool(is_target.any())))
    return figure


def _seeds(models: pd.DataFrame) -> list[int]:
    seeds = sorted(int(seed) for seed in models["seed"].unique())
    if len(seeds) > len(SEED_COLOURS):
        raise InputError(f"at most {len(SEED_COLOURS)} seeds can be told apart in a figure; there are {len(seeds)}")
    return seeds


def _seed(axes: Axes, own: pd.DataFrame, number: int) -> None:
    """One seed's line, its rungs as the seed's markers and its targets as filled diamonds."""
    colour = SEED_COLOURS[number]
    rungs, targets = own[own["split"] != "target"], own[own["split"] == "target"]
    axes.plot(own["flops"], own["score"], color=colour, linewidth=0.8, alpha=0.7)
    axes.plot(rungs["flops"], rungs["score"], SEED_MARKERS[number], color=colour, markersize=2.8)
    axes.plot(
        targets["flops"], targets["score"], "D", color=style.TRUTH, markeredgecolor=colour, markersize=3.8, zorder=4
    )


def _seed_handle(number: int, seed: int) -> Line2D:
    return Line2D(
        [],
        [],
        color=SEED_COLOURS[number],
        marker=SEED_MARKERS[number],
        linewidth=0.8,
        markersize=3.5,
        label=f"seed {seed}",
    )


def _label(width: int, is_target: bool) -> str:
    return f"width {width}, target" if is_target else f"width {width}"


_MARKS = (
    Line2D([], [], marker="D", linestyle="none", color=style.TRUTH, markersize=4, label="targets"),
    Line2D([], [], color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)), label="chance"),
)


def _looks(models: pd.DataFrame) -> dict[int, tuple[str, Line]]:
    """Colour and line of each width: rungs from light to dark, targets in their own colour."""
    widths = models.drop_duplicates("width").sort_values("width")
    rungs = [int(width) for width in widths.loc[widths["split"] != "target", "width"]]
    targets = [int(width) for width in widths.loc[widths["split"] == "target", "width"]]
    step = (DARKEST - LIGHTEST) / max(1, len(rungs) - 1)
    looks: dict[int, tuple[str, Line]] = {
        width: (to_hex(WIDTH_COLOURS(LIGHTEST + step * number)), "-") for number, width in enumerate(rungs)
    }
    for number, width in enumerate(targets):
        looks[width] = (style.TRUTH, TARGET_LINES[number % len(TARGET_LINES)])
    return looks


def _spread_handles(several: pd.DataFrame, *, with_targets: bool) -> list[Line2D]:
    kinds = [("rung", style.BLUE, "o")] + ([("target", style.TRUTH, "D")] if with_targets else [])
    return [
        Line2D(
            [],
            [],
            marker=marker,
            linestyle="none",
            color=colour if filled else style.PAPER,
            markeredgecolor=colour,
            markersize=4 if filled else 6,
            label=f"{kind}: {what}",
        )
        for kind, colour, marker in kinds
        for filled, what in ((True, "standard deviation"), (False, "range"))
    ]
