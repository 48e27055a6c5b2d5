"""Bayesian FLP on a ladder that obeys its laws: the numbers, and what stands beside them."""

import json

import numpy as np
import pandas as pd
import pytest
from flp_ladders import BENCHMARKS, loss_ladder, pool_ladder, target, truth

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Forecast, Forecaster
from bayes_cod.ladder import Target
from bayes_cod.models.flp import explain
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.posterior import LATENT, Posterior
from bayes_cod.models.flp.predict import score_curve
from bayes_cod.models.flp.priors import ScorePriors
from bayes_cod.models.sampling import DIVERGENCES, Gate, SamplerSettings, quantity
from bayes_cod.plots.losses import plot_losses, plot_score_map

NEAR, FAR = target(1.2e9, 2.4e10), target(6e9, 1.2e11)
FAR = Target("far", FAR.flops, "fam", FAR.params, FAR.tokens)


def model(seed: int = 0, **changes: object) -> BayesianFLP:
    sampler = SamplerSettings(draws=300, tune=300, chains=2, cores=2, target_accept=0.9, max_depth=8)
    return BayesianFLP(seed, sampler=sampler, retry=False, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted() -> BayesianFLP:
    return model().fit(loss_ladder())


@pytest.fixture(scope="module")
def forecast(fitted: BayesianFLP) -> Forecast:
    return fitted.forecast([NEAR, FAR], explain=True)


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
    ahead = model().fit(loss_ladder(), pool=pool_ladder()).forecast([FAR], explain=True)
    for benchmark in BENCHMARKS:
        low, high = ahead.interval("far", benchmark, 0.98)
        assert low <= truth(FAR, benchmark) <= high
    width = [np.mean([np.ptp(one.interval("far", name)) for name in BENCHMARKS]) for one in (forecast, ahead)]
    assert width[1] < 0.8 * width[0]
    assert any("pooled with older" in note for note in ahead.facts["warnings"])
    assert ahead.explanation is not None and ahead.explanation.loss_table is not None
    assert len(ahead.explanation.loss_table) == 8 + 1  # rungs of the ladder itself, and the target


def test_losses_are_forecast(forecast: Forecast) -> None:
    assert forecast.explanation is not None and forecast.explanation.loss_table is not None
    table = forecast.explanation.loss_table
    rungs, ahead = table[~table["is_target"]], table[table["is_target"]]
    assert (np.abs(np.log(rungs["loss"] / rungs["median"])) < 0.02).all()
    assert ahead["loss"].isna().all() and (ahead["median"] < rungs["median"].min()).all()


def test_emergence_is_where_the_curve_leaves_its_floor(fitted: BayesianFLP) -> None:
    fit = fitted._fitted()
    draws, made = fit.draws, fit.draws.of_score
    table = explain.emergence(fit.evidence, draws, fit.scale).set_index("benchmark")
    share, skew = explain.EMERGED / (made["top"] - made["floor"]), ScorePriors().skew
    position = (np.log(skew) - np.log(share**-skew - 1) - made["height"]) / made["slope"]
    for index, name in enumerate(fit.evidence.benchmarks):
        reached = score_curve(draws, position[:, [index]])[:, 0, index] - made["floor"][:, index]
        assert np.allclose(reached, explain.EMERGED)
        assert table.loc[name, "loss"] == pytest.approx(
            float(np.median(explain.loss_of_progress(fit.scale, position[:, index])))
        )
    assert table.loc["late", "loss"] < table.loc["steep", "loss"]
    assert table["p_emerged"].between(0, 1).all()


def test_facts_are_json_and_hold_the_mean_over_benchmarks(forecast: Forecast) -> None:
    facts = json.loads(json.dumps(forecast.facts))
    mean = facts["mean_over_benchmarks"]["target"]
    draws = np.mean([forecast.samples("target", name) for name in BENCHMARKS], axis=0)
    assert mean["q50"] == pytest.approx(float(np.median(draws)))
    assert sum(facts["weights"].values()) == pytest.approx(1.0)
    assert facts["walks"]["own"] > ScorePriors().walk


def test_diagnostics_cover_what_is_reported_and_no_noise_ahead(forecast: Forecast) -> None:
    assert forecast.diagnostics is not None
    quantities = " ".join(forecast.diagnostics["quantity"])
    for name in (*BENCHMARKS, "log loss, validation", "target far"):
        assert name in quantities
    assert len(forecast.diagnostics) == 2 * (1 + len(BENCHMARKS)) + 2 * 2  # divergences and E-BFMI of each stage


def test_the_posterior_has_names_and_no_padding(forecast: Forecast) -> None:
    assert forecast.explanation is not None and forecast.explanation.posterior is not None
    tree = forecast.explanation.posterior
    scores = tree["score/posterior"].to_dataset()
    assert list(scores["at_anchor"]["benchmark"].values) == sorted(BENCHMARKS)
    assert scores.sizes["run"] == 8 and list(scores["part"].values) == ["validation", "compute"]
    assert tree["loss/posterior"].to_dataset()["share_z"].dims == ("chain", "draw", "series", "term")


SHORT = SamplerSettings(draws=20, tune=60, chains=2, cores=2, max_depth=6)


@pytest.mark.parametrize(("passes", "sampled"), [(True, 1), (False, 2)])
def test_what_fails_the_gate_is_sampled_once_more(monkeypatch: pytest.MonkeyPatch, passes: bool, sampled: int) -> None:
    tries: list[Posterior] = []
    sample, gates = Posterior.sample, Posterior.gates

    def watched(*args: object, **kwargs: object) -> Posterior:
        tries.append(sample(*args, **kwargs))  # type: ignore[arg-type]
        return tries[-1]

    def judged(self: Posterior, *args: object) -> dict[str, Gate]:
        tables = {stage: one.table for stage, one in gates(self, *args).items()}  # type: ignore[arg-type]
        return {stage: Gate(table.assign(passed=passes)) for stage, table in tables.items()}

    monkeypatch.setattr(Posterior, "sample", watched)
    monkeypatch.setattr(Posterior, "gates", judged)
    fitted = BayesianFLP(0, sampler=SHORT).fit(loss_ladder())
    ahead = fitted.forecast([NEAR])
    assert len(tries) == sampled and ahead.gate_passed == passes
    assert len(fitted.draws) == 2 * SHORT.draws  # the fit keeps its own
    if not passes:
        first, again = tries
        assert all(tree["posterior"].sizes["draw"] == SHORT.retry_times * SHORT.draws for tree in again.trees.values())
        assert again.seed != first.seed  # from the same start a chain may end where it ended before


def test_the_gate_fails_on_few_draws() -> None:
    assert not BayesianFLP(0, sampler=SHORT, retry=False).fit(loss_ladder()).gate_passed


LATE, SLOW = (quantity(LATENT, name, "target far") for name in ("late", "slow"))


@pytest.mark.parametrize(
    ("failing", "refused"),
    [
        ([LATE], ("late",)),
        ([LATE, SLOW], None),
        ([LATE, DIVERGENCES], None),
        (["log loss, validation, target far"], None),
        ([], ()),
    ],
)
def test_a_benchmark_on_which_alone_chains_disagree_is_left_out(
    monkeypatch: pytest.MonkeyPatch, fitted: BayesianFLP, failing: list[str], refused: tuple[str, ...] | None
) -> None:
    gates = Posterior.gates

    def spoilt(self: Posterior, *args: object) -> dict[str, Gate]:
        tables = {stage: one.table for stage, one in gates(self, *args).items()}  # type: ignore[arg-type]
        assert set(failing) <= {name for table in tables.values() for name in table["quantity"]}
        return {stage: Gate(table.assign(passed=~table["quantity"].isin(failing))) for stage, table in tables.items()}

    monkeypatch.setattr(Posterior, "gates", spoilt)
    monkeypatch.setattr(fitted, "refused_at_most", 0.25)
    ahead = fitted.forecast([FAR], explain=True)
    left = [name for name in BENCHMARKS if name not in (refused or ())]
    assert set(ahead.benchmarks) == set(left) and ahead.facts["refused"] == list(refused or ())
    shown = ahead.explanation
    assert shown is not None and shown.emergence is not None and shown.score_map is not None
    assert isinstance(shown.map_observations, pd.DataFrame)
    for table in (shown.emergence, shown.map_observations):
        assert set(table["benchmark"]) == set(left)
    assert set(shown.score_map["benchmark"].values) == set(left)
    assert any("disagree on them: late;" in text for text in ahead.facts["warnings"]) == bool(refused)
    mean = np.mean([ahead.samples("far", name) for name in left], axis=0)
    assert ahead.facts["mean_over_benchmarks"]["far"]["q50"] == pytest.approx(float(np.median(mean)))


def test_size_and_tokens_are_asked_for(fitted: BayesianFLP) -> None:
    with pytest.raises(InputError, match="`target_params` and `target_tokens`"):
        fitted.forecast([Target("bare", 1e22, "fam")])
    with pytest.raises(InputError, match="no target"):
        fitted.forecast([])


def test_figures_show_every_benchmark(forecast: Forecast) -> None:
    shown = forecast.explanation
    assert shown is not None and shown.score_map is not None and shown.loss_table is not None
    assert shown.map_observations is not None and shown.emergence is not None
    figure = plot_score_map(shown.score_map, shown.map_observations, shown.emergence)
    assert [axes.get_title(loc="left") for axes in figure.axes] == sorted(BENCHMARKS)
    assert plot_losses(shown.loss_table).axes[0].get_title(loc="left") == "validation loss"
