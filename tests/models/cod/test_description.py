"""Clusters along a known path."""

import numpy as np
import pytest
from bayes_ladders import eta_law

from bayes_cod.models.cod.description import Description, cluster_rates, describe
from bayes_cod.models.cod.graph import FLAT, IRREGULAR, LAW
from bayes_cod.models.cod.grouping import Group
from bayes_cod.models.cod.priors import Priors

SAMPLES = 400
PATH = np.array([-3.0, -2.0, -1.0, 0.0])
FLOOR, TOP = np.zeros((SAMPLES, 1)), np.full((SAMPLES, 1), 0.99)
RATES = {
    "law": eta_law(0.5 + PATH),
    "flat": np.full(4, 0.6),
    "irregular": np.array([0.9, 0.1, 0.8, 0.2]),
    "unborn": np.zeros(4),
}


def group(rates: np.ndarray) -> Group:
    trials = np.full(4, 5000)
    return Group("b", "cluster", ("q",), 1.0, trials, np.rint(rates * trials).astype(np.int64))


@pytest.fixture(scope="module")
def description() -> Description:
    path = np.tile(PATH, (SAMPLES, 1, 1))
    groups = [group(rates) for rates in RATES.values()]
    rng = np.random.default_rng(0)
    return describe(groups, np.zeros(4, dtype=np.int32), path, FLOOR, TOP, Priors(), rng)


@pytest.mark.parametrize(("name", "kind"), [("law", LAW), ("flat", FLAT), ("irregular", IRREGULAR)])
def test_classes_are_told_apart(description: Description, name: str, kind: int) -> None:
    row = list(RATES).index(name)
    assert description.probability[row].sum() == pytest.approx(1)
    assert description.probability[row, kind] > 0.9
    assert (description.kind[:, row] == kind).mean() == pytest.approx(description.probability[row, kind], abs=0.05)


def test_a_cluster_that_never_passed_cannot_be_told(description: Description) -> None:
    law, flat, _ = description.probability[list(RATES).index("unborn")]
    told = law / flat / (Priors().class_law / Priors().class_flat)
    assert 0.5 < told < 2  # only the last rung can tell the two apart, and hardly


def test_levels_are_found_where_the_law_holds(description: Description) -> None:
    level = description.level[description.kind[:, 0] == LAW, 0]
    assert level.mean() == pytest.approx(0.5, abs=0.1)
    assert 0.02 < level.std() < 0.4


def test_only_clusters_that_follow_the_law_move(description: Description) -> None:
    growth = np.tile(np.array([-1.0, 0.0, 2.0]), (SAMPLES, 1, 1))
    rates = cluster_rates(description, np.zeros(4, dtype=np.int32), growth, FLOOR, TOP)
    assert rates.shape == (SAMPLES, 3, 4)
    np.testing.assert_allclose(rates[:, 1, 0].mean(), RATES["law"][-1], atol=0.03)
    assert rates[:, 2, 0].mean() > 0.85
    still = description.kind[:, 1] != LAW
    np.testing.assert_array_equal(rates[still, 0, 1], rates[still, 2, 1])
