"""Identities of `Forecast`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_cod import Forecast, GateError, InputError, Target
from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES

TARGETS = [Target("a", 1e21), Target("b", 1e22)]
BENCHMARKS = ["x", "y@hot", "z"]


@pytest.fixture
def forecast() -> Forecast:
    random = np.random.default_rng(0)
    latent = random.beta(4, 6, (400, 2, 3))
    observed = np.clip(latent + random.normal(0, 0.05, latent.shape), 0, 1)
    return Forecast.from_draws(observed, latent, TARGETS, BENCHMARKS, "m", {"decades": {"a": 1.0}, "warnings": ["w"]})


def test_summary_holds_the_quantiles_of_the_draws(forecast: Forecast) -> None:
    table = forecast.summary().set_index(["kind", "target", "benchmark"])
    assert len(table) == 2 * 2 * 3
    for kind, variable in (("observed", "score"), ("latent", "latent")):
        draws = forecast.draws[variable].sel(target="b", benchmark="y@hot").values
        row = table.loc[(kind, "b", "y@hot")]
        assert list(row[list(QUANTILE_COLUMNS)]) == pytest.approx(list(np.quantile(draws, QUANTILES)))
        assert row["mean"] == pytest.approx(draws.mean())
        assert row["sd"] == pytest.approx(draws.std())
        assert row["flops"] == 1e22


def test_column_names_and_order(forecast: Forecast) -> None:
    assert QUANTILE_COLUMNS == ("q025", "q05", "q10", "q25", "q50", "q75", "q90", "q95", "q975")
    first = ["target", "flops", "benchmark", "method", "kind", "mean", "sd"]
    assert list(forecast.summary().columns) == [*first, *QUANTILE_COLUMNS]


def test_intervals_are_nested_and_central(forecast: Forecast) -> None:
    narrow, wide = forecast.interval("a", "x", 0.5), forecast.interval("a", "x", 0.9)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]
    draws = forecast.samples("a", "x")
    inside = np.mean((draws >= wide[0]) & (draws <= wide[1]))
    assert inside == pytest.approx(0.9, abs=0.006)
    assert np.mean(draws < wide[0]) == pytest.approx(np.mean(draws > wide[1]), abs=0.006)


def test_probability_is_the_share_of_draws(forecast: Forecast) -> None:
    assert forecast.probability("a", "x", 0.0) == 1.0
    median = float(np.median(forecast.samples("a", "x")))
    assert forecast.probability("a", "x", median) == pytest.approx(0.5, abs=0.005)
    levels = [forecast.probability("a", "x", level) for level in np.linspace(0, 1, 11)]
    assert levels == sorted(levels, reverse=True)
    with pytest.raises(InputError, match="fractions between 0 and 1"):
        forecast.probability("a", "x", 55)


def test_the_gate_is_that_of_what_is_reported(forecast: Forecast) -> None:
    assert forecast.gate_passed and forecast.failed == []
    table = pd.DataFrame({"quantity": ["slope", "level"], "passed": [False, True]})
    judged = replace(forecast, diagnostics=table)
    assert judged.failed == ["slope"] and not judged.gate_passed
    with pytest.raises(GateError, match=r"1 diagnostics failed \(slope\)"):
        judged.check_gate()
    left_out = replace(judged, facts={"refused": ["x"]})  # only of a benchmark that is not reported
    assert left_out.gate_passed


def test_a_point_is_a_distribution_of_one_draw() -> None:
    forecast = Forecast.from_points([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]], TARGETS, BENCHMARKS, "p")
    assert forecast.interval("b", "z") == (0.6, 0.6)
    assert forecast.summary(("observed",))["sd"].eq(0).all()


@pytest.mark.parametrize("shape", [(10, 2, 2), (10, 3, 3), (2, 3), (10, 2, 3, 1)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"expected \(sample, 2, 3\)"):
        Forecast.from_draws(np.zeros(shape), np.zeros((10, 2, 3)), TARGETS, BENCHMARKS, "m")


def test_unknown_names(forecast: Forecast) -> None:
    with pytest.raises(InputError, match="'q' is not in this forecast; it has: a, b"):
        forecast.samples("q", "x")
    with pytest.raises(InputError, match="'q' is not in this forecast; it has: x, y@hot, z"):
        forecast.samples("a", "q")
