"""Figures are returned, name their units, and show what they are given."""

from __future__ import annotations

import inspect
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from helpers import FakeBayes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bayes_cod import InputError, plots
from bayes_cod import read as read_ladder
from bayes_cod.ladder.request import make_request
from bayes_cod.plots import plot_classes, plot_clusters, plot_curves, plot_forecast, style
from bayes_cod.plots.clusters import class_shares
from bayes_cod.plots.curves import flops_grid
from bayes_cod.results import Result
from bayes_cod.results.make import make_result


@pytest.fixture
def run(ladder_folder: Path) -> Result:
    request = make_request(read_ladder(ladder_folder), family="fam", targets=["large", "huge"])
    return make_result(request, FakeBayes(), seed=0)


def texts(figure: Figure) -> str:
    figure.draw_without_rendering()
    words = [text.get_text() for axes in figure.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
    words += [axes.get_title("left") for axes in figure.axes]
    words += [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    words += [figure.get_supxlabel(), figure.get_supylabel()]
    words += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return " | ".join(words)


def test_forecast_shows_intervals_and_truth(run: Result) -> None:
    figure = plot_forecast(run.forecast, run, last_rung="middle")
    words = texts(figure)
    assert len(figure.axes) == 2
    for text in (
        "large",
        "huge",
        "arith",
        "logic",
        "observed score (points)",
        "truth",
        "largest rung",
        "90 % interval",
    ):
        assert text in words
    wide, narrow = figure.axes[0].lines[:2]
    first = figure.axes[0].get_yticklabels()[0].get_text()
    assert tuple(np.asarray(wide.get_xdata())) == run.forecast.interval("large", first, 0.9)
    assert tuple(np.asarray(narrow.get_xdata())) == run.forecast.interval("large", first, 0.5)


def test_without_truth_the_legend_does_not_name_it(run: Result) -> None:
    assert "truth" not in texts(plot_forecast(run.forecast, run, targets=["huge"]))
    assert "truth" not in texts(plot_forecast(run.forecast))


def test_unknown_targets(run: Result) -> None:
    with pytest.raises(InputError, match="it has: large, huge"):
        plot_forecast(run.forecast, targets=["nope"])


def test_curves_span_rungs_and_targets(run: Result) -> None:
    grid = flops_grid(run.rungs, run.forecast)
    assert grid[0] < 1e18 and grid[-1] > 1e22
    figure = plot_curves(run.forecast, run, run.rungs, curves=run.explanation.curves)
    words = texts(figure)
    for text in ("arith", "logic", "training compute (FLOPs)", "score (points)", "chance", "latent score", "truth"):
        assert text in words
    assert figure.axes[0].get_xscale() == "log"


def test_curves_without_a_fitted_curve(run: Result) -> None:
    words = texts(plot_curves(run.forecast, run, run.rungs, benchmarks=["logic"]))
    assert "arith" not in words and "latent" not in words


def test_clusters_and_classes(run: Result) -> None:
    shown = run.explanation
    assert shown.clusters is not None and shown.cluster_curves is not None and shown.cluster_observations is not None
    figure = plot_clusters(shown.clusters, shown.cluster_curves, shown.cluster_observations)
    words = texts(figure)
    for text in ("arith", "logic", "pass rate (points)", "follows the law", "irregular"):
        assert text in words
    assert "expected share of questions (%)" in texts(plot_classes(shown.clusters))


def test_class_shares_sum_to_one_and_weigh_questions(run: Result) -> None:
    table = run.explanation.clusters
    assert table is not None
    shares = class_shares(table)
    assert shares.sum(axis=1).to_numpy() == pytest.approx(1.0)
    own = table[table["benchmark"] == "arith"]
    expected = float((own["p_law"] * own["n_questions"]).sum() / own["n_questions"].sum())
    assert shares.loc["arith", "law"] == pytest.approx(expected)


def test_drawing_leaves_matplotlib_as_it_was(run: Result) -> None:
    before = dict(matplotlib.rcParams)
    plot_forecast(run.forecast, run)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("name", plots.__all__)
def test_arguments_are_spelled_out(name: str) -> None:
    signature = inspect.signature(getattr(plots, name))
    kinds = {parameter.kind for parameter in signature.parameters.values()}
    assert not kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    assert signature.return_annotation == "Figure"


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two colours."""

    def luminance(color: str) -> float:
        channels = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(color)]
        return float(np.dot([0.2126, 0.7152, 0.0722], channels))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("color", [style.BLUE, style.VERMILLION, style.GREY])
@pytest.mark.parametrize("paper", ["#ffffff", "#14161a"])
def test_colours_are_legible_on_light_and_dark(color: str, paper: str) -> None:
    assert contrast(color, paper) >= 3.0
