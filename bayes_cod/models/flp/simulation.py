"""Calibration by simulation: ladders drawn from the priors of Bayesian FLP, fitted, and the ranks of the truth.

A forecast is part of what is ranked, so the check covers prediction as well as sampling.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.evaluation.calibration import rank
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.graph import OPEN_FLOOR, SLOPE_DEGREES, TAIL_DEGREES
from bayes_cod.models.flp.predict import Draws, Points, predict, score_curve
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]

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
    """

    sizes: tuple[float, ...] = (1e8, 2e8, 4e8, 8e8)
    ratios: tuple[float, ...] = (10.0, 40.0)
    chance: tuple[float, ...] = (0.25, 0.25, 0.5, 0.0)
    n_questions: tuple[float, ...] = (1000.0, 400.0, 2000.0, 1000.0)
    target_size: float = 3e9
    target_ratio: float = 20.0

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
    grid = pd.DataFrame(
        [(size, size * ratio, 6 * size**2 * ratio) for size in design.sizes for ratio in design.ratios],
        columns=["params", "tokens", "flops"],
    ).sort_values("flops", ignore_index=True)
    grid.insert(0, "model", [f"m{index}" for index in range(len(grid))])
    n_run, n_benchmark = len(grid), len(design.chance)
    noise = np.exp(rng.normal(priors.loss_noise, priors.loss_noise_sd, 2))
    share = rng.dirichlet([priors.share_irreducible, priors.share_size, priors.share_tokens])
    exponent = rng.normal(priors.exponent, priors.exponent_sd, 2)
    level = rng.standard_normal()
    size, tokens = (np.log(grid[name] / grid[name].iloc[-1]).to_numpy() for name in ("params", "tokens"))
    law = laws.params_tokens_loss(
        np.exp(size), np.exp(tokens), share[0], share[1], np.exp(exponent[0]), share[2], np.exp(exponent[1])
    )
    log_loss = REFERENCE[0] + priors.level_sd * level + np.log(law) + noise[0] * rng.standard_normal(n_run)
    log_loss = log_loss + noise[1] * rng.standard_t(TAIL_DEGREES, n_run)
    evidence = Evidence(
        rungs=grid,
        series=("validation",),
        benchmarks=tuple(f"b{index}" for index in range(n_benchmark)),
        chance=np.array(design.chance),
        n_questions=np.array(design.n_questions),
        run=np.arange(n_run),
        flops=grid["flops"].to_numpy(),
        params=grid["params"].to_numpy(),
        tokens=grid["tokens"].to_numpy(),
        undecayed=np.zeros(n_run),
        weight=np.ones(n_run),
        log_loss=log_loss[:, None],
        log_loss_se=np.zeros((n_run, 1)),
        score=np.full((n_run, n_benchmark), np.nan),
    )
    scale = replace(Scale.of(evidence), log_loss=REFERENCE)
    weight = rng.dirichlet([priors.weight_loss, priors.weight_compute])
    luck_scale = float(np.exp(rng.normal(priors.luck, priors.luck_sd)))
    reached = scale.progress(evidence.log_loss, evidence.flops) @ weight + luck_scale * rng.standard_normal(n_run)
    spread = float(np.exp(rng.normal(priors.spread, priors.spread_sd)))
    slope_mean = rng.normal(priors.slope, priors.slope_sd)
    floor_sd = np.where(evidence.chance < OPEN_FLOOR, priors.open_floor_sd, priors.floor_sd)
    floor = np.maximum(evidence.chance, OPEN_FLOOR) * np.exp(floor_sd * rng.standard_normal(n_benchmark))
    dispersion_mean = rng.normal(priors.dispersion, priors.dispersion_sd)
    draws = Draws(
        loss_level=np.array([[level]]),
        undecayed_loss=np.zeros((1, 1)),
        loss_luck=noise[None, :1],
        loss_noise=noise[None, 1:],
        loss_share=share[None, None],
        log_exponent=exponent[None, None],
        weight=weight[None],
        height=rng.normal(priors.height_mean, priors.height_sd, (1, n_benchmark)),
        log_slope=slope_mean + spread * rng.standard_t(SLOPE_DEGREES, (1, n_benchmark)),
        floor=floor[None],
        top=(floor + (1 - floor) * (1 - priors.ceiling))[None],
        dispersion=dispersion_mean + priors.dispersion_spread * rng.standard_normal((1, n_benchmark)),
        skew=np.array([skew]),
        score_luck=np.array([luck_scale]),
        furthest=np.array([reached.max()]),
    )
    mean = score_curve(draws, reached[None])[0]
    variance = np.maximum(mean * (1 - mean), 0.5 / evidence.n_questions) / evidence.n_questions
    scatter = np.exp(draws.dispersion) * np.sqrt(variance)
    score = mean + scatter * rng.standard_t(TAIL_DEGREES, mean.shape)
    evidence = replace(evidence, score=score)
    ahead = predict(evidence, draws, scale, priors, design.target, int(rng.integers(2**31)))
    return Simulated(evidence, scale, draws, ahead.observed[0, 0])


