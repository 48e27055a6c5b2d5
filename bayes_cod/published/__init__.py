"""The published methods and the plain baselines: one registry, one function that makes them.

A name may carry a suffix that gives a point method a distribution: `exponential+bootstrap`, `cod+conformal`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bayes_cod.difficulty import DifficultyDBSCAN, DifficultyKMeans, DifficultyMeanShift, ImprovedKMeans
from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.ladder.needs import Need
from bayes_cod.published.base import PointMethod
from bayes_cod.published.bnsl import BNSL
from bayes_cod.published.cod import COD, Filter, cod_without_mapping
from bayes_cod.published.equivalent import OnEquivalentCompute
from bayes_cod.published.exponential import Exponential
from bayes_cod.published.flp import FLP, Gadre, Llama3, OLMoTwoStep
from bayes_cod.published.flpm import FLPM
from bayes_cod.published.intervals import Bootstrap, Conformal
from bayes_cod.published.irt import ItemResponse
from bayes_cod.published.last_rung import LastRung
from bayes_cod.published.log_linear import FP, Direct, PassRate
from bayes_cod.published.sigmoid import SigmoidOfCompute
from bayes_cod.published.two_lines import TwoLines


@dataclass(frozen=True)
class Published:
    """A point method: how it is made from a seed (which only methods with random starts use), and what it needs."""

    make: Callable[[int], PointMethod[Any]]
    summary: str
    needs: tuple[Need, ...] = ("scores",)


ITEMS: tuple[Need, ...] = ("items",)
LOSSES: tuple[Need, ...] = ("scores", "losses")
SIZED: tuple[Need, ...] = ("scores", "sizes")
SIZED_ITEMS: tuple[Need, ...] = ("items", "sizes")
SIZED_LOSSES: tuple[Need, ...] = ("scores", "losses", "sizes")

REGISTRY: dict[str, Published] = {
    "cod": Published(lambda seed: COD(), "COD as published: clusters, filter, laws, map", ITEMS),
    "cod-quartic": Published(
        lambda seed: COD(mapping="quartic", name="cod-quartic"), "COD with a quartic as its map", ITEMS
    ),
    "cod-nomap": Published(lambda seed: cod_without_mapping(seed), "COD without the map", ITEMS),
    "cod-kmeans": Published(
        lambda seed: COD(DifficultyKMeans(random_state=seed), name="cod-kmeans"), "COD on K-means clusters", ITEMS
    ),
    "cod-dbscan": Published(lambda seed: COD(DifficultyDBSCAN(), name="cod-dbscan"), "COD on DBSCAN clusters", ITEMS),
    "cod-meanshift": Published(
        lambda seed: COD(DifficultyMeanShift(), name="cod-meanshift"), "COD on plain MeanShift clusters", ITEMS
    ),
    "cod-ikmeans": Published(
        lambda seed: COD(ImprovedKMeans(random_state=seed), name="cod-ikmeans"), "COD on improved K-means", ITEMS
    ),
    "exponential": Published(lambda seed: Exponential(), "one exponential of compute a benchmark"),
    "passrate": Published(lambda seed: PassRate(), "log pass rate linear in log compute (GPT-4)"),
    "bnsl": Published(lambda seed: BNSL(), "broken neural scaling law"),
    "direct": Published(lambda seed: Direct(), "logit of the score linear in log compute"),
    "sigmoid": Published(lambda seed: SigmoidOfCompute(), "sigmoid of log compute"),
    "last-rung": Published(lambda seed: LastRung(), "the largest rung's score, unchanged"),
    "flp": Published(lambda seed: FLP(), "FLP as published: compute to loss to score", LOSSES),
    "fp": Published(lambda seed: FP(), "score from compute by FLP's second stage alone"),
    "flpm": Published(lambda seed: FLPM(seed=seed), "FLP-M as published: losses of domains to score", LOSSES),
    "olmo-two-step": Published(lambda seed: OLMoTwoStep(), "loss of size and tokens, then a sigmoid", SIZED_LOSSES),
    "gadre": Published(lambda seed: Gadre(), "law of over-training, exponential of the loss", SIZED_LOSSES),
    "llama3": Published(lambda seed: Llama3(), "task loss linear in log compute, sigmoid", LOSSES),
    "irt": Published(lambda seed: ItemResponse(), "item response scaling law, ability linear in log compute", ITEMS),
    "exponential@equivalent": Published(
        lambda seed: OnEquivalentCompute(Exponential()), "one exponential of equivalent compute", SIZED
    ),
    "irt@equivalent": Published(
        lambda seed: OnEquivalentCompute(ItemResponse()), "item response scaling law on equivalent compute", SIZED_ITEMS
    ),
}
"""Point methods by name."""

GUESSES: dict[str, tuple[Callable[[int], Forecaster], str]] = {
    "two-lines": (TwoLines, "a guess to beat: the last score, or anything above it"),
}
"""What has a distribution without any suffix, and a summary."""

SUFFIXES = ("bootstrap", "conformal")


def names() -> list[str]:
    """Every name that `make` knows: the point methods, then their forms with a distribution."""
    return [*REGISTRY, *(f"{name}+{suffix}" for name in REGISTRY for suffix in SUFFIXES), *GUESSES]


def summary(name: str) -> str:
    """What a method is, in half a sentence."""
    if name in GUESSES:
        return GUESSES[name][1]
    base, _, suffix = name.partition("+")
    return REGISTRY[base].summary + (f", {suffix} intervals" if suffix else "")


def needs(name: str) -> tuple[Need, ...]:
    """What a ladder must hold for a method."""
    return ("scores",) if name in GUESSES else REGISTRY[name.partition("+")[0]].needs


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
    if name in GUESSES:
        return GUESSES[name][0](seed)
    base, _, suffix = name.partition("+")
    if base not in REGISTRY or (suffix and suffix not in SUFFIXES) or name.endswith("+"):
        raise InputError(
            f"unknown method '{name}'; expected one of: {', '.join(REGISTRY)}; "
            f"each may be followed by {' or '.join('+' + s for s in SUFFIXES)}; or {', '.join(GUESSES)}"
        )
    method = REGISTRY[base].make(seed)
    if suffix == "bootstrap":
        return Bootstrap(method, seed=seed)
    if suffix == "conformal":
        return Conformal(method, seed=seed)
    return method


__all__ = [
    "GUESSES",
    "REGISTRY",
    "SUFFIXES",
    "COD",
    "Bootstrap",
    "Conformal",
    "Filter",
    "PointMethod",
    "make",
    "names",
    "needs",
    "summary",
]
