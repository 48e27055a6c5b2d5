"""Linear algebra in one thread, whatever the environment says."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np, scipy.linalg
from threadpoolctl import threadpool_info
from bayes_cod.forecasts import fit_and_forecast
class Looks:
    def fit(self, ladder, pool=None): return self
    def forecast(self, targets, explain=False):
        self.seen = {pool["num_threads"] for pool in threadpool_info()}
        return self
    def check_gate(self): pass
before = max(pool["num_threads"] for pool in threadpool_info())
print(before, fit_and_forecast(Looks(), None, []).seen, max(pool["num_threads"] for pool in threadpool_info()))
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_a_fit_has_one_thread_and_leaves_the_others_as_they_were() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    printed = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.split() == ["2", "{1}", "2"]
