"""Stacks as forecasters: weights from inner cuts, refusals, gates, determinism."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from helpers import FakeBayes

from bayes_cod import registry as methods
from bayes_cod.errors import GateError, InputError
from bayes_cod.evaluation import backtest, best_baseline
from bayes_cod.forecasts import Forecaster, Method
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.ladder.request import make_request
from bayes_cod.report.build import build_report
from bayes_cod.results.make import make_result
from bayes_cod.stacking.forecaster import Stack, make_stack
from bayes_cod.stacking.inner import InnerSettings, inner_cells

FLOPS = 10.0 ** np.arange(18, 24)


def line(rungs: int = 6, family: str = "fam", slope: float = 0.1) -> Ladder:
    """A ladder whose scores rise by `slope` a rung on benchmark a, and half of it on b."""
    names = [f"{family}{index}" for index in range(rungs)]
    models = pd.DataFrame({"model": names, "family": family, "flops": FLOPS[:rungs], "params": np.nan})
    models = models.assign(tokens=np.nan, is_final=True)
    scores = pd.DataFrame(
        {"model": name, "benchmark": benchmark, "score": 0.1 + own * index, "is_final": True}
        for index, name in enumerate(names)
        for benchmark, own in (("a", slope), ("b", slope / 2))
    )
    return Ladder("line", models, pd.DataFrame({"benchmark": ["a", "b"], "chance": 0.0}), scores=scores)


class Fake:
    """A forecaster that knows the line, but for a bias a decade; it refuses ladders with fewer rungs than it needs."""

    def __init__(self, bias: float, needs: int = 1, spread: float = 0.01, seed: int = 0, refuses: str = "") -> None:
        self.bias, self.needs, self.spread, self.seed, self.refuses = bias, needs, spread, seed, refuses

    @property
    def name(self) -> str:
        return "fake"

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        self.rungs, self.ladder = ladder.rungs(), ladder
        if len(self.rungs) < self.needs:
            raise InputError(f"needs {self.needs} rungs")
        return self

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        if self.refuses in [target.name for target in targets]:
            raise GateError("not here")
        rng = np.random.default_rng(self.seed)
        ahead = np.log10([target.flops / self.rungs["flops"].iloc[-1] for target in targets])
        last = [
            [self.ladder.truth(m, name) for m in self.rungs["model"].iloc[-2:]] for name in self.ladder.benchmark_names
        ]
        slope = np.diff(last, axis=1).T
        mean = np.array(last)[:, -1] + (slope + self.bias) * ahead[:, None]
        latent = mean + rng.normal(0, self.spread, (50, *mean.shape))
        observed = latent + rng.normal(0, self.spread, latent.shape)
        return Forecast.from_draws(observed, latent, targets, self.ladder.benchmark_names, "fake", {})


def fakes(**made: dict[str, Any]) -> list[Method]:
    return [
        Method(name, lambda _, seed, **given: Fake(seed=seed, **given), settings) for name, settings in made.items()
    ]


def bayes(name: str = "fake-bayes", gate_passed: bool = True) -> Method:
    return Method(name, lambda _, seed: FakeBayes(seed, gate_passed=gate_passed))


def weights_in(made: Forecast) -> dict[str, float]:
    return {member["name"]: member["weight"] for member in made.facts["stacking"]["members"]}


TARGET = [Target("huge", 1e24)]
GOOD, BAD = {"bias": 0.0}, {"bias": 0.15}


def test_the_better_member_is_recovered() -> None:
    stack = make_stack(fakes(bad=BAD, good=GOOD), strength=10).fit(line())
    assert len(stack.cells.matrices) == 2 * (2 + 2 + 1)  # benchmarks, and rungs ahead of cuts at 3, 4 and 5 rungs
    assert stack.weights["good"] > 0.6
    sure = make_stack(fakes(bad=BAD, good=GOOD), strength=0.01).fit(line())
    assert sure.weights["good"] > 0.95 and sum(sure.weights.values()) == pytest.approx(1)
    alike = make_stack(fakes(one=GOOD, two=GOOD)).fit(line())
    assert alike.weights == pytest.approx({"one": 0.5, "two": 0.5}, abs=1e-6)


def test_which_cuts_are_inner() -> None:
    members = fakes(good=GOOD, bad=BAD)
    cells = inner_cells(members, line(), None, 0, InnerSettings(cuts=2, ahead=1))
    assert list(cells.table["cut"].unique()) == ["fam3", "fam4"]
    assert [row["targets"] for row in cells.summary()] == [["fam4"], ["fam5"]]
    with_pool = inner_cells(members, line(3), line(5, "other"), 0, InnerSettings())
    assert set(with_pool.table["family"]) == {"other"} and len(with_pool.matrices) == 6
    with pytest.raises(InputError, match="a stack can't have 3 cuts, 0 rungs ahead"):
        InnerSettings(ahead=0)


@pytest.mark.parametrize("settings", [{"cuts": 0}, {"min_rungs": 6}])
def test_without_an_inner_cut_the_prior_weights_stand(settings: dict[str, Any]) -> None:
    stack = make_stack(fakes(bad=BAD, good=GOOD), prior=[3, 1], **settings).fit(line())
    assert stack.weights == pytest.approx({"bad": 0.75, "good": 0.25})
    assert "the members have their prior weights" in stack.forecast(TARGET).facts["warnings"][0]


def test_one_member_is_itself() -> None:
    stack = make_stack(fakes(good=GOOD), draws=50).fit(line())
    assert stack.weights == {"good": 1.0} and not len(stack.cells.matrices)
    own = Fake(0.0).fit(line()).forecast(TARGET)
    made = stack.forecast(TARGET)
    assert made.facts["warnings"] == []
    np.testing.assert_array_equal(np.sort(made.samples("huge", "a")), np.sort(own.samples("huge", "a")))


def test_refusing_an_inner_cut_does_not_pay() -> None:
    """A member that answers only the last cut is scored by the worst at the others, also where it is the better one."""
    members = fakes(bad=BAD, good=GOOD, late={"bias": 0.0, "needs": 5})
    stack = make_stack(members).fit(line())
    assert stack.weights["good"] > stack.weights["late"] > stack.weights["bad"]
    two = make_stack(fakes(bad=BAD, late={"bias": 0.0, "needs": 6})).fit(line())
    assert two.weights == pytest.approx({"bad": 0.5, "late": 0.5}, abs=1e-6)
    warnings = two.forecast(TARGET).facts["warnings"]
    assert warnings[0] == "late refused the inner cut fam2 and is scored as the worst there: needs 6 rungs"


def test_members_that_refuse_have_no_weight() -> None:
    stack = make_stack(fakes(good=GOOD, never={"bias": 0.0, "needs": 9}, other=BAD)).fit(line())
    assert stack.weights["never"] == 0 and sum(stack.weights.values()) == pytest.approx(1)
    assert stack.forecast(TARGET).facts["warnings"] == ["never has weight 0: needs 9 rungs"]
    late = make_stack(fakes(good=GOOD, shy={"bias": 0.0, "refuses": "huge"})).fit(line())
    assert late.weights["shy"] > 0.4
    made = late.forecast(TARGET)
    assert made.facts["warnings"] == ["shy has weight 0: not here"]
    assert weights_in(made) == {"good": 1.0, "shy": 0.0}
    with pytest.raises(InputError, match="no member of 'stack:never' can be used here; never: needs 9 rungs"):
        make_stack(fakes(never={"bias": 0.0, "needs": 9})).fit(line())


def test_same_seed_same_draws_and_observed_is_wider() -> None:
    made = [make_stack(fakes(bad=BAD, good=GOOD), seed=seed).fit(line()).forecast(TARGET).draws for seed in (1, 1, 2)]
    assert made[0].identical(made[1]) and not made[0].equals(made[2])
    narrow = make_stack(fakes(one=GOOD, two={"bias": 0.001})).fit(line()).forecast(TARGET).draws
    assert (narrow["score"].std("sample") > 1.2 * narrow["latent"].std("sample")).all()


def test_gates_and_diagnostics() -> None:
    points = make_stack(fakes(good=GOOD)).fit(line())
    assert isinstance(points, Forecaster) and points.forecast(TARGET).diagnostics is None
    stack = make_stack([bayes("one"), bayes("two"), *fakes(good=GOOD)]).fit(line())
    made = stack.forecast(TARGET, explain=True)
    assert made.gate_passed and made.diagnostics is not None and made.explanation is not None
    assert list(made.diagnostics["quantity"][:2]) == ["one: slope", "one: level"] and len(made.diagnostics) == 8
    posterior = made.explanation.posterior
    assert posterior is not None and set(posterior.children) == {"one", "two"}
    assert "slope" in posterior["one/posterior"]


def test_a_member_whose_gate_fails_has_no_weight() -> None:
    stack = make_stack([bayes("failed", gate_passed=False), *fakes(good=GOOD)]).fit(line())
    made = stack.forecast(TARGET)
    assert made.gate_passed and made.diagnostics is None
    assert weights_in(made) == {"failed": 0.0, "good": 1.0}
    assert made.facts["warnings"][0] == "failed has weight 0: the sampler did not converge"


def test_where_every_gate_fails_the_stacks_fails() -> None:
    stack = make_stack([bayes("one", gate_passed=False), bayes("two", gate_passed=False)]).fit(line())
    made = stack.forecast(TARGET)
    assert not made.gate_passed and made.diagnostics is not None
    assert weights_in(made) == pytest.approx({"one": 0.5, "two": 0.5})


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"prior": [1.0]}, "expected 2 numbers above 0"),
        ({"prior": [1.0, 0.0]}, "expected 2 numbers above 0"),
        ({"strength": -1.0}, "strength is -1.0"),
        ({"magic": 1}, "a stack does not take these settings"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        make_stack(fakes(bad=BAD, good=GOOD), **settings)
    with pytest.raises(InputError, match="members of different names"):
        Stack([*fakes(good=GOOD), *fakes(good=GOOD)])


# ---------------------------------------------------------------- names, back-test, report


def test_names() -> None:
    assert methods.resolve(["stack:bnsl+bootstrap/passrate,cod", "stacks"]) == [
        "stack:bnsl+bootstrap/passrate",
        "cod",
        "stack",
        "cod-flp",
        "stack-points",
    ]
    made = methods.make("stack:exponential+bootstrap/last-rung", 3, strength=2.0)
    assert isinstance(made, Stack) and made.name == "stack:exponential+bootstrap/last-rung" and made.strength == 2
    assert methods.is_bayesian("stack:bayes-cod/fp") and not methods.is_bayesian("stack-points")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stack:", "unknown method '' in the stack"),
        ("stack:cod/magic", "unknown method 'magic' in the stack 'stack:cod/magic'"),
        ("stack:cod/stack", "unknown method 'stack' in the stack"),
        ("stack:cod/cod", "names a method twice"),
    ],
)
def test_names_that_are_none(name: str, text: str) -> None:
    with pytest.raises(InputError, match=text):
        methods.resolve([name])


def test_settings_of_samplers_reach_the_members_that_sample() -> None:
    made = methods.make("stack:bayes-flp/fp", 0, sampling={"draws": 7})
    assert isinstance(made, Stack)
    assert [dict(member.settings) for member in made.members][1] == {}
    assert dict(made.members[0].settings) == {"sampling": {"draws": 7}}
    with pytest.raises(InputError, match="no member of 'stack-points' samples, so it takes none of: draws"):
        methods.make("stack-points", 0, sampling={"draws": 7})


def test_a_back_test_resumes_and_no_stack_is_a_baseline(tmp_path: Path) -> None:
    name = "stack:exponential+bootstrap/passrate+bootstrap"
    asked = [methods.method(name), methods.method("passrate+bootstrap")]
    first = backtest(line(5), asked, folder=tmp_path)
    done: list[int] = []
    again = backtest(line(5), asked, folder=tmp_path, progress=lambda n, *_: done.append(n))
    assert done == [4] and first.equals(again) and (first["status"] == "ok").all()
    other = backtest(line(5), [methods.method(name, strength=1.0)], folder=tmp_path)
    assert not other["crps"].equals(first.loc[first["method"] == name, "crps"].reset_index(drop=True))
    assert best_baseline(first) == "passrate+bootstrap"


def test_weights_stand_in_the_record_and_the_report() -> None:
    request = make_request(line(), targets=["fam5"])
    result = make_result(request, make_stack(fakes(bad=BAD, good=GOOD)), seed=0)
    record = result.summary()["facts"]["stacking"]
    assert [member["name"] for member in record["members"]] == ["bad", "good"]
    assert record["members"][0]["crps"] > record["members"][1]["crps"]
    assert record["crps"]["weights"] < record["crps"]["prior"] and record["cells"] == 6
    page = build_report(result)
    assert "Stacking" in page and "found by forecasting larger rungs" in page
