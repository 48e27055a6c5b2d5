"""Calibration by simulation finds what is wrong and passes what is right."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bayes_cod.errors import InputError
from bayes_cod.evaluation.calibration import judge, rank, simulate_ranks
from bayes_cod.plots.calibration import plot_ranks


def normal_mean(seed: int, *, shift: float = 0.0, width: float = 1.0) -> dict[str, float]:
    """One observation with a conjugate prior; `shift` and `width` spoil the posterior."""
    rng = np.random.default_rng(seed)
    truth = rng.normal()
    observed = rng.normal(truth, 1)
    draws = rng.normal(observed / 2 + shift, width * np.sqrt(0.5), 99)
    future = rng.normal(truth, 1)
    return {"mean": rank(truth, draws, rng), "forecast": rank(future, draws + rng.normal(size=99), rng)}


@pytest.mark.parametrize(
    ("shift", "width", "passes"), [(0.0, 1.0, True), (0.3, 1.0, False), (0.0, 0.6, False), (0.0, 1.8, False)]
)
def test_right_and_wrong_posteriors_are_told_apart(shift: float, width: float, passes: bool) -> None:
    told: list[int] = []
    ranks, gates = simulate_ranks(
        lambda seed: (normal_mean(seed, shift=shift, width=width), seed != 7), 300, told.append
    )
    assert told == list(range(1, 301))
    assert np.flatnonzero(~gates).tolist() == [7]
    found = judge(ranks)
    assert found.passed is passes
    assert list(found.table["quantity"]) == ["mean", "forecast"]


def test_ties_are_spread() -> None:
    rng = np.random.default_rng(0)
    ranks = [rank(0.0, np.zeros(9), rng) for _ in range(2000)]
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.03)
    assert 0 < min(ranks) < 0.05
    assert 0.95 < max(ranks) < 1


def test_unusable_input() -> None:
    with pytest.raises(InputError, match="at least 1"):
        simulate_ranks(lambda seed: ({}, True), 0)
    with pytest.raises(InputError, match="between 0 and 1"):
        judge(pd.DataFrame({"a": [1.2]}))


def test_the_picture_has_a_panel_a_quantity() -> None:
    ranks, _ = simulate_ranks(lambda seed: (normal_mean(seed), True), 40)
    figure = plot_ranks(ranks)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles[:2] == ["mean", "forecast"] and not any(titles[2:])


def test_a_quantity_that_some_simulations_lack_is_judged_on_the_others() -> None:
    rng = np.random.default_rng(0)
    ranks = pd.DataFrame({"everywhere": rng.random(200), "sometimes": rng.random(200)})
    ranks.loc[:49, "sometimes"] = np.nan
    found = judge(ranks)
    assert found.passed and found.table["n"].tolist() == [200, 150]
    assert not judge(ranks.assign(sometimes=ranks["sometimes"] ** 2)).passed
    assert plot_ranks(ranks).axes
