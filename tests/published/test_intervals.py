from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import reference_laws
from scipy.special import expit, logit
from synthetic import FLOPS, TARGET, item_ladder, loss_ladder, score_ladder

from bayes_cod.errors import InputError
from bayes_cod.published import Bootstrap, Conformal, make
from bayes_cod.published.exponential import Exponential
from bayes_cod.published.flp import FLP

C = FLOPS / 1e18


def noisy_scores(seed: int, sd: float = 0.1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: expit(logit(reference_laws.cod_f3(C, a, 0.25)) + rng.normal(0, sd, 8))
        for name, a in (("x", 9.0), ("y", 4.0))
    }


@pytest.mark.parametrize("cls", [partial(Bootstrap, replicates=20), Conformal])
def test_same_seed_same_draws(cls: Callable[..., Bootstrap | Conformal]) -> None:
    ladder = score_ladder(noisy_scores(0))
    first, second, other = (
        cls(Exponential(), seed=seed).fit(ladder).forecast([TARGET]).draws["score"].values for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("cls", [partial(Bootstrap, replicates=20), Conformal])
def test_no_noise_no_width(cls: Callable[..., Bootstrap | Conformal]) -> None:
    ladder = score_ladder({"x": reference_laws.cod_f3(C, 9.0, 0.25)})
    method = cls(Exponential(), seed=0).fit(ladder)
    low, high = method.forecast([TARGET]).interval("target", "x")
    assert high - low < 0.01
    assert (low + high) / 2 == pytest.approx(reference_laws.cod_f3(3.8e6, 9.0, 0.25), abs=0.01)


@pytest.mark.parametrize("cls", [partial(Bootstrap, replicates=20), Conformal])
def test_more_noise_more_width(cls: Callable[..., Bootstrap | Conformal]) -> None:
    def width(sd: float) -> float:
        forecast = cls(Exponential(), seed=0).fit(score_ladder(noisy_scores(1, sd))).forecast([TARGET])
        low, high = forecast.interval("target", "x")
        return high - low

    assert 0 < width(0.02) < width(0.3)


def test_observed_draws_hold_the_latent_ones_and_a_residual() -> None:
    method = Bootstrap(Exponential(), replicates=40, per_replicate=5, seed=0).fit(score_ladder(noisy_scores(2)))
    draws = method.forecast([TARGET]).draws
    assert draws["score"].shape == (200, 1, 2)
    assert np.all((draws["score"] >= 0) & (draws["score"] <= 1))
    residual = logit(draws["score"].values[:, 0, 0]) - logit(draws["latent"].values[:, 0, 0])
    assert set(np.round(residual, 6)) <= set(np.round(method.residuals_[0], 6))


def test_residuals_are_centred_and_freed_of_the_fitted_parameters() -> None:
    method = Exponential().fit(score_ladder(noisy_scores(3)))
    problem, solution = method.problems_[0], method.solutions_[0]
    raw = logit(problem.score) - logit(solution.fitted)
    np.testing.assert_allclose(problem.residuals(solution), (raw - raw.mean()) * np.sqrt(8 / 5), rtol=1e-6)


def test_without_degrees_of_freedom_the_evaluation_noise_is_left() -> None:
    ladder = score_ladder({"x": np.array([0.2, 0.3])}, flops=FLOPS[:2])
    problem = make("exponential", 0).fit(ladder).problems_[0]
    expected = 1 / np.sqrt(1e9 * 0.3 * 0.7)
    np.testing.assert_allclose(
        problem.residuals(make("exponential", 0).fit(ladder).solutions_[0]), [-expected, expected]
    )


def test_questions_are_resampled_for_methods_that_see_them() -> None:
    rng = np.random.default_rng(0)
    rates = reference_laws.cod_f3(C, rng.choice([9.0, 40.0, 120.0], (80, 1)), rng.uniform(0.25, 0.4, (80, 1)))
    method = Bootstrap(make("cod-kmeans", 0), replicates=5, seed=0).fit(item_ladder(rates))
    draws = method.forecast([TARGET]).samples("target", "b", "latent")
    assert len(np.unique(draws)) == 5
    problem = method.method.problems_[0]
    replicate = problem.resample(method.method.solutions_[0], rng)
    assert replicate.n_correct.shape == problem.n_correct.shape
    np.testing.assert_allclose(replicate.score, (replicate.n_correct / replicate.n_trials).mean(axis=0))
    known = {tuple(row) for row in problem.n_correct}
    assert all(tuple(row) in known for row in replicate.n_correct)


def test_both_stages_are_resampled_for_methods_that_see_losses() -> None:
    rng = np.random.default_rng(1)
    loss = 8.0 * (FLOPS / 1e19) ** -0.12 * np.exp(rng.normal(0, 0.01, 8))
    score = 0.9 - 0.1 * loss + rng.normal(0, 0.01, 8)
    method = Bootstrap(FLP(), replicates=30, seed=0).fit(loss_ladder(loss, score))
    problem, solution = method.method.problems_[0], method.method.solutions_[0]
    replicate = problem.resample(solution, rng)
    assert not np.allclose(replicate.loss, problem.loss)
    assert not np.allclose(replicate.checkpoint_score, problem.checkpoint_score)
    assert np.std(method.forecast([TARGET]).samples("target", "b", "latent")) > 0


def test_conformal_misses_are_those_of_the_method() -> None:
    ladder = score_ladder(noisy_scores(5))
    method = Conformal(Exponential(), seed=0).fit(ladder)
    # cuts at 4, 5, 6, 7 of 8 rungs leave 4 + 3 + 2 + 1 rungs out, on two benchmarks
    assert len(method.misses_) == 20
    problem = method.method.problems_[0]
    point = Exponential().solve(problem.first(7)).predict(ladder.target("m7"))
    assert any(miss.error == pytest.approx(logit(problem.score[7]) - logit(point)) for miss in method.misses_)


def test_conformal_grows_with_distance() -> None:
    method = Conformal(make("last-rung", 0), seed=0).fit(score_ladder(noisy_scores(6)))
    near, far = ladder_targets()
    forecast = method.forecast([near, far])
    widths = [np.subtract(*forecast.interval(t.name, "x")[::-1]) for t in (near, far)]
    assert widths[1] > 1.3 * widths[0]


def ladder_targets():
    from bayes_cod.ladder import Target

    return Target("near", 2.8e23), Target("far", 1.4e25)


def test_conformal_needs_a_rung_to_leave_out() -> None:
    ladder = score_ladder({"x": np.array([0.2, 0.3])}, flops=FLOPS[:2])
    with pytest.raises(InputError, match="'exponential\\+conformal' needs 3 rungs or more"):
        make("exponential+conformal", 0).fit(ladder)


def test_settings_are_checked() -> None:
    with pytest.raises(InputError, match="2 replicates"):
        Bootstrap(Exponential(), replicates=1)
    with pytest.raises(InputError, match="min_decades above 0"):
        Conformal(Exponential(), min_decades=0.0)


def test_a_draw_has_one_rungs_luck_on_all_benchmarks() -> None:
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 0.2, 8)
    scores = {
        name: expit(logit(reference_laws.cod_f3(C, a, 0.25)) + luck) for name, a in (("x", 9.0), ("y", 4.0), ("z", 6.0))
    }
    ladder = score_ladder(scores)
    bootstrap = Bootstrap(make("passrate", 0), replicates=40, seed=0).fit(ladder).forecast([TARGET]).draws
    conformal = Conformal(make("passrate", 0), seed=0).fit(ladder).forecast([TARGET]).draws
    for draws, least in ((bootstrap, 0.8), (conformal, 0.5)):
        for variable in ("score", "latent"):
            values = logit(draws[variable].values[:, 0])
            assert np.corrcoef(values.T)[np.triu_indices(3, 1)].min() > least


