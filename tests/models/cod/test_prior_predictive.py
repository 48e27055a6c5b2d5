"""What the priors say before any data: any level, mostly rising, seldom falling."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from bayes_cod.models.cod.prior_predictive import prior_curves, share_falling
from bayes_cod.models.cod.priors import Priors
from bayes_cod.plots.prior import plot_prior_curves


def test_curves_are_seeded_pass_rates() -> None:
    curves = prior_curves(Priors(), seed=0, n=50)
    assert curves.dims == ("sample", "decades") and curves.sizes["sample"] == 50
    assert curves["decades"].values[[0, -1]].tolist() == [-3.0, 1.0]
    assert ((curves >= 0) & (curves <= 1)).all()
    assert curves.equals(prior_curves(Priors(), seed=0, n=50))
    assert not curves.equals(prior_curves(Priors(), seed=1, n=50))


def test_few_curves_fall_and_most_rise() -> None:
    curves = prior_curves(Priors(), seed=0, n=4000)
    assert 0 < share_falling(curves) < 0.12
    assert share_falling(-curves) > 0.5  # rising by more than 10 points


def test_curves_span_low_to_high() -> None:
    curves = prior_curves(Priors(), seed=0, n=4000)
    low, middle, high = np.quantile(curves.sel(decades=0.0, method="nearest"), [0.05, 0.5, 0.95])
    assert low < 0.1 and 0.25 < middle < 0.55 and high > 0.9
    first = np.quantile(curves.isel(decades=0), 0.5)
    assert first < 0.1


def test_a_decade_moves_a_middling_benchmark_by_ten_to_twenty_points() -> None:
    curves = prior_curves(Priors(level_sd=0.1, level_mean_sd=0.1), seed=0, n=4000)
    step = curves.sel(decades=1.0, method="nearest") - curves.sel(decades=0.0, method="nearest")
    assert 0.1 < float(step.median()) < 0.2


def test_known_chance_is_the_floor() -> None:
    curves = prior_curves(Priors(level_mean=-20.0), seed=0, n=500, chance=0.25)
    assert 0.1 < float(curves.mean()) < 0.25 and float(curves.max()) <= 0.25 + 1e-9


@pytest.mark.parametrize("lines", [0, 7])
def test_figure(lines: int) -> None:
    figure = plot_prior_curves(prior_curves(Priors(), seed=0, n=100), lines=lines)
    assert isinstance(figure, Figure)
    (axes,) = figure.axes
    assert len(axes.lines) == lines + 2
    assert "decades" in axes.get_xlabel() and "points" in axes.get_ylabel()
