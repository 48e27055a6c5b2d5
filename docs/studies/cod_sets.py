"""The data sets on which Bayesian COD is tuned and judged, each read as a back-test wants it.

Every set counts once. `TUNED` are those that the shipped prior was learnt from and settings were chosen on; `CONFIRMED`
were only looked at. The public sets lie beside the repository (`data/`, see the README); the micro ladder is bundled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bayes_cod.datasets import microladder
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.splits import Split, split_ladder
from bayes_cod.readers.tables import read_tables

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
LEFT_OUT = ("leetcode", "cruxeval", "jeebench")
"""Chat benchmarks that its README advises against: scores of formats and time limits."""

TUNED = ("open_models", "elemental", "micro_seed_0")
CONFIRMED = ("base", "chat", "code", "pythia_sampling", "leaderboard", "micro_other_seeds")


@dataclass(frozen=True)
class Set:
    """One set: its ladder and the training sets of its back-test."""

    name: str
    ladder: Ladder
    fits: list[Split]


def load(name: str, data: Path = DATA) -> Set:
    """Read one of `TUNED` or `CONFIRMED`."""
    ladder, fits = _READERS[name](data)
    return Set(name, ladder, fits)


def _base(data: Path) -> tuple[Ladder, list[Split]]:
    ladder = read_tables(data / "base_items")
    return ladder, split_ladder(ladder)


def _chat(data: Path) -> tuple[Ladder, list[Split]]:
    ladder = read_tables(data / "instruct_items")
    chosen: dict[str, str] = {}
    for setting in ("lowk_temp1", "lowk_temp0.7", "highk_temp0.7"):  # the last that there is has the most trials
        for name in ladder.benchmark_names:
            task, _, own = name.partition("@")
            if own == setting and not task.startswith(LEFT_OUT):
                chosen[task] = name
    ladder = ladder.select(benchmarks=sorted(chosen.values()))
    return ladder, split_ladder(ladder)


def _code(data: Path) -> tuple[Ladder, list[Split]]:
    ladder = read_tables(data / "code_items")
    return ladder, split_ladder(ladder, min_rungs=2)


def _pythia(data: Path) -> tuple[Ladder, list[Split]]:
    """Seven sizes at 300e9 and at 20e9 tokens, as two families."""
    ladder = read_tables(data / "pythia_sampling_items")
    step = ladder.models["step"].astype(int)
    models = ladder.models.assign(family="pythia-step" + step.astype(str))[step.isin([143000, 10000])]
    ladder = replace(ladder, models=models).select(models=list(models["model"]))
    return ladder, split_ladder(ladder)


def _leaderboard(data: Path) -> tuple[Ladder, list[Split]]:
    ladder = read_tables(data / "leaderboard_items")
    return ladder, split_ladder(ladder)


def _elemental(data: Path) -> tuple[Ladder, list[Split]]:
    """Some cuts along training, targets up to 1.5 decades ahead, at most three of them a cut."""
    ladder = read_tables(data / "elemental_items")
    fits = split_ladder(ladder, max_decades=1.5)
    kept = [fit for fit in fits if len(fit.models) in (4, 6, 9, 13, 18)]
    return ladder, [_fewer(fit, 3) for fit in kept]


def _open_models(data: Path) -> tuple[Ladder, list[Split]]:
    ladder = read_tables(data / "open_model_tasks" / "obs_scaling.csv.gz")
    tasks = [n for n in ladder.benchmark_names if not any(w in n for w in ("bleu", "TruthfulQA", "leaderboard"))]
    ladder = ladder.select(benchmarks=tasks)
    return ladder, split_ladder(ladder)


def _micro(seeds: Callable[[str], bool]) -> Callable[[Path], tuple[Ladder, list[Split]]]:
    def read(_: Path) -> tuple[Ladder, list[Split]]:
        ladder = microladder()
        families = [name for name in sorted(ladder.families) if seeds(name)]
        return ladder, split_ladder(ladder, families=families)

    return read


def _fewer(fit: Split, most: int) -> Split:
    """The same fit with some of its targets, spread over their distances."""
    ordered = sorted(fit.targets, key=lambda target: target.flops)
    keep = {ordered[i].name for i in np.unique(np.linspace(0, len(ordered) - 1, most).round().astype(int))}
    targets = tuple(target for target in fit.targets if target.name in keep)
    return replace(fit, targets=targets, cells=fit.cells[fit.cells["target"].isin(keep)].reset_index(drop=True))


_READERS: dict[str, Callable[[Path], tuple[Ladder, list[Split]]]] = {
    "base": _base,
    "chat": _chat,
    "code": _code,
    "pythia_sampling": _pythia,
    "leaderboard": _leaderboard,
    "elemental": _elemental,
    "open_models": _open_models,
    "micro_seed_0": _micro(lambda name: name.endswith("0")),
    "micro_other_seeds": _micro(lambda name: not name.endswith("0")),
}
