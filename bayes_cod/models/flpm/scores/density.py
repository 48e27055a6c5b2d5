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
        gradient = -coordinates
        return _evaluate(coordinates, self._priors.vector(), *self._data, gradient), gradient

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
def _evaluate(c: Any, p: Any, falls: Any, steps: Any, logit: Any, learnt: Any, unlearnt: Any, gradient: Any) -> Any:
    """Log density; that of the likelihood is added to the gradient. `p` are the priors in their order."""
    tasks, domains, n_step = logit.shape[1], falls.shape[1], steps.shape[1]
    walk = tasks * (1 + domains)
    pace, luck = walk + n_step * tasks, walk + (n_step + 1) * tasks
    typical = luck + tasks
    value = 0.0
    for task in range(tasks):
        slopes = np.empty(domains)
        for domain in range(domains):
            slopes[domain] = np.exp(p[2] + p[3] * c[typical] + p[4] * c[(1 + domain) * tasks + task])
        paces = np.exp(p[5] + p[6] * c[typical + 1] + p[7] * c[pace + task])
        lucks = np.exp(p[8] + p[9] * c[typical + 2] + p[10] * c[luck + task])
        for run in range(len(logit)):
            mean, walked = p[0] + p[1] * c[task], 0.0
            for domain in range(domains):
                mean += falls[run, domain] * slopes[domain]
            for step in range(n_step):
                walked += steps[run, step] * c[walk + step * tasks + task]
            mean += paces * walked
            density, by_mean, by_luck = density_of(
                logit[run, task], learnt[run, task], unlearnt[run, task], mean, lucks
            )
            value += density
            gradient[task] += p[1] * by_mean
            for domain in range(domains):
                by_slope = by_mean * falls[run, domain] * slopes[domain]
                gradient[(1 + domain) * tasks + task] += p[4] * by_slope
                gradient[typical] += p[3] * by_slope
            for step in range(n_step):
                gradient[walk + step * tasks + task] += paces * by_mean * steps[run, step]
            gradient[pace + task] += p[7] * by_mean * paces * walked
            gradient[typical + 1] += p[6] * by_mean * paces * walked
            gradient[luck + task] += p[10] * by_luck
            gradient[typical + 2] += p[9] * by_luck
    return value - 0.5 * (c * c).sum()
