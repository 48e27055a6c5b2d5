"""Ladders drawn from the priors, and what their ranks say."""

import numpy as np
import pytest

from bayes_cod.evaluation.calibration import simulate_ranks
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.simulation import REFERENCE, Design, ranks_of, simulate
from bayes_cod.models.sampling import SamplerSettings


def test_the_same_seed_draws_the_same_ladder() -> None:
    first, second, other = (simulate(Design(), Priors(), 1.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.evidence.score, second.evidence.score)
    assert not np.array_equal(first.evidence.score, other.evidence.score)
    assert np.array_equal(first.observed, second.observed)


def test_losses_lie_around_the_reference() -> None:
    last = [simulate(Design(), Priors(), 1.0, seed).evidence.log_loss[-1, 0] for seed in range(300)]
    away = np.array(last) - REFERENCE[0]  # scales of luck and noise have heavy tails, so these are medians
    assert np.median(away) == pytest.approx(0.0, abs=5 * 0.1 / np.sqrt(300))
    assert 1.4826 * np.median(np.abs(away)) == pytest.approx(Priors().level_sd, rel=0.2)


def test_heights_are_drawn_from_both_pieces_of_their_prior() -> None:
    priors = Priors()
    for skew in (1.0, 0.3):
        design = Design(chance=(0.25,) * 4000, n_questions=(1000.0,) * 4000)
        above = simulate(design, priors, skew, 1).draws.height[0] - priors.height_mean
        below_sd = priors.height_sd_below * np.sqrt(skew)
        assert (above < 0).mean() == pytest.approx(below_sd / (below_sd + priors.height_sd), abs=0.03)
        assert np.sqrt((above[above < 0] ** 2).mean()) == pytest.approx(below_sd, rel=0.08)
        assert np.sqrt((above[above > 0] ** 2).mean()) == pytest.approx(priors.height_sd, rel=0.08)


def test_kinds_of_benchmarks_are_drawn_by_their_shares() -> None:
    priors, design = Priors(), Design(chance=(0.25,) * 2000, n_questions=(1000.0,) * 2000)
    draws = simulate(design, priors, 1.0, 3).draws
    unanswered = (1 - draws.top) / (1 - draws.floor)
    assert unanswered.min() == pytest.approx(priors.ceiling) and unanswered.max() == pytest.approx(priors.early_ceiling)
    assert (unanswered > 0.1).mean() == pytest.approx(priors.levelling_share, abs=0.04)


def test_pooled_families_are_drawn_apart_from_the_ladder() -> None:
    apart = Priors(family_loss=0.5, loss_noise_sd=0.01, loss_walk=-9.0, loss_drift=-9.0)
    away = []
    for seed in range(200):
        evidence = simulate(Design(pooled=2), apart, 1.0, seed).evidence
        assert evidence.n_pooled == 2 and evidence.n_rungs == 8 and np.isfinite(evidence.score).all()
        place = {
            family: np.flatnonzero((evidence.family == family) & (evidence.params == 8e8) & (evidence.tokens == 8e9))
            for family in (0, 1)
        }
        away.append(float(evidence.log_loss[place[1], 0].mean() - evidence.log_loss[place[0], 0].mean()))
    assert np.std(away) == pytest.approx(0.5, rel=0.2)


@pytest.mark.slow
def test_simulated_ladders_are_fitted_and_ranked() -> None:
    sampler = SamplerSettings(draws=100, tune=200, chains=2, cores=2, target_accept=0.9)
    model = BayesianFLP(0, sampler=sampler, forms={"logistic": 1.0}, retry=False)
    ranks, passed = simulate_ranks(lambda seed: ranks_of(seed, model), 4)
    assert ((ranks > 0) & (ranks < 1)).all(axis=None)
    assert ranks.shape[0] == len(passed) == 4
    scores = ranks[[name for name in ranks if str(name).startswith("score")]]
    assert scores.shape[1] == 4 and scores.stack().between(0.005, 0.995).mean() > 0.6
