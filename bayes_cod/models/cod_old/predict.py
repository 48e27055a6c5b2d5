"""Forecasts of Bayesian COD from posterior draws, in NumPy."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.arrays import SMALLEST_NOISE
from bayes_cod.models.cod.effective_compute import curved, curved_ahead, passing_luck, target_luck
from bayes_cod.models.cod.graph import IRREGULAR, LAW
from bayes_cod.models.cod.grouping import Evidence
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import cumulated_hazard

type FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Draws:
    """Posterior draws with the padding cut off; ``sample`` runs over chains, then draws.

    Attributes
    ----------
    level, ratio
        ``(sample, group)``.
    slope, floor, top
        ``(sample, benchmark)``.
    curvature, shared_walk, shared_luck
        ``(sample,)``.
    own_walk, own_luck
        ``(sample, benchmark)``.
    shared_steps
        Steps of the luck that all benchmarks share ``(sample, step)``, decades.
    path
        Growth of the benchmarks on eta ``(sample, benchmark, rung)``, 0 at the last rung.
    class_probability
        ``(sample, group, class)``.
    map_increments
        ``(sample, benchmark, increment)``; None without a rest.
    persistent
        The path without luck that passes ``(sample, benchmark, rung)``; None where `persistent_path` draws it.
    hazard
        Rate of jumps at the last rung, per decade ``(sample,)``; None where benchmarks don't jump.
    unjumped
        Benchmarks with a jump left to make ``(sample, benchmark)``.
    quiet
        Decades beyond the last rung in which that jump does not come ``(sample, benchmark)``; None for 0.
    due, due_landing
        Where another family tells when it comes, decades beyond the last rung, and the eta it leads to
        ``(sample, benchmark)``; NaN where the hazard does, None where it always does.
    """

    level: FloatArray
    ratio: FloatArray
    slope: FloatArray
    floor: FloatArray
    top: FloatArray
    curvature: FloatArray
    shared_walk: FloatArray
    shared_luck: FloatArray
    own_walk: FloatArray
    own_luck: FloatArray
    shared_steps: FloatArray
    path: FloatArray
    class_probability: FloatArray
    map_increments: FloatArray | None
    persistent: FloatArray | None = None
    hazard: FloatArray | None = None
    unjumped: NDArray[np.bool_] | None = None
    quiet: FloatArray | None = None
    due: FloatArray | None = None
    due_landing: FloatArray | None = None

    @classmethod
    def of(cls, posterior: xr.Dataset, evidence: Evidence) -> Draws:
        """From a posterior of `graph` with dimensions (chain, draw, ...); the evidence's family comes first."""
        n_group, n_benchmark = len(evidence.groups), len(evidence.benchmarks)
        n_rung = len(evidence.decades)

        def flat(name: str) -> FloatArray:
            array = np.asarray(posterior[name].values, dtype=float)
            return array.reshape(-1, *array.shape[2:])

        has_map = "map_increments" in posterior
        level = flat("level")[:, :n_group]
        if "ratio" in posterior:
            ratio, probability = flat("ratio")[:, :n_group], flat("class_probability")[:, :n_group]
        else:  # each benchmark is one group, which follows its path
            ratio = np.ones_like(level)
            probability = np.stack([ratio, np.zeros_like(level), np.zeros_like(level)], axis=-1)
        return cls(
            level=level,
            ratio=ratio,
            slope=flat("slope")[:, :n_benchmark],
            floor=flat("floor")[:, :n_benchmark],
            top=flat("top")[:, :n_benchmark],
            curvature=flat("curvature")[:, 0],
            shared_walk=flat("family_walk")[:, 0],
            shared_luck=flat("shared_luck"),
            own_walk=np.repeat(flat("own_walk")[:, None], n_benchmark, axis=1),
            own_luck=np.repeat(flat("own_luck")[:, None], n_benchmark, axis=1),
            shared_steps=flat("shared_steps")[:, 0, posterior["shared_steps"].shape[-1] - n_rung + 1 :],
            path=flat("path")[:, :n_benchmark, -n_rung:],
            class_probability=probability,
            map_increments=flat("map_increments")[:, :n_benchmark] if has_map else None,
        )

    def __len__(self) -> int:
        return len(self.curvature)

    def thinned(self, size: int) -> Draws:
        """About so many of the draws, evenly spaced."""
        step = max(1, len(self) // size)
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: array[::step] for name, array in arrays.items() if array is not None})


@dataclass(frozen=True)
class Scores:
    """Draws of benchmark scores, ``(sample, point, benchmark)``, and of the groups' pass rates behind them.

    Attributes
    ----------
    observed, latent
        With and without the point's own luck and the finite evaluation.
    group_rates
        Latent pass rates ``(sample, point, group)``.
    """

    observed: FloatArray
    latent: FloatArray
    group_rates: FloatArray


