"""Mode, curvature and draws of a posterior that is known exactly."""

from __future__ import annotations

import numpy as np

from bayes_cod.models.flpm.posterior import FloatArray, Whitening, find_mode, sample
from bayes_cod.models.sampling import SamplerSettings

N, P = 20, 4


class Linear:
    """Normal noise around a linear law, whose coefficients are standard normal a priori."""

    size = P

    def __init__(self, design: FloatArray, seen: FloatArray) -> None:
        self.design, self.seen = design, seen

    def __call__(self, coordinates: FloatArray) -> tuple[float, FloatArray]:
        left = self.seen - self.design @ coordinates
        return float(-0.5 * (left @ left + coordinates @ coordinates)), self.design.T @ left - coordinates

    def parameters(self, draws: FloatArray) -> dict[str, FloatArray]:
        return {"coefficient": draws}


def test_a_normal_posterior_becomes_standard_normal() -> None:
    rng = np.random.default_rng(0)
    design = rng.standard_normal((N, P)) @ np.diag([30.0, 1.0, 0.1, 0.0])
    seen = rng.standard_normal(N)
    density = Linear(design, seen)
    covariance = np.linalg.inv(design.T @ design + np.eye(P))
    mode = find_mode(density, np.zeros(P))
    np.testing.assert_allclose(mode, covariance @ design.T @ seen, atol=1e-4)
    for places in (mode[None], mode + rng.standard_normal((3, P))):
        whitening = Whitening.at(density, places)
        np.testing.assert_allclose(whitening.factor @ whitening.factor.T, covariance, rtol=1e-5, atol=1e-8)
    settings = SamplerSettings(draws=400, tune=100, chains=2, cores=1, target_accept=0.8)
    tree, drawn = sample(density, Whitening.at(density, mode[None]), settings, 0)
    assert tree["sample_stats"]["n_steps"].mean() < 8
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((drawn.mean(axis=0) - mode) / sd).max() < 4 / np.sqrt(200)
    np.testing.assert_allclose(np.cov(drawn.T) / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.35)
    again = sample(density, Whitening.at(density, mode[None]), settings, 0)[1]
    np.testing.assert_array_equal(again, drawn)
