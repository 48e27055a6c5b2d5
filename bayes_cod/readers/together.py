"""Chosen logs brought together: questions joined over models, scores, chance levels, and what does not agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.ladder.naming import some
from bayes_cod.readers.aggregate import LogRows, records
from bayes_cod.readers.choose import Chosen, Notes

_CLOSE = 5e-3


@dataclass(frozen=True)
class Together:
    """What the chosen logs come to.

    Attributes
    ----------
    items
        benchmark, question_id, model, n_trials, n_correct; None without questions.
    scores
        model, benchmark, score, n_questions [, bpb], is_final; None where items tell all.
    benchmarks
        benchmark, chance.
    """

    items: pd.DataFrame | None
    scores: pd.DataFrame | None
    benchmarks: pd.DataFrame


def bring_together(chosen: Sequence[Chosen], rows: LogRows, notes: Notes) -> Together:
    """Items, scores and benchmarks of what was chosen, with notes on what does not agree."""
    with_rows = [choice for choice in chosen if choice.log.has_rows]
    by_hash = _by_hash(with_rows, rows)
    rows.pick(
        pd.DataFrame(
            {
                "uid": [choice.log.uid for choice in with_rows],
                "metric": [choice.metric for choice in with_rows],
                "filter": [choice.filter for choice in with_rows],
                "model": [choice.log.model for choice in with_rows],
                "benchmark": [choice.benchmark for choice in with_rows],
                "sums": pd.Series([choice.log.sums for choice in with_rows], dtype=bool),
                "by_hash": pd.Series([by_hash[choice.benchmark] for choice in with_rows], dtype=bool),
            }
        ).astype({name: object for name in ("uid", "metric", "filter", "model", "benchmark")})
    )
    per_model, per_benchmark = rows.per_model(), rows.per_benchmark()
    _note_models(per_model, notes)
    _note_benchmarks(per_benchmark, by_hash, notes)
    _note_settings(chosen, notes)
    _note_stated(chosen, per_model, notes)
    for choice in chosen:
        for note in choice.log.notes:
            notes.add(note)
        if choice.filter in choice.log.filter_notes:
            notes.add(choice.log.filter_notes[choice.filter], f"{choice.log.model} on {choice.benchmark}")
    countable = set(per_model.groupby("benchmark")["halves"].all().loc[lambda halves: halves].index)
    items = rows.items()
    items = items[items["benchmark"].isin(countable)]
    counted = _counts(items, notes) if len(items) else None
    scores = _scores(chosen, per_model, countable, notes)
    chance = dict(zip(per_benchmark["benchmark"], per_benchmark["chance"], strict=True))
    names = sorted({choice.benchmark for choice in chosen})
    benchmarks = pd.DataFrame(
        {"benchmark": pd.Series(names, dtype=str), "chance": [float(chance.get(name, np.nan)) for name in names]}
    )
    return Together(counted, scores, benchmarks)


def _by_hash(chosen: Sequence[Chosen], rows: LogRows) -> dict[str, bool]:
    """Benchmarks whose questions are joined on the hash of their content: positions are no ids."""
    summary = rows.summary()
    hashed = summary.assign(all=summary["with_hash"] == summary["rows"]).groupby("log")["all"].all().to_dict()
    found: dict[str, bool] = {}
    positions: dict[str, bool] = {}
    for choice in chosen:
        found[choice.benchmark] = found.get(choice.benchmark, True) and hashed.get(choice.log.uid, False)
        positions[choice.benchmark] = positions.get(choice.benchmark, False) or choice.log.ids == "position"
    return {name: whole and positions[name] for name, whole in found.items()}


def _note_models(per_model: pd.DataFrame, notes: Notes) -> None:
    for row in records(per_model):
        name = f"{row.model} on {row.benchmark}"
        if row.unscored:
            notes.add(
                f"{row.unscored} of {row.questions} samples have no score; neither right nor wrong, left out", name
            )
        if row.copies:
            notes.add("questions are logged more than once; the last line of each counts", name)
        if 0 < row.losses < row.questions:
            notes.add(
                f"{row.questions - row.losses} of {row.questions} questions have no loss; no task loss is given", name
            )


def _note_benchmarks(per_benchmark: pd.DataFrame, by_hash: Mapping[str, bool], notes: Notes) -> None:
    for row in records(per_benchmark):
        name = str(row.benchmark)
        if row.models > 1 and row.shared < row.most:
            notes.add(
                f"models answered different questions: {row.shared} are shared by all {row.models} models, "
                f"{row.fewest} to {row.most} by each",
                name,
            )
        if row.contents and by_hash[name]:
            notes.add(f"{row.contents} ids stand for different questions in different logs; joined on content", name)
        elif row.contents:
            notes.add(
                f"{row.contents} ids have different contents in different logs; check that they are one question", name
            )
        if row.prompts:
            notes.add(f"the prompts of {row.prompts} shared questions differ between models", name)


def _note_settings(chosen: Sequence[Chosen], notes: Notes) -> None:
    by_benchmark: dict[str, dict[str, dict[str, list[str]]]] = {}
    for choice in chosen:
        for fact, value in (choice.log.facts | {"harness": choice.log.format}).items():
            values = by_benchmark.setdefault(choice.benchmark, {}).setdefault(fact, {})
            values.setdefault(value, []).append(choice.log.model)
    for benchmark, facts in by_benchmark.items():
        for fact, values in facts.items():
            if len(values) > 1:
                told = "; ".join(f"{value[:40]}: {some(sorted(set(own)))}" for value, own in list(values.items())[:4])
                notes.add(f"{fact} differs between models ({told}); scores may not be comparable", benchmark)


def _note_stated(chosen: Sequence[Chosen], per_model: pd.DataFrame, notes: Notes) -> None:
    """Note where the questions do not give the score that the log states."""
    counted = {(row.model, row.benchmark): row for row in records(per_model)}
    for choice in chosen:
        row = counted.get((choice.log.model, choice.benchmark))
        stated = [s.value for s in choice.log.scores if (s.metric, s.filter) == (choice.metric, choice.filter)]
        if row is None or not stated or row.scored == 0:
            continue
        if choice.filter in choice.log.rescored:
            notes.add(
                "every repeated answer counts; the score that the log states knows only the first", choice.benchmark
            )
            continue
        if abs(float(row.score) - stated[0]) > _CLOSE:
            notes.add(
                f"the log states {100 * stated[0]:.4g}, its {row.scored} scored questions give {100 * row.score:.4g}; "
                "the questions count",
                f"{choice.log.model} on {choice.benchmark}",
            )


def _counts(items: pd.DataFrame, notes: Notes) -> pd.DataFrame:
    """Counts of trials and passes; where a trial passed by half, both are doubled so that the pass rate stays exact."""
    total, trials = items["total"].to_numpy(dtype=float), items["n"].to_numpy(dtype=np.int64)
    half = total != np.round(total)
    for benchmark in sorted(set(items.loc[half, "benchmark"])):
        count = int((half & (items["benchmark"] == benchmark).to_numpy()).sum())
        notes.add(f"{count} answers passed by half; a half counts as 1 of 2 trials", str(benchmark))
    factor = np.where(half, 2, 1)
    return pd.DataFrame(
        {
            "benchmark": items["benchmark"].astype(str).to_numpy(),
            "question_id": items["question_id"].astype(str).to_numpy(),
            "model": items["model"].astype(str).to_numpy(),
            "n_trials": trials * factor,
            "n_correct": np.round(total * factor).astype(np.int64),
        }
    )


def _scores(
    chosen: Sequence[Chosen], per_model: pd.DataFrame, countable: set[str], notes: Notes
) -> pd.DataFrame | None:
    """Benchmarks without counts, and bits per byte where every question has them."""
    found = []
    for row in records(per_model):
        if row.scored and (row.benchmark not in countable or pd.notna(row.loss)):
            found.append((row.model, row.benchmark, row.score, row.scored, row.loss))
            if row.benchmark not in countable:
                notes.add(
                    "answers have fractional scores, no passes and fails; only the mean score is kept", row.benchmark
                )
    mixed: dict[str, list[str]] = {}
    for choice in chosen:
        if choice.log.has_rows:
            continue
        value = next(s.value for s in choice.log.scores if (s.metric, s.filter) == (choice.metric, choice.filter))
        found.append((choice.log.model, choice.benchmark, value, choice.log.n_questions, np.nan))
        if choice.benchmark in countable:
            mixed.setdefault(choice.benchmark, []).append(choice.log.model)
        else:
            notes.add("the logs hold no questions, only scores", choice.benchmark)
    for benchmark, own in mixed.items():
        notes.add(f"no questions of {some(own)}, only the score; not comparable question by question", benchmark)
    if not found:
        return None
    scores = pd.DataFrame(found, columns=["model", "benchmark", "score", "n_questions", "bpb"])
    scores = scores.astype({"model": str, "benchmark": str, "score": float, "n_questions": float, "bpb": float})
    scores["is_final"] = True
    return scores if scores["bpb"].notna().any() else scores.drop(columns="bpb")
