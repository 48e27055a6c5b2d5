"""Does a prior learnt from other families forecast better? Leave one family out, learn from the others, forecast it.

    OMP_NUM_THREADS=1 python docs/make_prior_study.py --shared ladders --work out/prior

Every family with cells (as in `bayes-cod backtest`) is forecast twice on the same cells: with the shipped prior and
with one learnt from the ladder's other families. What each family tells is fitted once and kept in ``--work``, as are
finished jobs: the same command, started again, goes on where it stopped. Prints one table a ladder and writes its
cells and summary. ``--families`` leaves out all others, as sources and as targets.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from bayes_cod import read as read_ladder
from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, common_cells, paired
from bayes_cod.forecasts import Method
from bayes_cod.forecasts.forecaster import Forecaster
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.splits import split_ladder
from bayes_cod.models.cod.learning import Lesson, estimates, fit_family, learn, lessons
from bayes_cod.models.cod.learnt_prior import LeftOut, Source
from bayes_cod.registry import make

SHIPPED, LEARNT = "shipped", "learnt"
CHAT = ("ap_cot", "cruxeval_output_cot", "human_eval_plus", "lsat_cot", "math500_cot")
STUDIES: dict[str, tuple[str, ...]] = {
    "base_items": (),
    "instruct_items": tuple(f"{name}@lowk_temp0.7" for name in CHAT),
}
"""Ladders and the benchmarks used; all where empty. Of the chat families five at one sampling setting, to save time."""


def make_either(name: str, seed: int, **settings: Any) -> Forecaster:
    """Bayesian COD whatever the name, so that the two priors' cells stand in one table."""
    return make("bayes-cod", seed, **settings)


def told_by(lesson: Lesson, work: Path) -> Source | LeftOut:
    """What a family tells; fitted once and kept."""
    file = work / f"{lesson.family}.json"
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if "reason" in kept:
            return LeftOut(**kept)
        told = {name: (mean, sd) for name, (mean, sd) in kept.pop("told").items()}
        return Source(**kept | {"told": told, "models": tuple(kept["models"])})
    found = fit_family(lesson, seed=0)
    work.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(asdict(found), indent=2), encoding="utf-8")
    return found


def run(ladder: Ladder, families: Sequence[str], work: Path) -> pd.DataFrame:
    """Cells of both priors, for every family that can be forecast and leaves another to learn from."""
    taught = []
    for lesson in lessons([ladder], families)[0]:
        taught.append(told_by(lesson, work / "told"))
        print(f"{ladder.name}: {taught[-1]}", file=sys.stderr, flush=True)
    cells = []
    targets = {fit.family for fit in split_ladder(ladder)}
    for family in sorted(targets & set(families or targets)):
        others = [one for one in taught if one.family != family]
        sources = [one for one in others if isinstance(one, Source)]
        try:
            prior = learn(sources, [one for one in others if isinstance(one, LeftOut)])
        except InputError as error:
            print(f"{ladder.name}, {family}: {error}", flush=True)
            continue
        for name, found in estimates(sources).items():
            print(f"{ladder.name} without {family}, {name}: {found}", file=sys.stderr, flush=True)
        methods = [Method(SHIPPED, make_either), Method(LEARNT, make_either, {"priors": prior.record()})]
        cells.append(backtest(ladder, methods, families=[family], folder=work / "jobs", progress=_tell))
        silent = cells[-1][cells[-1]["status"] != "ok"]
        for (name, reason), rows in silent.groupby(["method", "reason"]):
            print(f"{ladder.name}, {family}, {name}: {len(rows)} cells not answered: {reason}", flush=True)
    return pd.concat(cells, ignore_index=True)


def _tell(done: int, total: int, text: str) -> None:
    print(f"{done}/{total} {text}", file=sys.stderr, flush=True)


def table(cells: pd.DataFrame) -> pd.DataFrame:
    """Error, CRPS, coverage and width of both priors, by family and over all, on cells that both answered; points."""
    common = common_cells(cells)
    rows = []
    for family, own in [*common.groupby("family"), ("all", common)]:
        for method, answers in own.groupby("method", sort=False):
            row: dict[str, Any] = {"family": family, "prior": method, "cells": len(answers)}
            row |= {"targets": answers["target"].nunique(), "error": 100 * answers["abs_error"].mean()}
            row |= {"bias": 100 * answers["error"].mean(), "crps": 100 * answers["crps"].mean()}
            row |= {f"holds {level} %": 100 * answers[f"covered_{level}"].mean() for level in (50, 80, 90)}
            rows.append(row | {"width 90": 100 * answers["width_90"].mean()})
    return pd.DataFrame(rows).round(1)


def main() -> None:
    """Run the studies, print their tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("ladders"), help="folder of the public ladders")
    parser.add_argument("--work", type=Path, default=Path("out/prior"), help="folder of fits, jobs and tables")
    parser.add_argument("--studies", default=",".join(STUDIES), help="comma list of ladders")
    parser.add_argument("--families", default="", help="comma list; left out: all")
    options = parser.parse_args()
    families = [name for name in options.families.split(",") if name]
    for name in options.studies.split(","):
        ladder = read_ladder(options.shared / name)
        chosen = ladder.select(benchmarks=STUDIES[name]) if STUDIES[name] else ladder
        cells = run(chosen, families, options.work / name)
        print(table(cells).to_string(index=False), flush=True)
        cells.to_csv(options.work / name / "cells.csv", index=False)
        table(cells).to_csv(options.work / name / "summary.csv", index=False)
        for score in ("abs_error", "crps"):
            print(paired(cells, LEARNT, SHIPPED, score).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
