"""Bayesian COD on a ladder that obeys its law: the numbers, and what stands beside them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from bayes_ladders import LAST_FLOPS, count_ladder, law_rates

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Explained, Forecaster
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.grouping import Clusters, GroupingSettings
from bayes_cod.models.sampling import SamplerSettings

DECADES = np.array([-2.0, -1.5, -1.0, -0.5, 0.0])
AHEAD = np.array([0.3, 1.0])
SLOPE = 0.8
LEVELS = {
    "narrow": np.linspace(-0.2, 0.8, 40),
    "wide": np.concatenate([np.full(36, 1.2), np.full(36, -0.1), np.full(8, -30.0)]),
}
TARGETS = [Target(f"+{d:g}", LAST_FLOPS * 10**d, "synthetic") for d in AHEAD]
GRID = LAST_FLOPS * np.logspace(-2.5, 1, 8)


def rates(decades: np.ndarray) -> dict[str, np.ndarray]:
    return {name: law_rates(level, SLOPE, decades) for name, level in LEVELS.items()}


def ladder() -> Ladder:
    return count_ladder(rates(DECADES), DECADES, n_trials=40, seed=3)


def model(seed: int = 0, clusters: Clusters = "describe", draws: int = 400) -> BayesianCOD:
    return BayesianCOD(
        seed,
        grouping=GroupingSettings(clusters, min_questions=60, max_clusters=2),
        sampler=SamplerSettings(draws=draws, tune=400, chains=2, cores=2),
    )


@pytest.fixture(scope="module")
def fitted() -> BayesianCOD:
    return model().fit(ladder())


@pytest.fixture(scope="module")
def forecast(fitted: BayesianCOD) -> Forecast:
    return fitted.forecast(TARGETS)


# ---------------------------------------------------------------- without sampling


def test_what_needs_a_fit_says_so() -> None:
    fresh = model()
    assert isinstance(fresh, Forecaster) and fresh.name == "bayes-cod"
    with pytest.raises(BayesCodError, match="not fitted"):
        fresh.forecast(TARGETS)
    with pytest.raises(BayesCodError, match="not fitted"):
        fresh.curves(GRID)
    with pytest.raises(BayesCodError, match="not fitted"):
        fresh.clusters()
    for name in ("posterior", "diagnostics", "gate_passed"):
        with pytest.raises(BayesCodError, match="not fitted"):
            getattr(fresh, name)


def test_one_rung_is_refused_before_anything_is_compiled() -> None:
    with pytest.raises(InputError, match="at least two rungs"):
        model().fit(ladder().select(models=["m4"]))


# ---------------------------------------------------------------- with sampling


@pytest.mark.slow
def test_no_target(fitted: BayesianCOD) -> None:
    with pytest.raises(InputError, match="no target"):
        fitted.forecast([])


@pytest.mark.slow
def test_the_truth_lies_in_the_interval(forecast: Forecast) -> None:
    truth = rates(AHEAD)
    for position, target in enumerate(TARGETS):
        for name in LEVELS:
            score = float(truth[name][:, position].mean())
            low, high = forecast.interval(target.name, name, 0.95)
            assert low < score < high, (target.name, name)
            assert high - low < 0.6


@pytest.mark.slow
def test_observed_is_wider_than_latent(forecast: Forecast) -> None:
    for target in forecast.targets:
        for name in forecast.benchmarks:
            observed, latent = (np.ptp(forecast.interval(target, name, 0.9, kind)) for kind in ("observed", "latent"))
            assert observed > latent
    assert float(forecast.draws["score"].min()) >= 0 and float(forecast.draws["score"].max()) <= 1


@pytest.mark.slow
def test_intervals_widen_with_distance(forecast: Forecast) -> None:
    near, far = (np.ptp(forecast.interval(target.name, "narrow", 0.9)) for target in TARGETS)
    assert far > near


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers(forecast: Forecast) -> None:
    again = model().fit(ladder()).forecast(TARGETS)
    assert again.draws.equals(forecast.draws)


@pytest.mark.slow
def test_facts(forecast: Forecast) -> None:
    facts = forecast.facts
    assert facts["decades"] == pytest.approx({"+0.3": 0.3, "+1": 1.0})
    assert set(facts["share_extrapolating"]) == set(LEVELS)
    assert facts["share_extrapolating"]["narrow"] == pytest.approx(1)  # one group of all questions
    assert 0 < facts["share_extrapolating"]["wide"] < 1
    assert set(facts["settings"]) == {"priors", "grouping", "sampler", "seed", "prior_learnt_from"}
    assert facts["n_rungs"] == 5
    assert any("narrow" in text and "one group" in text for text in facts["warnings"])
    json.dumps(facts)


@pytest.mark.slow
def test_warnings_say_what_cannot_be_known(fitted: BayesianCOD) -> None:
    targets = [Target("far", LAST_FLOPS * 10**2.5), Target("within", LAST_FLOPS / 10)]
    warnings = " | ".join(fitted.forecast(targets).facts["warnings"])
    assert "far lies 2.5 decades beyond the last rung" in warnings
    assert "within lies within the ladder: this is an interpolation" in warnings


@pytest.mark.slow
def test_a_fitted_model_explains_itself(fitted: BayesianCOD) -> None:
    assert isinstance(fitted, Explained)
    fitted.forecast(TARGETS)  # diagnostics are those of the last forecast
    diagnostics = fitted.diagnostics
    assert {"quantity", "r_hat", "ess_bulk", "ess_tail", "passed"} <= set(diagnostics.columns)
    quantities = set(diagnostics["quantity"])
    scores = {f"latent score, {name}, target {target.name}" for name in LEVELS for target in TARGETS}
    assert {"divergences", "E-BFMI", *scores} <= quantities
    assert {f"latent score, {name}, target {target.name}" for name in LEVELS for target in TARGETS} <= quantities
    assert fitted.gate_passed == bool(diagnostics["passed"].all())
    assert {"chain", "draw"} <= set(fitted.posterior["posterior"].dims)


@pytest.mark.slow
def test_curves(fitted: BayesianCOD) -> None:
    curves = fitted.curves(GRID)
    assert set(curves) == {"latent", "observed"}
    assert curves["latent"].dims == ("sample", "flops", "benchmark")
    assert curves["latent"].shape[1:] == (len(GRID), len(LEVELS))
    assert ((curves["latent"] >= 0) & (curves["latent"] <= 1)).all()
    np.testing.assert_array_equal(curves["flops"], GRID)
    middle = curves["latent"].median("sample")
    assert (middle.isel(flops=-1) > middle.isel(flops=0)).all()


@pytest.mark.slow
def test_clusters_and_their_curves(fitted: BayesianCOD) -> None:
    table = fitted.clusters()
    assert {"benchmark", "cluster", "n_questions", "weight", "p_law", "p_flat", "p_irregular", "kind"} == set(table)
    np.testing.assert_allclose(table.groupby("benchmark")["weight"].sum(), 1)
    own = table[table["kind"] != "map"]
    np.testing.assert_allclose(own[["p_law", "p_flat", "p_irregular"]].sum(axis=1), 1)
    assert table.loc[table["benchmark"] == "wide", "cluster"].tolist() == ["cluster 1", "cluster 2", "rest"]
    curves = fitted.cluster_curves(GRID)["pass_rate"]
    assert curves.dims == ("sample", "flops", "cluster") and curves.shape[1:] == (len(GRID), len(own))
    named = set(zip(curves["benchmark"].values.tolist(), curves["cluster"].values.tolist(), strict=True))
    assert named == set(zip(own["benchmark"], own["cluster"], strict=True))


@pytest.mark.slow
def test_cluster_observations(fitted: BayesianCOD) -> None:
    seen = fitted.cluster_observations()
    assert set(seen) == {"benchmark", "cluster", "weight", "model", "flops", "pass_rate"}
    assert len(seen) == len(fitted.clusters()) * len(DECADES)
    score = (seen["weight"] * seen["pass_rate"]).groupby([seen["benchmark"], seen["model"]]).sum()
    expected = rates(DECADES)["narrow"].mean(axis=0)
    np.testing.assert_allclose(score["narrow"], expected, atol=0.05)


# ---------------------------------------------------------------- clusters in the model, and other families


@pytest.fixture(scope="module")
def modelled() -> BayesianCOD:
    return model(clusters="model").fit(ladder())


@pytest.mark.slow
def test_modelled_clusters_and_the_map_forecast_the_benchmark(modelled: BayesianCOD) -> None:
    forecast = modelled.forecast(TARGETS)
    for position, target in enumerate(TARGETS):
        score = float(rates(AHEAD)["wide"][:, position].mean())
        low, high = forecast.interval(target.name, "wide", 0.95)
        assert low < score < high and high - low < 0.6
    kinds = modelled.clusters().set_index(["benchmark", "cluster"])["kind"]
    assert kinds["wide", "rest"] == "map"
    assert kinds["wide", "cluster 1"] in ("law", "flat")


@pytest.mark.slow
def test_a_longer_ladder_of_the_same_benchmarks_narrows_a_short_one() -> None:
    short, longer = ladder().select(models=["m2", "m3", "m4"]), ladder()
    other = replace(longer, models=longer.models.assign(family="other"))
    widths = []
    for pool in (None, other):
        forecast = model(clusters="none", draws=1500).fit(short, pool=pool).forecast(TARGETS[1:])
        widths.append(np.mean([np.ptp(forecast.interval("+1", name, 0.9)) for name in LEVELS]))
    assert widths[1] < 0.95 * widths[0]
