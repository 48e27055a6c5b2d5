import numpy as np
import pytest

from bayes_cod.difficulty import TrialCounts, fill_missing, smooth_checkpoints, split_trials, zero_mask
from bayes_cod.errors import InputError


def test_pass_rates_and_missing_results() -> None:
    rates = TrialCounts.of([[1, 0], [2, 0]], [[4, 0], [2, 5]]).pass_rates
    np.testing.assert_array_equal(rates, [[0.25, np.nan], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("correct", "trials", "message"),
    [
        ([[3]], [[2]], "question 0, rung 0: 3 passes of 2 trials"),
        ([[-1]], [[2]], "0 <= passes <= trials"),
        ([[0.5]], [[2]], "whole numbers"),
        ([[np.nan]], [[2]], "finite"),
        ([1], [2], "one shape"),
    ],
)
def test_unusable_counts_are_named(correct: list, trials: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        TrialCounts.of(correct, trials)


def test_halves_add_up_and_are_within_their_trials() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(0, 9, (200, 4))
    counts = TrialCounts.of(rng.binomial(n, 0.4), n)
    split = split_trials(counts, rng)
    apart = ~split.shared
    total = split.clustering.n_trials + split.fitting.n_trials
    np.testing.assert_array_equal(total[apart], n[apart])
    np.testing.assert_array_equal(
        (split.clustering.n_correct + split.fitting.n_correct)[apart], counts.n_correct[apart]
    )
    for half in (split.clustering, split.fitting):
        assert np.all((half.n_correct >= 0) & (half.n_correct <= half.n_trials))
        assert np.all(half.n_trials[n > 0] > 0)


def test_single_trials_are_shared_and_flagged() -> None:
    counts = TrialCounts.of([[1, 3], [0, 0]], [[1, 6], [1, 0]])
    split = split_trials(counts, np.random.default_rng(1))
    assert split.shared_noise
    np.testing.assert_array_equal(split.shared, [[True, False], [True, False]])
    np.testing.assert_array_equal(split.clustering.n_correct[:, 0], split.fitting.n_correct[:, 0])
    assert not split_trials(TrialCounts.of([[3]], [[6]]), np.random.default_rng(1)).shared_noise


def test_halves_are_independent_given_the_pass_rate() -> None:
    # passes of disjoint trials are uncorrelated; 2e4 cells, |r| < 4 / sqrt(2e4): false alarm 6e-5
    rng = np.random.default_rng(2)
    n = np.full((20_000, 1), 20)
    split = split_trials(TrialCounts.of(rng.binomial(n, 0.3), n), rng)
    r = np.corrcoef(split.clustering.pass_rates[:, 0], split.fitting.pass_rates[:, 0])[0, 1]
    assert abs(r) < 4 / np.sqrt(20_000)


def test_same_seed_same_split() -> None:
    counts = TrialCounts.of([[3, 5]], [[8, 9]])
    a, b = (split_trials(counts, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(a.clustering.n_correct, b.clustering.n_correct)


def test_checkpoints_are_pooled_with_their_neighbours() -> None:
    correct, trials = np.array([[[1, 2, 3, 4]]]), np.array([[[10, 10, 10, 10]]])
    np.testing.assert_array_equal(smooth_checkpoints(correct, trials, 2).n_correct, [[9]])
    np.testing.assert_array_equal(smooth_checkpoints(correct, trials, 2).n_trials, [[30]])
    np.testing.assert_array_equal(smooth_checkpoints(correct, trials, 3).n_correct, [[7]])
    np.testing.assert_array_equal(smooth_checkpoints(correct, trials, 3, width=0).n_correct, [[4]])
    with pytest.raises(InputError, match="centre must be a checkpoint from 0 to 3, got 4"):
        smooth_checkpoints(correct, trials, 4)


def test_missing_entries_are_interpolated_in_log_compute() -> None:
    filled = fill_missing(np.array([[0.1, np.nan, 0.5], [np.nan, 0.2, np.nan]]), [-3.0, -1.0, 0.0])
    np.testing.assert_allclose(filled, [[0.1, 0.1 + 0.4 * 2 / 3, 0.5], [0.2, 0.2, 0.2]])
    with pytest.raises(InputError, match="question 0 has no trial"):
        fill_missing(np.array([[np.nan, np.nan]]), [-1.0, 0.0])


def test_zero_mask_ignores_missing_results() -> None:
    np.testing.assert_array_equal(zero_mask(np.array([[0.0, np.nan], [0.0, 0.1], [0.0, 0.0]])), [True, False, True])
