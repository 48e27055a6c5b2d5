"""Parts of the score stage's posterior, each given all else.

Given where the runs stand and what the benchmarks have in common, a benchmark's own parameters are independent of all
others'. Given the benchmarks, where a run stands is independent of all other runs. What the benchmarks have in common
is given by their own parameters alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from bayes_cod.models.common.categorical import draw_option
from bayes_cod.models.flp import graph
from bayes_cod.models.flp.noise import log_density_of
from bayes_cod.models.flp.priors import KINDS, Priors

type FloatArray = NDArray[np.float64]

OWN = ("height", "log_slope", "floor_z", "dispersion")
"""What a benchmark has to itself, in the order of the last axis ``own`` of arrays; then what it is higher by in each
pooled family."""

BLOCK = 50_000
"""Likelihoods computed at a time, so that intermediate results stay in the processor's cache."""

SCALES, FARTHEST_SCALE = 401, 6.0
"""Grid of log scales, and how far it goes, in standard deviations of the prior."""


@dataclass(frozen=True)
class Common:
    """What all benchmarks share, draw by draw.

    Attributes
    ----------
    position
        Where every row stands ``(sample, row)``.
    reached, expected, off_by
        Where every run ended, where its loss puts it, and how far it may be from there ``(sample, run)``.
    start, there
        Where the sampler starts runs, and 1 for runs, 0 for padding ``(run,)``.
    slope_mean, slope_spread, dispersion_mean, own_walk
        Parameters of the same names ``(sample,)``.
    family_height_sd
        The same; 1 without pooled families.
    run, family
        Run and family of each row ``(row,)``; family 0 is the ladder's own.
    """

    position: FloatArray
    reached: FloatArray
    expected: FloatArray
    off_by: FloatArray
    start: FloatArray
    there: FloatArray
    slope_mean: FloatArray
    slope_spread: FloatArray
    dispersion_mean: FloatArray
    own_walk: FloatArray
    family_height_sd: FloatArray
    run: NDArray[np.int64]
    family: NDArray[np.int64]

    @classmethod
    def of(cls, drawn: Mapping[str, FloatArray], data: Mapping[str, NDArray[Any]]) -> Self:
        """From draws ``(sample, ...)`` and the data they were sampled with."""
        expected = drawn["weight"] @ data["progress"].T
        n_sample, n_row = expected.shape
        family = np.zeros(n_row, dtype=np.int64)
        if "family" in data:
            family = data["family"]
            expected = expected + drawn["family_shift"][:, family]
        of_run = expected[:, data["last"]]
        walked = drawn["shared_walk"][:, None] ** 2 * data["behind"][data["last"]]
        return cls(
            position=expected
            + (drawn["run_progress"] - of_run)[:, data["run"]]
            + drawn["undecayed_score"][:, None] * data["undecayed"],
            reached=drawn["run_progress"],
            expected=of_run,
            off_by=np.sqrt(drawn["score_luck"][:, None] ** 2 + walked),
            start=data["start"],
            there=data["there"],
            family_height_sd=drawn.get("family_height_sd", np.ones(n_sample)),
            run=data["run"],
            family=family,
            **{name: drawn[name] for name in ("slope_mean", "slope_spread", "dispersion_mean", "own_walk")},
        )

    @cached_property
    def whereabouts(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean of the runs, of their start, and their spread against that of their start; see `graph.whereabouts`."""
        return graph.whereabouts(self.reached, self.start, self.there, np)

    def moved_to(self, reached: FloatArray) -> Self:
        """The same with runs elsewhere ``(sample, run)``, and their rows with them."""
        return replace(self, position=self.position + (reached - self.reached)[:, self.run], reached=reached)

    def with_group(self, own: FloatArray, priors: Priors, rng: np.random.Generator) -> Self:
        """The same with means and spreads of benchmarks redrawn, given ``own`` ``(sample, benchmark, own)``."""
        log_slope, dispersion = (own[..., OWN.index(name)] for name in ("log_slope", "dispersion"))
        middle = draw_mean(log_slope, self.slope_spread, priors.slope, priors.slope_sd, rng)
        around = log_slope - middle[:, None]
        same = np.full(len(own), priors.dispersion_spread)
        of_family = own[..., len(OWN) :].reshape(len(own), -1)
        height = self.family_height_sd
        if of_family.size:
            height = draw_scale(of_family, priors.family_height, priors.family_height_spread, rng)
        return replace(
            self,
            slope_mean=middle,
            slope_spread=draw_scale(around, priors.spread, priors.spread_sd, rng),
            dispersion_mean=draw_mean(dispersion, same, priors.dispersion, priors.dispersion_sd, rng),
            family_height_sd=height,
        )


class OfBenchmark:
    """The distribution of one benchmark's own parameters given all else.

    Candidates are proposed in coordinates that hang little on what is shared: heights where the rungs tell most of
    them, and slopes along the runs as they stand.
    """

    def __init__(self, common: Common, data: Mapping[str, NDArray[Any]], priors: Priors, column: int) -> None:
        seen = data["seen"][:, column]
        rows = seen > 0
        self._common, self._priors = common, priors
        self._seen = seen[rows]
        self._score = data["score"][rows, column]
        self._behind = data["behind"][rows]
        self._position = common.position[:, rows]
        self._family = common.family[rows]
        self._of_benchmark = {
            name: data[name][column] for name in ("binomial", "least_variance", "floor_guess", "open")
        }
        self._skew = float(data["skew"][0])
        middle, start, self._stretch = common.whereabouts
        self._centre = middle + self._stretch * (float(data["anchor"][column]) - start)

    def to_sampled(self, own: FloatArray) -> FloatArray:
        """Own parameters ``(sample, ..., own)`` in the coordinates of candidates; volumes stay."""
        shape = (-1, *[1] * (own.ndim - 2))
        moved = own.copy()
        moved[..., 0] += np.exp(own[..., 1]) * self._centre.reshape(shape)
        moved[..., 1] += np.log(self._stretch).reshape(shape)
        return moved

    def from_sampled(self, moved: FloatArray) -> FloatArray:
        """The way back from `to_sampled`."""
        shape = (-1, *[1] * (moved.ndim - 2))
        own = moved.copy()
        own[..., 1] -= np.log(self._stretch).reshape(shape)
        own[..., 0] -= np.exp(own[..., 1]) * self._centre.reshape(shape)
        return own

    def log_density(self, own: FloatArray) -> FloatArray:
        """Log density up to a constant of each sample ``(sample, candidate)``, of ``(sample, candidate, own)``."""
        return np.asarray(logsumexp(self._by_kind(own), axis=0))

    def kinds(self, own: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
        """Kind of the benchmark, drawn given its own parameters ``(sample, own)``; an index into `KINDS`."""
        share = softmax(self._by_kind(own[:, None])[..., 0], axis=0)
        return draw_option(share.T, rng)

    def _by_kind(self, own: FloatArray) -> FloatArray:
        """Log density of each kind ``(kind, sample, candidate)``."""
        parts = blocks(len(own), own.shape[1] * len(self._score) * len(KINDS))
        return np.concatenate([self._of_draws(own[part], part) for part in parts], axis=1)

    def _of_draws(self, own: FloatArray, part: slice) -> FloatArray:
        common, priors, of = self._common, self._priors, self._of_benchmark
        height, log_slope, floor_z, dispersion = np.moveaxis(own[..., : len(OWN)], -1, 0)
        of_family = own[..., len(OWN) :]
        floor = graph.floor_of(floor_z, of["floor_guess"], of["open"], asdict(priors), np)
        eta = height[..., None] + np.exp(log_slope)[..., None] * self._position[part, None]
        if of_family.shape[-1]:
            eta = eta + of_rows(of_family, self._family)
        likelihood = log_density_of(
            self._score,
            eta,
            floor[..., None],
            graph.top_of(floor, priors.ceilings[:, None, None])[..., None],
            (of["binomial"] * np.exp(dispersion))[..., None],
            of["least_variance"],
            common.own_walk[part, None, None] * np.sqrt(self._behind),
            self._skew,
            np,
        )
        slope_z = (log_slope - common.slope_mean[part, None]) / common.slope_spread[part, None]
        dispersion_z = (dispersion - common.dispersion_mean[part, None]) / priors.dispersion_spread
        family_z = of_family / common.family_height_sd[part, None, None]
        normal = -0.5 * (floor_z**2 + slope_z**2 + dispersion_z**2 + (family_z**2).sum(axis=-1))
        by_kind = likelihood @ self._seen + np.log(priors.shares)[:, None, None]
        return np.asarray(by_kind + normal + priors.log_height(height, self._skew))


@dataclass(frozen=True)
class Curves:
    """Curves of all benchmarks, draw by draw.

    Attributes
    ----------
    height, slope, floor, top, dispersion
        ``(sample, benchmark)``.
    of_family
        What heights are more in each pooled family ``(sample, benchmark, family)``.
    """

    height: FloatArray
    slope: FloatArray
    floor: FloatArray
    top: FloatArray
    dispersion: FloatArray
    of_family: FloatArray

    @classmethod
    def of(cls, own: FloatArray, kind: NDArray[np.int64], data: Mapping[str, NDArray[Any]], priors: Priors) -> Self:
        """From benchmarks' own parameters ``(sample, benchmark, own)`` and kinds ``(sample, benchmark)``."""
        n = own.shape[1]
        height, log_slope, floor_z, dispersion = np.moveaxis(own[..., : len(OWN)], -1, 0)
        floor = graph.floor_of(floor_z, data["floor_guess"][:n], data["open"][:n], asdict(priors), np)
        top = graph.top_of(floor, priors.ceilings[kind])
        return cls(height, np.exp(log_slope), floor, top, dispersion, own[..., len(OWN) :])


class OfRun:
    """The distribution of where one run stands, given all else, the kinds of benchmarks too."""

    def __init__(self, common: Common, curves: Curves, data: Mapping[str, NDArray[Any]], run: int) -> None:
        n = curves.height.shape[1]
        rows = (common.run == run) & (data["seen"] > 0).any(axis=1)
        self._curves = curves
        self._expected, self._off_by = common.expected[:, run], common.off_by[:, run]
        self._beside = common.position[:, rows] - common.reached[:, [run]]
        self._higher = of_rows(curves.of_family, common.family[rows])
        self._scatter = data["binomial"][:n] * np.exp(curves.dispersion)
        self._least = data["least_variance"][:n]
        self._walk = common.own_walk[:, None] * np.sqrt(data["behind"][rows])
        self._seen, self._score = data["seen"][rows, :n], data["score"][rows, :n]
        self._skew = float(data["skew"][0])

    def to_sampled(self, own: FloatArray) -> FloatArray:
        """From where the run's loss puts it, ``(sample, ..., 1)``."""
        return own - self._expected.reshape(-1, *[1] * (own.ndim - 1))

    def from_sampled(self, moved: FloatArray) -> FloatArray:
        """The way back from `to_sampled`."""
        return moved + self._expected.reshape(-1, *[1] * (moved.ndim - 1))

    def log_density(self, own: FloatArray) -> FloatArray:
        """Log density up to a constant of each sample ``(sample, candidate)``, of places ``(sample, candidate, 1)``."""
        curves = self._curves
        total = -0.5 * ((own[..., 0] - self._expected[:, None]) / self._off_by[:, None]) ** 2
        for part in blocks(len(own), own.shape[1] * len(self._least)):
            for row in range(len(self._score)):
                height = curves.height[part] + self._higher[part, :, row]
                position = own[part] + self._beside[part, row, None, None]
                likelihood = log_density_of(
                    self._score[row],
                    height[:, None] + curves.slope[part, None] * position,
                    curves.floor[part, None],
                    curves.top[part, None],
                    self._scatter[part, None],
                    self._least,
                    self._walk[part, row, None, None],
                    self._skew,
                    np,
                )
                total[part] += likelihood @ self._seen[row]
        return np.asarray(total)


def blocks(n_sample: int, each: int) -> list[slice]:
    """Samples in blocks of at most `BLOCK` values, `each` a sample."""
    size = max(1, BLOCK // max(each, 1))
    return [slice(first, first + size) for first in range(0, n_sample, size)]


def of_rows(of_family: FloatArray, family: NDArray[np.int64]) -> FloatArray:
    """What eta is more in each row ``(..., row)``, from that in each pooled family ``(..., family)``."""
    own_ladder = np.zeros((*of_family.shape[:-1], 1))
    return np.concatenate([own_ladder, of_family], axis=-1)[..., family]


def mean_given(
    values: FloatArray, spread: FloatArray, prior_mean: float, prior_sd: float
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation ``(sample,)`` of a normal group's mean, of which ``(sample, member)`` are known."""
    precision = 1 / prior_sd**2 + values.shape[1] / spread**2
    mean = (prior_mean / prior_sd**2 + values.sum(axis=1) / spread**2) / precision
    return mean, 1 / np.sqrt(precision)


def draw_mean(
    values: FloatArray, spread: FloatArray, prior_mean: float, prior_sd: float, rng: np.random.Generator
) -> FloatArray:
    """Mean of a normal group ``(sample,)``; see `mean_given`."""
    mean, sd = mean_given(values, spread, prior_mean, prior_sd)
    return mean + sd * rng.standard_normal(len(mean))


def log_density_of_scale(
    log_scale: FloatArray, deviation: FloatArray, prior_mean: float, prior_sd: float
) -> FloatArray:
    """Log density up to a constant ``(sample, value)`` of logs of the spread of a normal group ``(value,)``.

    Given how far its members lie from their mean ``(sample, member)``, with a log-normal prior.
    """
    prior = -0.5 * ((log_scale - prior_mean) / prior_sd) ** 2
    squares = (deviation**2).sum(axis=1, keepdims=True)
    return np.asarray(prior - deviation.shape[1] * log_scale - 0.5 * squares * np.exp(-2 * log_scale))


def draw_scale(deviation: FloatArray, prior_mean: float, prior_sd: float, rng: np.random.Generator) -> FloatArray:
    """Spread of a normal group ``(sample,)``: its log from a grid, and evenly within the cell."""
    far = FARTHEST_SCALE * prior_sd
    grid, cell = np.linspace(prior_mean - far, prior_mean + far, SCALES, retstep=True)
    share = softmax(log_density_of_scale(grid, deviation, prior_mean, prior_sd), axis=1)
    return np.asarray(np.exp(grid[draw_option(share, rng)] + cell * (rng.random(len(share)) - 0.5)))