def predict(evidence: Evidence, draws: Draws, decades: FloatArray, priors: Priors, seed: int) -> Scores:
    """Scores at some distances from the last rung.

    Up to the last rung the posterior luck of the rungs that persists is interpolated; beyond it the walks go on, and
    every point has passing luck of its own.

    Parameters
    ----------
    evidence, draws
        A fit.
    decades
        log10 compute from the last rung ``(point,)``; negative below it.
    priors
        Those of the fit, for what is fixed by them.
    seed
        Seed of the luck and noise ahead.

    Returns
    -------
    Scores
    """
    rng = np.random.default_rng(seed)
    decades = np.asarray(decades, dtype=float)
    owner = evidence.benchmark_index(evidence.groups)
    classes = _draw_classes(draws.class_probability, rng)
    n_benchmark = len(evidence.benchmarks)
    shared_ahead, own_ahead = target_luck(
        draws.shared_walk, draws.own_walk, np.repeat(decades[:, None], n_benchmark, axis=1), rng
    )
    trend = _trend(evidence, draws, decades, persistent_path(evidence, draws, rng))
    own_ahead += draws.own_luck[:, None, :] * rng.standard_normal(own_ahead.shape)
    shared_ahead += draws.shared_luck[:, None] * rng.standard_normal(shared_ahead.shape)
    luck = draws.slope[:, None, :] * shared_ahead[..., None] + own_ahead
    jumps = jumps_ahead(draws, np.zeros(1), decades, priors, rng) if draws.hazard is not None else None
    rest_size = np.zeros(n_benchmark)
    for group in evidence.rest:
        rest_size[evidence.benchmarks.index(group.benchmark)] = group.weight
    chance = np.nan_to_num(evidence.chance)
    shape = (len(draws), len(decades), n_benchmark)
    observed, latent = np.zeros(shape), np.zeros(shape)
    group_rates = np.zeros((len(draws), len(decades), len(owner)))
    trials = np.maximum(np.rint(evidence.n_questions * evidence.n_trials), 1).astype(np.int64)
    weights = np.array([group.weight for group in evidence.groups])
    share = np.bincount(owner, weights=weights, minlength=n_benchmark)
    for point in range(len(decades)):
        rates = pass_rates(draws, owner, classes, trend[..., point])
        group_rates[:, point] = rates
        latent[:, point] = _full(rates, owner, weights, rest_size, chance, draws.map_increments, None, rng)
        growth = trend[..., point] + luck[:, point]
        growth = (
            np.where(jumps.made[:, point], np.maximum(growth, jumps.landing - draws.level), growth) if jumps else growth
        )
        lucky = pass_rates(draws, owner, classes, growth)
        irregular = np.where(classes == IRREGULAR, _transient(lucky, priors.irregular_concentration, rng), lucky)
        full = _full(irregular, owner, weights, rest_size, chance, draws.map_increments, priors.map_concentration, rng)
        observed[:, point] = evaluated(full, trials, priors, rng, share)
    return Scores(observed, latent, group_rates)


@dataclass(frozen=True)
class Jumps:
    """Jumps of benchmarks.

    Attributes
    ----------
    made
        Whether a benchmark has jumped ``(sample, point, benchmark)``.
    landing
        Eta that its jump leads to ``(sample, benchmark)``.
    """

    made: NDArray[np.bool_]
    landing: FloatArray


def jumps_ahead(
    draws: Draws, start: FloatArray, decades: FloatArray, priors: Priors, rng: np.random.Generator
) -> Jumps:
    """Draw when benchmarks jump between `start` and some distances, both decades from the last rung ``(point,)``.

    One time a benchmark, so that a larger target has jumped where a smaller one has.
    """
    assert draws.hazard is not None and draws.unjumped is not None
    waited = rng.exponential(size=draws.level.shape) / draws.hazard[:, None]
    landing = priors.landing_mean + priors.landing_sd * rng.standard_normal(draws.level.shape)
    begin, end = start[None, :, None], np.maximum(decades, start)[None, :, None]
    if draws.quiet is not None:
        begin, end = (np.maximum(edge, draws.quiet[:, None, :]) for edge in (begin, end))
    made = (waited[:, None, :] < cumulated_hazard(begin, end, priors.hazard_growth)) & draws.unjumped[:, None, :]
    if draws.due is not None and draws.due_landing is not None:
        told = np.isfinite(draws.due)
        made = np.where(told[:, None, :], draws.due[:, None, :] <= decades[None, :, None], made)
        landing = np.where(told, draws.due_landing, landing)
    return Jumps(made, landing)


def evaluated(
    score: FloatArray,
    trials: NDArray[np.int64],
    priors: Priors,
    rng: np.random.Generator,
    share: FloatArray | float = 1.0,
) -> FloatArray:
    """Scores that one evaluation of latent scores prints: noise that does not last, then finite trials.

    Parameters
    ----------
    score
        Latent scores, any shape, fractions.
    trials
        Trials behind them, at least 1; broadcasts against `score`.
    priors
        For the noise's concentration.
    rng
        Source of the noise.
    share
        Share of the questions that have this noise; the rest of a benchmark has its own.
    """
    noise = np.sqrt(np.clip(score * (1 - score), 0, 1) / priors.whole_concentration + SMALLEST_NOISE**2)
    around = score + share * noise * rng.standard_normal(score.shape)
    return np.asarray(rng.binomial(trials, np.clip(around, 0, 1)) / trials)


