"""The posterior density of the score stage: one logit a task, a line in the domains' losses, a walk along size, luck.

What a task's score says is its logit above the floor (chance). A score that is not above the floor says only that the
logit is low. Luck and the walk are on the logit too, so that tasks about to emerge may or may not.
"""

# numba's functions are typed for what it compiles, not for Python.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from bayes_cod.models.flpm.posterior import FloatArray, count, split
from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.scores.evidence import UNLEARNT, ScoreEvidence

TAIL_DEGREES = 4
"""Degrees of freedom of a run's luck: abrupt learning makes some runs differ by much more than most."""

LOWEST = 1e-12


class ScoreDensity:
    """Log density, up to a constant, of standard normals given the runs' scores.

    Parameters
    ----------
    evidence, priors
        Of the fit.
    """

    def __init__(self, evidence: ScoreEvidence, priors: ScorePriors) -> None:
        domains, tasks = len(evidence.domains), len(evidence.benchmarks)
        steps = evidence.steps(evidence.log_compute)
        self.blocks: dict[str, tuple[int, ...]] = {
            "level": (tasks,),
            "slope": (domains, tasks),
            "walk": (steps.shape[1], tasks),
            "pace": (tasks,),
            "luck": (tasks,),
            "typical": (3,),
        }
        self.size = count(self.blocks)
        self._priors = priors
        seen = np.isfinite(evidence.score)
        self._data = (
            evidence.falls(evidence.log_loss),
            steps,
            np.where(seen, evidence.logit, 0.0),
            seen & evidence.learnt,
            seen & ~evidence.learnt,
        )

    def __call__(self, coordinates: FloatArray) -> tuple[float, FloatArray]:
        """Log density and gradient."""
        made = self.parameters(coordinates)
        value, by_level, by_slope, by_walk, by_pace, by_luck = _evaluate(
            made["level"], made["slope"], made["walk"], made["pace"], made["luck"], *self._data
        )
        p = self._priors
        typical = [p.slope_sd * by_slope.sum(), p.pace_sd * by_pace.sum(), p.luck_sd * by_luck.sum()]
        spread = (p.level_sd * by_level, p.slope_spread * by_slope, by_walk, p.pace_spread * by_pace)
        parts = (*spread, p.luck_spread * by_luck, np.array(typical))
        gradient = np.concatenate([part.ravel() for part in parts]) - coordinates
        return value - 0.5 * coordinates @ coordinates, gradient

    def parameters(self, draws: FloatArray) -> dict[str, FloatArray]:
        """The map's parameters by name from coordinates ``(..., coordinate)``.

        Level, pace and luck ``(..., benchmark)``, slope ``(..., domain, benchmark)``, walk ``(..., step, benchmark)``:
        what the logit rises in one square root of a decade at each step from the largest size down, in paces.
        """
        z, p = split(draws, self.blocks), self._priors
        slope, pace, luck = np.moveaxis(z["typical"], -1, 0)[..., None]
        return {
            "level": p.level_mean + p.level_sd * z["level"],
            "slope": np.exp(p.slope + p.slope_sd * slope[..., None] + p.slope_spread * z["slope"]),
            "walk": z["walk"],
            "pace": np.exp(p.pace + p.pace_sd * pace + p.pace_spread * z["pace"]),
            "luck": np.exp(p.luck + p.luck_sd * luck + p.luck_spread * z["luck"]),
        }


def mean_logit(made: Mapping[str, FloatArray], falls: FloatArray, steps: FloatArray) -> FloatArray:
    """Logit of the tasks ``(..., run, benchmark)`` without luck; increasing in every fall."""
    walked = (steps @ made["walk"]) * made["pace"][..., None, :]
    return np.asarray(made["level"][..., None, :] + falls @ made["slope"] + walked)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def density_of(logit: Any, learnt: Any, unlearnt: Any, mean: Any, luck: Any) -> Any:
    """Log density of what one score says, up to a constant, and its derivatives by mean and log luck.

    Student-t around the mean where a task was learnt; the probability of a logit below `UNLEARNT` where it was not.
    """
    if learnt:
        off = (logit - mean) / luck
        pull = (TAIL_DEGREES + 1) * off / (TAIL_DEGREES + off**2)
        value = -0.5 * (TAIL_DEGREES + 1) * np.log1p(off**2 / TAIL_DEGREES) - np.log(luck)
        return value, pull / luck, pull * off - 1
    if unlearnt:
        gap = (UNLEARNT - mean) / luck
        root = np.sqrt(1 + gap**2 / TAIL_DEGREES)
        reduced = gap / root
        below = 0.5 + 0.375 * reduced * (1 - reduced**2 / 12)  # Student's t with four degrees of freedom, closed form
        if below > LOWEST:
            steepness = 0.375 / root**5 / below
            return np.log(below), -steepness / luck, -steepness * gap
        return np.log(LOWEST), 0.0, 0.0
    return 0.0, 0.0, 0.0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _evaluate(
    level: Any,
    slope: Any,
    walk: Any,
    pace: Any,
    luck: Any,
    falls: Any,
    steps: Any,
    logit: Any,
    learnt: Any,
    unlearnt: Any,
) -> Any:
    """Log likelihood, and its derivatives by level, log slope, walk, log pace and log luck."""
    walked = steps @ walk
    mean = falls @ slope + level + walked * pace
    by_mean, by_luck, value = np.zeros(mean.shape), np.zeros(len(luck)), 0.0
    for run in range(len(mean)):
        for task in range(len(luck)):
            of_one = density_of(logit[run, task], learnt[run, task], unlearnt[run, task], mean[run, task], luck[task])
            value += of_one[0]
            by_mean[run, task] = of_one[1]
            by_luck[task] += of_one[2]
    by_pace = (by_mean * walked).sum(axis=0) * pace
    return value, by_mean.sum(axis=0), falls.T @ by_mean * slope, (steps.T @ by_mean) * pace, by_pace, by_luck
