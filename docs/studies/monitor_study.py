"""How the monitor does on runs whose end is known: the micro ladder's larger models, and public loss curves.

``python docs/studies/monitor_study.py scores [METHOD]``: forecasts of each larger micro model from the rungs up to a
cut, watched along its checkpoints; false alarms, and CRPS of the end before training and from half-way on.
``python docs/studies/monitor_study.py losses FILE``: alarms on the runs of a table of losses (column run).
``python docs/studies/monitor_study.py damaged TABLE [METHOD]``: alarms on healthy and damaged runs of one width, from
the table of `damaged_runs.py`, beside forecasts from the micro ladder's rungs up to `DAMAGED_CUT`.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd

import bayes_cod as bc
from bayes_cod.decisions.basis import basis_of
from bayes_cod.monitor.observed import Observed, read_observed
from bayes_cod.monitor.watching import watch_run
from bayes_cod.scoring.proper import crps

SEEDS = ("s0", "s1", "s2")
DAMAGED_CUT = 24
CASES = (("w60", "w72"), ("w72", "w88"), ("w88", "w104"), ("w88", "w128"))


def observed_of(model: str, whole: bc.Ladder, share: float) -> Observed:
    """Scores of a run's checkpoints up to a share of its tokens."""
    rows = whole.scores[whole.scores["model"] == model]
    rows = rows[rows["tokens"] <= share * rows["tokens"].max() * (1 + 1e-9)].sort_values("tokens", ignore_index=True)
    table = rows[["tokens", "benchmark", "score", "n_questions", "n_trials"]].astype({"benchmark": str})
    return Observed(table.assign(lr=np.nan), pd.DataFrame({"tokens": [], "series": [], "loss": [], "lr": []}))


def scores(method: str) -> None:
    """Print one line a case and the means."""
    whole = bc.read("microladder:checkpoints")
    ladder = bc.read("microladder")
    rows = []
    for cut, target in CASES:
        for seed in SEEDS:
            name = f"{target}-{seed}"
            if not {name, f"{cut}-{seed}"} <= set(ladder.models["model"]):
                continue
            made = bc.forecast(ladder, family=f"micro-{seed}", target=name, cut=f"{cut}-{seed}", method=method)
            basis = basis_of(made)
            truth = np.array([ladder.truth(name, benchmark) for benchmark in basis.benchmarks])
            before = crps(basis.curves.target, truth)
            row: dict[str, object] = {"cut": cut, "target": name, "crps_before": before.mean()}
            for share, label in ((0.5, "half"), (0.75, "most"), (1.0, "all")):
                seen = watch_run(observed_of(name, whole, share), made)
                assert seen.draws is not None
                end = seen.end.set_index("series").loc[basis.benchmarks]
                row |= {
                    f"alarm_{label}": seen.alarm is not None,
                    f"crps_{label}": crps(seen.draws, truth).mean(),
                    f"held_{label}": ((end["low90"] <= truth) & (truth <= end["high90"])).mean(),
                    f"error_{label}": (end["median"] - truth).abs().mean(),
                    f"moved_{label}": (end["how"] == "moved").mean(),
                    f"width_{label}": (end["high90"] - end["low90"]).mean(),
                    f"residual_{label}": seen.points["residual"].std(),
                }
            row["error_before"] = np.abs(np.median(basis.curves.target, axis=0) - truth).mean()
            row["width_before"] = basis.curves.width.mean()
            rows.append(row)
            print(
                {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True
            )
    table = pd.DataFrame(rows)
    print(table.drop(columns=["cut", "target"]).mean().round(3).to_string())


def damaged(file: str, method: str) -> None:
    """Print one line a run, with scores and losses, losses alone and scores alone, and counts of alarms."""
    table = pd.read_parquet(file)
    planned = bc.read("microladder").target("w32-s0")
    forecasts = [
        bc.forecast(
            "microladder",
            family=f"micro-{seed}",
            flops=planned.flops,
            params=planned.params,
            tokens=planned.tokens,
            cut=f"w{DAMAGED_CUT}-{seed}",
            method=method,
        )
        for seed in SEEDS
    ]
    rows = []
    for place, (run, of_run) in enumerate(table.groupby("run", sort=False)):
        made = forecasts[place // 2 % len(SEEDS)]  # a healthy run and the damaged one after it have the same
        observed = read_observed(file, run=str(run))
        begins, total = float(of_run["begins"].iloc[0]), float(of_run["total"].iloc[0])
        row = {"run": run, "damage": of_run["damage"].iloc[0], "begins": begins, "due": begins + (1 - begins) / 2}
        parts = {
            "both": observed,
            "losses": replace(observed, scores=observed.scores.iloc[:0]),
            "scores": replace(observed, losses=observed.losses.iloc[:0]),
        }
        for name, part in parts.items():
            seen = watch_run(part, made)
            row[name] = np.nan if seen.alarm is None else seen.alarm / total
            row[f"p_{name}"] = seen.p_value
        rows.append(row)
        print({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    every = pd.DataFrame(rows)
    for name in ("both", "losses", "scores"):
        sound = every["damage"] == ""
        early = (every[name] < every["begins"]).sum()
        in_time = (every[name].between(every["begins"], every["due"]) & ~sound).sum()
        print(
            f"{name}: alarms in {every.loc[sound, name].notna().sum()} of {sound.sum()} healthy runs, in {early} "
            f"before the damage, in {in_time} of {(~sound).sum()} damaged runs before half of what was left"
        )


def losses(file: str) -> None:
    """Print one line a run and series."""
    for run in pd.read_csv(file)["run"].unique():
        observed = read_observed(file, run=run)
        for name, part in observed.losses.groupby("series"):
            if len(part) < 40:
                continue
            seen = watch_run(replace(observed, losses=part), schedule="constant")
            print(
                run, name, len(part), "alarm at", seen.alarm, "since", seen.since, f"p = {seen.p_value:.3g}", flush=True
            )


if __name__ == "__main__":
    DEFAULT = ["exponential+bootstrap"]
    if sys.argv[1] == "losses":
        losses(sys.argv[2])
    elif sys.argv[1] == "damaged":
        damaged(sys.argv[2], *(sys.argv[3:] or DEFAULT))
    else:
        scores(*(sys.argv[2:] or DEFAULT))
