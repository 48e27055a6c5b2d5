"""Pool: models of other families, for methods that learn from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from bayes_cod.ladder import Ladder

Pool = Ladder | Literal["others"] | None
"""Where a pool is taken from: another ladder, the other families of the one that is forecast, or nowhere."""


def without_family(source: Ladder, family: str, own: Collection[str]) -> Ladder | None:
    """Models of all other families with all results, none of `own` among them; None if there is none."""
    other = (source.models["family"] != family) & ~source.models["model"].isin(list(own))
    left = source.select(models=[str(name) for name in source.models.loc[other, "model"]])
    return replace(left, name=f"{source.name} without {family}") if left.evaluated else None


def rungs_on(source: Ladder, benchmarks: Sequence[str], own: Collection[str] = ()) -> Ladder | None:
    """Rungs with results on some of the benchmarks, as a method is given them; None if there is none.

    Parameters
    ----------
    source
        Holds other families.
    benchmarks
        Those of the ladder to forecast.
    own
        Models to leave out: those to forecast or to forecast from, whose results may be the truth.
    """
    rungs = source.rungs()
    rungs = rungs[~rungs["model"].isin(list(own))]
    shared = [name for name in benchmarks if name in source.benchmark_names]
    if rungs.empty or not shared:
        return None
    return source.select(models=[str(name) for name in rungs["model"]], benchmarks=shared)
