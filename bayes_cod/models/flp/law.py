"""The law of losses, of size and tokens, or of compute.

For a run and a loss series j, at size n and tokens d against the last rung:

    log L_j = level_j + log(e_j + a_j n^-alpha_j + b_j d^-beta_j),

where the shares e, a and b of the last rung's loss add up to 1. `parameters` and `log_loss` serve the graphs and the
forecasts, with PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm

from bayes_cod import laws
from bayes_cod.models.flp.priors import LawPriors

DEGREES = 5.0
"""Degrees of freedom of what losses scatter around the law by."""
SCALE_DEGREES = 3.0
"""Degrees of freedom of its log scale: where the law does not hold at all, it is far larger than elsewhere."""
TERMS = ("irreducible", "size", "tokens")


def free_variables() -> dict[str, Any]:
    """The law's free variables, in a model with the dimensions `series`, `term` and `exponent`."""
    return {
        "level_z": pm.Normal("level_z", 0.0, 1.0, dims="series"),
        "share_z": pm.Normal("share_z", 0.0, 1.0, dims=("series", "term")),
        "exponent_z": pm.Normal("exponent_z", 0.0, 1.0, dims=("series", "exponent")),
    }


def coordinates(n_series: int) -> dict[str, Any]:
    """Coordinates of the law's dimensions."""
    return {"series": range(n_series), "term": TERMS, "exponent": TERMS[1:]}


def parameters(free: Mapping[str, Any], priors: LawPriors, module: Any) -> dict[str, Any]:
    """What the law is made of.

    Parameters
    ----------
    free
        Values of the graph's free variables, with any leading axes.
    priors
        See `LawPriors`.
    module
        NumPy or PyTensor.

    Returns
    -------
    dict
        level ``(..., series)``, share ``(..., series, term)`` and exponent ``(..., series, 2)``.
    """
    weight = module.exp(np.array(priors.log_shares) + priors.share_sd * free["share_z"])
    return {
        "level": priors.level_sd * free["level_z"],
        "share": weight / weight.sum(axis=-1, keepdims=True),
        "exponent": module.exp(priors.exponent + priors.exponent_sd * free["exponent_z"]),
    }


def log_loss(made: Mapping[str, Any], size: Any, tokens: Any, reference: Any, module: Any) -> Any:
    """Log loss of the law ``(..., point, series)``.

    Parameters
    ----------
    made
        From `parameters`.
    size, tokens
        Log size and tokens against the last rung ``(point,)``.
    reference
        Log loss of the last rung ``(series,)``.
    module
        NumPy or PyTensor.
    """
    share, exponent = made["share"][..., None, :, :], made["exponent"][..., None, :, :]
    law = laws.params_tokens_loss(
        module.exp(size)[:, None],
        module.exp(tokens)[:, None],
        share[..., 0],
        share[..., 1],
        exponent[..., 0],
        share[..., 2],
        exponent[..., 1],
    )
    return reference + made["level"][..., None, :] + module.log(law)
