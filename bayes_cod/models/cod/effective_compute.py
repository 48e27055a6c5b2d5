"""Effective compute: a rung's deviation from its nominal compute, as a random walk in log compute.

The walk is anchored at the last rung, where the levels of the curves are defined, and goes on to the target. Its
steps have a variance proportional to the decades between rungs, so luck persists and grows with distance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]


def anchored(steps: Any) -> Any:
    """Walk with the given steps ``(..., gap)`` that is 0 at the last rung, ``(..., rung)``."""
    below = -pt.cumsum(steps[..., ::-1], axis=-1)[..., ::-1]
    return pt.concatenate([below, pt.zeros_like(below[..., :1])], axis=-1)


def curved(decades: Any, curvature: Any) -> Any:
    """Effective compute that goes with nominal compute: theta = x - c x**2, x in decades from the last rung."""
    return decades - curvature * decades**2


def curved_ahead(decades: FloatArray, curvature: FloatArray) -> FloatArray:
    """`curved` beyond the last rung, level from the summit at x = 1 / (2c) on: compute makes no model worse."""
    summit = np.where(curvature > 0, 0.5 / np.maximum(curvature, 1e-9), np.inf)
    return np.asarray(curved(np.minimum(decades, summit), curvature))


def target_luck(
    shared: FloatArray, own: FloatArray, decades: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Continue the walks from the last rung to targets.

    Targets of one ladder lie on one path, so a larger target carries on the luck of a smaller one.

    Parameters
    ----------
    shared
        Scale of the shared walk ``(sample,)``, decades per root decade.
    own
        Scale of the benchmarks' own walks ``(sample,)``, eta per root decade.
    decades
        Distance of each target and benchmark from the last rung ``(target, benchmark)``.
    rng
        Source of the luck.

    Returns
    -------
    tuple of arrays
        Shared luck ``(sample, target)`` in decades and own luck ``(sample, target, benchmark)`` on eta.
    """
    n_target, n_benchmark = decades.shape
    order = np.argsort(decades[:, 0], kind="stable")
    distance = np.maximum(decades[order], 0.0)
    gaps = np.diff(distance, axis=0, prepend=0.0)
    common = np.diff(np.maximum(decades[order, 0], 0.0), prepend=0.0)
    shared_steps = rng.standard_normal((len(shared), n_target)) * np.sqrt(common) * shared[:, None]
    own_steps = rng.standard_normal((len(own), n_target, n_benchmark)) * np.sqrt(gaps) * own[:, None, None]
    back = np.argsort(order)
    return np.cumsum(shared_steps, axis=1)[:, back], np.cumsum(own_steps, axis=1)[:, back]
