"""`bayes-cod backtest` from arguments to files."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from evaluation_fakes import small_ladder
from typer.testing import CliRunner, Result

from bayes_cod.cli import app
from bayes_cod.commands.backtest import FILES, JOBS
from bayes_cod.commands.backtest import backtest as command
from bayes_cod.evaluation.cells import COLUMNS
from bayes_cod.published import REGISTRY


@pytest.fixture
def data(tmp_path: Path) -> Path:
    ladder = small_ladder()
    folder = tmp_path / "data"
    folder.mkdir()
    assert ladder.scores is not None
    ladder.models[["model", "family", "flops"]].to_csv(folder / "models.csv", index=False)
    ladder.benchmarks.to_csv(folder / "benchmarks.csv", index=False)
    facts = ladder.scores.merge(ladder.models[["model", "flops"]], on="model").assign(tokens=1e9)
    facts[["model", "tokens", "flops", "benchmark", "score"]].to_csv(folder / "scores.csv", index=False)
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


def test_files_and_printed_summary(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run(data, "--method", "exponential+bootstrap,last-rung", "--out", out)
    assert result.exit_code == 0, result.output
    assert {file.name for file in out.iterdir()} == {*FILES, JOBS}
    cells = pd.read_csv(out / "cells.csv")
    assert tuple(cells.columns) == tuple(name for name in COLUMNS if name != "seconds")
    seconds = pd.read_csv(out / "seconds.csv")
    assert len(seconds) == 2 * cells.groupby("family")["cut"].nunique().sum() and (seconds["seconds"] > 0).all()
    assert list(cells["method"].unique()) == ["exponential+bootstrap", "last-rung"]
    summary = pd.read_csv(out / "summary.csv")
    assert summary["grouping"].iloc[0] == "all" and set(summary["baseline"]) == {"exponential+bootstrap"}
    assert "skill is 1 - CRPS / CRPS of exponential+bootstrap" in " ".join(result.output.split())
    assert "Compared on the 9 of 9 cells that 2 methods all answered, of 3 target models" in result.output


def test_a_second_run_resumes_and_repeats(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = (data, "--method", "last-rung", "--family", "alpha", "--out", out)
    assert run(*arguments).exit_code == 0
    kept = {file: file.stat().st_mtime_ns for file in (out / JOBS).iterdir()}
    first = (out / "cells.csv").read_bytes()
    assert run(*arguments).exit_code == 0
    assert (out / "cells.csv").read_bytes() == first
    assert {file: file.stat().st_mtime_ns for file in (out / JOBS).iterdir()} == kept
    assert not (out / "reliability.png").exists()  # a point forecast has no intervals


def test_a_killed_run_goes_on_and_ends_the_same(data: Path, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    slow = ",".join(f"{name}+bootstrap" for name in ("exponential", "bnsl", "sigmoid", "passrate", "fp", "direct"))
    arguments = [str(data), "--method", f"last-rung,{slow}", "--min-rungs", "2", "--seed", "5"]
    assert run(*arguments, "--out", whole).exit_code == 0
    command = [sys.executable, "-c", "from bayes_cod.cli import main; main()", "backtest", *arguments]
    process = subprocess.Popen([*command, "--out", str(cut)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while len(list((cut / JOBS).glob("*.parquet"))) < 2:
        assert process.poll() is None and time.monotonic() < deadline, "the run ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (cut / "cells.csv").exists()
    done = {file: file.stat().st_mtime_ns for file in (cut / JOBS).glob("*.parquet")}
    assert 2 <= len(done) < len(list((whole / JOBS).glob("*.parquet")))
    assert run(*arguments, "--out", cut).exit_code == 0
    assert (cut / "cells.csv").read_bytes() == (whole / "cells.csv").read_bytes()
    assert {file: file.stat().st_mtime_ns for file in done} == done  # what was finished was not done again


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_parallel_run_that_is_stopped_leaves_no_process(data: Path, tmp_path: Path, how: signal.Signals) -> None:
    """An interrupt goes to all processes, as that of a terminal does; a kill to the first alone."""
    slow = ",".join(f"{name}+bootstrap" for name in ("exponential", "bnsl", "sigmoid", "passrate", "fp", "direct"))
    command = [sys.executable, "-c", "from bayes_cod.cli import main; main()", "backtest", str(data)]
    process = subprocess.Popen(
        [*command, "--method", slow, "--min-rungs", "2", "--jobs", "2", "--out", str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        stderr=(tmp_path / "errors").open("w"),
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not list((tmp_path / "out" / JOBS).glob("*.parquet")):
        assert process.poll() is None and time.monotonic() < deadline, "the run ended before it could be stopped"
        time.sleep(0.01)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    os.killpg(process.pid, how) if how is signal.SIGINT else process.send_signal(how)
    assert process.wait(60) == (130 if how is signal.SIGINT else -signal.SIGKILL)
    assert not psutil.wait_procs(workers, timeout=30)[1]
    if how is signal.SIGINT:
        *waiting, last = (tmp_path / "errors").read_text().strip().splitlines()
        assert "interrupted; finished jobs are kept in" in last
        assert set(waiting) <= {"reading ...", "fitting and scoring ..."} or "reading: " in str(waiting)
    assert not (tmp_path / "out" / "cells.csv").exists()


def test_a_full_disk_is_one_error_and_leaves_no_half_job(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(table: pd.DataFrame, file: Path, **_: object) -> None:
        file.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    result = run(data, "--method", "last-rung", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.output.count("error:") == 1 and "the disk is full" in result.output
    assert not list((tmp_path / "out" / JOBS).iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--method", "nonsense"], "unknown method 'nonsense'"),
        (["--method", "last-rung", "--family", "delta"], "unknown family 'delta'"),
        (["--method", "last-rung", "--family", "gamma"], "needs 4"),
        (["--method", "last-rung", "--benchmark", "nine"], "unknown benchmark 'nine'"),
        (["--method", "last-rung", "--min-rungs", "12"], "no family of ladder"),
        (["--method", "last-rung", "--seed", "-1"], "--seed is -1"),
        (["--method", "last-rung", "--jobs", "0"], "--jobs is 0"),
    ],
)
def test_unusable_input_is_one_error_and_leaves_nothing(
    data: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    out = tmp_path / "out"
    result = run(data, *arguments, "--out", out)
    assert result.exit_code == 2
    assert message in result.output and result.output.count("error:") == 1
    assert not out.exists()


def test_a_file_is_no_folder(data: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    result = run(data, "--method", "last-rung", "--out", tmp_path / "taken")
    assert result.exit_code == 2 and "this is a file" in result.output
    assert (tmp_path / "taken").read_text() == "mine"


def test_dask_is_optional(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = run(data, "--method", "last-rung", "--dask", "tcp://nowhere:1", "--out", tmp_path / "out")
    assert result.exit_code == 2 and "needs the package distributed" in result.output


def test_help_lists_every_method() -> None:
    text = command.__doc__ or ""
    listed = re.search(r"Point methods: (.*?);", text, re.DOTALL)
    assert listed is not None
    assert listed.group(1).replace("\n", " ").split() == [
        f"{name}," if name != max(REGISTRY) else name for name in sorted(REGISTRY)
    ]
    result = run("--help")
    assert result.exit_code == 0 and "--min-rungs" in result.output
