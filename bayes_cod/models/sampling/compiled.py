"""Models compiled once a shape: the density by nutpie, deterministic variables by NumPy."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import numba
import numpy as np
import nutpie
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.graph.replace import vectorize_graph
from pytensor.link.numba import cache as numba_cache

from bayes_cod.caches import temporary_folder, writable
from bayes_cod.models.sampling.packing import Packing
from bayes_cod.models.sampling.wrapper import compile_density

_LOG = logging.getLogger(__name__)


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compile without fast-math, so that a seed gives the same numbers with an empty and with a warm numba cache.

    Under fast-math sums are reordered across inlined functions, and functions read from the cache are not inlined. The
    cache's keys do not name the flag: hence a folder of its own, which keeps functions that other programs compiled
    with fast-math away. Its name has the versions of what compiles.
    """
    shared = numba_cache.NUMBA_CACHE_PATH
    versions = (package.__version__ for package in (pytensor, nutpie, numba))
    name = "-".join(["numba-exact", *versions])
    own = pytensor.config.base_compiledir / name
    if not writable(own):  # PyTensor was loaded before this package could choose its folder
        own = temporary_folder() / name
        own.mkdir(parents=True, exist_ok=True)
    numba_cache.NUMBA_CACHE_PATH = own
    try:
        with pytensor.config.change_flags(numba__fastmath=False):
            yield
    finally:
        numba_cache.NUMBA_CACHE_PATH = shared


@dataclass(frozen=True)
class Compiled:
    """A model ready to be sampled.

    Attributes
    ----------
    density
        Its log density, compiled by nutpie, which draws the free variables alone.
    deterministics
        What completes the draws.
    packing
        How the density holds its data.
    """

    density: Any
    deterministics: Deterministics
    packing: Packing

    def with_data(self, data: Mapping[str, NDArray[Any]]) -> Any:
        """The density with new values of the model's `pm.Data` containers, which may have other sizes."""
        return self.density.with_data(**self.packing.packed(data)) if data else self.density

    @classmethod
    def of(cls, model: pm.Model) -> Self:
        """Compile a model."""
        free = [variable.name for variable in model.free_RVs]
        packing = Packing.of(model)
        with warnings.catch_warnings(), exact_arithmetic():
            warnings.simplefilter("ignore", category=UserWarning)
            try:
                density = compile_density(packing.inside(model), free)
            except OSError as error:  # a full disk: compile without keeping anything
                _LOG.warning("compiled code can't be kept in %s: %s", numba_cache.NUMBA_CACHE_PATH, error)
                with pytensor.config.change_flags(numba__cache=False):
                    density = compile_density(packing.inside(model), free)
            return cls(density, Deterministics(model), packing)


class Deterministics:
    """Deterministic variables of a model, for all draws in one evaluation by NumPy.

    nutpie would compile them into machine code of their own, which takes a third of the time of compiling and saves
    nothing.

    Parameters
    ----------
    model
        Its `pm.Data` containers are inputs here.
    """

    def __init__(self, model: pm.Model) -> None:
        self._axes = {variable.name: variable.ndim for variable in model.deterministics}
        self._free = [variable.name for variable in model.free_RVs]
        self._data = {variable.name: variable.get_value() for variable in model.data_vars}
        drawn = [pt.tensor(v.name, dtype=v.dtype, shape=(None,) * (v.ndim + 1)) for v in model.free_RVs]
        given = [variable.type.clone(shape=(None,) * variable.ndim)(variable.name) for variable in model.data_vars]
        inputs = dict(zip((*model.free_RVs, *model.data_vars), (*drawn, *given), strict=True))
        of_all = vectorize_graph(list(model.deterministics), inputs)
        self._function = pytensor.function([*drawn, *given], of_all, mode="FAST_COMPILE", on_unused_input="ignore")

    def complete(self, posterior: xr.Dataset, data: Mapping[str, NDArray[Any]]) -> xr.Dataset:
        """Draws of the free variables ``(chain, draw, ...)`` and of what follows from them."""
        given = [data.get(name, value) for name, value in self._data.items()]
        by_chain = [
            self._function(*(posterior[name].values[chain] for name in self._free), *given)
            for chain in range(posterior.sizes["chain"])
        ]
        made, draws = {}, posterior.sizes["draw"]
        for (name, axes), parts in zip(self._axes.items(), zip(*by_chain, strict=True), strict=True):
            own = parts[0].shape[parts[0].ndim - axes :]  # what depends on data alone comes without draws
            dims = ("chain", "draw", *(f"{name}_dim_{axis}" for axis in range(axes)))
            made[name] = (dims, np.stack([np.broadcast_to(part, (draws, *own)) for part in parts]))
        return posterior.assign(made)


class CompiledModels:
    """Compiled models by shape, so that cells of the same shape share one compilation in a process."""

    def __init__(self) -> None:
        self._by_key: dict[Hashable, Compiled] = {}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._by_key

    def get(self, key: Hashable, build: Callable[[], pm.Model]) -> Compiled:
        """The compiled model of a shape; built and compiled at the first call."""
        if key not in self._by_key:
            self._by_key[key] = Compiled.of(build())
        return self._by_key[key]
