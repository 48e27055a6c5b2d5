"""Second stages of the loss-based methods: from loss to score."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import least_squares

from bayes_cod import laws
from bayes_cod.published.fitting import minimise_on_grid
from bayes_cod.published.problems import FloatArray, LossProblem

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


def fit_sigmoid(loss: FloatArray, score: FloatArray, chance: float) -> LossMap:
    """``a / (1 + exp(-k (L - L0))) + b`` by bounded least squares from several starts, score falling with loss.

    With b the upper level and a < 0 the drop to the lower one: 0 < b <= 1 and -1 <= a <= 0, k >= 0.
    """
    middle, spread = float(np.median(loss)), max(float(np.ptp(loss)), 1e-3)
    low = np.array([-1.0, 0.0, float(loss.min()) - 3 * spread, 0.0])
    high = np.array([0.0, 200.0 / spread, float(loss.max()) + 3 * spread, 1.0])
    top = float(min(score.max() + 0.1, 0.99))

    def residual(theta: FloatArray) -> FloatArray:
        return np.asarray(laws.sigmoid_map(loss, *theta) - score)

    def jacobian(theta: FloatArray) -> FloatArray:
        a, k, mid, _ = theta
        s = laws.sigmoid(k * (loss - mid))
        slope = a * s * (1 - s)
        return np.stack([s, slope * (loss - mid), -slope * k, np.ones_like(loss)], axis=1)

    best = None
    for level in (top, 1.0 - 1e-6):
        for shift in (-1.0, 0.0, 0.5):
            start = np.array([min(chance, level) - level - 1e-3, 4 / spread, middle + shift * spread, level])
            start = np.clip(start, low + 1e-9, high - 1e-9)
            found = least_squares(
                residual,
                start,
                jacobian,
                bounds=(low, high),
                x_scale=np.array([1, 1 / spread, spread, 1]),
                xtol=1e-10,
                max_nfev=200,
            )
            if best is None or found.cost < best.cost:
                best = found
    assert best is not None
    theta = best.x
    return lambda at: np.asarray(laws.sigmoid_map(np.asarray(at, dtype=float), *theta))


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
