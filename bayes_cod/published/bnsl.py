"""Broken neural scaling law on a benchmark's error."""

from __future__ import annotations

import numpy as np
from scipy.optimize import least_squares

from bayes_cod import laws
from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.problems import FloatArray, ScoreProblem, Solution

MIN_RUNGS_FOR_BREAK = 7
MIN_RUNGS_FOR_LIMIT = 4


class BNSL(ScoreMethod):
    """``1 - y = a + b C^-c0 (1 + (C / d)^(1/f))^(-c1 f)``, one break, on the log error.

    One break has six parameters: it is fitted with seven rungs or more. With four to six rungs the law has no break,
    with two or three no limit `a` either. Minimises the squared error of log(1 - y), the publication's RMSLE, from
    several starts; C is in units of the largest rung.
    """

    name = "bnsl"

    def solve(self, problem: ScoreProblem) -> Solution:
        """Fit the law to the errors."""
        compute = problem.flops / problem.flops[-1]
        error = 1 - problem.clip(problem.score)
        n_breaks = int(len(problem) >= MIN_RUNGS_FOR_BREAK)
        limit = len(problem) >= MIN_RUNGS_FOR_LIMIT
        theta = _fit(compute, error, limit, n_breaks)
        return Solution(
            predict=lambda target: float(1 - _curve(theta, np.array([target.flops / problem.flops[-1]]), limit)[0]),
            fitted=1 - _curve(theta, compute, limit),
            n_params=len(theta),
        )


def _curve(theta: FloatArray, compute: FloatArray, limit: bool) -> FloatArray:
    """Error; `theta` holds log b, c0, then a if `limit`, then log d, c1, log f if there is a break."""
    values = list(theta)
    b, c0 = np.exp(values[0]), values[1]
    a = values[2] if limit else 0.0
    rest = values[3:] if limit else values[2:]
    breaks, slopes, widths = ([np.exp(rest[0])], [rest[1]], [np.exp(rest[2])]) if rest else ([], [], [])
    return np.asarray(laws.broken_power_law(compute, a, b, c0, breaks, slopes, widths))


def _fit(compute: FloatArray, error: FloatArray, limit: bool, n_breaks: int) -> FloatArray:
    low, high = [-25.0, -3.0], [5.0, 5.0]
    if limit:
        low, high = [*low, 0.0], [*high, max(float(error.min()), 1e-6)]
    if n_breaks:
        span = float(np.log(compute[0]))
        low, high = [*low, span, -5.0, np.log(0.05)], [*high, 1.0, 5.0, np.log(5.0)]
    lower, upper = np.array(low), np.array(high)
    log_error = np.log(error)

    def residual(theta: FloatArray) -> FloatArray:
        return np.log(np.maximum(_curve(theta, compute, limit), 1e-12)) - log_error

    best = None
    for share in (0.0, 0.8) if limit else (0.0,):
        floor = share * float(error.min())
        slope, level = np.polyfit(np.log(compute), np.log(error - floor + 1e-6), 1)
        start = [float(level), float(-slope), *([floor] if limit else [])]
        for position in (0.3, 0.7) if n_breaks else (0.0,):
            extra = [position * float(np.log(compute[0])), 0.1, np.log(0.5)] if n_breaks else []
            theta = np.clip(np.array(start + extra), lower + 1e-9, upper - 1e-9)
            found = least_squares(residual, theta, bounds=(lower, upper), xtol=1e-9, ftol=1e-9, max_nfev=100)
            if best is None or found.cost < best.cost:
                best = found
    assert best is not None
    return np.asarray(best.x, dtype=float)
