"""What a run would tell, against closed forms of the normal toy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decision_toys import Toy

from bayes_cod.decisions.equivalent import between_share, equivalent_questions
from bayes_cod.decisions.next_run import i_optimal_ratio, judge
from bayes_cod.decisions.runs import CandidateRun, Evaluation, at_compute, run_noise, to_scale
from bayes_cod.decisions.trials import benchmarks_worth, questions_worth, trials_worth
from bayes_cod.errors import InputError

RUNGS = np.array([1e20, 3e20, 1e21])


def closed_form(toy: Toy, x: float, seeds: int) -> float:
    """Predictive standard deviation at the target (1 decade above 1e21) after runs at x, over that before."""
    known = np.array([toy.level_sd**2, toy.slope_sd**2])
    at, run = np.array([1.0, 1.0]), np.array([1.0, x])
    before = (at**2) @ known + toy.luck_sd**2
    covariance = (at * run) @ known
    noise = toy.luck_sd**2 / seeds
    return float(np.sqrt(1 - covariance**2 / ((run**2) @ known + noise) / before))


@pytest.mark.parametrize(("flops", "seeds"), [(1e20, 1), (1e21, 1), (1e21, 4), (5e21, 1)])
def test_all_estimates_agree_with_the_formula(flops: float, seeds: int) -> None:
    toy = Toy(slope_sd=0.3, mean=-1.0, draws=2000)
    curves, _ = toy.curves()
    run = CandidateRun(flops, seeds)
    row = judge(curves, [run], weights=np.ones(1), rungs=RUNGS, simulations=150).iloc[0]
    expected = closed_form(toy, np.log10(flops / 1e21), seeds)
    assert row["gaussian"] == pytest.approx(expected, abs=0.03)
    assert row["regression"] == pytest.approx(expected, abs=0.04)
    assert row["reweighting"] == pytest.approx(expected, abs=0.05)
    assert row["pareto_k"] < 0.7
    assert row["narrowing"] == pytest.approx(row["width_now"] - row["width_after"])
    assert row["per_percent"] == pytest.approx(row["narrowing"] / (100 * seeds * flops / 1e22))


def test_where_data_say_more_than_draws_can_resolve_reweighting_says_so() -> None:
    toy = Toy(slope_sd=0.3, luck_sd=0.02, benchmarks=12, draws=400)
    curves, _ = toy.curves()
    row = judge(curves, [CandidateRun(5e21)], weights=np.ones(12), rungs=RUNGS).iloc[0]
    assert row["unreliable"] > 0.5


def test_a_run_that_says_nothing_is_worth_nothing() -> None:
    curves, _ = Toy(level_sd=0.001, luck_sd=0.3).curves()
    row = judge(curves, [CandidateRun(1e21)], weights=np.ones(1), rungs=RUNGS).iloc[0]
    assert row[["gaussian", "regression", "reweighting"]].to_numpy(dtype=float) == pytest.approx(1.0, abs=0.03)


def test_i_optimal_design_is_that_of_least_squares() -> None:
    x = np.log10(np.append(RUNGS, [5e21, 5e21]))
    design = np.column_stack([np.ones_like(x), x])
    at = np.array([1.0, 22.0])
    before = at @ np.linalg.inv(design[:3].T @ design[:3]) @ at
    after = at @ np.linalg.inv(design.T @ design) @ at
    assert i_optimal_ratio(RUNGS, 5e21, 1e22, seeds=2) == pytest.approx(np.sqrt(after / before))


def test_noise_of_a_run_falls_with_seeds_and_trials() -> None:
    rng = np.random.default_rng(0)
    latent = np.full((20000, 1), 0.5)
    evaluation = Evaluation(np.array([50.0]), np.array([2.0]))
    observed = latent + rng.normal(0, np.sqrt(0.03**2 + 0.25 / 100), latent.shape)
    slope = 2 / (0.5 + 0.01)
    one = run_noise(observed, latent, evaluation)[0, 0]
    assert one == pytest.approx(slope**2 * (0.03**2 + 0.0025), rel=0.05)
    assert run_noise(observed, latent, evaluation, seeds=4)[0, 0] == pytest.approx(one / 4, rel=0.01)
    many = run_noise(observed, latent, evaluation, trials=2000)[0, 0]
    assert many == pytest.approx(slope**2 * 0.03**2, rel=0.15)


def test_curves_between_points_and_off_the_grid() -> None:
    curve = np.array([[[0.0], [1.0]]])
    assert at_compute(curve, np.array([1e20, 1e22]), 1e21)[0, 0] == pytest.approx(0.5)
    with pytest.raises(InputError, match="off the curves"):
        at_compute(curve, np.array([1e20, 1e22]), 1e23)
    assert to_scale(np.array([0.5]), np.array([0.01]))[0] == 0


# ---------------------------------------------------------------- trials, benchmarks, questions


def test_trials_of_the_target_take_off_their_own_noise() -> None:
    curves, _ = Toy(mean=-1.0, level_sd=0.2, luck_sd=0.3).curves()
    curves = replace(curves, evaluation=Evaluation(np.array([200.0]), np.array([4.0])))
    table = trials_worth(curves, ["b0"], RUNGS).set_index("trials")
    p = curves.target
    assert table.loc[4, "width_target"] == pytest.approx(table.loc[4, "width_now"])
    assert table.loc[1, "trial_sd"] == pytest.approx(np.sqrt((p * (1 - p)).mean() / 200))
    saved = (p * (1 - p)).mean() / 200 * (1 / 4 - 1 / 128)
    assert table.loc[128, "width_target"] == pytest.approx(
        table.loc[4, "width_now"] * np.sqrt(1 - saved / p.var()), rel=1e-6
    )
    assert table.loc[4, "width_rungs"] == table.loc[4, "width_now"]
    assert table.loc[128, "width_rungs"] <= table.loc[8, "width_rungs"] <= table.loc[4, "width_now"]


def test_where_questions_are_unknown_there_is_nothing_to_say_about_trials() -> None:
    curves, _ = Toy().curves()
    assert trials_worth(curves, ["b0"], RUNGS).empty


def test_the_benchmark_that_tells_most_comes_first_and_its_double_adds_little() -> None:
    toy = Toy(benchmarks=3, luck_sd=0.1, slope_sd=0.1, draws=3000)
    curves, _ = toy.curves()
    twin = curves.latent.copy()
    twin[:, :, 1] = twin[:, :, 0]  # b1 repeats b0, b2 is on its own
    curves = replace(curves, observed=twin + (curves.observed - curves.latent), latent=twin)
    weights = np.array([1.0, 0.0, 0.2])
    table = benchmarks_worth(curves, ["b0", "b1", "b2"], CandidateRun(1e21), weights).set_index("benchmark")
    assert table.loc["b2", "order"] == 2
    assert table.loc["b0", "alone"] == pytest.approx(table.loc["b1", "alone"], abs=0.02)
    assert table["together"].is_monotonic_decreasing
    last = table.sort_values("order").iloc[-1]
    assert last["narrowing"] < 0.2 * table["narrowing"].max()


def test_trials_go_to_the_questions_that_are_in_doubt() -> None:
    import pandas as pd
    import xarray as xr

    rate = np.full((50, 2, 2), 0.5)
    rate[:, :, 1] = 0.98
    curves = xr.Dataset(
        {"pass_rate": (("sample", "flops", "cluster"), rate)},
        coords={"flops": [1e20, 1e22], "benchmark": ("cluster", ["b", "b"]), "cluster": [0, 1]},
    )
    clusters = pd.DataFrame({"benchmark": "b", "cluster": [0, 1], "n_questions": [10, 30], "kind": ["law", "flat"]})
    target = xr.DataArray(np.linspace(0, 1, 50)[:, None], dims=("sample", "benchmark"), coords={"benchmark": ["b"]})
    table = questions_worth(clusters, curves, 1e22, 1e21, target)
    sd = np.array([0.5, np.sqrt(0.98 * 0.02)])
    mean = (10 * sd[0] + 30 * sd[1]) / 40
    np.testing.assert_allclose(table["relative_trials"], sd / mean)
    np.testing.assert_allclose(table["noise_ratio"], mean**2 / ((10 * sd[0] ** 2 + 30 * sd[1] ** 2) / 40))


# ---------------------------------------------------------------- what a forecast is worth


def test_equivalent_questions_of_a_beta_forecast() -> None:
    draws = np.random.default_rng(0).beta(60, 40, 200000)
    assert equivalent_questions(draws[:, None])[0] == pytest.approx(100, rel=0.02)
    assert np.isinf(equivalent_questions(np.full((3, 1), 0.5)))[0]


def test_share_between_laws() -> None:
    rng = np.random.default_rng(1)
    laws = rng.integers(2, size=40000)
    draws = np.where(laws == 0, 0.0, 2.0) + rng.normal(0, 1, laws.shape)
    assert between_share(draws[:, None], laws)[0] == pytest.approx(0.5, abs=0.02)
    assert between_share(np.zeros((4, 1)), np.array([0, 0, 1, 1]))[0] == 0
