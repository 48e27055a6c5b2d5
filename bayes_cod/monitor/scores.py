r"""Scores along a large run: where each should be, what each says about the end.

Every draw of the forecast is one way in which the run may go. On the logit scale a checkpoint's score is

.. math:: y_t = f_j(x_t - \delta\, r_t) + \lambda_j + d_t + \varepsilon_t

with :math:`f_j` the draw's latent curve, :math:`x_t` where the checkpoint stands on the compute axis (in decades),
:math:`r_t` the share of the learning rate that has not decayed and :math:`\delta` what full decay is worth, in decades;
:math:`\lambda_j` the luck of the run, that of the draw's observed score at the end; :math:`d_t` a wobble that lasts for a
third of a decade and is in part shared by all benchmarks; and the noise of the trials. :math:`\delta` and the size of the
wobble lie on a grid. Given a draw and a cell of the grid all scores are jointly normal, so their Cholesky factor gives
each one's distribution given those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtr, ndtri

from bayes_cod.decisions.next_run import Curves
from bayes_cod.decisions.reweighting import Weights, smoothed_weights
from bayes_cod.decisions.runs import at_compute, slope_of_scale, to_scale
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

DECAY = (0.0, 0.1, 0.2, 0.4, 0.7)
DECAY_PRIOR = (0.3, 0.2, 0.2, 0.2, 0.1)
WOBBLE = (0.05, 0.15, 0.4)
"""On the logit scale: a wobble of 0.15 is about 4 points in the middle of the scale."""
LASTS = 0.3
SHARED = 0.5
UNKNOWN_TRIALS = 0.2
"""Share of a run's luck that is taken to be noise of its evaluation where questions or trials are unknown."""
EDGE = 1e-9
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


@dataclass(frozen=True)
class Checkpoints:
    """Scores seen along a run, in the order in which they were seen.

    Attributes
    ----------
    place
        Compute at which the ladder's curve is as far, in FLOPs ``(point,)``.
    rate
        Share of the learning rate that has not decayed ``(point,)``.
    benchmark
        Places of the benchmarks ``(point,)``.
    score
        Fractions ``(point,)``.
    trials
        Questions times trials a question ``(point,)``; NaN where unknown.
    """

    place: FloatArray
    rate: FloatArray
    benchmark: np.ndarray[tuple[int], np.dtype[np.int64]]
    score: FloatArray
    trials: FloatArray


@dataclass(frozen=True)
class Tracked:
    """What the scores say.

    Attributes
    ----------
    band
        5, 25, 50, 75 and 95 % of each score, as forecast before the run ``(quantile, point)``, fractions.
    position
        Probability that the forecast before the run gave to a lower score ``(point,)``.
    residual
        Standard normal given the scores before while the run is as forecast ``(point,)``; positive where the score is
        *lower* than expected.
    log_weight
        Log likelihood of all scores at each draw ``(sample,)``.
    decay
        Posterior mean of what full decay of the learning rate is worth, in decades.
    """

    band: FloatArray
    position: FloatArray
    residual: FloatArray
    log_weight: FloatArray
    decay: float


def luck_of_run(curves: Curves, end_latent: FloatArray) -> FloatArray:
    """What of each draw's luck at the end is the run's own, on the logit scale ``(sample, benchmark)``.

    The observed score at the end less the latent one is luck and the noise of the evaluation; of it the share that luck has
    in the variance is the run's.
    """
    edge = curves.evaluation.edge
    residual = to_scale(curves.target, edge) - to_scale(end_latent, edge)
    trials = (slope_of_scale(end_latent, edge) ** 2 * curves.evaluation.trial_variance(end_latent)).mean(axis=0)
    total = residual.var(axis=0)
    known = trials > 0
    share = np.where(known, 1 - trials / np.where(total > 0, total, 1.0), 1 - UNKNOWN_TRIALS)
    return np.asarray(np.clip(share, 0.0, 1.0) * residual)


