"""The link between scores and the path of a benchmark, and the path's bend in compute."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

type FloatArray = NDArray[np.float64]

FLOOR_SHARE = 0.95
"""Floor of a benchmark's path as a share of chance: models that know nothing scatter about chance, also below it."""
SCORE_NOISE = 0.004
"""Standard deviation of a score that no number of trials takes away: wording, format, the harness."""
_GRID = np.linspace(-11.0, 9.0, 401)


def bent(x: Any, curvature: Any) -> Any:
    """``X(x) = (1 - exp(-2 c x)) / (2 c)``: slope one at the last rung, falling by the factor ``exp(-2 c)`` a decade.

    Near ``x - c x^2``, but it never turns round. For NumPy's arrays and PyTensor's variables.
    """
    library: Any = np
    if not isinstance(curvature, np.ndarray | float):
        from pytensor import tensor

        library = tensor
    bend = 2 * curvature * x
    small = abs(bend) < 1e-6
    safe = library.where(small, 1.0, bend)
    return x * library.where(small, 1 - bend / 2, -library.expm1(-safe) / safe)


def score_of(theta: FloatArray, floor: FloatArray | float) -> FloatArray:
    """Score of a path, ``floor + (1 - floor) sigmoid(theta)``."""
    return np.asarray(floor + (1 - floor) * expit(theta))


def seen_through_scores(
    n_correct: NDArray[Any], n_trials: NDArray[Any], floor: FloatArray, mean: float, sd: float
) -> tuple[FloatArray, FloatArray]:
    """What scores say of theta: the Gaussian that takes theta's prior to the posterior's mean and variance.

    A score's likelihood is that of a beta-binomial; multiplied by Normal(mean, sd) on a grid it has two moments, of
    which the prior's share is taken out again. Unlike the logit of the score it has a sense at 0, at 1 and below the
    floor, where it says little and says it on one side.

    Parameters
    ----------
    n_correct, n_trials
        Shape ``(benchmark, rung)``.
    floor
        Shape ``(benchmark,)``.
    mean, sd
        Of theta's prior.

    Returns
    -------
    theta, variance
        Shape ``(benchmark, rung)``; the variance is infinite where a score says nothing.
    """
    score = np.clip(score_of(_GRID, floor[:, None]), 1e-7, 1 - 1e-7)[:, None, :]
    total = np.maximum(score * (1 - score) / SCORE_NOISE**2 - 1, 2.0)
    k, n = n_correct[..., None].astype(float), n_trials[..., None].astype(float)
    alpha, beta = score * total, (1 - score) * total
    log = betaln(k + alpha, n - k + beta) - betaln(alpha, beta) - ((_GRID - mean) / sd) ** 2 / 2
    weight = np.exp(log - log.max(axis=-1, keepdims=True))
    weight /= weight.sum(axis=-1, keepdims=True)
    center = (weight * _GRID).sum(axis=-1)
    variance = (weight * (_GRID - center[..., None]) ** 2).sum(axis=-1) + (_GRID[1] - _GRID[0]) ** 2 / 12
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = 1 / variance - 1 / sd**2
        told = (n_trials > 0) & (precision > 1e-4)
        theta = np.where(told, (center / variance - mean / sd**2) / precision, mean)
        return theta, np.where(told, 1 / precision, np.inf)
