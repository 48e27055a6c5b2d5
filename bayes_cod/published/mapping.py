"""Maps from the score on the predictable subset to the score on all questions (COD, section 4.4).

Both take points (subset score, full score) of the rungs and of an anchor, pass through (0, 0) and (1, 1), and
return a function of the subset score.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from scipy.interpolate import UnivariateSpline
from scipy.optimize import nnls
from scipy.stats import binom

from bayes_cod.published.problems import FloatArray

type Map = Callable[[FloatArray | float], FloatArray]

RMSE_THRESHOLD = 0.005
"""The paper's limit on the map's in-sample error, a fraction."""

_MIN_POINTS = 4
_SIGMA_FIRST, _SIGMA_LAST = 0.1, 1e-4
_GRID = np.linspace(0.0, 1.0, 201)
_FIXED = 1e4
"""Weight of the two fixed points, in weights of a rung."""


def spline_map(subset: FloatArray, full: FloatArray, rmse: float = RMSE_THRESHOLD) -> Map:
    """Cubic smoothing spline, the smoothest increasing one whose in-sample error is below `rmse`.

    The smoothing starts at a single cubic and is reduced until the root mean squared error over the given points
    is below the threshold. The paper asks for an increasing map but does not say how it is had: here the
    reduction stops before the first spline that falls anywhere on [0, 1], and where already the single cubic
    falls, `quartic_map` is used.

    Parameters
    ----------
    subset, full : [point]
        Scores on the predictable subset and on all questions, fractions.
    rmse : float
        Threshold on the in-sample error.

    Returns
    -------
    Map
    """
    x, y, weight = _with_fixed_points(subset, full)
    accepted: UnivariateSpline | None = None
    sigma = _SIGMA_FIRST
    while len(x) >= _MIN_POINTS and sigma > _SIGMA_LAST:
        with warnings.catch_warnings():
            # FITPACK tells that a smaller smoothing can't be reached; the best spline it found is used then
            warnings.simplefilter("ignore", UserWarning)
            spline = UnivariateSpline(x, y, w=weight, k=3, s=len(x) * sigma**2)
        if np.any(np.diff(spline(_GRID)) < -1e-6):
            break
        accepted = spline
        if float(np.sqrt(np.mean((spline(subset) - full) ** 2))) < rmse:
            break
        sigma /= 2**0.5
    if accepted is None:
        return quartic_map(subset, full)
    found = accepted
    return lambda score: np.asarray(np.clip(found(score), 0.0, 1.0))


def _with_fixed_points(subset: FloatArray, full: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Points in increasing order, ties averaged, with (0, 0) and (1, 1) and weights."""
    inner = (subset > 1e-9) & (subset < 1 - 1e-9)
    x, inverse, count = np.unique(np.round(subset[inner], 9), return_inverse=True, return_counts=True)
    y = np.bincount(inverse, weights=full[inner], minlength=len(x)) / count
    weight = np.sqrt(count.astype(float))
    return (
        np.concatenate([[0.0], x, [1.0]]),
        np.concatenate([[0.0], y, [1.0]]),
        np.concatenate([[_FIXED], weight, [_FIXED]]),
    )


def quartic_map(subset: FloatArray, full: FloatArray, degree: int = 4) -> Map:
    """Monotone polynomial through (0, 0) and (1, 1), by default of degree 4.

    ``f(x) = a1 x^4 + a2 x^3 + a3 x^2 + (1 - a1 - a2 - a3) x`` with ``f' >= 0`` enforced through the Bernstein
    form: coefficients rise from 0 to 1, so their increments w_j >= 0 sum to 1 and
    ``f(x) = sum_j w_j P(Binomial(degree, x) >= j)``. Least squares in w.

    Parameters
    ----------
    subset, full : [point]
        Scores on the predictable subset and on all questions, fractions.
    degree : int
        Degree of the polynomial.

    Returns
    -------
    Map
    """
    steps = np.arange(degree)
    design = binom.sf(steps, degree, np.asarray(subset)[:, None])
    # the last increment is 1 minus the others: a heavy row makes the sum exact to 1e-8
    heavy = 1e4
    increments, _ = nnls(np.vstack([design, np.full(degree, heavy)]), np.append(full, heavy))
    increments = increments / increments.sum()

    def evaluate(score: FloatArray | float) -> FloatArray:
        return np.asarray(binom.sf(steps, degree, np.asarray(score, dtype=float)[..., None]) @ increments)

    return evaluate
