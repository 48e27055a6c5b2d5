"""Paths given what is shared, and scores ahead of the ladder and along it: all in NumPy, none of it in the graph."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import SCORE_NOISE, bent, score_of
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import flat

type FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """Posterior draws of one family; `sample` runs chain by chain, rungs from the smallest.

    Attributes
    ----------
    mean_slope, curvature, noise
        Of the family, shape ``(sample,)``.
    shared
        Shared walk at the rungs, decades, shape ``(sample, rung)``; 0 at the last.
    level, slope, walk
        Of the benchmarks, shape ``(sample, benchmark)``.
    own
        Own walk at the rungs, shape ``(sample, rung, benchmark)``; 0 at the last.
    """

    mean_slope: FloatArray
    curvature: FloatArray
    noise: FloatArray
    shared: FloatArray
    level: FloatArray
    slope: FloatArray
    walk: FloatArray
    own: FloatArray

    @classmethod
    def of(cls, tree: xr.DataTree, seen: Observations, prior: Priors, rng: np.random.Generator) -> Self:
        """From the graph's posterior, in which levels, slopes and own walks are summed out: they are drawn here.

        Given what the benchmarks share they are Gaussian, so that each draw is one of their joint posterior. The family
        forecast is the graph's first, its benchmarks the first curves.
        """
        rungs, benchmarks, drawn = len(seen.axis.rungs), len(seen.benchmarks), flat(tree)
        mean_slope, curvature, noise = (drawn[name][:, 0] for name in ("mean_slope", "curvature", "noise"))
        walk = drawn["walk"][:, :benchmarks]
        shared, moved = (drawn[name][:, 0, :rungs][:, ::-1] for name in ("shared_walk", "moved"))
        samples = len(noise)
        # prior draws of (level, slope, own walk), corrected by what was seen of their sum (Matheron's rule)
        level = prior.level_mean + prior.level_sd * rng.standard_normal((samples, benchmarks))
        spread = prior.slope_spread * mean_slope
        slope = mean_slope[:, None] + spread[:, None] * rng.standard_normal((samples, benchmarks))
        steps = np.sqrt(np.diff(seen.axis.rungs))[::-1, None] * rng.standard_normal((samples, rungs - 1, benchmarks))
        own = np.concatenate([np.zeros((samples, 1, benchmarks)), np.cumsum(steps, axis=1)], axis=1)[:, ::-1]
        own = walk[:, None, :] * own
        variance = noise[:, None, None] ** 2 + seen.variance.T[None]
        scatter = np.sqrt(variance) * rng.standard_normal((samples, rungs, benchmarks))
        missed = seen.theta.T[None] - (level[:, None, :] + slope[:, None, :] * moved[:, :, None] + own + scatter)

        apart = np.minimum(-seen.axis.rungs[:, None], -seen.axis.rungs[None, :])
        by_slope = spread[:, None] * moved
        covariance = (
            prior.level_sd**2
            + (by_slope[:, :, None] * by_slope[:, None, :])[:, None]
            + (walk**2)[..., None, None] * apart
            + np.moveaxis(variance, 1, 2)[..., None] * np.eye(rungs)
        )
        pull = np.linalg.solve(covariance, np.moveaxis(missed, 1, 2)[..., None])[..., 0]  # (sample, benchmark, rung)
        level = level + prior.level_sd**2 * pull.sum(axis=-1)
        slope = slope + spread[:, None] * np.einsum("sbr,sr->sb", pull, by_slope)
        own = own + np.einsum("sb,sbr,rq->sqb", walk**2, pull, apart)
        return cls(mean_slope, curvature, noise, shared, level, slope, walk, own)

    def moved(self, seen: Observations) -> FloatArray:
        """Path of the family at the rungs, in decades that count ``(sample, rung)``."""
        return np.asarray(bent(seen.axis.rungs[None, :], self.curvature[:, None]) + self.shared)

    def at_rungs(self, seen: Observations) -> FloatArray:
        """Theta at the rungs ``(sample, rung, benchmark)``."""
        return np.asarray(self.level[:, None, :] + self.slope[:, None, :] * self.moved(seen)[..., None] + self.own)

    def moments(self, seen: Observations, prior: Priors) -> tuple[FloatArray, FloatArray]:
        """Mean ``(sample, rung)`` and covariance ``(sample, benchmark, rung, rung)`` of theta and passing noise at the
        rungs, given what benchmarks share and the scale of their walks.
        """
        moved = self.moved(seen)
        by_slope = prior.slope_spread * self.mean_slope[:, None] * moved
        apart = np.minimum(-seen.axis.rungs[:, None], -seen.axis.rungs[None, :])
        covariance = (
            prior.level_sd**2
            + (by_slope[:, :, None] * by_slope[:, None, :])[:, None]
            + (self.walk**2)[..., None, None] * apart
            + (self.noise**2)[:, None, None, None] * np.eye(moved.shape[1])
        )
        return prior.level_mean + self.mean_slope[:, None] * moved, covariance

    def __len__(self) -> int:
        return len(self.curvature)

    def kept(self, most: int) -> NDArray[np.int64]:
        """Places of at most so many draws, spread evenly."""
        return np.linspace(0, len(self) - 1, min(most, len(self))).round().astype(np.int64)

    def at(self, keep: NDArray[np.int64]) -> Draws:
        """Some of the draws."""
        return Draws(*(getattr(self, field.name)[keep] for field in fields(self)))


@dataclass(frozen=True)
class Scores:
    """Draws ``(sample, x, benchmark)``: the path, the score behind an evaluation, and what it would print."""

    theta: FloatArray
    latent: FloatArray
    observed: FloatArray


def predict(draws: Draws, seen: Observations, prior: Priors, x: FloatArray, rng: np.random.Generator) -> Scores:
    """Draw scores at distances from the last rung.

    Parameters
    ----------
    draws, seen, prior
        The fit.
    x
        Decades from the last rung, shape ``(x,)``, in any order; below 0 is within the ladder.
    rng
        Draws the walks and jumps ahead, passing noise and trials.
    """
    shared = prior.shared_walk * brownian(seen.axis.rungs, draws.shared[..., None] / prior.shared_walk, x, rng)
    own = draws.walk[:, None, :] * brownian(seen.axis.rungs, draws.own / draws.walk[:, None, :], x, rng)
    along = bent(np.asarray(x, dtype=float)[None, :], draws.curvature[:, None])[..., None] + shared
    theta = draws.level[:, None, :] + draws.slope[:, None, :] * along + own
    theta = jumped(theta, draws.level, jump_rate(draws, seen, prior, rng), x, prior, rng)
    passing = theta + draws.noise[:, None, None] * rng.standard_normal(theta.shape)
    return Scores(theta, score_of(theta, seen.floor), evaluated(score_of(passing, seen.floor), seen, rng))


def jump_rate(draws: Draws, seen: Observations, prior: Priors, rng: np.random.Generator) -> FloatArray:
    """Jumps per decade of a benchmark that is still low, drawn given the jumps at the rungs ``(sample,)``.

    A jump is a step from one rung to the next in which a benchmark's own walk alone raises its score by more than
    `Priors.jump_rise` of its range and faster than `Priors.jump_pace` a decade. In most families there is none and the
    rate is 0; in a share of them, `Priors.jump_share`, jumps are Poisson in the decades that benchmarks spend low, with
    a rate whose prior is Gamma. The posterior has the same form.
    """
    theta, decades = draws.at_rungs(seen), np.diff(seen.axis.rungs)[:, None]
    low = expit(theta[:, :-1]) < prior.jump_below
    rise = expit(theta[:, 1:]) - expit(theta[:, 1:] - np.diff(draws.own, axis=1))
    count = (low & (rise > np.maximum(prior.jump_rise, prior.jump_pace * decades))).sum(axis=(1, 2))
    exposure = prior.jump_exposure + (low * decades).sum(axis=(1, 2))
    none_seen = prior.jump_share * (prior.jump_exposure / exposure) ** prior.jump_shape
    jumps = (count > 0) & (prior.jump_share > 0)
    jumps |= rng.random(len(count)) * (none_seen + 1 - prior.jump_share) < none_seen
    return np.asarray(np.where(jumps, rng.gamma(prior.jump_shape + count) / exposure, 0.0))


def jumped(
    theta: FloatArray, level: FloatArray, rate: FloatArray, x: FloatArray, prior: Priors, rng: np.random.Generator
) -> FloatArray:
    """Paths with the jumps that may lie ahead of benchmarks that are low at the last rung.

    Each jumps once, at a rate that grows along the axis, and lands anywhere between its path and the top: by a Beta
    share of what is left, so that it stays above its path and grows with it.

    Parameters
    ----------
    theta
        Paths without jumps ``(sample, x, benchmark)``.
    level
        Theta at the last rung ``(sample, benchmark)``.
    rate
        Jumps per decade at the last rung ``(sample,)``; beyond it ``rate exp(jump_growth x)``.
    x
        Decades from the last rung ``(x,)``; nothing changes where it is not above 0.
    """
    waits = rng.exponential(size=level.shape)  # in jumps expected
    share = np.minimum(rng.beta(prior.jump_landing, 1.0, size=level.shape), 1 - 1e-9)[:, None, :]
    low = (expit(level) < prior.jump_below)[:, None, :]
    expected = rate[:, None] * np.expm1(prior.jump_growth * np.asarray(x)) / prior.jump_growth  # jumps up to x
    has = low & (expected[..., None] > waits[:, None, :])
    landed = np.logaddexp(theta, np.log(share)) - np.log1p(-share)  # 1 - s becomes (1 - share) (1 - s)
    return np.asarray(np.where(has, landed, theta))


def evaluated(score: FloatArray, seen: Observations, rng: np.random.Generator) -> FloatArray:
    """What an evaluation of finite trials prints of a score; shape ``(..., benchmark)``."""
    score = np.clip(score, 1e-7, 1 - 1e-7)
    total = np.maximum(score * (1 - score) / SCORE_NOISE**2 - 1, 2.0)
    drawn = rng.beta(score * total, (1 - score) * total)
    return np.asarray(rng.binomial(np.broadcast_to(seen.ahead, drawn.shape), drawn) / seen.ahead)


def brownian(rungs: FloatArray, at_rungs: FloatArray, x: FloatArray, rng: np.random.Generator) -> FloatArray:
    """A standard Brownian path, known at the rungs, at other places.

    Parameters
    ----------
    rungs
        Increasing, the last 0, shape ``(rung,)``.
    at_rungs
        Shape ``(sample, rung, path)``.
    x
        Shape ``(x,)``.

    Returns
    -------
    ``(sample, x, path)``; between rungs a bridge, beyond them a walk; places ahead move together.
    """
    samples, _, paths = at_rungs.shape
    found = np.empty((samples, len(x), paths))
    done, value = rungs[-1], at_rungs[:, -1]
    for place in np.argsort(x):
        if x[place] >= rungs[-1]:
            value = value + np.sqrt(x[place] - done) * rng.standard_normal((samples, paths))
            done = x[place]
            found[:, place] = value
        elif x[place] <= rungs[0]:
            found[:, place] = at_rungs[:, 0] + np.sqrt(rungs[0] - x[place]) * rng.standard_normal((samples, paths))
        else:
            after = int(np.searchsorted(rungs, x[place], side="right"))
            low, high = rungs[after - 1], rungs[after]
            share = (x[place] - low) / (high - low)
            mean = (1 - share) * at_rungs[:, after - 1] + share * at_rungs[:, after]
            scale = np.sqrt((x[place] - low) * (high - x[place]) / (high - low))
            found[:, place] = mean + scale * rng.standard_normal((samples, paths))
    return found
