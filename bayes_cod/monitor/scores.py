r"""Scores along a large run: where each should be, what each says about the end.

Every draw of the forecast is one way in which the run may go. On the logit scale a checkpoint's score on a benchmark is

.. math:: y_t = f_j(x_t - \delta\, r_t) + \lambda_j + d_t + \varepsilon_t

with :math:`f_j` the draw's latent curve, :math:`x_t` where the checkpoint stands on the compute axis (in decades),
:math:`r_t` the share of the learning rate that has not decayed and :math:`\delta` what full decay is worth, in decades;
:math:`\lambda_j` the luck of the run, that of the draw's observed score at the end; :math:`d_t` a wobble that lasts
for a third of a decade; and the noise of the trials. :math:`\delta` and the size of the wobble lie on a grid. Given a
draw and a cell of the grid the scores are jointly normal, so their Cholesky factor gives each one's distribution given
those before.

Benchmarks are followed one by one: draws that fit fifteen of them at once are too few to be weighed. What they share
at a checkpoint is in how their residuals are put together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, ndtr, ndtri

from bayes_cod.decisions.next_run import Curves
from bayes_cod.decisions.reweighting import Weights, smoothed_weights
from bayes_cod.decisions.runs import at_compute, from_scale, slope_of_scale, to_scale
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

DECAY = (0.0, 0.2, 0.4, 0.7, 1.1, 1.6)
DECAY_PRIOR = (0.25, 0.25, 0.2, 0.15, 0.1, 0.05)
WOBBLE = (0.05, 0.15, 0.4, 1.0)
WOBBLE_PRIOR = (0.35, 0.35, 0.2, 0.1)
"""On the logit scale: a wobble of 0.15 is about 4 points in the middle of the scale."""
LASTS = 0.3
UNSHARED = 0.1
"""Variance of what does not last, over that of the wobble."""
SHARED = 0.5
"""Correlation of two benchmarks' residuals at one checkpoint."""
UNKNOWN_TRIALS = 0.2
"""Share of a run's luck that is taken to be noise of its evaluation where questions or trials are unknown."""
RECENT = 3
EDGE = 1e-9
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


@dataclass(frozen=True)
class Checkpoints:
    """Scores seen along a run, by tokens.

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
    benchmark: NDArray[np.int64]
    score: FloatArray
    trials: FloatArray

    def of(self, benchmark: int) -> Checkpoints:
        """Those of one benchmark."""
        return self.at(np.flatnonzero(self.benchmark == benchmark))

    def at(self, places: NDArray[np.int64]) -> Checkpoints:
        """Those at some places."""
        return Checkpoints(
            self.place[places], self.rate[places], self.benchmark[places], self.score[places], self.trials[places]
        )


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
        Standard normal given the benchmark's scores before, while the run is as forecast ``(point,)``; positive where
        the score is *lower* than expected.
    log_weight
        Log likelihood of each benchmark's scores at each draw ``(sample, benchmark)``; 0 where it has none.
    decay, wobble
        Posterior means, of each benchmark ``(benchmark,)``: what full decay of the learning rate is worth, in decades,
        and the size of the wobble on the logit scale; NaN where it has no score.
    by_worth
        Posterior probability of each of `DECAY` (the first alone, 0, where nothing decays) ``(benchmark, worth)``.
    """

    band: FloatArray
    position: FloatArray
    residual: FloatArray
    log_weight: FloatArray
    decay: FloatArray
    wobble: FloatArray
    by_worth: FloatArray


