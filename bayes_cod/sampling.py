"""Sampling with nutpie: compile a model once a shape, refit it on new data, and the convergence gate."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self

import arviz as az
import numpy as np
import nutpie
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.graph.replace import vectorize_graph
from pytensor.link.numba import cache as numba_cache

from bayes_cod.packing import Packing

R_HAT_BELOW = 1.01
ESS_PER_CHAIN = 100
E_BFMI_ABOVE = 0.3
TAIL = (0.05, 0.95)
DIVERGENCES = "divergences"
LOW_RANK_UP_TO = 160
"""Parameters up to which ``auto`` takes a low-rank mass matrix: of more, some hundred warm-up draws tell too little."""


@dataclass(frozen=True)
class SamplerSettings:
    """How long and how carefully to sample.

    Attributes
    ----------
    draws, tune
        Kept and warm-up draws a chain.
    chains
        Chains, sampled in parallel as far as `cores` goes.
    cores
        Processor cores; all where not given.
    target_accept
        Target acceptance; `retry_accept` for the one retry after a failed gate.
    retry_times
        Draws of the retry, as a multiple.
    adaptation
        Mass matrix: diagonal, with the posterior's main correlations (good for small, correlated posteriors), or
        ``auto``: the latter up to `LOW_RANK_UP_TO` parameters.
    max_depth
        No trajectory takes more than two to the power of this many steps. Before the mass matrix is known trajectories
        are long, and warm-up may take most of the time.
    """

    draws: int = 1000
    tune: int = 500
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.9
    retry_accept: float = 0.99
    retry_times: int = 2
    adaptation: Literal["diag", "low_rank", "auto"] = "diag"
    max_depth: int = 10

    def mass_matrix(self, parameters: int) -> Literal["diag", "low_rank"]:
        """Adaptation for a number of parameters."""
        if self.adaptation == "auto":
            return "low_rank" if parameters <= LOW_RANK_UP_TO else "diag"
        return self.adaptation


@dataclass(frozen=True)
class Gate:
    """The diagnostics of everything reported.

    Attributes
    ----------
    table
        quantity, r_hat, ess_bulk, ess_tail, value, limit, passed; one row a reported quantity, then divergences
        and the lowest E-BFMI.
    """

    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every row passed."""
        return bool(self.table["passed"].all())

    @property
    def failed(self) -> frozenset[str]:
        """Quantities of the rows that did not pass."""
        return frozenset(self.table.loc[~self.table["passed"].astype(bool), "quantity"])

    @property
    def only_diverged(self) -> bool:
        """Whether it failed, and by divergences alone."""
        return self.failed == {DIVERGENCES}


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compile without fast-math, so that a seed gives the same numbers with an empty and with a warm numba cache.

    Under fast-math sums are reordered across inlined functions, and functions read from the cache are not inlined. The
    cache's keys do not name the flag: hence a folder of its own, which keeps functions that other programs compiled
    with fast-math away.
    """
    shared = numba_cache.NUMBA_CACHE_PATH
    own = pytensor.config.base_compiledir / "numba-exact"
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
            density = nutpie.compile_pymc_model(packing.inside(model), var_names=free)
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
            own = parts[0].shape[parts[0].ndim - axes :]  # what hangs on data alone comes without draws
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


def sample(
    compiled: Compiled,
    data: Mapping[str, NDArray[Any]],
    settings: SamplerSettings,
    seed: int,
    *,
    retry: bool = False,
) -> xr.DataTree:
    """Draw from the posterior.

    Parameters
    ----------
    compiled
        From `CompiledModels.get`.
    data
        New values of the model's `pm.Data` containers, of the shapes it was compiled for.
    settings, seed
        The same seed gives the same draws.
    retry
        Sample with `retry_accept` and `retry_times` the draws.

    Returns
    -------
    xarray.DataTree
        Groups `posterior` (chain, draw, ...) and `sample_stats`.
    """
    longer = settings.retry_times if retry else 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: xr.DataTree = nutpie.sample(
            compiled.with_data(data),
            draws=settings.draws * longer,
            tune=settings.tune * min(longer, 2),
            chains=settings.chains,
            cores=settings.cores,
            seed=seed,
            adaptation=settings.mass_matrix(compiled.density.n_dim),
            maxdepth=settings.max_depth,
            target_accept=settings.retry_accept if retry else settings.target_accept,
            save_warmup=False,
            progress_bar=False,
        )
    tree["posterior"] = xr.DataTree(compiled.deterministics.complete(tree["posterior"].to_dataset(), data))
    return tree


def quantity(kind: str, name: str, label: str) -> str:
    """How diagnostics call one of the quantities of `by_label`."""
    return f"{kind}, {name}, {label}"


def by_label(
    kind: str, names: Sequence[str], labels: Sequence[str], array: NDArray[np.float64], tree: xr.DataTree
) -> dict[str, NDArray[np.float64]]:
    """Quantities for `gate`: draws ``(chain, draw)`` by "kind, name, label".

    Parameters
    ----------
    kind
        What the quantities are.
    names, labels
        Of the array's last and middle axis.
    array
        ``(sample, label, name)``, samples chain by chain as in `tree`.
    tree
        The fit that the draws come from.
    """
    by_chain = array.reshape(tree["posterior"].sizes["chain"], -1, *array.shape[1:])
    return {
        quantity(kind, name, label): by_chain[:, :, place, position]
        for place, label in enumerate(labels)
        for position, name in enumerate(names)
    }


def gate(reported: Mapping[str, NDArray[np.float64]], tree: xr.DataTree) -> Gate:
    """Judge every reported quantity.

    R-hat < 1.01, bulk and tail effective sample size > 100 a chain, no divergences, E-BFMI > 0.3.

    Parameters
    ----------
    reported
        Draws of shape ``(chain, draw)`` by name.
    tree
        With `sample_stats`.

    Returns
    -------
    Gate
    """
    rows: list[dict[str, Any]] = []
    for name, draws in reported.items():
        r_hat, bulk, tail = _mixing(draws)
        passed = _enough(draws, r_hat, bulk, tail)
        rows.append({"quantity": name, "r_hat": r_hat, "ess_bulk": bulk, "ess_tail": tail, "passed": passed})
    stats = tree["sample_stats"]
    divergences = int(stats["diverging"].sum())
    rows.append({"quantity": DIVERGENCES, "value": divergences, "limit": 0, "passed": divergences == 0})
    energy = np.asarray(stats["energy"].values, dtype=float)
    bfmi = float((np.diff(energy, axis=1) ** 2).mean(axis=1).min() / energy.var(axis=1).max())
    rows.append({"quantity": "E-BFMI", "value": bfmi, "limit": E_BFMI_ABOVE, "passed": bfmi > E_BFMI_ABOVE})
    columns = ["quantity", "r_hat", "ess_bulk", "ess_tail", "value", "limit", "passed"]
    return Gate(pd.DataFrame(rows).reindex(columns=columns))


def mixed(draws: NDArray[np.float64]) -> bool:
    """Whether the chains of one quantity ``(chain, draw)`` are within the gate's limits."""
    return _enough(draws, *_mixing(draws))


def _mixing(draws: NDArray[np.float64]) -> tuple[float, float, float]:
    """R-hat, bulk and tail effective sample size."""
    if np.ptp(draws) == 0:  # a constant is known, not badly sampled
        return 1.0, float(draws.size), float(draws.size)
    tail = float(az.ess(draws, method="tail", prob=TAIL))
    return float(az.rhat(draws)), float(az.ess(draws, method="bulk")), tail


def _enough(draws: NDArray[np.float64], r_hat: float, bulk: float, tail: float) -> bool:
    enough = ESS_PER_CHAIN * draws.shape[0]
    return r_hat < R_HAT_BELOW and bulk > enough and tail > enough
