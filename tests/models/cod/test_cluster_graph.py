"""Clusters along known paths: the summed-out likelihood, and whether what they share is found."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.special import expit, logsumexp

from bayes_cod.models.cod import cluster_graph
from bayes_cod.models.cod.cluster_graph import LOG_NOISES, LOG_RATIOS, Evidence
from bayes_cod.models.cod.cluster_marginal import evaluate
from bayes_cod.models.cod.clusters import Cluster
from bayes_cod.models.cod.forecaster import SAMPLER

BENCHMARKS, EACH, TRIALS = 8, 10, 4000
PATH = np.array([-2.5, -1.8, -1.1, -0.5, 0.0])
OWNER = np.repeat(np.arange(BENCHMARKS), EACH)
OPTIONS = len(LOG_RATIOS) + 2


def at(point: np.ndarray, tables: np.ndarray, owner: np.ndarray) -> tuple[float, np.ndarray]:
    value, *derived = evaluate(point[:3], point[3:5], point[5], point[6], tables, owner, LOG_RATIOS, LOG_NOISES)
    return float(value), np.concatenate([np.ravel(part) for part in derived])


def test_derivatives_and_places_without_a_cluster() -> None:
    rng = np.random.default_rng(0)
    tables = 2 * rng.standard_normal((4, len(LOG_NOISES), OPTIONS))
    owner = np.array([0, 1, 0, -1])
    point = np.array([*np.log([0.6, 0.3, 0.1]), 0.1, -0.2, 0.5, np.log(0.3)])
    value, derived = at(point, tables, owner)
    assert value == pytest.approx(at(point, tables[:3], owner[:3])[0])
    differences = approx_fprime(point, lambda x: at(x, tables, owner)[0], 1e-7)
    np.testing.assert_allclose(derived, differences, rtol=1e-4, atol=1e-5)


def test_options_are_summed_by_their_probabilities() -> None:
    """At a noise of the grid, with a flat table but for one ratio."""
    tables = np.zeros((1, len(LOG_NOISES), OPTIONS))
    tables[0, :, 3] = 2.0
    shares = np.array([0.6, 0.3, 0.1])
    point = np.array([*np.log(shares), 0.1, 0.0, 0.5, LOG_NOISES[4]])
    weights = cluster_graph.ratio_weights(np.array([0.1]), np.array([0.5]))[0]
    terms = [*(np.log(0.6) + weights + tables[0, 4, :-2]), np.log(0.3), np.log(0.1)]
    assert at(point, tables, np.zeros(1, dtype=int))[0] == pytest.approx(logsumexp(terms))


@pytest.fixture(scope="module")
def shared() -> dict[str, np.ndarray]:
    """Posterior given eighty clusters of known class, ratio and noise."""
    rng = np.random.default_rng(3)
    evidence = []
    for k in range(len(OWNER)):
        ratio = np.exp((0.3 if OWNER[k] % 2 else -0.3) + 0.4 * rng.standard_normal()) if k % EACH < EACH // 2 else 0.0
        theta = rng.normal(0, 1) + ratio * PATH + 0.1 * rng.standard_normal(len(PATH))
        n = np.full(len(PATH), TRIALS)
        evidence.append(Evidence.of(Cluster("b", "c", (), 0.1, n, rng.binomial(n, expit(theta))), PATH, 0.0))
    tree = cluster_graph.sample(evidence, OWNER, BENCHMARKS, SAMPLER, 0)
    posterior = tree["posterior"].to_dataset()
    return {name: posterior[name].values.reshape(-1, *posterior[name].shape[2:]) for name in posterior}


def test_shares_of_classes_and_the_spread_of_ratios_are_found(shared: dict[str, np.ndarray]) -> None:
    law, flat, irregular = shared["class_shares"].mean(axis=0)
    assert law == pytest.approx(0.5, abs=0.12) and flat == pytest.approx(0.5, abs=0.15) and irregular < 0.08
    low, high = np.quantile(shared["ratio_spread"], [0.01, 0.99])
    assert low < 0.4 < high < 0.8


def test_noise_is_found(shared: dict[str, np.ndarray]) -> None:
    assert shared["cluster_noise"].mean() == pytest.approx(0.1, abs=0.04)


def test_benchmarks_differ_in_their_mean_ratio(shared: dict[str, np.ndarray]) -> None:
    mean = shared["mean_log_ratio"][:, :BENCHMARKS].mean(axis=0)
    assert mean[1::2].mean() > mean[0::2].mean() + 0.2
