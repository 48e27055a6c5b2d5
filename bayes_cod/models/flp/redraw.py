"""Every benchmark's own parameters drawn anew, given what all benchmarks share.

The floor, height, slope and scatter of a benchmark near chance have two modes: a rise that is just seen, and a floor
above which its height may be anything. Chains of the sampler seldom cross from one to the other. Given where the runs
stand and what the benchmarks have in common, a benchmark's own parameters are independent of all others', so they can
be drawn from their conditional distribution: of many candidates and the present value one is picked by its weight
(iterated sampling-importance resampling). Such a step leaves the posterior as it is, whatever the candidates are drawn
from; here that is a mixture of normals fitted to the sampler's draws, with wide tails.

In turns with it the spread of the slopes is drawn given all slopes: else it stays with the modes that the sampler's
chains are in, and the slopes with it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import multivariate_t
from sklearn.mixture import GaussianMixture

from bayes_cod.models.flp import graph
from bayes_cod.models.flp.noise import log_density_of
from bayes_cod.models.flp.predict import flat
from bayes_cod.models.flp.priors import KINDS, Priors

type FloatArray = NDArray[np.float64]

OWN = ("height", "log_slope", "floor_z", "dispersion")
"""What a benchmark has to itself, in the order of the last axis ``own`` of arrays; then what it is higher by in each
pooled family."""

SAMPLER_ONLY = ("height_at_anchor", "slope_z", "slope_typical", "floor_z", "run_moved", "family_height_z")
CANDIDATES = 32
ROUNDS = 2
NORMALS = 4
FITTED_DRAWS = 1000
LEAST_VARIANCE = 1e-3
TAIL_SHARE, TAIL_WIDTH, TAIL_FREEDOM = 0.2, 2.0, 4
SPREADS, FARTHEST_SPREAD = 401, 6.0
"""Grid of log spreads of the slopes, and how far it goes, in standard deviations of the prior."""


def redraw(
    posterior: xr.Dataset,
    data: Mapping[str, NDArray[Any]],
    n_benchmark: int,
    priors: Priors,
    seed: int,
    cores: int | None = None,
) -> xr.Dataset:
    """Draws of the score stage with each benchmark's own parameters drawn anew.

    Parameters
    ----------
    posterior
        Draws of the score stage (chain, draw, ...).
    data
        What it was sampled with; see `graph.of_stage`.
    n_benchmark
        Number of benchmarks; entries beyond are padding and stay.
    priors
        Of the fit.
    seed
        The same seed gives the same draws.
    cores
        Threads, a benchmark at a time each; one a processor core where not given. Draws do not hang on it.

    Returns
    -------
    xarray.Dataset
        With new height, log_slope, floor, dispersion, family_height and slope_spread, and with kind (of `KINDS`) and
        top; what only the sampler moves in is left out.
    """
    drawn = {str(name): flat(posterior, str(name)) for name in posterior}
    common = Common.of(drawn, data)
    made = {name: drawn[name].copy() for name in (*OWN, "floor")}
    of_family = common.family_height.copy()
    kind = np.zeros(made["height"].shape, dtype=int)

    generators = [np.random.default_rng([seed, 31, column]) for column in range(n_benchmark)]
    of_spread = np.random.default_rng([seed, 37])

    def renew(column: int) -> None:
        rng, conditional = generators[column], Conditional(common, data, priors, column)
        own = np.stack([*(made[name][:, column] for name in OWN), *of_family[:, :, column].T], axis=-1)
        own = _pick(own, conditional, rng)
        for place, name in enumerate(OWN):
            made[name][:, column] = own[:, place]
        of_family[:, :, column] = own[:, len(OWN) :]
        made["floor"][:, column] = conditional.floor(own[:, OWN.index("floor_z")])
        kind[:, column] = conditional.kinds(own, rng)

    with ThreadPoolExecutor(cores or os.cpu_count()) as threads:
        for _ in range(ROUNDS):
            deque(threads.map(renew, range(n_benchmark)), maxlen=0)
            deviation = made["log_slope"][:, :n_benchmark] - common.slope_mean[:, None]
            common = replace(common, slope_spread=draw_spread(deviation, priors, of_spread))
    made |= {"kind": kind, "top": graph.top_of(made["floor"], priors.ceilings[kind])}
    like = posterior["height"]
    new = {name: (like.dims, values.reshape(like.shape)) for name, values in made.items()}
    spread = posterior["slope_spread"]
    new["slope_spread"] = (spread.dims, common.slope_spread.reshape(spread.shape))
    if of_family.shape[1]:
        before = posterior["family_height"]
        heights = before.values.copy()
        heights[:, :, 1 : 1 + of_family.shape[1]] = of_family.reshape(*before.shape[:2], *of_family.shape[1:])
        new["family_height"] = (before.dims, heights)
    return posterior.assign(new).drop_vars(SAMPLER_ONLY, errors="ignore")  # some are there only with a pool


def log_density_of_spread(log_spread: FloatArray, deviation: FloatArray, priors: Priors) -> FloatArray:
    """Log density up to a constant ``(sample, value)`` of logs of the spread of the slopes ``(value,)``.

    Given how far log slopes lie from the typical one ``(sample, benchmark)``.
    """
    prior = -0.5 * ((log_spread - priors.spread) / priors.spread_sd) ** 2
    squares = (deviation**2).sum(axis=1, keepdims=True)
    return np.asarray(prior - deviation.shape[1] * log_spread - 0.5 * squares * np.exp(-2 * log_spread))


def draw_spread(deviation: FloatArray, priors: Priors, rng: np.random.Generator) -> FloatArray:
    """Spread of the slopes ``(sample,)`` given ``deviation``: its log from a grid, and evenly within the cell."""
    far = FARTHEST_SPREAD * priors.spread_sd
    grid, cell = np.linspace(priors.spread - far, priors.spread + far, SPREADS, retstep=True)
    share = softmax(log_density_of_spread(grid, deviation, priors), axis=1)
    below = (share.cumsum(axis=1) < rng.random((len(share), 1))).sum(axis=1).clip(max=SPREADS - 1)
    return np.asarray(np.exp(grid[below] + cell * (rng.random(len(share)) - 0.5)))


@dataclass(frozen=True)
class Common:
    """What all benchmarks share, draw by draw.

    Attributes
    ----------
    position
        Where every row stands ``(sample, row)``.
    stretch, middle, start
        Spread of the runs against that of their start, mean of the runs ``(sample,)``, and mean of their start.
    slope_mean, slope_spread, dispersion_mean, own_walk
        Parameters of the same names ``(sample,)``.
    family_height_sd
        The same; 0 without pooled families.
    family_height
        What eta is more in each pooled family ``(sample, family, benchmark)``.
    family
        Family of each row ``(row,)``; 0 is the ladder's own.
    """

    position: FloatArray
    stretch: FloatArray
    middle: FloatArray
    start: float
    slope_mean: FloatArray
    slope_spread: FloatArray
    dispersion_mean: FloatArray
    own_walk: FloatArray
    family_height_sd: FloatArray
    family_height: FloatArray
    family: NDArray[np.int64]

    @classmethod
    def of(cls, drawn: Mapping[str, FloatArray], data: Mapping[str, NDArray[Any]]) -> Self:
        """From draws ``(sample, ...)`` and the data they were sampled with."""
        expected = drawn["weight"] @ data["progress"].T
        n_sample, n_row = expected.shape
        family, heights = np.zeros(n_row, dtype=np.int64), np.zeros((n_sample, 0, drawn["height"].shape[1]))
        if "family" in data:
            family = data["family"]
            expected = expected + drawn["family_shift"][:, family]
            heights = drawn["family_height"][:, 1 : 1 + family.max()]
        astray = drawn["run_progress"] - expected[:, data["last"]]
        late = data["priors"][Priors.names().index("undecayed_score")] * drawn["undecayed_z"]
        middle, middle_start, stretch = graph.whereabouts(drawn["run_progress"], data["start"], data["there"], np)
        return cls(
            position=expected + astray[:, data["run"]] + late[:, None] * data["undecayed"],
            stretch=stretch,
            middle=middle,
            start=float(middle_start),
            family_height_sd=drawn.get("family_height_sd", np.zeros(n_sample)),
            family_height=heights,
            family=family,
            **{name: drawn[name] for name in ("slope_mean", "slope_spread", "dispersion_mean", "own_walk")},
        )


class Conditional:
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
        self._centre = common.middle + common.stretch * (float(data["anchor"][column]) - common.start)

    def floor(self, z: FloatArray) -> FloatArray:
        """Floor from its standard normal."""
        of = self._of_benchmark
        return np.asarray(graph.floor_of(z, of["floor_guess"], of["open"], asdict(self._priors), np))

    def to_sampled(self, own: FloatArray) -> FloatArray:
        """Own parameters ``(sample, ..., own)`` in the coordinates of candidates; volumes stay."""
        shape = (-1, *[1] * (own.ndim - 2))
        moved = own.copy()
        moved[..., 0] += np.exp(own[..., 1]) * self._centre.reshape(shape)
        moved[..., 1] += np.log(self._common.stretch).reshape(shape)
        return moved

    def from_sampled(self, moved: FloatArray) -> FloatArray:
        """The way back from `to_sampled`."""
        shape = (-1, *[1] * (moved.ndim - 2))
        own = moved.copy()
        own[..., 1] -= np.log(self._common.stretch).reshape(shape)
        own[..., 0] -= np.exp(own[..., 1]) * self._centre.reshape(shape)
        return own

    def log_density(self, own: FloatArray) -> FloatArray:
        """Log density up to a constant of each sample ``(sample, candidate)``, of ``(sample, candidate, own)``."""
        return np.asarray(logsumexp(self._by_kind(own), axis=0))

    def kinds(self, own: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
        """Kind of the benchmark, drawn given its own parameters ``(sample, own)``; an index into `KINDS`."""
        share = softmax(self._by_kind(own[:, None])[..., 0], axis=0)
        return np.asarray((share.cumsum(axis=0) < rng.random(len(own))).sum(axis=0).clip(max=len(KINDS) - 1))

    def _by_kind(self, own: FloatArray) -> FloatArray:
        """Log density of each kind ``(kind, sample, candidate)``."""
        common, priors = self._common, self._priors
        height, log_slope, floor_z, dispersion = np.moveaxis(own[..., : len(OWN)], -1, 0)
        of_family = own[..., len(OWN) :]
        floor = self.floor(floor_z)
        eta = height[..., None] + np.exp(log_slope)[..., None] * self._position[:, None]
        if of_family.shape[-1]:
            higher = np.concatenate([np.zeros_like(height)[..., None], of_family], axis=-1)
            eta = eta + higher[..., self._family]
        likelihood = log_density_of(
            self._score,
            eta,
            floor[..., None],
            graph.top_of(floor, priors.ceilings[:, None, None])[..., None],
            (self._of_benchmark["binomial"] * np.exp(dispersion))[..., None],
            self._of_benchmark["least_variance"],
            common.own_walk[:, None, None] * np.sqrt(self._behind),
            self._skew,
            np,
        )
        slope_z = (log_slope - common.slope_mean[:, None]) / common.slope_spread[:, None]
        dispersion_z = (dispersion - common.dispersion_mean[:, None]) / priors.dispersion_spread
        family_z = of_family / common.family_height_sd[:, None, None]
        normal = -0.5 * (floor_z**2 + slope_z**2 + dispersion_z**2 + (family_z**2).sum(axis=-1))
        by_kind = likelihood @ self._seen + np.log(priors.shares)[:, None, None]
        return np.asarray(by_kind + normal + priors.log_height(height, self._skew))


def _pick(own: FloatArray, conditional: Conditional, rng: np.random.Generator) -> FloatArray:
    """One step for all draws at once ``(sample, own)``."""
    size = own.shape[1]
    moved = conditional.to_sampled(own)
    middle, unit = moved.mean(axis=0), moved.std(axis=0) + LEAST_VARIANCE
    present = (moved - middle) / unit
    fitted = present[rng.permutation(len(present))[:FITTED_DRAWS]]
    bulk = GaussianMixture(NORMALS, reg_covar=LEAST_VARIANCE, random_state=int(rng.integers(2**31))).fit(fitted)
    width = TAIL_WIDTH**2 * (np.cov(present.T) + LEAST_VARIANCE * np.eye(size))
    tails = multivariate_t(np.zeros(size), width, df=TAIL_FREEDOM, seed=rng)
    count = len(own) * (CANDIDATES - 1)
    new = rng.permutation(bulk.sample(count)[0])
    far = rng.random(count) < TAIL_SHARE
    new[far] = tails.rvs(int(far.sum()))
    candidates = np.concatenate([present[:, None], new.reshape(len(own), -1, size)], axis=1)
    each = candidates.reshape(-1, size)
    proposed = np.logaddexp(
        np.log1p(-TAIL_SHARE) + bulk.score_samples(each), np.log(TAIL_SHARE) + tails.logpdf(each)
    ).reshape(candidates.shape[:2])
    values = conditional.from_sampled(middle + unit * candidates)
    log_weight = conditional.log_density(values) - proposed
    weight = np.exp(log_weight - logsumexp(log_weight, axis=1, keepdims=True))
    picked = (np.cumsum(weight, axis=1) >= rng.random(len(own))[:, None]).argmax(axis=1)
    return np.asarray(values[np.arange(len(own)), picked])
