"""Readings of a benchmark's scores: where its floor lies, and between which rungs it jumped, if it did.

A low score is floor or the beginning of growth, and a steep rise is growth or a jump. Each combination that the scores
allow is one *reading*. Given a reading the scores of the rungs above the floor are normal observations on eta, and the
model sums over all readings of a benchmark, so that the sampler never has to choose between them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import beta, norm

from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors

type FloatArray = NDArray[np.float64]

ABOVE = 2.0
"""Standard deviations above the floor from which a score tells of growth."""
SAME = 2.5
"""Standard deviations within which the lowest rungs share a floor."""
LOWEST_FLOOR = 0.004
"""Open floors below this are none."""
STEEP = 1.0
"""Least rise of eta between rungs that may be a jump."""
QUARTILES = np.array([0.25, 0.75])
_TOP_CLIP = 0.7  # scores at the top are held this many standard deviations below it
_FAR = 40.0  # largest squared deviation of a score from the floor that counts
_LOG_ROOT = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Reading:
    """One way to read a benchmark's scores.

    Attributes
    ----------
    floor, top
        Score without and with full ability, fractions.
    eta, variance
        Place of the rungs on eta and its variance from finite trials ``(rung,)``; 0 and 1 where `told` is False.
    told
        Rungs whose score tells of growth ``(rung,)``.
    hidden
        Index of the last rung at the floor, -1 if none: its eta is below `hidden_below`. Rungs before it are lower yet
        and tell nothing more.
    hidden_below
        Eta above which that rung would have been seen to grow.
    jump
        Index of the last rung before the jump, -1 without one.
    waiting
        Whether a jump is still to come; False also for a benchmark that never jumps.
    exposure
        Hazard that the benchmark has gone through without a jump, in units of the hazard at the last rung.
    log_weight
        Log prior of the floor, log density of the scores at the floor, the change of variables of the others, and log
        hazard of the jump's step but for the ladder's own rate.
    """

    floor: float
    top: float
    eta: FloatArray
    variance: FloatArray
    told: NDArray[np.bool_]
    hidden: int
    hidden_below: float
    jump: int
    waiting: bool
    exposure: float
    log_weight: float


def readings(
    rate: FloatArray, sd: FloatArray, chance: float, decades: FloatArray, priors: Priors, ahead: float = 0.0
) -> list[Reading]:
    """All readings of one benchmark.

    Parameters
    ----------
    rate, sd
        Scores and their standard deviations ``(rung,)``, fractions; NaN where a rung was not evaluated.
    chance
        Score of a random guesser; 0 for open questions.
    decades
        log10 compute of the rungs from the last ``(rung,)``.
    priors
        For floors and jumps.
    ahead
        Decades from the last rung of the ladder to forecast, whose hazard is estimated, to this ladder's.
    """
    floors = _floors(rate, sd, chance, priors)
    return [
        found
        for floor in floors
        for found in _with_jumps(_read(rate, sd, *floor, priors), rate, decades + ahead, priors)
    ]


def cumulated_hazard(start: FloatArray | float, end: FloatArray | float, growth: float) -> FloatArray:
    """Integral of ``exp(growth x)`` from start to end, decades from the last rung: the Gompertz hazard in its unit."""
    return np.asarray((np.exp(growth * np.asarray(end)) - np.exp(growth * np.asarray(start))) / growth)


def may_jump(rate: float, priors: Priors) -> bool:
    """Whether a benchmark with this score has a jump left to make."""
    return rate < priors.jump_below


def _floors(rate: FloatArray, sd: FloatArray, chance: float, priors: Priors) -> list[tuple[float, float, int]]:
    """Floors with the log of their prior mass, and how many of the lowest rungs they were read from."""
    seen = np.isfinite(rate)
    score, width = rate[seen], sd[seen]
    lowest = float(score.min())
    atom = priors.floor_at_chance if chance > 0 else priors.floor_at_zero
    found = [(chance, float(np.log(atom)), 0)]
    found += _well_below(lowest, chance, priors)
    for m in range(1, len(score) + 1):
        precision = 1 / width[:m] ** 2
        floor = float((precision @ score[:m]) / precision.sum())
        if np.any(np.abs(score[:m] - floor) > SAME * width[:m]):
            break
        grows = m == len(score) or score[m] - floor >= ABOVE * width[m]
        density = _floor_density(floor, chance, priors)
        if grows and density > 0:
            # the floor is integrated out: its own width is that of the rungs it was read from
            mass = np.log(1 - atom) + np.log(density) + _LOG_ROOT - 0.5 * np.log(precision.sum())
            found.append((floor, float(mass), m))
    return found


def _well_below(lowest: float, chance: float, priors: Priors) -> list[tuple[float, float, int]]:
    """Floors that lie well below every score: quartiles of the prior's part there, each with half of its mass."""
    if chance > 0:
        of_chance = beta(priors.below_chance, CHANCE_SHAPE)
        mass = max(float(of_chance.cdf(min(0.95 * min(lowest, chance) / chance, 0.98))), 1e-6)
        places = chance * of_chance.ppf(mass * QUARTILES)
        atom = priors.floor_at_chance
    else:
        if lowest <= 0.01:
            return []
        low, high = norm.cdf((logit([0.002, 0.9 * lowest]) - priors.floor_mean) / priors.floor_sd)
        mass = max(float(high - low), 1e-6)
        places = expit(priors.floor_mean + priors.floor_sd * norm.ppf(low + mass * QUARTILES))
        atom = priors.floor_at_zero
    weight = float(np.log((1 - atom) * mass / len(QUARTILES)))
    return [(float(place), weight, 0) for place in places]


