"""Whether the advice of `decide next-run` is worth following, where the runs that it may choose among exist already.

``python docs/studies/next_run_study.py SET [METHOD] [--data DATA]``, with a set of `cod_sets.py` and a method
(exponential+bootstrap). Of every family and cut, one rung below the cut is held back beside the ones above it: these
are the candidates, and the first larger model behind them is the target. The target is forecast without them, the
advice is asked for, and the target is forecast again with each candidate added, so that every choice is judged by what
it really brought:

- *narrowing*: how much narrower the target's 90 % intervals became, mean over benchmarks, in points;
- *gain*: how much smaller its CRPS became, in points;

each also for one per cent of the target's compute. Choices are compared in pairs of one case: the advice (most
narrowing for each FLOP), the one that is said to narrow most, the largest, and one at random (the mean of all).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cod_sets
import numpy as np
import pandas as pd

import bayes_cod as bc
from bayes_cod.decisions.basis import basis_of
from bayes_cod.decisions.next_run import judge
from bayes_cod.decisions.runs import CandidateRun
from bayes_cod.scoring.proper import crps
from bayes_cod.scoring.standard_errors import clustered_mean

AHEAD = 2
"""Candidates above the cut."""
FEWEST = 3
"""Rungs that a forecast starts from."""
MEASURES = ("narrowing", "gain", "narrowing_per_percent", "gain_per_percent")


@dataclass(frozen=True)
class Case:
    """Rungs to start from, runs to choose among, and the target, by name."""

    family: str
    rungs: tuple[str, ...]
    candidates: tuple[str, ...]
    target: str


def cases(ladder: bc.Ladder) -> Iterator[Case]:
    """Every cut of every family that leaves enough rungs on both sides."""
    for family in ladder.families:
        models = ladder.models[ladder.models["family"] == family].dropna(subset=["flops"])
        models = models[models["model"].isin(ladder.evaluated)].sort_values("flops").drop_duplicates("flops")
        names = list(models["model"])
        for cut in range(FEWEST, len(names) - AHEAD - 1):
            held_back = (names[cut - 1], *names[cut + 1 : cut + 1 + AHEAD])
            rungs = tuple(name for name in names[: cut + 1] if name not in held_back)
            yield Case(family, rungs, held_back, names[cut + 1 + AHEAD])


def forecast_with(ladder: bc.Ladder, case: Case, rungs: tuple[str, ...], method: str) -> bc.Result:
    """The target from some rungs."""
    chosen = ladder.select(models=[*rungs, case.target])
    largest = max(rungs, key=lambda name: ladder.target(name).flops)
    return bc.forecast(chosen, family=case.family, target=case.target, cut=largest, method=method)


def judged(ladder: bc.Ladder, case: Case, method: str) -> pd.DataFrame:
    """One row a candidate: what it was said to bring, and what it brought."""
    basis = basis_of(forecast_with(ladder, case, case.rungs, method))
    flops = [ladder.target(name).flops for name in case.candidates]
    said = judge(
        basis.curves,
        [CandidateRun(each) for each in flops],
        weights=np.ones(len(basis.benchmarks)),
        rungs=basis.rung_flops,
        simulations=0,
    )
    truth = {name: ladder.truth(case.target, name) for name in basis.benchmarks}

    def width_and_crps(result: bc.Result, names: list[str]) -> tuple[float, float]:
        draws = result.forecast.draws["score"].sel(target=case.target, benchmark=names)
        draws = draws.transpose("sample", "benchmark").to_numpy().astype(float)
        low, high = np.quantile(draws, [0.05, 0.95], axis=0)
        return 100 * float((high - low).mean()), 100 * float(crps(draws, np.array([truth[n] for n in names])).mean())

    rows = []
    for name, own in zip(case.candidates, said.to_dict("records"), strict=True):
        after = forecast_with(ladder, case, (*case.rungs, name), method)
        both = [each for each in basis.benchmarks if each in after.benchmarks and np.isfinite(truth[each])]
        (width_before, crps_before), (width_after, crps_after) = (
            width_and_crps(each, both) for each in (basis.record, after)
        )
        rows.append(
            {
                "family": case.family,
                "cut": case.rungs[-1],
                "target": case.target,
                "run": name,
                "percent": 100 * own["share_of_target"],
                "said": 100 * own["narrowing"],
                "narrowing": width_before - width_after,
                "gain": crps_before - crps_after,
                "width_before": width_before,
                "crps_before": crps_before,
            }
        )
    table = pd.DataFrame(rows)
    for name in ("narrowing", "gain"):
        table[f"{name}_per_percent"] = table[name] / table["percent"]
    print(table.round(3).to_string(index=False), flush=True)
    return table


def chosen(table: pd.DataFrame) -> pd.DataFrame:
    """What each way of choosing brought in one case, one row a way."""
    rows = {
        "advice": table.loc[(table["said"] / table["percent"]).idxmax(), list(MEASURES)],
        "said to narrow most": table.loc[table["said"].idxmax(), list(MEASURES)],
        "largest": table.loc[table["percent"].idxmax(), list(MEASURES)],
        "random": table[list(MEASURES)].mean(),
    }
    return pd.DataFrame(rows).T.astype(float).rename_axis("way").reset_index()


def summary(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Means of each way and the advice's paired differences, with standard errors clustered by target."""
    every = pd.concat([chosen(table).assign(case=place) for place, table in enumerate(tables)])
    targets = np.array([table["family"].iloc[0] + table["target"].iloc[0] for table in tables])
    wide = every.pivot_table(index="case", columns="way", values=list(MEASURES))
    rows = []
    for first, second in (
        ("advice", None),
        ("said to narrow most", None),
        ("largest", None),
        ("random", None),
        ("advice", "largest"),
        ("advice", "random"),
        ("said to narrow most", "largest"),
        ("said to narrow most", "random"),
    ):
        row: dict[str, object] = {"way": first if second is None else f"{first} less {second}"}
        for name in MEASURES:
            values = wide[name][first] - (0 if second is None else wide[name][second])
            found = clustered_mean(values.to_numpy(), targets)
            row[name] = f"{found.value:.2f} ({found.se:.2f})"
        rows.append(row)
    return pd.DataFrame(rows)


def main() -> None:
    """Judge every case and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", help="a set of cod_sets.py; micro: all seeds of the micro ladder")
    parser.add_argument("method", nargs="?", default="exponential+bootstrap")
    parser.add_argument("--data", type=Path, default=cod_sets.DATA)
    parser.add_argument("--most", type=int, default=200, help="cases at most, spread evenly")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    ladder = bc.read("microladder") if options.set == "micro" else cod_sets.load(options.set, options.data).ladder
    found = list(cases(ladder))
    found = [found[place] for place in np.unique(np.linspace(0, len(found) - 1, options.most).astype(int))]
    tables = [judged(ladder, case, options.method) for case in found]
    every = pd.concat(tables, ignore_index=True)
    within = every.assign(case=np.repeat(np.arange(len(tables)), [len(table) for table in tables]))
    agree = within.groupby("case")[["said", "narrowing"]].corr(method="spearman").iloc[0::2, 1].mean()
    print(f"\n{options.set}, {options.method}: {len(tables)} cases, {every['target'].nunique()} targets")
    print(
        f"said {every['said'].mean():.2f} and real {every['narrowing'].mean():.2f} points narrower on average, "
        f"of {every['width_before'].mean():.1f}; order of the candidates alike to {agree:.2f}"
    )
    print(summary(tables).to_string(index=False))


if __name__ == "__main__":
    main()
