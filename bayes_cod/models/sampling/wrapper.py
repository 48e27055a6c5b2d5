"""A model's density for nutpie, called by its address, so that a process that finds it compiled on disk starts at once.

nutpie wraps the compiled density and the compiled expansion of draws into C functions that are tied to one model, and
that numba therefore compiles again in every process. The two C functions here serve all models whose data are in two
containers (`Packing`): they find addresses and data in nutpie's record of data. The inner functions are the same, and
so are the draws.
"""

# numba's functions are typed for Python, not for what it compiles.
# mypy: disable-error-code="attr-defined, type-var, call-arg, no-untyped-call, no-untyped-def"
# mypy: warn_unreachable=False

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from inspect import getsource
from typing import Any

import numba
import numpy as np
import nutpie
import pymc as pm
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaError
from numba.extending import intrinsic
from numpy.typing import NDArray
from nutpie import compile_pymc
from pytensor.link.numba.cache import CACHED_SRC_FUNCTIONS

from bayes_cod.models.sampling.packing import SIZES, VALUES

_LOG = logging.getLogger(__name__)

_POINT = types.Array(types.float64, 1, "C")
_COUNTS = types.Array(types.int64, 1, "C")
_DENSITY_ARGUMENTS = (_POINT, _POINT, _COUNTS)
_DENSITY_RESULT = types.Tuple((types.Array(types.float64, 0, "C"), _POINT))
_EXPAND_RESULT = types.UniTuple(_POINT, 1)

_DOUBLES = types.CPointer(types.double)
_DENSITY_IN_C = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
_EXPAND_IN_C = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr)

_RECORD = 8
"""Words of the record: addresses, sizes and shapes of the two containers, addresses of density and expansion."""


class UnexpectedError(Exception):
    """numba, nutpie or a model is not as the wrapper needs it."""


@intrinsic
def _pointer(typing_context, address):
    """A pointer from an address."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.uint64), generate


def _call(context, builder, address, values, argument_types, result):
    """LLVM code of a call, by numba's calling convention, of a function ``(*arguments)``."""
    packed = types.StarArgTuple.from_types(argument_types)
    pointer = builder.inttoptr(address, context.call_conv.get_function_type(result, (packed,)).as_pointer())
    arguments = context.make_tuple(builder, packed, values)
    status, returned = context.call_conv.call_function(builder, pointer, result, (packed,), [arguments])
    with cgutils.if_unlikely(builder, status.is_error):
        context.call_conv.return_status_propagate(builder, status)
    return returned


@intrinsic
def _density_at(typing_context, address, point, values, sizes):
    """Log density and gradient, by the function at an address."""

    def generate(context, builder, signature, arguments):
        return _call(context, builder, arguments[0], arguments[1:], _DENSITY_ARGUMENTS, _DENSITY_RESULT)

    return _DENSITY_RESULT(types.uint64, *_DENSITY_ARGUMENTS), generate


@intrinsic
def _expanded_at(typing_context, address, point):
    """All variables in one array, by the function at an address."""

    def generate(context, builder, signature, arguments):
        return _call(context, builder, arguments[0], arguments[1:], (_POINT,), _EXPAND_RESULT)

    return _EXPAND_RESULT(types.uint64, _POINT), generate


def _density(dimensions, point_, gradient_, density_, record_):
    """What nutpie calls: 0 done, 1 an error, 3 and 4 a gradient or a density that is not finite."""
    n = np.int64(dimensions)
    try:
        record = numba.carray(record_, (8,), np.uint64)
        point, gradient = numba.carray(point_, (n,)), numba.carray(gradient_, (n,))
        density = numba.carray(density_, ())
        values = numba.carray(_pointer(record[0]), (np.int64(record[2]),), np.float64)
        sizes = numba.carray(_pointer(record[1]), (np.int64(record[3]),), np.int64)
        found = _density_at(record[6], point, values, sizes)
        density[()] = found[0][()]
        gradient[...] = found[1]
        if not np.all(np.isfinite(gradient)):
            return 3
        if not np.isfinite(found[0][()]):
            return 4
    except Exception:
        return 1
    return 0


def _expand(dimensions, expanded, point_, values_, record_):
    """What nutpie calls for the values of all variables: 0 done, -2 an error."""
    try:
        record = numba.carray(record_, (8,), np.uint64)
        point = numba.carray(point_, (np.int64(dimensions),))
        values = numba.carray(values_, (np.int64(expanded),))
        values[...] = _expanded_at(record[7], point)[0]
    except Exception:
        return -2
    return 0


@cache
def _in_c() -> tuple[Any, Any]:
    """Both C functions, from PyTensor's cache on disk where it has them."""
    parts = [getsource(part) for part in (_call, _density, _expand)]
    key = sha256("".join([numba.__version__, nutpie.__version__, *parts]).encode()).hexdigest()
    for function in (_density, _expand):
        CACHED_SRC_FUNCTIONS[function] = key
    return (
        numba.cfunc(_DENSITY_IN_C, cache=True)(_density),
        numba.cfunc(_EXPAND_IN_C, cache=True)(_expand),
    )


