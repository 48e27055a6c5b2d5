"""Features of smooth departures from the law: a fixed kernel over mixture, size and tokens, and its leading directions.

Close runs depart alike. The kernel has no parameter that is sampled, so that it is decomposed once a fit; how large the
departures are against noise is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from bayes_cod.models.flpm.evidence import Points

type FloatArray = NDArray[np.float64]

MIXTURE_LENGTH = 0.7
"""Length scale of the Hellinger distance between mixtures, which is sqrt(2) between two that share no domain."""

SIZE_LENGTH = float(np.log(10.0))
"""Length scale of log size and log tokens: one decade."""

RUN_VARIANCE = 0.5
"""Variance of departures that the checkpoints of one run share, where runs have several."""

RUN_LENGTH = 0.7
"""Length scale of log tokens within a run."""

MOST_FEATURES = 120
SMALLEST = 1e-6


def _squared(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T, 0.0))


def kernel(first: Points, second: Points) -> FloatArray:
    """Covariance of departures, ``(first, second)``; 1 on the diagonal.

    A departure of the mixture that all sizes share, one of mixture and size together, and one of size that all
    mixtures share.
    """
    mixture = np.exp(-0.5 * _squared(np.sqrt(first.shares), np.sqrt(second.shares)) / MIXTURE_LENGTH**2)
    sizes = [np.stack([points.log_params, points.log_tokens], axis=1) / SIZE_LENGTH for points in (first, second)]
    size = np.exp(-np.sqrt(_squared(sizes[0], sizes[1])))  # rough, as a random walk: what lies ahead stays open
    return np.asarray(0.4 * mixture + 0.4 * mixture * size + 0.2 * size)


def _within_runs(points: Points) -> FloatArray:
    same = points.run[:, None] == points.run[None, :]
    gap = (points.log_tokens[:, None] - points.log_tokens[None, :]) / RUN_LENGTH
    return np.asarray(np.where(same, np.exp(-0.5 * gap**2), 0.0))


@dataclass(frozen=True)
class Features:
    """Leading directions of the kernel at the runs.

    Attributes
    ----------
    at
        The runs.
    vectors
        Orthonormal ``(run, feature)``.
    values
        Eigenvalues ``(feature,)``, decreasing.
    whitening
        Turns the kernel between points and all runs into coordinates in which the runs' departures are independent
        ``(run, direction)``; all directions, also those too weak to be features.
    run_variance
        Variance of what checkpoints of one run share; 0 where each run has one.
    spread
        How much each run scatters against most ``(run,)``: directions are of the kernel in these units.
    """

    at: Points
    vectors: FloatArray
    values: FloatArray
    whitening: FloatArray
    run_variance: float
    spread: FloatArray

    @classmethod
    def of(cls, points: Points, spread: FloatArray | None = None, most: int = MOST_FEATURES) -> Features:
        """Decompose the kernel at the runs, which scatter alike where no spread is given."""
        n = len(points)
        spread = np.ones(n) if spread is None else spread
        run_variance = RUN_VARIANCE if len(np.unique(points.run)) < n else 0.0
        covariance = kernel(points, points) + run_variance * _within_runs(points)
        every, directions = eigh(covariance / np.outer(spread, spread))
        values, vectors = np.maximum(every[::-1], SMALLEST), np.asarray(directions[:, ::-1])
        return cls(points, vectors[:, :most], values[:most], vectors / np.sqrt(values), run_variance, spread)

    def __len__(self) -> int:
        return len(self.values)

    def new(self, points: Points) -> FloatArray:
        """Coordinates of points of other runs ``(point, feature)``; departures weigh them by unit normals."""
        return np.asarray(self._near(points) @ (self.vectors / np.sqrt(self.values)))

    def left_over(self, points: Points) -> FloatArray:
        """Covariance of departures that the runs say nothing about ``(point, point)``.

        Directions too weak to be features are not in it: the runs know them, and the fit counts them as noise.
        """
        known = self._known(points)
        rest = kernel(points, points) - known @ known.T
        return np.asarray(0.5 * (rest + rest.T))

    def left_open(self, points: Points) -> FloatArray:
        """The diagonal of `left_over` ``(point,)``, in [0, 1]."""
        return np.asarray(np.clip(1 - (self._known(points) ** 2).sum(axis=1), 0.0, 1.0))

    def _known(self, points: Points) -> FloatArray:
        return np.asarray(self._near(points) @ self.whitening)

    def _near(self, points: Points) -> FloatArray:
        return np.asarray(kernel(points, self.at) / self.spread)
