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
from bayes_cod.models.flp import forecaster, law, loss, score
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.likelihood import DEGREES
from bayes_cod.models.flp.predict import Draws, Points, predict
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import BENDS, Scale

type FloatArray = NDArray[np.float64]

SAMPLER = replace(forecaster.SAMPLER, target_accept=0.95)
"""What the forecaster takes, more carefully, as no fit is tried twice: the gate passes on nearly all ladders."""
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
    of_losses = loss.parameters(_free_of_losses(design, priors[0], rng), priors[0], np)
    evidence = replace(evidence, log_loss=_log_losses(evidence, scale, of_losses, rng))
    scale = replace(Scale.of(evidence), log_loss=REFERENCE)
    data = score.arrays(replace(evidence, score=np.zeros((len(evidence.run), len(design.chance)))), scale, priors[1])
    data |= {name: data[name][: evidence.n_runs] for name in score.PER_RUN}
    free = _free_of_scores(design, evidence, data, priors[1], rng)
    of_scores = score.parameters(free, data, priors[1], np)
    mean, variance = score.expected(of_scores, data, priors[1].skew, np)
    evidence = replace(evidence, score=(mean + np.sqrt(variance) * rng.standard_t(DEGREES, mean.shape))[0])
    draws = Draws(of_losses, of_scores, of_scores["reached"][:, : evidence.n_rungs].max(axis=1), priors[1])
    ahead = predict(draws, scale, design.target, evidence.n_questions, int(rng.integers(2**31)))
    return Simulated(evidence, scale, draws, ahead.observed[0, 0])


def _free_of_losses(design: Design, priors: LossPriors, rng: np.random.Generator) -> dict[str, FloatArray]:
    """The loss stage's free variables but for the runs' luck, with an axis ``sample`` of one."""
    shapes: dict[str, tuple[int, ...]] = {"level_z": (1,), "share_z": (1, 3), "exponent_z": (1, 2)}
    if design.pooled:
        shapes |= {"family_z": (design.pooled, 1), "bend_z": (BENDS, 1)}
    free = {name: rng.standard_normal((1, *shape)) for name, shape in shapes.items()}
    free["rise_z"] = np.abs(rng.standard_normal((1, 1)))
    for name in ("log_luck", "log_noise"):
        free[name] = priors.scale + priors.scale_sd * rng.standard_t(law.SCALE_DEGREES, (1, 1))
    if design.pooled:
        for name in ("walk", "drift"):
            free[name] = rng.lognormal(np.log(getattr(priors, name)), priors.walk_sd, (1, 1))
    return free


def _log_losses(evidence: Evidence, scale: Scale, made: dict[str, FloatArray], rng: np.random.Generator) -> FloatArray:
    """Log losses ``(row, series)`` of a layout with one row a run."""
    mean, variance = (part[0] for part in loss.at_rows(made, loss.arrays(evidence, scale), np))
    luck = made["luck"][0] * rng.standard_normal((evidence.n_runs, 1))
    return np.asarray(mean + luck + np.sqrt(variance) * rng.standard_t(law.DEGREES, mean.shape))


def _free_of_scores(
    design: Design, evidence: Evidence, data: dict[str, FloatArray], p: ScorePriors, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """The score stage's free variables, with an axis ``sample`` of one."""
    n = len(design.chance)
    shapes: dict[str, tuple[int, ...]] = {"weight_z": (2,), "floor_z": (n,), "late_z": ()}
    if design.pooled:
        shapes |= {"shift_z": (design.pooled,), "apart_z": (design.pooled, n)}
    free = {name: rng.standard_normal((1, *shape)) for name, shape in shapes.items()}
    expected = score.expected_progress(score.parts_of_progress(free, data, p, np), data)[:, data["last"]]
    reached = expected + score.off_by(data, p, np) * rng.standard_normal(expected.shape)
    free["moved"] = (reached - data["start"]) / score.RUN_UNIT
    of_one, _ = score.slope_and_shift(np.zeros((1, 1)), reached, data, np)
    free["log_slope"] = rng.normal(p.slope, p.slope_sd) + p.slope_spread * rng.standard_normal((1, n)) - np.log(of_one)
    _, shift = score.slope_and_shift(free["log_slope"], reached, data, np)
    free["at_anchor"] = p.height + p.height_sd * rng.standard_normal((1, n)) + shift
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
        unanswered=np.ones(n_benchmark),
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
