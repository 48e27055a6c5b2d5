"""What a published method is given of one benchmark: scores, counts of questions, or losses and scores.

A `Problem` holds everything a method may see. Intervals are made by changing problems, never methods:
`first` leaves out the largest rungs, `resample` draws a bootstrap replicate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from bayes_cod.ladder import Ladder, Target

type FloatArray = npt.NDArray[np.float64]
type IntArray = npt.NDArray[np.int64]

MIN_LOSS_SD = 1e-6
"""Noise of log losses, where a fit through every run leaves none."""


@dataclass(frozen=True)
class Solution:
    """A fitted method on one benchmark.

    Attributes
    ----------
    predict
        Score of a target, a fraction.
    fitted : [rung]
        Fitted scores of the rungs, or of the checkpoints where the method is fitted to checkpoints.
    n_params
        Free parameters of the curve.
    fitted_log_loss : [rung, domain], optional
        Fitted log losses of the rungs, for loss-based methods.
    facts
        What should stand beside the forecast.
    state
        Where a refit to a replicate may start, for methods with a slow search.
    """

    predict: Callable[[Target], float]
    fitted: FloatArray
    n_params: int
    fitted_log_loss: FloatArray | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    state: Any = None


@dataclass(frozen=True)
class ScoreProblem:
    """Scores of the rungs on one benchmark, by increasing compute.

    Attributes
    ----------
    benchmark
        Its name.
    models
        Rungs that were evaluated on it.
    flops : [rung]
        Compute in FLOPs.
    score : [rung]
        Observed scores, fractions.
    chance
        Score of a random guesser; 0 where it is not known.
    n_questions
        Questions of the benchmark; NaN where not known.
    """

    benchmark: str
    models: tuple[str, ...]
    flops: FloatArray
    score: FloatArray
    chance: float
    n_questions: float

    def __len__(self) -> int:
        return len(self.flops)

    @property
    def x(self) -> FloatArray:
        """Compute in decades from the largest rung, [rung]."""
        return self.decades(self.flops)

    def decades(self, flops: npt.ArrayLike) -> FloatArray:
        """Compute in decades from the largest rung."""
        return np.asarray(np.log10(np.asarray(flops, dtype=float) / self.flops[-1]))

    @property
    def margin(self) -> float:
        """Half a question's worth of score, the distance kept from 0 and 1 where logs are taken."""
        return 0.5 / self.n_questions if np.isfinite(self.n_questions) else 5e-4

    def clip(self, score: npt.ArrayLike) -> FloatArray:
        """Scores kept `margin` away from 0 and 1."""
        return np.asarray(np.clip(score, self.margin, 1 - self.margin))

    def logit(self, score: npt.ArrayLike) -> FloatArray:
        """Log odds of clipped scores."""
        return np.asarray(logit(self.clip(score)))

    @property
    def observations(self) -> FloatArray:
        """Scores that `Solution.fitted` describes."""
        return self.score

    def first(self, n: int) -> Self:
        """The problem with the `n` smallest rungs."""
        return replace(self, models=self.models[:n], flops=self.flops[:n], score=self.score[:n])

    def residuals(self, solution: Solution) -> FloatArray:
        """Logit residuals of the fit, centred and freed of the shrinkage by fitted parameters.

        Where the curve has as many parameters as there are points, there is nothing left to learn the noise
        from; one binomial standard error of the evaluation, up and down, is taken instead.
        """
        observed = self.observations
        n, p = len(observed), solution.n_params
        if n <= p:
            centre = self.clip(observed[-1])
            questions = self.n_questions if np.isfinite(self.n_questions) else 1000.0
            return np.array([-1.0, 1.0]) / float(np.sqrt(questions * centre * (1 - centre)))
        residual = self.logit(observed) - self.logit(solution.fitted)
        return np.asarray((residual - residual.mean()) * np.sqrt(n / (n - p)))

    def resample(self, solution: Solution, rng: np.random.Generator) -> Self:
        """A replicate: fitted scores plus residuals drawn with replacement, on the logit scale."""
        noise = rng.choice(self.residuals(solution), len(self))
        return replace(self, score=expit(self.logit(solution.fitted) + noise))


