"""A posterior whose log density is a function with its gradient: its mode, its curvature, and draws.

The sampler moves in whitened coordinates, ``centre + factor @ whitened``: first with the curvature at the posterior's
mode, then with its mean over draws of a short pilot, since draws are typical of the posterior as its mode need not be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from nutpie.compiled_pyfunc import from_pyfunc
from scipy.optimize import minimize

from bayes_cod.errors import BayesCodError
from bayes_cod.models import sampling
from bayes_cod.models.sampling import Gate, SamplerSettings

type FloatArray = NDArray[np.float64]

STEP = 1e-4
LEAST_CURVATURE = 0.3
"""The prior's curvature is about 1 in every direction; where the likelihood bends the other way, at least this."""

PILOT = SamplerSettings(draws=24, tune=100, chains=2, target_accept=0.8, max_depth=5)
PILOT_PLACES = 8
"""Draws of the pilot whose mean curvature whitens the posterior."""

WORTH_A_CORE = 3e-4
"""Seconds of one density below which chains are sampled one after another: called from Python, two at once wait for
each other, and take longer."""

ITERATIONS = 2000
MEMORY = 50


class Density(Protocol):
    """A log density of `size` coordinates, and what they mean."""

    size: int

    def __call__(self, coordinates: FloatArray) -> tuple[float, FloatArray]:
        """Log density and gradient at coordinates ``(coordinate,)``; not finite where there is none."""

    def parameters(self, draws: FloatArray) -> dict[str, FloatArray]:
        """Parameters by name ``(sample, ...)`` of draws ``(sample, coordinate)``."""


