"""All data of a PyMC model in two containers, out of which the model takes its arrays.

nutpie compiles a piece of code for every container, which took a second and a half each on a slow machine. The
arrays may change their sizes from fit to fit, not their number of axes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Apply, Variable
from pytensor.graph.op import Op
from pytensor.link.numba.cache import compile_numba_function_src
from pytensor.link.numba.dispatch.basic import numba_njit, register_funcify_default_op_cache_key

VALUES, SIZES = "packed_values", "packed_sizes"


@dataclass(frozen=True)
class Packing:
    """The arrays of a model's `pm.Data` containers, in order.

    Attributes
    ----------
    arrays
        The model's own, by name; they stand in for what is not given.
    """

    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def of(cls, model: pm.Model) -> Self:
        """From a model."""
        return cls({variable.name: variable.get_value() for variable in model.data_vars})

    def packed(self, data: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The two containers: all values one after the other; and of every array its begin, its end and its shape.

        Parameters
        ----------
        data
            Arrays by name.

        Raises
        ------
        KeyError
            The model has no array of that name.
        ValueError
            An array has another number of axes than the model's.
        """
        if unknown := set(data) - set(self.arrays):
            raise KeyError(f"data that the model does not have: {', '.join(sorted(unknown))}")
        arrays = {name: np.asarray(data.get(name, own)) for name, own in self.arrays.items()}
        for name, array in arrays.items():
            if array.ndim != self.arrays[name].ndim:
                raise ValueError(f"{name} has {array.ndim} axes, where the model's has {self.arrays[name].ndim}")
        ends = np.cumsum([0, *(array.size for array in arrays.values())])
        sizes = [
            size
            for array, begin, end in zip(arrays.values(), ends, ends[1:], strict=False)
            for size in (begin, end, *array.shape)
        ]
        values = [np.zeros(0), *(array.ravel().astype(float) for array in arrays.values())]
        return {VALUES: np.concatenate(values), SIZES: np.array(sizes, dtype=np.int64)}

    def inside(self, model: pm.Model) -> pm.Model:
        """The same model with its data in the two containers."""
        values, sizes = (pytensor.shared(array, name=name) for name, array in self.packed({}).items())
        kinds = tuple((array.ndim, str(array.dtype)) for array in self.arrays.values())
        taken = Unpack(kinds)(values, sizes, return_list=True) if kinds else []
        packed = pm.do(model, dict(zip(self.arrays, taken, strict=True)))
        order = [variable.name for variable in model.free_RVs]
        packed.free_RVs.sort(key=lambda variable: order.index(variable.name))  # by which a seed's draws go
        return packed


class Unpack(Op):
    """All arrays out of the two containers.

    Parameters
    ----------
    kinds
        Number of axes and type of every array.
    """

    __props__ = ("kinds",)

    def __init__(self, kinds: tuple[tuple[int, str], ...]) -> None:
        self.kinds = kinds
        self.view_map = {place: [0] for place, (_, dtype) in enumerate(kinds) if dtype == "float64"}

    def make_node(self, values: Variable, sizes: Variable) -> Apply:
        """A node of the graph."""
        return Apply(self, [values, sizes], [pt.tensor(dtype=of, shape=(None,) * axes) for axes, of in self.kinds])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]]) -> None:
        """In Python, for what is not compiled."""
        values, sizes = inputs
        place = 0
        for storage, (axes, dtype) in zip(output_storage, self.kinds, strict=True):
            begin, end, *shape = sizes[place : place + 2 + axes]
            storage[0] = values[begin:end].reshape(shape).astype(dtype, copy=False)
            place += 2 + axes


def _compiled(op: Unpack, **_: Any) -> tuple[Callable[..., Any], int]:
    """The same as `Unpack.perform`, line by line as numba wants it, and a number by which compiled lines are cached."""
    lines, place = ["def unpack(values, sizes):"], 0
    for number, (axes, dtype) in enumerate(op.kinds):
        shape = "".join(f"sizes[{place + 2 + axis}], " for axis in range(axes))
        cast = "" if dtype == "float64" else f".astype(np.{dtype})"
        lines.append(f"    a{number} = values[sizes[{place}]:sizes[{place + 1}]].reshape(({shape})){cast}")
        place += 2 + axes
    lines.append(f"    return {', '.join(f'a{number}' for number in range(len(op.kinds)))}")
    source = "\n".join(lines)
    return numba_njit(compile_numba_function_src(source, "unpack", {"np": np})), zlib.crc32(source.encode())


register_funcify_default_op_cache_key(Unpack)(_compiled)
