"""Bayesian FLP on a ladder that obeys its laws: the numbers, and what stands beside them."""

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from flp_ladders import BENCHMARKS, loss_ladder, pool_ladder, target, truth

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Explanation, Forecast, Forecaster
from bayes_cod.ladder import Target
from bayes_cod.models.flp import explain
from bayes_cod.models.flp import posterior as of_posterior
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.posterior import CAREFUL_ACCEPT, MORE_ROUNDS, RETRY_DRAWS, SCORE_THIN, Posterior
from bayes_cod.models.flp.predict import score_curve
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.redraw import ROUNDS
from bayes_cod.models.sampling import DIVERGENCES, Gate, SamplerSettings
from bayes_cod.plots.losses import plot_losses, plot_score_map

NEAR, FAR = target(1.2e9, 2.4e10), target(6e9, 1.2e11)


def model(seed: int = 0, **changes: object) -> BayesianFLP:
    sampler = SamplerSettings(draws=300, tune=300, chains=2, cores=2, target_accept=0.9)
    return BayesianFLP(seed, sampler=sampler, forms={"logistic": 1.0}, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> BayesianFLP:
    return model().fit(loss_ladder())


@pytest.fixture(scope="module")
def forecast(fitted: BayesianFLP) -> Forecast:
    return fitted.forecast([NEAR, Target("far", FAR.flops, "fam", FAR.params, FAR.tokens)], explain=True)


def shown(forecast: Forecast) -> Explanation:
    """What stands behind a forecast."""
    assert forecast.explanation is not None
    return forecast.explanation


def of_forecasts(monkeypatch: pytest.MonkeyPatch) -> list[BayesianFLP]:
    """Copies that forecasts are made of, in order: the fits they come from stay as they are."""
    made: list[BayesianFLP] = []
    forecast = BayesianFLP._forecast

    def kept(self: BayesianFLP, *args: Any) -> Forecast:
        made.append(self)
        return forecast(self, *args)

    monkeypatch.setattr(BayesianFLP, "_forecast", kept)
    return made


def test_what_needs_a_fit_says_so() -> None:
    fresh = model()
    assert isinstance(fresh, Forecaster) and fresh.name == "bayes-flp"
    with pytest.raises(BayesCodError, match="not fitted"):
        fresh.forecast([NEAR])


def test_the_truth_lies_in_the_intervals(forecast: Forecast) -> None:
    inside = 0
    for name, of in (("target", NEAR), ("far", FAR)):
        for benchmark in BENCHMARKS:
            low, high = forecast.interval(name, benchmark, 0.98)
            inside += low <= truth(of, benchmark) <= high
    assert inside == 2 * len(BENCHMARKS)


def test_the_nearer_forecast_is_sharp_and_near(forecast: Forecast) -> None:
    for benchmark in BENCHMARKS:
        low, high = forecast.interval("target", benchmark)
        assert high - low < 0.25
        assert abs(np.median(forecast.samples("target", benchmark)) - truth(NEAR, benchmark)) < 0.06


def test_what_is_farther_is_less_sure(forecast: Forecast) -> None:
    width = [np.ptp(forecast.interval(name, "slow", kind="latent")) for name in ("target", "far")]
    assert width[1] > width[0]


@pytest.mark.slow
def test_other_families_sharpen_the_forecast(forecast: Forecast) -> None:
    pooled = model().fit(loss_ladder(), pool=pool_ladder())
    ahead = pooled.forecast([Target("far", FAR.flops, "fam", FAR.params, FAR.tokens)], explain=True)
    for benchmark in BENCHMARKS:
        low, high = ahead.interval("far", benchmark, 0.98)
        assert low <= truth(FAR, benchmark) <= high
    width = [np.mean([np.ptp(one.interval("far", name)) for name in BENCHMARKS]) for one in (forecast, ahead)]
    assert width[1] < 0.8 * width[0]
    assert any("pooled with older" in note for note in ahead.facts["warnings"])
    table = shown(ahead).loss_table
    assert table is not None and len(table) == pooled.draws.loss_level.shape[1] * (
        8 + 1
    )  # rungs of the ladder itself, and the target


def test_losses_are_forecast(forecast: Forecast) -> None:
    table = shown(forecast).loss_table
    assert table is not None
    rungs, ahead = table[~table["is_target"]], table[table["is_target"]]
    assert (np.abs(np.log(rungs["loss"] / rungs["median"])) < 0.02).all()
    assert ahead["loss"].isna().all() and (ahead["median"] < rungs["median"].min()).all()


def test_emergence_is_where_the_curve_leaves_its_floor(fitted: BayesianFLP) -> None:
    evidence, scale, draws = fitted._fitted()
    table = explain.emergence(evidence, draws, scale).set_index("benchmark")
    share = explain.EMERGED / (draws.top - draws.floor)
    position = (-np.log(1 / share - 1) - draws.height) / np.exp(draws.log_slope)
    for index, name in enumerate(evidence.benchmarks):
        reached = score_curve(draws, position[:, index])[:, index] - draws.floor[:, index]
        assert np.allclose(reached, explain.EMERGED)
        assert table.loc[name, "loss"] == pytest.approx(
            float(np.median(explain.loss_of_progress(scale, position[:, index])))
        )
    assert table.loc["late", "loss"] < table.loc["steep", "loss"]
    assert table["p_emerged"].between(0, 1).all()


def test_facts_are_json_and_hold_the_mean_over_benchmarks(forecast: Forecast) -> None:
    facts = json.loads(json.dumps(forecast.facts))
    mean = facts["mean_over_benchmarks"]["target"]
    draws = np.mean([forecast.samples("target", name) for name in BENCHMARKS], axis=0)
    assert mean["q50"] == pytest.approx(float(np.median(draws)))
    assert sum(facts["weights"].values()) == pytest.approx(1.0)
    assert facts["walks"]["own"] > Priors().own_walk and facts["walks"]["shared"] > Priors().shared_walk


def test_diagnostics_cover_what_is_reported(forecast: Forecast) -> None:
    assert forecast.diagnostics is not None
    quantities = " ".join(forecast.diagnostics["quantity"])
    for name in (*BENCHMARKS, "log loss, validation", "target far"):
        assert name in quantities
    posterior = shown(forecast).posterior
    assert posterior is not None and {"loss", "logistic"} <= set(posterior.children)


def test_two_forecasts_of_one_fit_leave_each_other_alone(fitted: BayesianFLP, forecast: Forecast) -> None:
    before = fitted.draws.height.copy()
    other = fitted.forecast([NEAR])
    assert forecast.diagnostics is not None and other.diagnostics is not None
    assert any("target far" in name for name in forecast.diagnostics["quantity"])
    assert not any("target far" in name for name in other.diagnostics["quantity"])
    assert np.array_equal(fitted.draws.height, before)


def test_forms_count_alike_whatever_the_length_of_their_chains(fitted: BayesianFLP) -> None:
    drawn = fitted._posterior
    assert drawn is not None
    n = drawn._n_draws("logistic")
    once, twice, half = (drawn._draws_of("logistic", size) for size in (n, 2 * n, n // 2))
    assert len(twice) == 2 * len(once) == 4 * len(half)
    assert np.array_equal(twice.height[::2], once.height) and np.array_equal(twice.height[1::2], once.height)
    assert np.array_equal(half.loss_level, once.loss_level[::2])


ALL_SCORES = [f"latent score, logistic, {name}, target target" for name in BENCHMARKS]


@pytest.mark.parametrize("failing_of", [["x"], [DIVERGENCES], ALL_SCORES])
def test_only_what_fails_the_gate_is_drawn_again(monkeypatch: pytest.MonkeyPatch, failing_of: list[str]) -> None:
    drawn: list[tuple[str, SamplerSettings]] = []
    seeds: list[int] = []
    draw = Posterior._draw

    def watched(self: Posterior, parts: dict[str, SamplerSettings], seed: int) -> None:
        drawn.extend(parts.items())
        seeds.append(seed)
        draw(self, parts, seed)

    gates = Posterior._gates

    def failing(self: Posterior, *args: object) -> dict[str, Gate]:
        found = gates(self, *args)  # type: ignore[arg-type]
        good, bad = (pd.DataFrame({"quantity": failing_of, "r_hat": 1.1, "passed": value}) for value in (True, False))
        return dict.fromkeys(found, Gate(good)) | {"logistic": Gate(bad if len(drawn) == 2 else good)}

    monkeypatch.setattr(Posterior, "_draw", watched)
    monkeypatch.setattr(Posterior, "_gates", failing)
    short = SamplerSettings(draws=20, tune=60, chains=2, cores=2)
    made = of_forecasts(monkeypatch)
    BayesianFLP(0, sampler=short, forms={"logistic": 1.0}).fit(loss_ladder()).forecast([NEAR])
    (fitted,) = made
    assert drawn[:2] == [("loss", short), ("logistic", short)] and [part for part, _ in drawn[2:]] == ["logistic"]
    assert len(set(seeds)) == len(seeds) == 2  # from the same start a chain may end where it ended before
    again, longer = drawn[2][1], 2 * RETRY_DRAWS
    if failing_of != ["x"]:  # more draws would bring more divergences, and don't bring chains together that stand apart
        assert again.target_accept == CAREFUL_ACCEPT > short.target_accept and again.draws == short.draws
    else:
        assert again.target_accept == short.retry_accept and again.draws == longer * short.draws
    assert fitted.gate_passed and len(fitted.draws) == 2 * again.draws // SCORE_THIN


@pytest.mark.parametrize(
    ("failing", "passes_after", "drawn_on"),
    [
        ("latent score, logistic, late, target target", 2, 1),
        ("latent score, logistic, late, target target", 4, 3),
        ("latent score, logistic, late, target target", 6, MORE_ROUNDS // ROUNDS),
        ("log loss, validation, target target", 2, 0),
    ],
)
def test_scores_on_which_chains_disagree_are_drawn_on_without_the_sampler(
    monkeypatch: pytest.MonkeyPatch, failing: str, passes_after: int, drawn_on: int
) -> None:
    sampled: list[str] = []
    rounds: list[int] = []
    draw, anew, gates = Posterior._draw, of_posterior.redraw, Posterior._gates

    def watched(self: Posterior, parts: dict[str, SamplerSettings], seed: int) -> None:
        sampled.extend(parts)
        draw(self, parts, seed)

    def counted(*args: Any) -> xr.Dataset:
        rounds.append(args[-1])
        return anew(*args)

    def stuck(self: Posterior, *args: object) -> dict[str, Gate]:
        table = pd.DataFrame({"quantity": [failing], "r_hat": 1.02, "passed": [len(rounds) >= passes_after]})
        good = Gate(table.assign(passed=True))
        return dict.fromkeys(gates(self, *args), good) | {"logistic": Gate(table)}

    monkeypatch.setattr(Posterior, "_draw", watched)
    monkeypatch.setattr(of_posterior, "redraw", counted)
    monkeypatch.setattr(Posterior, "_gates", stuck)
    short = SamplerSettings(draws=20, tune=60, chains=2, cores=2)
    made = of_forecasts(monkeypatch)
    BayesianFLP(0, sampler=short, forms={"logistic": 1.0}).fit(loss_ladder()).forecast([NEAR])
    (fitted,) = made
    again = passes_after > 1 + drawn_on
    assert rounds == [ROUNDS] * passes_after
    assert sampled == ["loss", "logistic"] + (["logistic"] if again else [])
    assert fitted.gate_passed and len(fitted.draws) == 2 * short.draws * (2 * RETRY_DRAWS if again else 1) // SCORE_THIN


def test_rounds_beside_a_second_try_of_another_part_are_taken_back_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[str] = []
    rounds: list[int] = []
    draw, anew, gates = Posterior._draw, of_posterior.redraw, Posterior._gates

    def watched(self: Posterior, parts: dict[str, SamplerSettings], seed: int) -> None:
        sampled.extend(parts)
        draw(self, parts, seed)

    def counted(*args: Any) -> xr.Dataset:
        rounds.append(args[-1])
        return anew(*args)

    def failing(self: Posterior, *args: object) -> dict[str, Gate]:
        first = len(sampled) == 2  # the law of losses fails; with its second try the form does, whatever is drawn on
        failed = "log loss, validation, target target" if first else "latent score, logistic, late, target target"
        good, bad = (
            Gate(pd.DataFrame({"quantity": [failed], "r_hat": 1.02, "passed": [passed]})) for passed in (True, False)
        )
        return dict.fromkeys(gates(self, *args), good) | {"loss" if first else "logistic": bad}

    monkeypatch.setattr(Posterior, "_draw", watched)
    monkeypatch.setattr(of_posterior, "redraw", counted)
    monkeypatch.setattr(Posterior, "_gates", failing)
    short = SamplerSettings(draws=20, tune=60, chains=2, cores=2)
    made = of_forecasts(monkeypatch)
    first = BayesianFLP(0, sampler=short, forms={"logistic": 1.0}).fit(loss_ladder())
    before = first._of_fit().tree["logistic/posterior"].to_dataset()
    first.forecast([NEAR])
    (fitted,) = made
    assert sampled == ["loss", "logistic", "loss"] and len(rounds) == 1 + MORE_ROUNDS // ROUNDS
    assert before.identical(fitted._of_fit().tree["logistic/posterior"].to_dataset()) and fitted.gate_passed


def test_a_second_try_that_is_worse_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sampled: list[str] = []
    draw, gates = Posterior._draw, Posterior._gates

    def watched(self: Posterior, parts: dict[str, SamplerSettings], seed: int) -> None:
        sampled.extend(parts)
        draw(self, parts, seed)

    def failing(self: Posterior, *args: object) -> dict[str, Gate]:
        found = gates(self, *args)  # type: ignore[arg-type]
        wrong = ["a", "b"] if len(sampled) > 2 else ["a"]
        good = Gate(pd.DataFrame({"quantity": ["a"], "r_hat": 1.0, "passed": [True]}))
        return dict.fromkeys(found, good) | {
            "logistic": Gate(pd.DataFrame({"quantity": wrong, "r_hat": 1.1, "passed": False}))
        }

    monkeypatch.setattr(Posterior, "_draw", watched)
    monkeypatch.setattr(Posterior, "_gates", failing)
    short = SamplerSettings(draws=20, tune=60, chains=2, cores=2)
    made = of_forecasts(monkeypatch)
    BayesianFLP(0, sampler=short, forms={"logistic": 1.0}).fit(loss_ladder()).forecast([NEAR])
    (fitted,) = made
    assert sampled == ["loss", "logistic", "logistic"] and not fitted.gate_passed
    assert (
        fitted._gate is not None
        and fitted._gate.table["quantity"].tolist() == ["a", "a"]
        and len(fitted.draws) == 2 * short.draws // SCORE_THIN
    )


def test_the_gate_fails_on_few_draws() -> None:
    short = BayesianFLP(0, sampler=SamplerSettings(draws=20, tune=60, chains=2, cores=2), forms={"logistic": 1.0}).fit(
        loss_ladder()
    )
    assert not short.gate_passed


@pytest.mark.parametrize(
    ("failing", "refused"),
    [
        ({"late": "latent score, logistic, late, target far"}, ("late",)),
        (
            {"late": "latent score, logistic, late, target far", "slow": "latent score, logistic, slow, target far"},
            None,
        ),
        ({"late": "latent score, logistic, late, target far", "all": DIVERGENCES}, None),
        ({"all": "log loss, validation, target far"}, None),
        ({}, ()),
    ],
)
def test_a_benchmark_on_which_alone_chains_disagree_is_left_out(
    monkeypatch: pytest.MonkeyPatch, fitted: BayesianFLP, failing: dict[str, str], refused: tuple[str, ...] | None
) -> None:
    gates = Posterior._gates

    def spoilt(self: Posterior, *args: object) -> dict[str, Gate]:
        tables = {part: gate.table for part, gate in gates(self, *args).items()}  # type: ignore[arg-type]
        assert set(failing.values()) <= {name for table in tables.values() for name in table["quantity"]}
        return {
            part: Gate(table.assign(passed=~table["quantity"].isin(failing.values()))) for part, table in tables.items()
        }

    monkeypatch.setattr(Posterior, "_gates", spoilt)
    again = copy.copy(fitted)
    again.refused_at_most = 0.25
    again._posterior = copy.copy(fitted._posterior)
    assert again._posterior is not None
    again.retry = False
    made = of_forecasts(monkeypatch)
    ahead = again.forecast([Target("far", FAR.flops, "fam", FAR.params, FAR.tokens)], explain=True)
    (again,) = made
    left = [name for name in BENCHMARKS if name not in (refused or ())]
    assert again.gate_passed == (refused is not None) and again.refused == (refused or ())
    assert set(ahead.benchmarks) == set(left) and ahead.facts["refused"] == list(refused or ())
    parts = shown(ahead)
    assert parts.emergence is not None and parts.map_observations is not None and parts.score_map is not None
    for table in (parts.emergence, parts.map_observations):
        assert set(table["benchmark"]) == set(left)
    assert set(parts.score_map["benchmark"].values) == set(left)
    assert any("disagree on them: late;" in text for text in ahead.facts["warnings"]) == bool(refused)
    mean = np.mean([ahead.samples("far", name) for name in left], axis=0)
    assert ahead.facts["mean_over_benchmarks"]["far"]["q50"] == pytest.approx(float(np.median(mean)))


def test_size_and_tokens_are_asked_for(fitted: BayesianFLP) -> None:
    with pytest.raises(InputError, match="`target_params` and `target_tokens`"):
        fitted.forecast([Target("bare", 1e22, "fam")])
    with pytest.raises(InputError, match="no target"):
        fitted.forecast([])


def test_figures_show_every_benchmark(forecast: Forecast) -> None:
    parts = shown(forecast)
    assert parts.score_map is not None and parts.map_observations is not None and parts.emergence is not None
    assert parts.loss_table is not None
    figure = plot_score_map(parts.score_map, parts.map_observations, parts.emergence)
    assert [axes.get_title(loc="left") for axes in figure.axes] == sorted(BENCHMARKS)
    assert plot_losses(parts.loss_table).axes[0].get_title(loc="left") == "validation loss"
