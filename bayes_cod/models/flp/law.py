"""A law of size and tokens for every loss series of final models.

For a run r and a series j, at size n and tokens d against the last rung:

    log L_rj = level_j + log(e_j + a_j n^-alpha_j + b_j d^-beta_j) + luck_rj,

luck Student-t. `parameters` and `log_loss` serve the graph and the forecast, with PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]

DEGREES = 5.0
"""Degrees of freedom of a run's luck."""
SCALE_DEGREES = 3.0
TERMS = ("irreducible", "size", "tokens")
ANY_RUNS = 2
"""Runs of the placeholders that a graph is built with; data of any number of rows take their place."""


@dataclass(frozen=True)
class LossPriors:
    """Priors of the loss stage.

    Attributes
    ----------
    level_sd
        Log loss of the largest rung around what was observed there, Normal.
    log_shares, share_sd
        The shares that are irreducible, of size and of tokens in the largest rung's loss, logistic-normal (logs before
        they are scaled to one): about two fifths irreducible, with room for a law without that term.
    exponent, exponent_sd
        Exponents of size and of tokens, LogNormal (log mean, log sd). Published laws have 0.2 to 0.6.
    scale, scale_sd
        Log of the scale of a run's luck and the noise of its evaluation together, on log loss, Student-t with 3 degrees
        of freedom: seeds move a loss by some tenths of a per cent, misfit of the law by a per cent or two, and where
        the law does not hold at all by far more.
    drift
        What runs beyond the largest rung may depart from the law by, in log loss per root decade of compute, fixed: no
        rung says it. Set on Delphi, whose smaller budgets forecast its larger ones.
    """

    level_sd: float = 0.1
    log_shares: tuple[float, float, float] = (0.4, 0.0, 0.0)
    share_sd: float = 0.6
    exponent: float = float(np.log(0.35))
    exponent_sd: float = 0.35
    scale: float = float(np.log(0.011))
    scale_sd: float = 0.7
    drift: float = 0.007


def parameters(free: Mapping[str, Any], priors: LossPriors, module: Any) -> dict[str, Any]:
    """What the law is made of.

    Parameters
    ----------
    free
        Values of the graph's free variables, with any leading axes.
    priors
        See `LossPriors`.
    module
        NumPy or PyTensor.

    Returns
    -------
    dict
        level and scale ``(..., series)``, share ``(..., series, term)`` and exponent ``(..., series, 2)``.
    """
    weight = module.exp(np.array(priors.log_shares) + priors.share_sd * free["share_z"])
    return {
        "level": priors.level_sd * free["level_z"],
        "share": weight / weight.sum(axis=-1, keepdims=True),
        "exponent": module.exp(priors.exponent + priors.exponent_sd * free["exponent_z"]),
        "scale": module.exp(free["log_scale"]),
    }


def log_loss(made: Mapping[str, Any], size: Any, tokens: Any, reference: Any, module: Any) -> Any:
    """Log loss of the law ``(..., run, series)``.

    Parameters
    ----------
    made
        From `parameters`.
    size, tokens
        Log size and tokens against the last rung ``(run,)``.
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


def arrays(evidence: Evidence, scale: Scale) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    size, tokens = scale.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    return {
        "size": size,
        "tokens": tokens,
        "log_loss": evidence.log_loss,
        "se": evidence.log_loss_se,
        "reference": scale.log_loss.copy(),
    }


def build(n_series: int, priors: LossPriors) -> pm.Model:
    """The graph, with placeholder data.

    Parameters
    ----------
    n_series
        Loss series.
    priors
        Constants of the compiled graph.
    """
    per_run, per_value = np.zeros(ANY_RUNS), np.zeros((ANY_RUNS, n_series))
    with pm.Model(coords={"series": range(n_series), "term": TERMS, "exponent": TERMS[1:]}) as model:
        size, tokens = pm.Data("size", per_run), pm.Data("tokens", per_run)
        observed, se = pm.Data("log_loss", per_value), pm.Data("se", per_value)
        reference = pm.Data("reference", np.zeros(n_series))
        free = {
            "level_z": pm.Normal("level_z", 0.0, 1.0, dims="series"),
            "share_z": pm.Normal("share_z", 0.0, 1.0, dims=("series", "term")),
            "exponent_z": pm.Normal("exponent_z", 0.0, 1.0, dims=("series", "exponent")),
            "log_scale": pm.StudentT(
                "log_scale", nu=SCALE_DEGREES, mu=priors.scale, sigma=priors.scale_sd, dims="series"
            ),
        }
        made = parameters(free, priors, pt)
        mean = log_loss(made, size, tokens, reference, pt)
        pm.StudentT("losses", nu=DEGREES, mu=mean, sigma=pt.sqrt(made["scale"] ** 2 + se**2), observed=observed)
    return model


def drift(priors: LossPriors, scale: Scale, flops: FloatArray, shape: tuple[int, int], seed: list[int]) -> FloatArray:
    """Departures from the law beyond the largest rung ``(sample, point, series)``, of all points in one direction.

    Parameters
    ----------
    priors, scale
        See `LossPriors` and `Scale`.
    flops
        Compute of the points ``(point,)``.
    shape
        Samples and series.
    seed
        Of the random numbers.
    """
    ahead = np.sqrt(np.maximum(scale.decades(flops), 0.0))
    towards = np.random.default_rng(seed).standard_normal((shape[0], 1, shape[1]))
    return np.asarray(priors.drift * towards * ahead[:, None])


def luck(made: Mapping[str, Any], n_point: int, rng: np.random.Generator) -> FloatArray:
    """A run's own luck on log loss, the noise of its evaluation included ``(sample, point, series)``."""
    n_sample, n_series = made["scale"].shape
    return np.asarray(made["scale"][:, None] * rng.standard_t(DEGREES, (n_sample, n_point, n_series)))
