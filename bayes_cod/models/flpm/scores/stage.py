"""The score stage: the map from domain losses to scores, sampled, and scores drawn with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod.models import sampling
from bayes_cod.models.flpm.posterior import Fit, FloatArray, Stage, find_mode
from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.scores.density import TAIL_DEGREES, ScoreDensity, mean_logit
from bayes_cod.models.flpm.scores.evidence import UNLEARNT, ScoreEvidence
from bayes_cod.models.sampling import Gate, SamplerSettings

SCORE_SAMPLER = SamplerSettings(draws=1500, tune=500, chains=4, target_accept=0.95, retry_accept=0.98)
LUCK_DRAWS = 8
"""Draws of luck that a latent score is the mean of."""

OWN_WALK = 0.5
"""Share of the variance ahead on the walk along size that is the run's own: mixtures emerge at sizes of their own."""


class ScoreStage(Stage[ScoreEvidence, dict[str, FloatArray]]):
    """Scores of tasks from the losses of validation domains, all tasks in one model.

    Parameters
    ----------
    seed, sampler, retry
        See `Stage`.
    priors
        See `ScorePriors`.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: ScorePriors | None = None,
        sampler: SamplerSettings | None = None,
        retry: bool = True,
    ) -> None:
        super().__init__(seed, sampler or SCORE_SAMPLER, retry=retry)
        self.priors = priors or ScorePriors()

    def fit(self, evidence: ScoreEvidence) -> Self:
        """Sample the map."""
        density = ScoreDensity(evidence, self.priors)

        def complete(tree: xr.DataTree, draws: dict[str, FloatArray]) -> Fit[ScoreEvidence, dict[str, FloatArray]]:
            return Fit(evidence, draws, tree, _judge(evidence, draws, tree))

        self._sample(density, find_mode(density, np.zeros(density.size)), complete)
        return self

    def forecast(
        self, observed: FloatArray, latent: FloatArray, log_compute: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Scores of runs from draws of their log losses.

        Every draw of the losses meets one draw of the map. What lies ahead on the walk along size has two parts: the
        task's, drawn once for all points of a size, and the run's own, which is luck.

        Parameters
        ----------
        observed, latent
            Log losses with and without a run's luck ``(sample, point, domain)``.
        log_compute
            Log of size times tokens ``(point,)``.

        Returns
        -------
        tuple of arrays
            Observed scores, and latent ones: the mean over a run's luck ``(sample, point, benchmark)``.
        """
        fit = self._fitted()
        rng = np.random.default_rng([self.seed, 21])
        n_sample, n_point = observed.shape[:2]
        n_draw = len(fit.draws["level"])
        picked: NDArray[np.int64] = rng.permutation(n_sample) % n_draw if n_sample > n_draw else rng.permutation(n_draw)
        steps = fit.evidence.steps(log_compute)
        ahead, place = np.unique(fit.evidence.ahead(log_compute), return_inverse=True)
        strides = np.sqrt((1 - OWN_WALK) * np.diff(ahead, prepend=0.0))[:, None]
        own_strides = np.sqrt(OWN_WALK * ahead[place])[:, None]
        with_luck = np.zeros((n_sample, n_point, len(fit.evidence.benchmarks)))
        without = np.zeros_like(with_luck)
        for row, index in enumerate(picked[:n_sample]):
            made = {name: array[index] for name, array in fit.draws.items()}
            walk = np.cumsum(strides * rng.standard_normal((len(ahead), with_luck.shape[2])), axis=0)
            beyond = made["pace"] * walk[place]
            luck = rng.standard_t(TAIL_DEGREES, (1 + LUCK_DRAWS, *with_luck.shape[1:])) * made["luck"]
            luck += own_strides * rng.standard_normal(luck.shape) * made["pace"]
            logits = [
                mean_logit(made, fit.evidence.falls(losses[row]), steps) + beyond for losses in (observed, latent)
            ]
            with_luck[row] = self._score(logits[0] + luck[0], rng)
            without[row] = np.mean([self._score(logits[1] + one, rng) for one in luck[1:]], axis=0)
        noise = np.sqrt(with_luck * (1 - with_luck) / fit.evidence.n_trials + self.priors.evaluation**2)
        return np.clip(with_luck + noise * rng.standard_normal(noise.shape), 0.0, 1.0), without

    def _score(self, logits: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Scores from logits ``(point, benchmark)``; where not learnt, that of a run that had not learnt either."""
        evidence = self._fitted().evidence
        score = np.asarray(evidence.chance + (1 - evidence.chance) * expit(logits))
        low = logits < UNLEARNT
        for column in np.flatnonzero(low.any(axis=0)):
            known = evidence.unlearnt_scores(int(column))
            if len(known):
                score[low[:, column], column] = rng.choice(known, int(low[:, column].sum()))
        return score


def _judge(evidence: ScoreEvidence, draws: Mapping[str, FloatArray], tree: xr.DataTree) -> Gate:
    places = evidence.falls(np.stack([evidence.centre, evidence.log_loss.min(axis=0)]))
    steps = np.zeros((2, draws["walk"].shape[1]))
    logits = mean_logit(draws, places, steps)
    labels = ("median losses", "lowest losses")
    reported = sampling.by_label("logit", evidence.benchmarks, labels, logits, tree)
    return sampling.gate(reported, tree)
