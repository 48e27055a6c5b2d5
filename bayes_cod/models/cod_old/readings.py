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

from bayes_cod.models.cod.emergence import LEAST, Due, Emergence
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
    due
        When it comes, where other families tell; None where the hazard does.
    quiet
        Decades beyond the last rung in which it does not come, as it did not in another family.
    exposure
        Hazard that the benchmark has gone through without a jump, in units of the hazard at the last rung.
    by_hazard
        Whether a jump tells of the hazard; not where other families' jumps foretold it.
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
    by_hazard: bool = True
    due: Due | None = None
    quiet: float = 0.0


def readings(
    rate: FloatArray,
    sd: FloatArray,
    chance: float,
    decades: FloatArray,
    priors: Priors,
    others: Sequence[Emergence] = (),
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
    others
        When the benchmark jumped in other families.
    """
    floors = _floors(rate, sd, chance, priors)
    return [
        found
        for floor in floors
        for found in _with_jumps(_read(rate, sd, *floor, priors), rate, decades, priors, others)
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


@dataclass(frozen=True)
class _Course:
    """What becomes of a benchmark that may jump: a jump between two computes (decades), or none up to `start`."""

    jump: int
    start: float
    end: float
    waiting: bool


def _with_jumps(
    reading: Reading, rate: FloatArray, decades: FloatArray, priors: Priors, others: Sequence[Emergence]
) -> Sequence[Reading]:
    """The reading with no jump ever, with one to come, and with one at each steep step.

    Benchmarks are exposed to the hazard while their score is low. Where other families tell of the jump, each course is
    read once more for what they say.
    """
    seen = np.flatnonzero(np.isfinite(rate))
    low = [i for i in seen if may_jump(rate[i], priors)]
    if not low:
        return [reading]
    after = [i for i in seen if i > low[-1]]
    courses = [_Course(-1, float(decades[after[0] if after else low[-1]]), np.inf, not after)]
    for before, after_it in pairwise(seen):
        start = reading.eta[before] if reading.told[before] else reading.hidden_below
        steep = reading.told[after_it] and reading.eta[after_it] - start >= STEEP
        if steep and may_jump(rate[before], priors) and decades[after_it] > decades[before]:
            courses.append(_Course(int(before), float(decades[before]), float(decades[after_it]), waiting=False))
    told = priors.emergence_shared if others else 0.0
    first, growth = float(decades[seen[0]]), priors.hazard_growth
    never = (1 - told) * priors.immune + (told * np.mean([one.never for one in others]) if others else 0.0)
    found = [replace(reading, log_weight=reading.log_weight + float(np.log(never)))]
    for course in courses:
        found += _by_hazard(reading, course, first, (1 - told) * (1 - priors.immune), growth)
        for one in others:
            found += _by_hazard(reading, course, max(first, one.last), told * one.open / len(others), growth)
        found += _foretold(reading, course, told, others)
    return found


def _by_hazard(reading: Reading, course: _Course, first: float, share: float, growth: float) -> list[Reading]:
    """A course whose jump comes by the hazard, from the compute `first` on; `share` is its prior probability."""
    start, end = max(course.start, first), max(course.end, first)
    step = float(cumulated_hazard(start, end, growth)) if course.jump >= 0 else 1.0
    if share < LEAST or step <= 0:
        return []
    return [
        replace(
            reading,
            jump=course.jump,
            waiting=course.waiting,
            quiet=max(first, 0.0),
            exposure=float(cumulated_hazard(first, start, growth)),
            log_weight=reading.log_weight + float(np.log(share) + np.log(step)),
        )
    ]


def _foretold(reading: Reading, course: _Course, told: float, others: Sequence[Emergence]) -> list[Reading]:
    """A course whose jump comes near those of other families."""
    if not others:
        return []
    due = Due.of(others)
    share = told * due.between(course.start, course.end)
    if share < LEAST:
        return []
    return [
        replace(
            reading,
            jump=course.jump,
            waiting=course.waiting,
            due=due if course.waiting else None,
            by_hazard=False,
            log_weight=reading.log_weight + float(np.log(share)),
        )
    ]


def at_expected_hazard(found: Sequence[Reading], priors: Priors) -> list[Reading]:
    """Readings of a pooled family, whose rate of jumps is its own and not sampled: the prior's mean stands for it."""
    expected = float(np.exp(priors.hazard + priors.hazard_sd**2 / 2))
    return [
        replace(
            one,
            by_hazard=False,
            exposure=0.0,
            log_weight=one.log_weight - expected * one.exposure + (np.log(expected) if one.jump >= 0 else 0.0),
        )
        for one in found
    ]


def emergence_of(
    found: Sequence[Reading], log_density: FloatArray, decades: FloatArray, priors: Priors
) -> Emergence | None:
    """What a family's readings of a benchmark tell of its jump; None if its score was high on every rung.

    Parameters
    ----------
    found
        Readings of the benchmark.
    log_density
        Of each reading, given the scores ``(reading,)``.
    decades
        log10 compute of the family's rungs from the last rung of the ladder to forecast ``(rung,)``.
    priors
        For the spread between families.
    """
    if not any(one.waiting or one.jump >= 0 or one.exposure > 0 for one in found):
        return None
    share = np.exp(log_density - log_density.max())
    share /= share.sum()
    jumped = [i for i, one in enumerate(found) if one.jump >= 0 and share[i] > LEAST]
    waiting = np.array([one.waiting for one in found])
    later = {i: np.flatnonzero(found[i].told & (np.arange(len(decades)) > found[i].jump)) for i in jumped}
    edges = np.array([decades[[found[i].jump, later[i][0]]] for i in jumped]).reshape(-1, 2)
    return Emergence(
        weight=share[jumped],
        centre=edges.mean(axis=1),
        spread=np.hypot(priors.emergence_sd, np.diff(edges, axis=1)[:, 0] / np.sqrt(12)),
        landing=np.array([found[i].eta[later[i]].mean() for i in jumped]),
        never=float(share[~waiting].sum() - share[jumped].sum()),
        open=float(share[waiting].sum()),
        last=float(decades[-1]),
    )


def scores_of(reading: Reading, eta: FloatArray) -> FloatArray:
    """Scores at some eta, fractions."""
    return np.asarray(reading.floor + (reading.top - reading.floor) * expit(eta))
