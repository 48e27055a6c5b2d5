"""The PyMC model of Bayesian COD at benchmark level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.cod.marginal import MISSING, log_likelihood, random
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import bent
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import padded

type FloatArray = NDArray[np.float64]

_CURVES = (8, 16, 32, 64, 128, 256, 512, 1024)
_RUNGS = (4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Shape:
    """Sizes that a model is compiled for. A curve is one benchmark of one family."""

    families: int
    curves: int
    rungs: int

    @classmethod
    def of(cls, together: Sequence[Observations]) -> Self:
        """The smallest shape in steps that holds some families."""
        curves = sum(len(one.benchmarks) for one in together)
        return cls(
            len(together),
            padded(curves, _CURVES),
            padded(max(len(one.axis.rungs) for one in together), _RUNGS),
        )


def arrays(together: Sequence[Observations], shape: Shape, prior: Priors) -> dict[str, NDArray[Any]]:
    """Values of the model's data containers; rungs run backwards from the last, padding is seen through no score."""
    data: dict[str, NDArray[Any]] = {
        "prior": prior.vector(),
        "x": np.zeros((shape.families, shape.rungs)),
        "family": np.zeros(shape.curves, dtype=np.int32),
        "variance": np.full((shape.curves, shape.rungs), MISSING),
        "seen": np.full((shape.curves, shape.rungs), prior.level_mean),
    }
    curve = 0
    for number, one in enumerate(together):
        here = len(one.axis.rungs)
        data["x"][number, :here] = one.axis.rungs[::-1]
        data["x"][number, here:] = one.axis.rungs[0]
        rows = slice(curve, curve + len(one.benchmarks))
        data["family"][rows] = number
        data["seen"][rows, :here] = one.theta[:, ::-1]
        data["variance"][rows, :here] = one.variance[:, ::-1]
        curve += len(one.benchmarks)
    return data


def build(shape: Shape, *, learning: bool = False) -> pm.Model:
    """The model for some families' benchmarks.

    For benchmark b of family f at rung r, x <= 0 decades from the last rung::

        theta_b(x) = level_b + slope_b (X_f(x) + shared walk_f(x)) + own walk_b(x)
        seen_br    = theta_b(x_r) + passing noise + noise of its trials

    Walks are Brownian and zero at the last rung, so that what lies ahead is independent of what was seen and needs no
    place here. Level, slope and own walk are Gaussian and summed out: their joint covariance is written down.

    Parameters
    ----------
    shape
        What it is compiled for.
    learning
        Sample the prior's own numbers too (`_sampled`), which takes many families.
    """
    with pm.Model() as model:
        given = {name: pm.Data(name, value) for name, value in arrays([Observations.empty()], shape, Priors()).items()}
        p = dict(zip(Priors.names(), [given["prior"][i] for i in range(len(Priors.names()))], strict=True))
        if learning:
            p |= _sampled(p)
        x, family = given["x"], given["family"]

        def of_families(name: str) -> Any:
            """Means of the families: what they have in common, and each one's own."""
            own = pm.Normal(f"z_{name}_family", shape=shape.families)
            if not learning:
                own = pt.sqrt(p["common"]) * pm.Normal(f"z_{name}") + pt.sqrt(1 - p["common"]) * own
            return p[f"{name}_mean"] + p[f"{name}_sd"] * own

        mean_slope = pm.Deterministic("mean_slope", pt.exp(of_families("slope")))
        curvature = pm.Deterministic("curvature", of_families("curvature"))
        typical_walk = pt.exp(of_families("walk"))
        noise = pm.Deterministic("noise", pt.exp(of_families("noise")))
        z_shared = pm.Normal("z_shared", shape=(shape.families, shape.rungs - 1))
        steps = pt.sqrt(x[:, :-1] - x[:, 1:])
        shared = p["shared_walk"] * pt.cumsum(steps * z_shared, axis=1)
        shared = pm.Deterministic("shared_walk", pt.concatenate([pt.zeros_like(x[:, :1]), shared], axis=1))
        moved = pm.Deterministic("moved", bent(x, curvature[:, None]) + shared)
        walk = pm.Deterministic("walk", typical_walk[family] * pm.HalfNormal("z_own_walk", shape=shape.curves))

        fixed = pt.stack([p["level_mean"], p["level_sd"] ** 2])
        pm.CustomDist(
            "theta_seen",
            *(moved, mean_slope, walk**2, noise**2, p["slope_spread"], fixed, x, given["variance"], family),
            logp=log_likelihood,
            random=random,
            signature="(f,r),(f),(c),(f),(),(t),(f,r),(c,r),(c)->(c,r)",
            observed=given["seen"],
        )
    return model


LEARNT_FAMILIES = ("slope", "curvature", "walk", "noise")
"""Of which a family has a mean of its own."""
LEARNT_SCALES = ("slope_spread", "shared_walk", "slope_sd", "curvature_sd", "walk_sd")
DOUBT = 0.7
"""Standard deviation of the log of a scale that is learnt, around its start."""


def _sampled(p: dict[str, Any]) -> dict[str, Any]:
    """Numbers of the prior as variables around their start: means within two of their spreads, scales by `DOUBT`."""
    found = {}
    for name in LEARNT_SCALES:
        found[name] = pm.Deterministic(f"learnt_{name}", p[name] * pt.exp(DOUBT * pm.Normal(f"z_learnt_{name}")))
    for family in LEARNT_FAMILIES:
        name = f"{family}_mean"
        found[name] = pm.Deterministic(f"learnt_{name}", p[name] + p[f"{family}_sd"] * pm.Normal(f"z_learnt_{name}"))
    return found
