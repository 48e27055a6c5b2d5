"""The PyMC graph of the score stage: one logit a task, a line in the domains' losses, a walk along size, and luck.

What a task's score says is its logit above the floor (chance). A score that is not above the floor says only that the
logit is low. Luck and the walk are on the logit too, so that tasks about to emerge may or may not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.scores.evidence import UNLEARNT, ScoreEvidence
from bayes_cod.models.flpm.whitening import count, split, standard_normals

type FloatArray = NDArray[np.float64]

TAIL_DEGREES = 4
"""Degrees of freedom of a run's luck: abrupt learning makes some runs differ by much more than most."""

LOWEST = 1e-12


@dataclass(frozen=True)
class ScoreShape:
    """Sizes that a compiled model depends on: runs, loss domains, benchmarks, distinct sizes of runs."""

    runs: int
    domains: int
    benchmarks: int
    sizes: int

    @classmethod
    def of(cls, evidence: ScoreEvidence) -> ScoreShape:
        """The shape of some evidence."""
        return cls(len(evidence.models), len(evidence.domains), len(evidence.benchmarks), len(evidence.sizes))

    @property
    def blocks(self) -> dict[str, tuple[int, ...]]:
        """Shape of every block of standard normals, in order."""
        tasks = (self.benchmarks,)
        blocks: dict[str, tuple[int, ...]] = {"level": tasks, "slope_typical": ()}
        blocks |= {"slope": (self.domains, self.benchmarks), "walk": (max(self.sizes - 1, 1), self.benchmarks)}
        return blocks | {"pace_typical": (), "pace": tasks, "luck_typical": (), "luck": tasks}

    @property
    def normals(self) -> int:
        """Number of standard normals."""
        return count(self.blocks)


def arrays(evidence: ScoreEvidence, priors: ScorePriors) -> dict[str, NDArray[Any]]:
    """Values of the model's `pm.Data` containers, by name."""
    seen = np.isfinite(evidence.score)
    return {
        "priors": priors.vector(),
        "falls": evidence.falls(evidence.log_loss),
        "steps": evidence.steps(evidence.log_compute),
        "logit": np.where(seen, evidence.logit, 0.0),
        "learnt": (seen & evidence.learnt).astype(float),
        "unlearnt": (seen & ~evidence.learnt).astype(float),
    }


def parameters(normals: Any, h: dict[str, Any], shape: ScoreShape, module: Any) -> dict[str, Any]:
    """The map's parameters from standard normals ``(normal,)``; `module` is NumPy or PyTensor.

    Returns
    -------
    dict
        level, pace and luck ``(benchmark,)``, slope ``(domain, benchmark)``, walk ``(step, benchmark)``: what the logit
        rises in one square root of a decade at each step from the largest size down, in paces.
    """
    exp, z = module.exp, split(normals, shape.blocks)
    made = {
        name: exp(h[name] + h[f"{name}_sd"] * z[f"{name}_typical"] + h[f"{name}_spread"] * z[name])
        for name in ("slope", "pace", "luck")
    }
    return made | {"level": h["level_mean"] + h["level_sd"] * z["level"], "walk": z["walk"]}


def mean_logit(made: dict[str, Any], falls: Any, steps: Any, module: Any) -> Any:
    """Logit of the tasks ``(run, benchmark)`` without luck; increasing in every fall."""
    return made["level"] + module.dot(falls, made["slope"]) + module.dot(steps, made["walk"]) * made["pace"]


def build(shape: ScoreShape) -> pm.Model:
    """The model for a shape; fill it with `arrays`, and with the centre and factor of `whitening.whiten`."""
    with pm.Model() as model:
        values = pm.Data("priors", ScorePriors().vector())
        h = {name: values[index] for index, name in enumerate(ScorePriors.names())}
        falls = pm.Data("falls", np.zeros((shape.runs, shape.domains)))
        steps = pm.Data("steps", np.zeros((shape.runs, max(shape.sizes - 1, 1))))
        cells = (shape.runs, shape.benchmarks)
        logit, learnt, unlearnt = (pm.Data(name, np.zeros(cells)) for name in ("logit", "learnt", "unlearnt"))
        made = parameters(standard_normals(shape.normals), h, shape, pt)
        log_density = log_density_of(logit, learnt, unlearnt, mean_logit(made, falls, steps, pt), made["luck"], pt)
        pm.Potential("scores", log_density.sum())
    return model


def log_density_of(logit: Any, learnt: Any, unlearnt: Any, mean: Any, luck: Any, module: Any) -> Any:
    """Log density of what the scores say, up to a constant ``(run, benchmark)``.

    Student-t around the mean where a task was learnt; the probability of a logit below `UNLEARNT` where it was not.
    """
    seen = ((logit - mean) / luck) ** 2
    density = -0.5 * (TAIL_DEGREES + 1) * module.log1p(seen / TAIL_DEGREES) - module.log(luck)
    gap = (UNLEARNT - mean) / luck
    reduced = gap / module.sqrt(1 + gap**2 / TAIL_DEGREES)
    below = 0.5 + 0.375 * reduced * (1 - reduced**2 / 12)  # Student's t with four degrees of freedom, in closed form
    return learnt * density + unlearnt * module.log(module.maximum(below, LOWEST))
