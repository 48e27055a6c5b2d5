"""Forecasts of Bayesian FLP from posterior draws, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.ladder import Target
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.noise import TAIL_DEGREES, variance_at
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]


LOSS_NAMES = ("loss_level", "undecayed_loss", "loss_luck", "loss_noise", "loss_share", "log_exponent")
SCORE_NAMES = ("weight", "height", "log_slope", "floor", "top", "dispersion", "score_luck", "shared_walk", "own_walk")
OF_POOL = ("loss_bends", "loss_walk", "loss_drift")
PER_BENCHMARK = ("height", "log_slope", "floor", "top", "dispersion")


def flat(posterior: xr.Dataset, name: str) -> FloatArray:
    """Draws of one variable ``(sample, ...)``, chain after chain."""
    array = np.asarray(posterior[name].values, dtype=float)
    return array.reshape(-1, *array.shape[2:])


@dataclass(frozen=True)
class Draws:
    """Posterior draws with the padding cut off; ``sample`` runs over chains, then draws.

    Attributes
    ----------
    loss_level, undecayed_loss, loss_luck, loss_noise
        ``(sample, series)``.
    loss_share
        ``(sample, series, term)``: irreducible, size, tokens.
    log_exponent
        ``(sample, series, 2)``: size, tokens.
    loss_bends
        Departure of the log loss from its law, per root decade ``(sample, piece, series)``; no pieces without a pool.
    loss_walk, loss_drift
        Sizes of that departure beyond all families' models, and of the ladder's own ``(sample, series)``; 0 without a
        pool.
    weight
        ``(sample, series + 1)``: loss series, then log compute.
    height, log_slope, floor, top, dispersion
        ``(sample, benchmark)``.
    skew, score_luck, shared_walk, own_walk, furthest
        ``(sample,)``; the last is the furthest progress of a final rung.
    """

    loss_level: FloatArray
    undecayed_loss: FloatArray
    loss_luck: FloatArray
    loss_noise: FloatArray
    loss_share: FloatArray
    log_exponent: FloatArray
    loss_bends: FloatArray
    loss_walk: FloatArray
    loss_drift: FloatArray
    weight: FloatArray
    height: FloatArray
    log_slope: FloatArray
    floor: FloatArray
    top: FloatArray
    dispersion: FloatArray
    skew: FloatArray
    score_luck: FloatArray
    shared_walk: FloatArray
    own_walk: FloatArray
    furthest: FloatArray

    @classmethod
    def of(cls, loss: xr.Dataset, score: xr.Dataset, evidence: Evidence, skew: float) -> Draws:
        """From the posterior groups of both stages, with dimensions (chain, draw, ...), as many draws in each."""
        n_benchmark = len(evidence.benchmarks)
        found = {}
        for name in LOSS_NAMES:
            found[name] = flat(loss, name)
        without_pool = np.zeros_like(found["loss_level"])
        found |= {"loss_bends": without_pool[:, None][:, :0], "loss_walk": without_pool, "loss_drift": without_pool}
        found |= {name: flat(loss, name) for name in OF_POOL if name in loss}
        for name in SCORE_NAMES:
            array = flat(score, name)
            found[name] = array[:, :n_benchmark] if name in PER_BENCHMARK else array
        reached = flat(score, "run_progress")[:, : evidence.n_rungs]
        return cls(**found, skew=np.full(len(reached), skew), furthest=reached.max(axis=1))

    @classmethod
    def join(cls, parts: Sequence[Draws]) -> Draws:
        """Draws of several forms, one after the other."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def __len__(self) -> int:
        return len(self.skew)


@dataclass(frozen=True)
class Points:
    """Models to forecast: compute, size and tokens ``(point,)``; the last two NaN where not known."""

    flops: FloatArray
    params: FloatArray
    tokens: FloatArray

    @classmethod
    def of(cls, targets: Sequence[Target]) -> Self:
        """From targets."""
        flops = np.array([target.flops for target in targets], dtype=float)
        params, tokens = (
            np.array([np.nan if value is None else value for value in values], dtype=float)
            for values in ([target.params for target in targets], [target.tokens for target in targets])
        )
        return cls(flops, params, tokens)


@dataclass(frozen=True)
class Scores:
    """Draws of what is forecast.

    Attributes
    ----------
    observed, latent
        Scores ``(sample, point, benchmark)`` with and without the point's own luck and the noise of its evaluation.
    log_loss, latent_log_loss
        ``(sample, point, series)``, likewise.
    """

    observed: FloatArray
    latent: FloatArray
    log_loss: FloatArray
    latent_log_loss: FloatArray


