"""What the next small run is worth: how much it would narrow the forecast of the target, per FLOP.

Three estimates of the same quantity, and a rival that needs no forecast:

- *Gaussian*: target and candidate jointly normal on the logit scale, with the draws' covariance (shrunk towards a
  diagonal, by Ledoit and Wolf, as draws are few against benchmarks). In closed form, so it is smooth and without noise.
- *regression*: how much of the target's variance a spline in the simulated scores explains where it was not fitted.
- *reweighting*: draws weighted by the likelihood of each of some simulated data sets, Pareto-smoothed. It follows any
  shape, and breaks down where the data say more than the draws can resolve; Pareto k tells.
- *I-optimal design*: the least prediction variance at the target of a straight line in log compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.decisions.regression import explained_share
from bayes_cod.decisions.reweighting import origins, smoothed_weights, weighted_quantiles
from bayes_cod.decisions.runs import CandidateRun, Evaluation, at_compute, run_noise, to_scale
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

LEVELS = np.array([0.05, 0.95])
SIMULATIONS = 100
COMMON_PARTS = 2


@dataclass(frozen=True)
class Curves:
    """Draws that candidates are judged by.

    Attributes
    ----------
    flops
        Grid ``(flops,)``, increasing.
    observed, latent
        ``(sample, flops, benchmark)``, fractions.
    target
        Observed scores of the target on the same draws ``(sample, benchmark)``.
    evaluation
        Questions and trials of the benchmarks.
    target_flops
        Compute of the target in FLOPs.
    """

    flops: FloatArray
    observed: FloatArray
    latent: FloatArray
    target: FloatArray
    evaluation: Evaluation
    target_flops: float

    @property
    def width(self) -> FloatArray:
        """Width of the target's central 90 % intervals ``(benchmark,)``."""
        low, high = np.quantile(self.target, LEVELS, axis=0)
        return np.asarray(high - low)


@dataclass(frozen=True)
class Simulated:
    """What one candidate would show.

    Attributes
    ----------
    latent
        On the logit scale ``(sample, benchmark)``.
    noise
        Covariance of the run's scores around them ``(benchmark, benchmark)``.
    scores
        One run simulated from each draw ``(sample, benchmark)``.
    """

    latent: FloatArray
    noise: FloatArray
    scores: FloatArray


def simulate(curves: Curves, run: CandidateRun, rng: np.random.Generator) -> Simulated:
    """Simulate a candidate's scores once from each draw; its luck is its own and not that of the target."""
    observed, latent = (at_compute(part, curves.flops, run.flops) for part in (curves.observed, curves.latent))
    noise = run_noise(observed, latent, curves.evaluation, seeds=run.seeds, trials=run.trials)
    scale = to_scale(latent, curves.evaluation.edge)
    return Simulated(scale, noise, scale + rng.multivariate_normal(np.zeros(len(noise)), noise, len(scale)))


