"""A seed gives the same numbers, whatever the caches of compiled code hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytensor
import pytest
from pytensor.link.numba import cache

from bayes_cod.sampling import exact_arithmetic

FORECAST = [
    *("forecast", "microladder", "--family", "micro-s0", "--cut", "w48-s0", "--target", "w88-s0"),
    *("--benchmark", "sort", "--benchmark", "last", "--draws", "60", "--chains", "2", "--allow-failed-gate"),
]


def test_a_run_that_compiles_and_one_that_reads_the_cache_write_the_same_forecast(tmp_path: Path) -> None:
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'cache'}"}
    tables = []
    for run in ("compiled", "cached"):
        command = [
            sys.executable,
            "-c",
            "from bayes_cod.cli import main; main()",
            *FORECAST,
            "--out",
            str(tmp_path / run),
        ]
        subprocess.run(command, env=environment, capture_output=True, check=True)
        tables.append((tmp_path / run / "forecast.csv").read_bytes())
    assert tables[0] == tables[1]


def test_pytensor_is_left_as_it_was() -> None:
    before = cache.NUMBA_CACHE_PATH, pytensor.config.numba__fastmath
    with pytest.raises(RuntimeError), exact_arithmetic():
        assert before[0] != cache.NUMBA_CACHE_PATH
        assert not pytensor.config.numba__fastmath
        raise RuntimeError
    assert before == (cache.NUMBA_CACHE_PATH, pytensor.config.numba__fastmath)
