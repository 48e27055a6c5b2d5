"""How much compute is enough: probability of reaching thresholds along compute, and the least compute that does.

Curves are draws of scores along compute, joint over compute and benchmarks: ``(sample, flops, benchmark)`` with flops
increasing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from bayes_cod.decisions.utility import FloatArray, Requirement, joint_margin
from bayes_cod.errors import InputError

RESAMPLES = 200


@dataclass(frozen=True)
class LeastCompute:
    """The least compute that reaches the requirements.

    Attributes
    ----------
    flops
        Compute at which the probability first is the confidence asked for; NaN where it is nowhere on the grid.
    low, high
        Ends of the 90 % interval of `flops` under resampling of the draws: what the number of draws leaves open.
    needed
        Compute at which the latent scores of each draw reach the requirements ``(sample,)``: infinite where they do not
        on the grid, and the grid's first where they do from there on.
    below
        Whether the smallest compute of the grid is already enough, so that `flops` is an upper bound.
    """

    flops: float
    low: float
    high: float
    needed: FloatArray
    below: bool


def probability_along(scores: FloatArray, benchmarks: Sequence[str], requirements: Sequence[Requirement]) -> FloatArray:
    """Probability that a run meets all requirements, at each compute ``(flops,)``.

    Parameters
    ----------
    scores
        Observed scores ``(sample, flops, benchmark)``.
    benchmarks
        Names along the last dimension.
    requirements
        To be met together.
    """
    return np.asarray((joint_margin(scores, benchmarks, requirements) >= 0).mean(axis=0))


def first_reached(flops: FloatArray, probability: FloatArray, confidence: float, draws: int) -> float:
    """Compute at which a probability along compute first is a confidence; NaN where it never is.

    Between points of the grid the probit of the probability is linear in log compute, as it is for a normal score with
    a straight trend. Probabilities of 0 and 1 are taken as half a draw away from it.

    Parameters
    ----------
    flops, probability
        ``(flops,)``, compute increasing.
    confidence
        In (0, 1).
    draws
        Draws that the probability was counted from.
    """
    enough = np.flatnonzero(probability >= confidence)
    if not len(enough):
        return float("nan")
    after = int(enough[0])
    if after == 0:
        return float(flops[0])
    tail = 0.5 / draws
    pair = norm.ppf(np.clip(probability[after - 1 : after + 1], tail, 1 - tail))
    share = (norm.ppf(confidence) - pair[0]) / (pair[1] - pair[0]) if pair[1] > pair[0] else 1.0
    low, high = np.log10(flops[after - 1 : after + 1])
    return float(10 ** (low + min(max(share, 0.0), 1.0) * (high - low)))


def needed_compute(flops: FloatArray, margin: FloatArray) -> FloatArray:
    """Compute at which each draw's margin first is 0, linear in log compute between points of the grid.

    Parameters
    ----------
    flops
        ``(flops,)``, increasing.
    margin
        ``(sample, flops)``, of `joint_margin`.

    Returns
    -------
    array
        ``(sample,)``; infinite where the margin stays below 0.
    """
    met = margin >= 0
    after = met.argmax(axis=1)
    rows = np.arange(len(margin))
    before = np.maximum(after - 1, 0)
    high, low = margin[rows, after], margin[rows, before]
    rise = high - low
    share = np.where(rise > 0, high / np.where(rise > 0, rise, 1.0), 0.0)
    place = np.log10(flops)
    found = 10 ** (place[after] - share * (place[after] - place[before]))
    return np.where(met.any(axis=1), found, np.inf)


def least_compute(
    flops: FloatArray,
    observed: FloatArray,
    latent: FloatArray,
    benchmarks: Sequence[str],
    requirements: Sequence[Requirement],
    confidence: float,
    seed: int = 0,
) -> LeastCompute:
    """The least compute with which a run meets all requirements with a given confidence.

    Parameters
    ----------
    flops
        Grid ``(flops,)``, increasing.
    observed, latent
        Curves ``(sample, flops, benchmark)``, fractions.
    benchmarks
        Names along their last dimension.
    requirements
        To be met together, by the observed scores of one run.
    confidence
        Probability with which they must be met, in (0, 1).
    seed
        Of the resampling that says how exact the answer is.

    Raises
    ------
    InputError
        For a confidence outside (0, 1), no requirement, or an unknown benchmark.
    """
    if not 0 < confidence < 1:
        raise InputError(f"the confidence is {confidence!r}; give a probability between 0 and 1, for example 0.9")
    met = joint_margin(observed, benchmarks, requirements) >= 0
    needed = needed_compute(flops, joint_margin(latent, benchmarks, requirements))
    draws = len(met)
    found = first_reached(flops, met.mean(axis=0), confidence, draws)
    low, high = _interval(flops, met, confidence, seed)
    return LeastCompute(found, low, high, needed, bool(met[:, 0].mean() >= confidence))


def _interval(flops: FloatArray, met: NDArray[np.bool_], confidence: float, seed: int) -> tuple[float, float]:
    draws = len(met)
    counts = np.random.default_rng(seed).multinomial(draws, np.full(draws, 1 / draws), size=RESAMPLES)
    again = [first_reached(flops, row, confidence, draws) for row in (counts @ met.astype(float)) / draws]
    known = np.where(np.isnan(again), np.inf, again)
    low, high = np.quantile(known, [0.05, 0.95], method="inverted_cdf")
    return float(low), float(high)


def split_of_ladder(flops: float, rung_flops: FloatArray, rung_params: FloatArray) -> tuple[float, float]:
    """Size and tokens of a run of this compute, were it to go on as the ladder's rungs do.

    Log parameters of the rungs are a straight line in log compute, carried on from the largest rung; tokens follow from
    ``C = 6 N D``.

    Parameters
    ----------
    flops
        Compute of the run in FLOPs.
    rung_flops, rung_params
        Compute and parameters of the rungs ``(rung,)``.

    Returns
    -------
    params, tokens : float
    """
    x, y = np.log10(rung_flops), np.log10(rung_params)
    slope = float(np.polyfit(x, y, 1)[0]) if np.ptp(x) > 1e-6 else 0.5
    last = int(np.argmax(x))
    params = 10 ** (y[last] + slope * (np.log10(flops) - x[last]))
    return float(params), float(flops / 6.0 / params)
