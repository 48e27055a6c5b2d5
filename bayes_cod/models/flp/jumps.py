"""Jumps: benchmarks that leave their curve at once, for a height that it does not foretell.

A benchmark jumps at a constant hazard per unit of progress, as long as it is trained. What lies before its last jump
tells nothing of the curve after it. Of all rows behind the furthest, the jump may lie between any two of `PLACES`
groups of them, or behind them all; places are summed out. Ahead of the furthest row, jumps to come are drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.flp.priors import Priors

type FloatArray = NDArray[np.float64]

PLACES = 8
"""Places at which the last jump may lie; the last is behind all rows, where it does not matter."""

_LEAST_PROBABILITY = 1e-12


def places(behind: FloatArray, n_final: int) -> tuple[FloatArray, FloatArray]:
    """Where the last jump may lie.

    Parameters
    ----------
    behind
        How far rows lie behind the furthest ``(row,)``, in progress; the final runs first.
    n_final
        Number of the final runs, over which places are spread evenly.

    Returns
    -------
    tuple of array
        Distance behind the furthest row ``(place,)``, ascending, and whether a row lies after the jump there
        ``(place, row)``, 1 or 0.
    """
    distance = np.quantile(behind[:n_final], np.arange(1, PLACES + 1) / PLACES)
    distance[-1] = behind.max()
    return distance, (behind <= distance[:, None] + 1e-9).astype(float)


def log_probability(hazard: Any, distance: Any, module: Any) -> Any:
    """Log probability that the last jump lies at each place ``(..., place)``.

    Parameters
    ----------
    hazard
        Jumps per unit of progress ``(..., 1)``.
    distance
        Of the places; see `places`.
    module
        NumPy or PyTensor.
    """
    none = module.exp(-hazard * distance)
    parts = [1 - none[..., 1:2], none[..., 1:-1] - none[..., 2:], none[..., -1:]]
    return module.log(module.maximum(module.concatenate(parts, axis=-1), _LEAST_PROBABILITY))


def ahead(
    distance: FloatArray, hazard: FloatArray, n_benchmark: int, priors: Priors, rng: np.random.Generator
) -> FloatArray:
    """Height on eta to which jumps lift benchmarks, ``(sample, point, benchmark)``; minus infinity without a jump.

    Parameters
    ----------
    distance
        Progress from the furthest run to each point ``(sample, point)``.
    hazard
        Jumps per unit of progress ``(sample,)``.
    n_benchmark
        Each jumps once at most, at one place for all points.
    priors
        Of the height.
    rng
        Source of randomness.
    """
    shape = (len(hazard), 1, n_benchmark)
    wait = rng.exponential(size=shape) / hazard[:, None, None]
    height = rng.normal(priors.jump_to, priors.jump_sd, shape)
    return np.where(distance[..., None] > wait, height, -np.inf)
