"""Ladders drawn from the priors, and what their ranks say."""

from dataclasses import replace

import numpy as np
import pytest

from bayes_cod.evaluation.calibration import simulate_ranks
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.simulation import REFERENCE, Design, ranks_of, simulate
from bayes_cod.models.sampling import SamplerSettings

PRIORS = LossPriors(), ScorePriors()


def test_the_same_seed_draws_the_same_ladder() -> None:
    first, second, other = (simulate(Design(), PRIORS, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.evidence.score, second.evidence.score)
    assert not np.array_equal(first.evidence.score, other.evidence.score)
    assert np.array_equal(first.observed, second.observed)


def test_losses_lie_around_the_reference() -> None:
    last = [simulate(Design(), PRIORS, seed).evidence.log_loss[-1, 0] for seed in range(300)]
    away = np.array(last) - REFERENCE[0]  # scales of luck and noise have heavy tails, so these are medians
    assert np.median(away) == pytest.approx(0.0, abs=5 * 0.1 / np.sqrt(300))
    assert 1.4826 * np.median(np.abs(away)) == pytest.approx(LossPriors().level_sd, rel=0.2)


def test_heights_and_tops_are_those_of_the_priors() -> None:
    priors, n = PRIORS[1], 4000
    made = simulate(Design(chance=(0.25,) * n, n_questions=(1000.0,) * n), PRIORS, 1).draws.of_score
    assert made["height"].mean() == pytest.approx(priors.height, abs=0.15)
    assert made["height"].std() == pytest.approx(priors.height_sd, rel=0.05)
    assert (1 - made["top"]) / (1 - made["floor"]) == pytest.approx(np.full((1, n), priors.ceiling))


def test_pooled_families_are_drawn_apart_from_the_ladder() -> None:
    apart = replace(LossPriors(), family=0.5, scale_sd=0.01, walk=1e-4, drift=1e-4)
    away = []
    for seed in range(200):
        evidence = simulate(Design(pooled=2), (apart, PRIORS[1]), seed).evidence
        assert evidence.n_pooled == 2 and evidence.n_rungs == 8 and np.isfinite(evidence.score).all()
        place = {
            family: np.flatnonzero((evidence.family == family) & (evidence.params == 8e8) & (evidence.tokens == 8e9))
            for family in (0, 1)
        }
        away.append(float(evidence.log_loss[place[1], 0].mean() - evidence.log_loss[place[0], 0].mean()))
    assert np.std(away) == pytest.approx(0.5, rel=0.2)


@pytest.mark.slow
def test_simulated_ladders_are_fitted_and_ranked() -> None:
    sampler = SamplerSettings(draws=100, tune=200, chains=2, cores=2, target_accept=0.9, max_depth=8)
    model = BayesianFLP(0, sampler=sampler, retry=False)
    ranks, passed = simulate_ranks(lambda seed: ranks_of(seed, model), 4)
    assert ((ranks > 0) & (ranks < 1)).all(axis=None)
    assert ranks.shape[0] == len(passed) == 4
    scores = ranks[[name for name in ranks if str(name).startswith("score")]]
    assert scores.shape[1] == 4 and scores.stack().between(0.005, 0.995).mean() > 0.6