def luck_of_run(curves: Curves, end_latent: FloatArray) -> FloatArray:
    """What of each draw's luck at the end is the run's own, on the logit scale ``(sample, benchmark)``.

    The observed score at the end less the latent one is luck and the noise of the evaluation; of it the share that luck
    has in the variance is the run's.
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
        raise InputError(
            "curves and forecast have different numbers of draws, so the end can't be told from the curves"
        )
    luck = luck_of_run(curves, end_latent)
    draws, benchmarks = luck.shape
    count = len(seen.score)
    band, position, residual = np.empty((len(LEVELS), count)), np.empty(count), np.empty(count)
    log_weight = np.zeros((draws, benchmarks))
    decay, wobble = np.full(benchmarks, np.nan), np.full(benchmarks, np.nan)
    by_worth = np.zeros((benchmarks, len(DECAY) if decays else 1))
    rng = np.random.default_rng(seed)
    watched = [int(benchmark) for benchmark in np.unique(seen.benchmark)]
    lanes = [_Lane(curves, luck[:, place], seen.of(place), place, decays) for place in watched]
    others = (len(lanes) - 1) / (1 + (len(lanes) - 1) * SHARED) / max(len(lanes) - 1, 1)
    for benchmark, lane in zip(watched, lanes, strict=True):
        own = seen.benchmark == benchmark
        before = others * sum(
            (each.said_before(seen.place[own]) for each in lanes if each is not lane), np.zeros((len(lane.worths), 1))
        )
        residual[own] = lane.residuals(before[:, : int(own.sum())])
        said = others * sum((each.said[:, -1] for each in lanes if each is not lane), np.zeros(len(lane.worths)))
        log_weight[:, benchmark] = lane.log_weights(said)
        by_worth[benchmark], wobble[benchmark] = lane.settled(said)
        decay[benchmark] = by_worth[benchmark] @ lane.worths
        band[:, own], position[own] = lane.before(rng)
    return Tracked(band, position, residual, log_weight, decay, wobble, by_worth)


class _Lane:
    """One benchmark's scores beside the draws of its curve.

    Attributes
    ----------
    worths
        What full decay of the learning rate may be worth, in decades ``(worth,)``.
    said
        Log likelihood of the scores before each point, and of all, at each of them ``(worth, point + 1)``.
    """

    def __init__(self, curves: Curves, luck: FloatArray, seen: Checkpoints, benchmark: int, decays: bool) -> None:
        self.edge = float(curves.evaluation.edge[benchmark])
        self.place = seen.place
        self.observed = to_scale(seen.score, np.array(self.edge))
        self.worths = np.array(DECAY if decays else (0.0,))
        self.log_prior = np.log(DECAY_PRIOR if decays else (1.0,))
        self.means = np.stack([curve_at(curves, seen, float(worth)) + luck[:, None] for worth in self.worths])
        noise = trial_variances(seen, self.edge)
        x = np.log10(seen.place)
        close = np.exp(-np.abs(x[:, None] - x) / LASTS) + UNSHARED * np.eye(len(x))
        self.factors = np.stack([np.linalg.cholesky(wobble**2 * close + np.diag(noise)) for wobble in WOBBLE])
        self._follow()

    def _follow(self) -> None:
        """Go through the scores: what each worth expects of them, and how likely they are under it."""
        away = np.swapaxes(self.observed - self.means, 1, 2)  # (worth, point, sample)
        unit = np.array([solve_triangular(factor, np.eye(len(factor)), lower=True) for factor in self.factors])
        innovations = unit @ away[:, None]  # (worth, wobble, point, sample)
        scales = np.log(np.diagonal(self.factors, axis1=1, axis2=2))[:, :, None]  # (wobble, point, 1)
        worths, wobbles, points, draws = innovations.shape
        prior = np.log(WOBBLE_PRIOR)[:, None] - np.log(draws)
        self.running = np.broadcast_to(prior, (worths, wobbles, draws)).copy()
        self.said, self.worse = np.zeros((worths, points + 1)), np.empty((worths, points))
        for point in range(points):
            now = innovations[:, :, point]
            weights = np.exp(self.running - self.said[:, point, None, None])
            self.worse[:, point] = (weights * ndtr(-now)).sum(axis=(1, 2))
            self.running += -0.5 * now**2 - scales[:, point]
            self.said[:, point + 1] = logsumexp(self.running, axis=(1, 2))

    def said_before(self, places: FloatArray) -> FloatArray:
        """Log likelihood at each worth of the scores before some places ``(worth, place)``."""
        return np.asarray(self.said[:, np.searchsorted(self.place, places)])

    def residuals(self, others: FloatArray) -> FloatArray:
        """Standard normal given all before ``(point,)``, with what others say of each worth ``(worth, point)``."""
        log_weight = self.log_prior[:, None] + self.said[:, :-1] + others
        weights = np.exp(log_weight - logsumexp(log_weight, axis=0))
        return np.asarray(ndtri(np.clip((weights * self.worse).sum(axis=0), EDGE, 1 - EDGE)))

    def log_weights(self, others: FloatArray) -> FloatArray:
        """Log likelihood of each draw ``(sample,)``, with what others say of each worth ``(worth,)``."""
        found = (self.log_prior + others)[:, None, None] + self.running
        return np.asarray(logsumexp(found, axis=(0, 1)))

    def settled(self, others: FloatArray) -> tuple[FloatArray, float]:
        """Posterior probability of each worth of decay ``(worth,)``, and posterior mean of the size of the wobble."""
        by_cell = logsumexp((self.log_prior + others)[:, None, None] + self.running, axis=2)
        weights = np.exp(by_cell - logsumexp(by_cell))
        return weights.sum(axis=1), float(weights.sum(axis=0) @ np.array(WOBBLE))

    def before(self, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Bands before anything was seen, and where in them each score lies; simulated once from each draw."""
        _, draws, count = self.means.shape
        worth = rng.choice(len(self.worths), size=draws, p=np.exp(self.log_prior))
        chosen = rng.choice(len(WOBBLE), size=draws, p=WOBBLE_PRIOR)
        noise = np.einsum("sij,sj->si", self.factors[chosen], rng.standard_normal((draws, count)))
        simulated = self.means[worth, np.arange(draws)] + noise
        position = (np.sum(simulated < self.observed, axis=0) + 0.5) / (draws + 1)
        return from_scale(np.quantile(simulated, LEVELS, axis=0), np.array(self.edge)), np.asarray(position)


