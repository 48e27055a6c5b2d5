"""What a ladder holds, what each file gave, what can be forecast from it and what looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from bayes_cod.ladder import SETTING, Ladder
from bayes_cod.ladder.naming import some
from bayes_cod.ladder.request import FEWEST_RUNGS
from bayes_cod.ladder.shared import comparable
from bayes_cod.ladder.warnings import ladder_warnings, targets_without_compute

NEAR_CHANCE = 0.02
SINGLE_TRIAL = 1


@dataclass(frozen=True)
class Inspection:
    """What `inspect_ladder` found.

    Attributes
    ----------
    files
        file, table ("–" where it was not read), rows, remark; empty for a ladder that was not read from files.
    tables
        table, rows, what.
    families
        family, models, rungs, smallest, largest (FLOPs of rungs), targets (larger models with compute, without
        results), forecast (whether there are enough rungs).
    benchmarks
        benchmark, setting, questions, models, trials_low, trials_high (per question), chance, lowest, highest
        (scores as fractions).
    pairs
        benchmark, first, second, shared, only_first, only_second: questions of each pair of rungs of one family that
        did not answer the same ones.
    notes
        What the reader decided.
    problems
        What limits or endangers a forecast.
    """

    files: pd.DataFrame
    tables: pd.DataFrame
    families: pd.DataFrame
    benchmarks: pd.DataFrame
    pairs: pd.DataFrame
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def inspect_ladder(ladder: Ladder) -> Inspection:
    """Look at a ladder as the command `check` does."""
    scores = comparable(ladder).observed_scores
    families = _families(ladder, scores)
    benchmarks = _benchmarks(ladder, scores)
    columns = ["file", "table", "rows", "remark"]
    return Inspection(
        files=pd.DataFrame(columns=columns) if ladder.sources is None else ladder.sources[columns],
        tables=_tables(ladder),
        families=families,
        benchmarks=benchmarks,
        pairs=shared_by_pairs(ladder),
        notes=tuple(note for note in ladder.notes if ": not read (" not in note),
        problems=tuple([*ladder_warnings(ladder), *_problems(ladder, families, benchmarks)]),
    )


def _tables(ladder: Ladder) -> pd.DataFrame:
    known = int(ladder.models["flops"].notna().sum())
    rows: list[tuple[str, int, str]] = [
        ("models", len(ladder.models), f"{_many(len(ladder.families), 'family')}, compute known for {known}")
    ]
    for name, frame in (("items", ladder.items), ("scores", ladder.scores)):
        if frame is not None:
            benchmarks, models = frame["benchmark"].nunique(), frame["model"].nunique()
            rows.append((name, len(frame), f"{_many(benchmarks, 'benchmark')}, {_many(models, 'model')}"))
    for name, frame in (("losses", ladder.losses), ("mixtures", ladder.mixtures)):
        if frame is not None:
            domains, models = frame["domain"].nunique(), frame["model"].nunique()
            rows.append((name, len(frame), f"{_many(domains, 'domain')}, {_many(models, 'model')}"))
    if ladder.questions is not None:
        many = _many(ladder.questions["benchmark"].nunique(), "benchmark")
        rows.append(("questions", len(ladder.questions), many))
    return pd.DataFrame(rows, columns=["table", "rows", "what"])


def _many(count: int, noun: str) -> str:
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + "s"
    return f"{count} {noun if count == 1 else plural}"


def _families(ladder: Ladder, scores: pd.DataFrame) -> pd.DataFrame:
    rungs = ladder.rungs()
    names = set(scores["model"])
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
                "forecast": own["flops"].nunique() >= FEWEST_RUNGS
                and (not ladder.benchmark_names or own["model"].isin(names).sum() >= FEWEST_RUNGS),
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(["rungs", "family"], ascending=[False, True], ignore_index=True)


def _benchmarks(ladder: Ladder, scores: pd.DataFrame) -> pd.DataFrame:
    """Counts of all that was read; scores on the questions that rungs share."""
    questions, trials = _questions(ladder)
    models = ladder.observed_scores.groupby("benchmark", observed=True)["model"].nunique()
    by_name = {str(name): own for name, own in scores.groupby("benchmark", observed=True)}
    rows = []
    for name in ladder.benchmark_names:
        base, _, setting = name.partition(SETTING)
        own = by_name.get(name, scores.iloc[:0])
        sizes = own["n_questions"].max()
        low, high = trials.get(name, (None, None))
        rows.append(
            {
                "benchmark": base,
                "setting": setting,
                "questions": questions.get(name, None if pd.isna(sizes) else int(sizes)),
                "models": int(models.get(name, 0)),
                "trials_low": low,
                "trials_high": high,
                "chance": ladder.chance(name),
                "lowest": float(own["score"].min()),
                "highest": float(own["score"].max()),
            }
        )
    columns = ["benchmark", "setting", "questions", "models", "trials_low", "trials_high", "chance"]
    return pd.DataFrame(rows, columns=[*columns, "lowest", "highest"])


def _questions(ladder: Ladder) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """Questions of every benchmark, and the fewest and most trials of one."""
    if ladder.items is None:
        return {}, {}
    grouped = ladder.final_items.groupby("benchmark", observed=True)
    table = grouped.agg(n=("question_id", "nunique"), low=("n_trials", "min"), high=("n_trials", "max"))
    names = [str(name) for name in table.index]
    spans = zip(table["low"].astype(int), table["high"].astype(int), strict=True)
    return dict(zip(names, table["n"].astype(int), strict=True)), dict(zip(names, spans, strict=True))


def shared_by_pairs(ladder: Ladder) -> pd.DataFrame:
    """Questions that each pair of rungs of one family shares, where the two did not answer the same ones.

    Returns
    -------
    pandas.DataFrame
        benchmark, first, second, shared, only_first, only_second.
    """
    columns = ["benchmark", "first", "second", "shared", "only_first", "only_second"]
    rows: list[tuple[str, str, str, int, int, int]] = []
    if ladder.items is None:
        return pd.DataFrame(rows, columns=columns)
    rungs = ladder.rungs()
    for benchmark, items in ladder.items_by_benchmark.items():
        sizes = items["model"].value_counts()
        if (sizes == items["question_id"].nunique()).all():
            continue
        sets = {str(name): frozenset(own) for name, own in items.groupby("model", observed=True)["question_id"]}
        for _, own in rungs.groupby("family", sort=False):
            names = [str(name) for name in own["model"] if str(name) in sets]
            for first, second in combinations(names, 2):
                one, two = sets[first], sets[second]
                if one != two:
                    rows.append((benchmark, first, second, len(one & two), len(one - two), len(two - one)))
    return pd.DataFrame(rows, columns=columns)


def _problems(ladder: Ladder, families: pd.DataFrame, benchmarks: pd.DataFrame) -> list[str]:
    found = []
    undisclosed = ladder.models[ladder.models["model"].isin(ladder.evaluated) & ladder.models["flops"].isna()]
    if len(undisclosed):
        found.append(
            f"{len(undisclosed)} models with results have no compute and serve in no ladder "
            f"({some(list(undisclosed['model']))}); add their flops, or params and tokens"
        )
    blank = targets_without_compute(ladder)
    if blank:
        found.append(
            f"{some(blank)}: no compute, so no target by name; fill in flops, or params and tokens, or give the "
            "compute with the forecast"
        )
    sizeless = _targets_without_size(ladder)
    if sizeless:
        found.append(f"{some(sizeless)}: no params and tokens, so methods that use both can't forecast it by name")
    if not families["forecast"].any():
        found.append(
            f"no family has {FEWEST_RUNGS} models with results to compare and known compute; nothing can be forecast"
        )
    if benchmarks.empty:
        found.append("no benchmark results (items or scores); only losses can be studied")
        return found
    unknown = benchmarks[benchmarks["chance"].isna()]
    if len(unknown):
        have = "has" if len(unknown) == 1 else "have"
        many = _many(len(unknown), "benchmark")
        found.append(f"{many} {have} no chance level; it is estimated ({some(_full(unknown))})")
    flat = benchmarks[benchmarks["highest"] <= benchmarks["chance"] + NEAR_CHANCE]
    if len(flat):
        found.append(f"{len(flat)} benchmarks never rise {NEAR_CHANCE:.0%} above chance ({some(_full(flat))})")
    single = benchmarks[benchmarks["trials_high"] == SINGLE_TRIAL]
    if len(single):
        found.append(
            f"{len(single)} benchmarks have one trial a question, so difficulty is seen coarsely "
            f"({some(_full(single))})"
        )
    return found


def _targets_without_size(ladder: Ladder) -> list[str]:
    """Listed larger models of which size or tokens are unknown, where the rungs have both."""
    rungs = ladder.rungs()
    found = []
    for family in ladder.families:
        own = rungs[rungs["family"] == family]
        if len(own) and own[["params", "tokens"]].notna().all(axis=None):
            larger = ladder.larger_models(family, float(own["flops"].max()))
            found += [target.name for target in larger if target.params is None or target.tokens is None]
    return found


def _full(rows: pd.DataFrame) -> list[str]:
    names = rows["benchmark"].str.cat(rows["setting"].where(rows["setting"] == "", SETTING + rows["setting"]))
    return [str(name) for name in names]
