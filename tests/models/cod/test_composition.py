"""Clusters along a known path: classes are found, the map is monotone between fixed ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from cod_ladders import ladder
from scipy.special import expit

from bayes_cod.models.cod.clusters import REST, WHOLE, Cluster, cluster_questions
from bayes_cod.models.cod.composition import Composition, compose
from bayes_cod.models.cod.forecaster import SAMPLER
from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.cod.priors import Priors

SAMPLES = 400
RISING = np.array([-2.0, -1.2, -0.4, 0.5])


def known(seen: Observations, path: np.ndarray) -> Draws:
    """Draws of which every one has the same path, for all benchmarks."""
    benchmarks, rungs = len(seen.benchmarks), len(seen.axis.rungs)
    one, many = np.ones(SAMPLES), np.ones((SAMPLES, benchmarks))
    own = np.broadcast_to((path - path[-1])[None, :, None], (SAMPLES, rungs, benchmarks))
    return Draws(one, 0.1 * one, one, np.zeros((SAMPLES, rungs)), path[-1] * many, 0 * many, many, own)


def made(path: np.ndarray = RISING) -> tuple[Observations, Composition]:
    seen = observe(ladder(), Priors())
    n = np.full(4, 2000)
    of = {
        "follows": expit(path),
        "still": np.full(4, 0.4),
        "wild": np.array([0.9, 0.1, 0.8, 0.2]),
        "solved": np.full(4, 0.999),
    }
    clusters = [Cluster("arith", name, (), 0.2, n, np.rint(n * p).astype(int)) for name, p in of.items()]
    clusters += [Cluster(name, WHOLE, (), 1.0, n, n // 2) for name in ("flat", "logic")]
    return seen, compose(clusters, seen, known(seen, path), SAMPLER, 0, np.random.default_rng(0))


def test_classes_are_found() -> None:
    _, found = made()
    follows, still, wild, solved = found.probability[:4]
    assert follows[0] > 0.9 and still[1] > 0.9 and wild[2] > 0.9
    assert solved[0] < 0.1  # what has not moved does not show that it follows
    np.testing.assert_allclose(found.probability.sum(axis=1), 1)


def test_a_benchmark_that_has_not_moved_extrapolates_nowhere() -> None:
    _, found = made(np.full(4, -3.0))
    assert found.extrapolating()[0] < 0.25
    assert found.extrapolating()[1] == 0


def test_one_cluster_is_its_benchmark() -> None:
    seen, found = made()
    theta = np.random.default_rng(1).standard_normal((SAMPLES, 5, 3))
    rates = found.pass_rates(theta, seen.floor, np.random.default_rng(2))
    np.testing.assert_allclose(rates[..., 4], expit(theta[..., 1]))


@pytest.mark.parametrize("floor", [0.0, 0.25])
def test_the_map_is_monotone_between_fixed_ends(floor: float) -> None:
    _, found = made()
    subset = np.linspace(floor, 1, 21)
    full = found.full_of_subset(subset, np.full(3, floor), np.random.default_rng(3))
    assert (np.diff(full, axis=1) >= -1e-12).all()
    np.testing.assert_allclose(full[:, 0], floor, atol=1e-9)
    np.testing.assert_allclose(full[:, -1], 1, atol=1e-9)
    np.testing.assert_allclose(full[..., 1], np.broadcast_to(subset[None], full[..., 1].shape))


def test_clusters_hold_every_question_once_and_scores_alone_make_one() -> None:
    from_items = ladder()
    clusters, notes = cluster_questions(from_items, observe(from_items, Priors()), 1)
    for benchmark in ("arith", "flat", "logic"):
        mine = [one for one in clusters if one.benchmark == benchmark]
        ids = [question for one in mine for question in one.questions]
        assert sorted(ids) == sorted(set(ids)) and len(ids) == 150
        assert sum(one.weight for one in mine) == pytest.approx(1)
        assert len(mine) > 1 and mine[-1].name in (REST, f"cluster {len(mine)}")
    assert not notes
    alone = ladder(items=False)
    clusters, _ = cluster_questions(alone, observe(alone, Priors()), 1)
    assert [one.name for one in clusters] == [WHOLE] * 3


def test_few_trials_make_one_cluster_and_a_note() -> None:
    whole = ladder()
    assert whole.items is not None
    few = replace(whole, items=whole.items.assign(n_trials=1, n_correct=(whole.items["n_correct"] > 5).astype(int)))
    clusters, notes = cluster_questions(few, observe(few, Priors()), 1)
    assert {one.name for one in clusters} == {WHOLE} and "too few questions" in notes[0]
