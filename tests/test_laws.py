import subprocess
import sys

import numpy as np
import pytest
import reference_laws

from bayes_cod import laws

C = np.array([40.0, 121.0, 308.0, 689.0, 1386.0, 4553.0])
RNG = np.random.default_rng(0)


def test_ablated_laws_are_the_full_law_with_terms_left_out() -> None:
    np.testing.assert_allclose(reference_laws.cod_f1(C, 5.0, 0.4, 0.1), reference_laws.cod(C, 5.0, 0.4, 0.1, 0.0))
    np.testing.assert_allclose(reference_laws.cod_f2(C, 5.0, 0.4, 0.2), reference_laws.cod(C, 5.0, 0.4, 0.0, 0.2))
    np.testing.assert_allclose(reference_laws.cod_f3(C, 5.0, 0.4), np.exp(-5.0 * C**-0.4))


def test_limits_of_the_cluster_law() -> None:
    assert reference_laws.cod(1e40, 5.0, 0.4, 0.3, 0.25) == pytest.approx(0.25 + 0.75 * np.exp(-0.3))
    assert reference_laws.cod(1e-40, 5.0, 0.4, 0.3, 0.25) == pytest.approx(0.25)


def test_units_and_decades_describe_one_law() -> None:
    a, b, c, g = 6.0, 0.35, 0.1, 0.2
    reference = C[-1] * 1e18
    alpha, beta = reference_laws.to_decades(a, b, reference)
    x = laws.decades(C * 1e18, reference)
    assert x[-1] == 0.0
    np.testing.assert_allclose(laws.cod_decades(x, alpha, beta, c, g), reference_laws.cod(C, a, b, c, g), rtol=1e-12)
    np.testing.assert_allclose(laws.from_decades(alpha, beta, reference), (a, b), rtol=1e-12)
    # a in another unit of compute: a scales as unit ** -b
    other, _ = laws.from_decades(alpha, beta, reference, unit=1e20)
    assert other == pytest.approx(a * 100**-b)


def test_reducible_loss_at_the_largest_rung_is_exp_alpha() -> None:
    alpha, _ = reference_laws.to_decades(6.0, 0.35, C[-1] * 1e18)
    assert np.exp(alpha) == pytest.approx(laws.power_law(C[-1], 6.0, 0.35))


def test_parameters_per_cluster_broadcast() -> None:
    a, b = np.array([[3.0], [6.0]]), np.array([[0.3], [0.5]])
    y = reference_laws.cod(C, a, b, 0.0, 0.0)
    assert y.shape == (2, len(C))
    np.testing.assert_allclose(y[1], reference_laws.cod_f3(C, 6.0, 0.5))


def test_direct_law_is_straight_in_log_log_after_the_chance_correction() -> None:
    q = laws.remove_chance(reference_laws.direct_power_law(C, 4.0, 0.3, 0.25), 0.25)
    np.testing.assert_allclose(np.log(-np.log(q)), np.log(4.0) - 0.3 * np.log(C))
    scores = RNG.uniform(size=5)
    np.testing.assert_allclose(laws.remove_chance_inverse(laws.remove_chance(scores, 0.2), 0.2), scores)


def test_loss_laws() -> None:
    n, d = np.array([1e8, 1e9]), np.array([2e9, 2e10])
    expected = 1.7 + 400 * n**-0.34 + 410 * d**-0.28
    np.testing.assert_allclose(laws.params_tokens_loss(n, d, 1.7, 400, 0.34, 410, 0.28), expected)
    np.testing.assert_allclose(reference_laws.power_law_with_floor(C, 3.0, 0.2, 1.5), 1.5 + 3 * C**-0.2)


def test_overtraining_law_is_a_params_tokens_law_with_equal_exponents() -> None:
    # with C = 6 N D and M = D / N, N^-2eta and D^-2eta give (a M^eta + b M^-eta) C^-eta
    n, d, eta = np.array([1e8, 3e8]), np.array([4e9, 2e10]), 0.15
    a, b = 20.0, 30.0
    two_terms = 1.8 + a * 6**-eta * n ** (-2 * eta) + b * 6**-eta * d ** (-2 * eta)
    np.testing.assert_allclose(reference_laws.overtraining_loss(6 * n * d, d / n, 1.8, a, b, eta), two_terms)


