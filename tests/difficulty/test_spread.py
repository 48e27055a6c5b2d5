"""How much questions differ in difficulty, beyond what finite trials scatter."""

import numpy as np
import pytest
from scipy.special import expit

from bayes_cod.difficulty.spread import difficulty_spread
from bayes_cod.difficulty.vectors import TrialCounts


def counts(sd: float, level: float, trials: int = 20, questions: int = 4000) -> TrialCounts:
    rng = np.random.default_rng(0)
    rate = expit(level + sd * rng.standard_normal(questions))
    return TrialCounts.of(rng.binomial(trials, rate)[:, None], np.full((questions, 1), trials))


@pytest.mark.parametrize("level", [-3.0, -1.0, 0.0])
def test_equal_questions_have_none(level: float) -> None:
    variance, error = difficulty_spread(counts(0.0, level))
    assert abs(variance[0]) < 4 * error[0] and error[0] < 0.05


def test_small_differences_are_their_variance_on_the_logit() -> None:
    variance, error = difficulty_spread(counts(0.4, -0.5))
    assert variance[0] == pytest.approx(0.16, abs=4 * error[0] + 0.02)  # the delta method is good to second order


def test_the_standard_error_is_that_of_repeated_samples() -> None:
    rng = np.random.default_rng(1)
    found = [
        difficulty_spread(
            TrialCounts.of(rng.binomial(8, expit(rng.normal(-1, 0.7, 200)))[:, None], np.full((200, 1), 8))
        )
        for _ in range(300)
    ]
    assert np.mean([error for _, error in found]) == pytest.approx(np.std([value for value, _ in found]), rel=0.3)


def test_single_trials_tell_nothing_and_missing_questions_are_left_out() -> None:
    once = TrialCounts.of([[1], [0], [1]], [[1], [1], [1]])
    assert np.isnan(difficulty_spread(once)[0]).all()
    some = TrialCounts.of([[1, 3], [2, 0], [1, 0]], [[4, 4], [4, 0], [4, 1]])
    variance, _ = difficulty_spread(some)
    assert np.isfinite(variance[0]) and np.isnan(variance[1])


def test_where_none_or_all_pass_nothing_is_known() -> None:
    assert np.isnan(difficulty_spread(TrialCounts.of([[0, 4], [0, 4]], [[4, 4], [4, 4]]))).all()
