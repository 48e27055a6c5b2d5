"""The summed-out likelihood against SciPy's, its derivatives against differences, and draws given what is shared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import multivariate_normal

from bayes_cod.models.cod.marginal import MISSING, evaluate, random

MOVED = np.array([[0.0, -0.6, -1.3]])
SLOPE, WALK, NOISE = np.array([0.9]), np.array([0.2, 0.5]), np.array([0.02])
SPREAD, FIXED = 0.5, np.array([-0.5, 6.25])
X = np.array([[0.0, -0.5, -1.2]])
SEEN = np.array([[0.3, -0.2, -1.1], [-2.0, -1.5, 9.0]])
VARIANCE = np.array([[0.01, 0.02, 0.5], [0.03, 0.1, MISSING]])
FAMILY = np.zeros(2, dtype=np.int64)
REST = (FIXED, X, SEEN, VARIANCE, FAMILY)


def covariance(curve: int) -> np.ndarray:
    by_slope = SPREAD * SLOPE[0] * MOVED[0]
    apart = np.minimum(-X[0][:, None], -X[0][None, :])
    return FIXED[1] + np.outer(by_slope, by_slope) + WALK[curve] * apart + np.diag(VARIANCE[curve] + NOISE[0])


def test_it_is_a_normal_density_of_what_was_seen() -> None:
    mean = FIXED[0] + SLOPE[0] * MOVED[0]
    whole = multivariate_normal(mean, covariance(0)).logpdf(SEEN[0])
    part = multivariate_normal(mean[:2], covariance(1)[:2, :2]).logpdf(SEEN[1, :2])
    assert evaluate(MOVED, SLOPE, WALK, NOISE, SPREAD, *REST)[0] == pytest.approx(whole + part)


def test_derivatives() -> None:
    def value(flat: np.ndarray) -> float:
        return float(evaluate(flat[:3][None], flat[3:4], flat[4:6], flat[6:7], flat[7], *REST)[0])

    at = np.concatenate([MOVED[0], SLOPE, WALK, NOISE, [SPREAD]])
    found = np.concatenate([np.ravel(part) for part in evaluate(MOVED, SLOPE, WALK, NOISE, SPREAD, *REST)[1:]])
    np.testing.assert_allclose(found, approx_fprime(at, value, 1e-7), rtol=1e-3, atol=1e-4)


def test_draws_have_its_covariance() -> None:
    rng = np.random.default_rng(0)
    shown = np.where(VARIANCE >= MISSING, 0.1, VARIANCE)
    drawn = [
        random(MOVED, SLOPE, WALK, NOISE, np.array(SPREAD), FIXED, X, shown, FAMILY, rng)[0] for _ in range(20_000)
    ]
    np.testing.assert_allclose(np.cov(np.array(drawn).T), covariance(0), rtol=0.1, atol=0.1)
