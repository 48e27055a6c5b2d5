import numpy as np
import pytest
from sklearn.base import clone

from bayes_cod.difficulty import (
    OUTLIER,
    Clusterer,
    DifficultyDBSCAN,
    DifficultyKMeans,
    DifficultyMeanShift,
    ImprovedKMeans,
    ImprovedMeanShift,
    refit,
)

ALL = [ImprovedMeanShift, DifficultyMeanShift, DifficultyKMeans, DifficultyDBSCAN, ImprovedKMeans]


def three_kinds(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three tight kinds of 40 questions each, 8 stray questions and 12 never passed."""
    rng = np.random.default_rng(seed)
    centres = np.array([[0.1, 0.1, 0.2, 0.5], [0.5, 0.7, 0.8, 0.9], [0.0, 0.0, 0.1, 0.9]])
    kind = np.repeat([0, 1, 2], 40)
    tight = centres[kind] + rng.uniform(-0.03, 0.03, (120, 4)).round(2)
    strays = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0], [1, 0, 0, 1]] * 2) * 0.98
    x = np.concatenate([tight.clip(0, 1), strays, np.zeros((12, 4))])
    return x, np.concatenate([kind, np.full(20, -1)])


@pytest.mark.parametrize("cls", ALL)
def test_one_interface(cls: type) -> None:
    x, _ = three_kinds()
    model = clone(cls())
    labels = model.fit_predict(x)
    assert isinstance(model, Clusterer)
    np.testing.assert_array_equal(labels, model.labels_)
    assert labels.max() + 1 == len(model.cluster_centers_)
    assert np.all(labels[~x.any(axis=1)] == OUTLIER)


@pytest.mark.parametrize("cls", ALL)
def test_order_of_questions_is_irrelevant(cls: type) -> None:
    x, _ = three_kinds()
    order = np.random.default_rng(1).permutation(len(x))
    np.testing.assert_array_equal(cls().fit_predict(x[order]), cls().fit_predict(x)[order])


@pytest.mark.parametrize(
    "model", [ImprovedMeanShift(bandwidth=0.15), DifficultyDBSCAN(eps=0.1), DifficultyMeanShift(bandwidth=0.15)]
)
def test_kinds_of_questions_are_found_and_strays_left_out(model: Clusterer) -> None:
    x, kind = three_kinds()
    labels = model.fit_predict(x)
    assert np.all(labels[kind < 0] == OUTLIER)
    for k in range(3):
        assert len(np.unique(labels[kind == k])) == 1
    assert len(np.unique(labels[kind >= 0])) == 3


def test_improved_kmeans_keeps_sizes_and_drops_far_questions() -> None:
    x, _ = three_kinds()
    model = ImprovedKMeans(outlier_factor=2.0).fit(x)
    sizes = np.bincount(model.labels_[model.labels_ >= 0])
    assert sizes.min() >= model.min_size
    assert np.mean(model.labels_[120:128] == OUTLIER) > 0.5


def test_kmeans_with_fewer_vectors_than_clusters() -> None:
    assert set(DifficultyKMeans(n_clusters=10).fit_predict([[0.1, 0.2], [0.5, 0.6], [0.1, 0.2]])) == {0, 1}


@pytest.mark.parametrize("clusterer", [DifficultyKMeans(5), ImprovedKMeans()])
def test_a_refit_to_the_same_questions_finds_the_same_clusters(clusterer: Clusterer) -> None:
    rng = np.random.default_rng(0)
    centres = rng.uniform(0.2, 0.8, (5, 4))
    x = np.clip(np.repeat(centres, 40, axis=0) + rng.normal(0, 0.02, (200, 4)), 0, 1)
    first = clone(clusterer).fit(x)
    again = refit(clusterer, first).fit(x)
    np.testing.assert_array_equal(again.labels_, first.labels_)
    replicate = x[rng.integers(0, 200, 200)]
    assert len(set(refit(clusterer, first).fit(replicate).labels_.tolist()) - {-1}) >= 4


def test_a_refit_to_hardly_any_questions_starts_anew() -> None:
    few = np.full((12, 3), 0.5)
    first = ImprovedKMeans().fit(few)
    np.testing.assert_array_equal(refit(ImprovedKMeans(), first).fit(few).labels_, 0)
    assert len(set(refit(DifficultyKMeans(4), first).fit(np.eye(4)).labels_.tolist())) == 4
