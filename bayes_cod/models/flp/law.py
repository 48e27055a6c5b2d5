"""The loss stage: one law of size and tokens for every loss series.

For a row r (end of a run, or part of its training) and a series j, at size n and tokens d against the last rung and
learning rate h over its peak:

    log L_rj = level_j + log(e_j + a_j n^-alpha_j + b_j d^-beta_j) + rise_j h_r + luck_run(r),j + noise_rj.

A run's luck and the noise of its rows are integrated out: the rows of a run are jointly Student-t. `parameters` and
`log_loss` serve the graph, the forecast and the simulation, with PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.priors import LossPriors
from bayes_cod.models.flp.progress import BENDS, Scale

type FloatArray = NDArray[np.float64]

DEGREES = 5.0
"""Degrees of freedom of a run's luck and noise, which share their tails."""
SCALE_DEGREES = 3.0
TERMS = ("irreducible", "size", "tokens")
ANY_ROWS = 2
"""Rows of the placeholders that a graph is built with; data of any number of rows take their place."""


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
        level, rise, luck, noise ``(..., series)``, share ``(..., series, term)`` and exponent ``(..., series, 2)``;
        with pooled families also family ``(..., family + 1, series)``, bends ``(..., piece, series)``, walk and drift
        ``(..., series)``.
    """
    weight = module.exp(np.array(priors.log_shares) + priors.share_sd * free["share_z"])
    scale = module.exp(free["log_scale"])
    of_luck = 1 / (1 + module.exp(-free["luck_z"]))
    made = {
        "level": priors.level_sd * free["level_z"],
        "share": weight / weight.sum(axis=-1, keepdims=True),
        "exponent": module.exp(priors.exponent + priors.exponent_sd * free["exponent_z"]),
        "rise": priors.undecayed * free["rise_z"],
        "luck": scale * module.sqrt(of_luck),
        "noise": scale * module.sqrt(1 - of_luck),
    }
    if "family_z" in free:
        of_others = priors.family * free["family_z"]
        own = module.zeros_like(of_others[..., :1, :])
        made["family"] = module.concatenate([own, of_others], axis=-2)
        made["walk"], made["drift"] = free["walk"], free["drift"]
        made["bends"] = free["walk"][..., None, :] * free["bend_z"]
    return made


def log_loss(made: Mapping[str, Any], size: Any, tokens: Any, reference: Any, bent: Any, module: Any) -> Any:
    """Log loss of the law ``(..., row, series)``, at decayed learning rate.

    Parameters
    ----------
    made
        From `parameters`.
    size, tokens
        Log size and tokens against the last rung ``(row,)``.
    reference
        Log loss of the last rung ``(series,)``.
    bent
        See `Scale.bent`; unused without pooled families.
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
    mean = reference + made["level"][..., None, :] + module.log(law)
    if "bends" in made:
        mean = mean + (bent[:, :, None] * made["bends"][..., None, :, :]).sum(axis=-2)
    return mean


def arrays(evidence: Evidence, scale: Scale) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    size, tokens = scale.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    data: dict[str, NDArray[Any]] = {
        "row_run": evidence.run.astype(np.int32),
        "first": np.unique(evidence.run, return_index=True)[1].astype(np.int32),
        "undecayed": evidence.undecayed,
        "size": size,
        "tokens": tokens,
        "log_loss": np.nan_to_num(evidence.log_loss),
        "se": evidence.log_loss_se,
        "weight": np.isfinite(evidence.log_loss) * evidence.weight[:, None],
        "reference": scale.log_loss.copy(),
    }
    if evidence.n_pooled:
        data["row_family"] = evidence.family.astype(np.int32)
        data["bent"] = scale.bent(evidence.flops)
        data["apart"] = np.abs(scale.decades(evidence.flops)) * (evidence.family > 0)
    return data


