import numpy as np
import pytest

from bayes_cod.difficulty import TrialCounts, aggregate_counts, partition_quality
from bayes_cod.errors import InputError


def test_quality_of_a_known_partition() -> None:
    x = [[0.0, 0.2], [0.0, 0.4], [0.5, 0.5], [0.9, 0.1]]
    quality = partition_quality(x, [0, 0, 1, -1])
    assert quality.n_clusters == 2
    assert quality.outlier_rate == 0.25
    assert quality.intra_average_distance == pytest.approx(0.2 / 3)
    np.testing.assert_allclose(quality.radius, [0.1, 0.0])
    np.testing.assert_array_equal(quality.size, [2, 1])


def test_quality_without_clusters() -> None:
    quality = partition_quality([[0.1], [0.2]], [-1, -1])
    assert quality.n_clusters == 0
    assert np.isnan(quality.intra_average_distance)
    assert quality.outlier_rate == 1.0


def test_counts_are_conserved() -> None:
    rng = np.random.default_rng(0)
    n = rng.integers(1, 20, (60, 3))
    counts = TrialCounts.of(rng.binomial(n, 0.5), n)
    labels = rng.integers(-1, 4, 60)
    clusters = aggregate_counts(counts, labels)
    inside = labels >= 0
    np.testing.assert_array_equal(clusters.n_trials.sum(axis=0), n[inside].sum(axis=0))
    np.testing.assert_array_equal(clusters.n_correct.sum(axis=0), counts.n_correct[inside].sum(axis=0))
    np.testing.assert_allclose(clusters.size @ clusters.score / inside.sum(), counts.pass_rates[inside].mean(axis=0))
    assert clusters.weights.sum() == pytest.approx(inside.mean())
    np.testing.assert_array_equal(clusters.labels, [0, 1, 2, 3])


def test_members_without_trials_are_left_out_of_the_mean() -> None:
    clusters = aggregate_counts(TrialCounts.of([[1, 0], [0, 0]], [[2, 0], [0, 0]]), [0, 0])
    np.testing.assert_array_equal(clusters.score, [[0.5, np.nan]])


def test_number_of_labels_is_checked() -> None:
    with pytest.raises(InputError, match="expected 2 labels"):
        partition_quality([[0.1], [0.2]], [0])