def split(coordinates: FloatArray, blocks: Mapping[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    """Parts of ``(..., coordinate)`` by name, in the order and shapes of `blocks`."""
    parts, first = {}, 0
    for name, block in blocks.items():
        size = int(np.prod(block))
        parts[name] = coordinates[..., first : first + size].reshape((*coordinates.shape[:-1], *block))
        first += size
    return parts


def count(blocks: Mapping[str, tuple[int, ...]]) -> int:
    """How many coordinates `blocks` hold."""
    return int(sum(np.prod(block) for block in blocks.values()))


def find_mode(density: Density, start: FloatArray) -> FloatArray:
    """Coordinates of the posterior's mode."""

    def loss(place: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(place)
        usable = np.isfinite(value) and np.isfinite(gradient).all()
        return (-value, -gradient) if usable else (1e300, np.zeros(len(place)))

    options = {"maxiter": ITERATIONS, "maxfun": 2 * ITERATIONS, "maxcor": MEMORY}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)  # type: ignore[call-overload]
    return np.asarray(found.x)


def _curvature(density: Density, place: FloatArray) -> FloatArray:
    """Of minus the log density ``(coordinate, coordinate)``."""
    steps = STEP * np.eye(len(place))
    found = np.stack([density(place - step)[1] - density(place + step)[1] for step in steps]) / (2 * STEP)
    return np.asarray(0.5 * (found + found.T))


@dataclass(frozen=True)
class Whitening:
    """Centre ``(coordinate,)`` and factor ``(coordinate, whitened)``."""

    centre: FloatArray
    factor: FloatArray

    @classmethod
    def at(cls, density: Density, places: FloatArray) -> Whitening:
        """From the mean of some places ``(place, coordinate)`` and the mean curvature there."""
        values, vectors = np.linalg.eigh(np.mean([_curvature(density, place) for place in places], axis=0))
        return cls(places.mean(axis=0), vectors / np.sqrt(np.maximum(values, LEAST_CURVATURE)))


def _seconds_of_one(density: Density, place: FloatArray, calls: int = 20) -> float:
    """Wall time of one density and gradient."""
    density(place)
    start = time.perf_counter()
    for _ in range(calls):
        density(place)
    return (time.perf_counter() - start) / calls


def sample(
    density: Density, whitening: Whitening, settings: SamplerSettings, seed: int, *, retry: bool = False
) -> tuple[xr.DataTree, FloatArray]:
    """Draw from the posterior.

    Returns
    -------
    tuple
        Sampler statistics with the parameters by name ``(chain, draw, ...)``, and the draws' coordinates
        ``(sample, coordinate)``, chain by chain.
    """
    centre, factor = whitening.centre, whitening.factor
    if _seconds_of_one(density, centre) < WORTH_A_CORE:
        settings = replace(settings, cores=1)

    def whitened(place: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(centre + factor @ place)
        return value, gradient @ factor

    model = from_pyfunc(
        density.size,
        lambda: whitened,
        lambda *_: lambda place: {"whitened": place},
        [np.dtype(float)],
        [(density.size,)],
        ["whitened"],
        make_initial_point_fn=lambda number: np.random.default_rng(number).uniform(-1.0, 1.0, density.size),
    )
    tree = sampling.run(model, settings, seed, retry=retry)
    drawn = np.asarray(tree["posterior"]["whitened"].to_numpy(), dtype=float)
    return tree, centre + drawn.reshape(-1, density.size) @ factor.T


def _name_draws(tree: xr.DataTree, named: Mapping[str, FloatArray]) -> None:
    """Put parameters by name ``(sample, ...)`` in the place of what was sampled."""
    sizes = tree["posterior"].sizes
    by_chain: dict[str, Any] = {}
    for name, array in named.items():
        dims = ("chain", "draw", *(f"{name}_dim_{axis}" for axis in range(array.ndim - 1)))
        by_chain[name] = (dims, array.reshape(sizes["chain"], sizes["draw"], *array.shape[1:]))
    tree["posterior"] = xr.DataTree(xr.Dataset(by_chain))


@dataclass(frozen=True)
class Fit[Evidence, Draws]:
    """What a stage was fitted on, draws of its parameters, sampler statistics beside them, and the diagnostics."""

    evidence: Evidence
    draws: Draws
    tree: xr.DataTree
    gate: Gate


class Stage[Evidence, Draws]:
    """A model that is sampled, and once more for longer where the gate fails.

    Parameters
    ----------
    seed
        Seed of the sampler and of luck.
    sampler
        See `SamplerSettings`.
    retry
        Whether a failed gate is followed by one longer try.
    """

    def __init__(self, seed: int, sampler: SamplerSettings, *, retry: bool) -> None:
        self.seed = seed
        self.sampler = sampler
        self.retry = retry
        self._fit: Fit[Evidence, Draws] | None = None

    def _sample(
        self,
        density: Density,
        mode: FloatArray,
        complete: Callable[[xr.DataTree, dict[str, FloatArray]], Fit[Evidence, Draws]],
    ) -> None:
        """Fit by sampling; `complete` makes the fit of sampler statistics and named draws."""
        pilot = replace(PILOT, chains=min(self.sampler.chains, PILOT.chains), cores=self.sampler.cores)
        _, drawn = sample(density, Whitening.at(density, mode[None]), pilot, self.seed)
        whitening = Whitening.at(density, drawn[:: len(drawn) // PILOT_PLACES])
        for longer in (False, True)[: 1 + self.retry]:
            tree, drawn = sample(density, whitening, self.sampler, self.seed, retry=longer)
            named = density.parameters(drawn)
            _name_draws(tree, named)
            self._fit = complete(tree, named)
            if self._fit.gate.passed:
                break

    def _fitted(self) -> Fit[Evidence, Draws]:
        if self._fit is None:
            raise BayesCodError("this model is not fitted yet; call fit first")
        return self._fit

    @property
    def evidence(self) -> Evidence:
        """What the fit rests on."""
        return self._fitted().evidence

    @property
    def draws(self) -> Draws:
        """Posterior draws of the parameters."""
        return self._fitted().draws

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws and sampler statistics."""
        return self._fitted().tree

    @property
    def gate(self) -> Gate:
        """Diagnostics of the fit."""
        return self._fitted().gate
