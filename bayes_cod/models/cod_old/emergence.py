"""When a benchmark jumps, told by other families that answered it.

A skill that one family gains at some compute is mostly gained near there by another. Each pooled family's readings say
where its own jump lay, or up to which compute there was none; the ladder to forecast takes that over with the
probability `Priors.emergence_shared`, and has a jump of its own otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

type FloatArray = NDArray[np.float64]

LEAST = 1e-4
"""Courses with a smaller prior probability are left out."""


@dataclass(frozen=True)
class Emergence:
    """Where one family's benchmark jumped, on the ladder to forecast: decades from its last rung.

    Attributes
    ----------
    weight
        Probability of each possible place of the jump ``(place,)``.
    centre, spread
        Mean and standard deviation of a jump of another family given that place ``(place,)``, decades.
    landing
        Eta that the family had after it ``(place,)``.
    never
        Probability that this family does not jump: it grew without, or never will.
    open
        Probability that it has yet to jump, after `last`.
    last
        Its last rung, decades.
    """

    weight: FloatArray
    centre: FloatArray
    spread: FloatArray
    landing: FloatArray
    never: float
    open: float
    last: float


@dataclass(frozen=True)
class Due:
    """When a jump that others have made comes, in decades beyond the last rung.

    Attributes
    ----------
    weight, centre, spread, landing
        As of `Emergence`, of all families together ``(place,)``.
    """

    weight: FloatArray
    centre: FloatArray
    spread: FloatArray
    landing: FloatArray

    @classmethod
    def of(cls, emergences: Sequence[Emergence]) -> Due:
        """All places of some families, each family weighing alike."""
        joined = {
            name: np.concatenate([getattr(one, name) for one in emergences]) for name in ("centre", "spread", "landing")
        }
        return cls(weight=np.concatenate([one.weight for one in emergences]) / len(emergences), **joined)

    def between(self, start: float, end: float) -> float:
        """Probability of a jump between two computes, decades."""
        low, high = ((edge - self.centre) / self.spread for edge in (start, end))
        return float(self.weight @ (ndtr(high) - ndtr(low)))

    def draw(self, n: int, landing_sd: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Jumps that come after the last rung ``(sample,)``, decades, and the eta each leads to."""
        before = ndtr(-self.centre / self.spread)
        share = (self.weight * (1 - before)).cumsum()
        place = np.minimum((rng.random((n, 1)) * share[-1] > share).sum(axis=1), len(share) - 1)
        of_all = before[place] + (1 - before[place]) * rng.random(n)
        at = self.centre[place] + self.spread[place] * ndtri(np.clip(of_all, 1e-12, 1 - 1e-12))
        return np.maximum(at, 0.0), self.landing[place] + landing_sd * rng.standard_normal(n)
