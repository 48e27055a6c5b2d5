"""Value of information against closed forms: one action of known worth, one whose worth is normal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from bayes_cod.decisions.information import evpi, evppi, evsi, evsi_reweighted
from bayes_cod.decisions.plans import compare
from bayes_cod.decisions.reweighting import smoothed_weights, weighted_quantiles
from bayes_cod.errors import InputError

DRAWS = 6000
MEAN, SD, NOISE = 0.3, 1.0, 1.5


def unit_loss(mean: float, sd: float) -> float:
    """``E[max(0, u)] - max(0, E[u])`` of a normal u."""
    return float(sd * norm.pdf(mean / sd) + mean * norm.cdf(mean / sd) - max(0.0, mean))


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    return np.random.default_rng(1).normal(MEAN, SD, DRAWS)


def utilities(theta: np.ndarray) -> np.ndarray:
    return np.column_stack([np.zeros_like(theta), theta])


ERROR = 4 * SD / np.sqrt(DRAWS)


def test_evpi(theta: np.ndarray) -> None:
    assert evpi(utilities(theta)) == pytest.approx(unit_loss(MEAN, SD), abs=ERROR)


def test_evppi_of_everything_is_evpi_and_of_noise_nothing(theta: np.ndarray) -> None:
    noise = np.random.default_rng(2).normal(size=(DRAWS, 1))
    assert evppi(utilities(theta), theta[:, None]) == pytest.approx(evpi(utilities(theta)), abs=0.01)
    assert evppi(utilities(theta), noise) == pytest.approx(0.0, abs=0.005)


def test_evppi_of_one_of_two_parts() -> None:
    rng = np.random.default_rng(3)
    first, second = rng.normal(0.2, 0.8, DRAWS), rng.normal(0.0, 0.6, DRAWS)
    both = np.column_stack([np.zeros(DRAWS), first + second])
    assert evppi(both, first[:, None]) == pytest.approx(unit_loss(0.2, 0.8), abs=ERROR)


@pytest.mark.parametrize("count", [1, 4])
def test_evsi_by_regression_and_by_reweighting(theta: np.ndarray, count: int) -> None:
    rng = np.random.default_rng(4)
    data = theta + rng.normal(0, NOISE / np.sqrt(count), DRAWS)
    after = SD**2 / np.sqrt(SD**2 + NOISE**2 / count)  # standard deviation of the posterior mean
    expected = unit_loss(MEAN, after)
    assert evsi(utilities(theta), data[:, None]) == pytest.approx(expected, abs=ERROR)
    few = data[:400]
    weights = np.array([smoothed_weights(-0.5 * count * (value - theta) ** 2 / NOISE**2).values for value in few])
    assert evsi_reweighted(utilities(theta), weights) == pytest.approx(expected, abs=4 * SD / np.sqrt(400))


def test_weights_give_the_posterior(theta: np.ndarray) -> None:
    value = 1.2
    found = smoothed_weights(-0.5 * (value - theta) ** 2 / NOISE**2)
    precision = 1 / SD**2 + 1 / NOISE**2
    mean = (MEAN / SD**2 + value / NOISE**2) / precision
    low, middle, high = weighted_quantiles(theta, found.values, np.array([0.05, 0.5, 0.95]))
    assert found.reliable and found.effective_draws > 1000
    assert found.values @ theta == pytest.approx(mean, abs=0.06)
    assert middle == pytest.approx(mean, abs=0.08)
    assert high - low == pytest.approx(2 * norm.ppf(0.95) / np.sqrt(precision), rel=0.06)


def test_data_far_from_all_draws_are_told_apart(theta: np.ndarray) -> None:
    assert not smoothed_weights(-0.5 * (theta - 9.0) ** 2 / 0.01**2).reliable


# ---------------------------------------------------------------- plans


def test_plans_against_formulas() -> None:
    rng = np.random.default_rng(5)
    draws = np.column_stack([rng.normal(1.0, 1.0, DRAWS), rng.normal(0.6, 0.5, DRAWS)])
    made = compare(draws, ["risky", "safe"])
    difference = np.hypot(1.0, 0.5)
    p_best = norm.cdf(0.4 / difference)
    table = made.table.set_index("plan")
    assert made.best == "risky"
    assert table.loc["risky", "p_best"] == pytest.approx(p_best, abs=4 * 0.5 / np.sqrt(DRAWS))
    regret = unit_loss(0.4, difference)
    assert table.loc["risky", "regret"] == pytest.approx(regret, abs=4 * difference / np.sqrt(DRAWS))
    assert table.loc["safe", "regret"] == pytest.approx(regret + 0.4, abs=4 * difference / np.sqrt(DRAWS))
    assert made.perfect_information == pytest.approx(table.loc["risky", "regret"], abs=1e-12)
    assert not made.pairs[["every_draw", "first_order", "second_order"]].any().any()


def test_dominance_of_each_kind() -> None:
    rng = np.random.default_rng(6)
    base = rng.normal(size=2000)
    base -= base.mean()
    draws = np.column_stack([base, base + 0.1, rng.permutation(base) + 0.05, 3 * base + 0.1])
    pairs = compare(draws, ["base", "more", "shuffled", "wild"]).pairs.set_index(["plan", "other"])
    assert pairs.loc[("more", "base"), ["every_draw", "first_order", "second_order"]].all()
    assert not pairs.loc[("shuffled", "base"), "every_draw"]
    assert pairs.loc[("shuffled", "base"), "first_order"]
    assert not pairs.loc[("more", "wild"), "first_order"]
    assert pairs.loc[("more", "wild"), "second_order"]
    assert not pairs.loc[("wild", "more"), "second_order"]


def test_plans_that_are_alike_share_being_best() -> None:
    draws = np.repeat(np.random.default_rng(0).normal(size=(100, 1)), 2, axis=1)
    made = compare(draws, ["a", "b"])
    assert made.table["p_best"].tolist() == [0.5, 0.5]
    assert made.perfect_information == 0
    assert not made.pairs["first_order"].any()


@pytest.mark.parametrize(
    ("draws", "names", "message"),
    [
        (np.zeros((5, 1)), ["a"], "only one plan"),
        (np.zeros((5, 2)), ["a", "a"], "called 'a'"),
        (np.full((5, 2), np.nan), ["a", "b"], "not finite"),
    ],
)
def test_unusable_plans(draws: np.ndarray, names: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare(draws, names)