@dataclass(frozen=True)
class ItemProblem(ScoreProblem):
    """Counts of every question at every rung, with the scores they give.

    Attributes
    ----------
    n_correct, n_trials : int [question, rung]
        Passes and trials, at least one trial everywhere.
    anchor : [question], optional
        Pass rates of an anchor, NaN where it did not answer.
    """

    n_correct: IntArray
    n_trials: IntArray
    anchor: FloatArray | None = None

    @property
    def pass_rates(self) -> FloatArray:
        """Pass rates, [question, rung]."""
        return np.asarray(self.n_correct / self.n_trials)

    def first(self, n: int) -> Self:
        """The problem with the `n` smallest rungs."""
        smaller = super().first(n)
        return replace(smaller, n_correct=self.n_correct[:, :n], n_trials=self.n_trials[:, :n])

    def resample(self, solution: Solution, rng: np.random.Generator) -> Self:
        """A replicate: questions drawn with replacement, each with its counts at all rungs."""
        chosen = rng.integers(0, len(self.n_trials), len(self.n_trials))
        correct, trials = self.n_correct[chosen], self.n_trials[chosen]
        anchor = None if self.anchor is None else self.anchor[chosen]
        score = (correct / trials).mean(axis=0)
        return replace(self, n_correct=correct, n_trials=trials, anchor=anchor, score=score)


@dataclass(frozen=True)
class LossProblem(ScoreProblem):
    """Losses and scores of final models and of checkpoints.

    Attributes
    ----------
    params, tokens : [rung]
        Size and training tokens; NaN where not known.
    loss : [rung, domain]
        Losses of the final models.
    domains
        Names of the losses.
    weights : [rung, mixture], optional
        Shares of the training domains; absent where all models share one mixture.
    mixture_domains
        Names of the training domains.
    checkpoint_model : [checkpoint]
        Index into `models`.
    checkpoint_loss : [checkpoint, domain]
    checkpoint_score : [checkpoint]
        Losses and scores along training, final models included, in order of training within a model.
    checkpoint_progress : [checkpoint]
        Share of the model's own training done, in (0, 1].
    """

    params: FloatArray
    tokens: FloatArray
    loss: FloatArray
    domains: tuple[str, ...]
    weights: FloatArray | None
    mixture_domains: tuple[str, ...]
    checkpoint_model: IntArray
    checkpoint_loss: FloatArray
    checkpoint_score: FloatArray
    checkpoint_progress: FloatArray

    @property
    def observations(self) -> FloatArray:
        """Scores of the checkpoints, [checkpoint]."""
        return self.checkpoint_score

    def first(self, n: int) -> Self:
        """The problem with the `n` smallest rungs and their checkpoints."""
        kept = self.checkpoint_model < n
        return replace(
            super().first(n),
            params=self.params[:n],
            tokens=self.tokens[:n],
            loss=self.loss[:n],
            weights=None if self.weights is None else self.weights[:n],
            checkpoint_model=self.checkpoint_model[kept],
            checkpoint_loss=self.checkpoint_loss[kept],
            checkpoint_score=self.checkpoint_score[kept],
            checkpoint_progress=self.checkpoint_progress[kept],
        )

    def finals(self) -> Self:
        """The problem without checkpoints before the end of training."""
        final = self.checkpoint_progress >= 1
        return replace(
            self,
            checkpoint_model=self.checkpoint_model[final],
            checkpoint_loss=self.checkpoint_loss[final],
            checkpoint_score=self.checkpoint_score[final],
            checkpoint_progress=self.checkpoint_progress[final],
        )

    def resample(self, solution: Solution, rng: np.random.Generator) -> Self:
        """A replicate of both stages.

        Final losses: fitted log losses plus residuals of whole runs drawn with replacement, so that domains keep
        their joint errors. Scores: fitted scores plus logit residuals drawn with replacement.
        """
        loss = self.loss
        if solution.fitted_log_loss is not None:
            residual = np.log(self.loss) - solution.fitted_log_loss
            residual = residual - residual.mean(axis=0)
            loss = np.exp(solution.fitted_log_loss + residual[rng.integers(0, len(self), len(self))])
        noise = rng.choice(self.residuals(solution), len(self.checkpoint_score))
        return replace(self, loss=loss, checkpoint_score=expit(self.logit(solution.fitted) + noise))


