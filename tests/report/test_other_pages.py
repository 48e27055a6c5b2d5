"""Pages other than a forecast's: a back-test and a comparison, laid out alike."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import FakeBayes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod import InputError
from bayes_cod import read as read_ladder
from bayes_cod.evaluation import backtest, common_cells, summarise
from bayes_cod.forecasts import Method
from bayes_cod.ladder.request import make_request
from bayes_cod.plots import plot_compare, plot_curves, style
from bayes_cod.report.backtest import backtest_page
from bayes_cod.report.compare import compare_page, compared
from bayes_cod.report.page import render
from bayes_cod.report.section import Cell, Column, Section, Table
from bayes_cod.report.svg import inline_svg, legend
from bayes_cod.results import Result
from bayes_cod.results.make import make_result


@pytest.fixture
def run(ladder_folder: Path) -> Result:
    request = make_request(read_ladder(ladder_folder), family="fam", targets=["huge"])
    return make_result(request, FakeBayes(), seed=0)


def test_a_back_test_says_first_who_did_best(ladder_folder: Path) -> None:
    methods = [Method("fake-bayes", lambda name, seed: FakeBayes(seed))]
    cells = backtest(read_ladder(ladder_folder), methods, families=["fam"], min_rungs=2)
    html = backtest_page(cells, common_cells(cells), summarise(cells))
    first = re.sub(r"<[^>]*>", "", html[html.index('<p class="lead">') : html.index("<nav")])
    assert "fake-bayes did best: its CRPS is " in first and "decades beyond the largest rung." in first
    assert html.count("<figure>") >= 3 and "Forecasts one by one" in html


def test_a_comparison_has_a_row_a_run(run: Result) -> None:
    other = replace(run, seed=1)
    table = compared({"a": run, "b": other})
    assert table[["benchmark", "run"]].to_numpy().tolist()[:2] == [["arith", "a"], ["arith", "b"]]
    assert table["median"].iloc[0] == pytest.approx(float(np.median(run.forecast.samples("huge", "arith"))))
    html = compare_page({"a": run, "b": other})
    assert "2 forecasts side by side: a, b" in html and "different data" not in html
    assert isinstance(plot_compare(table), Figure)
    with pytest.raises(InputError, match="two or more"):
        compared({"a": run})


def test_any_sections_make_a_page() -> None:
    rows = [["a@b", Cell("3.4 × 10²³", 3.4e23)], ["c", Cell("–", float("nan"))]]
    table = Table([Column("Name"), Column("FLOPs", True)], rows, {0: "first", 1: "second"}, "What it shows.")
    html = render(
        title="A decision",
        lead="Train it.",
        alarm="",
        warnings=["beware", "beware"],
        sections=[Section("Why & how", table=table)],
    )
    assert html.count("<p>beware</p>") == 1
    assert 'data-v="3.4e+23"' in html and 'data-v=""' in html
    assert html.count('<tbody role="rowgroup">') == 2 and "a<wbr>@b" in html and "Why &amp; how" in html


def test_words_are_explained_once_each() -> None:
    html = render(title="t", lead="A rung and rungs, and decades.", sections=[Section("s", text=["A rung."])])
    assert html.count('popovertarget="word-rung"') == 1 and html.count('id="word-rung"') == 1
    assert html.count('popovertarget="word-decade"') == 1


def test_values_are_said_where_the_mouse_rests(run: Result) -> None:
    figure, axes = style.single()
    plot_curves(run.forecast, run, run.rungs, benchmarks=["arith"], ax=axes)
    svg = inline_svg(figure, "p", "a <picture>")
    for model in run.rungs["model"]:
        assert f"<title>{model}: {100 * run.truth(model, 'arith'):.1f}</title>" in svg
    assert "<title>huge: median " in svg and 'aria-label="a &lt;picture&gt;"' in svg
    opened = len(re.findall(r"<g(?: [^>]*)?(?<!/)>", svg))
    assert opened == svg.count("</g>") > 0 and not figure.legends


def test_axes_are_for_one_panel(run: Result) -> None:
    _, axes = style.single()
    with pytest.raises(InputError, match="`ax` holds one panel and 2 were asked for"):
        plot_curves(run.forecast, run, run.rungs, ax=axes)


def test_labels_are_moved_apart_and_keep_their_order() -> None:
    placed = style.spread([0.5, 0.1, 0.5, 0.52], 0.1)
    assert np.diff(np.sort(placed)) == pytest.approx([0.3067, 0.1, 0.1], abs=1e-3)
    assert np.mean([placed[0], placed[2], placed[3]]) == pytest.approx(np.mean([0.5, 0.5, 0.52]))
    assert placed[1] == 0.1 and style.spread([0.0, 1.0], 0.1) == [0.0, 1.0]


def test_legends_take_the_page_s_colours() -> None:
    html = legend([Line2D([], [], color=style.INK, marker="o", label="<rungs>")])
    assert "var(--ink)" in html and "&lt;rungs&gt;" in html
