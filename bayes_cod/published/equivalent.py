"""A point method on the axis of equivalent compute instead of training FLOPs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bayes_cod import laws
from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.published.base import PointMethod
from bayes_cod.published.problems import ScoreProblem, Solution

SUFFIX = "@equivalent"


class OnEquivalentCompute[P: ScoreProblem](PointMethod[P]):
    """Another method, given the equivalent compute of rungs and targets (`laws.equivalent_compute`) as their compute.

    Parameters
    ----------
    method
        The method.
    """

    def __init__(self, method: PointMethod[P]) -> None:
        self.method = method
        self.name = method.name + SUFFIX
        self.min_rungs = method.min_rungs

    def problems(self, ladder: Ladder, pool: Ladder | None = None) -> list[P]:
        """The method's problems on a ladder whose models carry equivalent compute."""
        models = ladder.models
        active = models["params_active"].fillna(models["params"]) if "params_active" in models else models["params"]
        rungs = ladder.rungs()["model"]
        unknown = models["model"].isin(rungs) & (active.isna() | models["tokens"].isna())
        if unknown.any():
            raise InputError(
                f"the method '{self.name}' needs size and tokens of every rung; "
                f"{', '.join(models.loc[unknown, 'model'].astype(str))} of ladder '{ladder.name}' lacks them"
            )
        flops = laws.equivalent_compute(active.astype(float), models["tokens"].astype(float))
        flops = flops.where(models["flops"].notna())
        return self.method.problems(replace(ladder, models=models.assign(flops=flops)), pool)

    def solve_many(self, problems: Sequence[P], start: Solution | None = None) -> list[Solution]:
        """The method's solutions, which move targets to the axis too."""
        return [_on_axis(solution) for solution in self.method.solve_many(problems, start)]

    def facts(self, targets: Sequence[Target]) -> dict[str, Any]:
        """Those of the method, with distances on the axis."""
        return super().facts([_moved(target) for target in targets]) | {"axis": "equivalent compute"}


def _on_axis(solution: Solution) -> Solution:
    """A solution that is asked about targets by their training FLOPs."""
    return replace(solution, predict=lambda target: solution.predict(_moved(target)))


def _moved(target: Target) -> Target:
    if not target.params or not target.tokens:
        raise InputError(f"target '{target.name}' needs params and tokens on the axis of equivalent compute")
    active = float(np.minimum(target.params, target.flops / 6 / target.tokens))
    return replace(target, flops=float(laws.equivalent_compute(active, target.tokens)))
