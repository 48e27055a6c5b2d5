"""The back-test inside a ladder that a stack's weights are found by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.errors import GateError, InputError
from bayes_cod.forecasts import Forecast, Method, fit_and_forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.ladder.splits import Split, View, split_ladder
from bayes_cod.stacking.weights import mixture_matrix

type FloatArray = NDArray[np.float64]

COLUMNS = ["family", "cut", "target", "benchmark", "member", "crps", "abs_error"]


@dataclass(frozen=True)
class InnerSettings:
    """Which cells of a ladder decide on the weights.

    Attributes
    ----------
    cuts
        Cuts at most: the largest that leave `min_rungs` rungs and a larger one. 0 for prior weights.
    ahead
        Larger rungs (steps of compute) to forecast from each cut.
    min_rungs
        Fewest rungs of different compute below a cut. It is never lowered: where no cut leaves so many, the weights are
        the prior ones.
    """

    cuts: int = 3
    ahead: int = 2
    min_rungs: int = 3

    def __post_init__(self) -> None:
        if self.cuts < 0 or self.ahead < 1 or self.min_rungs < 1:
            raise InputError(
                f"a stack can't have {self.cuts} cuts, {self.ahead} rungs ahead and min_rungs {self.min_rungs}; give "
                "at least 0, 1 and 1"
            )


@dataclass(frozen=True)
class InnerCells:
    """What came out.

    Attributes
    ----------
    matrices
        Matrix of every cell, ``(cell, member, member)``; see `weights.mixture_matrix`.
    table
        One row a cell and member that answered it: the columns of `COLUMNS`, scores as fractions.
    names
        Members, in the order of the matrices.
    refusals
        Members that refused a cut, each with a sentence on it.
    """

    matrices: FloatArray
    table: pd.DataFrame
    names: tuple[str, ...]
    refusals: tuple[tuple[str, str], ...] = ()

    def summary(self) -> list[dict[str, Any]]:
        """For each cut, the cells and the mean CRPS of the members on those they answered."""
        rows = []
        for (family, cut), group in self.table.groupby(["family", "cut"], sort=False):
            crps = group.groupby("member")["crps"].mean()
            rows.append(
                {
                    "family": family,
                    "cut": cut,
                    "targets": sorted(group["target"].unique()),
                    "cells": len(group[["target", "benchmark"]].drop_duplicates()),
                    "crps": {name: float(crps.get(name, np.nan)) for name in self.names},
                }
            )
        return rows


def inner_cells(
    members: Sequence[Method], ladder: Ladder, pool: Ladder | None, seed: int, settings: InnerSettings
) -> InnerCells:
    """Back-test members inside a ladder, and inside the families of a pool where there is one.

    A member that refuses a cut (gate not passed, unusable data) or has no finite forecast of a cell is given the draws
    of that cell's worst member, so that refusing never pays; cells that nobody answers are left out.

    Parameters
    ----------
    members
        Made anew for every cut.
    ladder
        The family to forecast, cut already applied.
    pool
        Other families: given to the members, and cut like the ladder itself for more cells.
    seed
        Of the members.
    settings
        Which cells.
    """
    names = tuple(member.name for member in members)
    matrices, rows, refusals = [], [], []
    for split, training, others in _cuts(ladder, pool, settings):
        targets = _next(split.targets, settings.ahead)
        answers: list[Forecast | None] = []
        for member in members:
            answer = _answer(member, seed, training, others, targets)
            answers.append(None if isinstance(answer, str) else answer)
            if isinstance(answer, str):
                text = f"{member.name} refused the inner cut {split.cut} and is scored as the worst there: {answer}"
                refusals.append((member.name, text))
        chosen = split.cells[split.cells["target"].isin([target.name for target in targets])]
        for cell in chosen.to_dict("records"):
            place, truth = (str(cell["target"]), str(cell["benchmark"])), float(cell["truth"])
            draws = {
                name: own
                for name, answer in zip(names, answers, strict=True)
                if answer is not None and (own := _samples(answer, *place)) is not None
            }
            if not draws:
                continue
            own_crps = np.diag(mixture_matrix(list(draws.values()), truth))
            worst = list(draws)[int(np.argmax(own_crps))]
            matrices.append(mixture_matrix([draws.get(name, draws[worst]) for name in names], truth))
            for (name, own), crps in zip(draws.items(), own_crps, strict=True):
                rows.append((split.family, split.cut, *place, name, float(crps), float(abs(np.median(own) - truth))))
    size = len(names)
    stacked = np.array(matrices, dtype=float).reshape(-1, size, size)
    return InnerCells(stacked, pd.DataFrame(rows, columns=COLUMNS), names, tuple(refusals))


def _cuts(
    ladder: Ladder, pool: Ladder | None, settings: InnerSettings
) -> Iterator[tuple[Split, Ladder, Ladder | None]]:
    """Cuts with their training sets and pools: of the ladder, then of each family of the pool."""
    if not settings.cuts:
        return
    own = ladder.families[0]
    views = [(own, View(ladder.select(family=own), pool))]
    for family in sorted(pool.families) if pool is not None else ():
        assert pool is not None
        rest = [str(name) for name in pool.models.loc[pool.models["family"] != family, "model"]]
        views.append((family, View(pool.select(family=family), pool.select(models=rest) if rest else None)))
    for family, view in views:
        try:
            splits = split_ladder(view.own, families=[family], min_rungs=settings.min_rungs)
        except InputError:  # too few rungs to leave one out
            splits = []
        for split in splits[-settings.cuts :]:
            yield split, *view.of(split)


def _next(targets: Sequence[Target], steps: int) -> list[Target]:
    """Targets of the first steps of compute."""
    limit = sorted({target.flops for target in targets})[:steps][-1]
    return [target for target in targets if target.flops <= limit]


def _answer(
    member: Method, seed: int, ladder: Ladder, pool: Ladder | None, targets: Sequence[Target]
) -> Forecast | str:
    """A member's forecast, or why there is none."""
    try:
        return fit_and_forecast(member.make(seed), ladder, targets, pool=pool)
    except (GateError, InputError) as error:
        return str(error)


def _samples(forecast: Forecast, target: str, benchmark: str) -> FloatArray | None:
    """Observed draws of a cell; None where the forecast has none that are finite."""
    if target not in forecast.targets or benchmark not in forecast.benchmarks:
        return None
    draws = forecast.samples(target, benchmark)
    return draws if np.isfinite(draws).all() else None
