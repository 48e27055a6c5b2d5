"""Proper scores of draws against the truth.

Draws have the shape ``(sample, ...)`` and the truth ``(...)``; both are fractions, and so is every score except
coverage and PIT, which are probabilities, and the extrapolation distance, which is in decades.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_cod.errors import InputError

LEVELS = (0.50, 0.80, 0.90, 0.95)
"""Probabilities of the central intervals that the back-test reports."""

Array = NDArray[np.float64]


class IntervalScore(NamedTuple):
    """Weighted interval score and the three parts it is the sum of, each of the shape of the truth.

    Attributes
    ----------
    total
        ``width + under + over``.
    width
        What the intervals cost by being wide.
    under
        Penalty where the truth lies above (the forecast was too low).
    over
        Penalty where the truth lies below (the forecast was too high).
    """

    total: Array
    width: Array
    under: Array
    over: Array


def absolute_error(draws: ArrayLike, truth: ArrayLike) -> Array:
    """Distance of the forecast's median from the truth.

    Parameters
    ----------
    draws
        Shape ``(sample, ...)``, fractions.
    truth
        Shape ``(...)``, fractions.

    Returns
    -------
    numpy.ndarray
        Shape ``(...)``, fractions.
    """
    sample, observed = _checked(draws, truth)
    return np.abs(np.median(sample, axis=0) - observed)


def crps(draws: ArrayLike, truth: ArrayLike) -> Array:
    r"""Continuous ranked probability score of the draws' empirical distribution.

    .. math:: \mathrm{CRPS}(F, y) = E|X - y| - \tfrac12 E|X - X'|

    computed exactly for the empirical distribution by quantile decomposition, in memory linear in the sample.
    One draw gives the absolute error.

    Parameters
    ----------
    draws
        Shape ``(sample, ...)``, fractions.
    truth
        Shape ``(...)``, fractions.

    Returns
    -------
    numpy.ndarray
        Shape ``(...)``, fractions; 0 for a perfect point forecast.

    References
    ----------
    Gneiting, T. and Raftery, A. E. (2007). Strictly proper scoring rules, prediction, and estimation. Journal of
    the American Statistical Association 102, 359-378.
    """
    import scoringrules as sr  # compiles for seconds at import; reading and plotting results does without

    sample, observed = _checked(draws, truth)
    score = sr.crps_ensemble(observed, np.moveaxis(sample, 0, -1), estimator="qd", backend="numpy")
    # the decomposition cancels terms of the size of the draws, so that an exact 0 may come out as -1e-17
    return np.maximum(np.asarray(score, dtype=float), 0.0)


def weighted_interval_score(
    draws: ArrayLike, truth: ArrayLike, levels: Sequence[float] | Array = LEVELS
) -> IntervalScore:
    r"""Weighted interval score of the median and K central intervals.

    .. math::
        \mathrm{WIS} = \frac{1}{K + 1/2} \Bigl[ \tfrac12 |y - m| + \sum_k \tfrac{\alpha_k}{2} \bigl( (u_k - l_k)
        + \tfrac{2}{\alpha_k} (l_k - y)_+ + \tfrac{2}{\alpha_k} (y - u_k)_+ \bigr) \Bigr]

    with :math:`\alpha_k` one minus an interval's probability; it tends to the CRPS as the intervals become many
    and evenly spread. The median's term counts as `under` or `over`.

    Parameters
    ----------
    draws
        Shape ``(sample, ...)``, fractions.
    truth
        Shape ``(...)``, fractions.
    levels
        Probabilities of the intervals, each in (0, 1).

    Returns
    -------
    IntervalScore

    References
    ----------
    Bracher, J. et al. (2021). Evaluating epidemic forecasts in an interval format. PLOS Computational Biology 17.
    """
    sample, observed = _checked(draws, truth)
    low, high = _central(sample, levels)
    half_alpha = ((1.0 - np.asarray(levels)) / 2.0).reshape((-1,) + (1,) * observed.ndim)
    median = np.median(sample, axis=0)
    pieces = len(levels) + 0.5
    width = np.sum(half_alpha * (high - low), axis=0) / pieces
    under = (0.5 * np.maximum(observed - median, 0.0) + np.maximum(observed - high, 0.0).sum(axis=0)) / pieces
    over = (0.5 * np.maximum(median - observed, 0.0) + np.maximum(low - observed, 0.0).sum(axis=0)) / pieces
    return IntervalScore(width + under + over, width, under, over)


def coverage_and_width(
    draws: ArrayLike, truth: ArrayLike, levels: Sequence[float] | Array = LEVELS
) -> tuple[NDArray[np.bool_], Array]:
    """Whether central intervals hold the truth, and how wide they are.

    Parameters
    ----------
    draws
        Shape ``(sample, ...)``, fractions.
    truth
        Shape ``(...)``, fractions.
    levels
        Probabilities of the central intervals.

    Returns
    -------
    covered, width : numpy.ndarray
        Shape ``(level, ...)``; the ends belong to the interval; widths as fractions.
    """
    sample, observed = _checked(draws, truth)
    low, high = _central(sample, levels)
    return (low <= observed) & (observed <= high), high - low


def pit(draws: ArrayLike, truth: ArrayLike, rng: np.random.Generator) -> Array:
    r"""Randomised probability integral transform.

    .. math:: u = \frac{\#\{x_i < y\} + V\,(\#\{x_i = y\} + 1)}{M + 1}, \qquad V \sim \mathrm{Uniform}(0, 1)

    Exactly uniform when the truth and the M draws come from one distribution, for any M and with any ties (scores
    of finite evaluations tie often).

    Parameters
    ----------
    draws
        Shape ``(sample, ...)``, fractions.
    truth
        Shape ``(...)``, fractions.
    rng
        Breaks the ties.

    Returns
    -------
    numpy.ndarray
        Shape ``(...)``, in (0, 1): small where the forecast was too high.
    """
    sample, observed = _checked(draws, truth)
    below = (sample < observed).sum(axis=0)
    equal = (sample == observed).sum(axis=0)
    share = rng.uniform(size=observed.shape)
    return np.asarray((below + share * (equal + 1)) / (len(sample) + 1), dtype=float)


def decades(target_flops: ArrayLike, rung_flops: ArrayLike) -> Array:
    """Extrapolation distance: log10 of the target's over the largest rung's compute, in decades."""
    return np.asarray(np.log10(np.asarray(target_flops, float)) - np.log10(np.asarray(rung_flops, float)), dtype=float)


def _central(sample: Array, levels: Sequence[float] | Array) -> tuple[Array, Array]:
    probability = np.asarray(levels, dtype=float)
    if probability.ndim != 1 or not np.all((probability > 0) & (probability < 1)):
        raise InputError(f"interval levels {list(levels)} were given; expected probabilities between 0 and 1")
    tail = (1.0 - probability) / 2.0
    low, high = np.quantile(sample, np.stack([tail, 1.0 - tail]), axis=0)
    return low, high


def _checked(draws: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    sample, observed = np.asarray(draws, dtype=float), np.asarray(truth, dtype=float)
    if sample.ndim != observed.ndim + 1 or sample.shape[1:] != observed.shape or not len(sample):
        raise InputError(
            f"draws of shape {sample.shape} do not fit a truth of shape {observed.shape}; expected (sample, ...) "
            "and (...)"
        )
    if not (np.isfinite(sample).all() and np.isfinite(observed).all()):
        raise InputError("draws and truth must be finite to be scored; leave out what is missing")
    return sample, observed
