"""Forecasts of domain losses from posterior draws, in NumPy: the law, departures from it, and a run's own luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import invwishart

from bayes_cod import laws
from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.features import Features
from bayes_cod.models.flpm.loss_graph import Relative, log_noise_scale
from bayes_cod.models.flpm.loss_parameters import EXPONENTS
from bayes_cod.models.flpm.priors import LossPriors

type FloatArray = NDArray[np.float64]

JITTER = 1e-9


@dataclass(frozen=True)
class LossDraws:
    """Posterior draws of the loss stage; ``sample`` runs over chains, then draws.

    Attributes
    ----------
    level
        ``(sample, domain)``.
    rho
        ``(sample, source)``.
    log_transfer
        ``(sample, source, domain)``.
    terms
        ``(sample, term, domain)``.
    exponents
        ``(sample, exponent, domain)``: alpha, beta, eta, kappa.
    scale_loss, scale_run
        ``(sample, domain)`` and ``(sample, covariate)``.
    signal
        ``(sample,)``.
    noise
        Cholesky factor of the domains' noise covariance ``(sample, domain, domain)``.
    weights
        Weights of the features ``(sample, feature, domain)``.
    """

    level: FloatArray
    rho: FloatArray
    log_transfer: FloatArray
    terms: FloatArray
    exponents: FloatArray
    scale_loss: FloatArray
    scale_run: FloatArray
    signal: FloatArray
    noise: FloatArray
    weights: FloatArray

    def __len__(self) -> int:
        return len(self.signal)


@dataclass(frozen=True)
class Losses:
    """Draws of log losses ``(sample, point, domain)``, with and without the luck of the run that is forecast."""

    observed: FloatArray
    latent: FloatArray


def draw(
    named: Mapping[str, FloatArray], evidence: LossEvidence, features: Features, priors: LossPriors, seed: int
) -> LossDraws:
    """Complete the law's parameters, by name ``(sample, ...)``, with exact draws of what the graph integrated out.

    Given the law, residuals are matrix normal with a conjugate inverse Wishart prior: the noise covariance and then the
    weights of the features are drawn from their conditional distributions.
    """
    rng = np.random.default_rng([seed, 11])
    n_domain = len(evidence.domains)
    partial = LossDraws(
        named["level"],
        named["rho"],
        named["log_transfer"],
        named["terms"],
        np.stack([named[name] for name in EXPONENTS], axis=1),
        named["scale_loss"],
        named["scale_run"],
        named["signal"],
        np.empty((0, n_domain, n_domain)),
        np.empty((0, len(features), n_domain)),
    )
    at = Relative.of(evidence.points, evidence.reference)
    freedom = n_domain - 1 + priors.noise_df + len(evidence.points)
    noise, weights = [], []
    for index in range(len(partial)):
        mean, scale = law(partial, index, at)
        residual = (evidence.log_loss - mean) / scale
        coordinates = features.vectors.T @ residual
        widths = 1 + partial.signal[index] * features.values
        scatter = residual.T @ residual - coordinates.T @ (coordinates * (1 - 1 / widths)[:, None])
        scatter += priors.noise_df * priors.noise**2 * np.eye(n_domain)
        covariance = np.atleast_2d(invwishart.rvs(freedom, 0.5 * (scatter + scatter.T), random_state=rng))
        factor = np.linalg.cholesky(covariance)
        own = partial.signal[index] / widths
        mean_weights = (own * np.sqrt(features.values))[:, None] * coordinates
        luck = rng.standard_normal(mean_weights.shape) @ factor.T
        noise.append(factor)
        weights.append(mean_weights + np.sqrt(own)[:, None] * luck)
    return LossDraws(**{**partial.__dict__, "noise": np.stack(noise), "weights": np.stack(weights)})


def law(draws: LossDraws, index: int, at: Relative) -> tuple[FloatArray, FloatArray]:
    """Log loss of the law and scale of the noise at some points for one draw, ``(point, domain)`` each."""
    rho, transfer = draws.rho[index], draws.log_transfer[index]
    pooled = laws.log_pooled_shares(at.log_shares, transfer, rho)
    pooled = pooled - laws.log_pooled_shares(at.reference_log_shares[None], transfer, rho)
    above = laws.log_mixture_loss(
        pooled,
        at.log_params[:, None],
        at.log_tokens[:, None],
        tuple(draws.terms[index]),
        tuple(draws.exponents[index]),
    )
    log_scale = log_noise_scale(above, draws.scale_loss[index], at.covariates @ draws.scale_run[index], np)
    return draws.level[index] + above, np.exp(log_scale)


def predict(
    draws: LossDraws, evidence: LossEvidence, features: Features, points: Points, seed: int, *, joint: bool = False
) -> Losses:
    """Log losses of new runs.

    Parameters
    ----------
    draws, evidence, features
        A fit.
    points
        What to forecast.
    seed
        Seed of departures and luck.
    joint
        Whether departures that the runs say nothing about are drawn jointly, so that like mixtures depart alike; for
        the comparison of many candidates.

    Returns
    -------
    Losses
    """
    rng = np.random.default_rng([seed, 12])
    at = Relative.of(points, evidence.reference)
    coordinates = features.new(points)
    left_over = features.left_over(points) if joint else None
    if left_over is None:
        factor = np.sqrt(features.left_open(points))[:, None]
    else:
        values, vectors = np.linalg.eigh(left_over + JITTER * np.eye(len(points)))
        factor = vectors * np.sqrt(np.maximum(values, 0.0))
    shape = (len(draws), len(points), len(evidence.domains))
    observed, latent = np.zeros(shape), np.zeros(shape)
    for index in range(len(draws)):
        mean, scale = law(draws, index, at)
        luck = rng.standard_normal((2, *shape[1:])) @ draws.noise[index].T
        unknown = factor * luck[0] if left_over is None else factor @ luck[0]
        departure = coordinates @ draws.weights[index] + np.sqrt(draws.signal[index]) * unknown
        latent[index] = mean + scale * departure
        spread = np.sqrt(1 + draws.signal[index] * features.run_variance)
        observed[index] = latent[index] + scale * spread * luck[1]
    return Losses(observed, latent)
