"""Whitening: the posterior's centre and curvature, found before sampling, so that its main correlations are gone.

A model that can be whitened has one vector of coordinates, ``centre + factor @ whitened``, with ``centre`` and
``factor`` as data. The posterior is the same for any centre and invertible factor.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize

from bayes_cod.models.sampling import Compiled

type FloatArray = NDArray[np.float64]

STEP = 1e-4
LEAST_CURVATURE = 0.3
"""The prior's curvature is about 1 in every direction; where the likelihood bends the other way, at least this."""

ITERATIONS = 2000
MEMORY = 50

_LOGP = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


def whitened(size: int) -> Any:
    """The vector of coordinates of the model that is being built; its whitened form is what is sampled.

    The density of the coordinates is left to the model.
    """
    centre, factor = pm.Data("centre", np.zeros(size)), pm.Data("factor", np.eye(size))
    return centre + pt.dot(factor, pm.Flat("whitened", shape=size))


def standard_normals(size: int) -> Any:
    """`whitened` coordinates that are independent standard normals a priori."""
    normals = whitened(size)
    pm.Potential("standard_normal", -0.5 * (normals**2).sum())
    return normals


def split(normals: Any, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Parts of one vector by name, in the order and shapes of `blocks`."""
    parts, first = {}, 0
    for name, block in blocks.items():
        size = int(np.prod(block))
        parts[name] = normals[first : first + size].reshape(block)
        first += size
    return parts


def joined(parts: Mapping[str, Any], blocks: Mapping[str, tuple[int, ...]], module: Any) -> Any:
    """One vector of the parts that `split` makes."""
    return module.concatenate([parts[name].reshape((-1,)) for name in blocks])


def count(blocks: Mapping[str, tuple[int, ...]]) -> int:
    """Length of the vector that `blocks` fill."""
    return int(sum(np.prod(block) for block in blocks.values()))


def named(
    tree: xr.DataTree, data: Mapping[str, NDArray[Any]], parameters: Callable[[FloatArray], Mapping[str, Any]]
) -> dict[str, FloatArray]:
    """Draws of a model's parameters by name ``(sample, ...)``; they take the place of what was sampled in `tree`.

    Parameters
    ----------
    tree, data
        A fit, and the data it was sampled with.
    parameters
        From coordinates ``(normal,)`` to parameters.
    """
    each = [parameters(row) for row in coordinates(tree, data)]
    sizes = tree["posterior"].sizes
    draws = {name: np.array([one[name] for one in each], dtype=float) for name in each[0]}
    by_chain = {}
    for name, array in draws.items():
        dims = ("chain", "draw", *(f"{name}_dim_{axis}" for axis in range(array.ndim - 1)))
        by_chain[name] = (dims, array.reshape(sizes["chain"], sizes["draw"], *array.shape[1:]))
    tree["posterior"] = xr.DataTree(xr.Dataset(by_chain))
    return draws


def whiten(compiled: Compiled, data: Mapping[str, NDArray[Any]], start: FloatArray) -> dict[str, NDArray[Any]]:
    """Data of a compiled model with the centre at the posterior's mode and the factor from its curvature there.

    Parameters
    ----------
    compiled
        From `CompiledModels.get`, of a model in `whitened` coordinates.
    data
        The other data.
    start
        Coordinates to start the search from ``(normal,)``.
    """
    return whiten_at(compiled, data, find_mode(compiled, data, start)[None])


def whiten_at(compiled: Compiled, data: Mapping[str, NDArray[Any]], places: FloatArray) -> dict[str, NDArray[Any]]:
    """Data of a compiled model with centre and factor from the mean of some places and the mean curvature there.

    At draws of the posterior both are typical of it, as those of the mode need not be.

    Parameters
    ----------
    compiled, data
        As in `whiten`.
    places
        Coordinates ``(place, normal)``.
    """
    size = places.shape[1]
    density = _plain_density(compiled, data, size)
    curvature = np.mean([_curvature(density, place) for place in places], axis=0)
    values, vectors = np.linalg.eigh(curvature)
    factor = vectors / np.sqrt(np.maximum(values, LEAST_CURVATURE))
    return {**data, "centre": places.mean(axis=0), "factor": factor}


def coordinates(tree: xr.DataTree, data: Mapping[str, NDArray[Any]]) -> FloatArray:
    """Coordinates that were sampled ``(sample, normal)``, given the data of the fit."""
    drawn = np.asarray(tree["posterior"].to_dataset()["whitened"].to_numpy(), dtype=float)
    return np.asarray(data["centre"] + drawn.reshape(-1, drawn.shape[-1]) @ data["factor"].T)


def _curvature(density: Callable[[FloatArray], tuple[float, FloatArray]], place: FloatArray) -> FloatArray:
    """Of minus the log density ``(normal, normal)``."""
    found = np.zeros((len(place), len(place)))
    for index in range(len(place)):
        step = np.zeros(len(place))
        step[index] = STEP
        found[index] = (density(place - step)[1] - density(place + step)[1]) / (2 * STEP)
    return 0.5 * (found + found.T)


def find_mode(compiled: Compiled, data: Mapping[str, NDArray[Any]], start: FloatArray) -> FloatArray:
    """Coordinates of the posterior's mode ``(normal,)``; see `whiten`."""
    return _mode(_plain_density(compiled, data, len(start)), start)


def _mode(density: Callable[[FloatArray], tuple[float, FloatArray]], start: FloatArray) -> FloatArray:
    size = len(start)

    def loss(normals: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(normals)
        return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros(size))

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": MEMORY}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)  # type: ignore[call-overload]
    return np.asarray(found.x)


def _plain_density(
    compiled: Compiled, data: Mapping[str, NDArray[Any]], size: int
) -> Callable[[FloatArray], tuple[float, FloatArray]]:
    plain = {**data, "centre": np.zeros(size), "factor": np.eye(size)}
    return _density(compiled.with_data(plain), size)


def _density(density: Any, size: int) -> Callable[[FloatArray], tuple[float, FloatArray]]:
    """Log density and gradient of nutpie's compiled model."""
    function = _LOGP(density.compiled_logp_func.address)

    def at(position: FloatArray) -> tuple[float, FloatArray]:
        position = np.ascontiguousarray(position, dtype=float)
        gradient, value = np.zeros(size), np.zeros(1)
        user = density.user_data.ctypes.data
        failed = function(size, position.ctypes.data, gradient.ctypes.data, value.ctypes.data, user)
        return (-np.inf, gradient) if failed or not np.isfinite(gradient).all() else (float(value[0]), gradient)

    return at
