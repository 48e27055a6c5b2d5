"""Ladders drawn from the priors of Bayesian FLP, fitted, and the ranks of the truth: calibration by simulation.

The forecast is ranked too, so that the check covers prediction as well as sampling. What is drawn are the free
variables of the graphs; `law` and `score` make of them what they make of the sampler's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models.flp import law, score
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.posterior import furthest
from bayes_cod.models.flp.predict import Draws, Points, predict
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import BENDS, Scale
from bayes_cod.models.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]

SAMPLER = SamplerSettings(draws=500, tune=400, chains=2, target_accept=0.9, adaptation="low_rank")
REFERENCE = np.array([np.log(2.8)])
"""Log loss of the largest rung that simulated ladders are drawn around; the model is given the same."""


@dataclass(frozen=True)
class Design:
    """The ladder that is simulated.

    Attributes
    ----------
    sizes, ratios
        Parameters, and tokens per parameter, of the grid of runs.
    chance, n_questions
        Of the benchmarks ``(benchmark,)``.
    target_size, target_ratio
        The model to forecast.
    pooled, pooled_sizes
        Number of pooled families, and parameters of their runs, as many for each of `ratios`.
    """

    sizes: tuple[float, ...] = (1e8, 2e8, 4e8, 8e8)
    ratios: tuple[float, ...] = (10.0, 40.0)
    chance: tuple[float, ...] = (0.25, 0.25, 0.5, 0.0)
    n_questions: tuple[float, ...] = (1000.0, 400.0, 2000.0, 1000.0)
    target_size: float = 3e9
    target_ratio: float = 20.0
    pooled: int = 0
    pooled_sizes: tuple[float, ...] = (2e8, 8e8, 3e9)

    @property
    def target(self) -> Points:
        """The target's compute, size and tokens."""
        params, tokens = self.target_size, self.target_size * self.target_ratio
        return Points(np.array([6 * params * tokens]), np.array([params]), np.array([tokens]))


@dataclass(frozen=True)
class Simulated:
    """One ladder, and the truth behind it.

    Attributes
    ----------
    evidence, scale
        What the model is given.
    draws
        The true parameters as a single draw.
    observed
        The target's scores ``(benchmark,)``.
    """

    evidence: Evidence
    scale: Scale
    draws: Draws
    observed: FloatArray


def simulate(design: Design, priors: tuple[LossPriors, ScorePriors], seed: int) -> Simulated:
    """Draw parameters from the priors, then a ladder's losses and scores, then a target's."""
    rng = np.random.default_rng(seed)
    evidence = _layout(design)
    scale = replace(Scale.of(evidence), log_loss=REFERENCE)
    of_law = law.parameters(_free_of_law(design, priors[0], rng), priors[0], np)
    evidence = replace(evidence, log_loss=_log_losses(evidence, scale, of_law, rng))
    scale = replace(Scale.of(evidence), log_loss=REFERENCE)
    data = score.arrays(replace(evidence, score=np.zeros((len(evidence.run), len(design.chance)))), scale, priors[1])
    data["run_behind"] = data["run_behind"][: evidence.n_runs]
    of_score = score.parameters(_free_of_score(design, evidence, data, priors[1], rng), data, priors[1], np)
    mean, variance = score.expected(of_score, data, priors[1].skew, np)
    evidence = replace(evidence, score=(mean + np.sqrt(variance) * rng.standard_t(score.DEGREES, mean.shape))[0])
    draws = Draws(of_law, of_score, np.zeros(1), priors[1])
    draws = replace(draws, furthest=furthest(draws, scale, evidence))
    ahead = predict(draws, scale, design.target, evidence.n_questions, int(rng.integers(2**31)))
    return Simulated(evidence, scale, draws, ahead.observed[0, 0])


def _free_of_law(design: Design, priors: LossPriors, rng: np.random.Generator) -> dict[str, FloatArray]:
    shapes: dict[str, tuple[int, ...]] = {"level_z": (1,), "share_z": (1, 3), "exponent_z": (1, 2), "luck_z": (1,)}
    if design.pooled:
        shapes |= {"family_z": (design.pooled, 1), "bend_z": (BENDS, 1)}
    free = {name: rng.standard_normal((1, *shape)) for name, shape in shapes.items()}
    free["rise_z"] = np.abs(rng.standard_normal((1, 1)))
    free["log_scale"] = priors.scale + priors.scale_sd * rng.standard_t(law.SCALE_DEGREES, (1, 1))
    if design.pooled:
        for name in ("walk", "drift"):
            free[name] = rng.lognormal(np.log(getattr(priors, name)), priors.walk_sd, (1, 1))
    return free


