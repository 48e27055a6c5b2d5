"""The density of the domain-loss stage: its gradient, and the same density written another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, gather_losses
from bayes_cod.models.flpm.losses.density import LossDensity
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import Relative, law_priors, place
from bayes_cod.models.flpm.losses.predict import LossDraws, law, of_parameters
from bayes_cod.models.flpm.posterior import split
from bayes_cod.models.flpm.priors import LossPriors

PRIORS = LossPriors()
STEP = 1e-5


@pytest.fixture(scope="module", params=["sizes", "one size"])
def evidence(request: pytest.FixtureRequest, ladder: Ladder) -> LossEvidence:
    found = gather_losses(ladder, LossSettings())
    if request.param == "sizes":
        return found
    same = np.full(len(found.points), found.points.log_params[0])
    return replace(found, points=replace(found.points, log_params=same))


def features_of(evidence: LossEvidence) -> Features:
    return Features.of(evidence.points, np.linspace(1.0, 2.0, len(evidence.points)))


def density_of(evidence: LossEvidence) -> LossDensity:
    return LossDensity(evidence, features_of(evidence), PRIORS)


def somewhere(density: LossDensity, seed: int) -> np.ndarray:
    return density.start() + 0.3 * np.random.default_rng(seed).standard_normal(density.size)


def drawn(density: LossDensity, at: np.ndarray) -> LossDraws:
    return of_parameters(density.parameters(at[None]))


def normals_behind(density: LossDensity, evidence: LossEvidence, at: np.ndarray) -> np.ndarray:
    """Standard normals that give the law of some coordinates, found from its parameters one by one."""
    draws, parts = drawn(density, at), split(at.copy(), density.blocks)
    prior, typical = law_priors(PRIORS, place(evidence)), parts["typical"]
    weights = np.log(draws.terms[0, 1:] / draws.terms[0, 0])
    alpha, beta, eta, kappa = np.log(draws.exponents[0])
    params, tokens, _ = place(evidence)
    terms, exponents = draws.terms[0], draws.exponents[0]
    at_anchor = terms[0] + terms[1] * np.exp(exponents[0] * params)
    at_anchor += terms[2] * np.exp(exponents[2] * tokens + exponents[3] * params)
    natural = [draws.level[0] + np.log(at_anchor), *weights, alpha, beta, kappa, eta - beta]
    normal = [(row - p[0] - p[1] * z) / p[2] for row, p, z in zip(natural, prior, typical, strict=True)]
    parts["level"][:], parts["rows"][:] = normal[0], normal[1:]
    return np.concatenate([part.ravel() for part in parts.values()])


def log_likelihood(density: LossDensity, evidence: LossEvidence, at: np.ndarray) -> float:
    """Matrix normal residuals of the law, their covariance inverse Wishart and integrated out."""
    draws, features = drawn(density, at), features_of(evidence)
    mean, scale = law(draws, 0, Relative.of(evidence.points, evidence.reference))
    residual = (evidence.log_loss - mean) / scale / features.spread[:, None]
    n, domains = residual.shape
    covariance = np.eye(n) + draws.signal[0] * (features.vectors * features.values) @ features.vectors.T
    scatter = PRIORS.noise_scatter(domains) + residual.T @ np.linalg.solve(covariance, residual)
    freedom = n + domains - 1 + PRIORS.noise_df
    found = -0.5 * domains * np.linalg.slogdet(covariance)[1] - 0.5 * freedom * np.linalg.slogdet(scatter)[1]
    return float(found - np.log(scale).sum())


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_the_density(evidence: LossEvidence, seed: int) -> None:
    density = density_of(evidence)
    at = somewhere(density, seed)
    steps = STEP * np.eye(density.size)
    differences = [(density(at + step)[0] - density(at - step)[0]) / (2 * STEP) for step in steps]
    np.testing.assert_allclose(density(at)[1], differences, rtol=1e-5, atol=1e-4)


def test_the_density_is_that_of_the_standard_normals_and_the_losses(evidence: LossEvidence) -> None:
    density = density_of(evidence)
    constants = []
    for seed in range(4):
        at = somewhere(density, seed)
        columns = [
            (normals_behind(density, evidence, at + step) - normals_behind(density, evidence, at - step)) / (2 * STEP)
            for step in STEP * np.eye(density.size)
        ]
        prior = np.linalg.slogdet(np.array(columns))[1] - 0.5 * (normals_behind(density, evidence, at) ** 2).sum()
        constants.append(density(at)[0] - prior - log_likelihood(density, evidence, at))
    np.testing.assert_allclose(constants, constants[0], atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_simulated_parameters_are_those_of_standard_normals(evidence: LossEvidence, seed: int) -> None:
    density = density_of(evidence)
    at = somewhere(density, seed)
    found = density.parameters_of_normals(normals_behind(density, evidence, at)[None])
    for name, value in density.parameters(at[None]).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-8, err_msg=name)


def test_coordinates_are_what_they_are_named_after(ladder: Ladder) -> None:
    evidence = gather_losses(ladder, LossSettings())
    density = density_of(evidence)
    at = somewhere(density, 1)
    draws, rows = drawn(density, at), split(at, density.blocks)["rows"]
    relative = Relative.of(evidence.points, evidence.reference)
    alpha, beta, _, kappa = draws.exponents[0]
    pooled = np.log(np.exp(draws.rho[0] * relative.log_shares) @ np.exp(draws.log_transfer[0]))
    pooled -= np.log(np.exp(draws.rho[0] * relative.reference_log_shares) @ np.exp(draws.log_transfer[0]))
    usual = pooled.mean(axis=0)
    small, large = (
        draws.terms[0] * np.exp([0 * alpha, -alpha * size, -kappa * size - beta * usual])
        for size in (relative.log_params.min(), relative.log_params.max())
    )
    data_share = large[2] / large.sum(axis=0)
    np.testing.assert_allclose(np.exp(rows[0]), small.sum(axis=0) / large.sum(axis=0) - 1)
    np.testing.assert_allclose(np.exp(-np.exp(rows[1])), 1 - data_share)
    np.testing.assert_allclose(np.exp(rows[3]), data_share * beta)


def test_the_search_starts_at_the_levels_of_the_runs(evidence: LossEvidence) -> None:
    density = density_of(evidence)
    mean, _ = law(drawn(density, density.start()), 0, Relative.of(evidence.points, evidence.reference))
    np.testing.assert_allclose(mean.mean(axis=0), evidence.log_loss.mean(axis=0))


def test_a_law_without_finite_losses_has_no_density(evidence: LossEvidence) -> None:
    density = density_of(evidence)
    at = density.start()
    at[:] = 1e3
    assert not np.isfinite(density(at)[0])


def test_residuals_are_in_units_of_the_runs_spread(evidence: LossEvidence) -> None:
    features, n = Features.of(evidence.points), len(evidence.points)
    density = LossDensity(evidence, features, PRIORS)
    at = density.start()
    mean, _ = law(drawn(density, at), 0, Relative.of(evidence.points, evidence.reference))

    def value(row_scale: float, spread: float) -> float:
        scale, spreads = np.ones((n, 1)), np.ones(n)
        scale[5], spreads[5] = row_scale, spread
        noise = 0.02 * np.random.default_rng(0).standard_normal(mean.shape)
        moved = replace(evidence, log_loss=mean + scale * noise)
        return LossDensity(moved, replace(features, spread=spreads), PRIORS)(at)[0]

    assert value(6.0, 6.0) == pytest.approx(value(1.0, 1.0), abs=1e-6)
    assert value(6.0, 1.0) < value(1.0, 1.0) - 1
