"""The map is monotone with fixed ends, whatever the increments."""

import numpy as np
import pytest

from bayes_cod.models.cod.mapping import DEGREE, above_chance, bernstein_basis, monotone


def test_basis_sums_to_one() -> None:
    basis = bernstein_basis(np.linspace(-0.2, 1.2, 57).reshape(3, 19))
    assert basis.shape == (3, 19, DEGREE + 1)
    assert (basis >= 0).all()
    np.testing.assert_allclose(basis.sum(axis=-1), 1.0)


@pytest.mark.parametrize("weight", [0.1, 1.0, 10.0])
def test_map_increases_between_fixed_ends(weight: float) -> None:
    increments = np.random.default_rng(0).dirichlet(np.full(DEGREE, weight), size=200)
    values = monotone(bernstein_basis(np.linspace(0, 1, 101)), increments[:, None, :])
    assert values.shape == (200, 101)
    np.testing.assert_allclose(values[:, 0], 0.0, atol=1e-12)
    np.testing.assert_allclose(values[:, -1], 1.0)
    assert (np.diff(values, axis=1) >= -1e-12).all()
    assert (np.diff(values[:, ::10], axis=1) > 0).all() or weight < 1


def test_equal_increments_are_the_identity() -> None:
    s = np.linspace(0, 1, 11)
    np.testing.assert_allclose(monotone(bernstein_basis(s), np.full(DEGREE, 1 / DEGREE)), s)


def test_above_chance() -> None:
    score = np.array([0.1, 0.25, 0.625, 1.0])
    np.testing.assert_allclose(above_chance(score, np.array(0.25)), [0.0, 0.0, 0.5, 1.0])
    np.testing.assert_allclose(above_chance(score, np.array(0.0)), score)