def build(n_series: int, n_pooled: int, priors: LossPriors) -> pm.Model:
    """The graph, with placeholder data.

    Parameters
    ----------
    n_series, n_pooled
        Loss series, and pooled families.
    priors
        Constants of the compiled graph.
    """
    per_row, per_value = np.zeros(ANY_ROWS), np.zeros((ANY_ROWS, n_series))
    coords: dict[str, Any] = {"series": range(n_series), "term": TERMS, "exponent": TERMS[1:]}
    coords |= {"family": range(n_pooled), "piece": range(BENDS)}
    with pm.Model(coords=coords) as model:
        run, first = pm.Data("row_run", per_row.astype(np.int32)), pm.Data("first", per_row.astype(np.int32))
        undecayed, size, tokens = (pm.Data(name, per_row) for name in ("undecayed", "size", "tokens"))
        observed, se, weight = (pm.Data(name, per_value) for name in ("log_loss", "se", "weight"))
        reference = pm.Data("reference", np.zeros(n_series))
        free = {
            "level_z": pm.Normal("level_z", 0.0, 1.0, dims="series"),
            "share_z": pm.Normal("share_z", 0.0, 1.0, dims=("series", "term")),
            "exponent_z": pm.Normal("exponent_z", 0.0, 1.0, dims=("series", "exponent")),
            "rise_z": pm.HalfNormal("rise_z", 1.0, dims="series"),
            "log_scale": pm.StudentT(
                "log_scale", nu=SCALE_DEGREES, mu=priors.scale, sigma=priors.scale_sd, dims="series"
            ),
            "luck_z": pm.Normal("luck_z", 0.0, 1.0, dims="series"),
        }
        bent: Any = None
        if n_pooled:
            family, apart = pm.Data("row_family", per_row.astype(np.int32)), pm.Data("apart", per_row)
            bent = pm.Data("bent", np.zeros((ANY_ROWS, BENDS)))
            free["family_z"] = pm.Normal("family_z", 0.0, 1.0, dims=("family", "series"))
            free["bend_z"] = pm.Normal("bend_z", 0.0, 1.0, dims=("piece", "series"))
            for name, size_of in (("walk", priors.walk), ("drift", priors.drift)):
                free[name] = pm.LogNormal(name, np.log(size_of), priors.walk_sd, dims="series")
        made = parameters(free, priors, pt)
        mean = log_loss(made, size, tokens, reference, bent, pt) + undecayed[:, None] * made["rise"]
        variance = made["noise"] ** 2 + se**2
        if n_pooled:
            mean, variance = mean + made["family"][family], variance + made["drift"] ** 2 * apart[:, None]
        pm.CustomDist(
            "losses",
            mean,
            variance,
            weight,
            made["luck"],
            run,
            first,
            logp=_log_density,
            signature="(r,j),(r,j),(r,j),(j),(r),(f)->(r,j)",
            observed=observed,
        )
    return model


def _log_density(observed: Any, mean: Any, variance: Any, weight: Any, luck: Any, run: Any, first: Any) -> Any:
    """Log density of all losses, up to a constant: rows of a run jointly Student-t, with their common luck.

    A row's `weight` is the power of its density; by Sherman and Morrison no matrix is needed.
    """
    none = pt.zeros_like(observed)[first]

    def over_run(values: Any) -> Any:
        return none[run].inc(values)

    deviation, precision = observed - mean, weight / variance
    square = over_run(precision * deviation**2)
    along, informed = over_run(precision * deviation), over_run(precision)
    widened = 1 + luck**2 * informed
    count, log_variance = over_run(weight), over_run(weight * pt.log(variance))
    inside = square - along**2 * luck**2 / widened
    return -0.5 * ((DEGREES + count) * pt.log1p(inside / DEGREES) + log_variance + pt.log(widened)).sum()


def drift(made: Mapping[str, Any], scale: Scale, flops: FloatArray, rng: np.random.Generator) -> FloatArray | float:
    """What losses may depart from the law beyond what pooled families show ``(sample, point, series)``."""
    if "bends" not in made:
        return 0.0
    ahead = np.maximum(scale.decades(flops), 0.0)[:, None]
    beyond = np.maximum(ahead - max(float(scale.bends[-1]), 0.0), 0.0)
    own, shared = rng.standard_normal((2, len(made["walk"]), 1, made["walk"].shape[-1]))
    departs = own * made["drift"][:, None] * np.sqrt(ahead) + shared * made["walk"][:, None] * np.sqrt(beyond)
    return np.asarray(departs)


def luck_and_noise(made: Mapping[str, Any], n_point: int, rng: np.random.Generator) -> FloatArray:
    """A run's own luck and the noise of its last row on log loss ``(sample, point, series)``."""
    n_sample, n_series = made["luck"].shape
    tails = np.sqrt(DEGREES / rng.chisquare(DEGREES, (n_sample, n_point, n_series)))
    scale = np.sqrt(made["luck"] ** 2 + made["noise"] ** 2)[:, None]
    return np.asarray(scale * tails * rng.standard_normal(tails.shape))