def gaussian_ratio(target: FloatArray, latent: FloatArray, noise: FloatArray) -> FloatArray:
    r"""Standard deviation of the target after a run, over that before, for jointly normal scores.

    .. math:: \sqrt{\mathrm{diag}(S_{zz} - S_{zl} (S_{ll} + N)^{-1} S_{lz}) / \mathrm{diag}(S_{zz})}

    Parameters
    ----------
    target, latent
        Draws of the target's scores and of the run's latent ones ``(sample, target_benchmark)`` and ``(sample,
        benchmark)``.
    noise
        Covariance of the run's scores around the latent ones.

    Returns
    -------
    array
        ``(target_benchmark,)``, in [0, 1]; 1 where the target does not vary.
    """
    from sklearn.covariance import LedoitWolf

    both = np.concatenate([target, latent], axis=1)
    spread = both.std(axis=0)
    varies = spread > 0
    spread = np.where(varies, spread, 1.0)
    shrunk = LedoitWolf().fit((both - both.mean(axis=0)) / spread).covariance_
    # shrinking is for the correlations; variances are well known
    unit = np.sqrt(np.where(varies, np.diag(shrunk), 1.0))
    covariance = shrunk / unit / unit[:, None] * spread * spread[:, None]
    count = target.shape[1]
    zz, zl, ll = covariance[:count, :count], covariance[:count, count:], covariance[count:, count:]
    explained = np.einsum("ij,ji->i", zl, np.linalg.solve(ll + noise, zl.T)) / np.where(
        varies[:count], np.diag(zz), 1.0
    )
    # draws explain some of each other by chance: adjusted as R squared is, by the directions that the noise leaves open
    directions = float(np.trace(np.linalg.solve(ll + noise, ll)))
    distinct = len(np.unique(latent, axis=0))
    inflated = (distinct - 1) / max(distinct - 1 - directions, 1.0)
    left = np.clip(1 - (1 - explained) * inflated, 0.0, 1.0)
    return np.asarray(np.where(varies[:count], np.sqrt(1 - left), 1.0))