def _floor_density(floor: float, chance: float, priors: Priors) -> float:
    if chance > 0:
        share = floor / chance
        inside = 0 < share < 0.999
        return float(beta.pdf(share, priors.below_chance, CHANCE_SHAPE) / chance) if inside else 0.0
    if not LOWEST_FLOOR <= floor < 0.97:
        return 0.0
    return float(norm.pdf(logit(floor), priors.floor_mean, priors.floor_sd) / (floor * (1 - floor)))


def _read(rate: FloatArray, sd: FloatArray, floor: float, log_mass: float, at_floor: int, priors: Priors) -> Reading:
    """The reading of a floor, without a jump; the first `at_floor` rungs that were evaluated lie at it."""
    at = np.flatnonzero(np.isfinite(rate))
    score, width = rate[at], sd[at]
    span = (1 - floor) * (1 - priors.ceiling)
    share, share_sd = (score - floor) / span, width / span
    grown = share > ABOVE * share_sd
    grown[:at_floor] = False
    held = np.clip(share, 1e-9, 1 - _TOP_CLIP * np.minimum(share_sd, 0.5))
    slope = 1 / (held * (1 - held))
    eta, variance, told = np.zeros(len(rate)), np.ones(len(rate)), np.zeros(len(rate), dtype=bool)
    told[at[grown]] = True
    eta[told], variance[told] = logit(held[grown]), (share_sd * slope)[grown] ** 2
    weight = log_mass + float(np.log(slope[grown] / span).sum())
    hidden, below = -1, 0.0
    if not grown.all():
        missed = np.minimum(((score[~grown] - floor) / width[~grown]) ** 2, _FAR)
        weight += float((-0.5 * missed - np.log(width[~grown]) - _LOG_ROOT).sum())
        hidden = int(at[~grown][-1])
        below = float(logit(min(ABOVE * float(share_sd[~grown][-1]), 0.5)))
    return Reading(floor, floor + span, eta, variance, told, hidden, below, -1, False, 0.0, weight)


def _with_jumps(reading: Reading, rate: FloatArray, decades: FloatArray, priors: Priors) -> Sequence[Reading]:
    """The reading with no jump ever, with one to come, and with one at each steep step.

    Benchmarks are exposed to the hazard while their score is low.
    """
    seen = np.flatnonzero(np.isfinite(rate))
    first, growth = decades[seen[0]], priors.hazard_growth
    low = [i for i in seen if may_jump(rate[i], priors)]
    if not low:
        return [reading]
    after = [i for i in seen if i > low[-1]]
    span = float(cumulated_hazard(first, decades[after[0] if after else low[-1]], growth))
    never, ever = (reading.log_weight + float(np.log(p)) for p in (priors.immune, 1 - priors.immune))
    found = [
        replace(reading, log_weight=never),
        replace(reading, log_weight=ever, exposure=span, waiting=not after),
    ]
    for before, after_it in pairwise(seen):
        if not reading.told[after_it] or not may_jump(rate[before], priors):
            continue
        start = reading.eta[before] if reading.told[before] else reading.hidden_below
        step = float(cumulated_hazard(decades[before], decades[after_it], growth))
        if reading.eta[after_it] - start < STEEP or step <= 0:
            continue
        found.append(
            replace(
                reading,
                jump=int(before),
                exposure=float(cumulated_hazard(first, decades[before], growth)),
                log_weight=ever + float(np.log(step)),
            )
        )
    return found


def scores_of(reading: Reading, eta: FloatArray) -> FloatArray:
    """Scores at some eta, fractions."""
    return np.asarray(reading.floor + (reading.top - reading.floor) * expit(eta))