def along(evidence: Evidence, draws: Draws, decades: FloatArray, seed: int) -> FloatArray:
    """Growth of the benchmarks on eta from the last rung, passing luck of the rungs included there.

    At rungs it is what was seen there, beyond the last it goes on from what persists ``(sample, benchmark, point)``.
    """
    persistent = persistent_path(evidence, draws, np.random.default_rng(seed))
    decades = np.asarray(decades, dtype=float)
    within, ahead = (_trend(evidence, draws, decades, path) for path in (draws.path, persistent))
    return np.where(decades > 0, ahead, within)


def _trend(evidence: Evidence, draws: Draws, decades: FloatArray, path: FloatArray) -> FloatArray:
    """A path carried on to any point without luck ``(sample, benchmark, point)``."""
    growth = _interpolated(path, evidence.decades, decades)
    ahead = curved_ahead(np.maximum(decades, 0.0)[None, :], draws.curvature[:, None])
    below = curved(np.minimum(decades, evidence.decades[0])[None, :], draws.curvature[:, None])
    below = below - curved(evidence.decades[0], draws.curvature)[:, None]
    return np.asarray(growth + draws.slope[:, :, None] * (ahead + below)[:, None, :])


def persistent_path(evidence: Evidence, draws: Draws, rng: np.random.Generator) -> FloatArray:
    """Growth at the rungs without the luck that their runs did not pass on ``(sample, benchmark, rung)``."""
    if draws.persistent is not None:
        return draws.persistent
    nominal = np.diff(curved(evidence.decades[None, :], draws.curvature[:, None]), axis=1) + draws.shared_steps
    own_steps = np.diff(draws.path, axis=2) - draws.slope[:, :, None] * nominal[:, None, :]
    own = passing_luck(own_steps, evidence.decades, draws.own_walk, draws.own_luck, rng)
    shared = passing_luck(draws.shared_steps, evidence.decades, draws.shared_walk, draws.shared_luck, rng)
    return np.asarray(draws.path - own - draws.slope[:, :, None] * shared[:, None, :])


def _draw_classes(probability: FloatArray, rng: np.random.Generator) -> NDArray[np.int64]:
    """One class a draw and group ``(sample, group)``."""
    below = np.cumsum(probability, axis=2)
    return np.asarray((rng.random(below.shape[:2])[..., None] > below[..., :-1]).sum(axis=2), dtype=np.int64)


def _interpolated(path: FloatArray, rungs: FloatArray, decades: FloatArray) -> FloatArray:
    """Path at any point, linear between rungs and held outside them ``(sample, benchmark, point)``.

    Rungs of equal compute have one persistent path.
    """
    rungs, distinct = np.unique(rungs, return_index=True)
    path = path[..., distinct]
    position = np.clip(decades, rungs[0], 0.0)
    right = np.clip(np.searchsorted(rungs, position), 1, len(rungs) - 1)
    share = (position - rungs[right - 1]) / (rungs[right] - rungs[right - 1])
    return np.asarray(path[..., right - 1] * (1 - share) + path[..., right] * share)


def pass_rates(draws: Draws, owner: NDArray[np.int32], classes: NDArray[np.int64], growth: FloatArray) -> FloatArray:
    """Pass rates of the groups where the benchmarks have grown by `growth` ``(sample, benchmark)``."""
    eta = draws.level + np.where(classes == LAW, draws.ratio * growth[:, owner], 0.0)
    floor, top = draws.floor[:, owner], draws.top[:, owner]
    return np.asarray(floor + (top - floor) * expit(eta))


def _transient(rates: FloatArray, concentration: float, rng: np.random.Generator) -> FloatArray:
    """Noise of one evaluation around the pass rates of groups that follow no law ``(sample, group)``."""
    mean = np.clip(rates, 1e-6, 1 - 1e-6)
    return np.asarray(rng.beta(mean * concentration, (1 - mean) * concentration))


def _full(
    rates: FloatArray,
    owner: NDArray[np.int32],
    weights: FloatArray,
    rest_size: FloatArray,
    chance: FloatArray,
    increments: FloatArray | None,
    concentration: float | None,
    rng: np.random.Generator,
) -> FloatArray:
    """Benchmark scores from the groups' pass rates and the map ``(sample, benchmark)``."""
    n_benchmark = len(rest_size)
    indicator = np.zeros((len(owner), n_benchmark))
    indicator[np.arange(len(owner)), owner] = weights
    inside = rates @ indicator
    if increments is None:
        return np.asarray(inside)
    subset = inside / np.maximum(indicator.sum(axis=0), 1e-12)
    value = mapping.monotone(mapping.bernstein_basis(mapping.above_chance(subset, chance)), increments)
    rest = np.clip(chance + (1 - chance) * value, 1e-6, 1 - 1e-6)
    if concentration is not None:
        rest = rng.beta(rest * concentration, (1 - rest) * concentration)
    return np.asarray(inside + rest_size * rest)
