"""What the sampler of the domain-loss stage moves in: what runs of several sizes tell, and what they leave open.

Runs of a small and a large size tell the loss of a domain at both, and the slope in the mixture at both, within a few
hundredths. How irreducible loss, size term and data term add up to these stays open, on ridges that are thin and bent
in the parameters of the law. In the coordinates here they are nearly straight. The model is the same: the density of
the coordinates has the determinant of their derivative in it.

At the largest size, the reference's tokens and the runs' usual mixture let ``L`` be the loss of a domain and ``sigma``
the data term's share of it. From the smallest size, a factor ``exp(lambda)`` away, the loss falls by ``F L``, of which
the share ``p`` is the size term's. Then

    kappa = log(1 + (1 - p) F / sigma) / lambda,
    alpha = log(1 + p F / (1 - sigma)) / lambda + excess,    excess > 0,

the excess being 0 where no loss is irreducible. The coordinates of a domain are, in the place of the standard normals
of the same block: "size" ``log F``, "kappa" ``v`` with ``-log(1 - p) = BEND log(1 + exp(v / BEND))``, "data" the log
of ``-log(1 - sigma)``, "alpha" the log of the excess, "beta" ``log(sigma beta)``, and "level" the level at the runs'
mean, in units of its prior. All others are standard normals themselves; of runs of a single size all but the level are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.flpm.evidence import LossEvidence
from bayes_cod.models.flpm.losses.parameters import (
    LossShape,
    above_reference,
    anchor_above,
    exponent,
    level_sd,
    log_exponent,
    log_term,
    mixture_parameters,
    parameters,
    relative_worth,
    term_spread,
    typical_log_exponent,
    typical_log_term,
)
from bayes_cod.models.flpm.whitening import joined, split

type FloatArray = NDArray[np.float64]

BEND = 0.05
"""Share of the fall above which the size term counts as it is, and below which by its logarithm."""


@dataclass(frozen=True)
class LawAtRuns:
    """The law at some coordinates.

    Attributes
    ----------
    parameters
        See `parameters.parameters`.
    above
        Log loss of the runs above the level ``(point, domain)``.
    log_prior
        Log density of the coordinates a priori, up to a constant.
    """

    parameters: dict[str, Any]
    above: Any
    log_prior: Any


def law_at_runs(
    coordinates: Any, data: Mapping[str, Any], h: Mapping[str, Any], shape: LossShape, module: Any
) -> LawAtRuns:
    """The law at the runs as a function of the sampler's coordinates.

    Parameters
    ----------
    coordinates
        In the blocks of `shape` ``(normal,)``.
    data
        The values of the model by name, see `graph.arrays`.
    h
        Hyperparameters by name.
    shape
        Of the model.
    module
        NumPy or PyTensor.
    """
    worth = _worth(split(coordinates, shape.blocks), data, h, module)
    normals, log_prior = coordinates, 0.0
    if shape.sized:
        usual = worth.mean(axis=0)
        normals, log_prior = to_normals(coordinates, h, shape, data["place"], _sizes(data), usual, module)
    made = parameters(normals, h, shape, data["own"], data["place"], module)
    above = above_reference(made, worth, data["log_params"][:, None], data["log_tokens"][:, None])
    parts = split(normals, shape.blocks)
    shift = above.mean(axis=0) - anchor_above(made, data["place"]) + level_sd(h, data["place"]) * parts["level_typical"]
    made = made | {"level": made["level"] - shift}
    normals = joined(parts | {"level": parts["level"] - shift / h["level_spread"]}, shape.blocks, module)
    return LawAtRuns(made, above, log_prior - 0.5 * (normals**2).sum())


def to_normals(
    coordinates: Any, h: Mapping[str, Any], shape: LossShape, at: Any, sizes: Any, worth: Any, module: Any
) -> tuple[Any, Any]:
    """Standard normals but for the level, and the log determinant of their derivative, up to a constant.

    Parameters
    ----------
    coordinates, h, shape, module
        As in `law_at_runs`.
    at
        See `parameters.place`.
    sizes
        Log size of the smallest and the largest run relative to the reference.
    worth
        Log of what the runs' usual mixture is worth to each domain relative to the reference ``(domain,)``.
    """
    parts = split(coordinates, shape.blocks)
    apart = sizes[1] - sizes[0]
    excess = module.exp(parts["alpha"])
    log_rest = -module.exp(parts["data"])
    log_data_share = _log_one_minus_exp(-log_rest, module)
    left = BEND * _softplus(parts["kappa"] / BEND, module)
    log_left, log_size_share = -left, _log_one_minus_exp(left, module)
    grown = parts["size"] + log_left - log_data_share
    fallen = parts["size"] + log_size_share
    kappa = _softplus(grown, module) / apart
    alpha = _softplus(fallen - log_rest, module) / apart + excess
    lost = _log_one_minus_exp(alpha * apart, module)
    opened = _log_one_minus_exp(excess * apart, module)
    log_beta = parts["beta"] - log_data_share
    log_size = fallen + alpha * sizes[0] - lost
    log_data = log_data_share + kappa * sizes[1] + module.exp(log_beta) * worth
    log_open = log_rest + opened - lost
    made = dict(parts)
    for name, log_weight in {"size": log_size - log_open, "data": log_data - log_open}.items():
        made[name] = (log_weight - typical_log_term(name, parts, h, at, module)) / term_spread(name, h, at, module)
    logs = {"alpha": module.log(alpha), "beta": log_beta, "kappa": module.log(kappa)}
    for name, log_value in logs.items():
        made[name] = (log_value - typical_log_exponent(name, parts, h)) / h["exponent_spread"]
    of_alpha = parts["alpha"] - logs["alpha"] - opened + lost
    of_kappa = -_softplus(-grown, module) - logs["kappa"]
    of_share = -_softplus(-parts["kappa"] / BEND, module) - log_size_share
    of_data = parts["data"] - log_data_share
    return joined(made, shape.blocks, module), (of_alpha + of_kappa + of_share + of_data).sum()


def start(
    evidence: LossEvidence, data: Mapping[str, FloatArray], h: Mapping[str, float], shape: LossShape
) -> FloatArray:
    """Coordinates to start from ``(normal,)``: the prior's centre, with levels at the runs' mean."""
    parts = split(np.zeros(shape.normals), shape.blocks)
    parts["level"] = (evidence.log_loss.mean(axis=0) - h["level_mean"]) / h["level_spread"]
    return of_normals(np.asarray(joined(parts, shape.blocks, np)), data, h, shape)


def of_normals(
    normals: FloatArray, data: Mapping[str, FloatArray], h: Mapping[str, float], shape: LossShape
) -> FloatArray:
    """Coordinates of standard normals ``(normal,)``, but for the level, which counts as that at the runs' mean."""
    if not shape.sized:
        return normals
    parts = split(normals, shape.blocks)
    usual = _worth(parts, data, h, np).mean(axis=0)
    at, sizes = data["place"], _sizes(data)
    alpha, beta, kappa = (exponent(name, parts, h, np) for name in ("alpha", "beta", "kappa"))
    log_size, log_data = (log_term(name, parts, h, at, np) for name in ("size", "data"))
    of_size = [np.exp(log_size - alpha * size) for size in sizes]
    of_data = [np.exp(log_data - kappa * size - beta * usual) for size in sizes]
    loss, apart = 1 + of_size[1] + of_data[1], sizes[1] - sizes[0]
    fall = of_size[0] - of_size[1] + of_data[0] - of_data[1]
    made = dict(parts)
    made["size"] = np.log(fall / loss)
    made["kappa"] = BEND * np.log(np.expm1(-np.log((of_data[0] - of_data[1]) / fall) / BEND))
    made["data"] = np.log(np.log(loss / (1 + of_size[1])))
    made["alpha"] = np.log(alpha - np.log((1 + of_size[0]) / (1 + of_size[1])) / apart)
    made["beta"] = log_exponent("beta", parts, h) + np.log(of_data[1] / loss)
    return np.asarray(joined(made, shape.blocks, np))


def _worth(parts: Mapping[str, Any], data: Mapping[str, Any], h: Mapping[str, Any], module: Any) -> Any:
    """`relative_worth` of the runs' mixtures."""
    made = mixture_parameters(parts, h, data["own"], module)
    return relative_worth(data["log_shares"], data["reference_log_shares"], made["log_transfer"], made["rho"])


def _sizes(data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Log size of the smallest and the largest run relative to the reference."""
    return data["log_params"].min(), data["log_params"].max()


def _softplus(x: Any, module: Any) -> Any:
    """Log of 1 + exp(x)."""
    return module.logaddexp(0.0, x)


def _log_one_minus_exp(x: Any, module: Any) -> Any:
    """Log of 1 - exp(-x)."""
    return module.log(-module.expm1(-x))
