"""The PyMC graph of the domain-loss stage.

What is normal and conjugate is integrated out: departures from the law and the covariance of the domains' noise. Only
the law's parameters, a scale of noise and one ratio of variances are sampled; `loss_predict` draws the rest exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.features import Features
from bayes_cod.models.flpm.priors import LossPriors

type FloatArray = NDArray[np.float64]

START_SCALE = 0.1
SCALE_RANGE = 0.8
"""Log loss above or below the reference beyond which the noise changes no further."""

EXPONENTS = ("alpha", "beta", "eta", "kappa")


@dataclass(frozen=True)
class LossShape:
    """Sizes that a compiled model depends on: points, training domains, validation domains, features."""

    points: int
    sources: int
    domains: int
    features: int

    @classmethod
    def of(cls, evidence: LossEvidence, features: Features) -> LossShape:
        """The shape of some evidence."""
        return cls(len(evidence.points), len(evidence.sources), len(evidence.domains), len(features))


@dataclass(frozen=True)
class Relative:
    """Points relative to the evidence's reference.

    Attributes
    ----------
    log_shares, reference_log_shares
        ``(point, source)`` and ``(source,)``.
    log_params, log_tokens
        ``(point,)``.
    covariates
        Log of the effective number of domains against the reference, and log of the tokens still to come
        ``(point, 2)``.
    """

    log_shares: FloatArray
    reference_log_shares: FloatArray
    log_params: FloatArray
    log_tokens: FloatArray
    covariates: FloatArray

    @classmethod
    def of(cls, points: Points, reference: Points) -> Relative:
        """Points relative to a reference, itself one point."""
        effective = [np.log(1 / (part.shares**2).sum(axis=1)) for part in (points, reference)]
        return cls(
            points.log_shares,
            reference.log_shares[0],
            points.log_params - reference.log_params[0],
            points.log_tokens - reference.log_tokens[0],
            np.stack([effective[0] - effective[1], points.ahead], axis=1),
        )


def arrays(evidence: LossEvidence, features: Features, priors: LossPriors) -> dict[str, NDArray[Any]]:
    """Values of the model's `pm.Data` containers, by name."""
    at = Relative.of(evidence.points, evidence.reference)
    return {
        "priors": priors.vector(),
        "log_shares": at.log_shares,
        "reference_log_shares": at.reference_log_shares,
        "log_params": at.log_params,
        "log_tokens": at.log_tokens,
        "covariates": at.covariates,
        "log_loss": evidence.log_loss,
        "own": evidence.own,
        "vectors": features.vectors,
        "values": features.values,
        "level_guess": evidence.log_loss.mean(axis=0),
    }


def build(shape: LossShape) -> pm.Model:
    """The model for a shape; fill it with `arrays`."""
    n, n_source, n_domain, n_feature = shape.points, shape.sources, shape.domains, shape.features
    with pm.Model() as model:
        values = pm.Data("priors", LossPriors().vector())
        h = {name: values[index] for index, name in enumerate(LossPriors.names())}
        log_shares = pm.Data("log_shares", np.zeros((n, n_source)))
        reference = pm.Data("reference_log_shares", np.zeros(n_source))
        log_params, log_tokens = (pm.Data(name, np.zeros(n)) for name in ("log_params", "log_tokens"))
        covariates = pm.Data("covariates", np.zeros((n, 2)))
        log_loss = pm.Data("log_loss", np.zeros((n, n_domain)))
        vectors = pm.Data("vectors", np.zeros((n, n_feature)))
        eigenvalues = pm.Data("values", np.ones(n_feature))
        level = _level(h, n_domain)
        log_transfer, rho = _transfer(h, shape)
        terms = _terms(h, n_domain)
        exponents = tuple(_exponent(h, name, n_domain) for name in EXPONENTS)
        pooled = laws.log_pooled_shares(log_shares, log_transfer, rho)
        pooled -= laws.log_pooled_shares(reference[None, :], log_transfer, rho)
        above = laws.log_mixture_loss(pooled, log_params[:, None], log_tokens[:, None], terms, exponents)
        scale_loss = h["scale_loss"] * pm.Normal("scale_loss_z", 0, 1, shape=n_domain)
        scale_loss = pm.Deterministic("scale_loss", scale_loss)
        scale_run = pm.Deterministic("scale_run", h["scale_run"] * pm.Normal("scale_run_z", 0, 1, shape=2))
        log_scale = scale_loss * pt.clip(above, -SCALE_RANGE, SCALE_RANGE) + pt.dot(covariates, scale_run)[:, None]
        signal = pm.LogNormal("signal", h["signal"], h["signal_sd"])
        residual = (log_loss - level - above) * pt.exp(-log_scale)
        pm.Potential("losses", _integrated(residual, vectors, eigenvalues, signal, h, shape) - log_scale.sum())
    return model


