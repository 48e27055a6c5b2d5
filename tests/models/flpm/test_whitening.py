"""Whitening finds the mode and curvature of a posterior that is known exactly."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

from bayes_cod.models.flpm.whitening import coordinates, standard_normals, whiten, whiten_at
from bayes_cod.models.sampling import CompiledModels, SamplerSettings, sample

N, P = 20, 4


@pytest.mark.slow
def test_a_normal_posterior_becomes_standard_normal() -> None:
    rng = np.random.default_rng(0)
    design = rng.standard_normal((N, P)) @ np.diag([30.0, 1.0, 0.1, 0.0])
    seen = rng.standard_normal(N)
    with pm.Model() as model:
        given, values = pm.Data("design", np.zeros((N, P))), pm.Data("seen", np.zeros(N))
        pm.Potential("fit", -0.5 * ((values - pt.dot(given, standard_normals(P))) ** 2).sum())
    compiled = CompiledModels().get("linear", lambda: model)
    data = whiten(compiled, {"design": design, "seen": seen}, np.zeros(P))
    covariance = np.linalg.inv(design.T @ design + np.eye(P))
    np.testing.assert_allclose(data["factor"] @ data["factor"].T, covariance, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(data["centre"], covariance @ design.T @ seen, atol=1e-4)
    elsewhere = whiten_at(compiled, data, data["centre"] + rng.standard_normal((3, P)))
    np.testing.assert_allclose(elsewhere["factor"] @ elsewhere["factor"].T, covariance, rtol=1e-5, atol=1e-8)
    tree = sample(compiled, data, SamplerSettings(draws=400, tune=100, chains=2, cores=1, target_accept=0.8), 0)
    whitened = tree["posterior"]["whitened"].values.reshape(-1, P)
    assert np.abs(whitened.mean(axis=0)).max() < 4 / np.sqrt(200)
    np.testing.assert_allclose(np.cov(whitened.T), np.eye(P), atol=0.35)
    assert tree["sample_stats"]["n_steps"].mean() < 8
    drawn = coordinates(tree, data)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.35 * np.diag(covariance).max())
