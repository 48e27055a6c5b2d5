import errno
import os
import tracemalloc

import numpy as np
import pytest
from numba.core.caching import IndexDataCacheFile
from sklearn.cluster import MeanShift, estimate_bandwidth

from bayes_cod.difficulty import OUTLIER, DifficultyMeanShift, ImprovedMeanShift, balls
from bayes_cod.difficulty.balls import WeightedPoints
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


def plain_mean_shift(x: np.ndarray, bandwidth: float) -> tuple[np.ndarray, np.ndarray]:
    """Modes and nearest mode of a flat-kernel MeanShift, seed by seed."""
    found = {}
    for seed in np.unique(x, axis=0):
        mean = seed
        for _ in range(300):
            inside = np.linalg.norm(x - mean, axis=1) <= bandwidth
            before, mean = mean, x[inside].mean(axis=0)
            if np.linalg.norm(mean - before) <= 1e-3 * bandwidth:
                break
        found[tuple(mean)] = inside.sum()
    modes: list[np.ndarray] = []
    for mode in sorted(found, key=lambda mean: (found[mean], np.round(mean, 12).tolist()), reverse=True):
        if all(np.linalg.norm(np.array(mode) - other) > bandwidth for other in modes):
            modes.append(np.array(mode))
    distance = np.linalg.norm(x[:, None] - np.array(modes), axis=2)
    return np.array(modes), distance.round(12).argmin(axis=1)


def transcription(x: np.ndarray, quantile: float, cap: float, min_size: int) -> np.ndarray:
    """Algorithm 1 as it is written, row by row."""
    labels = np.full(len(x), -1)
    usable = x.any(axis=1)
    radius = min(estimate_bandwidth(x[usable], quantile=quantile), cap)
    next_label = 0
    while True:
        before = labels.copy()
        free = np.flatnonzero(usable & (labels == -1))
        if len(free) == 0:
            return labels
        modes, new = plain_mean_shift(x[free], radius * TIE)
        new[np.linalg.norm(x[free] - modes[new], axis=1) > radius * TIE] = -1
        for k in range(len(modes)):
            if np.sum(new == k) < min_size:
                new[new == k] = -1
        for k in np.unique(new[new != -1]):
            labels[free[new == k]] = next_label
            next_label += 1
        if np.array_equal(labels, before):
            return labels


def as_sets(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in np.unique(labels[labels != OUTLIER])}


@pytest.mark.parametrize("seed", range(100))
def test_same_partition_as_the_pseudo_code(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    rungs, trials = int(rng.integers(2, 9)), int(rng.choice([4, 10, 100]))
    x = pass_rates(seed, n=150, rungs=rungs, trials=trials)
    if seed % 3 == 0:  # many questions of one vector
        x = x[rng.integers(0, 40, len(x))]
    cap = np.sqrt(rungs) / 10
    expected = transcription(x, 0.1, cap, 6)
    found = ImprovedMeanShift(min_size=6).fit_predict(x)
    assert as_sets(found) == as_sets(expected)
    np.testing.assert_array_equal(found == OUTLIER, expected == OUTLIER)


def test_the_plain_mean_shift_of_these_tests_is_that_of_scikit_learn() -> None:
    x = pass_rates(0, n=100, trials=100)
    expected = MeanShift(bandwidth=0.2).fit(x)
    modes, labels = plain_mean_shift(x, 0.2)
    np.testing.assert_allclose(modes, expected.cluster_centers_, rtol=1e-12)
    np.testing.assert_array_equal(labels, expected.labels_)


@pytest.mark.parametrize("seed", range(3))
def test_sampled_seeds_find_the_clusters_that_stand_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = rng.uniform(size=(6, 5)).round()  # corners, a bandwidth and more apart
    kinds = np.unique(kinds[kinds.any(axis=1)], axis=0)
    kind = rng.integers(0, len(kinds), 3000)
    x = np.abs(kinds[kind] - np.abs(rng.normal(0.0, 0.02, (3000, 5))))
    model = ImprovedMeanShift(bandwidth=0.2, max_seeds=100).fit(x)
    assert model.sampled_
    assert not ImprovedMeanShift(bandwidth=0.2).fit(x).sampled_
    assert as_sets(model.labels_) == {frozenset(np.flatnonzero(kind == k).tolist()) for k in range(len(kinds))}


def test_a_sampled_partition_keeps_radius_and_size_and_the_order_of_questions_is_irrelevant() -> None:
    x = pass_rates(2, n=3000, rungs=6, trials=100)
    model = ImprovedMeanShift(max_seeds=300).fit(x)
    for k, centre in enumerate(model.cluster_centers_):
        members = x[model.labels_ == k]
        assert len(members) >= model.min_size
        assert np.linalg.norm(members - centre, axis=1).max() <= model.radius_ * TIE
    assert np.mean(model.labels_ == OUTLIER) < 0.4
    order = np.random.default_rng(0).permutation(len(x))
    np.testing.assert_array_equal(ImprovedMeanShift(max_seeds=300).fit_predict(x[order]), model.labels_[order])


@pytest.mark.parametrize("dimensions", [1, 3, 9])
@pytest.mark.parametrize("n", [1, 5, 64, 1000])
def test_sums_in_balls_are_those_of_all_distances(n: int, dimensions: int) -> None:
    rng = np.random.default_rng(n)
    points, weights = rng.uniform(size=(n, dimensions)), rng.integers(1, 5, n)
    centres = rng.uniform(-0.2, 1.2, (50, dimensions))
    means, mass = WeightedPoints(points, weights).within(centres, 0.3)
    inside = (((centres[:, None] - points) ** 2).sum(axis=2) <= 0.3**2) * weights
    np.testing.assert_array_equal(mass, inside.sum(axis=1))
    found = mass > 0
    np.testing.assert_allclose(means[found], (inside @ points)[found] / mass[found, None], rtol=1e-12)
    np.testing.assert_array_equal(means[~found], centres[~found])


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
    with pytest.raises(InputError, match="max_seeds must be 1 or more, got 0"):
        ImprovedMeanShift(max_seeds=0).fit([[0.1]])
    with pytest.raises(InputError, match="max_bandwidth must be positive"):
        ImprovedMeanShift(max_bandwidth=-1).fit([[0.1]])


def test_thirty_thousand_questions_take_linear_memory() -> None:
    x = pass_rates(1, n=30_000, rungs=8, trials=10)
    tracemalloc.start()
    try:
        ImprovedMeanShift(max_seeds=300).fit(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * x.nbytes


@pytest.mark.slow
def test_a_full_disk_costs_the_kept_machine_code_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def full(*_: object) -> None:
        asked.append(errno.ENOSPC)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    x = pass_rates(3)
    expected = ImprovedMeanShift().fit(x).labels_
    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    monkeypatch.setattr(IndexDataCacheFile, "load", lambda *_: None)
    monkeypatch.setattr(balls, "_ball_sums", balls._cached(balls._ball_sums.py_func))
    np.testing.assert_array_equal(ImprovedMeanShift().fit(x).labels_, expected)
    assert asked
