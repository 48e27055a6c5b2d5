"""Second stages of the loss-based methods: from loss to score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayes_cod import laws
from bayes_cod.published.fitting import minimise_on_grid
from bayes_cod.published.problems import FloatArray, IntArray, LossProblem
from bayes_cod.published.separable import LinearPart, first_of_the_best, refine, scan

type LossMap = Callable[[FloatArray], FloatArray]

EMERGENCE_MARGIN = 0.05
"""Score above chance, a fraction, that a checkpoint needs to count as emerged (five points)."""


def emerged(problem: LossProblem, at_least: int) -> np.ndarray:
    """Checkpoints above chance + 0.05, or all of them if fewer than `at_least` are; boolean [checkpoint]."""
    mask = problem.checkpoint_score > problem.chance + EMERGENCE_MARGIN
    return mask if mask.sum() >= at_least else np.ones_like(mask)


def fit_line(loss: FloatArray, score: FloatArray) -> LossMap:
    """``w0 + w1 L`` by least squares; constant if all losses are equal."""
    if np.ptp(loss) == 0:
        mean = float(score.mean())
        return lambda at: np.full(np.shape(at), mean)
    w1, w0 = np.polyfit(loss, score, 1)
    return lambda at: np.asarray(laws.linear_map(np.asarray(at, dtype=float), w0, w1))


def fit_sigmoid(loss: FloatArray, score: FloatArray) -> list[LossMap]:
    """``a / (1 + exp(-k (L - L0))) + b`` by bounded least squares from several starts, score falling with loss.

    With b the upper level and a < 0 the drop to the lower one; both levels are within [0, 1], k >= 0. Given (k, L0) the
    map is linear in the rest.

    Parameters
    ----------
    loss : [point]
    score : [problem, point]
        One map is fitted a row.
    """
    middle, spread = float(np.median(loss)), max(float(np.ptp(loss)), 1e-3)
    lower = np.array([0.0, float(loss.min()) - 3 * spread])
    upper = np.array([200.0 / spread, float(loss.max()) + 3 * spread])
    starts = np.array(
        [(k / spread, middle + shift * spread) for k in (2.0, 4.0, 12.0) for shift in (-1.0, -0.25, 0.0, 0.25, 0.5)]
    )
    linear = LinearPart(level=None, free_scale=True)

    def basis(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        gap = theta[:, 1:] - loss
        rising = laws.sigmoid(theta[:, :1] * gap)
        slope = rising * (1 - rising)
        return rising, np.stack([slope * gap, slope * theta[:, :1]], axis=2)

    begin = _cheapest(scan(linear, basis(starts)[0], score), 4)
    theta, low, drop, rss = refine(
        linear, basis, np.repeat(score, begin.shape[1], axis=0), starts[begin.ravel()], lower, upper
    )
    best = first_of_the_best(rss.reshape(len(score), -1))
    return [_sigmoid(-drop[i], theta[i, 0], theta[i, 1], low[i] + drop[i]) for i in best]


def _cheapest(cost: FloatArray, n: int) -> IntArray:
    """Numbers of the `n` cheapest candidates [problem, start] of a cost [problem, candidate]."""
    return np.asarray(np.argsort(cost, axis=1, kind="stable")[:, :n], dtype=np.int64)


def _sigmoid(a: float, k: float, middle: float, b: float) -> LossMap:
    return lambda at: np.asarray(laws.sigmoid_map(np.asarray(at, dtype=float), a, k, middle, b))


def fit_exponential(loss: FloatArray, score: FloatArray) -> LossMap:
    """``1 - score = eps - k exp(-gamma L)`` with k, gamma >= 0 by least squares.

    Given gamma the map is linear in the rest, so only gamma is searched.
    """
    centre = float(loss.min())
    spread = max(float(np.ptp(loss)), 1e-3)

    def solve(gamma: float) -> tuple[float, float, float]:
        basis = np.exp(-gamma * (loss - centre))
        deviation = basis - basis.mean()
        k = max(float(deviation @ score) / max(float(deviation @ deviation), 1e-300), 0.0)
        level = float(score.mean()) - k * float(basis.mean())
        return level, k, float(((level + k * basis - score) ** 2).sum())

    gamma = minimise_on_grid(lambda value: solve(value)[2], np.geomspace(0.01, 30.0, 60) / spread)
    level, k, _ = solve(gamma)
    return lambda at: 1 - np.asarray(laws.exponential_map(np.asarray(at, dtype=float) - centre, 1 - level, k, gamma))
