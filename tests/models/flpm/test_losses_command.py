"""`losses` from the command line to its files; the ladder has the shape that other tests compile."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from bayes_cod.cli import app


@pytest.mark.slow
def test_losses_end_to_end(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    options = ("--draws", "60", "--chains", "2", "--allow-failed-gate")
    result = CliRunner().invoke(app, ["losses", str(folder), "--target", "big", *options, "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    assert sorted(file.name for file in out.iterdir()) == ["diagnostics.csv", "losses.csv", "run.json"]
    table = pd.read_csv(out / "losses.csv")
    assert set(table["domain"]) == {"web", "code", "mean"}
    assert (table["q05"] < table["q95"]).all()
    assert "losses.csv" in result.stdout
