"""Broken neural scaling law on a benchmark's error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bayes_cod import laws
from bayes_cod.published.base import ScoreMethod
from bayes_cod.published.least_squares import solve_together
from bayes_cod.published.problems import FloatArray, IntArray, ScoreProblem, Solution
from bayes_cod.published.separable import first_of_the_best

MIN_RUNGS_FOR_BREAK = 7
MIN_RUNGS_FOR_LIMIT = 4


class BNSL(ScoreMethod):
    """``1 - y = a + b C^-c0 (1 + (C / d)^(1/f))^(-c1 f)``, one break, on the log error.

    One break has six parameters: it is fitted with seven rungs or more. With four to six rungs the law has no break,
    with two or three no limit `a` either. Minimises the squared error of log(1 - y), the publication's RMSLE, from
    several starts; C is in units of the largest rung.
    """

    name = "bnsl"

    def solve_many(self, problems: Sequence[ScoreProblem], start: Solution | None = None) -> list[Solution]:
        """Fit the law to the errors of each problem."""
        first = problems[0]
        form = Form(limit=len(first) >= MIN_RUNGS_FOR_LIMIT, broken=len(first) >= MIN_RUNGS_FOR_BREAK)
        log_compute = np.log(first.flops / first.flops[-1])
        errors = np.stack([1 - problem.clip(problem.score) for problem in problems])
        return [
            _solution(problem, form, theta)
            for problem, theta in zip(problems, _fit(log_compute, errors, form), strict=True)
        ]


@dataclass(frozen=True)
class Form:
    """Which parts the law has; parameters are log b, c0, then a if `limit`, then log d, c1, log f if `broken`."""

    limit: bool
    broken: bool

    def error(self, theta: FloatArray, log_compute: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Error [problem, rung] and the derivative of its logarithm [problem, rung, parameter].

        Parameters
        ----------
        theta : [problem, parameter]
        log_compute : [rung]
            Log of compute in units of the largest rung.
        """
        x = np.broadcast_to(log_compute, (len(theta), len(log_compute)))
        log_term = theta[:, :1] - theta[:, 1:2] * x
        columns = [np.ones_like(x), -x]
        if self.broken:
            position, slope, width = theta[:, -3, None], theta[:, -2, None], np.exp(theta[:, -1, None])
            u = (x - position) / width
            bend, share = np.logaddexp(0.0, u), laws.sigmoid(u)
            log_term = log_term - slope * width * bend
            columns += [slope * share, -width * bend, -slope * width * (bend - share * u)]
        limit = theta[:, 2:3] if self.limit else 0.0
        term = np.exp(log_term)
        error = np.maximum(limit + term, 1e-12)
        columns = [term / error * column for column in columns]
        if self.limit:
            columns.insert(2, 1 / error)
        return error, np.stack(columns, axis=2)


def _solution(problem: ScoreProblem, form: Form, theta: FloatArray) -> Solution:
    largest = float(problem.flops[-1])

    def score(flops: FloatArray) -> FloatArray:
        return np.asarray(1 - form.error(theta[None], np.log(flops / largest))[0][0])

    return Solution(
        predict=lambda target: float(score(np.array([target.flops]))[0]),
        fitted=score(problem.flops),
        n_params=len(theta),
    )


def _fit(log_compute: FloatArray, errors: FloatArray, form: Form) -> FloatArray:
    """Parameters [problem, parameter] of least squares in the log errors [problem, rung]."""
    least = errors.min(axis=1)
    one = np.ones_like(least)
    low, high = [-25.0 * one, -3.0 * one], [5.0 * one, 5.0 * one]
    if form.limit:
        low, high = [*low, 0.0 * one], [*high, np.maximum(least, 1e-6)]
    if form.broken:
        low = [*low, log_compute[0] * one, -5.0 * one, np.log(0.05) * one]
        high = [*high, 1.0 * one, 5.0 * one, np.log(5.0) * one]
    starts = []
    for share in (0.0, 0.8) if form.limit else (0.0,):
        rest = np.log(errors - share * least[:, None] + 1e-6)
        slope, level = np.polyfit(log_compute, rest.T, 1)
        for position in (0.3, 0.7) if form.broken else (0.0,):
            limit = [share * least] if form.limit else []
            broken = [position * log_compute[0] * one, 0.1 * one, np.log(0.5) * one] if form.broken else []
            starts.append(np.stack([level, -slope, *limit, *broken], axis=1))
    n_starts = len(starts)
    lower, upper = (np.repeat(np.stack(bound, axis=1), n_starts, axis=0) for bound in (low, high))
    start = np.clip(np.stack(starts, axis=1).reshape(len(lower), -1), lower + 1e-9, upper - 1e-9)
    log_error = np.repeat(np.log(errors), n_starts, axis=0)

    def model(theta: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
        error, derivative = form.error(theta, log_compute)
        return np.log(error) - log_error[which], derivative

    theta, rss = solve_together(model, start, lower, upper)
    return np.asarray(theta[first_of_the_best(rss.reshape(len(errors), n_starts))])