def test_broken_power_law_without_breaks_and_beyond_a_break() -> None:
    np.testing.assert_allclose(reference_laws.broken_power_law(C, 0.2, 3.0, 0.3, [], [], []), 0.2 + 3 * C**-0.3)
    y = reference_laws.broken_power_law(C, 0.2, 3.0, 0.3, [500.0], [0.4], [0.5])
    np.testing.assert_allclose(y, 0.2 + 3 * C**-0.3 * (1 + (C / 500) ** 2) ** (-0.4 * 0.5))
    far = np.array([1e12, 1e13])
    slope = np.diff(np.log(reference_laws.broken_power_law(far, 0.0, 3.0, 0.3, [500.0], [0.4], [0.5]))) / np.log(10)
    assert slope[0] == pytest.approx(-0.7, abs=1e-6)


def test_maps_from_loss_to_score() -> None:
    loss = np.array([0.5, 1.0, 2.0])
    np.testing.assert_allclose(laws.linear_map(loss, 1.0, -0.3), 1 - 0.3 * loss)
    np.testing.assert_allclose(laws.exponential_map(loss, 0.9, 1.5, 2.0), 0.9 - 1.5 * np.exp(-2 * loss))
    assert laws.sigmoid_map(1.2, -0.7, 3.0, 1.2, 1.0) == pytest.approx(1 - 0.35)
    assert laws.sigmoid_of_log_compute(0.5, 0.25, 0.9, 2.0, 0.5) == pytest.approx((0.25 + 0.9) / 2)
    np.testing.assert_allclose(laws.sigmoid(np.array([-1e4, 0.0, 1e4])), [0.0, 0.5, 1.0])


def test_domain_loss_is_log_linear() -> None:
    domains = np.array([[1.0, 3.0], [2.0, 2.0]])
    loss = reference_laws.domain_loss(np.log(domains.sum(1)), np.log(domains), 0.5, -0.1, np.array([-0.05, -0.02]))
    expected = np.exp(0.5) * domains.sum(1) ** -0.1 * domains[:, 0] ** -0.05 * domains[:, 1] ** -0.02
    np.testing.assert_allclose(loss, expected)


@pytest.mark.parametrize(
    "law",
    [
        lambda x, p: reference_laws.cod(x, p, 0.4, 0.1, 0.2),
        lambda x, p: laws.cod_decades(laws.decades(x, 100.0), p, 0.4, 0.1, 0.2),
        lambda x, p: laws.params_tokens_loss(x, x, 1.0, p, 0.3, p, 0.2),
        lambda x, p: reference_laws.overtraining_loss(x, 20.0, 1.0, p, 2.0, 0.1),
        lambda x, p: reference_laws.broken_power_law(x, 0.1, p, 0.3, [500.0], [0.4], [0.5]),
        lambda x, p: reference_laws.direct_power_law(x, p, 0.4, 0.25),
        lambda x, p: laws.sigmoid_of_log_compute(laws.log(x), 0.1, 0.9, p, 6.0),
        lambda x, p: laws.sigmoid_map(x / 1e3, -0.7, p, 1.2, 1.0),
        lambda x, p: laws.exponential_map(x / 1e3, 0.9, p, 2.0),
        lambda x, p: laws.from_decades(reference_laws.to_decades(p, 0.3, 1e21)[0], 0.3, 1e21)[0] + x,
    ],
)
def test_symbolic_and_numeric_values_agree(law) -> None:
    tensor = pytest.importorskip("pytensor.tensor")
    x, p = tensor.dvector("x"), tensor.dscalar("p")
    np.testing.assert_allclose(law(x, p).eval({x: C, p: 1.3}), law(C, 1.3), rtol=1e-10)


def test_laws_do_not_import_the_samplers() -> None:
    code = (
        "import sys, importlib.util as u; s = u.spec_from_file_location('laws', sys.argv[1]); "
        "m = u.module_from_spec(s); s.loader.exec_module(m); "
        "assert not {'pymc', 'pytensor'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code, laws.__file__], check=True)


def test_the_skewed_sigmoid_goes_from_logistic_to_gompertz() -> None:
    eta = np.linspace(-8, 8, 33)
    assert np.allclose(laws.skewed_sigmoid(eta, 1.0), 1 / (1 + np.exp(-eta)))
    assert np.allclose(laws.skewed_sigmoid(eta, 1e-6), np.exp(-np.exp(-eta)), atol=1e-4)
    assert np.all(np.diff(laws.skewed_sigmoid(eta, 0.3)) > 0)


def test_the_slope_of_the_skewed_sigmoid_is_its_derivative() -> None:
    eta, step = np.linspace(-6, 6, 25), 1e-5
    for skew in (1.0, 0.3, 0.1):
        rise = (laws.skewed_sigmoid(eta + step, skew) - laws.skewed_sigmoid(eta - step, skew)) / (2 * step)
        assert np.allclose(laws.skewed_sigmoid_and_slope(eta, skew)[1], rise, rtol=1e-5, atol=1e-12)
