"""Coordinates of the domain-loss stage, and the priors of the law's parameters where a ladder's reference lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.posterior import FloatArray
from bayes_cod.models.flpm.priors import LossPriors

ROWS = ("level", "size", "data", "alpha", "beta", "kappa", "eta")
"""What each domain has of its own around a typical value: its level, the weights of two terms, exponents."""

ANCHOR_PARAMS, ANCHOR_TOKENS = 1e8, 2e10
"""Size and tokens at which the ladders lie that the priors of the loss and of its terms were learnt from."""

FURTHEST = 2 * float(np.log(10.0))
"""Distance from the anchor beyond which the law is not trusted to carry that prior: two decades."""


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


def blocks(sources: int, domains: int) -> dict[str, tuple[int, ...]]:
    """Shape of every block of coordinates, in order; `rows` and `typical` are in the order of `ROWS`."""
    return {
        "level": (domains,),
        "rows": (len(ROWS) - 1, domains),
        "typical": (len(ROWS),),
        "source": (sources,),
        "transfer": (sources, domains),
        "rho_typical": (),
        "rho": (sources,),
        "scale_loss": (domains,),
        "scale_run": (3,),
        "signal": (),
    }


def place(evidence: LossEvidence) -> FloatArray:
    """Where the reference lies ``(3,)``.

    Log size and log tokens relative to the anchor, as far as the law is trusted to carry the prior, and what is left of
    both distances. Where only compute is known, the place is not.
    """
    if evidence.by_compute:
        return np.array([0.0, 0.0, FURTHEST])
    at = evidence.reference
    distance = np.array([at.log_params[0] - np.log(ANCHOR_PARAMS), at.log_tokens[0] - np.log(ANCHOR_TOKENS)])
    carried = np.clip(distance, -FURTHEST, FURTHEST)
    return np.array([*carried, np.abs(distance - carried).sum()])


def law_priors(priors: LossPriors, at: FloatArray) -> FloatArray:
    """Typical value, its standard deviation, and the spread of domains around it, of each of `ROWS` ``(row, 3)``.

    Of the log loss at the anchor (less sure where the law is not trusted to carry it), the logs of the terms' weights
    against what nothing removes at the reference, and of the exponents; of that of tokens against that of the mixture.

    The law carries the weights from the anchor with its usual exponents, so the further the reference, the less sure
    they are. The ladder's own exponents would make a share that is not usual there a reason for exponents that no run
    has shown.

    Parameters
    ----------
    priors
        Of the stage.
    at
        See `place`.
    """
    rows = [(priors.level_mean, np.hypot(priors.level_sd, priors.level_beyond * at[2]), priors.level_spread)]
    carried = (np.exp(priors.alpha) * at[0], np.exp(priors.beta + priors.eta) * at[1])
    for mean, moved in zip((priors.size_mean, priors.data_mean), carried, strict=True):
        sds = np.hypot(
            (priors.term_sd, priors.term_spread), (moved * priors.exponent_sd, moved * priors.exponent_spread)
        )
        rows.append((mean - moved, *sds))
    for mean, sd in (
        (priors.alpha, priors.exponent_sd),
        (priors.beta, priors.exponent_sd),
        (priors.kappa, priors.exponent_sd),
        (priors.eta, priors.eta_sd),
    ):
        rows.append((mean, sd, priors.exponent_spread))
    return np.array(rows)
