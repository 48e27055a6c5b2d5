"""`decide compute`, `plans`, `next-run`, `trials`, and judged forecasts, from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from helpers import run

from bayes_cod.errors import InputError
from bayes_cod.evaluation.judged import judge, read_truth, totals
from bayes_cod.report.worth import worth_section
from bayes_cod.results import Result
from bayes_cod.results.registration import REGISTRATION, register, registration_of

PLANS = "plans: [{name: huge, target: huge, cost: 60}, {name: nothing}]\n"
TRUTH = "model,benchmark,score\nhuge,arith,0.82\nhuge,logic,0.8\nother,arith,0.1\n"


@pytest.mark.parametrize("command", ["compute", "plans", "next-run", "trials"])
def test_help_has_an_example(command: str) -> None:
    code, out, _ = run("decide", command, "--help")
    assert code == 0
    assert f"bayes-cod decide {command} out/" in out


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (
            ["compute", "--require", "arith>=0.75", "--require", "mean(arith,logic)>=0.7", "--confidence", "0.8"],
            "compute",
        ),
        (["plans"], "plans"),
        (["next-run", "--flops", "3e21", "--seeds", "1", "--simulations", "10"], "next_run"),
        (["trials", "--weight", "arith=1"], "trials"),
    ],
)
def test_every_decision_writes_table_picture_record_and_page(
    arguments: list[str], name: str, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "plans.yaml").write_text(PLANS)
    places = [saved, tmp_path / "plans.yaml"] if name == "plans" else [saved]
    code, out, err = run("decide", arguments[0], *places, *arguments[1:], "--out", tmp_path / "out")
    assert code == 0, err
    assert "report: " in out
    files = {file.name for file in (tmp_path / "out").iterdir()}
    assert {f"{name}.csv", f"{name}.svg", f"{name}.png", f"{name}.json", "report.html"} <= files
    assert len(pd.read_csv(tmp_path / "out" / f"{name}.csv")) > 0
    assert json.loads((tmp_path / "out" / f"{name}.json").read_text())
    assert "<svg" in (tmp_path / "out" / "report.html").read_text()


def test_errors_name_flags(saved: Path, tmp_path: Path) -> None:
    code, _, err = run("decide", "compute", saved, "--require", "arith>=0.7", "--price", "2")
    assert code == 2
    assert "give both --price and --throughput" in err
    code, _, err = run("decide", "next-run", tmp_path)
    assert code == 2
    assert "holds no saved forecast" in err


# ---------------------------------------------------------------- registered and judged


@pytest.fixture
def registered(saved: Path, tmp_path: Path) -> Path:
    folder = shutil.copytree(saved, tmp_path / "run")
    (folder / REGISTRATION).unlink(missing_ok=True)
    register(folder)
    return folder


def test_a_registered_forecast_is_the_one_that_was_made(registered: Path) -> None:
    made = registration_of(registered)
    assert made is not None and len(made.digest) == 64
    with pytest.raises(InputError, match="registered already"):
        register(registered)
    file = registered / "forecast.csv"
    file.write_text(file.read_text().replace("arith", "arit h"))
    with pytest.raises(InputError, match="changed after the forecast was registered"):
        registration_of(registered)


def test_a_registration_can_not_be_dated_back(registered: Path) -> None:
    file = registered / REGISTRATION
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | {"date": "2020-01-01T00:00:00+00:00"}))
    with pytest.raises(InputError, match="digest is not that of its date"):
        registration_of(registered)


def test_judged_scores(result: Result, tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text(TRUTH)
    cells = judge(result, read_truth(tmp_path / "truth.csv")).set_index("benchmark")
    draws = result.forecast.samples("huge", "arith")
    assert cells.loc["arith", "error"] == pytest.approx(abs(pd.Series(draws).median() - 0.82))
    assert cells.loc["arith", "crps"] == pytest.approx(
        abs(draws - 0.82).mean() - 0.5 * abs(draws[:, None] - draws).mean(), abs=1e-9
    )
    last = result.truth("large", "arith")
    assert cells.loc["arith", "crps_last_rung"] == pytest.approx(abs(last - 0.82))
    assert totals(cells.reset_index())["cells"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model,score\nhuge,0.5\n", "lacks the column benchmark"),
        ("model,benchmark,score\nhuge,arith,82\n", "row 2, column 'score': a score of 82"),
        ("model,benchmark,score\nhuge,arith,0.5\nhuge,arith,0.6\n", "two scores on 'arith'"),
    ],
)
def test_unusable_truth(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "truth.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_truth(file)


def test_score_command_keeps_a_track_record(registered: Path, tmp_path: Path) -> None:
    for name, text in (("truth.csv", TRUTH), ("plans.yaml", PLANS)):
        (tmp_path / name).write_text(text)
    track = tmp_path / "track.csv"
    for _ in range(2):  # the same forecast judged twice is one
        code, out, err = run(
            "score", registered, tmp_path / "truth.csv", "--track", track, "--plans", tmp_path / "plans.yaml"
        )
        assert code == 0, err
    assert "Track record: 1 forecasts, 2 scores" in out
    assert "The forecast led to huge" in out
    assert len(pd.read_csv(track)) == 2
    record = json.loads((registered / "score" / "score.json").read_text())
    assert record["decision"]["regret"] >= 0
    assert record["registered"]["digest"]


def test_forecast_registers_once(ladder_folder: Path, tmp_path: Path, fake_method: None) -> None:
    arguments = ["forecast", ladder_folder, "--target", "huge", "--method", "bayes-cod", "--out", tmp_path / "out"]
    code, out, err = run(*arguments, "--register")
    assert code == 0, err
    assert "registered 20" in out
    assert registration_of(tmp_path / "out") is not None
    code, _, err = run(*arguments, "--register")
    assert code == 2
    assert "registered forecast" in err


def test_worth_in_questions(result: Result) -> None:
    section = worth_section(result)
    assert section is not None and section.table is not None
    assert len(section.table.rows) == 2
