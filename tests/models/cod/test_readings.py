"""Readings of scores: floors, rungs that tell of growth, and steps that may be jumps."""

import numpy as np
import pytest
from scipy.special import logit

from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import at_expected_hazard, cumulated_hazard, readings, scores_of

PRIORS = Priors()
DECADES = np.array([-1.5, -1.0, -0.5, 0.0])
SD = np.full(4, 0.01)


def read(*rate: float, chance: float = 0.0, sd: np.ndarray = SD):
    return readings(np.array(rate), sd, chance, DECADES, PRIORS)


def floors(found) -> list[float]:
    return sorted({round(one.floor, 6) for one in found})


def test_scores_well_above_zero_have_no_hidden_rung() -> None:
    found = read(0.2, 0.3, 0.4, 0.5)
    bare = next(one for one in found if one.floor == 0)
    assert bare.told.all() and bare.hidden == -1
    np.testing.assert_allclose(scores_of(bare, bare.eta), [0.2, 0.3, 0.4, 0.5])
    share = np.array([0.2, 0.3, 0.4, 0.5]) / bare.top
    np.testing.assert_allclose(bare.variance, (0.01 / bare.top / (share * (1 - share))) ** 2)


def test_flat_low_rungs_are_floor_or_slow_growth() -> None:
    found = read(0.17, 0.17, 0.17, 0.6)
    assert 0.17 in floors(found) and 0.0 in floors(found)
    at_floor = next(one for one in found if one.floor == pytest.approx(0.17))
    assert at_floor.told.tolist() == [False, False, False, True]
    assert at_floor.hidden == 2
    assert at_floor.hidden_below == pytest.approx(logit(0.02 / (at_floor.top - at_floor.floor)))


def test_a_known_chance_is_a_floor_and_never_exceeded() -> None:
    found = read(0.25, 0.26, 0.4, 0.6, chance=0.25)
    assert 0.25 in floors(found)
    assert max(one.floor for one in found) <= 0.25


def test_only_steep_steps_from_low_scores_may_be_jumps() -> None:
    def steps(*rate: float) -> set[int]:
        return {one.jump for one in read(*rate) if one.floor == 0}

    assert steps(0.05, 0.06, 0.7, 0.75) == {-1, 1}
    assert steps(0.2, 0.25, 0.3, 0.35) == {-1}
    assert steps(0.8, 0.85, 0.9, 0.99) == {-1}


def test_low_benchmarks_wait_for_a_jump_or_never_make_one() -> None:
    low = [one for one in read(0.05, 0.06, 0.05, 0.06) if one.floor == 0]
    assert sorted(one.waiting for one in low) == [False, True]
    never, ever = sorted(low, key=lambda one: one.waiting)
    assert ever.exposure == pytest.approx(cumulated_hazard(-1.5, 0.0, PRIORS.hazard_growth))
    assert np.exp(never.log_weight - ever.log_weight) == pytest.approx(PRIORS.immune / (1 - PRIORS.immune))
    assert never.exposure == 0
    assert not any(one.waiting for one in read(0.05, 0.5, 0.8, 0.9))


def test_the_hazard_is_that_of_gompertz() -> None:
    grid = np.linspace(-1, 0.5, 20_001)
    assert cumulated_hazard(-1.0, 0.5, 2.0) == pytest.approx(np.trapezoid(np.exp(2 * grid), grid), rel=1e-6)


def test_rungs_without_an_evaluation_tell_nothing() -> None:
    found = read(0.2, np.nan, 0.4, 0.5)
    assert all(not one.told[1] and one.hidden != 1 and one.jump != 1 for one in found)


def test_floors_far_from_the_scores_count_less() -> None:
    """Flat rungs at 17 % are likelier floor than a floor of 0 whose growth stood still twice."""
    found = read(0.0, 0.0, 0.001, 0.0)
    zero = next(one for one in found if one.floor == 0)
    assert zero.hidden == 3 and not zero.told.any()
    shifted = read(0.1, 0.1, 0.1, 0.1)
    assert all(one.hidden == 3 for one in shifted if one.floor == pytest.approx(0.1))


def test_pooled_ladders_have_a_rate_of_jumps_of_their_own() -> None:
    found = read(0.05, 0.06, 0.7, 0.75)
    expected = np.exp(PRIORS.hazard + PRIORS.hazard_sd**2 / 2)
    for own, pooled in zip(found, at_expected_hazard(found, PRIORS), strict=True):
        gone = expected * own.exposure - (np.log(expected) if own.jump >= 0 else 0)
        assert pooled.log_weight == pytest.approx(own.log_weight - gone)
        assert pooled.exposure == 0 and not pooled.by_hazard
