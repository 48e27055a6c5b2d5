"""What a run that is not yet trained would show: its scores simulated from the draws, and what they would tell.

Scores are moved to a scale on which noise is about as large everywhere: the logit of a score drawn in from 0 and 1 by
half a question. On it a run's observed scores are the latent ones, plus the run's luck (shared by benchmarks as far as
the draws say), plus the noise of a finite number of trials.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

LEAST_EDGE = 0.002
MOST_EDGE = 0.02
SMALLEST_NOISE = 1e-4


@dataclass(frozen=True)
class CandidateRun:
    """A run that could be trained next.

    Attributes
    ----------
    flops
        Compute of one run in FLOPs.
    seeds
        How many runs of it, alike but for their seeds; what is used is their mean score.
    trials
        Trials a question; None: as many as the ladder has.
    """

    flops: float
    seeds: int = 1
    trials: float | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.flops) or self.flops <= 0:
            raise InputError(f"a candidate run has {self.flops!r} FLOPs; give a number above 0")
        if self.seeds < 1 or (self.trials is not None and self.trials <= 0):
            raise InputError("a candidate run needs at least one seed and one trial a question")

    @property
    def cost(self) -> float:
        """Compute of all its seeds in FLOPs."""
        return self.flops * self.seeds


@dataclass(frozen=True)
class Evaluation:
    """How benchmarks are evaluated, all ``(benchmark,)``; NaN where unknown.

    Attributes
    ----------
    n_questions
        Questions of each benchmark.
    n_trials
        Trials a question, as the ladder's runs have them.
    """

    n_questions: FloatArray
    n_trials: FloatArray

    @property
    def edge(self) -> FloatArray:
        """How far scores are drawn in from 0 and 1: half a question, within bounds."""
        half = 0.5 / np.where(np.isfinite(self.n_questions), self.n_questions, 1.0 / LEAST_EDGE)
        return np.asarray(np.clip(half, LEAST_EDGE, MOST_EDGE))

    def trial_variance(self, score: FloatArray, trials: float | None = None) -> FloatArray:
        """Variance of a score by a finite number of trials, at most: as if all questions were equally hard.

        Parameters
        ----------
        score
            ``(..., benchmark)``, fractions.
        trials
            Trials a question; None: the ladder's.

        Returns
        -------
        array
            ``(..., benchmark)``; 0 where questions or trials are unknown.
        """
        count = self.n_trials if trials is None else np.full_like(self.n_questions, float(trials))
        total = self.n_questions * count
        return np.asarray(np.where(np.isfinite(total), score * (1 - score) / np.where(total > 0, total, 1.0), 0.0))


def to_scale(scores: FloatArray, edge: FloatArray) -> FloatArray:
    """Scores ``(..., benchmark)`` on the logit scale, drawn in from 0 and 1 by `edge` ``(benchmark,)``."""
    clipped = np.clip(scores, 0.0, 1.0)
    return np.asarray(np.log((clipped + edge) / (1 - clipped + edge)))


def from_scale(values: FloatArray, edge: FloatArray) -> FloatArray:
    """Scores from the logit scale: the inverse of `to_scale`, kept within 0 and 1."""
    share = 1 / (1 + np.exp(-values))
    return np.asarray(np.clip(share * (1 + 2 * edge) - edge, 0.0, 1.0))


def slope_of_scale(scores: FloatArray, edge: FloatArray) -> FloatArray:
    """Derivative of `to_scale`: what a variance of scores is multiplied by, squared."""
    clipped = np.clip(scores, 0.0, 1.0)
    return np.asarray(1 / (clipped + edge) + 1 / (1 - clipped + edge))


def run_noise(
    observed: FloatArray, latent: FloatArray, evaluation: Evaluation, *, seeds: int = 1, trials: float | None = None
) -> FloatArray:
    """Covariance of what a run's scores are besides the latent ones, on the logit scale.

    The draws' own covariance of observed less latent, in which the ladder's number of trials is: that part is taken out
    of the variances, as far as it is known, and put back for other numbers of trials. The mean of several seeds has it
    all divided by their number.

    Parameters
    ----------
    observed, latent
        Scores at one compute ``(sample, benchmark)``, fractions.
    evaluation
        Questions and trials.
    seeds, trials
        Of the run.

    Returns
    -------
    array
        ``(benchmark, benchmark)``.
    """
    edge = evaluation.edge
    residual = to_scale(observed, edge) - to_scale(latent, edge)
    covariance = np.atleast_2d(np.cov(residual, rowvar=False))
    if trials is not None:
        squared = slope_of_scale(latent, edge) ** 2
        has = (squared * evaluation.trial_variance(latent)).mean(axis=0)
        would = (squared * evaluation.trial_variance(latent, trials)).mean(axis=0)
        own = np.diag(covariance)
        known = (has > 0) & (would > 0)
        change = np.where(known, would - np.minimum(has, own), 0.0)
        covariance = covariance + np.diag(change)
    return np.asarray(covariance / seeds + SMALLEST_NOISE * np.eye(len(covariance)))


def at_compute(curve: FloatArray, flops: FloatArray, place: float) -> FloatArray:
    """Curves ``(sample, flops, benchmark)`` at one compute, linear in its logarithm: ``(sample, benchmark)``.

    Raises
    ------
    InputError
        Where the compute lies off the curves' grid.
    """
    if not flops[0] * (1 - 1e-9) <= place <= flops[-1] * (1 + 1e-9):
        raise InputError(
            f"a run of {place:.4g} FLOPs lies off the curves, which go from {flops[0]:.4g} to {flops[-1]:.4g} FLOPs"
        )
    x = np.log10(flops)
    after = int(np.clip(np.searchsorted(x, np.log10(place)), 1, len(x) - 1)) if len(x) > 1 else 0
    before = max(after - 1, 0)
    width = x[after] - x[before]
    share = float(np.clip((np.log10(place) - x[before]) / width, 0.0, 1.0)) if width else 1.0
    return np.asarray((1 - share) * curve[:, before] + share * curve[:, after])
