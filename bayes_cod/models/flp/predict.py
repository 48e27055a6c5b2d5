"""Forecasts of Bayesian FLP from posterior draws, in NumPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bayes_cod.ladder import Target
from bayes_cod.models.flp import loss, score
from bayes_cod.models.flp.likelihood import DEGREES
from bayes_cod.models.flp.priors import ScorePriors
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]


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
class Draws:
    """Posterior draws of both stages, or one draw that is the truth of a simulation.

    Attributes
    ----------
    of_law, of_score
        See `loss.parameters` and `score.parameters`, with a leading axis ``sample``.
    furthest
        Furthest progress of the ladder's final rungs ``(sample,)``.
    priors
        The constants of the score stage.
    """

    of_law: Mapping[str, FloatArray]
    of_score: Mapping[str, FloatArray]
    furthest: FloatArray
    priors: ScorePriors

    def __len__(self) -> int:
        return len(self.furthest)


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


def log_loss_law(draws: Draws, scale: Scale, points: Points) -> FloatArray:
    """Log loss of the law ``(sample, point, series)``, at decayed learning rate, and what all families depart by."""
    size, tokens = scale.size_and_tokens(points.flops, points.params, points.tokens)
    return np.asarray(loss.log_loss(draws.of_law, size, tokens, scale.log_loss, scale.bent(points.flops), np))


def score_curve(draws: Draws, position: FloatArray, own: FloatArray | float = 0.0) -> FloatArray:
    """Score at a progress ``(sample, point)``, `own` added to eta: ``(sample, point, benchmark)``."""
    return np.asarray(score.curve(draws.of_score, position, own, draws.priors.skew)[0])


def progress_of(draws: Draws, scale: Scale, log_loss: FloatArray, flops: FloatArray) -> FloatArray:
    """Progress that goes with losses and compute ``(sample, point)``."""
    return np.asarray((scale.progress(log_loss, flops) * draws.of_score["weight"][:, None, :]).sum(axis=-1))


def on_curve(draws: Draws, scale: Scale, points: Points) -> tuple[FloatArray, FloatArray]:
    """Log losses and scores that are functions of the parameters alone, nothing ahead drawn: what the gate judges.

    Returns
    -------
    tuple
        ``(sample, point, series)`` and ``(sample, point, benchmark)``.
    """
    log_loss = log_loss_law(draws, scale, points)
    return log_loss, score_curve(draws, progress_of(draws, scale, log_loss, points.flops))


def predict(draws: Draws, scale: Scale, points: Points, n_questions: FloatArray, seed: int) -> Scores:
    """Scores and losses of models that were not trained, their walks, luck and noise drawn.

    Parameters
    ----------
    draws, scale
        A fit.
    points
        Models to forecast.
    n_questions
        Of the benchmarks ``(benchmark,)``.
    seed
        Seed of walks, luck and noise.
    """
    rng = np.random.default_rng(seed)
    made, n_sample, n_point = draws.of_score, len(draws), len(points.flops)
    latent_loss = log_loss_law(draws, scale, points) + loss.drift(draws.of_law, scale, points.flops, rng)
    log_loss = latent_loss + loss.luck_and_noise(draws.of_law, n_point, rng)
    position = progress_of(draws, scale, latent_loss, points.flops)
    ahead = np.sqrt(np.maximum(position - draws.furthest[:, None], 0.0))
    own = rng.standard_normal((n_sample, 1, len(n_questions))) * made["walk"][:, None, None] * ahead[..., None]
    shared = rng.standard_normal((n_sample, 1)) * draws.priors.shared_walk * ahead
    latent = score_curve(draws, position + shared, own)
    lucky = rng.standard_normal((n_sample, n_point)) * draws.priors.luck
    mean = score_curve(draws, progress_of(draws, scale, log_loss, points.flops) + shared + lucky, own)
    variance = score.scatter(made, mean, 0.5 / n_questions, np)
    observed = mean + rng.standard_t(DEGREES, mean.shape) * np.sqrt(variance)
    return Scores(np.clip(observed, 0.0, 1.0), np.clip(latent, 0.0, 1.0), log_loss, latent_loss)