def curve_at(curves: Curves, seen: Checkpoints, worth: float) -> FloatArray:
    """Latent scores of each draw at each point, on the logit scale ``(sample, point)``."""
    places = np.clip(seen.place * 10 ** (-worth * seen.rate), curves.flops[0], curves.flops[-1])
    columns = [
        at_compute(curves.latent[:, :, benchmark], curves.flops, float(place))
        for place, benchmark in zip(places, seen.benchmark, strict=True)
    ]
    return to_scale(np.column_stack(columns), curves.evaluation.edge[seen.benchmark])


def trial_variances(seen: Checkpoints, edge: float) -> FloatArray:
    """Variance by trials of each score, on the logit scale ``(point,)``."""
    slope = slope_of_scale(seen.score, np.array(edge))
    inside = np.clip(seen.score, edge, 1 - edge)
    known = np.isfinite(seen.trials)
    return np.asarray(np.where(known, slope**2 * inside * (1 - inside) / np.where(known, seen.trials, 1.0), 0.0))


def together(residual: FloatArray, checkpoint: NDArray[np.int64]) -> FloatArray:
    r"""One residual a checkpoint from those of its benchmarks.

    .. math:: z = \sum_b z_b \, / \sqrt{m + m (m - 1) \rho}

    with :math:`\rho = 0.5`: standard normal where benchmarks are correlated so, and less spread where they are less.

    Parameters
    ----------
    residual
        ``(point,)``.
    checkpoint
        Number of each point's checkpoint, from 0 ``(point,)``.

    Returns
    -------
    array
        ``(checkpoint,)``.
    """
    count = np.bincount(checkpoint)
    return np.asarray(np.bincount(checkpoint, residual) / np.sqrt(count + count * (count - 1) * SHARED))


@dataclass(frozen=True)
class Updated:
    """The forecast of the end once the run has been seen so far.

    Attributes
    ----------
    draws
        Observed scores at the end ``(sample, benchmark)``, all alike likely; each benchmark for itself.
    pareto_k
        Of the weights of the draws before ``(benchmark,)``; NaN for a benchmark without scores.
    how
        Of each benchmark: "reweighted"; "moved" where the weights can't be relied on and every draw keeps its growth
        from here to the end and starts from what was seen; "as before" without scores.
    """

    draws: FloatArray
    pareto_k: FloatArray
    how: tuple[str, ...]


def update(curves: Curves, end_latent: FloatArray, seen: Checkpoints, tracked: Tracked, seed: int = 0) -> Updated:
    """Forecast the end anew, by the weights of the draws; where these can't be relied on, from the last scores.

    Parameters
    ----------
    curves, end_latent, seen
        As for `track`.
    tracked
        What it gave.
    seed
        Of the resampling and of what is drawn.
    """
    rng = np.random.default_rng(seed)
    luck = luck_of_run(curves, end_latent)
    draws = curves.target.copy()
    shapes = np.full(draws.shape[1], np.nan)
    how = ["as before"] * draws.shape[1]
    for benchmark in np.unique(seen.benchmark):
        weights = smoothed_weights(tracked.log_weight[:, benchmark], curves.latent[:, :, benchmark])
        shapes[benchmark] = weights.pareto_k
        how[benchmark] = "reweighted" if weights.reliable else "moved"
        if weights.reliable:
            draws[:, benchmark] = draws[systematic(weights, rng), benchmark]
        else:
            end = to_scale(curves.target, curves.evaluation.edge)[:, benchmark]
            draws[:, benchmark] = _moved(
                curves, luck[:, benchmark], end, seen.of(benchmark), tracked, int(benchmark), rng
            )
    return Updated(draws, shapes, tuple(how))


def systematic(weights: Weights, rng: np.random.Generator) -> NDArray[np.int64]:
    """As many draws as there are, by systematic resampling: each as often as its weight says, but for rounding."""
    count = len(weights.values)
    points = (rng.uniform() + np.arange(count)) / count
    return np.minimum(np.searchsorted(np.cumsum(weights.values), points), count - 1)


def _moved(
    curves: Curves,
    luck: FloatArray,
    end: FloatArray,
    seen: Checkpoints,
    tracked: Tracked,
    benchmark: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Every draw's end, moved by how far the last scores are from the draw's own."""
    edge = curves.evaluation.edge[benchmark]
    last = seen.at(np.arange(len(seen.score))[-RECENT:])
    weights = tracked.by_worth[benchmark]
    chosen = rng.choice(len(weights), size=len(end), p=weights / weights.sum())
    away, distance = np.empty(len(end)), np.empty(len(end))
    for place in np.unique(chosen):
        rows, worth = chosen == place, DECAY[place]
        expected = curve_at(curves, last, worth)[rows] + luck[rows, None]
        away[rows] = (to_scale(last.score, np.array(edge)) - expected).mean(axis=1)
        behind = np.log10(max(curves.target_flops / float(last.place[-1]), 1.0))
        distance[rows] = behind + worth * last.rate[-1]
    # what the run is off by lasts as the wobble does: forgotten with distance, while a new one comes
    kept = np.exp(-distance / LASTS)
    noise = tracked.wobble[benchmark] * np.sqrt(1 - kept**2 + 1 / RECENT) * rng.standard_normal(len(away))
    return from_scale(end + kept * away + noise, np.array(edge))