def _log_losses(evidence: Evidence, scale: Scale, made: dict[str, FloatArray], rng: np.random.Generator) -> FloatArray:
    """Log losses ``(row, series)`` of a layout with one row a run."""
    data = law.arrays(evidence, scale)
    bent = scale.bent(evidence.flops)
    log_loss = law.log_loss(made, data["size"], data["tokens"], REFERENCE, bent, np)[0]
    tails = np.sqrt(law.DEGREES / rng.chisquare(law.DEGREES, log_loss.shape))
    variance = made["luck"][0] ** 2 + made["noise"][0] ** 2
    if evidence.n_pooled:
        log_loss = log_loss + made["family"][0][evidence.family]
        variance = variance + made["drift"][0] ** 2 * data["apart"][:, None]
    return np.asarray(log_loss + np.sqrt(variance) * tails * rng.standard_normal(log_loss.shape))


def _free_of_score(
    design: Design, evidence: Evidence, data: dict[str, FloatArray], p: ScorePriors, rng: np.random.Generator
) -> dict[str, FloatArray]:
    n = len(design.chance)
    shapes: dict[str, tuple[int, ...]] = {"weight_z": (2,), "floor_z": (n,), "late_z": ()}
    shapes["luck_z"] = (evidence.n_runs,)
    if design.pooled:
        shapes |= {"shift_z": (design.pooled,), "apart_z": (design.pooled, n)}
    free = {name: rng.standard_normal((1, *shape)) for name, shape in shapes.items()}
    free["log_slope"] = rng.normal(p.slope, p.slope_sd) + p.slope_spread * rng.standard_normal((1, n))
    height = p.height + p.height_sd * rng.standard_normal((1, n))
    free["at_anchor"] = height + np.exp(free["log_slope"]) * data["anchor"]
    free["dispersion"] = rng.normal(p.dispersion, p.dispersion_sd) + p.dispersion_spread * rng.standard_normal((1, n))
    free["walk_over"] = rng.lognormal(np.log(p.walk_more), p.walk_sd, 1)
    return free


def _layout(design: Design) -> Evidence:
    """Runs of a design, without losses and scores."""
    own, others = (
        pd.DataFrame(
            [(size, size * ratio, 6 * size**2 * ratio) for size in sizes for ratio in design.ratios],
            columns=["params", "tokens", "flops"],
        ).sort_values("flops", ignore_index=True)
        for sizes in (design.sizes, design.pooled_sizes)
    )
    runs = pd.concat([own, *[others] * design.pooled], ignore_index=True)
    n_run, n_benchmark = len(runs), len(design.chance)
    return Evidence(
        rungs=own.assign(model=[f"m{index}" for index in range(len(own))]),
        series=("validation",),
        benchmarks=tuple(f"b{index}" for index in range(n_benchmark)),
        chance=np.array(design.chance),
        n_questions=np.array(design.n_questions),
        run=np.arange(n_run),
        family=np.repeat(np.arange(design.pooled + 1), [len(own), *[len(others)] * design.pooled]),
        flops=runs["flops"].to_numpy(),
        params=runs["params"].to_numpy(),
        tokens=runs["tokens"].to_numpy(),
        undecayed=np.zeros(n_run),
        weight=np.ones(n_run),
        log_loss=np.zeros((n_run, 1)),
        log_loss_se=np.zeros((n_run, 1)),
        score=np.full((n_run, n_benchmark), np.nan),
    )


def ranks_of(seed: int, model: BayesianFLP | None = None, design: Design | None = None) -> Ranked:
    """Simulate, fit, and rank the truth: the law of the loss, the map and the target's scores.

    Parameters
    ----------
    seed
        Of the ladder.
    model
        Its settings are used.
    design
        See `Design`.
    """
    fitted, layout = model or BayesianFLP(seed, sampler=SAMPLER, retry=False), design or Design()
    true = simulate(layout, fitted.priors, seed)
    fitted.fit_evidence(true.evidence, true.scale)
    draws, priors = fitted.draws, fitted.priors
    ahead = predict(draws, true.scale, layout.target, true.evidence.n_questions, seed)
    quantities = {
        f"score {name}": (true.observed[b], ahead.observed[:, 0, b]) for b, name in enumerate(true.evidence.benchmarks)
    }
    quantities |= {"mean score": (true.observed.mean(), ahead.observed[:, 0].mean(axis=1))}
    for what, stage, name, index in (
        ("weight of compute", "of_score", "weight", (-1,)),
        ("own walk", "of_score", "walk", ()),
        ("slope b0", "of_score", "slope", (0,)),
        ("irreducible share", "of_law", "share", (0, 0)),
        ("exponent of size", "of_law", "exponent", (0, 0)),
    ):
        truth, drawn = (getattr(part, stage)[name][(slice(None), *index)] for part in (true.draws, draws))
        quantities[what] = (float(truth[0]), drawn)
    assert priors
    return rank_all(quantities, np.random.default_rng([seed, 71])), fitted.gate_passed


def pooled_ranks_of(seed: int) -> Ranked:
    """`ranks_of` for a ladder with two pooled families that reach the target's size."""
    return ranks_of(seed, design=Design(pooled=2))
