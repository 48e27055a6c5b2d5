"""A seed gives the same numbers, whatever the caches of compiled code hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytensor
import pytest
import xarray as xr
from pytensor.link.numba import cache

from bayes_cod.models.sampling import exact_arithmetic

DRAW = """
import sys
import numpy as np
import pymc as pm
from bayes_cod.models import sampling

x = np.linspace(-3, 3, 50)
with pm.Model() as model:
    seen = pm.Data("seen", np.tanh(x)[:, None] * np.ones(4))
    height, slope = (pm.Normal(name, 0, 1, shape=4) for name in ("height", "slope"))
    sd = pm.HalfNormal("sd", 1)
    pm.Normal("y", pm.math.sigmoid(height + pm.math.exp(slope) * x[:, None]), sd, observed=seen)
settings = sampling.SamplerSettings(draws=100, tune=200, chains=2, cores=1)
tree = sampling.sample(sampling.Compiled.of(model), {}, settings, 0)
tree["posterior"].to_dataset().to_netcdf(sys.argv[1])
"""


def test_a_run_that_compiles_and_one_that_reads_the_cache_draw_the_same(tmp_path: Path) -> None:
    environment = os.environ | {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path / 'cache'}"}
    drawn = []
    for run in ("compiled.nc", "cached.nc"):
        subprocess.run([sys.executable, "-c", DRAW, str(tmp_path / run)], env=environment, check=True)
        drawn.append(xr.load_dataset(tmp_path / run))
    assert drawn[0].equals(drawn[1])


def test_pytensor_is_left_as_it_was() -> None:
    before = cache.NUMBA_CACHE_PATH, pytensor.config.numba__fastmath
    with pytest.raises(RuntimeError), exact_arithmetic():
        assert before[0] != cache.NUMBA_CACHE_PATH
        assert not pytensor.config.numba__fastmath
        raise RuntimeError
    assert before == (cache.NUMBA_CACHE_PATH, pytensor.config.numba__fastmath)
