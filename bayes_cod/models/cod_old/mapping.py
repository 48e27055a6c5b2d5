"""The map from the predictable subset to the full benchmark: monotone, with fixed ends.

A benchmark's full score is ``w s + (1 - w) h(s)`` with s the subset's score, w the subset's share of the questions
and h the score of the rest, an increasing Bernstein polynomial with ``h(0) = 0`` and ``h(1) = 1`` (on the scale above
chance). The full score is then increasing with fixed ends as well, which the paper's smoothing spline does not ensure.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]

DEGREE = 4
SHAPE_WEIGHT = 4.0
"""Dirichlet weight of each increment of the shape that benchmarks share: any monotone map, none of them a step."""


def bernstein_basis(s: FloatArray) -> FloatArray:
    """Bernstein polynomials of degree 4, which contains the paper's quartic.

    Parameters
    ----------
    s
        Values in 0 to 1, any shape.

    Returns
    -------
    array
        ``(..., coefficient)``; sums to 1 over the last axis.
    """
    inside = np.clip(np.asarray(s, dtype=float), 0.0, 1.0)[..., None]
    k = np.arange(DEGREE + 1)
    binomial = np.array([comb(DEGREE, int(i)) for i in k], dtype=float)
    return np.asarray(binomial * inside**k * (1 - inside) ** (DEGREE - k))


def monotone(basis: Any, increments: Any) -> Any:
    """Value of the map: basis times the running sum of the increments.

    Parameters
    ----------
    basis
        ``(..., coefficient)`` from `bernstein_basis`.
    increments
        Positive, summing to 1, ``(..., DEGREE)``; the coefficients are 0, i1, i1 + i2, ..., 1.

    Returns
    -------
    array or tensor
        ``(...)``, 0 at s = 0 and 1 at s = 1, increasing in between.
    """
    coefficients = increments.cumsum(axis=-1)
    return (basis[..., 1:] * coefficients).sum(axis=-1)


def above_chance(score: FloatArray, chance: FloatArray) -> FloatArray:
    """Score on the scale where chance is 0 and perfect is 1, held inside it."""
    return np.clip((score - chance) / (1 - chance), 0.0, 1.0)
