"""`report` and `compare`, answers as JSON, quiet, and the configuration file."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from helpers import items_text, run, write_ladder
from typer.testing import CliRunner

from bayes_cod.cli import app
from bayes_cod.commands.console import stage
from bayes_cod.commands.options import read_thresholds
from bayes_cod.errors import InputError

pytestmark = pytest.mark.usefixtures("fake_method")


@pytest.fixture
def saved(ladder_folder: Path, tmp_path: Path) -> Path:
    code, _, stderr = run("forecast", ladder_folder, "--out", tmp_path / "run", "--threshold", "arith=0.8")
    assert code == 0, stderr
    return tmp_path / "run"


def answered(*arguments: object) -> dict[str, object]:
    """The JSON that a command prints on standard output."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_a_threshold_is_answered_and_kept(saved: Path, ladder_folder: Path, tmp_path: Path) -> None:
    assert json.loads((saved / "run.json").read_text())["settings"]["thresholds"] == {"arith": 0.8}
    assert "probability of 80 or more" in (saved / "report.html").read_text()
    _, stdout, _ = run("forecast", ladder_folder, "--threshold", "arith=0.8", "--out", tmp_path / "again")
    assert "huge, arith: " in stdout and "probability of 80 or more" in stdout


@pytest.mark.parametrize("form", ["html", "md", "json"])
def test_report_in_every_form(saved: Path, form: str, tmp_path: Path) -> None:
    file = tmp_path / f"new.{form}"
    code, stdout, stderr = run("report", saved, "--format", form, "--threshold", "logic=0.9", "--out", file)
    assert code == 0, stderr
    assert f"report: {file}" in stdout
    text = file.read_text()
    assert "probability of 90 or more" in text and "probability of 80 or more" not in text


def test_report_says_what_is_wrong(saved: Path, tmp_path: Path) -> None:
    for arguments, message in (
        ((tmp_path / "none",), "holds no saved forecast"),
        ((saved, "--threshold", "arith"), "--threshold is 'arith'; give BENCHMARK=FRACTION"),
        ((saved, "--threshold", "nope=0.5"), "of no benchmark here; there are: arith, logic"),
        ((saved, "--track-record", tmp_path), "no back-test is there"),
        ((saved, "--out", tmp_path), "give --out a file"),
    ):
        code, _, stderr = run("report", *arguments)
        assert code == 2 and message in stderr, stderr


def test_thresholds_are_read() -> None:
    assert read_thresholds(["a=b=0.5", " c =1"]) == {"a=b": 0.5, "c": 1.0}
    assert read_thresholds(None) == {}
    with pytest.raises(InputError, match="BENCHMARK=FRACTION"):
        read_thresholds(["0.5"])


def test_compare_sets_runs_side_by_side(saved: Path, ladder_folder: Path, tmp_path: Path) -> None:
    run("forecast", ladder_folder, "--seed", "1", "--benchmark", "arith", "--out", tmp_path / "other")
    code, stdout, stderr = run("compare", saved, tmp_path / "other", "--out", tmp_path / "c.html")
    assert code == 0, stderr
    for text in ("huge: median and 90 % interval (points)", "arith", "run also has the benchmarks logic"):
        assert text in stdout
    html = (tmp_path / "c.html").read_text()
    assert "2 forecasts side by side: run, other" in html and "<svg" in html
    scores = answered("compare", saved, tmp_path / "other", "--json")["scores"]
    assert isinstance(scores, list) and [row["run"] for row in scores] == ["run", "other"]


def test_compare_says_what_is_wrong(saved: Path, tmp_path: Path) -> None:
    ladder = write_ladder(tmp_path / "l", arith=None, logic=None, other=items_text("other"))
    run("forecast", ladder, "--out", tmp_path / "other")
    for arguments, message in (
        ((saved,), "give two or more"),
        ((saved, saved), "a run is given twice"),
        ((saved, tmp_path / "other"), "no benchmark in common (run: arith, logic; other: other)"),
    ):
        code, _, stderr = run("compare", *arguments)
        assert code == 2 and message in stderr, stderr