def _level(h: dict[str, Any], n_domain: int) -> Any:
    """Log loss at the reference; its prior is Normal, sampled as the difference from the runs' mean."""
    guess = pm.Data("level_guess", np.zeros(n_domain))
    difference = pm.Flat("level_difference", shape=n_domain)
    level = pm.Deterministic("level", guess + START_SCALE * difference)
    pm.Potential("level_prior", pm.logp(pm.Normal.dist(h["level_mean"], h["level_sd"]), level).sum())
    return level


def _terms(h: dict[str, Any], n_domain: int) -> tuple[Any, Any, Any]:
    """Shares of the reference loss: irreducible, removed by size, removed by data."""
    logits = [pt.zeros(n_domain)]
    logits += [h[f"{name}_mean"] + h["term_sd"] * pm.Normal(f"{name}_z", 0, 1, shape=n_domain) for name in _TERMS]
    shares = pm.Deterministic("terms", pt.special.softmax(pt.stack(logits), axis=0))
    return shares[0], shares[1], shares[2]


_TERMS = ("size", "data")


def _exponent(h: dict[str, Any], name: str, n_domain: int) -> Any:
    typical = h[name] + h["exponent_sd"] * pm.Normal(f"{name}_typical", 0, 1)
    own = h["exponent_spread"] * pm.Normal(f"{name}_z", 0, 1, shape=n_domain)
    return pm.Deterministic(name, pt.exp(typical + own))


def _transfer(h: dict[str, Any], shape: LossShape) -> tuple[Any, Any]:
    own = pm.Data("own", np.zeros((shape.sources, shape.domains)))
    source = h["transfer_source"] * pm.Normal("source_z", 0, 1, shape=shape.sources)
    rest = h["transfer_spread"] * pm.Normal("transfer_z", 0, 1, shape=(shape.sources, shape.domains))
    log_transfer = pm.Deterministic("log_transfer", source[:, None] + h["transfer_own"] * own + rest)
    typical = h["rho_mean"] + h["rho_sd"] * pm.Normal("rho_typical", 0, 1)
    rho = pt.sigmoid(typical + h["rho_spread"] * pm.Normal("rho_z", 0, 1, shape=shape.sources))
    return log_transfer, pm.Deterministic("rho", rho)


def _integrated(residual: Any, vectors: Any, eigenvalues: Any, signal: Any, h: dict[str, Any], shape: LossShape) -> Any:
    """Log density of matrix normal residuals (I + signal K, Sigma), Sigma inverse Wishart and integrated out."""
    coordinates = pt.dot(vectors.T, residual)
    widths = 1 + signal * eigenvalues
    scatter = pt.dot(residual.T, residual) - pt.dot(coordinates.T, coordinates * (1 - 1 / widths)[:, None])
    freedom = shape.domains - 1 + h["noise_df"]
    prior = h["noise_df"] * h["noise"] ** 2 * pt.eye(shape.domains)
    diagonal = pt.diagonal(pt.linalg.cholesky(scatter + prior))
    log_determinant = 2 * pt.log(diagonal).sum()
    return -0.5 * shape.domains * pt.log(widths).sum() - 0.5 * (freedom + shape.points) * log_determinant
