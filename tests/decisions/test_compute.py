"""The least compute against closed forms of the normal toy."""

from __future__ import annotations

import numpy as np
import pytest
from decision_toys import Toy
from scipy.stats import norm

from bayes_cod.decisions.compute import first_reached, least_compute, needed_compute, probability_along, split_of_ladder
from bayes_cod.decisions.utility import Requirement
from bayes_cod.errors import InputError

TOY = Toy()
LOGIT = np.log(0.6 / 0.4)
REQUIRED = [Requirement({"b0": 1.0}, 0.6)]


def test_probability_along_compute_agrees_with_the_formula() -> None:
    curves, _ = TOY.curves()
    found = probability_along(curves.observed, ["b0"], REQUIRED)
    spread = np.hypot(TOY.level_sd, TOY.luck_sd)
    expected = norm.sf((LOGIT - TOY.mean - np.log10(TOY.flops / 1e21)) / spread)
    error = np.sqrt(expected * (1 - expected) / TOY.draws) + 1e-4
    assert np.abs((found - expected) / error).max() < 4.5


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
def test_least_compute_agrees_with_the_formula(confidence: float) -> None:
    curves, _ = TOY.curves()
    found = least_compute(curves.flops, curves.observed, curves.latent, ["b0"], REQUIRED, confidence)
    spread = np.hypot(TOY.level_sd, TOY.luck_sd)
    expected = LOGIT - TOY.mean + spread * norm.ppf(confidence)  # decades from 1e21
    error = spread * np.sqrt(confidence * (1 - confidence) / TOY.draws) / norm.pdf(norm.ppf(confidence))
    assert np.log10(found.flops / 1e21) == pytest.approx(expected, abs=4.5 * error)
    assert found.low <= found.flops <= found.high
    assert np.log10(found.high / found.low) == pytest.approx(2 * 1.645 * error, rel=0.6)
    assert not found.below


def test_needed_compute_is_distributed_as_the_formula_says() -> None:
    curves, _ = TOY.curves()
    found = least_compute(curves.flops, curves.observed, curves.latent, ["b0"], REQUIRED, 0.9).needed
    decades = np.log10(found[np.isfinite(found)] / 1e21)
    assert np.isfinite(found).mean() == pytest.approx(norm.cdf((2 + TOY.mean - LOGIT) / TOY.level_sd), abs=0.01)
    assert np.median(decades) == pytest.approx(LOGIT - TOY.mean, abs=4.5 * 1.25 * TOY.level_sd / np.sqrt(TOY.draws))
    assert decades.std() == pytest.approx(TOY.level_sd, rel=0.06)


def test_needed_compute_is_exact_on_straight_margins() -> None:
    flops = np.array([1e20, 1e21, 1e22])
    margin = np.array([[-0.1, 0.1, 0.3], [0.1, 0.2, 0.3], [-0.3, -0.2, -0.1], [-0.2, -0.1, 0.0]])
    np.testing.assert_allclose(needed_compute(flops, margin), [10**20.5, 1e20, np.inf, 1e22])


def test_first_reached() -> None:
    flops = np.array([1e20, 1e21, 1e22])
    between = first_reached(flops, norm.cdf([-1.0, 0.0, 1.0]), float(norm.cdf(0.5)), 1000)
    assert between == pytest.approx(10**21.5)
    assert np.isnan(first_reached(flops, np.array([0.1, 0.5, 0.8]), 0.9, 1000))
    assert first_reached(flops, np.array([0.95, 0.97, 1.0]), 0.9, 1000) == 1e20


def test_several_requirements_take_the_dearest() -> None:
    curves, _ = Toy(benchmarks=2).curves()
    names = ["b0", "b1"]
    easy, hard = Requirement({"b0": 1.0}, 0.5), Requirement({"b1": 1.0}, 0.7)
    alone, both = (
        least_compute(curves.flops, curves.observed, curves.latent, names, required, 0.9).flops
        for required in ([hard], [easy, hard])
    )
    assert both >= alone
    assert both == pytest.approx(alone, rel=0.02)


def test_a_confidence_is_a_probability() -> None:
    curves, _ = TOY.curves()
    with pytest.raises(InputError, match="confidence is 90"):
        least_compute(curves.flops, curves.observed, curves.latent, ["b0"], REQUIRED, 90)


def test_split_goes_on_as_the_ladder_does() -> None:
    rungs = np.array([1e18, 1e20, 1e22])
    params, tokens = split_of_ladder(1e24, rungs, 1e7 * np.sqrt(rungs / 1e18))
    assert params == pytest.approx(1e10)
    assert 6 * params * tokens == pytest.approx(1e24)
