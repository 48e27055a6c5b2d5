"""A fit of Bayesian COD made by hand: evidence, a posterior and its draws, without sampling."""

from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.models.cod.grouping import Evidence, Group
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.cod.priors import Priors

RUNGS = np.array([-1.2, -0.8, -0.3, 0.0])
TRIALS = 1000
BENCHMARKS = ("open", "choice")
CHANCE = np.array([np.nan, 0.25])
PADDED = (5, 8)  # series, rungs


def evidence(correct: np.ndarray | None = None) -> Evidence:
    """Two benchmarks of one group each; `correct` (benchmark, rung) counts of 1000 trials."""
    counts = np.array([[100, 200, 400, 500], [300, 350, 420, 500]]) if correct is None else correct
    trials = np.full(len(RUNGS), TRIALS)
    groups = tuple(
        Group(name, "all", tuple(f"{name}-{i}" for i in range(100)), 1.0, trials, row)
        for name, row in zip(BENCHMARKS, counts, strict=True)
    )
    return Evidence(
        rungs=pd.DataFrame({"model": ["a", "b", "c", "d"], "flops": 1e20 * 10.0**RUNGS}),
        decades=RUNGS,
        benchmarks=BENCHMARKS,
        chance=CHANCE,
        groups=groups,
        rest=(),
        described=(),
        n_questions=np.array([100, 100]),
        n_trials=np.array([10.0, 10.0]),
        notes=(),
    )


def posterior(chains: int = 4, draws: int = 500, families: int = 1, seed: int = 0) -> xr.Dataset:
    """Draws about as wide as the priors, padded as the graph pads them."""
    rng = np.random.default_rng(seed)
    priors = Priors()
    size, series, rungs = (chains, draws), *PADDED

    def lognormal(mean: float, sd: float, *shape: int) -> np.ndarray:
        return np.exp(rng.normal(mean, sd, (*size, *shape)))

    floor = np.full((*size, series), 0.02) * lognormal(0, 0.3, series)
    floor[..., 1] = 0.25 * rng.beta(priors.below_chance, 1.2, size)
    slope = rng.normal(0.8, 0.2, (*size, series))
    path = slope[..., None] * np.concatenate([np.full(rungs - len(RUNGS), RUNGS[0]), RUNGS])
    values = {
        "slope_mean": lognormal(priors.slope_mean, priors.slope_sd),
        "family_z": rng.standard_normal((*size, families)),
        "slope_spread": lognormal(priors.slope_spread, priors.slope_spread_sd),
        "curvature": rng.normal(priors.curvature_mean, priors.curvature_sd, (*size, families)),
        "family_walk": lognormal(priors.shared_walk, priors.shared_walk_sd, families),
        "own_walk": lognormal(priors.own_walk, 0.3),
        "shared_luck": lognormal(priors.shared_luck, priors.shared_luck_sd),
        "own_luck": lognormal(priors.own_luck, priors.own_luck_sd),
        "slope": slope,
        "level": rng.normal(0.2, 0.05, (*size, series)),
        "floor": floor,
        "top": floor + (1 - floor) * (1 - priors.ceiling),
        "shared_steps": rng.normal(0, 0.05, (*size, families, rungs - 1)),
        "path": path - path[..., -1:],
    }
    return xr.Dataset(
        {
            name: (("chain", "draw", *(f"{name}_{i}" for i in range(array.ndim - 2))), array)
            for name, array in values.items()
        }
    )


def fit(chains: int = 4, draws: int = 500, families: int = 1) -> tuple[Evidence, xr.Dataset, Draws]:
    """Evidence, posterior and draws of one fit."""
    seen, made = evidence(), posterior(chains, draws, families)
    return seen, made, Draws.of(made, seen)


def with_counts(seen: Evidence, correct: np.ndarray) -> Evidence:
    """The same evidence with other counts ``(benchmark, rung)``."""
    groups = tuple(replace(g, n_correct=row) for g, row in zip(seen.groups, correct, strict=True))
    return replace(seen, groups=groups)
