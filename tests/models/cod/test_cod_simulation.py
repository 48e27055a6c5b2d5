"""Ladders drawn from the priors of Bayesian COD, and what their ranks say."""

import numpy as np
import pytest
from scipy.special import expit

from bayes_cod.evaluation.calibration import simulate_ranks
from bayes_cod.models.cod.mapping import above_chance, bernstein_basis, monotone
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.simulation import MAPPED, PATHS, Design, prior_draw, ranks_of, simulate


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
        truth = made.draws.floor[0] + (made.draws.top - made.draws.floor)[0] * expit(made.draws.level[0])
        seen = [group.n_correct[-1] / group.n_trials[-1] for group in made.evidence.groups]
        assert seen == pytest.approx(truth, abs=0.012)  # a fifth of a point of noise remains


def test_parameters_have_the_priors_moments() -> None:
    rng = np.random.default_rng(0)
    priors = Priors()
    drawn = [prior_draw(PATHS, priors, rng) for _ in range(4000)]
    for name, sd in (("slope_mean", "slope_sd"), ("own_walk", "own_walk_sd"), ("hazard", "hazard_sd")):
        values = np.log([shared[name] for _, shared in drawn])
        assert values.mean() == pytest.approx(getattr(priors, name), abs=0.12)
        assert values.std() == pytest.approx(getattr(priors, sd), rel=0.05)
    wild = np.log([draws.own_walk[0, 0] / shared["own_walk"] for draws, shared in drawn])
    assert wild.std() == pytest.approx(priors.wild_walk, rel=0.05)
    floor = np.array([draws.floor[0] for draws, _ in drawn])
    assert (floor[:, 2] <= 0.25).all() and (floor[:, 3] <= 0.5).all()
    assert (floor[:, 0] == 0).mean() == pytest.approx(priors.floor_at_zero, abs=0.04)
    guessed = floor[floor[:, 0] > 0, 0]
    assert np.median(np.log(guessed / (1 - guessed))) == pytest.approx(priors.floor_mean, abs=0.15)


def test_jumps_lower_what_was_before_them() -> None:
    """With a high hazard benchmarks that start low have jumped within the ladder; with none they wait or never do."""
    rng = np.random.default_rng(1)
    often, never = (
        [prior_draw(PATHS, Priors(hazard=np.log(rate), hazard_sd=1e-6), rng)[0] for _ in range(300)]
        for rate in (50.0, 1e-9)
    )
    waiting = [np.mean([draws.unjumped for draws in drawn]) for drawn in (often, never)]
    assert waiting[0] < 0.02 and waiting[1] > 0.5
    rise = [np.median([draws.path[0, :, 0] for draws in drawn]) for drawn in (often, never)]
    assert rise[0] < rise[1] - 0.5


def test_the_rest_follows_the_map() -> None:
    exact = Design(n_trials=(10_000,) * 5, rest=MAPPED.rest)
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
