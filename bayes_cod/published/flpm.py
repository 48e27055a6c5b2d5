"""FLP-M: compute spent on each data domain to one loss a domain, then a small network to the score."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.published import loss_maps
from bayes_cod.published.base import PointMethod
from bayes_cod.published.loss_problems import loss_problems
from bayes_cod.published.problems import FloatArray, LossProblem, Solution

SHARE_FLOOR = 1e-3
"""Smallest share of a training domain: the law diverges at 0."""

MAX_ITER = 500
"""Iterations of the network's optimiser."""


class FLPM(PointMethod[LossProblem]):
    """Domain power laws and a two-layer network.

    First stage, for each loss domain, on final models: ``log L = k + a_0 log sum_d C_d + sum_d a_d log C_d`` by ridge
    regression, ``C_d`` the compute spent on training domain d. With one mixing ratio in the ladder, or no mixtures
    table, only the sum of the exponents is determined, and the fit is in effect ``log L = k + a_0 log C``.
    Second stage, on checkpoints above chance + 0.05: losses, standardised, to score by a network with one hidden layer.

    Parameters
    ----------
    domains
        Loss domains; all if not given.
    hidden
        Units of the hidden layer. Not stated in the publication.
    weight_decay
        L2 penalty of the network's weights. Not stated either; without one a handful of points is overfitted.
    ridge
        Penalty on the exponents of the first stage, in units of the squared deviation of log compute.
    seed
        Seed of the network's initial weights.
    """

    name = "flpm"
    min_rungs = 3

    def __init__(
        self,
        domains: Sequence[str] | None = None,
        hidden: int = 8,
        weight_decay: float = 1e-3,
        ridge: float = 1e-6,
        seed: int = 0,
    ) -> None:
        self.domains = domains
        self.hidden = hidden
        self.weight_decay = weight_decay
        self.ridge = ridge
        self.seed = seed

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[LossProblem]:
        """Losses of every domain and scores, one problem a benchmark."""
        return loss_problems(ladder, "validation", method=self.name, domains=self.domains, per_domain=True)

    def solve_many(self, problems: Sequence[LossProblem], start: Solution | None = None) -> list[Solution]:
        """Fit both stages of each problem; a replicate's network starts from the weights in `start`."""
        return [self._solve(problem, None if start is None else start.state) for problem in problems]

    def _solve(self, problem: LossProblem, start: Any) -> Solution:
        design = _design(problem.flops, problem.flops[-1], problem.weights)
        coefficients = _ridge(design, np.log(problem.loss), self.ridge)
        network = self._network(problem, start)

        def score(loss: FloatArray) -> FloatArray:
            return np.asarray(network.predict(loss), dtype=np.float64)

        def predict(target: Target) -> float:
            weights = _target_weights(target, problem)
            row = _design(np.array([target.flops]), problem.flops[-1], weights)
            return float(score(np.exp(row @ coefficients))[0])

        return Solution(
            predict=predict,
            fitted=score(problem.checkpoint_loss),
            n_params=len(problem.domains) + 1,
            fitted_log_loss=design @ coefficients,
            facts={
                "losses": list(problem.domains),
                "training_domains": list(problem.mixture_domains),
                "network_converged": bool(network[-1].n_iter_ < MAX_ITER),
            },
            state=network if start is None else None,
        )

    def _network(self, problem: LossProblem, start: Any) -> Any:
        used = loss_maps.emerged(problem, at_least=3)
        pipeline = deepcopy(start) if start is not None else make_pipeline(StandardScaler(), self._untrained())
        with warnings.catch_warnings():
            # a stop at the limit is told in the facts, once a benchmark, instead of once a fit on the terminal
            warnings.simplefilter("ignore", ConvergenceWarning)
            return pipeline.fit(problem.checkpoint_loss[used], problem.checkpoint_score[used])

    def _untrained(self) -> MLPRegressor:
        return MLPRegressor(
            hidden_layer_sizes=(self.hidden,),
            activation="tanh",
            solver="lbfgs",
            alpha=self.weight_decay,
            max_iter=MAX_ITER,
            max_fun=20 * MAX_ITER,
            tol=1e-7,
            random_state=self.seed,
            warm_start=True,
        )


def _design(flops: FloatArray, reference: float, weights: FloatArray | None) -> FloatArray:
    """Columns 1, log total compute and log compute of each training domain, [run, column]; unit: `reference`."""
    log_total = np.log(flops / reference)
    columns = [np.ones_like(log_total), log_total]
    if weights is not None and weights.shape[1] > 1:
        shares = np.maximum(weights, SHARE_FLOOR)
        columns += list((log_total[:, None] + np.log(shares / shares.sum(axis=1, keepdims=True))).T)
    return np.stack(columns, axis=1)


def _ridge(design: FloatArray, log_loss: FloatArray, penalty: float) -> FloatArray:
    """Ridge coefficients [column, domain], the intercept free."""
    centre = design[:, 1:].mean(axis=0)
    centred = design[:, 1:] - centre
    gram = centred.T @ centred
    scale = max(float(np.trace(gram)) / len(gram), 1e-12)
    slopes = np.linalg.solve(gram + penalty * scale * np.eye(len(gram)), centred.T @ log_loss)
    intercept = log_loss.mean(axis=0) - centre @ slopes
    return np.vstack([intercept, slopes])


def _target_weights(target: Target, problem: LossProblem) -> FloatArray | None:
    if problem.weights is None:
        return None
    if target.mixture is None:
        if np.ptp(problem.weights, axis=0).max() < 1e-9:
            return problem.weights[:1]
        raise InputError(
            f"the method 'flpm' needs the mixture of target '{target.name}', because the rungs' mixtures differ; "
            f"give its shares of: {', '.join(problem.mixture_domains)}"
        )
    unknown = sorted(set(target.mixture) - set(problem.mixture_domains))
    if unknown:
        raise InputError(
            f"the mixture of target '{target.name}' has the domain '{unknown[0]}', which no rung was trained on; "
            f"expected: {', '.join(problem.mixture_domains)}"
        )
    return np.array([[target.mixture.get(name, 0.0) for name in problem.mixture_domains]])
