"""Ladders drawn from the priors of Bayesian COD, fitted, and the ranks of the truth: calibration by simulation.

The forecast is ranked too, so that the check covers prediction as well as sampling. `PATHS` are ladders of the default
model, in which every benchmark is one group; `MAPPED` ones have a rest that goes through the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.graph import LAW
from bayes_cod.models.cod.grouping import REST, WHOLE, Evidence, Group
from bayes_cod.models.cod.predict import Draws, evaluated, pass_rates, predict
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors
from bayes_cod.models.cod.readings import cumulated_hazard, may_jump
from bayes_cod.models.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]

SAMPLER = SamplerSettings(draws=400, tune=400, chains=2, cores=2)


@dataclass(frozen=True)
class Design:
    """The ladder that is simulated.

    Attributes
    ----------
    decades
        log10 compute of the rungs from the last ``(rung,)``.
    chance, n_questions, n_trials
        Of the benchmarks ``(benchmark,)``; trials a question.
    rest
        Share of the questions whose score goes through the map ``(benchmark,)``.
    ahead
        log10 compute of the targets from the last rung ``(target,)``.
    """

    decades: tuple[float, ...] = (-1.8, -1.3, -0.8, -0.4, 0.0)
    chance: tuple[float, ...] = (0.0, 0.0, 0.25, 0.5, 0.0)
    n_questions: tuple[int, ...] = (500, 2000, 1000, 400, 200)
    n_trials: tuple[int, ...] = (10, 1, 1, 20, 100)
    rest: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    ahead: tuple[float, ...] = (0.4, 1.0)

    @property
    def mapped(self) -> bool:
        """Whether some of the questions go through the map."""
        return any(share > 0 for share in self.rest)

    @property
    def trials(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Trials of the benchmarks' groups and of their rests ``(benchmark,)``."""
        outside = np.rint(np.multiply(self.n_questions, self.rest)).astype(np.int64)
        return (np.array(self.n_questions) - outside) * self.n_trials, outside * self.n_trials


PATHS = Design()
MAPPED = Design(rest=(0.0, 0.4, 0.0, 0.3, 0.0))


@dataclass(frozen=True)
class Simulated:
    """One ladder, and the truth behind it.

    Attributes
    ----------
    evidence
        What the model is given.
    draws
        The true parameters as a single draw.
    shared
        What the benchmarks share, by its name in the posterior.
    observed
        The targets' scores ``(target, benchmark)``.
    """

    evidence: Evidence
    draws: Draws
    shared: dict[str, float]
    observed: FloatArray


def simulate(design: Design, priors: Priors, seed: int) -> Simulated:
    """Draw parameters from the priors, then a ladder's counts, then the targets' scores.

    Parameters
    ----------
    design, priors
        What to draw from; each benchmark is one group, and some have a rest that goes through the map.
    seed
        The same seed gives the same ladder.
    """
    rng = np.random.default_rng([seed, 61])
    draws, shared = prior_draw(design, priors, rng)
    owner, law = np.arange(len(design.chance), dtype=np.int32), np.full(draws.level.shape, LAW)
    rungs = range(draws.path.shape[2])
    score = np.stack([pass_rates(draws, owner, law, draws.path[:, :, rung])[0] for rung in rungs], axis=1)
    inside = design.trials[0]
    rates = evaluated(score, inside[:, None], priors, rng)
    correct = np.rint(rates * inside[:, None]).astype(np.int64)
    rest = _through_the_map(design, draws, rates, priors, rng) if design.mapped else np.zeros_like(correct)
    evidence = _evidence(design, correct, rest)
    ahead = predict(evidence, draws, np.array(design.ahead), priors, int(rng.integers(2**31)))
    return Simulated(evidence, draws, shared, ahead.observed[0])


