"""How reading and fitting grow with questions, benchmarks, rungs and families.

    python -m tests.benchmarks growth

From one made ladder each dimension is multiplied in turn; a fit is timed once its shape is compiled.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import bayes_cod as bc
from bayes_cod.models.cod.forecaster import BayesianCOD
from tests.benchmarks.made_ladders import make_ladder

TIMES = 4, 16


@dataclass(frozen=True)
class Size:
    """Of a ladder; questions are those of all benchmarks."""

    questions: int = 2_000
    benchmarks: int = 5
    rungs: int = 5
    families: int = 1


def measured(size: Size) -> tuple[float, float]:
    """Processor time of reading a ladder, and of a fit with its forecast, other families as a pool."""
    with tempfile.TemporaryDirectory() as name:
        make_ladder(Path(name), **asdict(size))
        start = time.process_time()
        ladder = bc.read(name)
        read = time.process_time() - start
    own = ladder.select(family="family 0", models=[f"m{rung} of family 0" for rung in range(size.rungs)])
    others = [family for family in ladder.families if family != "family 0"]
    pool = ladder.select(models=list(ladder.models.loc[ladder.models["family"].isin(others), "model"]))
    target = ladder.target("large")
    for seed in range(2):
        start = time.process_time()
        fitted = BayesianCOD(seed).fit(own, pool=pool if others else None)
        fitted.forecast([target], explain=True)
        took = time.process_time() - start  # the second finds its model compiled
    return read, took


def growth() -> None:
    """One line a size."""
    small = Size(questions=500)
    for name in asdict(small):
        for times in (1, *TIMES):
            if name == "rungs" and times == max(TIMES):
                continue  # no ladder has eighty
            changed = {name: getattr(small, name) * times}
            if name == "benchmarks":
                changed["questions"] = small.questions * times
            size = replace(small, **changed)
            read, fit = measured(size)
            print(f"{name} x {times}: {asdict(size)}: read {read:.1f} s, fit and forecast {fit:.1f} s", flush=True)
