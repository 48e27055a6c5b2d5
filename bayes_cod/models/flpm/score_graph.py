"""The PyMC graphs of the score stage: two maps from domain losses to scores, both falling in every loss.

A map gives each task a logit; floor (chance), top and the luck of a run are the same for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.score_evidence import ScoreEvidence

type FloatArray = NDArray[np.float64]

MapKind = Literal["linear", "network"]
MAPS: tuple[MapKind, ...] = ("linear", "network")

LINEAR = ("slope",)
NETWORK = ("inner", "threshold", "outer")

TAIL_DEGREES = 4.0
"""Degrees of freedom of a run's luck: abrupt learning makes some runs differ by much more than most."""


@dataclass(frozen=True)
class ScoreShape:
    """Sizes that a compiled model depends on."""

    kind: MapKind
    runs: int
    domains: int
    benchmarks: int

    @property
    def units(self) -> int:
        """Units of the network's hidden layer: one that leans on each domain, and two on all alike."""
        return self.domains + 2


def arrays(evidence: ScoreEvidence, priors: ScorePriors) -> dict[str, NDArray[Any]]:
    """Values of the model's `pm.Data` containers, by name."""
    seen = np.isfinite(evidence.score)
    return {
        "priors": priors.vector(),
        "falls": evidence.falls(evidence.log_loss),
        "decades": evidence.decades(evidence.log_compute),
        "score": np.where(seen, evidence.score, 0.0),
        "seen": seen.astype(float),
        "n_trials": evidence.n_trials,
        "chance": evidence.chance,
    }


def build(shape: ScoreShape) -> pm.Model:
    """The model for a shape; fill it with `arrays`."""
    n_bench = shape.benchmarks
    with pm.Model() as model:
        values = pm.Data("priors", ScorePriors().vector())
        h = {name: values[index] for index, name in enumerate(ScorePriors.names())}
        falls = pm.Data("falls", np.zeros((shape.runs, shape.domains)))
        score, seen = (pm.Data(name, np.zeros((shape.runs, n_bench))) for name in ("score", "seen"))
        n_trials, chance = (pm.Data(name, np.ones(n_bench)) for name in ("n_trials", "chance"))
        level = pm.Deterministic("level", h["level_mean"] + h["level_sd"] * pm.Normal("level_z", 0, 1, shape=n_bench))
        parts = (_linear if shape.kind == "linear" else _network)(h, shape)
        decades = pm.Data("decades", np.zeros(shape.runs))
        of_size = pm.Deterministic("of_size", h["size_sd"] * pm.Normal("of_size_z", 0, 1, shape=n_bench))
        eta = level + decades[:, None] * of_size + logit_above(shape.kind, falls, parts, pt)
        multiplier = pm.Beta("chance_multiplier", h["below_chance"], 1.2, shape=n_bench)
        open_floor = pm.Beta("open_floor", 1, h["floor"], shape=n_bench)
        floor = pm.Deterministic("floor", pt.switch(chance > 0, chance * multiplier, open_floor))
        ceiling = pm.Beta("ceiling", 1, h["ceiling"], shape=n_bench)
        top = pm.Deterministic("top", floor + (1 - floor) * (1 - ceiling))
        typical = h["luck"] + h["luck_sd"] * pm.Normal("luck_typical", 0, 1)
        luck = pm.Deterministic("luck", pt.exp(typical + 0.5 * h["luck_sd"] * pm.Normal("luck_z", 0, 1, shape=n_bench)))
        mean, sd = moments(eta, floor, top, luck, n_trials, h["evaluation"], pt)
        pm.Potential("scores", (seen * log_density(score, mean, sd, pt)).sum())
    return model


def _linear(h: dict[str, Any], shape: ScoreShape) -> tuple[Any, ...]:
    typical = h["slope_mean"] + h["slope_typical_sd"] * pm.Normal("slope_typical", 0, 1)
    own = h["slope_sd"] * pm.Normal("slope_z", 0, 1, shape=(shape.domains, shape.benchmarks))
    return (pm.Deterministic("slope", pt.exp(typical + own)),)


def _network(h: dict[str, Any], shape: ScoreShape) -> tuple[Any, ...]:
    units = np.where(np.eye(shape.domains, shape.units) > 0, 1.0, 0.0)
    units[:, shape.domains :] = 0.5  # units that lean on all domains alike
    centre = h["inner_other"] + units * (h["inner_mean"] - h["inner_other"])
    inner = pt.exp(centre + h["inner_sd"] * pm.Normal("inner_z", 0, 1, shape=units.shape))
    threshold = h["threshold_sd"] * pm.Normal("threshold_z", 0, 1, shape=shape.units)
    outer = pt.exp(h["outer_mean"] + h["slope_sd"] * pm.Normal("outer_z", 0, 1, shape=(shape.units, shape.benchmarks)))
    return (
        pm.Deterministic("inner", inner),
        pm.Deterministic("threshold", threshold),
        pm.Deterministic("outer", outer),
    )


def logit_above(kind: MapKind, falls: Any, parts: tuple[Any, ...], module: Any) -> Any:
    """Logit of the tasks above their level ``(run, benchmark)``; increasing in every fall.

    "linear" is a line; "network" has one hidden layer of units ``asinh(x W - c)``, which bend and never saturate, with
    all weights positive. `module` is NumPy or PyTensor.
    """
    if kind == "linear":
        return module.dot(falls, parts[0])
    inner, threshold, outer = parts
    arcsinh = module.arcsinh
    units = arcsinh(module.dot(falls, inner) - threshold) + arcsinh(threshold)
    return module.dot(units, outer)


def log_density(score: Any, mean: Any, sd: Any, module: Any) -> Any:
    """Log density of a score, Student-t around the mean, up to a constant."""
    return -0.5 * (TAIL_DEGREES + 1) * module.log1p(((score - mean) / sd) ** 2 / TAIL_DEGREES) - module.log(sd)


def moments(eta: Any, floor: Any, top: Any, luck: Any, n_trials: Any, evaluation: Any, module: Any) -> tuple[Any, Any]:
    """Mean and scale of a score: luck carried through the slope of the curve, and finite trials."""
    rate = 1 / (1 + module.exp(-eta))
    mean = floor + (top - floor) * rate
    slope = (top - floor) * rate * (1 - rate)
    binomial = mean * (1 - mean) / n_trials
    return mean, module.sqrt((slope * luck) ** 2 + binomial + evaluation**2)
