"""All data of a model in two containers: the same model."""

import numpy as np
import pymc as pm
import pytest

from bayes_cod.models.sampling.packing import SIZES, VALUES, Packing


@pytest.fixture(scope="module")
def model() -> pm.Model:
    with pm.Model() as model:
        shift, place = pm.Data("shift", np.zeros(2)), pm.Data("place", np.zeros(3, dtype=np.int32))
        table, one = pm.Data("table", np.ones((2, 4))), pm.Data("one", np.array(2.0))
        scale = pm.HalfNormal("scale", one)
        slope = pm.Normal("slope", shift, scale)
        pm.Normal("seen", slope[place], 1.0, observed=np.arange(3.0))
        pm.Potential("fit", -((table.sum(axis=1) - slope) ** 2).sum())
    return model


DATA = {
    "shift": np.array([1.0, -1.0]),
    "place": np.array([1, 0, 1], dtype=np.int32),
    "table": np.arange(10.0).reshape(2, 5),
}


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
def test_the_density_is_the_same(model: pm.Model, mode: str) -> None:
    packing = Packing.of(model)
    packed = packing.inside(model)
    assert [variable.name for variable in packed.free_RVs] == [variable.name for variable in model.free_RVs]
    functions = [of.compile_fn(of.logp(), mode=mode, on_unused_input="ignore") for of in (model, packed)]
    point = {"scale_log__": np.array(0.3), "slope": np.array([0.5, -2.0])}
    held = {shared.name: shared for shared in functions[1].f.get_shared()}
    assert set(held) == {VALUES, SIZES}
    first = functions[0](point), functions[1](point)
    with model:
        pm.set_data(DATA)
    for name, value in packing.packed(DATA).items():
        held[name].set_value(value)
    then = functions[0](point), functions[1](point)
    with model:
        pm.set_data(packing.arrays)
    assert first[0] == pytest.approx(first[1]) and then[0] == pytest.approx(then[1]) and first[0] != then[0]


def test_values_come_one_after_the_other_with_where_each_begins(model: pm.Model) -> None:
    packed = Packing.of(model).packed(DATA)
    assert packed[VALUES].tolist() == [1, -1, 1, 0, 1, *range(10), 2]
    assert packed[SIZES].tolist() == [0, 2, 2, 2, 5, 3, 5, 15, 2, 5, 15, 16]


def test_a_model_without_data_stays() -> None:
    with pm.Model() as model:
        pm.Normal("level")
    assert Packing.of(model).inside(model).free_RVs[0].name == "level"


def test_data_that_do_not_fit_are_told(model: pm.Model) -> None:
    packing = Packing.of(model)
    with pytest.raises(KeyError, match="shifts"):
        packing.packed({"shifts": np.zeros(2)})
    with pytest.raises(ValueError, match="table has 1 axes, where the model's has 2"):
        packing.packed({"table": np.zeros(2)})
