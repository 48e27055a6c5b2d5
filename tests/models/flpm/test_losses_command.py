"""`losses` and `decide mixture` from the command line to their files; the ladder has the shape that others compile."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayes_cod.cli import app

SHORT = ("--draws", "60", "--chains", "2", "--allow-failed-gate")


@pytest.mark.slow
def test_losses_end_to_end(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["losses", str(folder), "--target", "big", *SHORT, "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    assert sorted(file.name for file in out.iterdir()) == ["diagnostics.csv", "losses.csv", "run.json"]
    table = pd.read_csv(out / "losses.csv")
    assert set(table["domain"]) == {"web", "code", "mean"}
    assert (table["q05"] < table["q95"]).all()
    assert "losses.csv" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("goal", ["scores", "losses"])
def test_decide_mixture_end_to_end(folder: Path, tmp_path: Path, goal: str) -> None:
    out = tmp_path / "out"
    command = ["decide", "mixture", str(folder), "--params", "1e9", "--tokens", "2e10", "--goal", goal]
    result = CliRunner().invoke(app, [*command, "--candidates", "12", *SHORT, "--out", str(out), "--json"])
    assert result.exit_code == 0, result.stderr
    answer = json.loads(result.stdout)
    assert answer == json.loads((out / "decision.json").read_text()) and answer["goal"] == goal
    table = pd.read_csv(out / "mixtures.csv")
    assert table["mean"].iloc[0] == pytest.approx(answer["best"]["mean"])
    assert (table["q05"] < table["q95"]).all()
    assert {"diagnostics.csv", "mixtures.png", "report.html"} < {file.name for file in out.iterdir()}
