"""Luck that persists grows with distance; luck that passes belongs to one run."""

import numpy as np
import pytest

from bayes_cod.models.cod.effective_compute import StepBasis, curved, curved_ahead, passing_luck, target_luck


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
    return target_luck(np.full(n, 0.1), np.full((n, 2), 0.3), distance, np.random.default_rng(seed))


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


RUNGS = np.array([-1.5, -0.9, -0.4, -0.4, 0.0])  # two runs of one compute
DIFFERENCE = np.diff(np.eye(5), axis=0)


def test_directions_of_the_basis_are_independent_whatever_the_scales() -> None:
    basis = StepBasis.of(RUNGS)
    for walk, sigma in ((0.3, 0.1), (0.01, 0.5)):
        covariance = walk**2 * np.diag(np.diff(RUNGS)) + sigma**2 * DIFFERENCE @ DIFFERENCE.T
        expected = np.diag(walk**2 * basis.variance + sigma**2)
        np.testing.assert_allclose(basis.weights.T @ covariance @ basis.weights, expected, atol=1e-10)
    np.testing.assert_allclose(basis.back @ basis.weights.T, np.eye(4), atol=1e-10)


def test_padding_leads_and_leaves_the_basis_as_it_is() -> None:
    padded, plain = StepBasis.of(RUNGS, 6), StepBasis.of(RUNGS)
    np.testing.assert_array_equal(padded.weights[2:, 2:], plain.weights)
    np.testing.assert_array_equal(padded.weights[:2], np.eye(6)[:2])
    np.testing.assert_array_equal(padded.variance[:2], 0)


def test_passing_luck_has_the_moments_of_the_conditional_normal() -> None:
    walk, sigma = 0.3, 0.2
    steps = np.array([0.5, -0.4, 0.3, 0.1])
    n = 40_000
    drawn = passing_luck(np.tile(steps, (n, 1)), RUNGS, np.full(n, walk), np.full(n, sigma), np.random.default_rng(0))
    covariance = walk**2 * np.diag(np.diff(RUNGS)) + sigma**2 * DIFFERENCE @ DIFFERENCE.T
    gain = sigma**2 * DIFFERENCE.T @ np.linalg.inv(covariance)
    np.testing.assert_allclose(drawn.mean(axis=0), gain @ steps, atol=0.005)
    expected = sigma**2 * np.eye(5) - sigma**2 * gain @ DIFFERENCE
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.002)


def test_two_runs_of_one_compute_differ_by_passing_luck_alone() -> None:
    steps = np.random.default_rng(1).normal(size=(50, 3, 4))
    drawn = passing_luck(steps, RUNGS, np.full(50, 0.3), np.full(50, 0.2), np.random.default_rng(2))
    np.testing.assert_allclose(drawn[..., 3] - drawn[..., 2], steps[..., 2], atol=1e-9)
