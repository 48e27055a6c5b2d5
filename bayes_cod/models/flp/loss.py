"""The loss stage: one law for every loss series, and how runs and families depart from it.

For a row r (end of a run, or part of its training) and a series j, at learning rate h over its peak:

    log L_rj = law_j(size, tokens) + rise_j h_r + scale_j luck_run(r) + noise_rj;

rows of pooled families have levels of their own and share departures from the law along compute. `parameters` and
`log_loss` serve the graph, the forecast and the simulation, with PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.flp import law
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.priors import LossPriors
from bayes_cod.models.flp.progress import BENDS, Scale

type FloatArray = NDArray[np.float64]

ANY_ROWS = 2
"""Rows of the placeholders that a graph is built with; data of any number of rows take their place."""


def parameters(free: Mapping[str, Any], priors: LossPriors, module: Any) -> dict[str, Any]:
    """What losses are made of.

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
        What `law.parameters` returns; rise, luck and noise ``(..., series)``, the last two as scales; with pooled
        families also family ``(..., family + 1, series)``, bends ``(..., piece, series)``, walk and drift ``(...,
        series)``.
    """
    made = law.parameters(free, priors, module) | {
        "rise": priors.undecayed * free["rise_z"],
        "luck": module.exp(free["log_luck"]),
        "noise": module.exp(free["log_noise"]),
    }
    if "family_z" in free:
        of_others = priors.family * free["family_z"]
        made["family"] = module.concatenate([module.zeros_like(of_others[..., :1, :]), of_others], axis=-2)
        made["walk"], made["drift"] = free["walk"], free["drift"]
        made["bends"] = free["walk"][..., None, :] * free["bend_z"]
    return made


def log_loss(made: Mapping[str, Any], size: Any, tokens: Any, reference: Any, bent: Any, module: Any) -> Any:
    """Log loss at decayed learning rate ``(..., row, series)``: the law, and what all families depart from it by.

    Parameters
    ----------
    made
        From `parameters`.
    size, tokens, reference, module
        See `law.log_loss`.
    bent
        See `Scale.bent`; unused without pooled families.
    """
    mean = law.log_loss(made, size, tokens, reference, module)
    if "bends" in made:
        mean = mean + (bent[:, :, None] * made["bends"][..., None, :, :]).sum(axis=-2)
    return mean


def at_rows(made: Mapping[str, Any], data: Mapping[str, Any], module: Any) -> tuple[Any, Any]:
    """Mean and variance of the rows' log losses but for the luck of their run ``(..., row, series)``."""
    bent = data.get("bent")
    mean = log_loss(made, data["size"], data["tokens"], data["reference"], bent, module)
    mean = mean + data["undecayed"][:, None] * made["rise"][..., None, :]
    variance = made["noise"][..., None, :] ** 2 + data["se"] ** 2
    if "family" in made:
        mean = mean + made["family"][..., data["row_family"], :]
        variance = variance + made["drift"][..., None, :] ** 2 * data["apart"][:, None]
    return mean, variance / data["weight"][:, None]


def arrays(evidence: Evidence, scale: Scale) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    size, tokens = scale.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    data: dict[str, NDArray[Any]] = {
        "row_run": evidence.run.astype(np.int32),
        "undecayed": evidence.undecayed,
        "weight": evidence.weight,
        "size": size,
        "tokens": tokens,
        "log_loss": evidence.log_loss,
        "se": evidence.log_loss_se,
        "reference": scale.log_loss.copy(),
    }
    if evidence.n_pooled:
        data["row_family"] = evidence.family.astype(np.int32)
        data["bent"] = scale.bent(evidence.flops)
        data["apart"] = np.abs(scale.decades(evidence.flops)) * (evidence.family > 0)
    return data


def build(n_series: int, n_runs: int, n_pooled: int, priors: LossPriors) -> pm.Model:
    """The graph, with placeholder data.

    Parameters
    ----------
    n_series, n_runs, n_pooled
        Loss series, runs (see `score.padded_runs`) and pooled families.
    priors
        Constants of the compiled graph.
    """
    coords = law.coordinates(n_series)
    coords |= {"run": range(n_runs), "family": range(n_pooled), "piece": range(BENDS)}
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, value) for name, value in _placeholders(n_series, n_pooled).items()}
        free = law.free_variables() | {"rise_z": pm.HalfNormal("rise_z", 1.0, dims="series")}
        for name in ("log_luck", "log_noise"):
            free[name] = pm.StudentT(name, nu=law.SCALE_DEGREES, mu=priors.scale, sigma=priors.scale_sd, dims="series")
        if n_pooled:
            free["family_z"] = pm.Normal("family_z", 0.0, 1.0, dims=("family", "series"))
            free["bend_z"] = pm.Normal("bend_z", 0.0, 1.0, dims=("piece", "series"))
            for name, median in (("walk", priors.walk), ("drift", priors.drift)):
                free[name] = pm.LogNormal(name, np.log(median), priors.walk_sd, dims="series")
        made = parameters(free, priors, pt)
        mean, variance = at_rows(made, data, pt)
        luck = _luck(data["log_loss"] - mean, made["luck"], variance, data["row_run"])
        mean = mean + made["luck"] * luck[data["row_run"]][:, None]
        pm.StudentT("losses", nu=law.DEGREES, mu=mean, sigma=pt.sqrt(variance), observed=data["log_loss"])
    return model


def _placeholders(n_series: int, n_pooled: int) -> dict[str, NDArray[Any]]:
    per_row, per_value = np.zeros(ANY_ROWS), np.zeros((ANY_ROWS, n_series))
    data: dict[str, NDArray[Any]] = {"row_run": per_row.astype(np.int32), "weight": np.ones(ANY_ROWS)}
    data |= {name: per_row for name in ("undecayed", "size", "tokens")}
    data |= {name: per_value for name in ("log_loss", "se")} | {"reference": np.zeros(n_series)}
    if n_pooled:
        data |= {"row_family": per_row.astype(np.int32), "apart": per_row, "bent": np.zeros((ANY_ROWS, BENDS))}
    return data


def _luck(deviation: Any, scale: Any, variance: Any, run: Any) -> Any:
    """Standard normal luck of every run, sampled as its deviation from where the run's losses put it.

    The same model, without the funnel where luck is large: a run with one row fixes its luck, if noise is small.
    """
    apart = pm.Normal("luck_apart", 0.0, 1.0, dims="run")
    informed = pt.ones_like(apart)[run].inc((scale**2 / variance).sum(axis=1))
    centre = pt.zeros_like(apart)[run].inc((scale * deviation / variance).sum(axis=1)) / informed
    luck = pm.Deterministic("luck_z", centre + apart / pt.sqrt(informed), dims="run")
    pm.Potential("luck", 0.5 * (apart**2 - luck**2 - pt.log(informed)).sum())
    return luck


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
    luck = rng.standard_normal((n_sample, n_point, 1)) * made["luck"][:, None]
    noise = rng.standard_t(law.DEGREES, (n_sample, n_point, n_series)) * made["noise"][:, None]
    return np.asarray(luck + noise)