def score_problems(ladder: Ladder) -> list[ScoreProblem]:
    """One problem for every benchmark that at least one rung was evaluated on."""
    rungs = ladder.rungs()
    table = ladder.observed_scores
    problems = []
    for benchmark in ladder.benchmark_names:
        rows = table[table["benchmark"] == benchmark].set_index("model")
        have = rungs[rungs["model"].isin(rows.index)]
        if have.empty:
            continue
        models = tuple(str(name) for name in have["model"])
        problems.append(
            ScoreProblem(
                benchmark=benchmark,
                models=models,
                flops=have["flops"].to_numpy(dtype=float),
                score=rows.loc[list(models), "score"].to_numpy(dtype=float),
                chance=_chance(ladder, benchmark),
                n_questions=_first_finite(rows.loc[list(models), "n_questions"].to_numpy(dtype=float)),
            )
        )
    return problems


def item_problems(
    ladder: Ladder, anchor: str | None = None, pool: Ladder | None = None, *, smooth: bool = False
) -> list[ItemProblem]:
    """One problem for every benchmark with counts, over the questions that all its rungs answered.

    Parameters
    ----------
    ladder
        The ladder; needs an `items` table.
    anchor
        Model of `pool` (or of `ladder`) that informs the map.
    pool
        Where to look for the anchor.
    smooth
        Pool a model's counts with those of the neighbouring checkpoints that the items table lists under its name
        (rows with a `checkpoint`); nothing changes where it lists none.

    Raises
    ------
    InputError
        If there is no `items` table.
    """
    if ladder.items is None:
        ladder.counts("", [])  # raises, naming the table
    if smooth:
        ladder = _pool_checkpoints(ladder)
    problems = []
    for plain in score_problems(ladder):
        counts = ladder.counts(plain.benchmark, plain.models)
        if not len(counts.questions):
            continue
        problems.append(
            ItemProblem(
                benchmark=plain.benchmark,
                models=plain.models,
                flops=plain.flops,
                score=counts.score,
                chance=plain.chance,
                n_questions=float(len(counts.questions)),
                n_correct=counts.n_correct,
                n_trials=counts.n_trials,
                anchor=None
                if anchor is None
                else _anchor_rates(anchor, plain.benchmark, counts.questions, (pool, ladder)),
            )
        )
    return problems


def _pool_checkpoints(ladder: Ladder) -> Ladder:
    assert ladder.items is not None
    counts = ladder.items.groupby(["benchmark", "question_id", "model"], as_index=False, observed=True)
    return replace(ladder, items=counts[["n_trials", "n_correct"]].sum())


def _anchor_rates(
    anchor: str, benchmark: str, questions: npt.NDArray[np.str_], ladders: tuple[Ladder | None, ...]
) -> FloatArray | None:
    for source in ladders:
        if source is None or source.items is None or benchmark not in source.benchmark_names:
            continue
        found = source.counts(benchmark, [anchor], common=False)
        rate = dict(zip(found.questions.tolist(), found.pass_rate[:, 0].tolist(), strict=True))
        values = np.array([rate.get(question, np.nan) for question in questions.tolist()], dtype=float)
        if np.isfinite(values).any():
            return values
    return None


def _chance(ladder: Ladder, benchmark: str) -> float:
    chance = ladder.chance(benchmark)
    return chance if np.isfinite(chance) else 0.0


def _first_finite(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[0]) if len(finite) else float("nan")
