"""Ladders drawn from the priors of Bayesian COD, fitted, and the ranks of the truth: calibration by simulation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.evaluation.calibration import Ranked, rank_all
from bayes_cod.models import sampling
from bayes_cod.models.cod import cluster_graph as shared
from bayes_cod.models.cod.axis import Axis
from bayes_cod.models.cod.clusters import REST, Cluster
from bayes_cod.models.cod.composition import MOVED, Composition, compose
from bayes_cod.models.cod.forecaster import SAMPLER, fit_together
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import bent, score_of, seen_through_scores
from bayes_cod.models.cod.predict import Draws, evaluated, predict
from bayes_cod.models.cod.priors import Priors

type FloatArray = NDArray[np.float64]

RUNGS = np.array([-2.0, -1.5, -1.0, -0.5, 0.0])
TARGET = 0.7
BENCHMARKS, CLUSTERS, TRIALS = 6, 3, 2000


@dataclass(frozen=True)
class Truth:
    """A simulated ladder: what is looked for, by name, and of every cluster its class and pass rate ahead.

    `score_at_half` is the first benchmark's score where its predictable subset's latent one is a half; NaN where no
    cluster follows the law.
    """

    values: dict[str, float]
    kind: NDArray[np.int64]
    rate: FloatArray
    score_at_half: float


def simulate(rng: np.random.Generator, prior: Priors) -> tuple[Observations, tuple[Cluster, ...], Truth]:
    """Draw a family of benchmarks, each of three clusters and a rest, from the priors."""
    slope = np.exp(rng.normal(prior.slope_mean, prior.slope_sd))
    curvature = rng.normal(prior.curvature_mean, prior.curvature_sd)
    walk = np.exp(rng.normal(prior.walk_mean, prior.walk_sd)) * np.abs(rng.standard_normal(BENCHMARKS))
    noise = np.exp(rng.normal(prior.noise_mean, prior.noise_sd))
    x = np.append(RUNGS, TARGET)
    shared = prior.shared_walk * _walk(x, 1, rng)[:, 0]
    own = walk * _walk(x, BENCHMARKS, rng)
    level = rng.normal(prior.level_mean, prior.level_sd, BENCHMARKS)
    slopes = slope * (1 + prior.slope_spread * rng.standard_normal(BENCHMARKS))
    theta = level + slopes * (bent(x, np.array(curvature)) + shared)[:, None] + own
    seen = _observed(theta[:-1], noise, prior, rng)
    ahead = evaluated(score_of(theta[-1] + noise * rng.standard_normal(BENCHMARKS), seen.floor), seen, rng)
    values = {
        "mean slope": slope,
        "curvature": curvature,
        "passing noise": noise,
        "own walk": walk[0],
        "level": level[0],
        "slope": slopes[0],
        "latent score ahead": float(score_of(theta[-1, :1], 0.0)[0]),
        "score ahead": float(ahead[0]),
    }
    clusters, truth = _clusters(theta, seen, rng)
    return seen, clusters, replace(truth, values=values | truth.values)


def _walk(x: FloatArray, paths: int, rng: np.random.Generator) -> FloatArray:
    """Brownian paths ``(x, path)`` that are zero at the last rung, the last but one place."""
    path = np.cumsum(np.sqrt(np.diff(x, prepend=x[0]))[:, None] * rng.standard_normal((len(x), paths)), axis=0)
    return np.asarray(path - path[-2])


def _observed(theta: FloatArray, noise: float, prior: Priors, rng: np.random.Generator) -> Observations:
    rungs, benchmarks = theta.shape
    floor, n = np.zeros(benchmarks), np.full((benchmarks, rungs), TRIALS)
    axis = Axis("nominal", np.arange(rungs), RUNGS, 20 + RUNGS, None, 20.0)
    frame = pd.DataFrame({"model": [f"rung {r}" for r in range(rungs)], "flops": 10 ** (20 + RUNGS)})
    names = tuple(f"benchmark {b}" for b in range(benchmarks))
    plain = Observations("simulated", axis, frame, names, floor, n, n, n[:, 0], floor, theta.T, theta.T)
    scores = evaluated(score_of(theta + noise * rng.standard_normal(theta.shape), floor), plain, rng)
    correct = np.rint(scores.T * n).astype(np.int64)
    found, variance = seen_through_scores(correct, n, floor, prior.level_mean, prior.level_sd)
    return Observations("simulated", axis, frame, names, floor, n, correct, n[:, 0], floor, found, variance)


def _clusters(theta: FloatArray, seen: Observations, rng: np.random.Generator) -> tuple[tuple[Cluster, ...], Truth]:
    """Clusters along the true paths."""
    odds = np.exp(np.log(shared.CLASS_SHARES) + shared.CLASS_SD * rng.standard_normal(len(shared.CLASSES)))
    spread = shared.SPREAD * np.exp(shared.SPREAD_SD * rng.standard_normal())
    noise = shared.NOISE * np.exp(shared.NOISE_SD * rng.standard_normal())
    common = shared.COMMON_RATIO_SD * rng.standard_normal()
    mean = common + shared.BENCHMARK_RATIO_SD * rng.standard_normal(BENCHMARKS)
    values = {
        "law's share": odds[0] / odds.sum(),
        "ratio spread": spread,
        "cluster noise": noise,
        "mean ratio": mean[0],
    }
    clusters, kinds, levels, ratios, rates = [], [], [], [], []
    n = np.full(len(RUNGS), TRIALS // 4)
    for b, benchmark in enumerate(seen.benchmarks):
        path = theta[:, b] - theta[-2, b]
        risen = score_of(theta[-2, b], 0.0) - score_of(theta[0, b], 0.0) > MOVED
        for k in range(CLUSTERS + 1):
            kind = int(rng.choice(3, p=odds / odds.sum()))
            level, ratio = rng.normal(0, shared.LEVEL_SD), np.exp(mean[b] + spread * rng.standard_normal())
            place = level + (ratio if kind == 0 else 0.0) * path
            latent = score_of(place, 0.0)
            scatter = shared.SCATTER if kind == 2 else noise
            noisy = score_of(place + scatter * rng.standard_normal(len(place)), 0.0)
            name = REST if k == CLUSTERS else f"cluster {k + 1}"
            clusters.append(Cluster(benchmark, name, (), 1 / (CLUSTERS + 1), n, rng.binomial(n, noisy[:-1])))
            shows = kind == 0 and risen and latent[-2] - latent[0] > MOVED
            kinds.append(1 if kind == 0 and not shows else kind)
            levels.append(level)
            ratios.append(ratio)
            rates.append(latent[-1])
    classes, one = np.array(kinds), (1, len(clusters))
    exact = Composition(
        tuple(clusters),
        np.repeat(np.arange(BENCHMARKS), CLUSTERS + 1),
        np.eye(3)[classes],
        classes.reshape(one),
        np.reshape(levels, one),
        np.where(classes == 0, ratios, 0.0).reshape(one),
        np.array([noise]),
        theta[-2],
    )
    half = exact.full_of_subset(np.array([0.5]), seen.floor, rng)[0, 0, 0]
    follows = (classes[:CLUSTERS] == 0).any()
    return tuple(clusters), Truth(values, classes, np.array(rates), float(half) if follows else np.nan)


def ranks_of(seed: int) -> Ranked:
    """Simulate, fit and rank; the ranks of the first benchmark, of a cluster's pass rate ahead and of the map."""
    rng = np.random.default_rng([seed, 11])
    prior = replace(Priors(), jump_share=0.0)  # jumps are counted at the rungs, not part of what is simulated
    seen, clusters, truth = simulate(rng, prior)
    tree = fit_together([seen], prior, SAMPLER, seed)
    draws = Draws.of(tree, seen, prior, rng)
    scores = predict(draws, seen, prior, np.array([TARGET]), rng)
    composition = compose(clusters, seen, draws, SAMPLER, seed, rng)
    found = {
        "mean slope": draws.mean_slope,
        "curvature": draws.curvature,
        "passing noise": draws.noise,
        "own walk": draws.walk[:, 0],
        "level": draws.level[:, 0],
        "slope": draws.slope[:, 0],
        "latent score ahead": scores.latent[:, 0, 0],
        "score ahead": scores.observed[:, 0, 0],
        **_shared(composition),
    }
    quantities = {name: (truth.values[name], sample) for name, sample in found.items()}
    follows = np.flatnonzero(truth.kind != 2)
    rates = composition.pass_rates(scores.theta, seen.floor, rng)
    if len(follows):
        quantities["pass rate of a cluster ahead"] = (truth.rate[follows[0]], rates[:, 0, follows[0]])
    if np.isfinite(truth.score_at_half):
        half = composition.full_of_subset(np.array([0.5]), seen.floor, rng)[:, 0, 0]
        quantities["score where the subset is at a half"] = (truth.score_at_half, half)
    gate = sampling.gate(sampling.by_label("latent score", seen.benchmarks, ["target"], scores.latent, tree), tree)
    return {**rank_all(quantities, rng), **_classes(composition, truth, rng)}, gate.passed


def _shared(composition: Composition) -> dict[str, FloatArray]:
    """Draws of what clusters share."""
    assert composition.tree is not None
    posterior = composition.tree["posterior"].to_dataset()
    return {
        "law's share": posterior["class_shares"].values[..., 0].ravel(),
        "ratio spread": posterior["ratio_spread"].values.ravel(),
        "cluster noise": posterior["cluster_noise"].values.ravel(),
        "mean ratio": posterior["mean_log_ratio"].values[..., 0].ravel(),
    }


def _classes(composition: Composition, truth: Truth, rng: np.random.Generator) -> dict[str, float]:
    """A calibrated probability makes this uniform: below p where the first cluster follows the law, above otherwise."""
    law = bool(truth.kind[0] == 0)
    p = float(composition.probability[0, 0])
    return {"follows the law": float(p * rng.random() if law else p + (1 - p) * rng.random())}
