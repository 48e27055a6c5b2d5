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
    def loss_law(self, problem: LossProblem, start: FloatArray | None) -> LossLaw:
        """First stage, on the final models; `start` is where a refit to a replicate may begin."""

    @abstractmethod
    def loss_maps(self, problems: Sequence[LossProblem]) -> list[LossMap]:
        """Second stage, on the checkpoints, for problems that differ in nothing but their scores."""

    def solve_many(self, problems: Sequence[LossProblem], start: Solution | None = None) -> list[Solution]:
        """Fit both stages of each problem."""
        begin = None if start is None else start.state
        laws = [self.loss_law(problem, begin) for problem in problems]
        return [
            self._solution(problem, law, to_score)
            for problem, law, to_score in zip(problems, laws, self.loss_maps(problems), strict=True)
        ]

    def _solution(self, problem: LossProblem, law: LossLaw, to_score: LossMap) -> Solution:
        def predict(target: Target) -> float:
            run = loss_laws.target_columns(target, self.needs_size, self.name)
            return float(to_score(law(*run))[0])

        return Solution(
            predict=predict,
            fitted=to_score(problem.checkpoint_loss[:, 0]),
            n_params=self.n_params,
            fitted_log_loss=np.log(law(problem.flops, problem.params, problem.tokens))[:, None],
            facts={"loss": problem.domains[0]},
            state=law.theta,
        )


class FLP(TwoStage):
    """``log L`` linear in ``log C`` on final models; score linear in L on checkpoints above chance + 0.05.

    Where fewer than three checkpoints are, all are used.
    """

    name = "flp"

    def loss_law(self, problem: LossProblem, start: FloatArray | None) -> LossLaw:
        """Power law without irreducible term."""
        return loss_laws.fit_power_law(problem.flops, problem.loss[:, 0])

    def loss_maps(self, problems: Sequence[LossProblem]) -> list[LossMap]:
        """Lines through the emerged checkpoints."""
        return [_line(problem) for problem in problems]


class Gadre(TwoStage):
    """``L = E + (a M^eta + b M^-eta) C^-eta`` and ``1 - score = eps - k exp(-gamma L)``, on final models.

    The publication predicts the mean of 17 tasks; here every benchmark has its own map. Where params or tokens are not
    known, or tokens per parameter don't vary, ``L = E + a C^-eta``.
    """

    name = "gadre"
    min_rungs = 4
    n_params = 3

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[LossProblem]:
        """Losses and scores of final models, one problem a benchmark."""
        return [problem.finals() for problem in super().problems(ladder, pool)]

    def loss_law(self, problem: LossProblem, start: FloatArray | None) -> LossLaw:
        """Law of over-training."""
        tokens = problem.tokens if len(problem) >= MIN_RUNGS_FOR_OVERTRAINING else np.full(len(problem), np.nan)
        return loss_laws.fit_overtraining(problem.flops, problem.params, tokens, problem.loss[:, 0])

    def loss_maps(self, problems: Sequence[LossProblem]) -> list[LossMap]:
        """Exponentials of the loss, on the final models."""
        return [loss_maps.fit_exponential(p.checkpoint_loss[:, 0], p.checkpoint_score) for p in problems]


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

    def loss_law(self, problem: LossProblem, start: FloatArray | None) -> LossLaw:
        """Law in size and tokens."""
        params, tokens = loss_laws.run_columns(problem, self.name)
        return loss_laws.fit_params_tokens(params, tokens, problem.loss[:, 0], start)

    def loss_maps(self, problems: Sequence[LossProblem]) -> list[LossMap]:
        """Sigmoids through smoothed checkpoints."""
        smoothed = [smoothed_checkpoints(problem) for problem in problems]
        scores = np.stack([np.append(score, 1.0) for _, score in smoothed])
        return loss_maps.fit_sigmoid(np.append(smoothed[0][0], 0.0), scores)


class Llama3(TwoStage):
    """Task loss linear in ``log C`` on final models, then a sigmoid from loss to score on the checkpoints.

    The publication adds larger models of an older family to the second stage; here the ladder's own are used.
    """

    name = "llama3"
    prefer: LossKind = "task"
    n_params = 4

    def loss_law(self, problem: LossProblem, start: FloatArray | None) -> LossLaw:
        """Line in log compute."""
        return loss_laws.fit_line_in_log_compute(problem.flops, problem.loss[:, 0])

    def loss_maps(self, problems: Sequence[LossProblem]) -> list[LossMap]:
        """Sigmoids through all checkpoints."""
        scores = np.stack([problem.checkpoint_score for problem in problems])
        return loss_maps.fit_sigmoid(problems[0].checkpoint_loss[:, 0], scores)


def _line(problem: LossProblem) -> LossMap:
    used = loss_maps.emerged(problem, at_least=3)
    return loss_maps.fit_line(problem.checkpoint_loss[used, 0], problem.checkpoint_score[used])


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
