"""Outlying runs: how much more a run scatters than most, so that it counts less.

Empirical Bayes: estimated once, at the posterior's mode, and then taken as known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from bayes_cod.models.flpm.evidence import LossEvidence
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.luck import left_out
from bayes_cod.models.flpm.priors import LossPriors

type FloatArray = NDArray[np.float64]

STEPS = 4
USUAL = 0.99
"""Share of runs that would scatter no more than usual were all noise normal."""

FAR_OUT = 3.0
"""Spread from which on a run is named."""


def spreads(
    evidence: LossEvidence, mean: FloatArray, scale: FloatArray, signal: float, priors: LossPriors
) -> FloatArray:
    """How much each run scatters against most ``(run,)``: 1 for nearly all, more for runs far off over their domains.

    Huber's weights: a run whose distance from what the others say is beyond what normal noise allows is brought back to
    that distance. Found in a few steps, in each of which the far runs count less.

    Parameters
    ----------
    evidence
        Runs and their losses.
    mean, scale
        Log loss of the law and scale of the noise at the posterior's mode ``(run, domain)``.
    signal
        Variance of departures against that of noise, likewise.
    priors
        Of the noise.
    """
    residual = (evidence.log_loss - mean) / scale
    n, n_domain = residual.shape
    usual = chi2.ppf(USUAL, n_domain)
    spread = np.ones(n)
    for _ in range(STEPS):
        own = left_out(residual / spread[:, None], Features.of(evidence.points, spread), signal)
        covariance = (own.T @ own + priors.noise_scatter(n_domain)) / (n + priors.noise_df)
        own = own * spread[:, None]
        distance = (own * np.linalg.solve(covariance, own.T).T).sum(axis=1)
        spread = np.sqrt(np.maximum(distance / usual, 1.0))
    return np.asarray(spread)


def named(evidence: LossEvidence, spread: FloatArray) -> tuple[str, ...]:
    """A sentence for the user about runs that lie far from what the others say; none where there is no such run."""
    far = dict.fromkeys(evidence.models[row] for row in np.argsort(-spread) if spread[row] > FAR_OUT)
    if not far:
        return ()
    runs = "run lies far from what the others say and counts" if len(far) == 1 else "runs lie far off and count"
    return (f"{len(far)} {runs} little, such as {next(iter(far))}",)
