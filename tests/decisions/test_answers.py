"""What is asked of a saved forecast: lined-up draws, answers, plans from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_cod.decisions.answers import answer_compute, answer_next_run, answer_trials, default_candidates
from bayes_cod.decisions.basis import basis_of
from bayes_cod.decisions.plan_file import read_plans, true_utilities, utilities_of
from bayes_cod.decisions.plans import compare
from bayes_cod.decisions.utility import Price, Requirement
from bayes_cod.errors import InputError
from bayes_cod.forecasts.explanation import Explanation
from bayes_cod.results import Result

PLANS = """
worth: {weights: {arith: 1}, per_point: 10, rewards: [{require: ["arith>=0.8"], worth: 500}]}
price: {per_hour: 2, throughput: 1e15}
plans:
  - {name: huge, target: huge, cost: 900}
  - {name: half, flops: 5e21}
  - {name: nothing, value: 0}
"""


def test_draws_are_those_of_the_forecast(result: Result) -> None:
    basis = basis_of(result)
    forecast = result.forecast.draws.sel(target="huge")
    np.testing.assert_array_equal(basis.curves.target, forecast["score"].transpose("sample", "benchmark"))
    at = int(np.argmin(np.abs(basis.curves.flops - 1e22)))
    np.testing.assert_allclose(basis.latent, basis.curves.latent[:, at], atol=1e-9)
    assert basis.curves.evaluation.n_questions.tolist() == [12, 8]
    assert basis.curves.evaluation.n_trials.tolist() == [20, 20]
    assert basis.curves.observed.shape == basis.curves.latent.shape


def test_forecasts_that_nothing_can_be_decided_from(result: Result) -> None:
    with pytest.raises(InputError, match="'small' is not a target of this forecast; it has: huge"):
        basis_of(result, "small")
    bare = replace(result, forecast=replace(result.forecast, explanation=Explanation()))
    with pytest.raises(InputError, match="without curves"):
        basis_of(bare)
    point = replace(result, forecast=replace(result.forecast, draws=result.forecast.draws.isel(sample=[0])))
    with pytest.raises(InputError, match="one number and no interval"):
        basis_of(point)


def test_least_compute_with_its_cost_and_size(result: Result) -> None:
    basis = basis_of(result)
    required = [Requirement.parse("arith>=0.75")]
    made = answer_compute(basis, required, 0.8, price=Price(2.0, 1e15, 10), budget=1e22)
    least = made.summary["least_compute"]
    assert 1e21 < least["flops"] < 1e23
    assert least["cost"] == pytest.approx(least["flops"] / 1e15 / 3600 * 2)
    assert least["hours"] == pytest.approx(least["flops"] / 1e15 / 3600 / 10)
    assert 6 * least["params"] * least["tokens"] == pytest.approx(least["flops"])
    at = np.interp(np.log10(least["flops"]), np.log10(made.table["flops"]), made.table["probability"])
    assert at == pytest.approx(0.8, abs=0.03)
    assert made.summary["budget"]["probability"] == pytest.approx(made.summary["target"]["probability"])
    never = answer_compute(basis, [Requirement.parse("arith>=1")], 0.99)
    assert np.isnan(never.summary["least_compute"]["flops"])
    assert "nowhere reached" in never.words[0]
    small = answer_compute(basis, [Requirement.parse("arith>=0.01")], 0.9)
    assert "smallest rung already" in small.words[0]


def test_next_run_with_plans(result: Result, tmp_path: Path) -> None:
    basis = basis_of(result)
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS)
    utilities, notes = utilities_of(read_plans(file), result, Result.load)
    made = answer_next_run(
        basis, default_candidates(basis)[:4], {"arith": 1.0}, utilities=utilities, cost_per_flop=1e-20, simulations=20
    )
    assert (made.table[["gaussian", "regression", "reweighting"]] <= 1.1).all().all()
    assert made.table["per_percent"].is_monotonic_decreasing
    assert (made.table["evsi"] >= 0).all()
    assert (made.table["evsi"] <= compare(utilities, ["a", "b", "c"]).perfect_information + 1e-9).all()
    np.testing.assert_allclose(made.table["net"], made.table["evsi"] - 1e-20 * made.table["cost"])
    assert notes == []
    with pytest.raises(InputError, match="unknown benchmark 'arc'"):
        answer_next_run(basis, default_candidates(basis), {"arc": 1.0})
    with pytest.raises(InputError, match="smaller than the smallest rung"):
        default_candidates(basis, 1e10)


def test_trials_and_benchmarks(result: Result) -> None:
    made = answer_trials(basis_of(result), {})
    assert sorted(made.table["benchmark"]) == ["arith", "logic"]
    assert set(made.further) == {"trials", "questions"}
    assert made.further["questions"].groupby("benchmark")["noise_ratio"].first().le(1).all()


def test_plans_of_a_file(result: Result, saved: Path, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(PLANS + f"  - {{name: other, target: huge, result: {saved}, cost: 100}}\n")
    plans = read_plans(file)
    utilities, notes = utilities_of(plans, result, Result.load)
    scores = basis_of(result).curves.target[:, 0]
    np.testing.assert_allclose(utilities[:, 0], 1000 * scores + 500 * (scores >= 0.8) - 900)
    np.testing.assert_allclose(utilities[:, 3] - utilities[:, 0], 800)
    assert (utilities[:, 2] == 0).all()
    assert "independent" in notes[0]
    truth = pd.DataFrame({"target": ["huge"] * 2, "benchmark": ["arith", "logic"], "score": [0.85, 0.5]})
    with pytest.raises(InputError, match="'half' is no target"):
        true_utilities(plans, result, truth, Result.load)
    some = replace(plans, plans=tuple(plan for plan in plans.plans if plan.name != "half"))
    true = true_utilities(some, result, truth, Result.load)
    assert true.to_dict() == pytest.approx({"huge": 450.0, "nothing": 0.0, "other": 1250.0})
    with pytest.raises(InputError, match="no true score on logic"):
        true_utilities(some, result, truth.head(1), Result.load)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plans: [", "not YAML"),
        ("plan: []", "unknown key 'plan'; it may have: worth, price, plans"),
        ("worth: {}", "no list of plans"),
        ("plans: [{target: huge}]", "plan 1 has no name"),
        ("plans: [{name: a, target: huge, flops: 1e22}]", "'a' has a target and flops"),
        ("plans: [{name: a, cost: dear}]", "cost of the plan 'a' is 'dear'"),
        ("worth: {weights: {a: -1}}\nplans: [{name: a}]", "weight of 'a' in worth is below 0"),
        (
            "worth: {rewards: [{require: [x], worth: 1}]}\nplans: [{name: a}]",
            "reward 1 of worth: the requirement is 'x'",
        ),
        ("price: {per_hour: 2}\nplans: [{name: a}]", "price needs per_hour and throughput"),
        ("plans: [{name: a, target: huge, value: 3}]", "value is for plans that train nothing"),
        ("- 1", "the file is no mapping"),
    ],
)
def test_unusable_plan_files(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_plans(file)


def test_a_plan_without_cost_needs_a_price(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text("plans: [{name: a, target: huge}, {name: b}]")
    with pytest.raises(InputError, match="'a' has no cost"):
        utilities_of(read_plans(file), result, Result.load)
