"""A small synthetic ladder and forecasters whose every answer is known."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from bayes_cod.errors import GateError, InputError
from bayes_cod.forecasts import Forecast, Method
from bayes_cod.ladder import Ladder, Target

FAMILIES = {"alpha": 5, "beta": 4, "gamma": 2}
BENCHMARKS = ("one", "three", "two")


def small_ladder(seed: int = 0) -> Ladder:
    """Three families of 5, 4 and 2 rungs; benchmark `three` is missing where noted.

    `three` was not run on alpha's smallest model and not on beta's largest.
    """
    rng = np.random.default_rng(seed)
    models, scores = [], []
    for family, size in FAMILIES.items():
        for rung in range(size):
            name = f"{family}-{rung}"
            models.append((name, family, 1e18 * 10 ** (0.5 * rung)))
            for benchmark in BENCHMARKS:
                if (name, benchmark) not in {("alpha-0", "three"), ("beta-3", "three")}:
                    scores.append((name, benchmark, round(0.2 + 0.1 * rung + 0.02 * rng.uniform(), 4)))
    listed = pd.DataFrame(models, columns=["model", "family", "flops"])
    return Ladder(
        name="small",
        models=listed.assign(params=np.nan, tokens=np.nan, is_final=True),
        benchmarks=pd.DataFrame({"benchmark": BENCHMARKS, "chance": 0.0}),
        scores=pd.DataFrame(scores, columns=["model", "benchmark", "score"]).assign(is_final=True),
    )


class Fake:
    """Draws around the last rung's score; writes down what it was shown, if a folder is given."""

    def __init__(self, name: str, seed: int, *, spread: float = 0.1, draws: int = 200, seen: str | None = None) -> None:
        self.name, self.seed, self.spread, self.draws, self.seen = name, seed, spread, draws, seen

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        self.ladder, self.pool = ladder, pool
        return self

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        if self.seen:
            self._write_down(targets)
        rng = np.random.default_rng(self.seed)
        names = self.ladder.benchmark_names
        centre = np.array([self.last(name) for name in names])
        draws = centre + self.spread * rng.normal(size=(self.draws, len(targets), len(names)))
        return Forecast.from_draws(draws, draws, targets, names, self.name)

    def last(self, benchmark: str) -> float:
        known = [self.ladder.truth(str(name), benchmark) for name in self.ladder.rungs()["model"]]
        return float([score for score in known if np.isfinite(score)][-1])

    def _write_down(self, targets: Sequence[Target]) -> None:
        shown = {
            "evaluated": sorted(self.ladder.evaluated),
            "rungs": list(self.ladder.rungs()["model"]),
            "benchmarks": self.ladder.benchmark_names,
            "targets": [target.name for target in targets],
            "pool": None if self.pool is None else sorted(self.pool.models["model"]),
            "pool_evaluated": None if self.pool is None else sorted(self.pool.evaluated),
        }
        place = Path(str(self.seen)) / f"{self.name}-{self.ladder.families[0]}-{shown['rungs'][-1]}.json"
        with place.open("a") as file:
            file.write(json.dumps(shown) + "\n")


class Point(Fake):
    """The last rung's score, as one draw."""

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        names = self.ladder.benchmark_names
        points = [[self.last(name) for name in names] for _ in targets]
        return Forecast.from_points(points, targets, names, self.name)


class Fussy(Fake):
    """Refuses alpha, can't use four rungs of beta... and knows nothing of benchmark `two`."""

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        if ladder.families[0] == "alpha":
            raise GateError("R-hat of 1.7")
        if len(ladder.rungs()) > 2:
            raise InputError("too many rungs")
        return super().fit(ladder, pool=pool)

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        whole = super().forecast(targets)
        return Forecast(whole.draws.sel(benchmark=["one", "three"]), self.name)


class Selective(Fake):
    """Leaves out benchmark `three`, on which its chains disagree, and knows nothing of benchmark `two`."""

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        whole = super().forecast(targets)
        return Forecast(whole.draws.sel(benchmark=["one"]), self.name, {"refused": ["three"]})


class Unconverged(Fake):
    """Has diagnostics, and those of its forecast fail."""

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        failed = pd.DataFrame({"quantity": ["slope", "level"], "passed": [False, True]})
        return replace(super().forecast(targets), diagnostics=failed)


class Mortal(Fake):
    """Kills the first process, of those that share a folder, that fits it for the second time."""

    fitted = 0

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        if Mortal.fitted and self.seen and not list(Path(self.seen).glob("died")):
            (Path(self.seen) / "died").write_text("")
            os.kill(os.getpid(), signal.SIGKILL)
        Mortal.fitted += 1
        return super().fit(ladder, pool=pool)


class Broken(Fake):
    """Has a defect."""

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        raise ZeroDivisionError("a defect")


KINDS: dict[str, type[Fake]] = {
    "fake": Fake,
    "other": Fake,
    "point": Point,
    "fussy": Fussy,
    "selective": Selective,
    "unconverged": Unconverged,
    "broken": Broken,
    "mortal": Mortal,
}


def fake_method(name: str, **settings: Any) -> Method:
    """A method of one of the fakes."""
    return Method(name, make_fake, settings)


def make_fake(name: str, seed: int, **settings: Any) -> Fake:
    return KINDS[name](name, seed, **settings)