def test_joint_conformal_draws_have_the_pooled_errors_of_every_benchmark() -> None:
    method = Conformal(make("last-rung", 0), samples=40_000, seed=0).fit(score_ladder(noisy_scores(7)))
    pooled = np.array([miss.error / np.sqrt(miss.decades) for miss in method.misses_])
    drawn = method._errors((1, 2))
    for benchmark in range(2):
        values, counts = np.unique(np.round(np.abs(drawn[:, 0, benchmark]), 9), return_counts=True)
        expected, times = np.unique(np.round(np.abs(pooled), 9), return_counts=True)
        np.testing.assert_allclose(values, expected)
        # five standard errors of a share
        share = times / times.sum()
        np.testing.assert_allclose(counts / 40_000, share, atol=5 * np.sqrt(share.max() / 40_000))
        assert abs(np.sign(drawn[:, 0, benchmark]).mean()) < 5 / np.sqrt(40_000)
    np.testing.assert_array_equal(np.sign(drawn[:, 0, 0] * drawn[:, 0, 1]), _signs(method, drawn))


def _signs(method: Conformal, drawn: np.ndarray) -> np.ndarray:
    """Sign of the product of two benchmarks' errors of one event, from the errors themselves."""
    sign_of = {round(abs(miss.error / np.sqrt(miss.decades)), 9): np.sign(miss.error) for miss in method.misses_}
    found = [[sign_of[round(abs(value), 9)] for value in row] for row in drawn[:, 0]]
    return np.prod(np.array(found), axis=1)
