"""Parameters of the domain-loss stage as functions of one vector of independent standard normals.

The graph, the simulation and the start of the sampler all use the same functions, in PyTensor or NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.flpm.evidence import LossEvidence
from bayes_cod.models.flpm.features import Features
from bayes_cod.models.flpm.whitening import count, split

type FloatArray = NDArray[np.float64]

EXPONENTS = ("alpha", "beta", "eta", "kappa")
TERMS = ("size", "data")

ANCHOR_PARAMS, ANCHOR_TOKENS = 1e8, 2e10
"""Size and tokens at which the ladders lie that the prior of the loss's terms was learnt from."""

FURTHEST = 2 * float(np.log(10.0))
"""Distance from the anchor beyond which the law is not trusted to carry that prior: two decades."""


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

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """Shape of every block of standard normals, in order."""
        domains, sources = (self.domains,), (self.sources,)
        blocks: dict[str, tuple[int, ...]] = {"level": domains}
        for name in (*TERMS, *EXPONENTS):
            blocks |= {f"{name}_typical": (), name: domains}
        blocks |= {"source": sources, "transfer": (self.sources, self.domains), "rho_typical": (), "rho": sources}
        return blocks | {"scale_loss": domains, "scale_run": (3,), "signal": ()}

    @property
    def normals(self) -> int:
        """Number of standard normals."""
        return count(self.blocks)


def place(evidence: LossEvidence) -> FloatArray:
    """Log size and log tokens of the reference relative to the anchor ``(2,)``; 0 where only compute is known."""
    if evidence.by_compute:
        return np.zeros(2)
    at = evidence.reference
    distance = [at.log_params[0] - np.log(ANCHOR_PARAMS), at.log_tokens[0] - np.log(ANCHOR_TOKENS)]
    return np.asarray(np.clip(distance, -FURTHEST, FURTHEST))


def start(evidence: LossEvidence, shape: LossShape, h: dict[str, float]) -> FloatArray:
    """Standard normals to start from: the prior's centre, with levels at the runs' mean."""
    level = (evidence.log_loss.mean(axis=0) - h["level_mean"]) / h["level_sd"]
    return np.concatenate([level, np.zeros(shape.normals - shape.domains)])


def parameters(normals: Any, h: dict[str, Any], shape: LossShape, own: Any, at: Any, module: Any) -> dict[str, Any]:
    """The law's parameters.

    Parameters
    ----------
    normals
        Standard normals ``(normal,)``.
    h
        Hyperparameters by name.
    shape
        Of the model.
    own
        1 where a training domain bears the name of the validation domain ``(source, domain)``.
    at
        See `place`.
    module
        NumPy or PyTensor.

    Returns
    -------
    dict
        level ``(domain,)``, terms ``(term, domain)``, the exponents ``(domain,)``, log_transfer ``(source, domain)``,
        rho ``(source,)``, scale_loss ``(domain,)``, scale_run ``(3,)``, signal.
    """
    exp, z = module.exp, split(normals, shape.blocks)
    sds = dict.fromkeys(EXPONENTS, h["exponent_sd"]) | {"kappa": h["kappa_sd"]}
    made = {
        name: exp(h[name] + sds[name] * z[f"{name}_typical"] + h["exponent_spread"] * z[name]) for name in EXPONENTS
    }
    weights = [module.ones_like(z["level"])]
    for position, (name, exponent) in enumerate(zip(TERMS, ("alpha", "eta"), strict=True)):
        typical = h[f"{name}_mean"] + h["term_sd"] * z[f"{name}_typical"]
        weights.append(exp(typical + h["term_spread"] * z[name] - made[exponent] * at[position]))
    weight = module.stack(weights)
    transfer = h["transfer_source"] * z["source"][:, None] + h["transfer_own"] * own
    rho = h["rho_mean"] + h["rho_sd"] * z["rho_typical"] + h["rho_spread"] * z["rho"]
    return made | {
        "level": h["level_mean"] + h["level_sd"] * z["level"],
        "terms": weight / weight.sum(axis=0),
        "log_transfer": transfer + h["transfer_spread"] * z["transfer"],
        "rho": 1 / (1 + exp(-rho)),
        "scale_loss": h["scale_loss"] * z["scale_loss"],
        "scale_run": module.stack([h["scale_run"], h["scale_run"], h["scale_size"]]) * z["scale_run"],
        "signal": exp(h["signal"] + h["signal_sd"] * z["signal"]),
    }
