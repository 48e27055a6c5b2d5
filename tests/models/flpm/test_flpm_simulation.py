"""A few simulations from the prior: the fit must know about as much as it says."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.evaluation.calibration import judge, simulate_ranks
from bayes_cod.models.flpm.losses.simulation import ranks_of, simulate
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.sampling import SamplerSettings

SMALL = SamplerSettings(draws=60, tune=150, chains=1, cores=1, target_accept=0.8)


def test_simulated_runs_are_plausible() -> None:
    losses = np.concatenate([np.exp(simulate(seed, LossPriors())[0].log_loss).ravel() for seed in range(40)])
    assert np.isfinite(losses).all()
    low, high = np.quantile(losses, [0.05, 0.95])
    assert low > 0.2
    assert high < 40


@pytest.mark.slow
def test_ranks_of_a_few_simulations() -> None:
    ranks, passed = simulate_ranks(lambda seed: ranks_of(seed, sampler=SMALL), 6)
    assert ((ranks > 0) & (ranks < 1)).all(axis=None)
    assert len(passed) == 6
    assert judge(ranks, probability=0.9999).passed
