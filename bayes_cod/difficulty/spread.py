"""How much the questions of a benchmark differ in difficulty.

Questions that are one skill in many copies differ little, and are gained together; questions of many difficulties are
gained one after the other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayes_cod.difficulty.vectors import TrialCounts

type FloatArray = NDArray[np.float64]


def difficulty_spread(counts: TrialCounts) -> tuple[FloatArray, FloatArray]:
    r"""Variance of the questions' logit pass rates at each rung, by the delta method, and its standard error.

    What finite trials scatter is taken off: for rates :math:`x_q` from :math:`n_q` trials with mean :math:`p`,

    .. math:: V = \frac{\overline{(x_q - p)^2 - x_q (1 - x_q) / (n_q - 1)}}{p^2 (1 - p)^2}.

    Parameters
    ----------
    counts
        Questions with a single trial tell nothing and are left out.

    Returns
    -------
    tuple of arrays
        Variance and standard error ``(rung,)``; NaN where fewer than two questions tell, or where none or all passed.
    """
    told = counts.n_trials >= 2
    trials = np.where(told, counts.n_trials, 2)
    rate = np.where(told, counts.n_correct, 0) / trials
    enough = np.maximum(told.sum(axis=0), 1)
    mean = rate.sum(axis=0) / enough
    scatter = np.where(told, (rate - mean) ** 2 - rate * (1 - rate) / (trials - 1), 0.0)
    unit = (mean * (1 - mean)) ** 2
    known = (told.sum(axis=0) >= 2) & (unit > 0)
    unit = np.where(known, unit, np.nan)
    variance = scatter.sum(axis=0) / enough
    deviation = np.sqrt(np.where(told, (scatter - variance) ** 2, 0.0).sum(axis=0) / enough)
    return variance / unit, deviation / np.sqrt(enough) / unit
