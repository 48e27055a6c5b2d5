"""Mixtures to choose from: candidates on the simplex within limits on shares, tokens and repetition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from bayes_cod.errors import InputError

type FloatArray = NDArray[np.float64]

TOLERANCE = 1e-9
GRID_SOURCES = 3
MOST_ROUNDS = 60
BURN_IN = 20


@dataclass(frozen=True)
class Limits:
    """What a mixture may be.

    Attributes
    ----------
    lowest, highest
        Smallest and largest share of training domains by name; 0 and 1 for those left out.
    available
        Tokens that a domain has, by name; any number for those left out.
    repetitions
        How often the tokens of a domain may be seen: a share may not exceed ``repetitions * available / tokens``.
    """

    lowest: Mapping[str, float] = field(default_factory=dict)
    highest: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, float] = field(default_factory=dict)
    repetitions: float = 1.0

    def bounds(self, sources: Sequence[str], tokens: float | None) -> tuple[FloatArray, FloatArray]:
        """Smallest and largest share of every training domain.

        Parameters
        ----------
        sources
            Training domains.
        tokens
            Training tokens of the run that is planned; needed where `available` is given.

        Raises
        ------
        InputError
            For an unknown domain, a limit that is no share, or limits that no mixture meets.
        """
        for name in (*self.lowest, *self.highest, *self.available):
            if name not in sources:
                raise InputError(f"unknown training domain '{name}'; the runs were trained on: {', '.join(sources)}")
        for name, share in (*self.lowest.items(), *self.highest.items()):
            if not 0 <= share <= 1:
                raise InputError(f"the limit of '{name}' is {share!r}; give a share between 0 and 1")
        if not np.isfinite(self.repetitions) or self.repetitions <= 0:
            raise InputError(f"`repetitions` is {self.repetitions!r}; give a number above 0")
        low = np.array([self.lowest.get(name, 0.0) for name in sources])
        high = np.array([self.highest.get(name, 1.0) for name in sources])
        if self.available:
            if tokens is None:
                raise InputError("available tokens limit shares only if the run's tokens are known; give its tokens")
            for name, have in self.available.items():
                if not np.isfinite(have) or have < 0:
                    raise InputError(f"'{name}' has {have!r} tokens available; give a number of at least 0")
                index = list(sources).index(name)
                high[index] = min(high[index], self.repetitions * have / tokens)
        crossed = [name for name, a, b in zip(sources, low, high, strict=True) if a > b + TOLERANCE]
        if crossed:
            index = list(sources).index(crossed[0])
            raise InputError(
                f"no mixture meets the limits: '{crossed[0]}' must have at least {low[index]:.3g} and at most "
                f"{high[index]:.3g}; loosen one of them"
            )
        if low.sum() > 1 + TOLERANCE or high.sum() < 1 - TOLERANCE:
            raise InputError(
                f"no mixture meets the limits: the smallest shares sum to {low.sum():.3g} and the largest to "
                f"{high.sum():.3g}, and shares sum to 1; loosen a limit"
            )
        return low, high


def allowed(shares: FloatArray, low: FloatArray, high: FloatArray) -> NDArray[np.bool_]:
    """Which mixtures ``(mixture, source)`` keep the limits."""
    return np.asarray(((shares >= low - 1e-6) & (shares <= high + 1e-6)).all(axis=1))


def candidates(low: FloatArray, high: FloatArray, count: int, tried: FloatArray, seed: int) -> FloatArray:
    """Mixtures within limits, about evenly over what is allowed.

    Up to three training domains: an even grid. More: the tried mixtures that keep the limits, blends of them, corners
    of the allowed region, and a random walk through it (hit and run).

    Parameters
    ----------
    low, high
        Smallest and largest shares ``(source,)``.
    count
        How many, about.
    tried
        Mixtures of the runs ``(run, source)``.
    seed
        Of blends and walk.

    Returns
    -------
    numpy.ndarray
        ``(mixture, source)``, rows summing to 1.
    """
    if len(low) == 1:
        return np.ones((1, 1))
    if len(low) <= GRID_SOURCES:
        grid = _grid(len(low), count, low, high)
        kept = [grid, tried[allowed(tried, low, high)]]
        return _distinct(np.concatenate(kept))
    rng = np.random.default_rng([seed, 31])
    inside = tried[allowed(tried, low, high)]
    pieces = [inside]
    if len(inside) >= 2:
        pairs = rng.integers(0, len(inside), (count // 3, 2))
        part = rng.random((len(pairs), 1))
        pieces.append(part * inside[pairs[:, 0]] + (1 - part) * inside[pairs[:, 1]])
    corners = _corners(low, high, rng)
    blend = rng.dirichlet(np.full(len(corners), 0.5), max(count // 3, 1))
    pieces += [corners, blend @ corners]
    pieces.append(_walk(low, high, corners.mean(axis=0), max(count - sum(map(len, pieces)), 1), rng))
    return _distinct(np.concatenate(pieces))


def _grid(sources: int, count: int, low: FloatArray, high: FloatArray) -> FloatArray:
    free = 1 - low.sum()
    room = float(np.prod(np.minimum(high - low, free)[:-1])) if free > 0 else 0.0
    steps = count - 1 if sources == 2 else int(np.sqrt(2 * count))
    if sources == 3 and free > 0:
        steps = int(np.sqrt(2 * count * min(free**2 / max(2 * room, 1e-6), 25.0)))
    ticks = np.linspace(0, 1, max(steps, 1) + 1)
    if sources == 2:
        shares = np.stack([ticks, 1 - ticks], axis=1)
    else:
        first, second = np.meshgrid(ticks, ticks, indexing="ij")
        keep = first + second <= 1 + TOLERANCE
        shares = np.stack([first[keep], second[keep], np.maximum(1 - first[keep] - second[keep], 0.0)], axis=1)
    scaled = low + free * shares
    return scaled[allowed(scaled, low, high)]


def _corners(low: FloatArray, high: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Corners of the allowed region: the most of every training domain, and of random directions."""
    directions = np.concatenate([np.eye(len(low)), rng.standard_normal((len(low), len(low)))])
    bounds = list(zip(low.tolist(), high.tolist(), strict=True))
    equal = (np.ones((1, len(low))), np.ones(1))
    found = [linprog(-direction, A_eq=equal[0], b_eq=equal[1], bounds=bounds).x for direction in directions]
    return _distinct(np.array(found))