def log_loss_law(draws: Draws, scale: Scale, priors: Priors, points: Points) -> FloatArray:
    """Log loss of the law ``(sample, point, series)``, at decayed learning rate, and what all families depart by."""
    size, tokens = scale.size_and_tokens(points.flops, points.params, points.tokens)
    law = laws.params_tokens_loss(
        np.exp(size)[None, :, None],
        np.exp(tokens)[None, :, None],
        draws.loss_share[:, None, :, 0],
        draws.loss_share[:, None, :, 1],
        np.exp(draws.log_exponent[:, None, :, 0]),
        draws.loss_share[:, None, :, 2],
        np.exp(draws.log_exponent[:, None, :, 1]),
    )
    departure = np.einsum("pk,skj->spj", scale.bent(points.flops), draws.loss_bends)
    return np.asarray(scale.log_loss + priors.level_sd * draws.loss_level[:, None, :] + np.log(law) + departure)


def _drift(draws: Draws, scale: Scale, points: Points, rng: np.random.Generator) -> FloatArray | float:
    """What losses may depart from the law beyond what pooled families tell ``(sample, point, series)``."""
    if not len(scale.bends):
        return 0.0
    ahead = np.maximum(scale.decades(points.flops), 0.0)
    beyond = np.maximum(ahead - max(float(scale.bends[-1]), 0.0), 0.0)
    n_sample, n_series = draws.loss_walk.shape
    own, shared = rng.standard_normal((2, n_sample, 1, n_series))
    return np.asarray(
        own * draws.loss_drift[:, None] * np.sqrt(ahead)[:, None]
        + shared * draws.loss_walk[:, None] * np.sqrt(beyond)[:, None]
    )


def score_curve(draws: Draws, position: FloatArray, own: FloatArray | float = 0.0) -> FloatArray:
    """Score at a progress ``(sample, ...)``, `own` added to eta; result ``(sample, ..., benchmark)``."""
    extra = (slice(None), *[None] * (position.ndim - 1))
    eta = (
        draws.height[(*extra, slice(None))] + np.exp(draws.log_slope)[(*extra, slice(None))] * position[..., None] + own
    )
    share = laws.skewed_sigmoid(eta, draws.skew[extra][..., None])
    floor, top = draws.floor[(*extra, slice(None))], draws.top[(*extra, slice(None))]
    return np.asarray(floor + (top - floor) * share)


def predict(evidence: Evidence, draws: Draws, scale: Scale, priors: Priors, points: Points, seed: int) -> Scores:
    """Scores and losses of models that were not trained, their luck and noise drawn.

    Parameters
    ----------
    evidence, draws, scale, priors
        A fit.
    points
        Models to forecast.
    seed
        Seed of luck, classes and noise.

    Returns
    -------
    Scores
    """
    rng = np.random.default_rng(seed)
    n_sample, n_point = len(draws), len(points.flops)
    latent_loss = log_loss_law(draws, scale, priors, points) + _drift(draws, scale, points, rng)
    luck = rng.standard_normal((n_sample, n_point, 1)) * draws.loss_luck[:, None, :]
    noise = rng.standard_t(TAIL_DEGREES, latent_loss.shape) * draws.loss_noise[:, None, :]
    log_loss = latent_loss + luck + noise

    def position(losses: FloatArray) -> FloatArray:
        return np.asarray((scale.progress(losses, points.flops) * draws.weight[:, None, :]).sum(axis=-1))

    expected = position(latent_loss)
    ahead = np.sqrt(np.maximum(expected - draws.furthest[:, None], 0.0))
    own = (
        rng.standard_normal((n_sample, 1, len(evidence.benchmarks))) * draws.own_walk[:, None, None] * ahead[..., None]
    )
    shared = rng.standard_normal((n_sample, 1)) * draws.shared_walk[:, None] * ahead
    latent = score_curve(draws, expected + shared, own)
    lucky = rng.standard_normal((n_sample, n_point)) * draws.score_luck[:, None]
    mean = score_curve(draws, position(log_loss) + shared + lucky, own)
    questions = evidence.n_questions
    dispersed = np.exp(draws.dispersion)[:, None, :] / np.sqrt(questions)
    scatter = np.sqrt(variance_at(mean, dispersed, 0.5 / questions, np))
    observed = mean + rng.standard_t(TAIL_DEGREES, mean.shape) * scatter
    return Scores(np.clip(observed, 0.0, 1.0), np.clip(latent, 0.0, 1.0), log_loss, latent_loss)
