"""Forecasts of domain losses from posterior draws, in NumPy: the law, departures from it, and a run's own luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import invwishart

from bayes_cod import laws
from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.losses.density import SCALE_RANGE
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.luck import left_out, new_runs, new_runs_jointly, shaped
from bayes_cod.models.flpm.losses.parameters import Relative
from bayes_cod.models.flpm.priors import LossPriors

type FloatArray = NDArray[np.float64]

JITTER = 1e-9

LUCK_ROWS = 128
"""Rows of noise kept a draw."""


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
    weights, unsure
        Weights of the features, their mean ``(sample, feature, domain)`` and what is left of their variance
        ``(sample, feature)``, in units of the noise's.
    luck
        What the noise of a new run may be, one row as likely as another ``(sample, row, domain)``.
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
    unsure: FloatArray
    luck: FloatArray

    def __len__(self) -> int:
        return len(self.signal)

    def thinned(self, most: int | None) -> LossDraws:
        """At most so many of the draws, evenly spaced; all where `most` is None."""
        step = 1 if most is None else -(-len(self) // most)
        return self if step == 1 else LossDraws(*(getattr(self, part.name)[::step] for part in fields(self)))


@dataclass(frozen=True)
class Losses:
    """Draws of log losses ``(sample, point, domain)``, with and without the luck of the run that is forecast."""

    observed: FloatArray
    latent: FloatArray


def draw(
    named: Mapping[str, FloatArray], evidence: LossEvidence, features: Features, priors: LossPriors, seed: int
) -> LossDraws:
    """Complete the law's parameters, by name ``(sample, ...)``, with exact draws of what the graph integrated out.

    Given the law, residuals are matrix normal with a conjugate inverse Wishart prior: the noise covariance is drawn
    from its conditional distribution, and that of the features' weights is kept. The noise of a new run has the shape
    of the runs' own (see `luck.shaped`).
    """
    rng = np.random.default_rng([seed, 11])
    n_domain = len(evidence.domains)
    partial = of_parameters(named)
    at = Relative.of(evidence.points, evidence.reference)
    freedom = n_domain - 1 + priors.noise_df + len(evidence.points)
    noise, weights, unsure, luck = [], [], [], []
    for index in range(len(partial)):
        mean, scale = law(partial, index, at)
        residual = (evidence.log_loss - mean) / scale / features.spread[:, None]
        signal = partial.signal[index]
        coordinates = features.vectors.T @ residual
        widths = 1 + signal * features.values
        scatter = residual.T @ residual - coordinates.T @ (coordinates * (1 - 1 / widths)[:, None])
        scatter += priors.noise_scatter(n_domain)
        covariance = np.atleast_2d(invwishart.rvs(freedom, 0.5 * (scatter + scatter.T), random_state=rng))
        factor = np.linalg.cholesky(covariance)
        noise.append(factor)
        weights.append((signal / widths * np.sqrt(features.values))[:, None] * coordinates)
        unsure.append(signal / widths)
        seen = left_out(residual, features, signal) * features.spread[:, None]
        luck.append(shaped(seen, features.spread, factor, priors.noise_shape, LUCK_ROWS, rng))
    return replace(
        partial, noise=np.stack(noise), weights=np.stack(weights), unsure=np.stack(unsure), luck=np.stack(luck)
    )


def of_parameters(named: Mapping[str, FloatArray]) -> LossDraws:
    """Draws of the law alone, by name ``(sample, ...)``; the rest is empty."""
    empty = np.empty((0, 0, 0))
    return LossDraws(**named, noise=empty, weights=empty, unsure=np.empty((0, 0)), luck=empty)


def law(draws: LossDraws, index: int, at: Relative) -> tuple[FloatArray, FloatArray]:
    """Log loss of the law and scale of the noise at some points for one draw, ``(point, domain)`` each."""
    worth = laws.log_pooled_shares(
        np.vstack([at.log_shares, at.reference_log_shares]), draws.log_transfer[index], draws.rho[index]
    )
    above = laws.log_mixture_loss(
        worth[:-1] - worth[-1],
        at.log_params[:, None],
        at.log_tokens[:, None],
        tuple(draws.terms[index]),
        tuple(draws.exponents[index]),
    )
    log_scale = draws.scale_loss[index] * SCALE_RANGE * np.tanh(above / SCALE_RANGE)
    log_scale += (at.covariates @ draws.scale_run[index])[:, None]
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
    left = _square_root(features.left_over(points)) if joint else features.left_open(points)
    shape = (len(draws), len(points), len(evidence.domains))
    observed, latent = np.zeros(shape), np.zeros(shape)
    for index in range(len(draws)):
        mean, scale = law(draws, index, at)
        signal = draws.signal[index]
        noise = 1 + signal * features.run_variance
        known = coordinates @ draws.weights[index]
        luck = draws.luck[index][rng.integers(draws.luck.shape[1], size=len(points))]
        near = coordinates * np.sqrt(draws.unsure[index])
        if joint:
            factor = np.concatenate([near, np.sqrt(signal) * left], axis=1)
            normals = rng.standard_normal((factor.shape[1] + len(points), shape[2])) @ draws.noise[index].T
            departure, total = new_runs_jointly(factor, noise, luck, normals)
        else:
            variance = (near**2).sum(axis=1) + signal * left
            normals = rng.standard_normal((2, *shape[1:])) @ draws.noise[index].T
            departure, total = new_runs(variance, noise, luck, normals)
        latent[index] = mean + scale * (known + departure)
        observed[index] = mean + scale * (known + total)
    return Losses(observed, latent)


def _square_root(covariance: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(covariance + JITTER * np.eye(len(covariance)))
    return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
