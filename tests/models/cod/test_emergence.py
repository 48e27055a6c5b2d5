"""When other families jumped, and what the ladder to forecast takes from it."""

from dataclasses import replace

import numpy as np
import pytest
from hand_made import evidence
from scipy.stats import truncnorm

from bayes_cod.models.cod.emergence import Due, Emergence
from bayes_cod.models.cod.path_graph import read
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import cumulated_hazard, readings

PRIORS = Priors()
DECADES = np.array([-1.0, -0.5, 0.0])
JUMPED = Emergence(np.array([0.9]), np.array([0.4]), np.array([0.3]), np.array([2.0]), never=0.02, open=0.08, last=1.0)
NOT_YET = Emergence(*np.empty((4, 0)), never=0.1, open=0.9, last=0.6)


def low(*others: Emergence, rate=(0.02, 0.02, 0.03)):
    found = readings(np.array(rate), np.full(3, 0.005), 0.0, DECADES, PRIORS, others=others)
    return [one for one in found if one.floor == 0]


def share(found, picked) -> float:
    weight = np.exp([one.log_weight for one in found])
    return float(weight[[picked(one) for one in found]].sum() / weight.sum())


def test_a_due_jump_has_the_probability_of_its_places_and_families_weigh_alike() -> None:
    due = Due.of([JUMPED, NOT_YET])
    assert due.between(-np.inf, np.inf) == pytest.approx(0.45)
    assert due.between(0.1, 0.7) == pytest.approx(0.45 * 0.682689, abs=1e-5)


def test_draws_of_a_due_jump_come_after_the_last_rung() -> None:
    due = Due(np.array([0.3, 0.6]), np.array([-0.2, 0.8]), np.array([0.3, 0.2]), np.array([0.0, 5.0]))
    at, landing = due.draw(50_000, 0.1, np.random.default_rng(0))
    assert at.min() >= 0
    early, late = landing < 2.5, landing > 2.5
    left = 0.3 * (1 - due_before(-0.2, 0.3))
    assert early.mean() == pytest.approx(left / (left + 0.6), abs=0.01)
    assert at[early].mean() == pytest.approx(truncnorm.mean(0.2 / 0.3, np.inf, -0.2, 0.3), abs=0.01)
    assert at[late].mean() == pytest.approx(0.8, abs=0.01)


def due_before(centre: float, spread: float) -> float:
    return float(truncnorm.cdf(-centre / spread, -np.inf, np.inf))


def test_without_other_families_a_jump_comes_by_the_hazard_alone() -> None:
    assert {one.by_hazard for one in low()} == {True} and not any(one.due for one in low())


def test_a_benchmark_that_another_family_saw_jump_waits_for_the_same() -> None:
    foretold = share(low(JUMPED), lambda one: one.due is not None)
    assert 0.4 < foretold < PRIORS.emergence_shared  # those whose jump should have come by now are left out
    assert all(not one.by_hazard and one.exposure == 0 for one in low(JUMPED) if one.due)


def test_a_benchmark_that_has_not_jumped_elsewhere_is_quiet_up_to_there() -> None:
    found = low(NOT_YET)
    quiet = [one for one in found if one.quiet > 0]
    assert [one.quiet for one in quiet] == [0.6] and quiet[0].exposure == 0
    assert share(found, lambda one: one.quiet > 0) == pytest.approx(0.63, abs=0.01)


def test_a_step_where_others_jumped_is_no_evidence_of_the_hazard() -> None:
    rate = (0.02, 0.02, 0.6)
    near = replace(JUMPED, centre=np.array([-0.25]))
    jumps = [one for one in low(near, rate=rate) if one.jump == 1]
    assert sorted(one.by_hazard for one in jumps) == [False, True]
    told, own = sorted(jumps, key=lambda one: one.by_hazard)
    assert np.exp(told.log_weight - own.log_weight) == pytest.approx(
        0.7 * 0.9 * (2 * due_before(-0.25, 0.3) - 1) / (0.3 * (1 - PRIORS.immune)) / step(), rel=1e-6
    )


def step() -> float:
    return float(cumulated_hazard(-0.5, 0.0, PRIORS.hazard_growth))


def test_families_are_placed_on_absolute_compute() -> None:
    own = evidence(np.array([[3, 2, 2, 3], [250] * 4]))
    other = evidence(np.array([[3, 2, 600, 700], [250] * 4]))
    larger = other.rungs.assign(flops=other.rungs["flops"] * 10)  # one decade larger
    found = read(own, PRIORS, [replace(other, rungs=larger)])
    due = [one.due for one in found[0][0] if one.due is not None]
    steep = float(np.diff(other.decades)[1])
    assert due and due[0].centre[0] == pytest.approx(1 + other.decades[1:3].mean())
    assert due[0].spread[0] == pytest.approx(np.hypot(PRIORS.emergence_sd, steep / np.sqrt(12)))
    assert due[0].weight.sum() > 0.9
