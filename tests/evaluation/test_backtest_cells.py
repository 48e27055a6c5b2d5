"""The back-test on a small ladder with forecasters that are known through and through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import BENCHMARKS, fake_method, make_fake, small_ladder

from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest
from bayes_cod.evaluation.cells import COLUMNS, VALUES
from bayes_cod.evaluation.jobs import job_seed, make_job
from bayes_cod.forecasts import Method
from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES
from bayes_cod.ladder.splits import split_ladder

LADDER = small_ladder()


def fake(name: str = "fake", **settings: Any) -> Method:
    return fake_method(name, **settings)


def same(one: pd.DataFrame, two: pd.DataFrame) -> None:
    """Equal to the last bit, but for the time they took."""
    pd.testing.assert_frame_equal(one.drop(columns="seconds"), two.drop(columns="seconds"), check_exact=True)


# ---------------------------------------------------------------- which cells


def test_cells_are_all_larger_models_above_every_cut() -> None:
    cells = pd.concat([fit.cells for fit in split_ladder(LADDER)])
    pairs = cells.groupby(["family", "cut"])["target"].unique().map(list).to_dict()
    assert pairs == {
        ("alpha", "alpha-2"): ["alpha-3", "alpha-4"],
        ("alpha", "alpha-3"): ["alpha-4"],
        ("beta", "beta-2"): ["beta-3"],
    }


def test_a_benchmark_needs_enough_rungs_and_a_truth() -> None:
    benchmarks = {(fit.family, fit.cut): fit.benchmarks for fit in split_ladder(LADDER)}
    assert benchmarks["alpha", "alpha-2"] == ("one", "two")  # `three` has two rungs
    assert benchmarks["alpha", "alpha-3"] == BENCHMARKS
    beta = next(fit for fit in split_ladder(LADDER) if fit.family == "beta")
    assert beta.benchmarks == BENCHMARKS and list(beta.cells["benchmark"]) == ["one", "two"]  # beta-3 lacks `three`


def test_a_cell_s_description() -> None:
    cells = pd.concat([fit.cells for fit in split_ladder(LADDER)]).set_index(["cut", "target", "benchmark"])
    cell = cells.loc[("alpha-3", "alpha-4", "three")]
    assert cell["n_rungs"] == 3  # of four models, one did not answer
    assert cell["decades"] == pytest.approx(0.5)
    assert cell["truth"] == LADDER.truth("alpha-4", "three")
    assert cells.loc[("alpha-3", "alpha-4", "one"), "n_rungs"] == 4
    assert cells.loc[("alpha-2", "alpha-4", "one"), "decades"] == pytest.approx(1.0)


def test_models_of_equal_compute_are_one_step() -> None:
    twin = LADDER.models[LADDER.models["model"] == "beta-2"].assign(model="beta-2b")
    scores = LADDER.scores
    assert scores is not None
    more = scores[scores["model"] == "beta-2"].assign(model="beta-2b")
    ladder = replace(LADDER, models=pd.concat([LADDER.models, twin]), scores=pd.concat([scores, more]))
    fits = split_ladder(ladder, families=["beta"])
    assert [(fit.cut, [target.name for target in fit.targets]) for fit in fits] == [("beta-2b", ["beta-3"])]
    assert set(fits[0].cells["n_rungs"]) == {4}


def test_max_decades_and_min_rungs() -> None:
    near = pd.concat([fit.cells for fit in split_ladder(LADDER, max_decades=0.6)])
    assert near["decades"].max() == pytest.approx(0.5)
    two = pd.concat([fit.cells for fit in split_ladder(LADDER, min_rungs=2)])
    assert {"alpha-1", "beta-1"} <= set(two["cut"])


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        ({"families": ["delta"]}, "unknown family 'delta'.*alpha"),
        ({"families": ["gamma"]}, "family 'gamma' has 2 evaluated.*`min_rungs` 3 needs 4"),
        ({"families": ["alpha"], "max_decades": 0.1}, "within 0.1 decades"),
        ({"min_rungs": 9}, "no family of ladder 'small' has 9 rungs"),
        ({"min_rungs": 0}, "`min_rungs` is 0"),
        ({"max_decades": -1.0}, "`max_decades` is -1"),
    ],
)
def test_a_plan_without_cells_says_why(choice: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        split_ladder(LADDER, **choice)


# ---------------------------------------------------------------- what a method sees


def test_nothing_above_the_cut_is_ever_shown(tmp_path: Path) -> None:
    backtest(LADDER, [fake(seen=str(tmp_path))], pool="others")
    order = {str(name): i for i, name in enumerate(LADDER.models.sort_values("flops")["model"])}
    files = sorted(tmp_path.iterdir())
    assert [file.stem for file in files] == ["fake-alpha-alpha-2", "fake-alpha-alpha-3", "fake-beta-beta-2"]
    for file in files:
        _, family, cut_family, level = file.stem.split("-")
        cut = f"{cut_family}-{level}"
        (line,) = file.read_text().splitlines()
        seen = json.loads(line)
        below = [f"{family}-{i}" for i in range(int(level) + 1)]
        assert seen["evaluated"] == seen["rungs"] == below
        assert all(order[target] > order[cut] for target in seen["targets"])
        assert not any(name.startswith(family) for name in seen["pool"])
        assert seen["pool"] == seen["pool_evaluated"]
        assert "gamma-1" in seen["pool"]


def test_a_pool_from_elsewhere_never_holds_the_family_that_is_forecast(tmp_path: Path) -> None:
    renamed = replace(LADDER, models=LADDER.models.assign(family=LADDER.models["family"].replace("beta", "copy")))
    backtest(LADDER, [fake(seen=str(tmp_path))], families=["beta"], pool=renamed)
    (file,) = tmp_path.iterdir()
    pool = json.loads(file.read_text())["pool"]
    assert "alpha-3" in pool and "gamma-1" in pool
    assert not any(name.startswith("beta") for name in pool)


def test_another_pool_is_another_job() -> None:
    (fit,) = split_ladder(LADDER, families=["beta"])
    keys = {
        make_job(fake(), fit, data_hash="x", seed=0, pool=pool).key
        for pool in ("none", LADDER.data_hash(), LADDER.select(family="alpha").data_hash())
    }
    assert len(keys) == 3


def test_no_pool_on_request_or_without_other_families(tmp_path: Path) -> None:
    backtest(LADDER, [fake(seen=str(tmp_path))], families=["beta"], pool=None)
    backtest(LADDER.select(family="beta"), [fake(seen=str(tmp_path))], families=["beta"])
    (file,) = tmp_path.iterdir()
    assert [json.loads(line)["pool"] for line in file.read_text().splitlines()] == [None, None]


def test_benchmarks_asked_for(tmp_path: Path) -> None:
    cells = backtest(LADDER, [fake(seen=str(tmp_path))], benchmarks=["two"], families=["alpha"])
    assert set(cells["benchmark"]) == {"two"}
    assert all(json.loads(file.read_text())["benchmarks"] == ["two"] for file in tmp_path.iterdir())


# ---------------------------------------------------------------- what comes out


def test_scores_of_a_cell_are_those_of_its_draws() -> None:
    cells = backtest(LADDER, [fake(draws=500)], families=["beta"], seed=3)
    assert tuple(cells.columns) == COLUMNS
    forecaster = make_fake("fake", job_seed(3, "fake", "beta", "beta-2"), draws=500)
    training = LADDER.select(family="beta", cut="beta-2")
    forecast = forecaster.fit(training).forecast([LADDER.target("beta-3")])
    for row in cells.to_dict("records"):
        draws = forecast.samples("beta-3", row["benchmark"])
        truth = LADDER.truth("beta-3", row["benchmark"])
        assert row["truth"] == truth and row["n_draws"] == 500 and row["status"] == "ok"
        assert [row[name] for name in QUANTILE_COLUMNS] == pytest.approx(np.quantile(draws, QUANTILES))
        assert row["mean"] == pytest.approx(draws.mean())
        assert row["error"] == pytest.approx(np.median(draws) - truth)
        definition = np.abs(draws - truth).mean() - np.abs(draws[:, None] - draws).mean() / 2
        assert row["crps"] == pytest.approx(definition)
        assert row["covered_90"] == (row["q05"] <= truth <= row["q95"])
        assert row["width_90"] == pytest.approx(row["q95"] - row["q05"])
        assert row["wis"] == pytest.approx(row["wis_width"] + row["wis_under"] + row["wis_over"])
        assert abs(row["pit"] - np.mean(draws < truth)) <= 1 / 500


def test_a_point_forecast_claims_no_interval() -> None:
    cells = backtest(LADDER, [fake("point")])
    assert (cells["n_draws"] == 1).all()
    np.testing.assert_allclose(cells["crps"], cells["abs_error"], atol=1e-15)
    np.testing.assert_allclose(cells["wis"], cells["abs_error"], atol=1e-15)
    assert cells[["covered_50", "covered_95", "width_90", "pit"]].isna().all(axis=None)


def test_refusals_are_cells_with_their_reason() -> None:
    cells = backtest(LADDER, [fake("fussy"), fake("unconverged")], min_rungs=2)
    fussy = cells[cells["method"] == "fussy"]
    by_cut = fussy.groupby(["family", "cut"])
    assert set(by_cut.get_group(("alpha", "alpha-3"))["status"]) == {"refused"}
    assert set(by_cut.get_group(("alpha", "alpha-3"))["reason"]) == {"R-hat of 1.7"}
    assert set(by_cut.get_group(("beta", "beta-2"))["reason"]) == {"too many rungs"}
    small = by_cut.get_group(("beta", "beta-1")).set_index("benchmark")["status"]
    assert set(small["one"]) == {"ok"} and set(small["two"]) == {"unusable"}
    silent = cells[cells["status"] != "ok"]
    assert silent[list(VALUES)].isna().all(axis=None) and silent["truth"].notna().all()
    unconverged = cells[cells["method"] == "unconverged"]
    assert set(unconverged["status"]) == {"refused"}
    assert unconverged["reason"].iloc[0].startswith("the sampler did not converge: 1 diagnostics failed (slope)")


def test_a_refused_benchmark_is_a_refused_cell() -> None:
    cells = backtest(LADDER, [fake("selective")], min_rungs=2)
    status = {str(name): set(group["status"]) for name, group in cells.groupby("benchmark")}
    assert status["one"] == {"ok"} and status["two"] == {"unusable"} and status["three"] == {"refused"}
    reason = cells.loc[cells["benchmark"] == "three", "reason"]
    assert set(reason) == {"the sampler's chains disagree on this benchmark"}


def test_a_defect_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError, match="a defect"):
        backtest(LADDER, [fake("broken")])


def test_methods_are_checked_first() -> None:
    with pytest.raises(InputError, match="different names"):
        backtest(LADDER, [fake(), fake()])
    with pytest.raises(InputError, match="no method"):
        backtest(LADDER, [])
    with pytest.raises(InputError, match="not plain values"):
        backtest(LADDER, [fake(seen=Path())])


# ---------------------------------------------------------------- order, resuming


def test_numbers_do_not_depend_on_order_or_parallelism() -> None:
    methods = [fake(), fake("other"), fake("point")]
    one = backtest(LADDER, methods, seed=7)
    same(one, backtest(LADDER, methods, seed=7, n_jobs=2))
    keys = ["method", "family", "cut", "target", "benchmark"]
    backwards = backtest(LADDER, methods[::-1], seed=7, families=["beta", "alpha"])
    same(*(table.sort_values(keys, ignore_index=True) for table in (one, backwards)))


def test_seeds_differ_between_jobs_and_users() -> None:
    seeds = {
        job_seed(seed, method, family, cut) for seed in (0, 1) for method in "ab" for family in "fg" for cut in "xyz"
    }
    assert len(seeds) == 24
    one, two = (backtest(LADDER, [fake()], seed=seed) for seed in (0, 1))
    assert not np.allclose(one["crps"], two["crps"])


@pytest.mark.filterwarnings("ignore:.*have been cancelled:UserWarning:joblib")
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_interrupted_run_goes_on_and_gives_the_same(tmp_path: Path, n_jobs: int) -> None:
    seen, folder = tmp_path / "seen", tmp_path / "jobs"
    seen.mkdir()
    methods = [fake(seen=str(seen)), fake("other", seen=str(seen))]
    whole = backtest(LADDER, methods, seed=1)
    for file in seen.iterdir():
        file.unlink()

    def interrupt(done: int, total: int, text: str) -> None:
        if done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backtest(LADDER, methods, seed=1, folder=folder, n_jobs=n_jobs, progress=interrupt)
    kept = len(list(folder.glob("*.parquet")))
    assert kept >= 2

    heard: list[tuple[int, int]] = []
    again = backtest(
        LADDER, methods, seed=1, folder=folder, progress=lambda done, total, _: heard.append((done, total))
    )
    same(whole, again)
    assert heard[0][0] >= kept and heard[-1] == (6, 6)
    if n_jobs == 1:  # with more, jobs may have been under way when the run was interrupted
        assert kept == 2
        fits = {file.stem: len(file.read_text().splitlines()) for file in seen.iterdir()}
        assert len(fits) == 6 and set(fits.values()) == {1}  # no finished job was done twice

    third = backtest(LADDER, methods, seed=1, folder=folder)
    pd.testing.assert_frame_equal(again, third, check_exact=True)


@pytest.mark.parametrize("change", ["seed", "data", "settings", "pool", "benchmarks"])
def test_only_the_same_job_is_resumed(tmp_path: Path, change: str) -> None:
    def run(**changed: Any) -> int:
        done: list[int] = []
        arguments: dict[str, Any] = {"seed": 0, "pool": "others", "benchmarks": None, "draws": 50, "ladder": LADDER}
        arguments |= changed
        method = fake(draws=arguments.pop("draws"))
        backtest(
            arguments.pop("ladder"),
            [method],
            families=["beta"],
            folder=tmp_path,
            progress=lambda d, t, x: done.append(d),
            **arguments,
        )
        return done[0]

    changes: dict[str, dict[str, Any]] = {
        "seed": {"seed": 1},
        "data": {"ladder": small_ladder(1)},
        "settings": {"draws": 60},
        "pool": {"pool": None},
        "benchmarks": {"benchmarks": ["one"]},
    }
    assert run() == 0
    assert run() == 1
    assert run(**changes[change]) == 0
    assert run() == 1
