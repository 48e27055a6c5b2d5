"""What new runs differ by has the shape of what the runs differ by, and its parts have the model's moments."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.models.flpm.evidence import Points
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.luck import left_out, new_runs, new_runs_jointly, shaped

N, D = 60, 4
SD = np.array([0.01, 0.02, 0.01, 0.03])


def test_left_out_is_the_error_of_the_forecast_from_the_other_runs() -> None:
    rng = np.random.default_rng(0)
    points = Points(rng.dirichlet(np.ones(3), N), np.full(N, 15.0), np.full(N, 20.0), np.zeros(N), np.arange(N))
    residual, features, signal = SD * rng.standard_normal((N, D)), Features.of(points), 2.0
    got = left_out(residual, features, signal)
    covariance = np.eye(N) + signal * (features.vectors * features.values) @ features.vectors.T
    for row in (0, 17):
        others = np.arange(N) != row
        weights = np.linalg.solve(covariance[np.ix_(others, others)], covariance[others, row])
        sd = np.sqrt(covariance[row, row] - weights @ covariance[others, row])
        np.testing.assert_allclose(got[row], (residual[row] - weights @ residual[others]) / sd, rtol=1e-6)


def test_luck_of_a_new_run_follows_the_runs_and_the_normal_between_them() -> None:
    rng = np.random.default_rng(1)
    covariance = np.diag(SD) @ (0.5 + 0.5 * np.eye(D)) @ np.diag(SD)
    seen = np.full((90, D), 0.5)  # told apart from normals at once
    spread = np.where(np.arange(90) < 9, 4.0, 1.0)
    rows = shaped(seen, spread, np.linalg.cholesky(covariance), 30.0, 40_000, rng)
    own = (rows == 0.5).all(axis=1)
    assert abs(own.mean() - 90 / 120) < 0.02
    np.testing.assert_allclose(np.cov(rows[~own].T), covariance * (0.9 + 0.1 * 4.0**2), rtol=0.1)


@pytest.mark.parametrize("joint", [False, True])
def test_departure_and_noise_of_new_runs_have_the_model_s_moments(*, joint: bool) -> None:
    rng = np.random.default_rng(2)
    part = np.array([[1.0, 0.5], [0.8, -0.5], [0.1, 0.1]])
    covariance, count = part @ part.T, 60_000
    luck = np.sqrt(3) * rng.uniform(-1, 1, (3, count))  # variance 1, not normal
    if joint:
        departure, total = new_runs_jointly(part, 0.5, luck, rng.standard_normal((5, count)))
        np.testing.assert_allclose(np.cov(departure), covariance, atol=0.03)
        np.testing.assert_allclose(np.cov(total), covariance + 0.5 * np.eye(3), atol=0.03)
    else:
        departure, total = new_runs(covariance.diagonal(), 0.5, luck, rng.standard_normal((2, 3, count)))
        np.testing.assert_allclose(total, np.sqrt(covariance.diagonal() + 0.5)[:, None] * luck)
    np.testing.assert_allclose(np.cov(total).diagonal(), covariance.diagonal() + 0.5, rtol=0.03)
    np.testing.assert_allclose(np.cov(departure).diagonal(), covariance.diagonal(), rtol=0.03, atol=0.003)
    np.testing.assert_allclose(np.cov(total - departure).diagonal(), 0.5, rtol=0.03)
