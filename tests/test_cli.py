"""The command line: files, exit codes, what is printed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr
from helpers import FakeBayes, write_ladder
from typer.testing import CliRunner

from bayes_cod import load
from bayes_cod import read as read_ladder
from bayes_cod import registry as methods
from bayes_cod.cli import app
from bayes_cod.commands.console import one_line
from bayes_cod.results import result

FILES = ["diagnostics.csv", "forecast.csv", "forecast.nc", "posterior.nc", "report.html", "run.json"]
COLUMNS = ["target", "flops", "benchmark", "method", "kind", "mean", "sd"]
COLUMNS += ["q025", "q05", "q10", "q25", "q50", "q75", "q90", "q95", "q975"]


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.usefixtures("fake_method")
def test_forecast_writes_all_files_and_prints_the_table(ladder_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    code, stdout, stderr = run("forecast", ladder_folder, "--seed", "4", "--draws", "30", "--chains", "2", "--out", out)
    assert (code, stderr) == (0, "")
    assert sorted(file.name for file in out.iterdir()) == FILES
    assert [file.name for file in out.parent.iterdir()] == ["out"]
    table = pd.read_csv(out / "forecast.csv")
    assert list(table.columns) == COLUMNS
    assert set(table["target"]) == {"huge"}
    assert set(table["kind"]) == {"observed", "latent"}
    forecast = load(out).forecast
    assert forecast.draws["score"].dims == ("sample", "target", "benchmark")
    assert forecast.draws.sizes["sample"] == 60
    assert "slope" in xr.open_datatree(out / "posterior.nc", engine="h5netcdf")["posterior"]
    for text in ("huge", "arith", "50 % interval", "90 % interval", "decades", "80%", str(out / "report.html")):
        assert text in stdout
    assert "truth" not in stdout


@pytest.mark.usefixtures("fake_method")
def test_run_json_says_how_it_was_made(ladder_folder: Path, tmp_path: Path) -> None:
    run("forecast", ladder_folder, "--seed", "4", "--pool", "none", "--out", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["seed"] == 4
    assert record["data"]["sha256"] == read_ladder(ladder_folder).data_hash()
    assert record["rungs"] == ["tiny", "small", "middle", "large"]
    assert record["targets"][0]["decades"] == pytest.approx(1.0)
    assert record["settings"]["pool"] == "none"
    assert record["facts"]["warnings"] == ["a warning of the method"]
    assert {"bayes-cod", "python", "numpy", "pymc"} <= set(record["versions"])


@pytest.mark.usefixtures("fake_method")
def test_the_truth_is_shown_where_it_is_known(ladder_folder: Path, tmp_path: Path) -> None:
    code, stdout, _ = run("forecast", ladder_folder, "--target", "large", "--out", tmp_path / "out")
    assert code == 0
    assert "truth" in stdout
    truth = read_ladder(ladder_folder).truth("large", "arith")
    assert f"{100 * truth:.1f}" in stdout


@pytest.mark.usefixtures("fake_method")
def test_the_same_seed_gives_the_same_forecast(ladder_folder: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        run("forecast", ladder_folder, "--seed", seed, "--out", tmp_path / name)
    texts = [(tmp_path / name / "forecast.csv").read_text() for name in "abc"]
    assert texts[0] == texts[1] != texts[2]


def failing_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(methods, "make", lambda name, seed, **settings: FakeBayes(seed, gate_passed=False))


def test_a_failed_gate_writes_nothing(ladder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_gate(monkeypatch)
    code, stdout, stderr = run("forecast", ladder_folder, "--out", tmp_path / "out")
    assert code == 3
    assert stdout == ""
    for text in ("slope", "1.310", "1 of 4 diagnostics failed", "--allow-failed-gate"):
        assert text in stderr
    assert "Traceback" not in stderr
    assert [file.name for file in tmp_path.iterdir()] == ["ladder"]


def test_a_failed_gate_can_be_overridden(ladder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing_gate(monkeypatch)
    code, stdout, _ = run("forecast", ladder_folder, "--allow-failed-gate", "--out", tmp_path / "out")
    assert code == 0
    assert "do not rely on these numbers" in stdout
    assert json.loads((tmp_path / "out" / "run.json").read_text())["gate_passed"] is False
    assert 'role="alert"' in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.usefixtures("fake_method")
def test_a_write_that_fails_leaves_the_last_result(
    ladder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run("forecast", ladder_folder, "--seed", "1", "--out", out)
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    def full_disk(text: str, file: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(result, "write_text", full_disk)
    code, stdout, stderr = run("forecast", ladder_folder, "--seed", "2", "--out", out)
    assert code == 2
    assert "No space left on device" in stderr and stdout == ""
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["ladder", "out"]


@pytest.mark.usefixtures("fake_method")
def test_a_second_run_replaces_the_first_and_keeps_other_files(ladder_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("forecast", ladder_folder, "--out", out)
    (out / "notes.txt").write_text("mine")
    code, _, _ = run("forecast", ladder_folder, "--target-flops", "1e24", "--family", "fam", "--out", out)
    assert code == 0
    assert sorted(file.name for file in out.iterdir()) == sorted([*FILES, "notes.txt"])
    assert set(pd.read_csv(out / "forecast.csv")["target"]) == {"1e+24 FLOPs"}


def test_a_point_method_has_no_posterior(ladder_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "posterior.nc").parent.mkdir()
    (out / "posterior.nc").write_bytes(b"of an earlier run")
    code, stdout, stderr = run("forecast", ladder_folder, "--method", "exponential", "--out", out)
    assert code == 0, stderr
    assert sorted(file.name for file in out.iterdir()) == ["forecast.csv", "forecast.nc", "report.html", "run.json"]
    assert "interval" not in stdout


def test_a_point_method_refuses_settings_of_samplers(ladder_folder: Path, tmp_path: Path) -> None:
    code, _, stderr = run(
        "forecast", ladder_folder, "--method", "exponential", "--draws", "9", "--out", tmp_path / "out"
    )
    assert code == 2
    assert "'exponential' does not sample, so it takes no --draws" in stderr


def test_check_tells_what_can_be_forecast(ladder_folder: Path) -> None:
    code, stdout, stderr = run("check", ladder_folder)
    assert (code, stderr) == (0, "")
    for text in ("items", "fam", "huge", "arith", "Can be forecast: fam", "1e+18 to 1e+21", "20"):
        assert text in stdout
    assert "other" in stdout


def test_check_warns(tmp_path: Path) -> None:
    arith = "benchmark,question_id,model,n_trials,n_correct\n"
    arith += "".join(f"arith,q{q},{model},1,1\n" for q in range(4) for model in ("tiny", "nocompute"))
    code, stdout, _ = run("check", write_ladder(tmp_path / "l", arith=arith, logic=None))
    assert code == 0
    for text in ("have no compute", "nocompute", "no chance level", "one trial a question", "Nothing can be forecast"):
        assert text in stdout


@pytest.mark.parametrize("command", ["demo", "check", "forecast", "backtest"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    code, stdout, _ = run(command, "--help")
    assert code == 0
    assert f"bayes-cod {command}" in stdout


def test_help_tells_of_settings_and_exit_codes() -> None:
    assert "benchmark@setting" in " ".join(run("forecast", "--help")[1].replace("│", " ").split())
    assert "Exit codes" in run("--help")[1]


def test_version() -> None:
    from bayes_cod import __version__

    assert run("--version") == (0, f"{__version__}\n", "")


def test_main_as_a_process(ladder_folder: Path) -> None:
    code = "from bayes_cod.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "check", str(ladder_folder / "nowhere")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_errors_are_one_bounded_line() -> None:
    assert one_line("a\nb\tc") == "a b c"
    assert one_line("\x1b[31mred\u202e") == "\\x1b[31mred\\x202e"
    assert len(one_line("x" * 10_000)) < 1000
