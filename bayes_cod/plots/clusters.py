"""Clusters of questions: their curves, and how sure it is that they follow the law."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style

COLUMNS = 3
CLASS_NAMES = {"law": "follows the law", "flat": "flat", "irregular": "irregular"}


def plot_clusters(
    clusters: pd.DataFrame,
    curves: xr.Dataset,
    observations: pd.DataFrame,
    *,
    benchmarks: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the pass rate of every cluster against compute, one panel a benchmark.

    Parameters
    ----------
    clusters
        benchmark, cluster, n_questions, kind (law, flat or irregular).
    curves
        `pass_rate[sample, flops, cluster]` with the coordinates `benchmark` and `cluster`; the band is the 90 %
        interval of the cluster's latent pass rate.
    observations
        benchmark, cluster, model, flops, pass_rate of the rungs.
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
    names = list(benchmarks) if benchmarks is not None else list(dict.fromkeys(clusters["benchmark"]))
    flops = curves["flops"].values
    with style.style():
        figure, panels = style.canvas(ax, len(names), columns=COLUMNS, height=1.85, share_y=False)
        for axes, name in zip(panels, names, strict=True):
            axes.set_ylim(-0.03, 1.03)
            axes.set_yticks(np.linspace(0, 1, 6))
            _panel(axes, name, clusters, curves, observations)
            axes.set_title(style.short(name, 34), fontsize=8)
            style.compute_axis(axes, float(flops[0]), float(flops[-1]))
            style.score_ticks(axes, "y")
        style.labels(figure, ax, "training compute (FLOPs)", "pass rate (points)")
        if ax is None:
            style.legend(figure, cluster_handles())
    return figure


def _panel(axes: Axes, name: str, clusters: pd.DataFrame, curves: xr.Dataset, observations: pd.DataFrame) -> None:
    x = curves["flops"].values
    own = clusters[clusters["benchmark"] == name].set_index("cluster")
    positions = np.flatnonzero(curves["benchmark"].values == name)
    seen = observations[observations["benchmark"] == name]
    ends = []
    for position in positions:
        label = curves["cluster"].values[position]
        kind, questions = str(own.loc[label, "kind"]), int(own.loc[label, "n_questions"])
        color = style.CLASSES[kind]
        draws = curves["pass_rate"].isel(cluster=position).transpose("sample", "flops").values
        low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
        axes.fill_between(x, low, high, color=color, alpha=style.BAND_90, linewidth=0)
        said = f"cluster {label}: {questions} questions, {CLASS_NAMES[kind]}"
        axes.plot(x, middle, color=color, linewidth=1.2, linestyle=style.CLASS_LINES[kind])
        points = seen[seen["cluster"] == label]
        lines = [f"{said}; {m}: {100 * rate:.1f}" for m, rate in zip(points["model"], points["pass_rate"], strict=True)]
        style.points(axes, points["flops"], points["pass_rate"], lines, marker="o", color=color, markersize=2.8)
        ends.append((f"{questions}", float(middle[-1])))
    style.name_fan(axes, float(x[-1]), ends)


def cluster_handles() -> list[Line2D]:
    """What the marks of `plot_clusters` mean, as handles of a legend."""
    return [
        Line2D(
            [],
            [],
            marker="o",
            markersize=3,
            color=style.CLASSES[kind],
            linestyle=style.CLASS_LINES[kind],
            linewidth=1.2,
            label=label,
        )
        for kind, label in CLASS_NAMES.items()
    ]


def plot_classes(clusters: pd.DataFrame, *, ax: Axes | None = None) -> Figure:
    """Draw the expected share of each benchmark's questions that follow the law, are flat, or irregular.

    Parameters
    ----------
    clusters
        benchmark, n_questions, p_law, p_flat, p_irregular.
    ax
        Axes to draw in; a new figure with a legend where not given.

    Returns
    -------
    matplotlib.figure.Figure
    """
    shares = class_shares(clusters).iloc[::-1]
    with style.style():
        figure, (axes,) = style.canvas(ax, 1, columns=1, height=0.24 * len(shares) + 0.4, share_y=False)
        left = np.zeros(len(shares))
        for kind, label in CLASS_NAMES.items():
            values = shares[kind].to_numpy()
            bars = axes.barh(range(len(shares)), values, left=left, height=0.62, color=style.CLASSES[kind], label=label)
            for bar, name, share in zip(bars, shares.index, values, strict=True):
                bar.set_label(f"{name}: {100 * share:.0f} % {label}")
            left = left + values
        axes.set_yticks(range(len(shares)), [style.short(str(name)) for name in shares.index])
        axes.set_ylim(-0.6, len(shares) - 0.4)
        axes.set_xlim(0, 1)
        axes.set_xlabel("expected share of questions (%)")
        axes.spines["left"].set_visible(False)
        style.score_ticks(axes, "x")
        if ax is None:
            style.legend(figure, class_handles())
    return figure


def class_handles() -> list[Line2D]:
    """What the colours of `plot_classes` mean, as handles of a legend."""
    return [
        Line2D([], [], color=style.CLASSES[kind], linewidth=6, solid_capstyle="butt", label=label)
        for kind, label in CLASS_NAMES.items()
    ]


def class_shares(clusters: pd.DataFrame) -> pd.DataFrame:
    """Expected share of questions in each class, one row a benchmark: law, flat, irregular (fractions).

    Parameters
    ----------
    clusters
        benchmark, n_questions, p_law, p_flat, p_irregular.
    """
    weights = clusters["n_questions"].astype(float)
    total = weights.groupby(clusters["benchmark"], sort=True).sum()
    return pd.DataFrame(
        {
            kind: (clusters[f"p_{kind}"] * weights).groupby(clusters["benchmark"], sort=True).sum() / total
            for kind in CLASS_NAMES
        }
    )
