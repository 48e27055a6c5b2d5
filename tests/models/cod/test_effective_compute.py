"""Luck persists, is anchored at the last rung and grows with distance."""

import numpy as np
import pytensor.tensor as pt
import pytest

from bayes_cod.models.cod.effective_compute import anchored, curved, curved_ahead, target_luck


def test_walk_is_zero_at_the_last_rung() -> None:
    steps = np.array([[0.1, -0.3, 0.5], [1.0, 2.0, 3.0]])
    walk = anchored(pt.as_tensor_variable(steps)).eval()
    assert walk.shape == (2, 4)
    np.testing.assert_array_equal(walk[:, -1], 0.0)
    np.testing.assert_allclose(np.diff(walk, axis=1), steps)


@pytest.mark.parametrize("curvature", [-0.3, 0.0, 0.2, 2.0])
def test_compute_ahead_never_makes_a_model_worse(curvature: float) -> None:
    decades = np.linspace(0, 5, 101)
    theta = curved_ahead(decades, np.array(curvature))
    assert theta[0] == 0
    assert (np.diff(theta) >= 0).all()
    before = decades <= (0.5 / curvature if curvature > 0 else np.inf)
    np.testing.assert_allclose(theta[before], curved(decades[before], curvature))


def luck(decades: list[float], seed: int = 0, n: int = 40_000) -> tuple[np.ndarray, np.ndarray]:
    distance = np.repeat(np.array(decades)[:, None], 2, axis=1)
    return target_luck(np.full(n, 0.1), np.full(n, 0.3), distance, np.random.default_rng(seed))


def test_variance_is_proportional_to_decades() -> None:
    shared, own = luck([0.25, 1.0, 2.0])
    np.testing.assert_allclose(shared.var(axis=0) / 0.1**2, [0.25, 1.0, 2.0], rtol=0.05)
    np.testing.assert_allclose(own.var(axis=0) / 0.3**2, [[0.25] * 2, [1.0] * 2, [2.0] * 2], rtol=0.05)


def test_a_larger_target_carries_on_the_luck_of_a_smaller_one() -> None:
    shared, own = luck([2.0, 0.5])
    assert np.corrcoef(shared.T)[0, 1] == pytest.approx(0.5, abs=0.03)  # sqrt(0.5 / 2)
    assert np.corrcoef(own[:, 0, 0], own[:, 1, 0])[0, 1] == pytest.approx(0.5, abs=0.03)
    assert np.corrcoef(own[:, 0, 0], own[:, 0, 1])[0, 1] == pytest.approx(0.0, abs=0.03)
    same, _ = luck([1.0, 1.0], n=50)
    np.testing.assert_array_equal(same[:, 0], same[:, 1])


def test_no_luck_within_the_ladder() -> None:
    shared, own = luck([-1.0, 0.0], n=50)
    assert not shared.any() and not own.any()


def test_luck_is_seeded() -> None:
    first, again, other = (luck([0.3, 1.0], seed=seed, n=20) for seed in (1, 1, 2))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert (one != three).any()
