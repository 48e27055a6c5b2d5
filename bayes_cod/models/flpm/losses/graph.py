"""The PyMC graph of the domain-loss stage.

What is normal and conjugate is integrated out: departures from the law and the covariance of the domains' noise. Only
the law's parameters, a scale of noise and one ratio of variances are sampled; `predict` draws the rest exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.losses.coordinates import law_at_runs
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import LossShape, place
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.flpm.whitening import whitened

type FloatArray = NDArray[np.float64]

SCALE_RANGE = 0.8
"""Log loss above or below the reference beyond which the noise hardly changes any further."""


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
        Log of the effective number of domains against the reference, log of the tokens still to come, and log size
        against the reference ``(point, 3)``.
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
        log_params = points.log_params - reference.log_params[0]
        return cls(
            points.log_shares,
            reference.log_shares[0],
            log_params,
            points.log_tokens - reference.log_tokens[0],
            np.stack([effective[0] - effective[1], points.ahead, log_params], axis=1),
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
        "spread": features.spread,
        "vectors": features.vectors,
        "values": features.values,
        "place": place(evidence),
    }


def build(shape: LossShape) -> pm.Model:
    """The model for a shape; fill it with `arrays`, and with the centre and factor of `whitening.whiten`."""
    n, n_source, n_domain, n_feature = shape.points, shape.sources, shape.domains, shape.features
    with pm.Model() as model:
        values = pm.Data("priors", LossPriors().vector())
        h = {name: values[index] for index, name in enumerate(LossPriors.names())}
        sizes = {"log_shares": (n, n_source), "reference_log_shares": (n_source,), "own": (n_source, n_domain)}
        sizes |= {"log_params": (n,), "log_tokens": (n,), "place": (3,)}
        runs = {name: pm.Data(name, np.zeros(size)) for name, size in sizes.items()}
        covariates = pm.Data("covariates", np.zeros((n, 3)))
        log_loss = pm.Data("log_loss", np.zeros((n, n_domain)))
        spread = pm.Data("spread", np.ones(n))
        vectors = pm.Data("vectors", np.zeros((n, n_feature)))
        eigenvalues = pm.Data("values", np.ones(n_feature))
        law = law_at_runs(whitened(shape.normals), runs, h, shape, pt)
        made = law.parameters
        log_scale = log_noise_scale(law.above, made["scale_loss"], (covariates * made["scale_run"]).sum(axis=1), pt)
        residual = (log_loss - made["level"] - law.above) * pt.exp(-log_scale) / spread[:, None]
        integrated = _integrated(residual, vectors, eigenvalues, made["signal"], h, shape)
        pm.Potential("prior", law.log_prior)
        pm.Potential("losses", integrated - log_scale.sum())
    return model


def log_noise_scale(above: Any, of_loss: Any, of_run: Any, module: Any) -> Any:
    """Log scale of the noise ``(point, domain)``, bounded in the log loss above the reference."""
    return of_loss * SCALE_RANGE * module.tanh(above / SCALE_RANGE) + of_run[:, None]


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
