"""Outlying runs are found, named, and count less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.losses import outlying
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.priors import LossPriors

N, D = 60, 4
SD = np.array([0.01, 0.02, 0.01, 0.03])


def runs(seed: int = 0) -> LossEvidence:
    rng = np.random.default_rng(seed)
    points = Points(rng.dirichlet(np.ones(3), N), np.full(N, 15.0), np.full(N, 20.0), np.zeros(N), np.arange(N))
    return LossEvidence(
        tuple(f"run{i}" for i in range(N)),
        points,
        SD * rng.standard_normal((N, D)),
        tuple("abcd"),
        tuple("xyz"),
        by_compute=False,
    )


def found(evidence: LossEvidence) -> np.ndarray:
    zero = np.zeros_like(evidence.log_loss)
    return outlying.spreads(evidence, zero, zero + 1, 0.5, LossPriors())


def test_a_run_that_is_far_off_in_all_domains_is_found_and_named() -> None:
    evidence = runs()
    losses = evidence.log_loss.copy()
    losses[7] += 20 * SD
    spread = found(replace(evidence, log_loss=losses))
    assert spread.argmax() == 7
    assert spread[7] > outlying.FAR_OUT
    assert np.delete(spread, 7).max() < 2
    (sentence,) = outlying.named(evidence, spread)
    assert "1 run lies" in sentence
    assert "run7" in sentence
    assert outlying.named(evidence, found(evidence)) == ()


def test_ordinary_runs_count_alike() -> None:
    spread = np.concatenate([found(runs(seed)) for seed in range(20)])
    assert (spread > 1).mean() < 0.03
    assert spread.max() < 1.6


@pytest.mark.parametrize("count", [1, 2, 3])
def test_fewer_runs_than_domains_count_alike(count: int) -> None:
    evidence = runs()
    few = replace(evidence, points=evidence.points.take(slice(0, count)), log_loss=evidence.log_loss[:count])
    np.testing.assert_array_equal(found(few), 1.0)


def test_a_run_with_a_large_spread_weighs_less() -> None:
    evidence = runs()
    spread = np.ones(N)
    spread[3] = 1e4
    features, signal = Features.of(evidence.points, spread), 2.0
    widths = 1 + signal * features.values

    def at_the_runs(losses: np.ndarray) -> np.ndarray:
        weights = (signal / widths * np.sqrt(features.values))[:, None] * (
            features.vectors.T @ (losses / spread[:, None])
        )
        return np.asarray(features.new(evidence.points) @ weights)

    moved = evidence.log_loss.copy()
    moved[3] += 5.0
    np.testing.assert_allclose(at_the_runs(moved), at_the_runs(evidence.log_loss), atol=1e-4)
    moved = evidence.log_loss.copy()
    moved[4] += 5.0
    assert np.abs(at_the_runs(moved) - at_the_runs(evidence.log_loss)).max() > 0.5
