"""Weights of a mixture by its CRPS, and the mixture's draws."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Target
from bayes_cod.scoring import proper as scores
from bayes_cod.stacking.mixing import mix, shares
from bayes_cod.stacking.weights import find_weights, mixture_matrix

EQUAL = np.array([1.0, 1.0])


def some_draws(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(0.4, 0.1, 200), rng.normal(0.6, 0.05, 200), rng.choice([0.5, 0.55], 200)]


def repeated(diagonal: tuple[float, ...], cells: int) -> np.ndarray:
    """Cells with uncorrelated members of the given CRPS."""
    return np.repeat(np.diag(diagonal)[None], cells, axis=0)


def test_the_quadratic_form_is_the_crps_of_the_mixture() -> None:
    draws, truth = some_draws(), 0.52
    matrix = mixture_matrix(draws, truth)
    # weights 0.5, 0.25, 0.25 of equally many draws: the pooled sample with the first member's draws twice
    weights, pooled = np.array([0.5, 0.25, 0.25]), np.concatenate([draws[0], *draws])
    assert weights @ matrix @ weights == pytest.approx(float(scores.crps(pooled, np.array(truth))), abs=1e-12)
    own = [float(scores.crps(own, np.array(truth))) for own in draws]
    np.testing.assert_allclose(np.diag(matrix), own, atol=1e-12)


def test_the_form_agrees_with_expected_distances() -> None:
    draws, truth = some_draws(1), 0.3
    weights = np.array([0.2, 0.3, 0.5])
    linear = sum(w * np.abs(own - truth).mean() for w, own in zip(weights, draws, strict=True))
    cross = sum(
        w * v * np.abs(a[:, None] - b[None, :]).mean()
        for w, a in zip(weights, draws, strict=True)
        for v, b in zip(weights, draws, strict=True)
    )
    assert weights @ mixture_matrix(draws, truth) @ weights == pytest.approx(linear - 0.5 * cross, abs=1e-12)


def test_point_forecasts_have_their_absolute_error() -> None:
    matrix = mixture_matrix([np.array([0.3]), np.array([0.6])], 0.5)
    np.testing.assert_allclose(matrix, [[0.2, 0.0], [0.0, 0.1]], atol=1e-15)


def test_draws_that_are_not_finite_are_refused() -> None:
    with pytest.raises(InputError, match="must be finite to be stacked"):
        mixture_matrix([np.array([0.3, np.nan])], 0.5)


def test_without_a_penalty_the_weights_are_the_minimum_of_the_form() -> None:
    weights = find_weights(repeated((1.0, 3.0), 4), EQUAL, strength=0.0)
    np.testing.assert_allclose(weights, [0.75, 0.25], atol=1e-6)  # w1 * 1 = w2 * 3
    identical = np.full((3, 2, 2), 0.1)
    np.testing.assert_allclose(find_weights(identical, np.array([3.0, 1.0])), [0.75, 0.25], atol=1e-6)


def test_the_better_member_gains_with_every_cell() -> None:
    better = [find_weights(repeated((0.02, 0.06), cells), EQUAL)[0] for cells in (0, 3, 15, 60, 1000)]
    assert better[0] == 0.5 and np.all(np.diff(better) > 0)
    assert better[1] < 0.6 and better[-1] == pytest.approx(0.75, abs=0.01)


def test_a_dominated_member_loses_its_weight() -> None:
    """One member errs by twice the other's error in the same direction: nearly all weight goes to the other."""
    matrix = mixture_matrix([np.array([0.5]), np.array([0.6])], 0.4)
    few, many = (find_weights(np.repeat(matrix[None], cells, axis=0), EQUAL)[0] for cells in (3, 30000))
    assert 0.5 < few < 0.7 and many > 0.95


def test_the_strength_counts_cells() -> None:
    """Twice the cells at twice the strength are the same problem."""
    weights = [find_weights(repeated((0.02, 0.06), n), EQUAL, s) for n, s in ((5, 4.0), (10, 8.0))]
    np.testing.assert_allclose(*weights, atol=1e-6)


def test_weights_without_a_question() -> None:
    none = np.zeros((0, 2, 2))
    np.testing.assert_allclose(find_weights(none, np.array([3.0, 1.0])), [0.75, 0.25])
    np.testing.assert_allclose(find_weights(repeated((0.1,), 3), np.array([2.0])), [1.0])
    np.testing.assert_allclose(find_weights(np.zeros((3, 2, 2)), EQUAL), [0.5, 0.5])  # all forecasts exact


# ---------------------------------------------------------------- draws


def forecast(values: np.ndarray, benchmarks: list[str], targets: int = 1) -> Forecast:
    named = [Target(f"t{index}", 10.0 ** (20 + index)) for index in range(targets)]
    return Forecast.from_draws(values, values / 2, named, benchmarks, "m")


def test_shares_add_up() -> None:
    assert shares(np.array([0.5, 0.3, 0.2]), 10) == [5, 3, 2]
    assert sum(shares(np.array([1, 1, 1]) / 3, 100)) == 100


def test_joint_draws_stay_together() -> None:
    """Every draw of the mixture is one draw of one member, over all targets and benchmarks, observed and latent."""
    rng = np.random.default_rng(0)
    one, two = rng.uniform(0, 0.4, (30, 2, 2)), rng.uniform(0.6, 1, (50, 2, 2))
    parts = [forecast(one, ["a", "b"], 2), forecast(two[:, :, ::-1], ["b", "a"], 2)]
    observed, latent = mix(parts, np.array([0.25, 0.75]), ["a", "b"], 200, seed=3)
    np.testing.assert_allclose(latent, observed / 2)
    rows = {row.tobytes() for row in np.concatenate([one, two])}
    assert {row.tobytes() for row in np.ascontiguousarray(observed)} == rows
    assert (observed[:, 0, 0] < 0.5).sum() == 50
    again, _ = mix(parts, np.array([0.25, 0.75]), ["a", "b"], 200, seed=3)
    other, _ = mix(parts, np.array([0.25, 0.75]), ["a", "b"], 200, seed=4)
    np.testing.assert_array_equal(observed, again)
    assert not np.array_equal(observed, other)


def test_a_benchmark_that_a_member_lacks_comes_from_the_others() -> None:
    one, two = np.full((10, 1, 1), 0.2), np.full((10, 1, 2), 0.8)
    observed, latent = mix([forecast(one, ["a"]), forecast(two, ["a", "b"])], np.array([0.5, 0.5]), ["a", "b"], 100, 0)
    assert (observed[:, 0, 0] == 0.2).sum() == 50
    assert (observed[:, 0, 1] == 0.8).all() and (latent[:, 0, 1] == 0.4).all()
