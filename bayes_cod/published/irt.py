"""Item response scaling law: one ability a model, linear in log compute, and one difficulty a question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from bayes_cod.published.base import ItemMethod
from bayes_cod.published.problems import FloatArray, ItemProblem, Solution

DIFFICULTY_SD = 2.5
"""Standard deviation of the normal prior that keeps difficulties of questions always or never solved finite."""


class ItemResponse(ItemMethod):
    """``p = chance + (1 - chance) sigmoid(a + b x - d)`` for a question of difficulty d at x decades.

    Item response scaling laws (arXiv 2606.07616) on one benchmark, Rasch's form: a and b are shared by its questions,
    difficulties have a normal prior, and all are fitted by the posterior's mode. The forecast is the mean over the
    questions.
    """

    name = "irt"

    def solve_many(self, problems: Sequence[ItemProblem], start: Solution | None = None) -> list[Solution]:
        """Fit a, b and the difficulties of each problem."""
        return [_solve(problem, None if start is None else start.state) for problem in problems]


def _solve(problem: ItemProblem, start: FloatArray | None) -> Solution:
    k, n = problem.n_correct.astype(float), problem.n_trials.astype(float)
    x, chance = problem.x, problem.chance
    questions = len(k)

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        a, b, d = values[0], values[1], values[2:]
        risen = expit(a + b * x[None, :] - d[:, None])
        p = np.clip(chance + (1 - chance) * risen, 1e-9, 1 - 1e-9)
        likelihood = (k * np.log(p) + (n - k) * np.log1p(-p)).sum()
        slope = (k / p - (n - k) / (1 - p)) * (1 - chance) * risen * (1 - risen)
        gradient = np.concatenate([[slope.sum(), (slope * x).sum()], -slope.sum(axis=1) - d / DIFFICULTY_SD**2])
        return float((d**2).sum() / 2 / DIFFICULTY_SD**2 - likelihood) / n.sum(), -gradient / n.sum()

    first = np.concatenate([[0.0, 1.0], np.zeros(questions)])
    found = minimize(loss, first if start is None or len(start) != len(first) else start, jac=True, method="L-BFGS-B")
    a, b, d = found.x[0], found.x[1], found.x[2:]

    def score(decades: FloatArray) -> FloatArray:
        return np.asarray(chance + (1 - chance) * expit(a + b * decades[None, :] - d[:, None]).mean(axis=0))

    return Solution(
        predict=lambda target: float(score(problem.decades([target.flops]))[0]),
        fitted=score(x),
        n_params=2,
        state=found.x,
    )