def track(curves: Curves, end_latent: FloatArray, seen: Checkpoints, *, decays: bool, seed: int = 0) -> Tracked:
    """Put scores in their bands, one after the other.

    Parameters
    ----------
    curves
        Draws of the forecast: latent curves, and observed scores at the end.
    end_latent
        Latent scores at the end on the same draws ``(sample, benchmark)``.
    seen
        Scores along the run; all places on the curves' grid.
    decays
        Whether the learning rate decays, so that a checkpoint before is behind what its compute would give.
    seed
        Of the simulated bands.

    Raises
    ------
    InputError
        For curves and end with different numbers of draws.
    """
    if len(curves.latent) != len(end_latent) or len(end_latent) != len(curves.target):
        raise InputError("curves and forecast have different numbers of draws, so the end can't be told from the curves")
    luck = luck_of_run(curves, end_latent)[:, seen.benchmark]
    edge = curves.evaluation.edge[seen.benchmark]
    observed = to_scale(seen.score, edge)
    cells = list(product(zip(DECAY, DECAY_PRIOR, strict=True) if decays else ((0.0, 1.0),), WOBBLE))
    draws, count = luck.shape
    log_prior = np.array([np.log(prior / len(WOBBLE)) for (_, prior), _ in cells]) - np.log(draws)
    means = {worth: _curve_at(curves, seen, worth) + luck for (worth, _), _ in cells}
    variances = _trial_variances(curves, seen)
    running = np.repeat(log_prior[:, None], draws, axis=1)  # (cell, sample)
    factors = [np.linalg.cholesky(_covariance(seen, wobble, variances)) for _, wobble in cells]
    innovations = np.stack(
        [
            solve_triangular(factor, (observed - means[worth]).T, lower=True)
            for ((worth, _), _), factor in zip(cells, factors, strict=True)
        ]
    )  # (cell, point, sample)
    residual = np.empty(count)
    for point in range(count):
        now = innovations[:, point]
        weights = np.exp(running - logsumexp(running))
        # of lower scores: positive residuals are worse
        residual[point] = ndtri(np.clip(1 - (weights * ndtr(now)).sum(), EDGE, 1 - EDGE))
        scales = np.array([factor[point, point] for factor in factors])
        running = running - 0.5 * now**2 - np.log(scales)[:, None]
    band, position = _before(means, factors, cells, log_prior, observed, edge, seed)
    by_cell = np.exp(logsumexp(running, axis=1) - logsumexp(running))
    decay = float(by_cell @ np.array([worth for (worth, _), _ in cells]))
    return Tracked(band, position, residual, np.asarray(logsumexp(running, axis=0)), decay)


def _curve_at(curves: Curves, seen: Checkpoints, worth: float) -> FloatArray:
    """Latent scores of each draw at each point, on the logit scale ``(sample, point)``."""
    places = np.clip(seen.place * 10 ** (-worth * seen.rate), curves.flops[0], curves.flops[-1])
    columns = [
        to_scale(at_compute(curves.latent, curves.flops, float(place)), curves.evaluation.edge)[:, benchmark]
        for place, benchmark in zip(places, seen.benchmark, strict=True)
    ]
    return np.column_stack(columns)


def _trial_variances(curves: Curves, seen: Checkpoints) -> FloatArray:
    """Variance by trials of each score, on the logit scale ``(point,)``."""
    edge = curves.evaluation.edge[seen.benchmark]
    slope = slope_of_scale(seen.score, edge)
    inside = np.clip(seen.score, edge, 1 - edge)
    known = np.isfinite(seen.trials)
    return np.asarray(np.where(known, slope**2 * inside * (1 - inside) / np.where(known, seen.trials, 1.0), 0.0))


def _covariance(seen: Checkpoints, wobble: float, trials: FloatArray) -> FloatArray:
    """Covariance of the scores around a draw's curve ``(point, point)``."""
    x = np.log10(seen.place)
    close = np.exp(-np.abs(x[:, None] - x) / LASTS)
    same = seen.benchmark[:, None] == seen.benchmark
    wobbles = wobble**2 * close * (SHARED + (1 - SHARED) * same)
    return np.asarray(wobbles + np.diag(trials + 0.1 * wobble**2))


