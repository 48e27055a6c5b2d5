r"""An alarm that may be looked at any number of times: an e-process on standardised residuals.

While the run is healthy and the forecast right, each residual is a standard normal given all before it. Against that
stand alternatives: the run has been worse by some standard deviations since a time that is not known, or its residuals
are wilder, or some of them are far worse again and again. Each bets on its density over the standard normal's; with a
prior over the time :math:`s` at which trouble begins,

.. math:: M_t = \sum_{s \le t} \pi_s \prod_{i=s}^{t} \frac{q(z_i)}{\varphi(z_i)} + \sum_{s > t} \pi_s

is a martingale that starts at 1, and so is the mean over alternatives. By Ville's inequality the probability that it
ever reaches :math:`1 / \alpha` is at most :math:`\alpha`, however often and whenever it is looked at (Ramdas et al.,
Statistical Science 38, 2023; change detection by e-processes: Shin, Ramdas and Rinaldo, 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

SHIFTS = (0.5, 1.0, 2.0)
SCALES = (2.5,)
SPIKES, SPIKE_SHIFT, SPIKE_SD = 0.1, 2.8, 0.5
"""Of the alternative that worse residuals come again and again: their share, and where they lie."""
HAZARD = 0.005

type Direction = Literal["worse", "both"]


@dataclass(frozen=True)
class Alarm:
    """Where an e-process stands.

    Attributes
    ----------
    log_value
        Logarithm of the e-process after each residual ``(residual,)``.
    level
        False-alarm probability that it was set to.
    raised_at
        Place of the first residual at which it reached 1 / level; None while it has not.
    since
        Place at which trouble most probably began, given that it was raised.
    """

    log_value: FloatArray
    level: float
    raised_at: int | None
    since: int | None

    @property
    def p_value(self) -> float:
        """Anytime-valid p-value: one over the largest value so far, at most 1."""
        return float(min(1.0, np.exp(-self.log_value.max()))) if len(self.log_value) else 1.0


def log_ratios(residuals: FloatArray, direction: Direction = "worse") -> FloatArray:
    """Log density of residuals under each alternative, over that of a standard normal.

    Parameters
    ----------
    residuals
        ``(...)``.
    direction
        "worse": positive residuals alone are shifted, or wilder; "both": either way.

    Returns
    -------
    array
        ``(..., alternative)``.
    """
    if direction not in ("worse", "both"):
        raise InputError(f"the direction is '{direction}'; choose worse or both")
    signs = (1.0, -1.0) if direction == "both" else (1.0,)
    found = [sign * shift * residuals - 0.5 * shift**2 for sign in signs for shift in SHIFTS]
    wild = residuals if direction == "both" else np.maximum(residuals, 0.0)
    apart = np.ones_like(residuals) if direction == "both" else np.where(residuals > 0, 1.0, 0.0)
    found += [0.5 * wild**2 * (1 - scale**-2) - apart * np.log(scale) for scale in SCALES]
    for sign in signs:
        away = 0.5 * residuals**2 - 0.5 * ((sign * residuals - SPIKE_SHIFT) / SPIKE_SD) ** 2 - np.log(SPIKE_SD)
        found.append(np.logaddexp(np.log1p(-SPIKES), np.log(SPIKES) + away))
    return np.stack(found, axis=-1)


def not_begun(seen: NDArray[np.integer] | int) -> FloatArray:
    """Prior probability that trouble has not begun by a residual: early or never, and at an even pace, half each."""
    return np.asarray(0.5 / (np.asarray(seen) + 1.0) + 0.5 * (1 - HAZARD) ** np.asarray(seen))


def log_e_process(residuals: FloatArray, direction: Direction = "worse") -> FloatArray:
    """Logarithm of the e-process after each residual.

    Parameters
    ----------
    residuals
        ``(..., residual)`` in the order in which they were observed, positive where the run is worse than forecast.
    direction
        See `log_ratios`.

    Returns
    -------
    array
        ``(..., residual)``.
    """
    ratios = log_ratios(residuals, direction)
    count = residuals.shape[-1]
    waiting = not_begun(np.arange(count + 1))
    starts = np.log(waiting[:-1] - waiting[1:])
    begun = np.full((*residuals.shape[:-1], ratios.shape[-1]), -np.inf)
    values = np.empty(residuals.shape)
    for place in range(count):
        begun = np.logaddexp(begun, starts[place]) + ratios[..., place, :]
        mean = logsumexp(begun, axis=-1) - np.log(ratios.shape[-1])
        values[..., place] = np.logaddexp(mean, np.log(waiting[place + 1]))
    return values


def watch(residuals: FloatArray, level: float = 0.05, direction: Direction = "worse") -> Alarm:
    """Run the e-process over one run's residuals.

    Parameters
    ----------
    residuals
        ``(residual,)`` in the order in which they were observed; positive where the run is worse than forecast.
    level
        Probability of ever raising an alarm on a healthy run, in (0, 1).
    direction
        See `log_ratios`.

    Raises
    ------
    InputError
        For a level outside (0, 1) or a residual that is not finite.
    """
    residuals = np.asarray(residuals, dtype=float)
    if not 0 < level < 1:
        raise InputError(f"the false-alarm rate is {level!r}; give a probability between 0 and 1, for example 0.05")
    if not np.isfinite(residuals).all():
        raise InputError("a standardised residual is not finite; leave out what was not observed")
    values = log_e_process(residuals, direction)
    above = np.flatnonzero(values >= -np.log(level))
    if not len(above):
        return Alarm(values, level, None, None)
    raised = int(above[0])
    return Alarm(values, level, raised, _most_probable_begin(residuals[: raised + 1], direction))


def _most_probable_begin(residuals: FloatArray, direction: Direction) -> int:
    """Place of the residual at which trouble most probably began, under whichever alternative."""
    waiting = not_begun(np.arange(len(residuals) + 1))
    after = np.cumsum(log_ratios(residuals, direction)[::-1], axis=0)[::-1]
    return int(np.argmax((after + np.log(waiting[:-1] - waiting[1:])[:, None]).max(axis=1)))
