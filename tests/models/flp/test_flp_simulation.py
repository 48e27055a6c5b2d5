"""Ladders drawn from the priors, and what their ranks say."""

import numpy as np
import pandas as pd
import pytest

from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.simulation import REFERENCE, Design, calibrate, simulate, summarise_ranks
from bayes_cod.sampling import SamplerSettings


def test_the_same_seed_draws_the_same_ladder() -> None:
    first, second, other = (simulate(Design(), Priors(), 1.0, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.evidence.score, second.evidence.score)
    assert not np.array_equal(first.evidence.score, other.evidence.score)
    assert np.array_equal(first.observed, second.observed)


def test_losses_lie_around_the_reference() -> None:
    last = [simulate(Design(), Priors(), 1.0, seed).evidence.log_loss[-1, 0] for seed in range(300)]
    assert np.mean(last) == pytest.approx(REFERENCE[0], abs=4 * 0.1 / np.sqrt(300))
    assert np.std(last) == pytest.approx(Priors().level_sd, rel=0.2)


def test_ranks_are_summarised() -> None:
    rng = np.random.default_rng(0)
    uniform = pd.DataFrame({"ladder": range(400), "quantity": "good", "rank": rng.random(400), "passed": True})
    narrow = uniform.assign(quantity="narrow", rank=np.clip((uniform["rank"] - 0.5) * 3 + 0.5, 0, 1))
    table = summarise_ranks(pd.concat([uniform, narrow])).set_index("quantity")
    assert table.loc["good", "covered_90"] == pytest.approx(0.9, abs=0.06) and table.loc["good", "p_uniform"] > 1e-3
    assert table.loc["narrow", "covered_90"] < 0.5 and table.loc["narrow", "p_uniform"] < 1e-6


@pytest.mark.slow
def test_simulated_ladders_are_fitted_and_ranked() -> None:
    sampler = SamplerSettings(draws=100, tune=200, chains=2, cores=2, target_accept=0.9)
    model = BayesianFLP(0, sampler=sampler, forms={"logistic": 1.0})
    ranks = calibrate(model, 4, 0)
    assert ranks["rank"].between(0, 1).all()
    assert set(ranks["ladder"]) == set(range(4))
    scores = ranks[ranks["quantity"].str.startswith("score")]
    assert len(scores) == 16 and scores["rank"].between(0.005, 0.995).mean() > 0.6
