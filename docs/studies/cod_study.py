r"""Score methods on the sets of `cod_sets`: every set counts once.

    python docs/studies/cod_study.py --sets base,chat --methods bayes-cod,exponential+bootstrap \
        --priors prior --out study

`--priors` is the folder that `cod_prior.py` wrote: a set that the shipped prior was learnt from is scored under the one
learnt without it. Writes `study/SET.METHOD.csv` (one row a cell; what is there is kept) and prints the table of
`bayes-cod` beside the best rival with intervals.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cod_sets
import numpy as np
import pandas as pd

from bayes_cod import registry
from bayes_cod.errors import InputError
from bayes_cod.forecasts import Forecaster
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.splits import Split
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.priors import Priors
from bayes_cod.scoring.proper import crps

LEVELS = (0.5, 0.8, 0.9)
RIVALS = tuple(
    f"{name}+{form}" for name in ("exponential", "sigmoid", "bnsl") for form in ("bootstrap", "conformal")
) + tuple(f"{name}+conformal" for name in ("cod", "cod-nomap", "passrate", "direct", "last-rung"))


def training(ladder: Ladder, fit: Split) -> Ladder:
    """Rungs up to a cut."""
    return ladder.select(family=fit.family).select(models=list(fit.models), benchmarks=list(fit.benchmarks))


def run(chosen: cod_sets.Set, make: Callable[[], Forecaster], progress: str = "") -> pd.DataFrame:
    """Scored cells of one method on one set; cells without a forecast have empty scores."""
    tables = []
    for number, fit in enumerate(chosen.fits):
        start = time.perf_counter()
        table = fit.cells.assign(set=chosen.name, passed=True)
        try:
            forecaster = make().fit(training(chosen.ladder, fit))
            forecast = forecaster.forecast(fit.targets)
        except InputError as error:
            print(f"{progress} {fit.family} {fit.cut}: {error}", file=sys.stderr)
            tables.append(table)
            continue
        table["passed"] = forecast.gate_passed
        table["seconds"] = time.perf_counter() - start
        tables.append(scored(table, forecast.draws["score"]))
        if progress:
            print(progress, number + 1, len(chosen.fits), f"{table['seconds'].iloc[0]:.1f} s", file=sys.stderr)
    return pd.concat(tables, ignore_index=True)


def scored(table: pd.DataFrame, draws: object) -> pd.DataFrame:
    """Error, CRPS and whether intervals hold the truth, in points."""
    rows = []
    have = {str(name) for name in draws["benchmark"].values}  # type: ignore[index]
    for row in table.itertuples():
        if row.benchmark not in have:
            rows.append({})
            continue
        sample = draws.sel(target=row.target, benchmark=row.benchmark).values  # type: ignore[attr-defined]
        found = {"median": np.median(sample), "crps": 100 * float(crps(sample, row.truth))}
        found["error"], found["bias"] = 100 * abs(found["median"] - row.truth), 100 * (found["median"] - row.truth)
        for level in LEVELS:
            low, high = np.quantile(sample, [(1 - level) / 2, (1 + level) / 2])
            found[f"in_{level:.0%}"] = 100.0 * (low <= row.truth <= high)
            found[f"width_{level:.0%}"] = 100 * (high - low)
        rows.append(found)
    return pd.concat([table.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


SHOWN = ["error", "bias", "crps", "in_50%", "in_80%", "in_90%", "width_90%"]


def by_set(cells: pd.DataFrame) -> pd.DataFrame:
    """Means over the cells of each set, then over the sets."""
    table = cells.groupby("set", sort=False)[SHOWN].mean()
    table["cells"] = cells.groupby("set", sort=False).size()
    table["refused"] = cells.assign(no=~cells["passed"]).groupby("set", sort=False)["no"].sum()
    return pd.concat([table, table.mean().to_frame("mean over sets").T])


def skills(own: pd.DataFrame, rivals: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """By set: CRPS of the method, of the best rival that answered nearly all of its cells, and the skill."""
    rows = []
    key = ["family", "cut", "target", "benchmark"]
    for name, mine in own.groupby("set", sort=False):
        best, value, ours = "", np.inf, float(mine["crps"].mean())
        for rival, cells in rivals.items():
            theirs = cells[cells["set"] == name].dropna(subset=["crps"]) if "crps" in cells else cells.iloc[:0]
            both = mine.merge(theirs[[*key, "crps"]], on=key, suffixes=("", "_rival"))
            if len(both) >= 0.9 * len(mine) and both["crps_rival"].mean() < value:
                best, value, ours = rival, float(both["crps_rival"].mean()), float(both["crps"].mean())
        rows.append({"set": name, "crps": ours, "best rival": best, "its crps": value, "skill": 1 - ours / value})
    table = pd.DataFrame(rows).set_index("set")
    return pd.concat([table, table[["skill"]].mean().to_frame("mean over sets").T])


def kept(folder: Path, chosen: str, method: str, compute: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Cells from a file of an earlier run, or computed and written."""
    file = folder / f"{chosen}.{method.replace('/', '_')}.csv"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        compute().to_csv(file, index=False)
    return pd.read_csv(file)


def forecaster(method: str, chosen: str, priors: Path | None) -> Forecaster:
    """A method as the registry makes it; `bayes-cod` under the prior learnt without the set, where there is one."""
    file = priors / f"without_{chosen}.json" if priors is not None else None
    if method == "bayes-cod" and file is not None and file.exists():
        return BayesianCOD(1, priors=Priors(**json.loads(file.read_text())))
    return registry.make(method, 1)


def main() -> None:
    """Run what is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", default=",".join(cod_sets.TUNED + cod_sets.CONFIRMED))
    parser.add_argument("--methods", default="bayes-cod," + ",".join(RIVALS))
    parser.add_argument("--priors", type=Path)
    parser.add_argument("--data", type=Path, default=cod_sets.DATA)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in args.methods.split(",")}
    for name in args.sets.split(","):
        chosen = cod_sets.load(name, args.data)
        for method in found:
            label = f"{name} {method}"
            make = partial(forecaster, method, name, args.priors)
            cells = kept(args.out, name, method, partial(run, chosen, make, label))
            found[method].append(cells)
    every = {method: pd.concat(tables, ignore_index=True) for method, tables in found.items()}
    for method, cells in every.items():
        if "crps" in cells:
            print(f"\n{method}\n{by_set(cells).round(2).to_string()}")
    first = next(iter(every))
    print(
        f"\nskill of {first}\n"
        + skills(every[first], {k: v for k, v in every.items() if k != first}).round(3).to_string()
    )


if __name__ == "__main__":
    main()
