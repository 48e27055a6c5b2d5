"""The published methods and the plain baselines: one registry, one function that makes them.

A name may carry a suffix that gives a point method a distribution: `exponential+bootstrap`, `cod+conformal`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bayes_cod.difficulty import DifficultyDBSCAN, DifficultyKMeans, DifficultyMeanShift, ImprovedKMeans
from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.published.base import PointMethod
from bayes_cod.published.bnsl import BNSL
from bayes_cod.published.cod import COD, Filter, cod_without_mapping
from bayes_cod.published.exponential import Exponential
from bayes_cod.published.flp import FLP, Gadre, Llama3, OLMoTwoStep
from bayes_cod.published.flpm import FLPM
from bayes_cod.published.intervals import Bootstrap, Conformal
from bayes_cod.published.last_rung import LastRung
from bayes_cod.published.log_linear import FP, Direct, PassRate
from bayes_cod.published.sigmoid import SigmoidOfCompute

REGISTRY: dict[str, Callable[[int], PointMethod[Any]]] = {
    "cod": lambda seed: COD(),
    "cod-quartic": lambda seed: COD(mapping="quartic", name="cod-quartic"),
    "cod-nomap": lambda seed: cod_without_mapping(seed),
    "cod-kmeans": lambda seed: COD(DifficultyKMeans(random_state=seed), name="cod-kmeans"),
    "cod-dbscan": lambda seed: COD(DifficultyDBSCAN(), name="cod-dbscan"),
    "cod-meanshift": lambda seed: COD(DifficultyMeanShift(), name="cod-meanshift"),
    "cod-ikmeans": lambda seed: COD(ImprovedKMeans(random_state=seed), name="cod-ikmeans"),
    "exponential": lambda seed: Exponential(),
    "passrate": lambda seed: PassRate(),
    "bnsl": lambda seed: BNSL(),
    "direct": lambda seed: Direct(),
    "sigmoid": lambda seed: SigmoidOfCompute(),
    "last-rung": lambda seed: LastRung(),
    "flp": lambda seed: FLP(),
    "fp": lambda seed: FP(),
    "flpm": lambda seed: FLPM(seed=seed),
    "olmo-two-step": lambda seed: OLMoTwoStep(),
    "gadre": lambda seed: Gadre(),
    "llama3": lambda seed: Llama3(),
}
"""Point methods by name; each is made from a seed, which only methods with random starts use."""

SUFFIXES = ("bootstrap", "conformal")


def names() -> list[str]:
    """Every name that `make` knows: the point methods, then their forms with a distribution."""
    return [*REGISTRY, *(f"{name}+{suffix}" for name in REGISTRY for suffix in SUFFIXES)]


def make(name: str, seed: int) -> Forecaster:
    """Make an unfitted forecaster.

    Parameters
    ----------
    name
        A key of `REGISTRY`, optionally followed by `+bootstrap` or `+conformal`.
    seed
        Seed of everything random in it.

    Raises
    ------
    InputError
        For an unknown name, with the names that exist.
    """
    base, _, suffix = name.partition("+")
    if base not in REGISTRY or (suffix and suffix not in SUFFIXES) or name.endswith("+"):
        raise InputError(
            f"unknown method '{name}'; expected one of: {', '.join(REGISTRY)}; "
            f"each may be followed by {' or '.join('+' + s for s in SUFFIXES)}"
        )
    method = REGISTRY[base](seed)
    if suffix == "bootstrap":
        return Bootstrap(method, seed=seed)
    if suffix == "conformal":
        return Conformal(method, seed=seed)
    return method


__all__ = ["REGISTRY", "SUFFIXES", "COD", "Bootstrap", "Conformal", "Filter", "PointMethod", "make", "names"]
