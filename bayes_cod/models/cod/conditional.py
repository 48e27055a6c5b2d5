"""Levels, slopes and paths of benchmarks given what they share: exact draws of what `path_graph` sums out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, softmax

from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.grouping import Evidence
from bayes_cod.models.cod.marginal import evaluate
from bayes_cod.models.cod.path_graph import OF_READINGS, PathShape, arrays, fixed_values
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import Reading
from bayes_cod.models.common.categorical import draw_option

type FloatArray = NDArray[np.float64]

_EXACT = 1e-6  # variance of a place on eta that was drawn


@dataclass(frozen=True)
class Shared:
    """What the benchmarks of the ladder to forecast share, and how wild each is; one row a posterior draw.

    Attributes
    ----------
    slope, spread
        Mean and standard deviation of the benchmarks' slopes ``(sample,)``.
    curvature, hazard, level
        ``(sample,)``; the mean of the levels.
    persistent, passing
        Effective compute of the rungs, its luck that persists included, and passing luck ``(sample, rung)``, decades.
    walk, luck
        Scales of the benchmarks' own luck ``(sample, benchmark)``.
    """

    slope: FloatArray
    spread: FloatArray
    curvature: FloatArray
    hazard: FloatArray
    level: FloatArray
    persistent: FloatArray
    passing: FloatArray
    walk: FloatArray
    luck: FloatArray

    @classmethod
    def of(cls, posterior: xr.Dataset, evidence: Evidence, priors: Priors) -> Shared:
        """From a posterior of `path_graph` (chain, draw, ...); the family to forecast and its benchmarks come first."""

        def flat(name: str) -> FloatArray:
            array = np.asarray(posterior[name].values, dtype=float)
            return array.reshape(-1, *array.shape[2:])

        def own(kind: str) -> FloatArray:
            wild = getattr(priors, f"wild_{kind}") * flat(f"{kind}_z")[:, : len(evidence.benchmarks)]
            return np.asarray(flat(f"own_{kind}")[:, None] * np.exp(wild))

        decades, rungs = evidence.decades, len(evidence.decades)
        slope = flat("slope_mean") * np.exp(priors.family_spread * flat("family_z")[:, 0])
        curvature = flat("curvature")[:, 0]
        steps = flat("shared_z")[:, 0, flat("shared_z").shape[2] - rungs + 1 :] * np.sqrt(np.diff(decades))
        walked = np.zeros((len(slope), rungs))
        walked[:, :-1] = -flat("family_walk")[:, :1] * np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        return cls(
            slope=slope,
            spread=flat("slope_spread") * slope,
            curvature=curvature,
            hazard=flat("hazard"),
            level=flat("level_centre")[:, 0],
            persistent=curved(decades[None, :], curvature[:, None]) + walked,
            passing=flat("shared_luck")[:, None] * flat("passing_z")[:, 0, -rungs:],
            walk=own("walk"),
            luck=own("luck"),
        )

    def densities(self, evidence: Evidence, found: Sequence[Sequence[Reading]], priors: Priors) -> FloatArray:
        """Log density of every reading ``(sample, reading)``."""
        data = arrays([evidence], [found], PathShape.tight(evidence, found), priors)
        fixed = fixed_values(priors.level_sd, priors.jump_mean, priors.jump_sd)
        readings = [data[name] for name in OF_READINGS]
        rows = []
        for i in range(len(self.slope)):
            found_here = evaluate(  # type: ignore[call-arg]  # numba hides the signature
                (self.persistent[i] + self.passing[i])[None],
                self.slope[i : i + 1],
                self.spread[i : i + 1] ** 2,
                self.walk[i] ** 2,
                self.luck[i] ** 2,
                float(self.hazard[i]),
                self.level[i : i + 1],
                data["decades"],
                np.array(fixed),
                *readings,
                data["family"],
            )
            rows.append(found_here[-1])
        return np.stack(rows)


def draw(
    posterior: xr.Dataset, evidence: Evidence, found: Sequence[Sequence[Reading]], priors: Priors, seed: int
) -> Draws:
    """Complete the posterior draws of `path_graph` with one draw of every benchmark's own parameters.

    Parameters
    ----------
    posterior
        With dimensions (chain, draw, ...); the family to forecast and its benchmarks come first.
    evidence, found
        The ladder to forecast and the readings of its benchmarks.
    priors
        Those of the fit.
    seed
        The same seed gives the same draws.
    """
    rng = np.random.default_rng([seed, 3])
    n_benchmark, n_rung = len(evidence.benchmarks), len(evidence.decades)

    shared = Shared.of(posterior, evidence, priors)
    density = shared.densities(evidence, found, priors)
    n = len(shared.slope)
    eta, persistent = np.zeros((2, n, n_benchmark, n_rung))
    slope, floor, top = np.zeros((3, n, n_benchmark))
    unjumped = np.zeros((n, n_benchmark), dtype=bool)
    quiet = np.zeros((n, n_benchmark))
    due, due_landing = np.full((2, n, n_benchmark), np.nan)
    first = 0
    for b, ways in enumerate(found):
        picked = draw_option(softmax(density[:, first : first + len(ways)], axis=1), rng)
        first += len(ways)
        for j, reading in enumerate(ways):
            at = np.flatnonzero(picked == j)
            floor[at, b], top[at, b] = reading.floor, reading.top
            unjumped[at, b], quiet[at, b] = reading.waiting, reading.quiet
            if reading.due is not None:
                due[at, b], due_landing[at, b] = reading.due.draw(len(at), priors.shared_landing_sd, rng)
            if len(at):
                eta[at, b], persistent[at, b], slope[at, b] = _path(
                    reading, evidence.decades, shared, at, b, priors, rng
                )
    level = eta[:, :, -1]
    nominal = curved(evidence.decades[None, :], shared.curvature[:, None])
    certain = np.zeros((n, n_benchmark, 3))
    certain[..., 0] = 1.0
    return Draws(
        level=level,
        ratio=np.ones_like(level),
        slope=slope,
        floor=floor,
        top=top,
        curvature=shared.curvature,
        shared_walk=np.asarray(posterior["family_walk"].values)[..., 0].ravel(),
        shared_luck=np.asarray(posterior["shared_luck"].values).ravel(),
        own_walk=shared.walk,
        own_luck=shared.luck,
        shared_steps=np.diff(shared.persistent + shared.passing - nominal, axis=1),
        path=eta - level[:, :, None],
        class_probability=certain,
        map_increments=None,
        persistent=persistent - level[:, :, None],
        hazard=shared.hazard,
        unjumped=unjumped,
        quiet=quiet,
        due=due,
        due_landing=due_landing,
    )


def _path(
    reading: Reading,
    decades: FloatArray,
    shared: Shared,
    at: NDArray[np.int64],
    b: int,
    priors: Priors,
    rng: np.random.Generator,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Eta of the rungs with and without passing luck ``(sample, rung)``, and the slope, given a reading.

    A draw from the prior is moved by what was missed (Matheron's rule); the last rung at the floor is drawn first,
    below what would have been seen.
    """
    n, rungs = len(at), len(decades)
    compute = shared.persistent[at] + shared.passing[at]
    before = np.arange(rungs) <= reading.jump
    gaps = np.minimum(-decades[:, None], -decades[None, :])
    walk, luck, spread = shared.walk[at, b], shared.luck[at, b], shared.spread[at]
    mean = shared.level[at, None] + shared.slope[at, None] * compute - priors.jump_mean * before
    cov = priors.level_sd**2 + spread[:, None, None] ** 2 * compute[:, :, None] * compute[:, None, :]
    cov += walk[:, None, None] ** 2 * gaps + luck[:, None, None] ** 2 * np.eye(rungs)
    cov += priors.jump_sd**2 * np.outer(before, before)

    # the prior
    level = shared.level[at] + priors.level_sd * rng.standard_normal(n)
    slope = shared.slope[at] + spread * rng.standard_normal(n)
    steps = np.sqrt(np.maximum(np.diff(decades), 0.0)) * rng.standard_normal((n, rungs - 1))
    walked = np.zeros((n, rungs))
    walked[:, :-1] = -walk[:, None] * np.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
    passing = luck[:, None] * rng.standard_normal((n, rungs))
    jump = priors.jump_mean + priors.jump_sd * rng.standard_normal(n)
    drawn = level[:, None] + slope[:, None] * compute + walked + passing - jump[:, None] * before

    told = np.flatnonzero(reading.told)
    place, noise = np.tile(reading.eta, (n, 1)), reading.variance.copy()
    if reading.hidden >= 0:
        place[:, reading.hidden] = _hidden(reading, told, mean, cov, rng)
        noise[reading.hidden] = _EXACT
        told = np.sort(np.append(told, reading.hidden))
    known = cov[:, told][:, :, told] + np.diag(noise[told])
    missed = place[:, told] - drawn[:, told] - np.sqrt(noise[told]) * rng.standard_normal((n, len(told)))
    pull = np.linalg.solve(known, missed[:, :, None])[:, :, 0]
    level += priors.level_sd**2 * pull.sum(axis=1)
    slope += spread**2 * (compute[:, told] * pull).sum(axis=1)
    walked += walk[:, None] ** 2 * (pull @ gaps[told])
    passing[:, told] += luck[:, None] ** 2 * pull
    jump -= priors.jump_sd**2 * (pull @ before[told])
    persistent = level[:, None] + slope[:, None] * shared.persistent[at] + walked - jump[:, None] * before
    eta = persistent + slope[:, None] * shared.passing[at] + passing
    return eta, persistent, slope


def _hidden(
    reading: Reading, told: NDArray[np.int64], mean: FloatArray, cov: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Eta of the last rung at the floor given the rungs above it, below what would have been seen ``(sample,)``."""
    c = reading.hidden
    centre, var = mean[:, c], cov[:, c, c]
    if len(told):
        known = cov[:, told][:, :, told] + np.diag(reading.variance[told])
        weight = np.linalg.solve(known, cov[:, told, c][:, :, None])[:, :, 0]
        centre = centre + (weight * (reading.eta[told] - mean[:, told])).sum(axis=1)
        var = var - (weight * cov[:, told, c]).sum(axis=1)
    sd = np.sqrt(np.maximum(var, 1e-10))
    below = ndtr((reading.hidden_below - centre) / sd)
    drawn = centre + sd * ndtri(np.clip(rng.random(len(centre)) * below, 1e-300, 1 - 1e-12))
    return np.asarray(np.minimum(drawn, reading.hidden_below))
