"""Jumps ahead: counted at the rungs, drawn ahead, and absent where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cod_ladders import ladder
from scipy.special import expit

from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.predict import Draws, jump_rate, jumped, predict
from bayes_cod.models.cod.priors import Priors

SAMPLES = 4000
PRIOR = Priors()
GROWTH = PRIOR.jump_growth
STILL, JUMPING = np.full(4, -3.0), np.array([-3.0, -3.0, 2.0, 2.0])


def known(paths: list[np.ndarray]) -> tuple[Observations, Draws, float]:
    """Draws of known paths, all of them own walk; and decades from the first rung to the third and the last."""
    seen = observe(ladder(), PRIOR)
    one, many = np.ones(SAMPLES), np.ones((SAMPLES, len(paths)))
    theta = np.stack(paths, axis=-1)
    own = np.broadcast_to(theta - theta[-1], (SAMPLES, *theta.shape))
    draws = Draws(one, 0.1 * one, 0.1 * one, np.zeros((SAMPLES, 4)), theta[-1] * many, 0 * many, 0.3 * many, own)
    # rungs half a decade apart, so that what happens between two of them can be fast
    return replace(seen, axis=replace(seen.axis, rungs=np.array([-1.5, -1.0, -0.5, 0.0]))), draws, 1.5


def test_the_rate_has_its_conjugate_posterior() -> None:
    seen, draws, _ = known([JUMPING, JUMPING, STILL])
    rate = jump_rate(draws, seen, PRIOR, np.random.default_rng(0))
    shape, exposure = PRIOR.jump_shape + 2, PRIOR.jump_exposure + 2 * 1.0 + 1.5  # two jumped from the second rung on
    assert rate.mean() == pytest.approx(shape / exposure, rel=0.03)
    assert rate.var() == pytest.approx(shape / exposure**2, rel=0.1)


def test_a_family_that_never_jumped_hardly_will() -> None:
    seen, draws, decades = known([STILL, STILL, STILL])
    rate = jump_rate(draws, seen, PRIOR, np.random.default_rng(0))
    none = (PRIOR.jump_exposure / (PRIOR.jump_exposure + 3 * decades)) ** PRIOR.jump_shape
    share = PRIOR.jump_share * none / (PRIOR.jump_share * none + 1 - PRIOR.jump_share)
    assert (rate > 0).mean() == pytest.approx(share, abs=0.003)
    assert rate.mean() < 0.005


@pytest.mark.parametrize("path", [np.array([-3.0, -2.0, -1.0, 0.0]), np.array([1.0, 3.0, 5.0, 7.0])])
def test_growth_and_what_happens_above_are_no_jumps(path: np.ndarray) -> None:
    seen, draws, _ = known([path] * 3)
    assert (jump_rate(draws, seen, PRIOR, np.random.default_rng(0)) > 0).mean() < 0.03


def test_a_step_over_decades_is_no_jump() -> None:
    seen, draws, _ = known([JUMPING] * 3)
    wide = replace(seen, axis=replace(seen.axis, rungs=np.array([-6.0, -4.0, -2.0, 0.0])))
    assert (jump_rate(draws, wide, PRIOR, np.random.default_rng(0)) > 0).mean() < 0.03


def test_paths_jump_once_stay_above_and_come_as_often_as_the_rate_says() -> None:
    x = np.array([2.0, -1.0, 0.0, 0.5, 1.0])
    theta = np.broadcast_to(np.array([-3.0, 3.0]), (SAMPLES, 5, 2)) + 0.2 * x[:, None]
    level, rate = np.broadcast_to(np.array([-3.0, 3.0]), (SAMPLES, 2)), np.full(SAMPLES, 0.7)
    found = jumped(theta, level, rate, x, PRIOR, np.random.default_rng(0))
    np.testing.assert_array_equal(found[:, 1:3], theta[:, 1:3])  # within the ladder nothing changes
    np.testing.assert_array_equal(found[..., 1], theta[..., 1])  # what is high does not jump
    has = found[..., 0] > theta[..., 0]
    ahead = x[[3, 4, 0]]
    np.testing.assert_allclose(
        has[:, [3, 4, 0]].mean(axis=0), 1 - np.exp(-0.7 * np.expm1(GROWTH * ahead) / GROWTH), atol=0.03
    )
    assert (np.diff(found[:, [2, 3, 4, 0], 0], axis=1) > 0).all()  # along compute: a jump stays, and grows on
    p, after = expit(theta[has][:, 0]), expit(found[has][:, 0])
    share = (after - p) / (1 - p)
    assert share.mean() == pytest.approx(PRIOR.jump_landing / (PRIOR.jump_landing + 1), abs=0.02)


def test_without_a_share_of_jumping_families_nothing_jumps() -> None:
    seen, draws, _ = known([JUMPING, JUMPING, STILL])
    x = np.array([1.0])
    never = predict(draws, seen, replace(PRIOR, jump_share=0.0), x, np.random.default_rng(0))
    often = predict(draws, seen, PRIOR, x, np.random.default_rng(0))
    assert expit(never.theta[:, 0, 2]).max() < 0.5
    assert (expit(often.theta[:, 0, 2]) > 0.5).mean() > 0.2