def _through_the_map(
    design: Design, draws: Draws, rates: FloatArray, priors: Priors, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Counts of the rests given the scores of the others ``(benchmark, rung)``."""
    chance = np.array(design.chance)[:, None]
    seen = mapping.bernstein_basis(mapping.above_chance(rates, chance))
    mapped = chance + (1 - chance) * mapping.monotone(seen, _increments(draws)[0][:, None, :])
    mapped = np.clip(mapped, 1e-6, 1 - 1e-6) * priors.map_concentration
    drawn = rng.binomial(design.trials[1][:, None], rng.beta(mapped, priors.map_concentration - mapped))
    return np.asarray(drawn, dtype=np.int64)


def prior_draw(design: Design, priors: Priors, rng: np.random.Generator) -> tuple[Draws, dict[str, float]]:
    """One draw of every parameter of one family from the prior, and what its benchmarks share."""
    normal = rng.standard_normal
    decades, n = np.array(design.decades), len(design.chance)
    gaps = np.sqrt(np.diff(decades))

    def positive(name: str, sd: str = "") -> float:
        return float(np.exp(getattr(priors, name) + getattr(priors, sd or f"{name}_sd") * normal()))

    names = ("shared_walk", "shared_luck", "own_walk", "own_luck", "hazard")
    shared = {"slope_mean": positive("slope_mean", "slope_sd")} | {name: positive(name) for name in names}
    slope = shared["slope_mean"] * np.exp(priors.family_spread * normal()) * (1 + positive("slope_spread") * normal(n))
    shared["curvature"] = priors.curvature_mean + priors.curvature_sd * normal() + priors.curvature_spread * normal()
    wild = (0.0, 0.0) if design.mapped else (priors.wild_walk, priors.wild_luck)
    walk, luck = (shared[f"own_{kind}"] * np.exp(w * normal(n)) for kind, w in zip(("walk", "luck"), wild, strict=True))

    def behind(scale: FloatArray | float, size: int) -> FloatArray:
        steps = np.reshape(scale, (-1, 1)) * gaps * normal((size, len(gaps)))
        return np.concatenate([-np.cumsum(steps[:, ::-1], axis=1)[:, ::-1], np.zeros((size, 1))], axis=1)

    walked, passing = behind(shared["shared_walk"], 1), shared["shared_luck"] * normal((1, len(decades)))
    nominal = curved(decades, shared["curvature"])
    floor = _floors(design, priors, rng)
    top = floor + (1 - floor) * (1 - priors.ceiling)
    centre = priors.level_mean + (0.0 if design.mapped else priors.level_mean_sd * normal())
    level = centre + priors.level_sd * normal(n)
    persistent = level[:, None] + slope[:, None] * (nominal + walked) + behind(walk, n)
    eta = persistent + slope[:, None] * passing + luck[:, None] * normal((n, len(decades)))
    waiting = np.zeros(n, dtype=bool)
    if design.mapped:  # in that model the level is what the last rung has
        shift = level - eta[:, -1]
        eta, persistent = eta + shift[:, None], persistent + shift[:, None]
    else:
        lowered, waiting = _jumps(eta, floor, top, decades, shared["hazard"], priors, rng)
        eta, persistent = eta - lowered, persistent - lowered
    shape = rng.dirichlet(np.full(mapping.DEGREE, mapping.SHAPE_WEIGHT))
    increments = rng.dirichlet(priors.map_strength * mapping.DEGREE * shape, n)
    draws = Draws(
        level=eta[None, :, -1],
        ratio=np.ones((1, n)),
        slope=slope[None],
        floor=floor[None],
        top=top[None],
        curvature=np.array([shared["curvature"]]),
        shared_walk=np.array([shared["shared_walk"]]),
        shared_luck=np.array([shared["shared_luck"]]),
        own_walk=walk[None],
        own_luck=luck[None],
        shared_steps=np.diff(walked + passing, axis=1),
        path=(eta - eta[:, -1:])[None],
        class_probability=np.tile([1.0, 0.0, 0.0], (1, n, 1)),
        map_increments=increments[None] if design.mapped else None,
        persistent=(persistent - eta[:, -1:])[None],
        hazard=None if design.mapped else np.array([shared["hazard"]]),
        unjumped=None if design.mapped else waiting[None],
    )
    return draws, shared


def _floors(design: Design, priors: Priors, rng: np.random.Generator) -> FloatArray:
    """Floors of the benchmarks; those of paths are exactly 0 or chance as often as the prior says."""
    chance, n = np.array(design.chance), len(design.chance)
    guessed = expit(priors.floor_mean + priors.floor_sd * rng.standard_normal(n))
    known = chance * rng.beta(priors.below_chance, CHANCE_SHAPE, n)
    floor = np.where(chance > 0, known, guessed)
    if design.mapped:
        return floor
    atom = np.where(chance > 0, priors.floor_at_chance, priors.floor_at_zero)
    return np.where(rng.random(n) < atom, chance, floor)


def _jumps(
    eta: FloatArray,
    floor: FloatArray,
    top: FloatArray,
    decades: FloatArray,
    hazard: float,
    priors: Priors,
    rng: np.random.Generator,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """How far jumps lower the rungs before them ``(benchmark, rung)``, and which benchmarks have theirs to come."""
    n, rungs = eta.shape
    lowered = np.zeros((n, rungs))
    waited: FloatArray = np.asarray(rng.exponential(size=n) / hazard)
    gone = cumulated_hazard(decades[0], decades, priors.hazard_growth)
    size = np.asarray(priors.jump_mean + priors.jump_sd * rng.standard_normal(n))
    immune = np.asarray(rng.random(n) < priors.immune)
    waiting = np.zeros(n, dtype=bool)
    for b in range(n):
        before = np.arange(rungs) < np.searchsorted(gone, waited[b])
        down = np.where(before, size[b], 0.0) if not before.all() else np.zeros(rungs)
        score = floor[b] + (top[b] - floor[b]) * expit(eta[b] - down)
        last_before = int(before.sum()) - 1
        if not immune[b] and not before.all() and may_jump(float(score[last_before]), priors):
            lowered[b] = down
        elif not immune[b] and before.all():
            waiting[b] = may_jump(float(score[-1]), priors)
    return lowered, waiting


def _increments(draws: Draws) -> FloatArray:
    assert draws.map_increments is not None
    return draws.map_increments


def _evidence(design: Design, correct: NDArray[np.int64], rest: NDArray[np.int64]) -> Evidence:
    decades = np.array(design.decades)
    names = tuple(f"b{index}" for index in range(len(design.chance)))
    weights = 1 - np.array(design.rest)

    def groups(name: str, shares: FloatArray, trials: NDArray[np.int64], counts: NDArray[np.int64]) -> list[Group]:
        questions = np.rint(np.multiply(design.n_questions, shares)).astype(int)
        return [
            Group(
                names[b],
                name,
                tuple(map(str, range(questions[b]))),
                float(shares[b]),
                np.full(len(decades), trials[b]),
                counts[b],
            )
            for b in np.flatnonzero(shares > 0)
        ]

    inside, outside = design.trials
    return Evidence(
        rungs=pd.DataFrame({"model": [f"m{index}" for index in range(len(decades))], "flops": 1e20 * 10**decades}),
        decades=decades,
        benchmarks=names,
        chance=np.array(design.chance),
        groups=tuple(groups(WHOLE, weights, inside, correct)),
        rest=tuple(groups(REST, 1 - weights, outside, rest)),
        described=(),
        n_questions=np.array(design.n_questions),
        n_trials=np.array(design.n_trials, dtype=float),
        notes=(),
    )


def mapped_ranks_of(seed: int) -> Ranked:
    """`ranks_of` ladders with a rest that goes through the map."""
    return ranks_of(seed, design=MAPPED)


def ranks_of(
    seed: int, priors: Priors | None = None, sampler: SamplerSettings = SAMPLER, design: Design | None = None
) -> Ranked:
    """Simulate, fit, and rank the truth: slopes, luck, levels, floors and the scores of all targets."""
    layout, assumed = design or PATHS, priors or Priors()
    true = simulate(layout, assumed, seed)
    model = BayesianCOD(seed, priors=assumed, sampler=sampler, retry=False).fit_evidence(true.evidence)
    draws, posterior = model.draws, model.posterior["posterior"]
    ahead = predict(true.evidence, draws, np.array(layout.ahead), assumed, seed).observed
    names = {
        "mean slope": "slope_mean",
        "shared walk": "shared_walk",
        "own walk": "own_walk",
        "own luck": "own_luck",
    } | ({} if layout.mapped else {"hazard": "hazard"})
    quantities: dict[str, tuple[float, FloatArray]] = {
        label: (true.shared[name], posterior[name].to_numpy().ravel()) for label, name in names.items()
    }
    quantities["curvature"] = (true.shared["curvature"], draws.curvature)
    for b in (0, 2):
        quantities |= {
            f"slope {b}": (true.draws.slope[0, b], draws.slope[:, b]),
            f"level {b}": (true.draws.level[0, b], draws.level[:, b]),
        }
        if layout.mapped:
            quantities[f"floor {b}"] = (true.draws.floor[0, b], draws.floor[:, b])
    half = mapping.bernstein_basis(np.array(0.5))
    for b in (index for index, share in enumerate(layout.rest) if share > 0):
        at_half = [mapping.monotone(half, _increments(of)[:, b]) for of in (true.draws, draws)]
        quantities[f"map {b} at one half"] = (at_half[0][0], at_half[1])
    for t, distance in enumerate(layout.ahead):
        for b in range(len(layout.chance)):
            quantities[f"score {b}, {distance:g} decades ahead"] = (true.observed[t, b], ahead[:, t, b])
        quantities[f"mean score, {distance:g} decades ahead"] = (true.observed[t].mean(), ahead[:, t].mean(axis=1))
    return rank_all(quantities, np.random.default_rng([seed, 62])), model.gate_passed