def calibrate(
    model: BayesianFLP, n: int, seed: int, design: Design | None = None, progress: Callable[[int], None] | None = None
) -> pd.DataFrame:
    """Fit simulated ladders and rank the truth.

    Parameters
    ----------
    model
        With one form; its settings are used, and it is fitted again and again.
    n
        Ladders.
    seed
        Seed of the ladders.
    design
        See `Design`.
    progress
        Called with the number of ladders done.

    Returns
    -------
    pandas.DataFrame
        ladder, quantity, rank (share of draws below the truth, ties split at random; uniform if calibrated), passed
        (the convergence gate).
    """
    (skew,) = model.forms.values()
    layout = design or Design()
    rng = np.random.default_rng([seed, 1])
    rows = []
    for index in range(n):
        true = simulate(layout, model.priors, skew, int(np.random.SeedSequence([seed, index]).generate_state(1)[0]))
        model.fit_evidence(true.evidence, true.scale)
        draws = model.draws
        ahead = predict(true.evidence, draws, true.scale, model.priors, layout.target, index)
        found = {
            f"score {name}": (ahead.observed[:, 0, b], true.observed[b])
            for b, name in enumerate(true.evidence.benchmarks)
        }
        found |= {
            "weight of compute": (draws.weight[:, -1], true.draws.weight[0, -1]),
            "luck of a run": (draws.score_luck, true.draws.score_luck[0]),
            "slope b0": (draws.log_slope[:, 0], true.draws.log_slope[0, 0]),
            "irreducible share": (draws.loss_share[:, 0, 0], true.draws.loss_share[0, 0, 0]),
            "exponent of size": (draws.log_exponent[:, 0, 0], true.draws.log_exponent[0, 0, 0]),
        }
        for quantity, (sample, truth) in found.items():
            rows.append((index, quantity, rank(float(truth), sample, rng), model.gate_passed))
        if progress is not None:
            progress(index + 1)
    return pd.DataFrame(rows, columns=["ladder", "quantity", "rank", "passed"])


def summarise_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Coverage and uniformity of the ranks.

    Returns
    -------
    pandas.DataFrame
        quantity, n, covered_50, covered_90, p_uniform (Kolmogorov and Smirnov's test; ladders are independent).
    """
    from scipy.stats import kstest

    rows = []
    for quantity, own in ranks.groupby("quantity", sort=False)["rank"]:
        inside = (own - 0.5).abs()
        p = float(kstest(own, "uniform").pvalue)
        rows.append((quantity, len(own), float((inside <= 0.25).mean()), float((inside <= 0.45).mean()), p))
    return pd.DataFrame(rows, columns=["quantity", "n", "covered_50", "covered_90", "p_uniform"])
