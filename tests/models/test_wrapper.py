"""The density called by its address: nutpie's own draws, and nutpie itself where that can't be done."""

from __future__ import annotations

import errno
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import nutpie
import pymc as pm
import pytest
from numba.core.caching import IndexDataCacheFile

from bayes_cod.models.sampling import Compiled, exact_arithmetic, wrapper
from bayes_cod.models.sampling.packing import Packing

NAMES = ["scale", "slope"]
OTHER = {"seen_at": np.array([0.5, -1.0, 2.0, 4.0])}


@pytest.fixture(scope="module")
def model() -> pm.Model:
    with pm.Model() as model:
        at, place = pm.Data("seen_at", np.arange(3.0)), pm.Data("place", np.array([1, 0], dtype=np.int32))
        scale = pm.HalfNormal("scale", 2.0)
        slope = pm.Normal("slope", 0.0, 3.0, shape=2)
        pm.Potential("fit", pm.logp(pm.Normal.dist(slope[place].sum(), scale), at).sum())
    return model


@pytest.mark.slow
def test_the_draws_are_those_of_nutpie_also_with_other_data(model: pm.Model) -> None:
    packing = Packing.of(model)
    with exact_arithmetic():
        ours = wrapper.by_address(packing.inside(model), NAMES)
        own = nutpie.compile_pymc_model(packing.inside(model), var_names=NAMES)
    for data in ({}, OTHER):
        first, second = (
            nutpie.sample(
                compiled.with_data(**packing.packed(data)),
                draws=50,
                tune=50,
                chains=2,
                seed=3,
                progress_bar=False,
            )
            for compiled in (ours, own)
        )
        for name in NAMES:
            np.testing.assert_array_equal(first.posterior[name].values, second.posterior[name].values)
    assert ours.with_data(**packing.packed(OTHER)).user_data["density"] == ours.user_data["density"]
    assert len(ours.logp_func.vm.jit_fn.overloads) == 1  # compiled once, the check included


def test_a_record_of_another_shape_is_refused() -> None:
    with pytest.raises(wrapper.UnexpectedError, match="record of data has another shape"):
        wrapper._record(np.zeros((), np.dtype([("shared", np.uintp, (5,))])), 1, 2)


@pytest.mark.parametrize("fault", [wrapper.UnexpectedError("odd"), AttributeError("_make_functions"), TypeError("new")])
def test_nutpie_compiles_where_the_wrapper_cannot(
    fault: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise fault

    asked = []
    monkeypatch.setattr(wrapper, "by_address", fail)
    monkeypatch.setattr(nutpie, "compile_pymc_model", lambda model, var_names: asked.append((model, var_names)))
    caplog.set_level(logging.INFO)
    wrapper.compile_density("model", NAMES)
    assert asked == [("model", NAMES)]
    assert str(fault) in caplog.text


@pytest.mark.slow
def test_a_model_without_data_goes_to_nutpie() -> None:
    with pm.Model() as model:
        pm.Normal("level")
    with pytest.raises(wrapper.UnexpectedError, match="two containers"):
        wrapper.by_address(model, ["level"])


@pytest.mark.slow
def test_a_full_disk_costs_the_cache_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(IndexDataCacheFile, "save", full)
    with pm.Model() as model:
        at = pm.Data("at", np.arange(3.0))
        level = pm.Normal("level", 0.0, 7.25)
        pm.Potential("fit", -pm.math.sqr(at - 1.75 * level).sum())
    compiled = Compiled.of(model)
    assert compiled.density.n_dim == 1
    assert "No space left" in caplog.text


PROGRAM = """
from bayes_cod.models.sampling import Compiled, SamplerSettings, sample
import numpy as np, pymc as pm
with pm.Model() as model:
    at = pm.Data("at", np.arange(3.0))
    level = pm.Normal("level")
    pm.Potential("fit", -((at - level) ** 2).sum())
tree = sample(Compiled.of(model), {}, SamplerSettings(draws=20, tune=20, chains=1), 5)
print(repr(float(tree["posterior"]["level"].sum())))
"""


@pytest.mark.slow
def test_two_processes_fill_one_cache_in_a_temporary_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.write_text("no folder")
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(tmp_path)}
    environment.pop("PYTENSOR_FLAGS", None)
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate(timeout=600) for process in both]
    assert [process.returncode for process in both] == [0, 0], printed
    assert printed[0][0] == printed[1][0]
    assert list(tmp_path.rglob("numba-exact-*/*.nbc"))
