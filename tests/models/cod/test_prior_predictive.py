"""What the prior expects before any result is seen."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.models.cod.prior_predictive import prior_curves
from bayes_cod.models.cod.priors import Priors
from bayes_cod.plots import plot_prior_curves


def test_without_spread_there_is_one_curve() -> None:
    still = dict.fromkeys(("level_sd", "slope_sd", "slope_spread", "curvature_sd", "shared_walk"), 0.0)
    prior = Priors(**still, curvature_mean=0.0, walk_mean=-50.0, level_mean=0.0, slope_mean=0.0)
    curves = prior_curves(prior, decades=[-1.0, 0.0, 1.0], samples=3)
    assert curves.values == pytest.approx(np.tile(1 / (1 + np.exp([1.0, 0.0, -1.0])), (3, 1)), abs=1e-6)


def test_curves_stay_above_the_floor_and_most_rise() -> None:
    curves = prior_curves(chance=0.25, samples=500)
    assert curves.values.min() >= 0.95 * 0.25 and curves.values.max() <= 1
    assert float((curves.sel(decades=2.0) > curves.sel(decades=-3.0)).mean()) > 0.85
    assert plot_prior_curves(curves).axes
