"""Candidates keep limits, cover the simplex, and extrapolation is told apart."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.decisions.simplex import Limits, allowed, candidates, inside_hull
from bayes_cod.errors import InputError

SOURCES = ("web", "code", "books")


@pytest.mark.parametrize("n_source", [2, 3, 4, 17])
def test_candidates_are_mixtures_within_limits(n_source: int) -> None:
    low, high = np.full(n_source, 0.01), np.full(n_source, 0.7)
    tried = np.random.default_rng(0).dirichlet(np.ones(n_source), 20)
    shares = candidates(low, high, 200, tried, seed=1)
    assert 60 <= len(shares) <= 900
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert allowed(shares, low, high).all()
    assert (np.ptp(shares, axis=0) > 0.1).all()
    np.testing.assert_array_equal(shares, candidates(low, high, 200, tried, seed=1))


def test_without_limits_the_corners_are_candidates() -> None:
    for n_source in (2, 3, 5):
        shares = candidates(np.zeros(n_source), np.ones(n_source), 300, np.eye(n_source), seed=0)
        for corner in np.eye(n_source):
            assert np.abs(shares - corner).max(axis=1).min() < 1e-6


def test_available_tokens_and_repetitions_limit_a_share() -> None:
    limits = Limits(available={"code": 1e9}, repetitions=4)
    _, high = limits.bounds(SOURCES, 1e10)
    np.testing.assert_allclose(high, [1, 0.4, 1])


def test_limits_that_leave_one_mixture() -> None:
    low, high = Limits({"web": 0.5, "code": 0.5}).bounds(SOURCES, None)
    shares = candidates(low, high, 100, np.eye(3), seed=0)
    np.testing.assert_allclose(shares, [[0.5, 0.5, 0.0]], atol=1e-6)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits({"maths": 0.1}), "unknown training domain 'maths'"),
        (Limits({"web": 1.5}), "between 0 and 1"),
        (Limits({"web": 0.6}, {"web": 0.5}), "'web' must have at least"),
        (Limits({"web": 0.6, "code": 0.6}), "smallest shares sum to"),
        (Limits({}, {"web": 0.2, "code": 0.2, "books": 0.2}), "largest to"),
        (Limits(repetitions=0), "`repetitions`"),
        (Limits(available={"code": -1.0}), "tokens available"),
    ],
)
def test_limits_that_cannot_be_met(limits: Limits, message: str) -> None:
    with pytest.raises(InputError, match=message):
        limits.bounds(SOURCES, 1e9)


def test_available_tokens_need_the_runs_tokens() -> None:
    with pytest.raises(InputError, match="tokens are known"):
        Limits(available={"code": 1e9}).bounds(SOURCES, None)


def test_blends_lie_inside_and_others_do_not() -> None:
    tried = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    shares = np.array([[0.4, 0.3, 0.3], [0.8, 0.1, 0.1], [0.9, 0.05, 0.05], [0.5, 0.5, 0.0]])
    assert inside_hull(shares, tried).tolist() == [True, True, False, False]
