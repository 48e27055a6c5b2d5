r"""What a healthy loss does next: it goes on falling, or stays, and does not rise.

The level falls at one of some rates, in nats for each factor e of tokens, and is seen through noise of one of some
sizes. Rate and noise may change from point to point, rarely. For each pair of them a Kalman filter follows the level;
the pairs are weighed by how well they predict and mixed where they change (interacting multiple models, Blom and
Bar-Shalom, 1988). No rate is negative, so a rise is nowhere expected: a loss that climbs, or stays above a level that
it had reached, gives one positive residual after another. An isolated spike is part of a healthy run: a small share of
points comes from a wide distribution, and tells nothing about the level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

RATES = np.array([0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0])
NOISES = np.logspace(-3.5, -0.5, 13)
RATE_SPREAD = 0.5
"""Standard deviation of the fall over a factor e of tokens, in rates."""
OUTLYING = 4.0
"""Standard deviations of a prediction, above it, from which a point is set aside."""
RATE_CHANGES, NOISE_CHANGES = 0.05, 0.01
SPIKES, SPIKE_SCALE = 0.005, 10.0
"""Share of isolated spikes, and half their width at half height in standard deviations of a prediction."""
SURELY = 2.0
"""Standard errors above an estimated level at which it surely was reached."""
LEARNING = 20
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
EDGE = 1e-9


@dataclass(frozen=True)
class Followed:
    """What was expected of each loss of a run, given those before it.

    Attributes
    ----------
    quantiles
        5, 25, 50, 75 and 95 % of each loss, spikes left out ``(quantile, point)``; NaN while learning.
    residual
        Standard normal given all before while the run is healthy ``(point,)``, positive where the loss is higher than
        expected; NaN while learning.
    set_aside
        Points so far above what was expected that nothing was learnt from them ``(point,)``.
    """

    quantiles: FloatArray
    residual: FloatArray
    set_aside: NDArray[np.bool_]


class FallingLevel:
    """Filter of one loss along one run.

    Parameters
    ----------
    tokens, loss
        Of the first point.
    """

    def __init__(self, tokens: float, loss: float) -> None:
        shape = (len(RATES), len(NOISES))
        self.weights = np.full(shape, 1.0 / (shape[0] * shape[1]))
        self.mean = np.full(shape, loss)
        self.variance = np.broadcast_to(NOISES**2, shape).copy()
        self.tokens = tokens
        self.reached = np.inf

    def ahead(self, tokens: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weights, levels and their variances ``(rate, noise)`` at more tokens, before the loss there is seen."""
        weights, mean, variance = self._mixed()
        passed = np.log(tokens / self.tokens)
        fall = RATES[:, None]
        return weights, mean - fall * passed, variance + (RATE_SPREAD * fall) ** 2 * passed

    def _mixed(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Cells after a possible change of rate, to any, and of noise, to the next."""
        size = len(NOISES)
        step = np.eye(size) * (1 - NOISE_CHANGES) + (np.eye(size, k=1) + np.eye(size, k=-1)) * NOISE_CHANGES / 2
        step /= step.sum(axis=1, keepdims=True)
        jump = np.eye(len(RATES)) * (1 - RATE_CHANGES) + RATE_CHANGES / len(RATES)

        def moved(values: FloatArray) -> FloatArray:
            return np.asarray(jump.T @ values @ step)

        weights = np.maximum(moved(self.weights), 1e-300)
        mean = moved(self.weights * self.mean) / weights
        second = moved(self.weights * (self.variance + self.mean**2)) / weights
        return weights, mean, np.maximum(second - mean**2, 0.0)

    def update(self, tokens: float, loss: float) -> tuple[float, bool, FloatArray]:
        """Take a point: its standardised residual, whether it was set aside, and quantiles expected of it."""
        weights, level, variance = self.ahead(tokens)
        scale = np.sqrt(variance + NOISES**2)
        middle = float((weights * level).sum())
        down = min(0.0, self.reached - middle)
        typical = float(np.exp((weights * np.log(scale)).sum()))
        regular = np.exp(-0.5 * ((loss - level) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))
        away = (loss - middle) / (SPIKE_SCALE * typical)
        below = (1 - SPIKES) * float((weights * ndtr((loss - level - down) / scale)).sum())
        below += SPIKES * (0.5 + np.arctan(away - down / (SPIKE_SCALE * typical)) / np.pi)
        expected = _quantiles(weights, level + down, scale)
        self.tokens, self.weights, self.mean, self.variance = tokens, weights, level, variance
        # far above, a point tells nothing about the level or the noise; a healthy run may fall as fast as it likes
        set_aside = loss - middle >= OUTLYING * typical
        if not set_aside:
            gain = variance / scale**2
            self.weights = np.maximum(weights * regular, 1e-300)
            self.weights /= self.weights.sum()
            self.mean = level + gain * (loss - level)
            self.variance = variance * (1 - gain)
            centre = float((self.weights * self.mean).sum())
            spread = float((self.weights * (self.variance + (self.mean - centre) ** 2)).sum())
            self.reached = min(self.reached, centre + SURELY * np.sqrt(spread))
        return float(ndtri(np.clip(below, EDGE, 1 - EDGE))), set_aside, expected


def _quantiles(weights: FloatArray, centre: FloatArray, scale: FloatArray) -> FloatArray:
    """Quantiles of a mixture of normals ``(level,)``, by bisection."""
    weights, centre, scale = weights.ravel(), centre.ravel(), scale.ravel()
    kept = weights > 1e-4
    weights, centre, scale = weights[kept] / weights[kept].sum(), centre[kept], scale[kept]
    low = np.full(len(LEVELS), float((centre - 5 * scale).min()))
    high = np.full(len(LEVELS), float((centre + 5 * scale).max()))
    for _ in range(24):
        middle = 0.5 * (low + high)
        under = ndtr((middle[:, None] - centre) / scale) @ weights < LEVELS
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    return np.asarray(0.5 * (low + high))


def follow(tokens: FloatArray, losses: FloatArray, learning: int = LEARNING) -> Followed:
    """Go through a run's losses, each predicted from those before.

    Parameters
    ----------
    tokens, losses
        ``(point,)``, tokens increasing and above 0, losses in nats.
    learning
        First points, taken to be healthy: nothing is expected of them.

    Raises
    ------
    InputError
        For tokens that do not increase, or a loss that is not finite.
    """
    tokens, losses = np.asarray(tokens, dtype=float), np.asarray(losses, dtype=float)
    if not len(tokens) or (np.diff(tokens) <= 0).any() or tokens[0] <= 0:
        raise InputError("tokens of a loss curve must be above 0 and increase from point to point")
    if not np.isfinite(losses).all():
        raise InputError("a loss is not finite; leave out what was not evaluated")
    level = FallingLevel(float(tokens[0]), float(losses[0]))
    quantiles = np.full((len(LEVELS), len(tokens)), np.nan)
    residual, aside = np.full(len(tokens), np.nan), np.zeros(len(tokens), dtype=bool)
    for place in range(1, len(tokens)):
        found, aside[place], expected = level.update(float(tokens[place]), float(losses[place]))
        if place >= learning:
            residual[place], quantiles[:, place] = found, expected
    return Followed(quantiles, residual, aside)
