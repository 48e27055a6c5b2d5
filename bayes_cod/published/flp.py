"""FLP: compute to loss to performance, in two separate stages, and the other two-stage methods.

All of them predict a loss for the target and map it to a score; they differ in the form of either stage and in the loss
they are used with.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np

from bayes_cod.ladder import Ladder, Target
from bayes_cod.published import loss_laws, loss_maps
from bayes_cod.published.base import PointMethod
from bayes_cod.published.loss_laws import LossLaw
from bayes_cod.published.loss_maps import LossMap
from bayes_cod.published.loss_problems import LossKind, loss_problems
from bayes_cod.published.problems import FloatArray, LossProblem, Solution

MIN_RUNGS_FOR_OVERTRAINING = 5
MIN_RUNGS_FOR_PARAMS_TOKENS = 6


class TwoStage(PointMethod[LossProblem]):
    """A loss law of the final models, then a map from loss to score on the checkpoints.

    Parameters
    ----------
    domains
        Domains of the losses table; their geometric mean is the loss. All domains if not given.
    """

    prefer: LossKind = "validation"
    min_rungs = 3
    n_params = 2
    needs_size = False

    def __init__(self, domains: Sequence[str] | None = None) -> None:
        self.domains = domains

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[LossProblem]:
        """Losses and scores, one problem a benchmark."""
        return loss_problems(ladder, self.prefer, method=self.name, domains=self.domains)

    @abstractmethod
    def loss_law(self, problem: LossProblem) -> LossLaw:
        """First stage, on the final models."""

    @abstractmethod
    def loss_map(self, problem: LossProblem) -> LossMap:
        """Second stage, on the checkpoints."""

    def solve(self, problem: LossProblem) -> Solution:
        """Fit both stages."""
        law, to_score = self.loss_law(problem), self.loss_map(problem)

        def predict(target: Target) -> float:
            run = loss_laws.target_columns(target, self.needs_size, self.name)
            return float(to_score(law(*run))[0])

        return Solution(
            predict=predict,
            fitted=to_score(problem.checkpoint_loss[:, 0]),
            n_params=self.n_params,
            fitted_log_loss=np.log(law(problem.flops, problem.params, problem.tokens))[:, None],
            facts={"loss": problem.domains[0]},
        )


class FLP(TwoStage):
    """``log L`` linear in ``log C`` on final models; score linear in L on checkpoints above chance + 0.05.

    Where fewer than three checkpoints are, all are used.
    """

    name = "flp"

    def loss_law(self, problem: LossProblem) -> LossLaw:
        """Power law without irreducible term."""
        return loss_laws.fit_power_law(problem.flops, problem.loss[:, 0])

    def loss_map(self, problem: LossProblem) -> LossMap:
        """Line through the emerged checkpoints."""
        used = loss_maps.emerged(problem, at_least=3)
        return loss_maps.fit_line(problem.checkpoint_loss[used, 0], problem.checkpoint_score[used])


class Gadre(TwoStage):
    """``L = E + (a M^eta + b M^-eta) C^-eta`` and ``1 - score = eps - k exp(-gamma L)``, on final models.

    The publication predicts the mean of 17 tasks; here every benchmark has its own map. Where params or tokens are not
    known, or tokens per parameter don't vary, ``L = E + a C^-eta``.
    """

    name = "gadre"
    min_rungs = 4
    n_params = 3

    def loss_law(self, problem: LossProblem) -> LossLaw:
        """Law of over-training."""
        tokens = problem.tokens if len(problem) >= MIN_RUNGS_FOR_OVERTRAINING else np.full(len(problem), np.nan)
        return loss_laws.fit_overtraining(problem.flops, problem.params, tokens, problem.loss[:, 0])

    def loss_map(self, problem: LossProblem) -> LossMap:
        """Exponential of the loss, on the final models."""
        return loss_maps.fit_exponential(problem.loss[:, 0], problem.score)


class OLMoTwoStep(TwoStage):
    """Task loss ``L(N, D) = E + A N^-alpha + B D^-beta``, then a sigmoid from loss to score.

    First step: Huber loss of log L, all terms non-negative, on final models. Second step: checkpoints, the first tenth
    of each run dropped, averaged over five neighbours, with the point (0, 1) added.
    """

    name = "olmo-two-step"
    prefer: LossKind = "task"
    min_rungs = MIN_RUNGS_FOR_PARAMS_TOKENS
    n_params = 4
    needs_size = True

    def loss_law(self, problem: LossProblem) -> LossLaw:
        """Law in size and tokens."""
        params, tokens = loss_laws.run_columns(problem, self.name)
        return loss_laws.fit_params_tokens(params, tokens, problem.loss[:, 0])

    def loss_map(self, problem: LossProblem) -> LossMap:
        """Sigmoid through smoothed checkpoints."""
        loss, score = smoothed_checkpoints(problem)
        return loss_maps.fit_sigmoid(np.append(loss, 0.0), np.append(score, 1.0), problem.chance)


class Llama3(TwoStage):
    """Task loss linear in ``log C`` on final models, then a sigmoid from loss to score on the checkpoints.

    The publication adds larger models of an older family to the second stage; here the ladder's own are used.
    """

    name = "llama3"
    prefer: LossKind = "task"
    n_params = 4

    def loss_law(self, problem: LossProblem) -> LossLaw:
        """Line in log compute."""
        return loss_laws.fit_line_in_log_compute(problem.flops, problem.loss[:, 0])

    def loss_map(self, problem: LossProblem) -> LossMap:
        """Sigmoid through all checkpoints."""
        return loss_maps.fit_sigmoid(problem.checkpoint_loss[:, 0], problem.checkpoint_score, problem.chance)


def smoothed_checkpoints(problem: LossProblem, drop: float = 0.1, window: int = 5) -> tuple[FloatArray, FloatArray]:
    """Losses and scores along training, averaged over neighbouring checkpoints of one run.

    Parameters
    ----------
    problem
        Gives checkpoints in order of training.
    drop
        Share of each run's training left out at its start.
    window
        Checkpoints averaged; fewer near the ends of a run.
    """
    losses: list[FloatArray] = []
    scores: list[FloatArray] = []
    for model in range(len(problem)):
        mask = (problem.checkpoint_model == model) & (problem.checkpoint_progress > drop)
        for source, sink in ((problem.checkpoint_loss[mask, 0], losses), (problem.checkpoint_score[mask], scores)):
            kernel = np.ones(min(window, len(source)) or 1)
            if len(source):
                sink.append(np.convolve(source, kernel, "same") / np.convolve(np.ones_like(source), kernel, "same"))
    return np.concatenate(losses), np.concatenate(scores)
