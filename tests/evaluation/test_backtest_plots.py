"""Plots of a back-test show what the cells hold."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_fakes import fake_method, small_ladder
from scipy import stats

from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, summarise
from bayes_cod.plots import evaluation as plots

CELLS = backtest(small_ladder(), [fake_method(name) for name in ("fake", "other", "point")], min_rungs=2)


def test_reliability() -> None:
    (axes,) = plots.plot_reliability(CELLS).axes
    assert "(%)" in axes.get_xlabel() and "(%)" in axes.get_ylabel()
    markers = next(line for line in axes.lines if line.get_label() == "fake")
    own = CELLS[CELLS["method"] == "fake"]
    np.testing.assert_allclose(markers.get_ydata(), [100 * own[f"covered_{p}"].mean() for p in (50, 80, 90, 95)])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"fake", "other"} <= set(labels) and "point" not in labels


def test_binomial_envelope() -> None:
    low, high = plots.binomial_envelope(np.array([0.9]), 40)
    assert stats.binom.cdf(40 * low[0], 40, 0.9) >= 0.025 > stats.binom.cdf(40 * low[0] - 1, 40, 0.9)
    assert stats.binom.cdf(40 * high[0], 40, 0.9) >= 0.975 > stats.binom.cdf(40 * high[0] - 1, 40, 0.9)


def test_pit_histogram_counts_every_cell() -> None:
    figure = plots.plot_pit(CELLS, ["other", "fake"])
    assert len(figure.axes) == 2
    n_cells = (CELLS["method"] == "fake").sum()
    for axes in figure.axes:
        assert sum(bar.get_height() for bar in axes.patches[1:]) == n_cells  # the first patch is the band
    assert "integral transform" in figure.axes[-1].get_xlabel()


def test_error_by_distance() -> None:
    (axes,) = plots.plot_error_by_distance(CELLS).axes
    assert "decades" in axes.get_xlabel() and "points" in axes.get_ylabel()
    points = axes.lines[0]
    own = CELLS[CELLS["method"] == "fake"]
    np.testing.assert_allclose(points.get_ydata(), 100 * own["abs_error"])


def test_skill_bars() -> None:
    summary = summarise(CELLS, baseline="point")
    (axes,) = plots.plot_skill(summary).axes
    widths = sorted(bar.get_width() for bar in axes.patches)
    assert widths == pytest.approx(sorted(summary["skill"]))
    assert "skill over point" in axes.get_xlabel()


def test_what_can_t_be_plotted_says_why() -> None:
    with pytest.raises(InputError, match="no intervals to plot for: point"):
        plots.plot_reliability(CELLS, ["point"])
    with pytest.raises(InputError, match="no method has a skill"):
        plots.plot_skill(summarise(CELLS).assign(skill=np.nan))
    with pytest.raises(InputError, match="several groups"):
        plots.plot_skill(summarise(CELLS, ["family"], baseline="point"))
    with pytest.raises(InputError, match="at most 7"):
        plots.plot_error_by_distance(CELLS, [str(i) for i in range(8)])
