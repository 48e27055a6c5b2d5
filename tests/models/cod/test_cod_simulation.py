"""Ladders drawn from the priors of Bayesian COD, and what their ranks say."""

import numpy as np
import pytest

from bayes_cod.evaluation.calibration import simulate_ranks
from bayes_cod.models.cod.mapping import above_chance, bernstein_basis, monotone
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.simulation import Design, prior_draw, ranks_of, simulate


def test_the_same_seed_draws_the_same_ladder() -> None:
    first, second, other = (simulate(Design(), Priors(), seed) for seed in (1, 1, 2))
    counts = [np.array([group.n_correct for group in one.evidence.groups]) for one in (first, second, other)]
    assert np.array_equal(counts[0], counts[1])
    assert not np.array_equal(counts[0], counts[2])
    assert np.array_equal(first.observed, second.observed)


def test_counts_follow_the_true_curves() -> None:
    exact = Design(n_trials=(10_000,) * 5)
    priors = Priors(whole_concentration=1e9)
    for seed in range(10):
        made = simulate(exact, priors, seed)
        truth = made.draws.floor[0] + (made.draws.top - made.draws.floor)[0] * np.exp(-np.exp(-made.draws.level[0]))
        seen = [group.n_correct[-1] / group.n_trials[-1] for group in made.evidence.groups]
        assert seen == pytest.approx(truth, abs=0.012)  # a fifth of a point of noise remains


def test_parameters_have_the_priors_moments() -> None:
    rng = np.random.default_rng(0)
    priors = Priors()
    drawn = [prior_draw(Design(), priors, rng) for _ in range(4000)]
    slope_mean = np.log([slope for _, slope in drawn])
    assert slope_mean.mean() == pytest.approx(priors.slope_mean, abs=0.04)
    assert slope_mean.std() == pytest.approx(priors.slope_sd, rel=0.05)
    walk = np.log([draws.own_walk[0] for draws, _ in drawn])
    assert walk.mean() == pytest.approx(priors.own_walk, abs=0.05)
    guessed = np.array([draws.floor[0] for draws, _ in drawn])
    assert (guessed[:, 2] <= 0.25).all() and (guessed[:, 3] <= 0.5).all()
    assert np.median(np.log(guessed[:, 0] / (1 - guessed[:, 0]))) == pytest.approx(priors.floor_mean, abs=0.1)


def test_the_rest_follows_the_map() -> None:
    exact = Design(n_trials=(10_000,) * 5)
    made = simulate(exact, Priors(map_concentration=1e9), 3)
    assert [group.benchmark for group in made.evidence.rest] == ["b1", "b3"]
    assert made.draws.map_increments is not None
    for rest, b in zip(made.evidence.rest, (1, 3), strict=True):
        inside = made.evidence.groups[b]
        assert rest.weight + inside.weight == pytest.approx(1)
        chance = exact.chance[b]
        basis = bernstein_basis(above_chance(inside.n_correct / inside.n_trials, np.array(chance)))
        expected = chance + (1 - chance) * monotone(basis, made.draws.map_increments[0, b])
        assert rest.n_correct / rest.n_trials == pytest.approx(expected, abs=0.005)


@pytest.mark.slow
def test_simulated_ladders_are_fitted_and_ranked() -> None:
    ranks, passed = simulate_ranks(ranks_of, 4)
    assert ((ranks > 0) & (ranks < 1)).all(axis=None)
    assert ranks.shape[0] == len(passed) == 4
    scores = ranks[[name for name in ranks if str(name).startswith("score")]]
    assert scores.shape[1] == 10 and scores.stack().between(0.005, 0.995).mean() > 0.7
