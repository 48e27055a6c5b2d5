"""The loss series of a ladder: the benchmarks' own losses, validation losses, or perplexity.

Each series is one log loss a checkpoint: the mean of the log losses of its parts (benchmarks or domains), so that a
part with a large loss counts no more than another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.published.loss_problems import TASK_LOSS_COLUMNS

PERPLEXITY = "ppl"


@dataclass(frozen=True)
class LossSeries:
    """One log loss of every run and checkpoint.

    Attributes
    ----------
    name
        "task", "validation" or "perplexity".
    description
        What it is the mean of.
    parts
        Benchmarks or domains that it is the mean of.
    final
        log_loss and se (of log loss; 0 where unknown), by model.
    along
        The same by (model, tokens); empty without checkpoints.
    """

    name: str
    description: str
    parts: tuple[str, ...]
    final: pd.DataFrame
    along: pd.DataFrame


def loss_series(ladder: Ladder) -> list[LossSeries]:
    """Every loss series that a ladder has: the task loss and the validation loss; perplexity only if neither is there.

    Raises
    ------
    InputError
        If there is none.
    """
    found = [series for name in ("task", "validation") if (series := _KINDS[name](ladder, None)) is not None]
    if not found:
        found = [series for series in (_perplexity(ladder, None),) if series is not None]
    if not found:
        raise InputError(
            f"the method 'bayes-flp' needs a losses table (model, domain, loss) or one of the columns "
            f"{', '.join((*TASK_LOSS_COLUMNS, PERPLEXITY))} in the scores table, which ladder '{ladder.name}' lacks; "
            "add one or choose a method that works on scores"
        )
    return found


def same_series(ladder: Ladder, as_in: Sequence[LossSeries]) -> list[LossSeries]:
    """The same means of the same parts for another ladder; none at all if it lacks a series."""
    found = [same for series in as_in if (same := _KINDS[series.name](ladder, series.parts)) is not None]
    return found if len(found) == len(as_in) else []


def _task(ladder: Ladder, parts: tuple[str, ...] | None) -> LossSeries | None:
    """Mean log task loss over the benchmarks that every final model has one of."""
    scores = ladder.scores
    column = None if scores is None else next((name for name in TASK_LOSS_COLUMNS if name in scores), None)
    if scores is None or column is None:
        return None
    usable = scores[scores[column].notna() & (scores[column] > 0)]
    if usable.empty:
        return None
    return _mean(usable, "benchmark", np.log(usable[column]), None, "task", f"{column} of {{}} benchmarks", parts)


def _validation(ladder: Ladder, parts: tuple[str, ...] | None) -> LossSeries | None:
    losses = ladder.losses
    if losses is None or losses.empty:
        return None
    usable = losses[losses["loss"].notna() & (losses["loss"] > 0)]
    se = usable["se"] / usable["loss"] if "se" in usable else None
    return _mean(usable, "domain", np.log(usable["loss"]), se, "validation", "{} domains", parts)


def _perplexity(ladder: Ladder, parts: tuple[str, ...] | None) -> LossSeries | None:
    """Log perplexity stands in for the loss."""
    scores = ladder.scores
    if scores is None or PERPLEXITY not in scores:
        return None
    usable = scores[scores[PERPLEXITY].notna() & (scores[PERPLEXITY] > 1)]
    if usable.empty:
        return None
    log_loss = np.log(np.log(usable[PERPLEXITY]))
    return _mean(usable, "benchmark", log_loss, None, "perplexity", "that of {} benchmarks", parts)


_KINDS: dict[str, Callable[[Ladder, tuple[str, ...] | None], LossSeries | None]] = {
    "task": _task,
    "validation": _validation,
    "perplexity": _perplexity,
}


def _mean(
    rows: pd.DataFrame,
    part: str,
    log_loss: pd.Series,
    se: pd.Series | None,
    name: str,
    description: str,
    parts: tuple[str, ...] | None,
) -> LossSeries | None:
    """Mean over the parts that all final models have, or over those given; rows that lack one are left out."""
    table = rows.assign(log_loss=log_loss, variance=0.0 if se is None else se.fillna(0.0) ** 2)
    final = table[table["is_final"]]
    counts = final.groupby(part, observed=True)["model"].nunique()
    complete = [str(value) for value in counts.index[counts == final["model"].nunique()]] if parts is None else parts
    if not complete:
        return None
    final = _reduced(final[final[part].isin(complete)], part, ["model"], len(complete))
    along = table[~table["is_final"] & table[part].isin(complete)]
    if "tokens" not in along:
        along = along.assign(tokens=np.nan)
    along = _reduced(along, part, ["model", "tokens"], len(complete))
    return LossSeries(name, description.format(len(complete)), tuple(complete), final, along)


def _reduced(rows: pd.DataFrame, part: str, keys: list[str], n_parts: int) -> pd.DataFrame:
    one = rows.groupby([*keys, part], observed=True)[["log_loss", "variance"]].mean()
    grouped = one.groupby(keys)
    mean = grouped["log_loss"].mean()
    result = pd.DataFrame({"log_loss": mean, "se": np.sqrt(grouped["variance"].sum()) / n_parts})
    return result[grouped.size() == n_parts]