def test_json_stands_alone_on_standard_output(ladder_folder: Path, tmp_path: Path) -> None:
    for arguments in (("--json", "forecast", ladder_folder), ("forecast", ladder_folder, "--json")):
        found = answered(*arguments, "--out", tmp_path / "out")
        assert found["out"] == str(tmp_path / "out") and found["method"] == "fake-bayes"
        assert found["targets"][0]["name"] == "huge"  # type: ignore[index]


def test_quiet_prints_nothing_but_errors(ladder_folder: Path, tmp_path: Path) -> None:
    assert run("forecast", ladder_folder, "--out", tmp_path / "out", "--quiet") == (0, "", "")
    assert (tmp_path / "out" / "report.html").exists()
    code, stdout, stderr = run("--quiet", "forecast", tmp_path / "none", "--out", tmp_path / "out")
    assert (code, stdout) == (2, "") and stderr.startswith("error: ")


def test_after_a_double_dash_words_are_no_options(tmp_path: Path) -> None:
    code, _, stderr = run("report", "--", "--json")
    assert code == 2 and "--json: holds no saved forecast" in stderr


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_configuration_file_gives_defaults(ladder_folder: Path, here: Path) -> None:
    (here / "bayes-cod.toml").write_text('[forecast]\nseed = 7\nbenchmark = ["arith"]\nout = "from-file"\n')
    assert run("forecast", ladder_folder)[0] == 0
    summary = json.loads((here / "from-file" / "run.json").read_text())
    assert summary["seed"] == 7 and summary["benchmarks"] == ["arith"]
    assert run("forecast", ladder_folder, "--seed", "8", "--out", "typed")[0] == 0
    assert json.loads((here / "typed" / "run.json").read_text())["seed"] == 8
    (here / "other.toml").write_text('[forecast]\nallow-failed-gate = true\nout = "other"\n')
    assert run("--config", "other.toml", "forecast", ladder_folder)[0] == 0
    assert json.loads((here / "other" / "run.json").read_text())["settings"]["allow_failed_gate"] is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[forecast]\nsead = 1\n", "bayes-cod.toml: sets 'sead' in [forecast], which is no option of it; did you mean"),
        ("[forcast]\nseed = 1\n", "has a section [forcast], which is no command; did you mean 'forecast'?"),
        ("seed = 1\n", "has a section [seed], which is no command"),
        ("forecast = 1\n", "write a section [forecast]"),
        ("[forecast\n", "is no configuration that can be read"),
        ("[decide.nothing]\na = 1\n", "has a section [decide.nothing], which is no command"),
    ],
)
def test_configuration_that_cannot_be_used(text: str, message: str, ladder_folder: Path, here: Path) -> None:
    (here / "bayes-cod.toml").write_text(text)
    code, stdout, stderr = run("check", ladder_folder)
    assert (code, stdout) == (2, "") and message in stderr


def test_a_configuration_file_that_is_missing(here: Path) -> None:
    code, _, stderr = run("--config", "none.toml", "check", "microladder")
    assert code == 2 and "none.toml: there is no such file; give a configuration file, or leave --config out" in stderr


def test_eighty_columns_are_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "a_benchmark_with_a_name_that_is_very_long_indeed@temperature_1_top_p_95_max_tokens_8192"
    folder = write_ladder(tmp_path / "l", arith=items_text(long))
    monkeypatch.setattr("bayes_cod.commands.console.WIDTH_OF_FILES", 80)
    arguments = ["forecast", str(folder), "--target", "large", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    table = [line for line in result.stdout.splitlines() if not line.startswith(("report:", "•"))]
    assert max(map(len, table)) <= 80 and not any("…" in line for line in table)
    assert "90 % interval" in result.stdout and "50 % interval" not in result.stdout
    assert "".join(long.split()) in "".join(line.strip().split("  ")[0] for line in table if line.strip())


def test_long_work_says_so_in_plain_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr("bayes_cod.commands.console.SILENT", 0.05)
    with stage("counting"):
        time.sleep(0.2)
    assert capsys.readouterr().err.splitlines() == ["counting ...", "counting: 0 s"]
    with stage("blinking"):
        pass
    assert capsys.readouterr().err == ""
