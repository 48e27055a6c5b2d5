"""A result is saved, opened again without PyMC, and says the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from helpers import FakeBayes

import bayes_cod as bc
from bayes_cod import registry
from bayes_cod.forecasts.explanation import Explanation, compute_grid, dataset_to_table, table_to_dataset, thinned
from bayes_cod.ladder.request import make_request
from bayes_cod.registry import Entry
from bayes_cod.results import Result
from bayes_cod.results.make import make_result


@pytest.fixture
def result(ladder_folder: Path) -> Result:
    request = make_request(bc.read(ladder_folder), family="fam", targets=["large", "huge"])
    return make_result(request, FakeBayes(3), seed=3, settings={"pool": "none"})


def test_what_is_saved_opens_again(result: Result, tmp_path: Path) -> None:
    again = bc.load(result.save(tmp_path / "out"))
    xr.testing.assert_identical(again.forecast.draws, result.forecast.draws)
    pd.testing.assert_frame_equal(again.table(), result.table())
    pd.testing.assert_frame_equal(again.observations, result.observations, check_dtype=False)
    pd.testing.assert_frame_equal(again.rungs, result.rungs, check_dtype=False)
    assert again.targets == result.targets and again.seed == 3 and again.family == "fam"
    assert again.summary() == result.summary()
    assert again.explanation.nodes().keys() == result.explanation.nodes().keys()
    for name, node in result.explanation.nodes().items():
        xr.testing.assert_allclose(again.explanation.nodes()[name], node)
    assert again.explanation.posterior is not None and "slope" in again.explanation.posterior["posterior"]
    again.report(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == (tmp_path / "out" / "report.html").read_text()


def test_a_new_process_opens_it_without_pymc(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    code = (
        "import sys, bayes_cod as bc\n"
        f"r = bc.load({str(tmp_path / 'out')!r})\n"
        f"r.report({str(tmp_path / 'page.html')!r})\n"
        "print(r.table().to_csv(index=False))\n"
        "assert not {'pymc', 'pytensor', 'nutpie'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == result.table().to_csv(index=False).strip()
    assert (tmp_path / "page.html").read_text() == (tmp_path / "out" / "report.html").read_text()


def test_it_answers_questions(result: Result) -> None:
    draws = result.forecast.samples("huge", "arith")
    assert result.probability("arith", 0.7, "huge") == pytest.approx(float(np.mean(draws >= 0.7)))
    with pytest.raises(bc.InputError, match="several targets; name one of: large, huge"):
        result.probability("arith", 0.7)
    assert {"today", "median", "90 % interval", "truth"} <= set(result.table())
    assert len(result.to_dataframe()) == 2 * 2 * 2
    assert "observed scores in points" in repr(result) and "<table" in result._repr_html_()
    assert result.plot().axes


def test_ladder_and_forecast_say_in_a_few_lines_what_they_are(result: Result, ladder_folder: Path) -> None:
    ladder = bc.read(ladder_folder)
    assert "fam (4)" in repr(ladder) and len(repr(ladder).splitlines()) <= 6
    assert "90 % interval" in repr(result.forecast) and "<table" in result.forecast._repr_html_()


def test_names_are_escaped_in_displays(result: Result) -> None:
    named = Result(**{**result.__dict__, "family": "<b>fam</b>"})
    assert "<b>" not in named._repr_html_()


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda folder: (folder / "forecast.nc").unlink(), "holds no saved forecast"),
        (lambda folder: (folder / "run.json").write_text("{"), "run.json: is damaged"),
        (lambda folder: (folder / "forecast.nc").write_bytes(b"nothing"), "forecast.nc: is damaged"),
        (lambda folder: (folder / "run.json").write_text(json.dumps({"format": 99})), "another version"),
    ],
)
def test_what_can_not_be_opened(result: Result, tmp_path: Path, damage, match: str) -> None:  # type: ignore[no-untyped-def]
    damage(result.save(tmp_path / "out"))
    with pytest.raises(bc.InputError, match=match):
        bc.load(tmp_path / "out")


def test_the_gate_is_enforced_in_python(ladder_folder: Path) -> None:
    request = make_request(bc.read(ladder_folder), family="fam", targets=["huge"])
    with pytest.raises(bc.GateError, match="did not converge"):
        make_result(request, FakeBayes(gate_passed=False), seed=0)
    allowed = make_result(request, FakeBayes(gate_passed=False), seed=0, allow_failed_gate=True)
    assert not allowed.gate_passed and "DID NOT CONVERGE" in repr(allowed)


def test_a_target_of_another_family_is_refused(ladder_folder: Path) -> None:
    with pytest.raises(bc.InputError, match="of the family 'fam', not 'other'"):
        bc.forecast(ladder_folder, family="other", target="huge")


@pytest.mark.parametrize(("asked", "found"), [(None, 2), ("logic", 1), (["logic"], 1), ((), 2)])
def test_benchmarks_by_name_by_names_or_all(ladder_folder: Path, asked: Any, found: int) -> None:
    assert len(bc.request(ladder_folder, target="huge", benchmarks=asked).benchmarks) == found


def test_tables_and_datasets_are_inverse() -> None:
    table = pd.DataFrame({"name": ["a", None], "value": [1.5, np.nan], "yes": [True, False], "count": [1, 2]})
    again = dataset_to_table(table_to_dataset(table))
    assert list(again.columns) == list(table.columns) and again["yes"].dtype == bool
    assert list(again["name"]) == ["a", ""] and np.isnan(again["value"].iloc[1])
    parts = Explanation(clusters=table.iloc[:0])
    assert Explanation.of(parts.nodes()).clusters is not None


def test_grids_have_every_rung_and_target() -> None:
    grid = compute_grid([1e20, 1e21], [5e22])
    assert {1e20, 1e21, 5e22} <= set(grid) and (np.diff(grid) > 0).all()
    assert grid[-1] > 5e22 * 3
    assert len(thinned(np.zeros((4001, 2)), 1000)) <= 1000 and len(thinned(np.zeros((10, 2)))) == 10


# ---------------------------------------------------------------- the registry


def test_one_entry_makes_a_method_known_everywhere(ladder_folder: Path, tmp_path: Path) -> None:
    """It appears among the names, in `check`'s list, in forecasts, back-tests and the help, and goes again."""
    from helpers import run

    registry.register(Entry("throw-away", "made for this test", lambda seed, **given: FakeBayes(seed), kind="bayesian"))
    try:
        assert "throw-away" in registry.names("bayesian")
        assert "throw-away" in {entry.name for entry, why in registry.usable(bc.read(ladder_folder)) if not why}
        result = bc.forecast(ladder_folder, method="throw-away", target="huge")
        assert result.settings["method"] == "throw-away"
        tested = bc.backtest(ladder_folder, ["throw-away", "last-rung"], families=["fam"])
        assert "throw-away" in repr(tested) and "<table" in tested._repr_html_()
        assert set(tested.cells["method"]) == {"throw-away", "last-rung"}
        code, _, _ = run(
            "forecast", ladder_folder, "--method", "throw-away", "--target", "huge", "--out", tmp_path / "o"
        )
        assert code == 0
        for command in (["methods"], ["check", str(ladder_folder)]):
            code, shown, _ = run(*command)
            assert code == 0 and "throw-away" in shown
    finally:
        registry.unregister("throw-away")
    assert "throw-away" not in registry.names("bayesian")


def test_draws_replace_single_settings_of_each_stage() -> None:
    made = registry.make("bayes-flpm", 0, **registry.settings_of("bayes-flpm", draws=500))
    plain = registry.make("bayes-flpm", 0)
    for stage in ("losses", "scores"):
        own, default = getattr(made, stage).sampler, getattr(plain, stage).sampler
        assert own.draws == 500
        assert (own.tune, own.chains, own.target_accept, own.adaptation) == (
            default.tune,
            default.chains,
            default.target_accept,
            default.adaptation,
        )


def test_auto_takes_the_best_form_that_the_tables_allow(ladder_folder: Path) -> None:
    ladder = bc.read(ladder_folder)
    assert registry.choose(ladder, "fam") == "bayes-cod"
    assert registry.choose(bc.read("microladder:grid")) in ("bayes-cod", "bayes-flp")
