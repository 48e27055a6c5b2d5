"""Recalibration: what is learnt from a back-test's cells, what it does to a forecast, and what it must not know."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import fake_method, small_ladder
from helpers import run
from scipy.stats import norm

from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, best_baseline
from bayes_cod.evaluation.recalibration import Recalibration, read_cells, scored_methods
from bayes_cod.forecasts.forecast import Forecast, mean_over_benchmarks
from bayes_cod.ladder import Target

TARGETS = [Target("big", 1e22, "new"), Target("bigger", 1e23, "new")]


def cells_of(
    spread: float, families: int = 6, benchmarks: int = 10, seed: int = 0, method: str = "bayes-cod"
) -> pd.DataFrame:
    """Cells of families whose truths scatter `spread` times as far as the forecasts say."""
    z = spread * np.random.default_rng(seed).normal(size=(families, benchmarks))
    rows = [
        (f"ladder-{family}", f"f{family}", "cut", f"target-{family}", f"b{benchmark}", method, "ok", pit, 4000.0)
        for family, row in enumerate(norm.cdf(z))
        for benchmark, pit in enumerate(row)
    ]
    columns = ["ladder", "family", "cut", "target", "benchmark", "method", "status", "pit", "n_draws"]
    return pd.DataFrame(rows, columns=columns)


def normal_forecast(spread: float = 0.02, draws: int = 4000) -> Forecast:
    """Benchmarks that share most of their spread."""
    rng = np.random.default_rng(1)
    shared, own = rng.normal(size=(draws, 2, 1)), rng.normal(size=(draws, 2, 3))
    latent = 0.5 + spread * (0.9 * shared + 0.43 * own)
    observed = latent + 0.1 * spread * rng.normal(size=latent.shape)
    facts = {"warnings": ["one"], "mean_over_benchmarks": mean_over_benchmarks(observed, ["big", "bigger"])}
    return Forecast.from_draws(observed, latent, TARGETS, ["x", "y", "z"], "bayes-cod", facts)


@pytest.mark.parametrize("spread", [0.4, 1.0, 2.0])
def test_new_forecasts_hold_what_they_say(spread: float) -> None:
    """A method whose truths scatter differently from what it says is put right for families not learnt from."""
    learnt = Recalibration.learn(cells_of(spread, families=30), "bayes-cod")
    assert learnt.scale == pytest.approx(spread, rel=0.1)
    own = normal_forecast(0.02)
    forecast = learnt.apply(own)
    truths = 0.5 + spread * (own.samples("big", "x") - 0.5)  # drawn from what the forecast should have been
    for level in (0.5, 0.8, 0.9):
        low, high = forecast.interval("big", "x", level)
        assert np.mean((truths >= low) & (truths <= high)) == pytest.approx(level, abs=0.05)


def test_few_families_tell_less_than_many() -> None:
    few, many = (Recalibration.learn(cells_of(0.5, families), "bayes-cod") for families in (1, 40))
    assert few.freedom < many.freedom
    assert 0.5 < many.scale < few.scale < 1.0 and 0.5 < many.ratio < few.ratio < 1.0


def test_a_benchmark_counts_once_however_often_it_was_forecast() -> None:
    once = cells_of(0.5, families=3)
    often = pd.concat([once.assign(cut=f"cut {n}") for n in range(5)], ignore_index=True)
    first, second = (Recalibration.learn(cells, "bayes-cod") for cells in (once, often))
    assert second.scale == pytest.approx(first.scale) and second.freedom == first.freedom
    assert [source.cells for source in second.sources] == [5 * source.cells for source in first.sources]


def test_what_a_source_held_is_told() -> None:
    cells = cells_of(1.0, families=1, benchmarks=4).assign(pit=[0.5, 0.8, 0.92, 0.999])
    (source,) = Recalibration.learn(cells, "bayes-cod").sources
    assert (source.ladder, source.family, source.targets) == ("ladder-0", "f0", ("target-0",))
    assert source.held == (0.25, 0.5, 0.75)


def test_only_answered_cells_of_the_method_count() -> None:
    own = cells_of(0.5)
    other = cells_of(3.0, method="flp+bootstrap")
    refused = cells_of(5.0, seed=3).assign(status="refused", pit=np.nan)
    mixed = pd.concat([own, other, refused], ignore_index=True)
    assert Recalibration.learn(mixed, "bayes-cod") == Recalibration.learn(own, "bayes-cod")
    assert scored_methods(mixed) == ["bayes-cod", "flp+bootstrap"]
    with pytest.raises(InputError, match="no scored intervals of 'fp'; it has of: bayes-cod"):
        Recalibration.learn(mixed, "fp")


def test_a_truth_beyond_all_draws_is_cut_off() -> None:
    cells = cells_of(1.0, families=1, benchmarks=2).assign(pit=[0.0, 1.0], n_draws=100.0)
    (source,) = Recalibration.learn(cells, "bayes-cod").sources
    assert source.root_mean_square == pytest.approx(-norm.ppf(0.005))


@pytest.mark.parametrize("spread", [0.4, 2.0])
def test_a_forecast_is_scaled_around_its_medians(spread: float) -> None:
    learnt, own = Recalibration.learn(cells_of(spread), "bayes-cod"), normal_forecast()
    forecast = learnt.apply(own)
    assert forecast.method == "bayes-cod+recalibrated"
    assert (forecast.targets, forecast.benchmarks) == (own.targets, own.benchmarks)
    for kind in ("observed", "latent"):
        for target in own.targets:
            before, after = own.samples(target, "y", kind), forecast.samples(target, "y", kind)
            assert np.median(after) == pytest.approx(np.median(before), abs=1e-4)
            assert (np.argsort(after, kind="stable") == np.argsort(before, kind="stable")).all() or spread > 1
            assert after.min() >= before.min() and after.max() <= before.max()
            (low, high), (own_low, own_high) = forecast.interval(target, "y"), own.interval(target, "y")
            assert (high - low) / (own_high - own_low) == pytest.approx(learnt.ratio, rel=0.06)
    before, after = (np.corrcoef(f.samples("big", "x"), f.samples("big", "z"))[0, 1] for f in (own, forecast))
    assert after == pytest.approx(before, abs=0.03)


def test_facts_tell_what_was_done() -> None:
    learnt, own = Recalibration.learn(cells_of(0.4), "bayes-cod"), normal_forecast()
    facts = learnt.apply(own).facts
    json.dumps(facts)
    assert facts["recalibration"]["sources"][0]["family"] == "f0"
    assert facts["warnings"][0] == "one" and "narrower" in facts["warnings"][1] and "60 scores" in facts["warnings"][1]
    means = [f["mean_over_benchmarks"]["big"] for f in (own.facts, facts)]
    assert means[1]["q95"] - means[1]["q05"] == pytest.approx(
        learnt.ratio * (means[0]["q95"] - means[0]["q05"]), rel=0.1
    )
    assert own.facts["warnings"] == ["one"]  # the method's own forecast stays as it was


def test_a_point_forecast_has_nothing_to_scale() -> None:
    point = Forecast.from_points([[0.5], [0.6]], TARGETS, ["x"], "last-rung")
    with pytest.raises(InputError, match="'last-rung' forecasts one number"):
        Recalibration.learn(cells_of(1.0), "bayes-cod").apply(point)


def test_scores_of_what_is_forecast_are_refused() -> None:
    learnt = Recalibration.learn(cells_of(1.0), "bayes-cod")
    learnt.check_unseen("new", ["rung"], ["big"])
    learnt.check_unseen("f1", ["small", "target-1"], ["big"])  # its own smaller models, seen by the fit anyhow
    with pytest.raises(InputError, match="scored forecasts of target-1"):
        learnt.check_unseen("f1", ["small"], ["big"])
    with pytest.raises(InputError, match="scored forecasts of target-2"):
        learnt.check_unseen("renamed", ["target-2"], ["target-2"])


# -------------------------------------------------------------------- back-tests


def test_a_backtest_scores_the_same_forecasts_before_and_after() -> None:
    learnt = Recalibration.learn(cells_of(0.4, method="fake"), "fake")
    ladder = small_ladder()
    cells = backtest(ladder, [fake_method("fake"), fake_method("other")], recalibrations={"fake": learnt})
    plain = backtest(ladder, [fake_method("fake")])
    by = {name: table.reset_index(drop=True) for name, table in cells.groupby("method")}
    assert set(by) == {"fake", "fake+recalibrated", "other"}
    pd.testing.assert_frame_equal(by["fake"].drop(columns="seconds"), plain.drop(columns="seconds"))
    ratio = by["fake+recalibrated"]["width_90"] / by["fake"]["width_90"]
    assert ratio.mean() == pytest.approx(learnt.ratio, rel=0.05)
    np.testing.assert_allclose(by["fake+recalibrated"]["abs_error"], by["fake"]["abs_error"], atol=0.002)
    assert best_baseline(cells) == "other"


def test_a_refused_fit_is_refused_in_both_forms() -> None:
    learnt = Recalibration.learn(cells_of(0.4, method="unconverged"), "unconverged")
    cells = backtest(small_ladder(), [fake_method("unconverged")], recalibrations={"unconverged": learnt})
    counts = cells.groupby(["method", "status"]).size()
    assert counts["unconverged", "refused"] == counts["unconverged+recalibrated", "refused"] > 0


def test_a_backtest_refuses_to_be_recalibrated_by_itself() -> None:
    ladder = small_ladder()
    first = backtest(ladder, [fake_method("fake")])
    learnt = Recalibration.learn(first, "fake")
    with pytest.raises(InputError, match="must not know"):
        backtest(ladder, [fake_method("fake")], recalibrations={"fake": learnt})
    beta = Recalibration.learn(first[first["family"] == "beta"], "fake")
    assert len(backtest(ladder, [fake_method("fake")], recalibrations={"fake": beta}, families=["alpha"]))


def test_a_recalibration_is_part_of_a_jobs_name(tmp_path: Path) -> None:
    counts = []
    for spread in (None, 0.4, 0.4, 2.0):
        learnt = None if spread is None else Recalibration.learn(cells_of(spread, method="fake"), "fake")
        given = {} if learnt is None else {"fake": learnt}
        backtest(small_ladder(), [fake_method("fake")], folder=tmp_path, recalibrations=given)
        counts.append(len(list(tmp_path.glob("*.parquet"))))
    assert counts == [counts[0], 2 * counts[0], 2 * counts[0], 3 * counts[0]]


# -------------------------------------------------------------------- files


def test_cells_are_read_from_a_folder_or_a_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cells_of(0.5).assign(ladder=name).to_csv(tmp_path / name / "cells.csv", index=False)
    assert len(read_cells([tmp_path / "a", tmp_path / "b" / "cells.csv"])) == 120


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no back-test is there; give the folder that a back-test was written to"),
        ("", "is no table of cells"),
        ("a,b\n1,2,3\n4,5\n", "is no table of cells|has no column"),
        ("ladder,family\nx,y\n", "cells.csv: has no column cut, target, benchmark, method, status, pit, n_draws"),
        ("{}0.5,100\n{}1.5,100\n", "cells.csv, row 3, column 'pit': is '1.5'; expected a probability"),
        ("{}0.5,100\n{}half,100\n", "cells.csv, row 3, column 'pit': is 'half'; expected a probability"),
        ("{}0.5,100\nl,f,c,,b,m,ok,0.5,100\n", "cells.csv, row 3, column 'target': is empty"),
        ("l,f,c,t,b,m,ok,{}0.5,100\n" * 2, "cells.csv, row 3: is a forecast that was there before"),
        ("{}0.5,0\n", "cells.csv, row 2, column 'n_draws': is '0'; expected a number of draws"),
    ],
)
def test_broken_cells_are_refused(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        if "{}" in text:
            head = "ladder,family,cut,target,benchmark,method,status,pit,n_draws\n"
            lines = text.splitlines(True)
            text = head + "".join(
                line.format("" if line[0] == "l" else f"l,f,c,t,b{n},m,ok,") for n, line in enumerate(lines)
            )
        (tmp_path / "cells.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_cells([tmp_path])


def test_the_same_forecasts_twice_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cells_of(0.5).to_csv(tmp_path / name / "cells.csv", index=False)
    with pytest.raises(InputError, match=r"a forecast \(ladder-0, f0, cut, target-0, b0, bayes-cod\) is in .*a too"):
        read_cells([tmp_path / "a", tmp_path / "b"])


# -------------------------------------------------------------------- the command line


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    folder = tmp_path / "earlier"
    folder.mkdir()
    cells_of(0.4).to_csv(folder / "cells.csv", index=False)
    return folder


@pytest.mark.usefixtures("fake_method")
def test_a_forecast_is_recalibrated_and_says_so(ladder_folder: Path, earlier: Path, tmp_path: Path) -> None:
    widths = []
    for name, arguments in (("with", ("--recalibrate", earlier)), ("without", ())):
        code, stdout, stderr = run("forecast", ladder_folder, *arguments, "--out", tmp_path / name)
        assert (code, stderr) == (0, "")
        assert ("intervals are recalibrated" in stdout) == (name == "with")
        table = pd.read_csv(tmp_path / name / "forecast.csv")
        widths.append((table["q95"] - table["q05"]).mean())
        report = (tmp_path / name / "report.html").read_text()
        assert ("Recalibration</h2>" in report) == (name == "with")
    record = json.loads((tmp_path / "with" / "run.json").read_text())
    learnt = Recalibration.learn(cells_of(0.4), "bayes-cod")
    assert record["facts"]["recalibration"]["sha256"] == learnt.sha256
    assert record["settings"]["recalibrate"] == [str(earlier)]
    assert widths[0] / widths[1] == pytest.approx(learnt.ratio, rel=0.1)


@pytest.mark.usefixtures("fake_method")
def test_a_forecast_by_its_own_target_is_refused(ladder_folder: Path, earlier: Path, tmp_path: Path) -> None:
    cells_of(0.4).assign(target="huge").to_csv(earlier / "cells.csv", index=False)
    code, _, stderr = run("forecast", ladder_folder, "--recalibrate", earlier, "--out", tmp_path / "out")
    assert code == 2 and "scored forecasts of huge" in stderr
    assert not (tmp_path / "out").exists()


def test_a_forecast_by_another_methods_backtest_is_refused(ladder_folder: Path, earlier: Path, tmp_path: Path) -> None:
    arguments = ("--method", "bayes-flp", "--recalibrate", earlier, "--out", tmp_path / "out")
    code, _, stderr = run("forecast", ladder_folder, *arguments)
    assert code == 2 and "no scored intervals of 'bayes-flp'; it has of: bayes-cod" in stderr


def test_a_backtest_is_recalibrated(ladder_folder: Path, tmp_path: Path) -> None:
    code, stdout, _ = run(
        *("backtest", ladder_folder, "--method", "exponential+bootstrap,last-rung,bnsl+bootstrap"),
        *("--out", tmp_path / "first"),
    )
    assert code == 0 and "+recalibrated" not in stdout
    cells = pd.read_csv(tmp_path / "first" / "cells.csv")
    cells = cells[cells["method"] != "bnsl+bootstrap"].assign(ladder="old", family="old", target="old-model")
    (tmp_path / "old").mkdir()
    cells.to_csv(tmp_path / "old" / "cells.csv", index=False)
    code, stdout, _ = run(
        *("backtest", ladder_folder, "--method", "exponential+bootstrap,last-rung,bnsl+bootstrap"),
        *("--recalibrate", tmp_path / "old", "--out", tmp_path / "second"),
    )
    again = pd.read_csv(tmp_path / "second" / "cells.csv")
    assert code == 0
    assert set(again["method"]) == {
        *("exponential+bootstrap", "exponential+bootstrap+recalibrated", "last-rung", "bnsl+bootstrap")
    }
    assert set(pd.read_csv(tmp_path / "second" / "summary.csv")["baseline"]) <= {
        "exponential+bootstrap",
        "bnsl+bootstrap",
    }
