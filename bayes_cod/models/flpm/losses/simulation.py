"""Runs drawn from the prior of the domain-loss stage, fitted, and the ranks of the truth: calibration by simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import invwishart

from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.losses.density import LossDensity
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import Relative
from bayes_cod.models.flpm.losses.predict import LUCK_ROWS, LossDraws, law, of_parameters, predict
from bayes_cod.models.flpm.losses.stage import MixtureLosses
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.sampling import SamplerSettings

N_RUNS, N_SOURCES, N_DOMAINS = 24, 3, 2
SIZES = (1e7, 3e7, 1e8)
TARGET_SIZE = 1e9
TOKENS_A_PARAMETER = 20.0
SAMPLER = SamplerSettings(draws=200, tune=200, chains=1, cores=1, target_accept=0.85)


def blank(seed: int) -> tuple[LossEvidence, Points]:
    """Runs without losses yet, and two targets: a new mixture at the largest size and one beyond it."""
    rng = np.random.default_rng([seed, 51])
    shares = rng.dirichlet(np.ones(N_SOURCES), N_RUNS + 2)
    sizes = np.log(np.array([*(SIZES[i % len(SIZES)] for i in range(N_RUNS)), SIZES[-1], TARGET_SIZE]))
    count = N_RUNS + 2
    points = Points(shares, sizes, sizes + np.log(TOKENS_A_PARAMETER), np.zeros(count), np.arange(count))
    names = tuple(f"d{index}" for index in range(N_DOMAINS))
    evidence = LossEvidence(
        tuple(f"run{index}" for index in range(N_RUNS)),
        points.take(slice(0, N_RUNS)),
        np.zeros((N_RUNS, N_DOMAINS)),
        names,
        tuple(f"s{index}" for index in range(N_SOURCES)),
        by_compute=False,
    )
    return evidence, points.take(slice(N_RUNS, count))


def simulate(seed: int, priors: LossPriors) -> tuple[LossEvidence, Points, LossDraws, np.ndarray]:
    """Draw parameters from the prior, then losses of runs and targets.

    Returns
    -------
    tuple
        Evidence with losses, the targets, the true parameters as one draw, and the targets' true observed log losses
        ``(target, domain)``.
    """
    evidence, targets = blank(seed)
    features = Features.of(evidence.points)
    truth = prior_draw(seed, evidence, features, priors)
    rng = np.random.default_rng([seed, 52])
    mean, scale = law(truth, 0, Relative.of(evidence.points, evidence.reference))
    departures = (features.vectors * np.sqrt(features.values)) @ truth.weights[0]
    luck = rng.standard_normal(mean.shape) @ truth.noise[0].T
    made = replace(evidence, log_loss=mean + scale * (departures + luck))
    future = predict(truth, made, features, targets, seed + 1_000_000).observed[0]
    return made, targets, truth, future


def prior_draw(seed: int, evidence: LossEvidence, features: Features, priors: LossPriors) -> LossDraws:
    """One draw of every parameter from the prior."""
    density, domains = LossDensity(evidence, features, priors), len(evidence.domains)
    rng = np.random.default_rng([seed, 53])
    partial = of_parameters(density.parameters_of_normals(rng.standard_normal((1, density.size))))
    covariance = invwishart.rvs(domains - 1 + priors.noise_df, priors.noise_scatter(domains), random_state=rng)
    factor = np.linalg.cholesky(np.atleast_2d(covariance))
    weights = np.sqrt(partial.signal[0]) * rng.standard_normal((len(features), domains)) @ factor.T
    return replace(
        partial,
        noise=factor[None],
        weights=weights[None],
        unsure=np.zeros((1, len(features))),
        luck=(rng.standard_normal((LUCK_ROWS, domains)) @ factor.T)[None],
    )


def ranks_of(seed: int, priors: LossPriors | None = None, sampler: SamplerSettings = SAMPLER) -> Ranked:
    """Simulate, fit, and rank the truth: levels, shape of the law, noise, and the losses of both targets."""
    priors = priors or LossPriors()
    evidence, targets, truth, future = simulate(seed, priors)
    model = MixtureLosses(seed, priors=priors, sampler=sampler, retry=False).fit_evidence(evidence)
    draws = model.draws

    def noise(of: LossDraws) -> np.ndarray:
        return np.asarray(np.sqrt((of.noise**2).sum(axis=2))[:, 0])

    quantities = {
        "level": (truth.level[0, 0], draws.level[:, 0]),
        "share of size": (truth.terms[0, 1, 0], draws.terms[:, 1, 0]),
        "beta": (truth.exponents[0, 1, 0], draws.exponents[:, 1, 0]),
        "rho": (truth.rho[0, 0], draws.rho[:, 0]),
        "signal": (truth.signal[0], draws.signal),
        "noise": (noise(truth)[0], noise(draws)),
    }
    forecast = model.forecast(targets).observed
    for row, name in enumerate(("same size", "larger")):
        quantities[f"loss, {name}"] = (future[row, 0], forecast[:, row, 0])
    quantities["mean loss, larger"] = (future[1].mean(), forecast[:, 1].mean(axis=1))
    return rank_all(quantities, np.random.default_rng([seed, 54])), model.gate.passed
