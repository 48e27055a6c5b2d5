"""Ladders drawn from the priors of Bayesian COD, fitted, and the ranks of the truth: calibration by simulation.

The forecast is ranked too, so that the check covers prediction as well as sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.graph import LAW
from bayes_cod.models.cod.grouping import REST, WHOLE, Evidence, Group
from bayes_cod.models.cod.predict import Draws, evaluated, pass_rates, predict
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors
from bayes_cod.sampling import SamplerSettings

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
    rest: tuple[float, ...] = (0.0, 0.4, 0.0, 0.3, 0.0)
    ahead: tuple[float, ...] = (0.4, 1.0)

    @property
    def trials(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Trials of the benchmarks' groups and of their rests ``(benchmark,)``."""
        outside = np.rint(np.multiply(self.n_questions, self.rest)).astype(np.int64)
        return (np.array(self.n_questions) - outside) * self.n_trials, outside * self.n_trials


@dataclass(frozen=True)
class Simulated:
    """One ladder, and the truth behind it.

    Attributes
    ----------
    evidence
        What the model is given.
    draws
        The true parameters as a single draw.
    slope_mean
        The benchmarks' mean slope before the family's own part.
    observed
        The targets' scores ``(target, benchmark)``.
    """

    evidence: Evidence
    draws: Draws
    slope_mean: float
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
    draws, slope_mean = prior_draw(design, priors, rng)
    owner, law = np.arange(len(design.chance), dtype=np.int32), np.full(draws.level.shape, LAW)
    rungs = range(draws.path.shape[2])
    score = np.stack([pass_rates(draws, owner, law, draws.path[:, :, rung])[0] for rung in rungs], axis=1)
    inside, outside = design.trials
    rates = evaluated(score, inside[:, None], priors, rng)
    correct = np.rint(rates * inside[:, None]).astype(np.int64)
    chance = np.array(design.chance)[:, None]
    seen = mapping.bernstein_basis(mapping.above_chance(rates, chance))
    mapped = chance + (1 - chance) * mapping.monotone(seen, _increments(draws)[0][:, None, :])
    mapped = np.clip(mapped, 1e-6, 1 - 1e-6) * priors.map_concentration
    rest = rng.binomial(outside[:, None], rng.beta(mapped, priors.map_concentration - mapped))
    evidence = _evidence(design, correct, rest)
    ahead = predict(evidence, draws, np.array(design.ahead), priors, int(rng.integers(2**31)))
    return Simulated(evidence, draws, slope_mean, ahead.observed[0])


def prior_draw(design: Design, priors: Priors, rng: np.random.Generator) -> tuple[Draws, float]:
    """One draw of every parameter of one family from the prior, and the mean slope behind the family's."""
    normal = rng.standard_normal
    decades, n = np.array(design.decades), len(design.chance)
    gaps = np.diff(decades)

    def positive(name: str) -> float:
        return float(np.exp(getattr(priors, name) + getattr(priors, f"{name}_sd") * normal()))

    slope_mean = float(np.exp(priors.slope_mean + priors.slope_sd * normal()))
    spread = positive("slope_spread")
    slope = slope_mean * np.exp(priors.family_spread * normal()) + spread * normal(n)
    curvature = priors.curvature_mean + priors.curvature_sd * normal() + priors.curvature_spread * normal()
    scales = {name: positive(name) for name in ("shared_walk", "shared_luck", "own_walk", "own_luck")}
    shared, own = (
        scales[f"{kind}_walk"] * np.sqrt(gaps) * normal((size, len(gaps)))
        + scales[f"{kind}_luck"] * np.diff(normal((size, len(decades))), axis=1)
        for kind, size in (("shared", 1), ("own", n))
    )
    steps = slope[:, None] * (np.diff(curved(decades, curvature)) + shared) + own
    path = np.concatenate([np.zeros((n, 1)), np.cumsum(steps, axis=1)], axis=1)
    chance = np.array(design.chance)
    guessed = 1 / (1 + np.exp(-(priors.floor_mean + priors.floor_sd * normal(n))))
    kept = rng.beta(priors.below_chance, CHANCE_SHAPE, n)
    floor = np.where(chance > 0, chance * kept, guessed)
    level = priors.level_mean + priors.level_sd * normal(n)
    shape = rng.dirichlet(np.full(mapping.DEGREE, mapping.SHAPE_WEIGHT))
    increments = rng.dirichlet(priors.map_strength * mapping.DEGREE * shape, n)
    draws = Draws(
        level=level[None],
        ratio=np.ones((1, n)),
        slope=slope[None],
        floor=floor[None],
        top=(floor + (1 - floor) * (1 - priors.ceiling))[None],
        curvature=np.array([curvature]),
        shared_steps=shared,
        path=(path - path[:, -1:])[None],
        class_probability=np.tile([1.0, 0.0, 0.0], (1, n, 1)),
        map_increments=increments[None],
        **{name: np.array([scale]) for name, scale in scales.items()},
    )
    return draws, slope_mean


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


def ranks_of(
    seed: int, priors: Priors | None = None, sampler: SamplerSettings = SAMPLER, design: Design | None = None
) -> Ranked:
    """Simulate, fit, and rank the truth: slopes, luck, levels, floors and the scores of all targets."""
    layout, assumed = design or Design(), priors or Priors()
    true = simulate(layout, assumed, seed)
    model = BayesianCOD(seed, priors=assumed, sampler=sampler, retry=False).fit_evidence(true.evidence)
    draws, posterior = model.draws, model.posterior["posterior"]
    ahead = predict(true.evidence, draws, np.array(layout.ahead), assumed, seed).observed
    quantities: dict[str, tuple[float, FloatArray]] = {
        "mean slope": (true.slope_mean, posterior["slope_mean"].to_numpy().ravel()),
        "curvature": (true.draws.curvature[0], draws.curvature),
        "shared walk": (true.draws.shared_walk[0], draws.shared_walk),
        "own walk": (true.draws.own_walk[0], draws.own_walk),
        "own luck": (true.draws.own_luck[0], draws.own_luck),
    }
    for b in (0, 2):
        quantities |= {
            f"slope {b}": (true.draws.slope[0, b], draws.slope[:, b]),
            f"level {b}": (true.draws.level[0, b], draws.level[:, b]),
            f"floor {b}": (true.draws.floor[0, b], draws.floor[:, b]),
        }
    half = mapping.bernstein_basis(np.array(0.5))
    for b in (index for index, share in enumerate(layout.rest) if share > 0):
        at_half = [mapping.monotone(half, _increments(of)[:, b]) for of in (true.draws, draws)]
        quantities[f"map {b} at one half"] = (at_half[0][0], at_half[1])
    for t, distance in enumerate(layout.ahead):
        for b in range(len(layout.chance)):
            quantities[f"score {b}, {distance:g} decades ahead"] = (true.observed[t, b], ahead[:, t, b])
        quantities[f"mean score, {distance:g} decades ahead"] = (true.observed[t].mean(), ahead[:, t].mean(axis=1))
    return rank_all(quantities, np.random.default_rng([seed, 62])), model.gate_passed