def regression_ratio(target: FloatArray, scores: FloatArray, seed: int = 0) -> FloatArray:
    """The same from simulated scores, by how much of each target benchmark's variance they explain.

    Each is regressed on the run's score on the same benchmark and on the two directions in which the run's scores vary
    most.

    Parameters
    ----------
    target, scores
        ``(sample, benchmark)``, of the same benchmarks.
    seed
        Of the split into fitted and predicted draws.
    """
    spread = scores.std(axis=0)
    unit = (scores - scores.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    _, _, directions = np.linalg.svd(unit, full_matrices=False)
    common = unit @ directions[: min(COMMON_PARTS, scores.shape[1] - 1)].T
    shares = [
        explained_share(target[:, place], np.column_stack([scores[:, place], common]), seed)
        for place in range(target.shape[1])
    ]
    return np.sqrt(1 - np.array(shares))


@dataclass(frozen=True)
class Reweighted:
    """What reweighting says.

    Attributes
    ----------
    ratio
        Expected width of the target's 90 % interval after the run, over that before ``(benchmark,)``.
    pareto_k
        Median shape of the weights' tails over the simulated data sets.
    unreliable
        Share of the data sets whose weights can't be relied on.
    weights
        Of the draws given each data set ``(data_set, sample)``.
    """

    ratio: FloatArray
    pareto_k: float
    unreliable: float
    weights: FloatArray


def reweighted(
    target: FloatArray, simulated: Simulated, rng: np.random.Generator, count: int = SIMULATIONS
) -> Reweighted:
    """Weigh the draws by the likelihood of simulated data sets.

    The draw that a data set comes from is left out of its weights: it would explain its own data too well, and where
    draws are far apart it alone would be left, with no width at all.

    Parameters
    ----------
    target
        ``(sample, benchmark)``.
    simulated
        From `simulate`.
    rng
        Chooses the data sets.
    count
        How many.
    """
    from scipy.linalg import cho_factor, cho_solve

    draws = len(target)
    chosen = rng.choice(draws, size=min(count, draws), replace=False)
    origin = origins(simulated.latent)
    factor = cho_factor(simulated.noise)
    weights, shapes = np.zeros((len(chosen), draws)), np.zeros(len(chosen))
    for row, own in enumerate(chosen):
        away = simulated.scores[own] - simulated.latent
        log_density = -0.5 * np.einsum("ij,ij->i", away, cho_solve(factor, away.T).T)
        others = origin != origin[own]
        found = smoothed_weights(log_density[others], simulated.latent[others])
        weights[row, others], shapes[row] = found.values, found.pareto_k
    widths = np.array([np.diff(weighted_quantiles(target, row, LEVELS), axis=0)[0] for row in weights])
    before = np.diff(np.quantile(target, LEVELS, axis=0), axis=0)[0]
    ratio = np.where(before > 0, widths.mean(axis=0) / np.where(before > 0, before, 1.0), 1.0)
    return Reweighted(ratio, float(np.median(shapes)), float(np.mean(shapes > 0.7)), weights)


def i_optimal_ratio(rungs: FloatArray, candidate: float, target: float, seeds: int = 1, degree: int = 1) -> float:
    r"""Prediction standard deviation at the target after a run, over that before, of a polynomial in log compute.

    .. math:: \sqrt{f(x_*)^\top (X^\top X + k f(x) f(x)^\top)^{-1} f(x_*) \,/\, f(x_*)^\top (X^\top X)^{-1} f(x_*)}

    Parameters
    ----------
    rungs, candidate, target
        Compute in FLOPs, `rungs` ``(rung,)``.
    seeds
        How many runs of the candidate.
    degree
        Of the polynomial; no more than the rungs have distinct compute.
    """
    degree = min(degree, len(np.unique(rungs)) - 1)
    centre = np.log10(rungs).mean()

    def basis(flops: FloatArray | float) -> FloatArray:
        return np.vander(np.atleast_1d(np.log10(flops) - centre), degree + 1)

    design, at, new = basis(rungs), basis(target)[0], basis(candidate)[0]
    information = design.T @ design
    before = at @ np.linalg.solve(information, at)
    after = at @ np.linalg.solve(information + seeds * np.outer(new, new), at)
    return float(np.sqrt(after / before))


def judge(
    curves: Curves,
    runs: Sequence[CandidateRun],
    *,
    weights: FloatArray,
    rungs: FloatArray,
    seed: int = 0,
    simulations: int = SIMULATIONS,
) -> pd.DataFrame:
    """Compare candidates for the next run.

    Parameters
    ----------
    curves
        What is known now.
    runs
        Candidates.
    weights
        How much each benchmark's interval counts ``(benchmark,)``.
    rungs
        Compute of the ladder's rungs ``(rung,)``.
    seed
        Of the simulations.
    simulations
        Data sets for the reweighting; 0 leaves it out.

    Returns
    -------
    pandas.DataFrame
        One row a candidate in the order given: flops, seeds, trials, cost (FLOPs of all seeds), share_of_target (cost
        over the target's compute), width_now (weighted mean of the 90 % intervals' widths, fraction), the
        ratio of the width after to that before by each estimate (gaussian, regression, reweighting, i_optimal),
        pareto_k, unreliable, width_after and narrowing (by the Gaussian estimate, fractions), per_percent (narrowing
        for each 1 % of the target's compute).
    """
    share = weights / weights.sum()
    width = curves.width
    now = float(share @ width)
    if now <= 0:
        raise InputError("the target's forecast has no width, so no run could narrow it")
    scaled = to_scale(curves.target, curves.evaluation.edge)
    rows = []
    for run in runs:
        rng = np.random.default_rng([seed, 7])
        made = simulate(curves, run, rng)
        gaussian = gaussian_ratio(scaled, made.latent, made.noise)
        after = float(share @ (width * gaussian))
        row = {
            "flops": run.flops,
            "seeds": run.seeds,
            "trials": np.nan if run.trials is None else run.trials,
            "cost": run.cost,
            "share_of_target": run.cost / curves.target_flops,
            "width_now": now,
            "gaussian": after / now,
            "regression": float(share @ (width * regression_ratio(scaled, made.scores, seed))) / now,
            "i_optimal": i_optimal_ratio(rungs, run.flops, curves.target_flops, run.seeds),
            "width_after": after,
            "narrowing": now - after,
            "per_percent": (now - after) / (100 * run.cost / curves.target_flops),
        }
        if simulations:
            again = reweighted(curves.target, made, rng, simulations)
            row |= {
                "reweighting": float(share @ (width * again.ratio)) / now,
                "pareto_k": again.pareto_k,
                "unreliable": again.unreliable,
            }
        rows.append(row)
    return pd.DataFrame(rows)
