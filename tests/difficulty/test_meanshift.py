import time

import numpy as np
import pytest
from sklearn.cluster import MeanShift, estimate_bandwidth

from bayes_cod.difficulty import OUTLIER, DifficultyMeanShift, ImprovedMeanShift
from bayes_cod.difficulty.meanshift import canonical_rows, estimate_radius
from bayes_cod.errors import InputError

TIE = 1 + 1e-9


def pass_rates(seed: int, n: int = 200, rungs: int = 5, trials: int = 20) -> np.ndarray:
    """Questions of a few kinds, some irregular, some never passed."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-2.0, 0.0, rungs)
    level = rng.normal(rng.choice([-1.5, 0.0, 1.5], (n, 1)), 0.2)
    rates = np.exp(-np.exp(level - 1.2 * x))
    rates[: n // 8] = rng.uniform(size=(n // 8, rungs))
    rates[-n // 10 :] = 0.0
    return rng.binomial(trials, rates) / trials


def transcription(x: np.ndarray, quantile: float, cap: float, min_size: int) -> np.ndarray:
    """Algorithm 1 as it is written, row by row, with scikit-learn's MeanShift."""
    labels = np.full(len(x), -1)
    usable = x.any(axis=1)
    radius = min(estimate_bandwidth(x[usable], quantile=quantile), cap)
    next_label = 0
    while True:
        before = labels.copy()
        free = np.flatnonzero(usable & (labels == -1))
        if len(free) == 0:
            return labels
        shift = MeanShift(bandwidth=radius * TIE).fit(x[free])
        new = shift.labels_.copy()
        for i in range(len(free)):
            if np.linalg.norm(x[free[i]] - shift.cluster_centers_[new[i]]) > radius * TIE:
                new[i] = -1
        for k in range(len(shift.cluster_centers_)):
            if np.sum(new == k) < min_size:
                new[new == k] = -1
        for k in np.unique(new[new != -1]):
            labels[free[new == k]] = next_label
            next_label += 1
        if np.array_equal(labels, before):
            return labels


def as_sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in np.unique(labels[labels != OUTLIER])}


@pytest.mark.parametrize("seed", range(50))
def test_same_partition_as_the_pseudo_code(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    rungs, trials = int(rng.integers(2, 9)), int(rng.choice([10, 100]))
    x = pass_rates(seed, n=150, rungs=rungs, trials=trials)
    cap = np.sqrt(rungs) / 10
    expected = transcription(x, 0.1, cap, 6)
    found = ImprovedMeanShift(min_size=6).fit_predict(x)
    assert as_sets(found) == as_sets(expected)
    np.testing.assert_array_equal(found == OUTLIER, expected == OUTLIER)


@pytest.mark.parametrize("seed", range(5))
def test_every_cluster_is_within_its_radius_and_large_enough(seed: int) -> None:
    x = pass_rates(seed)
    model = ImprovedMeanShift().fit(x)
    assert len(model.cluster_centers_) > 0
    for k, centre in enumerate(model.cluster_centers_):
        members = x[model.labels_ == k]
        assert len(members) >= model.min_size
        assert np.linalg.norm(members - centre, axis=1).max() <= model.radius_ * TIE
    assert set(model.labels_) <= {OUTLIER, *range(len(model.cluster_centers_))}


def test_nothing_is_left_to_cluster_among_the_outliers() -> None:
    x = pass_rates(3)
    model = ImprovedMeanShift().fit(x)
    again = ImprovedMeanShift(bandwidth=model.bandwidth_).fit(x[model.labels_ == OUTLIER])
    assert np.all(again.labels_ == OUTLIER)


def test_same_data_same_labels() -> None:
    x = pass_rates(4)
    model = ImprovedMeanShift()
    np.testing.assert_array_equal(model.fit(x).labels_, model.fit(x).labels_)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_questions_is_irrelevant(seed: int) -> None:
    x = pass_rates(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    labels = ImprovedMeanShift().fit_predict(x)
    np.testing.assert_array_equal(ImprovedMeanShift().fit_predict(x[order]), labels[order])


def test_questions_never_passed_are_never_labelled() -> None:
    x = pass_rates(0)
    labels = ImprovedMeanShift().fit_predict(x)
    assert np.all(labels[~x.any(axis=1)] == OUTLIER)
    assert np.all(ImprovedMeanShift().fit_predict(np.zeros((30, 4))) == OUTLIER)


def test_identical_questions_form_one_cluster() -> None:
    x = np.tile([0.2, 0.4, 0.9], (25, 1))
    model = ImprovedMeanShift().fit(x)
    assert np.all(model.labels_ == 0)
    np.testing.assert_allclose(model.cluster_centers_, [[0.2, 0.4, 0.9]])


@pytest.mark.parametrize("trials", [5, 1000])
def test_radius_is_that_of_scikit_learn(trials: int) -> None:
    x = pass_rates(7, trials=trials)
    rows, weights, _ = canonical_rows(x)
    expected = estimate_bandwidth(x, quantile=0.2)
    assert estimate_radius(rows, weights, 0.2, 10.0) == pytest.approx(expected, abs=1e-7)
    assert estimate_radius(rows, weights, 0.2, expected / 2) == expected / 2


def test_plain_meanshift_is_that_of_scikit_learn() -> None:
    x = pass_rates(5, trials=200)
    x = x[x.any(axis=1)]
    model = DifficultyMeanShift(min_size=1).fit(x)
    expected = MeanShift(bandwidth=model.bandwidth_ * TIE).fit(x)
    assert as_sets(model.labels_) == as_sets(expected.labels_)


def test_unusable_input_is_named() -> None:
    with pytest.raises(InputError, match="question 1 has no pass rate at rung 0"):
        ImprovedMeanShift().fit([[0.1, 0.2], [np.nan, 0.3]])
    with pytest.raises(InputError, match=r"\[question, rung\] array"):
        ImprovedMeanShift().fit([0.1, 0.2])
    with pytest.raises(InputError, match=r"quantile must be in \(0, 1\], got 0"):
        ImprovedMeanShift(quantile=0).fit([[0.1]])
    with pytest.raises(InputError, match="min_size must be 1 or more, got 0"):
        ImprovedMeanShift(min_size=0).fit([[0.1]])
    with pytest.raises(InputError, match="max_bandwidth must be positive"):
        ImprovedMeanShift(max_bandwidth=-1).fit([[0.1]])


def test_two_thousand_questions_take_little_time() -> None:
    x = pass_rates(1, n=2000, rungs=8, trials=100)
    start = time.process_time()
    ImprovedMeanShift().fit(x)
    assert time.process_time() - start < 5.0
