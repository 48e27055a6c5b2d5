"""Parameters of the domain-loss stage as functions of one vector of independent standard normals.

The graph, the simulation and the start of the sampler all use the same functions, in PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flpm.evidence import LossEvidence
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.whitening import count, split

type FloatArray = NDArray[np.float64]

EXPONENTS = ("alpha", "beta", "eta", "kappa")
TERMS = ("size", "data")

ANCHOR_PARAMS, ANCHOR_TOKENS = 1e8, 2e10
"""Size and tokens at which the ladders lie that the priors of the loss and of its terms were learnt from."""

FURTHEST = 2 * float(np.log(10.0))
"""Distance from the anchor beyond which the law is not trusted to carry that prior: two decades."""


@dataclass(frozen=True)
class LossShape:
    """What a compiled model depends on: how many points, domains and features, and whether the runs differ in size."""

    points: int
    sources: int
    domains: int
    features: int
    sized: bool = True

    @classmethod
    def of(cls, evidence: LossEvidence, features: Features) -> LossShape:
        """The shape of some evidence."""
        counts = (len(evidence.points), len(evidence.sources), len(evidence.domains), len(features))
        return cls(*counts, sized=evidence.sized)

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """Shape of every block of standard normals, in order."""
        domains, sources = (self.domains,), (self.sources,)
        blocks: dict[str, tuple[int, ...]] = {"level_typical": (), "level": domains}
        for name in (*TERMS, *EXPONENTS):
            blocks |= {f"{name}_typical": (), name: domains}
        blocks |= {"source": sources, "transfer": (self.sources, self.domains), "rho_typical": (), "rho": sources}
        return blocks | {"scale_loss": domains, "scale_run": (3,), "signal": ()}

    @property
    def normals(self) -> int:
        """Number of standard normals."""
        return count(self.blocks)


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


def parameters(normals: Any, h: Mapping[str, Any], shape: LossShape, own: Any, at: Any, module: Any) -> dict[str, Any]:
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
    made = {name: exponent(name, z, h, module) for name in EXPONENTS}
    weight = module.stack([module.ones_like(z["level"]), *(exp(log_term(name, z, h, at, module)) for name in TERMS)])
    made |= {"terms": weight / weight.sum(axis=0)}
    level = h["level_mean"] + level_sd(h, at) * z["level_typical"] + h["level_spread"] * z["level"]
    made |= mixture_parameters(z, h, own, module)
    return made | {
        "level": level - anchor_above(made, at),
        "scale_loss": h["scale_loss"] * z["scale_loss"],
        "scale_run": module.stack([h["scale_run"], h["scale_run"], h["scale_size"]]) * z["scale_run"],
        "signal": exp(h["signal"] + h["signal_sd"] * z["signal"]),
    }


def exponent(name: str, z: Mapping[str, Any], h: Mapping[str, Any], module: Any) -> Any:
    """An exponent of each domain ``(domain,)`` from the blocks of standard normals."""
    return module.exp(log_exponent(name, z, h))


def log_exponent(name: str, z: Mapping[str, Any], h: Mapping[str, Any]) -> Any:
    """Its log ``(domain,)``."""
    log_value = typical_log_exponent(name, z, h) + h["exponent_spread"] * z[name]
    return log_value + log_exponent("beta", z, h) if name == "eta" else log_value


def typical_log_exponent(name: str, z: Mapping[str, Any], h: Mapping[str, Any]) -> Any:
    """Log of an exponent's typical value over domains; of that of tokens its ratio to that of the mixture."""
    return h[name] + h["eta_sd" if name == "eta" else "exponent_sd"] * z[f"{name}_typical"]


def level_sd(h: Mapping[str, Any], at: Any) -> Any:
    """Uncertainty of the typical log loss; more where the law is not trusted to carry it."""
    return _either(h["level_sd"], h["level_beyond"] * at[2])


def anchor_above(made: Mapping[str, Any], at: Any) -> Any:
    """Log loss at the anchor above that at the reference ``(domain,)``, on the reference's mixture."""
    return above_reference(made, 0.0, -at[0], -at[1])


def above_reference(made: Mapping[str, Any], worth: Any, log_params: Any, log_tokens: Any) -> Any:
    """Log loss above that at the reference, of `relative_worth`, log size and log tokens against the reference's."""
    terms, exponents = made["terms"], tuple(made[name] for name in EXPONENTS)
    return laws.log_mixture_loss(worth, log_params, log_tokens, (terms[0], terms[1], terms[2]), exponents)


def relative_worth(log_shares: Any, reference_log_shares: Any, log_transfer: Any, rho: Any) -> Any:
    """Log of what mixtures are worth to each domain, against the reference's ``(point, domain)``."""
    worth = laws.log_pooled_shares(log_shares, log_transfer, rho)
    return worth - laws.log_pooled_shares(reference_log_shares[None, :], log_transfer, rho)


def log_term(name: str, z: Mapping[str, Any], h: Mapping[str, Any], at: Any, module: Any) -> Any:
    """Log of what size or data remove at the reference, against what nothing removes ``(domain,)``."""
    return typical_log_term(name, z, h, at, module) + term_spread(name, h, at, module) * z[name]


def typical_log_term(name: str, z: Mapping[str, Any], h: Mapping[str, Any], at: Any, module: Any) -> Any:
    """Its typical value over domains.

    The law carries it from the anchor with its usual exponents, so the further the reference, the less sure it is. The
    ladder's own exponents would make a share that is not usual there a reason for exponents that no run has shown.
    """
    carried = _carried(name, h, at, module)
    return h[f"{name}_mean"] - carried + _either(h["term_sd"], carried * h["exponent_sd"]) * z[f"{name}_typical"]


def term_spread(name: str, h: Mapping[str, Any], at: Any, module: Any) -> Any:
    """Its spread over domains; see `typical_log_term`."""
    return _either(h["term_spread"], _carried(name, h, at, module) * h["exponent_spread"])


def _carried(name: str, h: Mapping[str, Any], at: Any, module: Any) -> Any:
    log_usual, distance = (h["alpha"], at[0]) if name == "size" else (h["beta"] + h["eta"], at[1])
    return module.exp(log_usual) * distance


def _either(first: Any, second: Any) -> Any:
    """Standard deviation of a sum."""
    return (first**2 + second**2) ** 0.5


def mixture_parameters(z: Mapping[str, Any], h: Mapping[str, Any], own: Any, module: Any) -> dict[str, Any]:
    """What a mixture is worth: log_transfer ``(source, domain)`` and rho ``(source,)``."""
    transfer = h["transfer_source"] * z["source"][:, None] + h["transfer_own"] * own
    rho = h["rho_mean"] + h["rho_sd"] * z["rho_typical"] + h["rho_spread"] * z["rho"]
    return {"log_transfer": transfer + h["transfer_spread"] * z["transfer"], "rho": 1 / (1 + module.exp(-rho))}
