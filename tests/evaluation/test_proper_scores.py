"""Identities that proper scores obey."""

from __future__ import annotations

import numpy as np
import pytest
import scoringrules as sr
from scipy import stats

from bayes_cod.errors import InputError
from bayes_cod.scoring import proper as scores

M = 20_001
GRID = (np.arange(M) + 0.5) / M
NORMAL = stats.norm.ppf(GRID)
TRUTHS = np.array([-2.0, -0.3, 0.0, 0.7, 3.1])


def repeated(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.repeat(draws[:, None], len(truth), axis=1)


def test_crps_of_a_normal_ensemble_is_the_closed_form() -> None:
    closed = TRUTHS * (2 * stats.norm.cdf(TRUTHS) - 1) + 2 * stats.norm.pdf(TRUTHS) - 1 / np.sqrt(np.pi)
    np.testing.assert_allclose(scores.crps(repeated(NORMAL, TRUTHS), TRUTHS), closed, atol=2e-4)


def test_crps_of_a_uniform_ensemble_is_the_closed_form() -> None:
    truth = np.array([-0.5, 0.0, 0.25, 1.0, 1.5])
    inside = np.clip(truth, 0, 1)
    closed = np.abs(truth - inside) + inside**2 - inside + 1 / 3
    np.testing.assert_allclose(scores.crps(repeated(GRID, truth), truth), closed, atol=1e-8)


def test_crps_of_a_small_ensemble_is_its_definition() -> None:
    draws, truth = np.array([0.1, 0.4, 0.4, 0.9]), 0.3
    definition = np.abs(draws - truth).mean() - np.abs(draws[:, None] - draws).mean() / 2
    assert scores.crps(draws, truth) == pytest.approx(definition, abs=1e-15)


def test_one_draw_scores_its_absolute_error() -> None:
    draws, truth = np.array([[0.2, 0.9, 0.5]]), np.array([0.5, 0.1, 0.5])
    error = np.array([0.3, 0.8, 0.0])
    np.testing.assert_allclose(scores.absolute_error(draws, truth), error, atol=1e-15)
    np.testing.assert_allclose(scores.crps(draws, truth), error, atol=1e-15)
    np.testing.assert_allclose(scores.weighted_interval_score(draws, truth).total, error, atol=1e-15)


def test_a_perfect_forecast_scores_zero() -> None:
    draws, truth = np.full((50, 3), 0.37), np.full(3, 0.37)
    assert not scores.crps(draws, truth).any()
    assert not scores.absolute_error(draws, truth).any()
    assert not np.array(scores.weighted_interval_score(draws, truth)).any()
    covered, width = scores.coverage_and_width(draws, truth)
    assert covered.all() and not width.any()


def test_interval_score_is_the_weighted_sum_of_interval_scores() -> None:
    """Against `scoringrules.interval_score`; its weighted sum adds the median itself instead of its error (0.11)."""
    draws = repeated(NORMAL, TRUTHS)
    total = 0.5 * np.abs(np.median(draws, axis=0) - TRUTHS)
    for level in scores.LEVELS:
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        total += (1 - level) / 2 * sr.interval_score(TRUTHS, low, high, 1 - level, backend="numpy")
    expected = total / (len(scores.LEVELS) + 0.5)
    np.testing.assert_allclose(scores.weighted_interval_score(draws, TRUTHS).total, expected, rtol=1e-12)


def test_interval_score_of_a_uniform_ensemble_is_the_closed_form() -> None:
    score = scores.weighted_interval_score(repeated(GRID, TRUTHS), TRUTHS, levels=[0.5])
    low, high = 0.25, 0.75
    np.testing.assert_allclose(score.width, 0.25 * 0.5 / 1.5, atol=1e-4)
    under = 0.5 * np.maximum(TRUTHS - 0.5, 0) + np.maximum(TRUTHS - high, 0)
    over = 0.5 * np.maximum(0.5 - TRUTHS, 0) + np.maximum(low - TRUTHS, 0)
    np.testing.assert_allclose(score.under, under / 1.5, atol=1e-4)
    np.testing.assert_allclose(score.over, over / 1.5, atol=1e-4)


def test_parts_sum_to_the_interval_score_and_blame_the_right_side() -> None:
    score = scores.weighted_interval_score(repeated(NORMAL, TRUTHS), TRUTHS)
    np.testing.assert_allclose(score.total, score.width + score.under + score.over, rtol=1e-15)
    assert score.over[0] > 0 and score.under[0] == 0
    assert score.under[-1] > 0 and score.over[-1] == 0


def test_interval_score_tends_to_the_crps() -> None:
    exact = scores.crps(repeated(NORMAL, TRUTHS), TRUTHS)
    gaps = []
    for k in (4, 24, 499):
        levels = 2 * np.arange(1, k + 1) / (2 * k + 1)  # quantiles at the midpoints of 2k + 1 equal steps
        wis = scores.weighted_interval_score(repeated(NORMAL, TRUTHS), TRUTHS, levels).total
        gaps.append(np.abs(wis - exact).max())
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 2e-3


@pytest.mark.parametrize("level", scores.LEVELS)
def test_intervals_of_a_normal_ensemble(level: float) -> None:
    reach = stats.norm.ppf((1 + level) / 2)
    truth = np.array([-reach - 1e-2, -reach + 1e-2, 0.0, reach - 1e-2, reach + 1e-2])
    covered, width = scores.coverage_and_width(repeated(NORMAL, truth), truth, [level])
    assert covered[0].tolist() == [False, True, True, True, False]
    np.testing.assert_allclose(width[0], 2 * reach, atol=1e-3)


def test_coverage_of_a_calibrated_forecaster() -> None:
    """False alarms: 5e-4, four levels at four standard errors of a binomial (6.3e-5 each, two-sided), doubled."""
    rng, cells = np.random.default_rng(11), 4000
    covered, _ = scores.coverage_and_width(rng.normal(size=(2000, cells)), rng.normal(size=cells))
    level = np.array(scores.LEVELS)
    assert np.all(np.abs(covered.mean(axis=1) - level) < 4 * np.sqrt(level * (1 - level) / cells))


@pytest.mark.parametrize("discrete", [False, True])
def test_pit_of_a_calibrated_forecaster_is_uniform(discrete: bool) -> None:
    """Kolmogorov-Smirnov test at 1e-3; scores of ten questions tie in most draws."""
    rng = np.random.default_rng(5)
    chance = rng.uniform(size=3000)

    def sample(size: int) -> np.ndarray:
        return rng.binomial(10, chance, size=(size, 3000)) / 10 if discrete else rng.normal(chance, size=(size, 3000))

    values = scores.pit(sample(30), sample(1)[0], np.random.default_rng(1))
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_pit_of_a_biased_or_overconfident_forecaster_is_not() -> None:
    rng = np.random.default_rng(6)
    truth = rng.normal(size=1000)
    for draws in (rng.normal(0.3, size=(200, 1000)), rng.normal(scale=0.7, size=(200, 1000))):
        assert stats.kstest(scores.pit(draws, truth, np.random.default_rng(1)), "uniform").pvalue < 1e-6


def test_pit_ends() -> None:
    rng = np.random.default_rng(0)
    draws = np.linspace(0, 1, 999)[:, None]
    assert scores.pit(draws, np.array([2.0]), rng) > 0.999
    assert scores.pit(draws, np.array([-1.0]), rng) < 0.001


def test_pit_repeats_with_its_seed() -> None:
    draws, truth = np.zeros((4, 6)), np.zeros(6)
    one, two = (scores.pit(draws, truth, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_decades() -> None:
    np.testing.assert_allclose(scores.decades([1e21, 5e22], 1e20), [1.0, np.log10(500)])


@pytest.mark.parametrize(
    ("draws", "truth", "match"),
    [
        (np.zeros((5, 2)), np.zeros(3), r"shape \(5, 2\) do not fit a truth of shape \(3,\)"),
        (np.zeros((0, 2)), np.zeros(2), "do not fit"),
        (np.full((5, 2), np.nan), np.zeros(2), "finite"),
        (np.zeros((5, 2)), np.array([0.1, np.nan]), "finite"),
    ],
)
def test_what_can_t_be_scored_is_refused(draws: np.ndarray, truth: np.ndarray, match: str) -> None:
    with pytest.raises(InputError, match=match):
        scores.crps(draws, truth)


def test_levels_are_probabilities() -> None:
    with pytest.raises(InputError, match=r"\[90\].*between 0 and 1"):
        scores.coverage_and_width(np.zeros((5, 2)), np.zeros(2), [90])
