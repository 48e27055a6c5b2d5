"""Draws of what the likelihood sums out: exact given what benchmarks share."""

import numpy as np
import pytest
from hand_made import RUNGS

from bayes_cod.models.cod.conditional import Shared, _path
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import Reading

PRIORS = Priors()
N = 40_000


def shared() -> Shared:
    tile = np.ones(N)
    return Shared(
        slope=1.2 * tile,
        spread=0.5 * tile,
        curvature=0.2 * tile,
        hazard=0.1 * tile,
        level=-0.5 * tile,
        persistent=np.tile([-1.5, -0.95, -0.3, 0.0], (N, 1)),
        passing=np.tile([0.02, -0.05, 0.03, 0.04], (N, 1)),
        walk=np.full((N, 1), 0.4),
        luck=np.full((N, 1), 0.2),
    )


def reading(told: list[bool], hidden: int = -1, jump: int = -1) -> Reading:
    eta = np.array([-3.0, -2.2, -0.4, 0.3])
    return Reading(
        floor=0.0,
        top=0.999,
        eta=eta,
        variance=np.array([0.05, 0.04, 0.02, 0.01]),
        told=np.array(told),
        hidden=hidden,
        hidden_below=-4.0,
        jump=jump,
        waiting=False,
        exposure=0.0,
        log_weight=0.0,
    )


def covariance(one: Reading) -> tuple[np.ndarray, np.ndarray]:
    of = shared()
    compute = (of.persistent + of.passing)[0]
    before = np.arange(4) <= one.jump
    mean = -0.5 + 1.2 * compute - PRIORS.jump_mean * before
    cov = PRIORS.level_sd**2 + 0.25 * np.outer(compute, compute) + 0.04 * np.eye(4)
    cov = cov + 0.16 * np.minimum(-RUNGS[:, None], -RUNGS[None, :]) + PRIORS.jump_sd**2 * np.outer(before, before)
    return mean, cov


@pytest.mark.parametrize("one", [reading([True] * 4), reading([True, False, True, True]), reading([True] * 4, jump=1)])
def test_eta_has_the_moments_of_the_conditional_normal(one: Reading) -> None:
    eta, _, _ = _path(one, RUNGS, shared(), np.arange(N), 0, PRIORS, np.random.default_rng(0))
    mean, cov = covariance(one)
    told = np.flatnonzero(one.told)
    known = cov[np.ix_(told, told)] + np.diag(one.variance[told])
    gain = np.linalg.solve(known, cov[told]).T
    expected = mean + gain @ (one.eta[told] - mean[told])
    left = cov - gain @ cov[told]
    error = 5 * np.sqrt(np.diag(left) / N)  # a false alarm in a million
    assert (np.abs(eta.mean(axis=0) - expected) < error).all()
    np.testing.assert_allclose(np.cov(eta.T), left, atol=0.05 * np.diag(left).max())


def test_the_hidden_rung_stays_below_what_would_have_been_seen() -> None:
    one = reading([False, False, True, True], hidden=1)
    eta, _, _ = _path(one, RUNGS, shared(), np.arange(N), 0, PRIORS, np.random.default_rng(1))
    assert (eta[:, 1] < one.hidden_below + 0.01).all()
    assert eta[:, 1].mean() == pytest.approx(_truncated_mean(one), abs=0.05)


def _truncated_mean(one: Reading) -> float:
    """Mean of the hidden rung by rejection from the conditional normal."""
    mean, cov = covariance(one)
    told = np.flatnonzero(one.told)
    known = cov[np.ix_(told, told)] + np.diag(one.variance[told])
    weight = np.linalg.solve(known, cov[told, 1])
    centre = mean[1] + weight @ (one.eta[told] - mean[told])
    sd = np.sqrt(cov[1, 1] - weight @ cov[told, 1])
    drawn = np.random.default_rng(2).normal(centre, sd, 4_000_000)
    return float(drawn[drawn < one.hidden_below].mean())


def test_passing_luck_is_all_that_parts_the_paths() -> None:
    one = reading([True] * 4)
    eta, persistent, slope = _path(one, RUNGS, shared(), np.arange(N), 0, PRIORS, np.random.default_rng(3))
    own = eta - persistent - slope[:, None] * shared().passing
    assert own.std() < 0.25 and own.std() > 0.05
