"""The axis, the path's bend, and what scores say of a path: exact identities."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cod_ladders import models

from bayes_cod import laws
from bayes_cod.ladder import Target
from bayes_cod.models.cod.axis import CLOSEST, Axis
from bayes_cod.models.cod.path import bent, score_of, seen_through_scores


def best_split(flops: float) -> tuple[float, float]:
    """Size and tokens of least loss, by search."""
    c = laws.CHINCHILLA
    params = np.geomspace(flops**0.5 / 1e4, flops**0.5 * 1e2, 200_001)
    loss = laws.params_tokens_loss(params, flops / 6 / params, 0.0, c["a"], c["alpha"], c["b"], c["beta"])
    n = float(params[np.argmin(loss)])
    return n, flops / 6 / n


@pytest.mark.parametrize("flops", [1e18, 1e21, 1e24])
def test_a_run_of_the_best_split_has_its_own_compute_and_any_other_less(flops: float) -> None:
    n, d = best_split(flops)
    assert laws.equivalent_compute(n, d) == pytest.approx(flops, rel=1e-6)
    assert laws.equivalent_compute(n / 10, d * 10) < 0.9 * flops > laws.equivalent_compute(n * 10, d / 10)


def test_the_axis_is_equivalent_compute_only_where_all_sizes_are_known() -> None:
    table = models(sizes=True).iloc[:4]
    axis = Axis.of(table)
    place = np.log10(laws.equivalent_compute(table["params"], table["tokens"]))
    assert axis.kind == "equivalent"
    np.testing.assert_allclose(axis.rungs, place - place.iloc[-1])
    nominal = Axis.of(table.assign(tokens=[np.nan, 1e9, 1e9, 1e9]))
    assert nominal.kind == "nominal"
    np.testing.assert_allclose(nominal.rungs, [-1.5, -1.0, -0.5, 0.0])
    assert nominal.of_targets([Target("t", 1e21, params=1e9, tokens=1e9)]) == pytest.approx(0.5)


def test_active_parameters_count_and_a_larger_run_is_never_behind() -> None:
    table = models(sizes=True).iloc[:4]
    sparse = Axis.of(table.assign(params=table["params"] * 8, params_active=table["params"]))
    np.testing.assert_allclose(sparse.rungs, Axis.of(table).rungs)
    axis = Axis.of(table)
    starved = Target("starved", 1e21, params=1e12, tokens=1e21 / 6e12)
    assert axis.of_targets([starved])[0] == CLOSEST
    on_the_line = axis.of_targets([Target("plain", 1e21)])[0]
    assert on_the_line == pytest.approx(axis.of_targets([_as_target(models(sizes=True).iloc[4])])[0], abs=1e-9)


def _as_target(row: pd.Series) -> Target:
    return Target(str(row["model"]), float(row["flops"]), params=float(row["params"]), tokens=float(row["tokens"]))


def test_the_bend_is_a_line_without_curvature_and_never_turns_round() -> None:
    x = np.array([-2.0, -0.5, 0.0, 0.5, 4.0])
    np.testing.assert_allclose(bent(x, np.array(1e-9)), x, rtol=1e-6)
    np.testing.assert_allclose(bent(x, np.array(0.1)), (1 - np.exp(-0.2 * x)) / 0.2, atol=1e-12)
    assert (np.diff(bent(x, np.array(0.3))) > 0).all()


def test_a_precise_score_says_where_the_path_is_and_an_empty_one_says_nothing() -> None:
    n = np.array([[200_000, 200_000, 0]])
    k = np.array([[60_000, 140_000, 0]])
    theta, variance = seen_through_scores(k, n, np.array([0.1]), -0.5, 2.5)
    np.testing.assert_allclose(score_of(theta[0, :2], 0.1), [0.3, 0.7], atol=0.002)
    assert (variance[0, :2] < 0.01).all() and np.isinf(variance[0, 2])


def test_a_score_at_the_floor_only_says_that_the_path_is_far_below() -> None:
    theta, variance = seen_through_scores(np.array([[0]]), np.array([[1000]]), np.array([0.0]), -0.5, 2.5)
    assert theta[0, 0] < -5 and variance[0, 0] > 0.25
