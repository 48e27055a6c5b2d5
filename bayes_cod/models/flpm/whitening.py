"""Whitening: the posterior's mode and curvature, found before sampling, so that its main correlations are gone.

A model that can be whitened has one vector of standard normals a priori, ``normals = centre + factor @ whitened``, with
``centre`` and ``factor`` as data. The posterior is the same for any centre and invertible factor.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from scipy.optimize import minimize

type FloatArray = NDArray[np.float64]

STEP = 1e-4
LEAST_CURVATURE = 0.3
"""The prior's curvature is 1 in every direction; where the likelihood bends the other way, at least this is assumed."""

ITERATIONS = 2000
MEMORY = 50

_LOGP = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


def standard_normals(count: int) -> Any:
    """The vector of standard normals of the model that is being built; its whitened form is what is sampled."""
    centre, factor = pm.Data("centre", np.zeros(count)), pm.Data("factor", np.eye(count))
    normals = centre + pt.dot(factor, pm.Flat("whitened", shape=count))
    pm.Potential("standard_normal", -0.5 * (normals**2).sum())
    return normals


def whiten(compiled: Any, data: Mapping[str, NDArray[Any]], start: FloatArray) -> dict[str, NDArray[Any]]:
    """Data of a compiled model with the centre at the posterior's mode and the factor from its curvature.

    Parameters
    ----------
    compiled
        From `CompiledModels.get`, of a model with `standard_normals`.
    data
        The other data.
    start
        Standard normals to start the search from ``(normal,)``.
    """
    count = len(start)
    plain = {**data, "centre": np.zeros(count), "factor": np.eye(count)}
    density = _density(compiled.with_data(**plain), count)

    def loss(normals: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(normals)
        return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros(count))

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": MEMORY}
    mode = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x
    curvature = np.zeros((count, count))
    for index in range(count):
        step = np.zeros(count)
        step[index] = STEP
        curvature[index] = (density(mode - step)[1] - density(mode + step)[1]) / (2 * STEP)
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    return {**data, "centre": mode, "factor": vectors / np.sqrt(np.maximum(values, LEAST_CURVATURE))}


def _density(compiled: Any, count: int) -> Callable[[FloatArray], tuple[float, FloatArray]]:
    """Log density and gradient of a compiled model."""
    function = _LOGP(compiled.compiled_logp_func.address)

    def at(position: FloatArray) -> tuple[float, FloatArray]:
        position = np.ascontiguousarray(position, dtype=float)
        gradient, value = np.zeros(count), np.zeros(1)
        user = compiled.user_data.ctypes.data
        failed = function(count, position.ctypes.data, gradient.ctypes.data, value.ctypes.data, user)
        return (-np.inf, gradient) if failed or not np.isfinite(gradient).all() else (float(value[0]), gradient)

    return at