def _before(
    means: dict[float, FloatArray],
    factors: list[FloatArray],
    cells: list[tuple[tuple[float, float], float]],
    log_prior: FloatArray,
    observed: FloatArray,
    edge: FloatArray,
    seed: int,
) -> tuple[FloatArray, FloatArray]:
    """Bands before anything was seen, and where in them each score lies; simulated once from each draw."""
    rng = np.random.default_rng(seed)
    draws, count = next(iter(means.values())).shape
    prior = np.exp(log_prior)
    chosen = rng.choice(len(cells), size=draws, p=prior / prior.sum())
    simulated = np.empty((draws, count))
    for cell, ((worth, _), _) in enumerate(cells):
        rows = chosen == cell
        noise = rng.standard_normal((int(rows.sum()), count)) @ factors[cell].T
        simulated[rows] = means[worth][rows] + noise
    low = np.quantile(simulated, LEVELS, axis=0)
    position = ((simulated < observed).sum(axis=0) + 0.5) / (draws + 1)
    return from_scale(low, edge), np.asarray(position)


def from_scale(values: FloatArray, edge: FloatArray) -> FloatArray:
    """Scores from the logit scale: the inverse of `bayes_cod.decisions.runs.to_scale`, kept within 0 and 1."""
    share = 1 / (1 + np.exp(-values))
    return np.asarray(np.clip(share * (1 + 2 * edge) - edge, 0.0, 1.0))


@dataclass(frozen=True)
class Updated:
    """The forecast of the end once the run has been seen so far.

    Attributes
    ----------
    draws
        Observed scores at the end ``(sample, benchmark)``, all alike likely.
    weights
        Of the draws before, with Pareto k.
    how
        "reweighted"; "normal" where the weights can't be relied on and the draws were moved as for jointly normal scores.
    """

    draws: FloatArray
    weights: Weights
    how: str


def update(curves: Curves, end_latent: FloatArray, seen: Checkpoints, tracked: Tracked, seed: int = 0) -> Updated:
    """Forecast the end anew, by the weights of the draws; by a normal update where these can't be relied on.

    Parameters
    ----------
    curves, end_latent, seen
        As for `track`.
    tracked
        What it gave.
    seed
        Of the resampling, and of the noise in the normal update.
    """
    weights = smoothed_weights(tracked.log_weight)
    rng = np.random.default_rng(seed)
    if weights.reliable:
        places = _systematic(weights.values, rng)
        return Updated(curves.target[places], weights, "reweighted")
    return Updated(_moved(curves, end_latent, seen, tracked.decay, rng), weights, "normal")


def _systematic(weights: FloatArray, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """As many draws as there are, by systematic resampling: each as often as its weight says, but for rounding."""
    count = len(weights)
    points = (rng.uniform() + np.arange(count)) / count
    return np.minimum(np.searchsorted(np.cumsum(weights), points), count - 1)


def _moved(
    curves: Curves, end_latent: FloatArray, seen: Checkpoints, decay: float, rng: np.random.Generator
) -> FloatArray:
    """Every draw moved by its distance from what was seen: the ensemble form of a normal update (Evensen, 1994)."""
    from sklearn.covariance import LedoitWolf

    edge = curves.evaluation.edge
    luck = luck_of_run(curves, end_latent)[:, seen.benchmark]
    expected = _curve_at(curves, seen, decay) + luck
    noise = _covariance(seen, WOBBLE[1], _trial_variances(curves, seen))
    end = to_scale(curves.target, edge)
    both = np.concatenate([end, expected], axis=1)
    spread = np.where(both.std(axis=0) > 0, both.std(axis=0), 1.0)
    shrunk = LedoitWolf().fit((both - both.mean(axis=0)) / spread).covariance_ * spread * spread[:, None]
    cut = end.shape[1]
    gain = np.linalg.solve(shrunk[cut:, cut:] + noise, shrunk[cut:, :cut]).T
    away = to_scale(seen.score, edge[seen.benchmark]) - expected
    away += rng.standard_normal(away.shape) @ np.linalg.cholesky(noise).T
    return from_scale(end + away @ gain.T, edge)
