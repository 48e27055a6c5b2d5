"""Whether what was seen at the rungs is what Bayesian COD would have expected there.

Two replicates of every rung's score. *fit*: the rung evaluated once more, given its place on the path. The path takes
up all but a point, so this finds evaluations that the model's noise or link can't hold, and little else. *step*: the
rung trained and evaluated once more, given everything up to the rung before it: its luck is drawn anew and continues
the walks, exactly as a forecast continues them beyond the last rung. This finds growth that the law and its luck did
not expect. Slopes and scales of luck have seen the rung itself in both, so the check is somewhat lenient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.models.cod.arrays import observed_rates, total_rates
from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.graph import LAW
from bayes_cod.models.cod.grouping import Evidence
from bayes_cod.models.cod.predict import Draws, evaluated, jumps_ahead, pass_rates, persistent_path
from bayes_cod.models.cod.priors import Priors
from bayes_cod.scoring.proper import pit

type FloatArray = NDArray[np.float64]

KINDS = ("fit", "step")
ENOUGH_DRAWS = 3000  # resolve a probability of 1 in 3000


@dataclass(frozen=True)
class Seen:
    """Scores at the rungs as the model sees them, those of the groups with a law together.

    Attributes
    ----------
    rate, sd
        Score and its standard deviation in the likelihood ``(benchmark, rung)``, fractions.
    trials
        Trials behind it ``(benchmark, rung)``; 0 where a rung was not evaluated.
    mix
        Weight of each group in its benchmark ``(benchmark, group)``; rows sum to 1.
    """

    rate: FloatArray
    sd: FloatArray
    trials: FloatArray
    mix: FloatArray

    @classmethod
    def of(cls, evidence: Evidence, priors: Priors) -> Seen:
        """From a ladder's evidence."""
        groups = evidence.groups
        mix = np.zeros((len(evidence.benchmarks), len(groups)))
        mix[evidence.benchmark_index(groups), np.arange(len(groups))] = [group.weight for group in groups]
        mix /= mix.sum(axis=1, keepdims=True)
        trials, correct = (
            np.stack([np.asarray(getattr(group, name), dtype=float) for group in groups])
            for name in ("n_trials", "n_correct")
        )
        rate, _ = observed_rates(trials, correct, priors.cluster_concentration)
        total, score, sd = total_rates(rate, trials, mix, priors.whole_concentration)
        return cls(score, sd, total, mix)


def score_at(evidence: Evidence, draws: Draws, mix: FloatArray, growth: FloatArray) -> FloatArray:
    """Scores of benchmarks that have grown by `growth` on eta since the last rung, both ``(sample, benchmark)``."""
    owner = evidence.benchmark_index(evidence.groups)
    rates = pass_rates(draws, owner, np.full(draws.level.shape, LAW), growth)
    return np.asarray(rates @ mix.T)


def log_likelihood(evidence: Evidence, draws: Draws, priors: Priors) -> FloatArray:
    """Log likelihood of each benchmark's scores at the rungs, but for a constant ``(sample, benchmark)``."""
    seen = Seen.of(evidence, priors)
    found = np.zeros((len(draws), len(evidence.benchmarks)))
    for rung in range(len(evidence.decades)):
        mean = score_at(evidence, draws, seen.mix, draws.path[:, :, rung])
        missed = (seen.rate[:, rung] - mean) / seen.sd[:, rung]
        found -= 0.5 * missed**2 * (seen.trials[:, rung] > 0)
    return found


def replicate(
    evidence: Evidence, draws: Draws, priors: Priors, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Scores that the rungs would have had in another evaluation, and in another training.

    Parameters
    ----------
    evidence, draws, priors
        A fit.
    rng
        Source of luck and noise.

    Returns
    -------
    tuple of arrays
        *fit* ``(sample, rung, benchmark)`` and *step*, the same without the first rung.
    """
    seen = Seen.of(evidence, priors)
    steps = _steps(evidence, draws, priors, rng)
    counted = np.maximum(np.rint(seen.trials), 1).astype(np.int64)
    fit, step = (
        np.stack(
            [
                evaluated(score_at(evidence, draws, seen.mix, growth[:, :, r]), trials[:, r], priors, rng)
                for r in range(growth.shape[2])
            ],
            axis=1,
        )
        for growth, trials in ((draws.path, counted), (steps, counted[:, 1:]))
    )
    return fit, step


def _steps(evidence: Evidence, draws: Draws, priors: Priors, rng: np.random.Generator) -> FloatArray:
    """Growth at each rung but the first, going on from the rung before with luck anew ``(sample, benchmark, rung)``."""
    before = persistent_path(evidence, draws, rng)[:, :, :-1]
    gaps = np.sqrt(np.maximum(np.diff(evidence.decades), 0.0))
    nominal = np.diff(curved(evidence.decades[None, :], draws.curvature[:, None]), axis=1)
    shared = draws.shared_walk[:, None] * gaps * rng.standard_normal(nominal.shape)
    shared += draws.shared_luck[:, None] * rng.standard_normal(nominal.shape)
    own = draws.own_walk[:, :, None] * gaps * rng.standard_normal(before.shape)
    own += draws.own_luck[:, :, None] * rng.standard_normal(before.shape)
    growth = before + draws.slope[:, :, None] * (nominal + shared)[:, None, :] + own
    if draws.hazard is not None:
        jumps = jumps_ahead(draws, evidence.decades[:-1], evidence.decades[1:], priors, rng)
        landing = (jumps.landing - draws.level)[:, :, None]
        growth = np.where(jumps.made.transpose(0, 2, 1), np.maximum(growth, landing), growth)
    return np.asarray(growth)


def rung_check(evidence: Evidence, draws: Draws, priors: Priors, seed: int) -> pd.DataFrame:
    """Every rung's score beside its replicates.

    Parameters
    ----------
    evidence, draws, priors
        A fit.
    seed
        Seed of luck and noise.

    Returns
    -------
    pandas.DataFrame
        benchmark, model, kind ("fit" or "step"), seen, median, low90, high90 (fractions), pit (randomised probability
        integral transform of what was seen, in (0, 1)). Rungs without an evaluation are left out, as are steps to the
        first rung.
    """
    rng, draws = np.random.default_rng([seed, 2]), draws.thinned(ENOUGH_DRAWS)
    seen = Seen.of(evidence, priors)
    models = [str(name) for name in evidence.rungs["model"]]
    tables = []
    for kind, draws_of, first in zip(KINDS, replicate(evidence, draws, priors, rng), (0, 1), strict=True):
        truth = seen.rate.T[first:]
        low, median, high = np.quantile(draws_of, [0.05, 0.5, 0.95], axis=0)
        columns = {"seen": truth, "median": median, "low90": low, "high90": high, "pit": pit(draws_of, truth, rng)}
        index = pd.MultiIndex.from_product([models[first:], evidence.benchmarks], names=["model", "benchmark"])
        table = pd.DataFrame({name: array.ravel() for name, array in columns.items()}, index=index)
        tables.append(table[(seen.trials.T[first:] > 0).ravel()].reset_index().assign(kind=kind))
    names = ["benchmark", "model", "kind", "seen", "median", "low90", "high90", "pit"]
    return pd.concat(tables, ignore_index=True)[names]
