import numpy as np
import pytest
from scipy.optimize import least_squares

from bayes_cod.published.fitting import fit_laws
from bayes_cod.published.least_squares import solve_together
from bayes_cod.published.separable import LinearPart, scan

X = np.linspace(-3.0, 0.0, 7)


def decay(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``a exp(-b x) + c`` and its derivative."""
    a, b, c = theta.T[:, :, None]
    falling = np.exp(-b * X)
    return a * falling + c, np.stack([falling, -a * X * falling, np.ones_like(falling)], axis=2)


@pytest.mark.parametrize("upper", [np.array([5.0, 5.0, 5.0]), np.array([0.4, 5.0, 5.0]), np.array([5.0, 0.3, 0.1])])
def test_many_problems_at_once_end_where_scipy_ends_one_by_one(upper: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform([0.2, 0.1, 0.0], [1.0, 0.8, 0.5], (40, 3))
    data = decay(truth)[0] + rng.normal(0, 0.02, (40, 7))
    lower, start = np.zeros(3), np.tile(upper / 3, (40, 1))

    def model(theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, derivative = decay(theta)
        return value - data[which], derivative

    theta, rss = solve_together(model, start, lower, upper)
    assert np.all((theta >= lower) & (theta <= upper))
    for i in range(40):
        found = least_squares(
            lambda t, i=i: decay(t[None])[0][0] - data[i],
            start[i],
            lambda t: decay(t[None])[1][0],
            bounds=(lower, upper),
            xtol=1e-13,
            ftol=1e-13,
            gtol=1e-13,
        )
        assert rss[i] <= 2 * found.cost * (1 + 1e-6)
        np.testing.assert_allclose(theta[i], found.x, atol=1e-3)


def test_exact_data_are_met_exactly() -> None:
    truth = np.array([[0.7, 0.5, 0.1]])
    data = decay(truth)[0]
    theta, rss = solve_together(
        lambda t, which: (decay(t)[0] - data[which], decay(t)[1]), np.full((1, 3), 0.3), np.zeros(3), np.full(3, 5.0)
    )
    np.testing.assert_allclose(theta, truth, rtol=1e-8)
    assert rss[0] < 1e-20


def test_a_parameter_without_influence_does_no_harm() -> None:
    def model(theta: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ones = np.ones((len(theta), 4))
        return theta[:, :1] * ones - 0.25, np.stack([ones, 0 * ones], axis=2)

    theta, rss = solve_together(model, np.array([[0.9, 0.9]]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(theta, [[0.25, 0.9]], atol=1e-9)
    assert rss[0] < 1e-18


@pytest.mark.parametrize(
    "linear",
    [LinearPart(None, True), LinearPart(None, False), LinearPart(0.25, True), LinearPart(0.25, False)],
)
def test_linear_part_is_the_best_of_a_fine_grid(linear: LinearPart) -> None:
    rng = np.random.default_rng(1)
    g, share = (part.ravel() for part in np.meshgrid(np.linspace(0, 0.999, 400), np.linspace(0, 1, 400)))
    if linear.level is not None:
        g = np.full_like(g, linear.level)
    if not linear.free_scale:
        share = np.ones_like(g)
    scale = share * (1 - g)
    for _ in range(30):
        basis, y = np.sort(rng.uniform(size=6)), rng.uniform(size=6)
        if rng.uniform() < 0.5:
            y = np.sort(y)
        best_g, best_scale, _ = linear.at(basis[None], y[None])
        cost = float(((best_g + best_scale * basis - y) ** 2).sum())
        on_grid = ((g[:, None] + scale[:, None] * basis - y) ** 2).sum(axis=1).min()
        assert best_g[0] >= 0 and best_scale[0] >= 0 and best_g[0] + best_scale[0] <= 1 + 1e-12
        assert cost <= on_grid + 1e-9
        assert cost == pytest.approx(scan(linear, basis[None], y[None])[0, 0], abs=1e-12)


def test_laws_fitted_together_are_those_fitted_alone() -> None:
    rng = np.random.default_rng(2)
    y = np.sort(rng.uniform(0.05, 0.95, (20, 7)), axis=1)
    together = fit_laws(X, y, free_c=True, chance=None)
    for row, fit in zip(y, together, strict=True):
        alone = fit_laws(X, row[None], free_c=True, chance=None)[0]
        assert fit.rss == pytest.approx(alone.rss, rel=1e-9, abs=1e-15)
        assert fit(np.array([0.5]))[0] == pytest.approx(alone(np.array([0.5]))[0], abs=1e-6)


@pytest.mark.parametrize("jump", [0.2, 0.35, 0.6])
def test_a_slope_that_the_data_leave_open_is_the_least_that_fits(jump: float) -> None:
    # any steep law goes through these scores; rounding must not choose which
    x = np.array([-1.7, -0.8, 0.0])
    fits = [
        fit_laws(x, np.array([[0.0, 0.0, jump + noise]]), free_c=False, chance=0.0)[0]
        for noise in (0.0, 1e-15, -1e-15, 3e-14)
    ]
    assert all(fit.rss < 1e-10 for fit in fits)
    np.testing.assert_allclose([fit.beta for fit in fits], fits[0].beta, rtol=1e-6)
    assert fits[0].beta < 6