def _compiled(function: Any, arguments: Sequence[types.Type]) -> Any:
    """A function of PyTensor compiled for these arguments, at the first call."""
    packed = types.StarArgTuple.from_types(tuple(arguments))  # PyTensor's functions take ``*arguments``
    function.compile((packed,))
    return function.overloads[(packed,)]


def _address(function: Any, arguments: Sequence[types.Type], result: types.Type) -> int:
    """Address of a function of PyTensor, compiled for these arguments."""
    compiled = _compiled(function, arguments)
    if compiled.signature.return_type != result:
        raise UnexpectedError(f"a compiled function returns {compiled.signature.return_type}, not {result}")
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.mangled_name))


def by_address(model: pm.Model, names: Sequence[str]) -> Any:
    """A model whose data are in two containers, compiled, and called by its address.

    Raises
    ------
    UnexpectedError
        numba, nutpie or the model is not as expected; nutpie's own wrapper will do.
    """
    start = pm.initial_point.make_initial_point_fn(
        model=model, default_strategy="support_point", jitter_rvs=set(model.free_RVs), return_transformed=True
    )
    dimensions, expanded, density, expand, start, shapes, reparameterized = compile_pymc._make_functions(
        model,
        mode="NUMBA",
        compute_grad=True,
        join_expanded=True,
        pymc_initial_point_fn=compile_pymc._wrap_with_lock(start),
        var_names=names,
    )
    shared = density.get_shared()
    if [variable.name for variable in shared] != [VALUES, SIZES] or expand.get_shared():
        raise UnexpectedError("the data are not in the two containers, or the variables depend on them")
    keys = dict(zip(shared, (VALUES, SIZES), strict=True))
    data = {key: np.array(variable.get_value(), order="C", copy=True) for variable, key in keys.items()}
    record = _record(
        compile_pymc.make_user_data(keys, data),
        _address(density.vm.jit_fn, _DENSITY_ARGUMENTS, _DENSITY_RESULT),
        _address(expand.vm.jit_fn, (_POINT,), _EXPAND_RESULT),
    )
    for array in data.values():
        array.flags.writeable = False
    dims, coords = compile_pymc._prepare_dims_and_coords(model, shapes, reparameterized)
    density_in_c, expand_in_c = _in_c()
    compiled = compile_pymc.CompiledPyMCModel(
        _n_dim=dimensions,
        dims=dims,
        _coords=coords,
        _shapes={name: tuple(shape) for name, _, shape in zip(*shapes, strict=True)},
        compiled_logp_func=density_in_c,
        compiled_expand_func=expand_in_c,
        initial_point_func=start,
        shared_data=data,
        shared_var_keys=keys,
        user_data=record,
        n_expanded=expanded,
        shape_info=shapes,
        logp_func=density,
        expand_func=expand,
        reparameterized_names=reparameterized,
    )
    _check(compiled)
    return compiled


def _record(user_data: NDArray[Any], density: int, expand: int) -> NDArray[Any]:
    """Data record of nutpie with the two addresses after it."""
    kind = np.dtype([*user_data.dtype.descr, ("density", np.uintp), ("expand", np.uintp)])
    if kind.itemsize != _RECORD * 8:
        raise UnexpectedError("nutpie's record of data has another shape")
    record = np.zeros((), kind)
    record["shared"] = user_data["shared"]
    record["density"], record["expand"] = density, expand
    return record


def _check(compiled: Any) -> None:
    """Compare density and gradient at a starting point, by address and called from Python."""
    point = np.ascontiguousarray(compiled.initial_point_func(0), dtype=float)
    gradient, density = np.zeros(compiled.n_dim), np.zeros(())
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)
    places = (array.ctypes.data for array in (point, gradient, density, compiled.user_data))
    kind(compiled.compiled_logp_func.address)(compiled.n_dim, *places)
    arrays = (np.array(compiled.shared_data[key]) for key in (VALUES, SIZES))
    # a call of the function itself, with three arguments, would compile all of it again
    from_python = _compiled(compiled.logp_func.vm.jit_fn, _DENSITY_ARGUMENTS).entry_point
    expected, slope = from_python((point, *arrays))
    if not (np.array_equal(density, expected, equal_nan=True) and np.array_equal(gradient, slope, equal_nan=True)):
        raise UnexpectedError("the density called by its address differs")


def compile_density(model: pm.Model, names: Sequence[str]) -> Any:
    """A model compiled for nutpie, quickly where that can be done, else by nutpie alone.

    Parameters
    ----------
    model
        With its data in two containers (`Packing.inside`).
    names
        Variables to draw.
    """
    try:
        return by_address(model, names)
    except (UnexpectedError, AttributeError, ImportError, KeyError, TypeError, ValueError, NumbaError) as error:
        _LOG.info("nutpie's own wrapper compiles the model: %s", error)
        return nutpie.compile_pymc_model(model, var_names=names)
