"""What a ladder holds and what can be forecast from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.ladder import SETTING, Ladder
from bayes_cod.ladder.request import FEWEST_RUNGS

NEAR_CHANCE = 0.02


@dataclass(frozen=True)
class Inspection:
    """What `inspect_ladder` found.

    Attributes
    ----------
    tables
        table, rows, what.
    families
        family, models, rungs, smallest, largest (FLOPs of rungs), targets (larger models with compute, without
        results), forecast (whether there are enough rungs).
    benchmarks
        benchmark, setting, questions, models, trials_low, trials_high (per question), chance, lowest, highest
        (scores as fractions).
    notes
        What the reader decided.
    problems
        What limits or endangers a forecast.
    """

    tables: pd.DataFrame
    families: pd.DataFrame
    benchmarks: pd.DataFrame
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def inspect_ladder(ladder: Ladder) -> Inspection:
    """Look at a ladder as the command `check` does."""
    families = _families(ladder)
    benchmarks = _benchmarks(ladder)
    return Inspection(
        tables=_tables(ladder),
        families=families,
        benchmarks=benchmarks,
        notes=ladder.notes,
        problems=tuple(_problems(ladder, families, benchmarks)),
    )


def _tables(ladder: Ladder) -> pd.DataFrame:
    known = int(ladder.models["flops"].notna().sum())
    rows: list[tuple[str, int, str]] = [
        ("models", len(ladder.models), f"{len(ladder.families)} families, compute known for {known}")
    ]
    for name, frame in (("items", ladder.items), ("scores", ladder.scores)):
        if frame is not None:
            rows.append(
                (name, len(frame), f"{frame['benchmark'].nunique()} benchmarks, {frame['model'].nunique()} models")
            )
    for name, frame in (("losses", ladder.losses), ("mixtures", ladder.mixtures)):
        if frame is not None:
            rows.append((name, len(frame), f"{frame['domain'].nunique()} domains, {frame['model'].nunique()} models"))
    if ladder.questions is not None:
        rows.append(("questions", len(ladder.questions), f"{ladder.questions['benchmark'].nunique()} benchmarks"))
    return pd.DataFrame(rows, columns=["table", "rows", "what"])


def _families(ladder: Ladder) -> pd.DataFrame:
    rungs = ladder.rungs()
    rows = []
    for family in ladder.families:
        own = rungs[rungs["family"] == family]
        last = float(own["flops"].max()) if len(own) else np.nan
        larger = [] if not len(own) else ladder.larger_models(family, last)
        rows.append(
            {
                "family": family,
                "models": int((ladder.models["family"] == family).sum()),
                "rungs": len(own),
                "smallest": float(own["flops"].min()) if len(own) else np.nan,
                "largest": last,
                "targets": ", ".join(target.name for target in larger),
                "forecast": len(own) >= FEWEST_RUNGS,
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(["rungs", "family"], ascending=[False, True], ignore_index=True)


def _benchmarks(ladder: Ladder) -> pd.DataFrame:
    scores = ladder.observed_scores
    rows = []
    for name, own in scores.groupby("benchmark", sort=True, observed=True):
        base, _, setting = str(name).partition(SETTING)
        low, high = _trials(ladder, str(name))
        sizes = own["n_questions"].max()
        rows.append(
            {
                "benchmark": base,
                "setting": setting,
                "questions": None if pd.isna(sizes) else int(sizes),
                "models": int(own["model"].nunique()),
                "trials_low": low,
                "trials_high": high,
                "chance": ladder.chance(str(name)),
                "lowest": float(own["score"].min()),
                "highest": float(own["score"].max()),
            }
        )
    columns = ["benchmark", "setting", "questions", "models", "trials_low", "trials_high", "chance"]
    return pd.DataFrame(rows, columns=[*columns, "lowest", "highest"])


def _trials(ladder: Ladder, benchmark: str) -> tuple[int | None, int | None]:
    if ladder.items is None:
        return None, None
    trials = ladder.items.loc[ladder.items["benchmark"] == benchmark, "n_trials"]
    return int(trials.min()), int(trials.max())


def _problems(ladder: Ladder, families: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
    found = []
    undisclosed = ladder.models[ladder.models["model"].isin(ladder.evaluated) & ladder.models["flops"].isna()]
    if len(undisclosed):
        found.append(
            f"{len(undisclosed)} models with results have no compute and serve in no ladder "
            f"({_some(list(undisclosed['model']))}); add their flops, or params and tokens"
        )
    if not families["forecast"].any():
        found.append(f"no family has {FEWEST_RUNGS} models with results and known compute; nothing can be forecast")
    if benchmarks.empty:
        found.append("no benchmark results (items or scores); only losses can be studied")
        return found
    unknown = benchmarks[benchmarks["chance"].isna()]
    if len(unknown):
        found.append(f"{len(unknown)} benchmarks have no chance level; it is estimated ({_some(_full(unknown))})")
    flat = benchmarks[benchmarks["highest"] <= benchmarks["chance"] + NEAR_CHANCE]
    if len(flat):
        found.append(f"{len(flat)} benchmarks never rise {NEAR_CHANCE:.0%} above chance ({_some(_full(flat))})")
    single = benchmarks[benchmarks["trials_high"] == 1]
    if len(single):
        found.append(
            f"{len(single)} benchmarks have one trial a question, so difficulty is seen coarsely "
            f"({_some(_full(single))})"
        )
    return found


def _full(rows: pd.DataFrame) -> list[str]:
    names = rows["benchmark"].str.cat(rows["setting"].where(rows["setting"] == "", SETTING + rows["setting"]))
    return [str(name) for name in names]


def _some(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
