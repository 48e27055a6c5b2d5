"""Questions that rungs share: scores are compared on the questions that every rung of a family answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from bayes_cod.ladder.ladder import Ladder
from bayes_cod.ladder.naming import alike, some


@dataclass(frozen=True)
class Incomplete:
    """A benchmark of which some models of a family answered only part.

    Attributes
    ----------
    family, benchmark
        Where.
    questions
        Ids that all the models answered.
    n_questions
        How many at least one of them answered.
    answered
        Model → how many it answered.
    alike
        An example of two ids that look alike, where no question is shared; "" elsewhere.
    """

    family: str
    benchmark: str
    questions: frozenset[str]
    n_questions: int
    answered: Mapping[str, int]
    alike: str = ""

    def __str__(self) -> str:
        few = [f"{name} answered {count}" for name, count in self.answered.items() if count < self.n_questions]
        shown = some(few)
        if not self.questions:
            hint = f"; the ids {self.alike} look alike, so write them in one way" if self.alike else ""
            return f"{self.benchmark}: no question was answered by every rung ({shown}){hint}"
        return (
            f"{self.benchmark}: {len(self.questions)} of {self.n_questions} questions were answered by every rung "
            f"({shown}); scores and forecasts of it are those on these {len(self.questions)} questions"
        )


def incomplete(ladder: Ladder, models: Collection[str] | None = None) -> list[Incomplete]:
    """Benchmarks of which not every rung of a family answered every question.

    Parameters
    ----------
    ladder
        With items; without, there is none.
    models
        Those compared. Left out: all rungs. Within each family, those with results on a benchmark are compared on it.

    Returns
    -------
    list of Incomplete
        By family and benchmark.
    """
    if ladder.items is None:
        return []
    compared = set(ladder.rungs()["model"] if models is None else models)
    items = ladder.final_items
    items = items[items["model"].isin(compared)]
    if items.empty:
        return []
    family = items["model"].map(ladder.models.set_index("model")["family"])
    rows = pd.DataFrame(
        {
            "family": family.to_numpy(),
            "benchmark": items["benchmark"].to_numpy(),
            "question_id": items["question_id"].to_numpy(),
            "model": items["model"].to_numpy(),
        }
    )
    found = []
    for (own, name), group in rows.groupby(["family", "benchmark"], sort=True, observed=True):
        answered = group["model"].value_counts(sort=False)
        n_questions = group["question_id"].nunique()
        if (answered == n_questions).all():
            continue
        times = group["question_id"].value_counts(sort=False)
        shared = frozenset(str(question) for question in times.index[times == len(answered)])
        pairs = alike(sorted({str(question) for question in times.index})) if not shared else []
        example = " and ".join(f"'{question}'" for question in pairs[0][:2]) if pairs else ""
        counts = {str(model): int(count) for model, count in answered.items()}
        found.append(Incomplete(str(own), str(name), shared, int(n_questions), counts, example))
    return found


def on_shared_questions(ladder: Ladder, cases: Sequence[Incomplete]) -> Ladder:
    """Keep of each incomplete benchmark the questions that its family's rungs share, for all models of the family."""
    if not cases or ladder.items is None:
        return ladder
    items = ladder.items
    family = items["model"].map(ladder.models.set_index("model")["family"])
    keep = np.ones(len(items), dtype=bool)
    for case in cases:
        own = ((family == case.family) & (items["benchmark"] == case.benchmark)).to_numpy()
        keep &= ~own | items["question_id"].isin(case.questions).to_numpy()
    return replace(ladder, items=items[keep].reset_index(drop=True))


def comparable(ladder: Ladder) -> Ladder:
    """A ladder whose families are each scored on the questions that all their rungs answered, with notes."""
    cases = incomplete(ladder)
    if not cases:
        return ladder
    notes = tuple(f"{case.family}: {case}" for case in cases)
    return replace(on_shared_questions(ladder, cases), notes=(*ladder.notes, *notes))


def without_partial(source: Ladder, models: Collection[str], asked: Ladder) -> tuple[Ladder, tuple[str, ...]]:
    """Take out results of models that answered only part of the questions that a forecast is about.

    Parameters
    ----------
    source
        Holds their results.
    models
        Targets, whose scores would be compared with the forecast.
    asked
        What the forecast is made from; the questions of its rungs are those that count.

    Returns
    -------
    tuple
        The source without them, and a note for each.
    """
    if source.items is None or asked.items is None or not len(source.items):
        return source, ()
    whole = asked.final_items.groupby("benchmark", observed=True)["question_id"].nunique()
    own = source.final_items[source.final_items["model"].isin(list(models))]
    answered = own.groupby(["model", "benchmark"], observed=True)["question_id"].nunique()
    drop = np.zeros(len(source.items), dtype=bool)
    notes = []
    for row in answered.reset_index(name="n").to_dict("records"):
        model, benchmark, count = str(row["model"]), str(row["benchmark"]), int(row["n"])
        if benchmark in whole.index and count < whole[benchmark]:
            drop |= ((source.items["model"] == model) & (source.items["benchmark"] == benchmark)).to_numpy()
            notes.append(
                f"{model} answered {count} of the {whole[benchmark]} questions of {benchmark}; its score is not shown"
            )
    return (replace(source, items=source.items[~drop].reset_index(drop=True)) if notes else source), tuple(notes)
