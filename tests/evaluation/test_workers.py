"""Work on a Dask cluster of processes: the same numbers as here, also where a worker is killed in the middle."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from evaluation_fakes import fake_method, small_ladder
from test_calibration import normal_mean
from typer.testing import CliRunner

from bayes_cod.cli import app
from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, workers
from bayes_cod.evaluation.calibration import Ranked, simulate_ranks

distributed = pytest.importorskip("distributed", reason="Dask is an extra: pip install 'bayes-cod[dask]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def local() -> Iterator[Any]:
    """Two workers, processes of their own; a killed one is not started again."""
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as found:
        yield found


def simulated(number: int) -> Ranked:
    return normal_mean(number), number != 3


def without_times(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.drop(columns="seconds")


def test_a_calibration_gives_the_same(local: Any) -> None:
    here, passed = simulate_ranks(simulated, 12)
    told: list[int] = []
    with workers.cluster(local.scheduler_address):
        there, gates = simulate_ranks(simulated, 12, told.append)
    pd.testing.assert_frame_equal(here, there, check_exact=True)
    assert gates.tolist() == passed.tolist() and told == list(range(1, 13))


def test_the_command_writes_the_same_cells(local: Any, tmp_path: Path) -> None:
    ladder = small_ladder()
    assert ladder.scores is not None
    scores = ladder.scores.merge(ladder.models[["model", "family", "flops"]], on="model")
    scores.to_csv(tmp_path / "scores.csv", index=False)
    arguments = ["backtest", str(tmp_path / "scores.csv"), "--method", "exponential,last-rung"]
    for name, more in (("here", []), ("there", ["--dask", local.scheduler_address])):
        done = CliRunner().invoke(app, [*arguments, *more, "--out", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    assert (tmp_path / "here" / "cells.csv").read_bytes() == (tmp_path / "there" / "cells.csv").read_bytes()


def test_a_killed_worker_costs_no_finished_job(local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs of one family are in one batch, and its worker dies between two of them."""
    monkeypatch.setattr(sys.modules["bayes_cod.evaluation.backtest"], "BATCHES", 1)
    seen = tmp_path / "seen"
    seen.mkdir()
    ladder = small_ladder()
    method = fake_method("mortal", seen=str(seen))
    with workers.cluster(local.scheduler_address):
        before = set(distributed.get_client().nthreads())
        found = backtest(ladder, [method], seed=3, folder=tmp_path / "jobs")
        assert len(before - set(distributed.get_client().nthreads())) == 1
    fits = {file.name: len(file.read_text().splitlines()) for file in seen.glob("*.json")}
    assert len(fits) == 3 and set(fits.values()) == {1}
    pd.testing.assert_frame_equal(without_times(backtest(ladder, [method], seed=3)), without_times(found))


def test_what_is_no_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import dask

    def refused(address: str) -> str:
        with pytest.raises(InputError) as told, workers.cluster(address):
            pass
        return str(told.value)

    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}):
        assert "no Dask scheduler answers at 'tcp://127.0.0.1:1'" in refused("tcp://127.0.0.1:1")
    assert "no Dask scheduler answers" in refused("nonsense://here")
    monkeypatch.setattr(workers, "ARRIVAL", 0.2)
    inside = {"processes": False, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(n_workers=0, **inside) as empty:
        assert "has no worker" in refused(empty.scheduler_address)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=2, **inside) as threaded:
        assert "--nthreads 1" in refused(threaded.scheduler_address)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **inside) as other:
        monkeypatch.setattr(workers, "code_version", lambda: threading.current_thread().name)
        assert "another version of bayes_cod" in refused(other.scheduler_address)
