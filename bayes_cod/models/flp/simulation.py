"""Ladders drawn from the priors of Bayesian FLP, fitted, and the ranks of the truth: calibration by simulation.

The forecast is ranked too, so that the check covers prediction as well as sampling.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.graph import OPEN_FLOOR, SCALE_DEGREES, floor_of, top_of
from bayes_cod.models.flp.noise import TAIL_DEGREES, mean_and_variance
from bayes_cod.models.flp.predict import Draws, Points, predict
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]

SAMPLER = SamplerSettings(draws=250, tune=300, chains=2, target_accept=0.9)
REFERENCE = np.array([np.log(2.8)])
"""Log loss of the largest rung that simulated ladders are drawn around; the model is told the same."""


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


def simulate(design: Design, priors: Priors, skew: float, seed: int) -> Simulated:
    """Draw parameters from the priors, then a ladder's losses and scores, then a target's.

    Parameters
    ----------
    design, priors
        What to draw from.
    skew
        Shape of the map.
    seed
        The same seed gives the same ladder.
    """
    rng = np.random.default_rng(seed)
    evidence = _layout(design)
    n_row, n_benchmark = len(evidence.run), len(design.chance)
    placed = Scale.of(evidence)
    noise = np.exp(priors.loss_noise + priors.loss_noise_sd * rng.standard_t(SCALE_DEGREES, 2))
    share = rng.dirichlet([priors.share_irreducible, priors.share_size, priors.share_tokens])
    exponent = rng.normal(priors.exponent, priors.exponent_sd, 2)
    level = rng.standard_normal()
    size, tokens = placed.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    law = laws.params_tokens_loss(
        np.exp(size), np.exp(tokens), share[0], share[1], np.exp(exponent[0]), share[2], np.exp(exponent[1])
    )
    log_loss = REFERENCE[0] + priors.level_sd * level + np.log(law) + noise[0] * rng.standard_normal(n_row)
    walk, drift = (
        float(rng.lognormal(of, priors.loss_walk_sd)) if design.pooled else 0.0
        for of in (priors.loss_walk, priors.loss_drift)
    )
    bent = placed.bent(evidence.flops)
    bends = walk * rng.standard_normal((bent.shape[1],))
    of_family = _of_families(priors.family_loss, (design.pooled,), rng)
    log_loss = log_loss + bent @ bends + of_family[evidence.family]
    apart = np.abs(placed.decades(evidence.flops)) * (evidence.family > 0)
    log_loss = log_loss + np.sqrt(noise[1] ** 2 + drift**2 * apart) * rng.standard_t(TAIL_DEGREES, n_row)
    evidence = replace(evidence, log_loss=log_loss[:, None])
    scale = replace(Scale.of(evidence), log_loss=REFERENCE)
    weight = rng.dirichlet([priors.weight_loss, priors.weight_compute])
    luck_scale = priors.luck + float(rng.gamma(priors.luck_shape, priors.luck_more / priors.luck_shape))
    behind = scale.behind(evidence.log_loss, evidence.flops, evidence.family)
    shared_walk = priors.shared_walk + float(rng.lognormal(priors.shared_walk_more, priors.shared_walk_sd))
    own_walk = priors.own_walk + float(rng.lognormal(priors.own_walk_more, priors.own_walk_sd))
    off_by = np.sqrt(luck_scale**2 + shared_walk**2 * behind)
    apart_by = float(rng.lognormal(priors.family_height, priors.family_height_spread))
    shifts = _of_families(priors.family_shift, (design.pooled,), rng)
    heights = _of_families(apart_by, (design.pooled, n_benchmark), rng)
    expected = scale.progress(evidence.log_loss, evidence.flops) @ weight + shifts[evidence.family]
    reached = expected + off_by * rng.standard_normal(n_row)
    spread = float(np.exp(rng.normal(priors.spread, priors.spread_sd)))
    slope_mean = rng.normal(priors.slope, priors.slope_sd)
    floor = floor_of(
        rng.standard_normal(n_benchmark), evidence.chance, evidence.chance < OPEN_FLOOR, asdict(priors), np
    )
    kind = rng.choice(len(priors.shares), n_benchmark, p=priors.shares)
    dispersion_mean = rng.normal(priors.dispersion, priors.dispersion_sd)
    draws = Draws(
        loss_level=np.array([[level]]),
        undecayed_loss=np.zeros((1, 1)),
        loss_luck=noise[None, :1],
        loss_noise=noise[None, 1:],
        loss_share=share[None, None],
        log_exponent=exponent[None, None],
        loss_bends=bends[None, :, None],
        loss_walk=np.array([[walk]]),
        loss_drift=np.array([[drift]]),
        weight=weight[None],
        height=_height(n_benchmark, priors, skew, rng)[None],
        log_slope=slope_mean + spread * rng.standard_normal((1, n_benchmark)),
        floor=floor[None],
        top=top_of(floor, priors.ceilings[kind])[None],
        dispersion=dispersion_mean + priors.dispersion_spread * rng.standard_normal((1, n_benchmark)),
        skew=np.array([skew]),
        score_luck=np.array([luck_scale]),
        shared_walk=np.array([shared_walk]),
        own_walk=np.array([own_walk]),
        furthest=np.array([reached[: evidence.n_rungs].max()]),
    )
    own = heights[evidence.family]
    dispersed = np.exp(draws.dispersion) / np.sqrt(evidence.n_questions)
    eta = draws.height + np.exp(draws.log_slope) * reached[:, None] + own
    walked, least = own_walk * np.sqrt(behind)[:, None], 0.5 / evidence.n_questions
    mean, variance = mean_and_variance(eta, draws.floor, draws.top, dispersed, least, walked, skew, np)
    score = mean + np.sqrt(variance) * rng.standard_t(TAIL_DEGREES, mean.shape)
    evidence = replace(evidence, score=score)
    ahead = predict(evidence, draws, scale, priors, design.target, int(rng.integers(2**31)))
    return Simulated(evidence, scale, draws, ahead.observed[0, 0])


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


def _of_families(sd: float, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """What sets families apart ``(family, ...)``; nothing for the ladder itself, which comes first."""
    return np.concatenate([np.zeros((1, *shape[1:])), sd * rng.standard_normal(shape)])


def _height(n: int, priors: Priors, skew: float, rng: np.random.Generator) -> FloatArray:
    """Heights from both pieces of their prior."""
    above, below = priors.height_sd, priors.height_sd_below * np.sqrt(skew)
    low = rng.random(n) < below / (above + below)
    return np.asarray(priors.height_mean + np.abs(rng.standard_normal(n)) * np.where(low, -below, above))


def ranks_of(seed: int, model: BayesianFLP | None = None, design: Design | None = None) -> Ranked:
    """Simulate, fit, and rank the truth: the law of the loss, the map, luck and the target's scores.

    Parameters
    ----------
    seed
        Of the ladder.
    model
        With one form; its settings are used.
    design
        See `Design`.
    """
    fitted = model or BayesianFLP(seed, sampler=SAMPLER, forms={"logistic": 1.0}, retry=False)
    (skew,) = fitted.forms.values()
    layout = design or Design()
    true = simulate(layout, fitted.priors, skew, seed)
    fitted.fit_evidence(true.evidence, true.scale)
    draws = fitted.draws
    ahead = predict(true.evidence, draws, true.scale, fitted.priors, layout.target, seed)
    quantities = {
        f"score {name}": (true.observed[b], ahead.observed[:, 0, b]) for b, name in enumerate(true.evidence.benchmarks)
    }
    quantities |= {
        "mean score": (true.observed.mean(), ahead.observed[:, 0].mean(axis=1)),
        "weight of compute": (true.draws.weight[0, -1], draws.weight[:, -1]),
        "luck of a run": (true.draws.score_luck[0], draws.score_luck),
        "slope b0": (true.draws.log_slope[0, 0], draws.log_slope[:, 0]),
        "irreducible share": (true.draws.loss_share[0, 0, 0], draws.loss_share[:, 0, 0]),
        "exponent of size": (true.draws.log_exponent[0, 0, 0], draws.log_exponent[:, 0, 0]),
    }
    return rank_all(quantities, np.random.default_rng([seed, 71])), fitted.gate_passed


def pooled_ranks_of(seed: int) -> Ranked:
    """`ranks_of` for a ladder with two pooled families that reach the target's size."""
    return ranks_of(seed, design=Design(pooled=2))
