"""Both stages together: recovery, monotony, refusals, reproducibility."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flpm_ladders import true_losses, true_scores

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Forecaster
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flpm.forecaster import BayesianFLPM
from bayes_cod.models.flpm.losses.table import loss_table
from bayes_cod.models.flpm.scores.density import mean_logit

pytestmark = pytest.mark.slow

NEW = np.array([0.1, 0.2, 0.7])  # books, code, web: on no run


def target(size: float = 1e8, shares: np.ndarray = NEW) -> Target:
    mixture = dict(zip(("books", "code", "web"), map(float, shares), strict=True))
    return Target("new", 6 * size * 20 * size, "fam", size, 20 * size, mixture)


def test_it_is_a_sampled_forecaster(fitted: BayesianFLPM) -> None:
    assert isinstance(fitted, Forecaster)
    made = fitted.forecast([target()], explain=True)
    assert made.explanation is not None and made.explanation.posterior is not None and made.diagnostics is not None
    assert {"posterior", "sample_stats", "scores"} <= set(made.explanation.posterior.children)
    assert set(made.diagnostics.columns) >= {"quantity", "r_hat", "passed"}
    assert made.explanation.domain_losses is not None and len(made.explanation.domain_losses)


def test_losses_of_an_unseen_mixture_are_recovered(fitted: BayesianFLPM) -> None:
    points, _ = fitted.losses.points([target()])
    draws = np.exp(fitted.losses.forecast(points).observed[:, 0])
    truth = true_losses(NEW[[2, 1, 0]], 1e8, 2e9)[[1, 0]]  # code, web
    np.testing.assert_allclose(np.median(draws, axis=0), truth, rtol=0.06)
    low, high = np.quantile(draws, [0.005, 0.995], axis=0)
    assert ((truth > low) & (truth < high)).all()


def test_intervals_grow_with_distance(fitted: BayesianFLPM) -> None:
    points, _ = fitted.losses.points([target(1e8), target(1e9), target(1e11)])
    spread = fitted.losses.forecast(points).observed.std(axis=0).mean(axis=1)
    assert spread[0] < spread[1] < spread[2]


def test_scores_of_an_unseen_mixture_are_recovered(fitted: BayesianFLPM) -> None:
    forecast = fitted.forecast([target()])
    truth = true_scores(true_losses(NEW[[2, 1, 0]], 1e8, 2e9))
    for benchmark, value in zip(("easy", "hard"), truth, strict=True):
        low, high = forecast.interval("new", benchmark, 0.99)
        assert low <= value <= high


def test_scores_never_fall_when_a_loss_falls(fitted: BayesianFLPM) -> None:
    losses = fitted.scores.evidence.centre + np.random.default_rng(0).normal(0, 0.3, (50, 2))
    for index in range(0, len(fitted.scores.draws["level"]), 50):
        made = {name: draws[index] for name, draws in fitted.scores.draws.items()}
        steps = np.zeros((50, made["walk"].shape[0]))
        base = mean_logit(made, fitted.scores.evidence.falls(losses), steps)
        for domain in range(2):
            lower = fitted.scores.evidence.falls(losses - 0.1 * np.eye(2)[domain])
            assert (mean_logit(made, lower, steps) > base).all()


def test_pure_mixtures_have_finite_and_wider_losses(fitted: BayesianFLPM) -> None:
    points, _ = fitted.losses.points([target(), target(shares=np.array([1.0, 0.0, 0.0]))])
    draws = fitted.losses.forecast(points).observed
    assert np.isfinite(draws).all()
    mixed, pure = draws.std(axis=0).mean(axis=1)
    assert pure > mixed


def test_what_lies_ahead_on_the_walk_is_shared_by_runs_of_a_size(fitted: BayesianFLPM) -> None:
    there = np.full((400, 1, 2), 1.0) * fitted.scores.evidence.centre
    compute = np.log([1e8 * 2e9])
    near, far = (fitted.scores.forecast(there, there, compute + step)[0].std(axis=0) for step in (0.0, 12.0))
    assert (far > near).all()
    both = fitted.scores.forecast(np.repeat(there, 2, axis=1), np.repeat(there, 2, axis=1), np.repeat(compute, 2) + 12)
    observed, latent = (np.corrcoef(scores[:, 0, 0], scores[:, 1, 0])[0, 1] for scores in both)
    assert latent > 0.7  # a mean over few draws of the runs' own luck and walk
    assert observed < latent


def test_same_seed_same_numbers(fitted: BayesianFLPM) -> None:
    first, second = (fitted.forecast([target()]).draws["score"].values for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_joint_draws_agree_with_separate_ones(fitted: BayesianFLPM) -> None:
    points, _ = fitted.losses.points([target(), target(shares=np.array([0.12, 0.2, 0.68]))])
    alone = fitted.losses.forecast(points).latent
    joint = fitted.losses.forecast(points, joint=True).latent
    np.testing.assert_allclose(joint.std(axis=0), alone.std(axis=0), rtol=0.25)
    gap = [np.std(draws[:, 0] - draws[:, 1]) for draws in (joint, alone)]
    assert gap[0] <= gap[1] * 1.1


def test_the_table_of_losses(fitted: BayesianFLPM) -> None:
    table = loss_table(fitted.losses, [target()])
    assert list(table["domain"].unique()) == ["code", "web", "mean"]
    wide = table.pivot(index="domain", columns="kind", values="sd")
    assert (wide["observed"] >= wide["latent"] * 0.95).all()
    assert (table["q05"] < table["q50"]).all()


def test_unusable_targets(fitted: BayesianFLPM) -> None:
    with pytest.raises(InputError, match="no target"):
        fitted.forecast([])
    with pytest.raises(InputError, match="no mixture"):
        fitted.forecast([replace(target(), mixture=None)])


def test_not_fitted_yet() -> None:
    with pytest.raises(BayesCodError, match="not fitted"):
        BayesianFLPM(0).forecast([target()])


def test_a_ladder_without_scores_is_refused(ladder: Ladder) -> None:
    from bayes_cod.models.flpm.evidence import LossSettings, gather_losses
    from bayes_cod.models.flpm.scores.evidence import gather_scores

    losses = gather_losses(ladder, LossSettings())
    assert ladder.scores is not None
    renamed = replace(ladder, scores=ladder.scores.assign(model="x" + ladder.scores["model"]))
    with pytest.raises(InputError, match="both losses and a score"):
        gather_scores(renamed, losses)
