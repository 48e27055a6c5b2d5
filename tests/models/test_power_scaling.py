"""Power-scaling against conjugate normals, where every answer is known."""

import numpy as np
import pytest
from scipy.stats import norm

from bayes_cod.models.common.power_scaling import moved, power_weights, sensitivity

SAMPLES = 40_000


def posterior(prior_sd: float, data_sd: float, seen: float, power: float = 1.0) -> tuple[float, float]:
    """Mean and sd of a normal mean with the prior N(0, prior_sd) to a power, after one observation."""
    precision = power / prior_sd**2 + 1 / data_sd**2
    return seen / data_sd**2 / precision, precision**-0.5


def drawn(prior_sd: float, data_sd: float, seen: float) -> np.ndarray:
    """Draws of that posterior: quantiles in random order, so that there is hardly any sampling error."""
    mean, sd = posterior(prior_sd, data_sd, seen)
    grid = (np.arange(SAMPLES) + 0.5) / SAMPLES
    return np.random.default_rng(0).permutation(norm.ppf(grid, mean, sd))


@pytest.mark.parametrize("power", [0.5, 0.99, 1.01, 2.0])
@pytest.mark.parametrize(("prior_sd", "seen"), [(1.0, 0.8), (2.0, 1.5), (0.7, 1.0)])
def test_the_weighted_draws_are_those_of_the_scaled_prior(power: float, prior_sd: float, seen: float) -> None:
    draws = drawn(prior_sd, 1.0, seen)
    log_prior = norm.logpdf(draws, 0, prior_sd)
    weights = power_weights(log_prior, power, chains=4)
    mean, sd = posterior(prior_sd, 1.0, seen, power)
    assert weights.values.sum() == pytest.approx(1)
    assert weights.values @ draws == pytest.approx(mean, abs=0.02)
    assert weights.values @ (draws - mean) ** 2 == pytest.approx(sd**2, rel=0.03)
    was_mean, was_sd = posterior(prior_sd, 1.0, seen)
    change = moved(draws[:, None], log_prior, power, chains=4)
    assert change.median[0] == pytest.approx(mean - was_mean, abs=0.02)
    assert change.width[0] == pytest.approx(2 * norm.ppf(0.95) * (sd - was_sd), abs=0.03)
    assert change.pareto_k < 0.7


def distance(below: np.ndarray, other: np.ndarray, step: float) -> float:
    """The paper's distance of two distribution functions on an even grid: root of the symmetric, normalised CJS."""
    middle, gap = (below + other) / 2, (other - below).sum() * step / (2 * np.log(2))
    one = (below * np.log2(below / middle)).sum() * step + gap
    two = (other * np.log2(other / middle)).sum() * step - gap
    return float(np.sqrt((max(one, 0) + max(two, 0)) / ((below + other).sum() * step)))


def test_where_data_say_nothing_prior_and_posterior_scale_alike() -> None:
    """The posterior of a flat likelihood is the prior: a power divides its variance, in any unit."""
    draws = drawn(1.0, 1e6, 0.0)
    found = sensitivity(np.stack([draws, draws / 100], axis=1), norm.logpdf(draws))
    edge = float(draws.max())
    grid = np.linspace(-edge, edge, 100_001)
    powers = np.array([0.99, 1.01])
    moved_by = [distance(norm.cdf(grid), norm.cdf(grid * power**0.5), grid[1] - grid[0]) for power in powers]
    expected = float(np.mean(np.array(moved_by) / np.abs(np.log2(powers))))
    assert 0.07 < expected < 0.08
    np.testing.assert_allclose(found, expected, rtol=0.02)
    change = moved(draws[:, None], norm.logpdf(draws), 2.0)
    assert change.width[0] == pytest.approx(2 * norm.ppf(0.95) * (2**-0.5 - 1), rel=0.02)


def test_where_data_dominate_the_prior_decides_nothing() -> None:
    draws = drawn(1.0, 0.02, 0.5)
    found = sensitivity(draws[:, None], norm.logpdf(draws))[0]
    assert found < 0.05
    change = moved(draws[:, None], norm.logpdf(draws), 2.0)
    assert abs(change.median[0]) < 0.001


def test_the_diagnostic_falls_as_data_grow() -> None:
    found = []
    for data_sd in (3.0, 1.0, 0.3, 0.1):
        draws = drawn(1.0, data_sd, 0.5)
        found.append(sensitivity(draws[:, None], norm.logpdf(draws))[0])
    assert found == sorted(found, reverse=True)


def test_constants_are_not_sensitive_and_move_nothing() -> None:
    draws = np.stack([np.full(200, 0.3), np.random.default_rng(0).normal(size=200)], axis=1)
    np.testing.assert_array_equal(sensitivity(draws, np.full(200, -1.5)), 0)
    assert sensitivity(draws, draws[:, 1])[0] == 0
    change = moved(draws, np.full(200, -1.5), 2.0)
    np.testing.assert_array_equal([change.median, change.width], 0)
    assert power_weights(draws[:, 1], 1.0).values == pytest.approx(np.full(200, 1 / 200))


def test_a_prior_far_from_the_draws_is_told_by_its_pareto_k() -> None:
    """Half of a prior that lies five posterior sd away has weights that few draws carry."""
    draws = drawn(0.2, 0.2, 4.0)
    weights = power_weights(norm.logpdf(draws, 0, 0.05), 0.5)
    assert weights.pareto_k > 0.7
