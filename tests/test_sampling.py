"""The gate: what is reported has converged, or is not reported."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from bayes_cod.models.sampling import (
    DIVERGENCES,
    Compiled,
    CompiledModels,
    Deterministics,
    SamplerSettings,
    gate,
    sample,
    sampler,
)

CHAINS, DRAWS = 4, 500


def tree(divergences: int = 0, energy: np.ndarray | None = None) -> xr.DataTree:
    rng = np.random.default_rng(7)
    diverging = np.zeros((CHAINS, DRAWS), dtype=bool)
    diverging.ravel()[:divergences] = True
    dims = ("chain", "draw")
    values = rng.normal(size=(CHAINS, DRAWS)) if energy is None else energy
    return xr.DataTree.from_dict(
        {"/sample_stats": xr.Dataset({"diverging": (dims, diverging), "energy": (dims, values)})}
    )


def good(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(CHAINS, DRAWS))


def test_independent_draws_pass() -> None:
    judged = gate({"score": good()}, tree())
    assert judged.passed
    assert list(judged.table.columns) == ["quantity", "r_hat", "ess_bulk", "ess_tail", "value", "limit", "passed"]
    assert judged.table["quantity"].tolist() == ["score", "divergences", "E-BFMI"]
    assert judged.table["r_hat"].iloc[0] < 1.01


def test_a_constant_passes() -> None:
    judged = gate({"certain": np.ones((CHAINS, DRAWS))}, tree())
    assert judged.passed
    assert judged.table.loc[0, ["r_hat", "ess_bulk"]].tolist() == [1.0, CHAINS * DRAWS]


def test_a_drifting_chain_fails() -> None:
    drifting = good()
    drifting[2] += np.linspace(0, 3, DRAWS)
    judged = gate({"score": good(), "drifting": drifting}, tree())
    assert not judged.passed
    assert judged.table.set_index("quantity")["passed"].to_dict() == {
        "score": True,
        "drifting": False,
        "divergences": True,
        "E-BFMI": True,
    }


def test_chains_apart_fail() -> None:
    assert not gate({"score": good() + np.arange(CHAINS)[:, None]}, tree()).passed


def test_a_slow_walk_fails() -> None:
    rng = np.random.default_rng(1)
    slow = np.zeros((CHAINS, DRAWS))
    for draw in range(1, DRAWS):
        slow[:, draw] = 0.97 * slow[:, draw - 1] + rng.normal(size=CHAINS)
    row = gate({"slow": slow}, tree()).table.iloc[0]
    assert not row["passed"] and row["ess_bulk"] < 100 * CHAINS


@pytest.mark.parametrize("divergences", [1, 20])
def test_divergences_fail(divergences: int) -> None:
    judged = gate({"score": good()}, tree(divergences))
    assert not judged.passed
    row = judged.table.set_index("quantity").loc["divergences"]
    assert row["value"] == divergences and not row["passed"]


def test_an_energy_that_hardly_moves_fails() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(size=(CHAINS, DRAWS)), axis=1)
    judged = gate({"score": good()}, tree(energy=walk))
    assert not judged.passed
    assert judged.table.set_index("quantity").loc["E-BFMI", "value"] < 0.3


def test_models_are_built_once_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr("bayes_cod.models.sampling.Compiled.of", lambda model: f"compiled {model}")

    def build(name: str) -> Any:
        built.append(name)
        return name

    models = CompiledModels()
    found = [models.get(key, lambda key=key: build(key)) for key in ("a", "b", "a")]
    assert found == ["compiled a", "compiled b", "compiled a"]
    assert built == ["a", "b"]


def test_draws_are_completed_with_the_data_of_the_fit() -> None:
    with pm.Model() as model:
        shift, place = pm.Data("shift", np.zeros(2)), pm.Data("place", np.zeros(3, dtype=np.int32))
        scale = pm.HalfNormal("scale")
        slope = pm.Normal("slope", 0.0, 1.0, shape=2)
        line = pm.Deterministic("line", (scale * slope + shift)[place])
        pm.Deterministic("total", line.sum())
        pm.Deterministic("fixed", 2 * shift)
    rng = np.random.default_rng(0)
    scales, slopes = rng.random((CHAINS, DRAWS)), rng.normal(size=(CHAINS, DRAWS, 2))
    drawn = xr.Dataset({"scale": (("chain", "draw"), scales), "slope": (("chain", "draw", "slope_dim_0"), slopes)})
    data = {"shift": np.array([1.0, -1.0]), "place": np.array([1, 0, 1], dtype=np.int32)}
    whole = Deterministics(model).complete(drawn, data)
    expected = (scales[..., None] * slopes + data["shift"])[..., data["place"]]
    np.testing.assert_allclose(whole["line"], expected)
    np.testing.assert_allclose(whole["total"], expected.sum(axis=-1))
    np.testing.assert_allclose(whole["fixed"], np.broadcast_to([2.0, -2.0], (CHAINS, DRAWS, 2)))
    assert whole["line"].dims == ("chain", "draw", "line_dim_0") and set(drawn) < set(whole)


def test_one_compilation_samples_data_of_any_number_of_rows_in_trajectories_of_at_most_a_length() -> None:
    with pm.Model() as model:
        seen = pm.Data("seen", np.zeros(2))
        level = pm.Normal("level", 0.0, 10.0)
        pm.Potential("fit", (-0.5 * (seen - level) ** 2).sum())
    compiled = Compiled.of(model)
    for rows, depth in ((1, 1), (9, 3)):
        data = np.arange(rows, dtype=float)
        settings = SamplerSettings(draws=2000, tune=300, chains=2, max_depth=depth)
        drawn = sample(compiled, {"seen": data}, settings, 0)
        precision = rows + 0.01
        assert float(drawn["posterior"]["level"].mean()) == pytest.approx(data.sum() / precision, abs=0.1)
        assert float(drawn["posterior"]["level"].std()) == pytest.approx(precision**-0.5, rel=0.1)
        assert int(drawn["sample_stats"]["n_steps"].max()) < 2**depth


def test_what_diverged_but_mixed_is_told_from_what_did_not_mix() -> None:
    assert gate({"score": good()}, tree(1)).failed == {DIVERGENCES}
    assert not gate({"score": good()}, tree()).failed
    assert gate({"score": good() + np.arange(CHAINS)[:, None]}, tree(1)).failed == {"score", DIVERGENCES}


def test_an_interrupt_ends_sampling_without_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    class Running:
        def wait(self) -> None:
            raise KeyboardInterrupt

        def cancel(self) -> None:
            done.append("cancelled")

    monkeypatch.setattr(sampler.nutpie, "sample", lambda *_, **__: Running())
    with pytest.raises(KeyboardInterrupt):
        sampler.run(SimpleNamespace(n_dim=1), SamplerSettings(), 0)
    assert done == ["cancelled"]