def _walk(low: FloatArray, high: FloatArray, start: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Hit and run: along a random direction of sum 0, to a point uniform between the limits."""
    place, found = start, []
    for step in range(BURN_IN + count):
        direction = rng.standard_normal(len(low))
        direction -= direction.mean()
        with np.errstate(divide="ignore"):
            to_low, to_high = (low - place) / direction, (high - place) / direction
        nearest = np.minimum(np.maximum(to_low, to_high).min(), 1.0)
        farthest = np.maximum(np.minimum(to_low, to_high).max(), -1.0)
        place = np.clip(place + rng.uniform(min(farthest, 0.0), max(nearest, 0.0)) * direction, low, high)
        if step >= BURN_IN:
            found.append(place / place.sum())
    return np.array(found)


def _distinct(shares: FloatArray) -> FloatArray:
    _, first = np.unique(np.round(shares, 6), axis=0, return_index=True)
    return np.asarray(shares[np.sort(first)])


def inside_hull(shares: FloatArray, tried: FloatArray) -> NDArray[np.bool_]:
    """Which mixtures are blends of tried ones; the others extrapolate.

    Parameters
    ----------
    shares, tried
        ``(mixture, source)`` and ``(run, source)``.
    """
    tried = _distinct(tried)
    equations = np.concatenate([tried.T, np.ones((1, len(tried)))])
    zero = np.zeros(len(tried))
    found = [
        linprog(zero, A_eq=equations, b_eq=np.append(mixture, 1.0), bounds=(0, None)).status == 0 for mixture in shares
    ]
    return np.array(found, dtype=bool)
