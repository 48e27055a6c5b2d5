"""Several results of one model and benchmark told apart: metrics, filters and shots, checkpoints, the final one."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some

VARIANTS = ("metric", "filter", "shots")
_FINAL = frozenset({"final", "main", "last", "end"})


def name_variants(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Results by several metrics, filters or numbers of shots become benchmarks of their own, never a mean.

    Parameters
    ----------
    frame
        Scores or items of all files, with any of the columns `VARIANTS`.

    Returns
    -------
    tuple
        The frame with benchmarks named ``task@metric``, ``task@5shot`` or ``task@metric,filter`` where there are
        several, and notes.
    """
    present = [name for name in VARIANTS if name in frame]
    if not present:
        return frame, []
    base = frame["benchmark"].astype(str)
    suffix = pd.Series("", index=frame.index, dtype=object)
    notes = []
    for name in present:
        several = base.map(frame.groupby(base)[name].nunique().gt(1)).astype(bool)
        several &= frame[name].notna()
        if not several.any():
            continue
        text = _shown(frame[name]) + ("shot" if name == "shots" else "")
        suffix = suffix.where(~several, suffix + np.where(suffix == "", "", ",") + text)
        notes.append(_described(name, sorted(set(text[several]))))
    if not notes:
        return frame, []
    joint = np.where(base.str.contains("@", regex=False), ",", "@")
    return frame.assign(benchmark=base.where(suffix == "", base + joint + suffix)), notes


def _shown(values: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values):
        return values.map({value: f"{value:g}" for value in values.dropna().unique()}).astype(object)
    return values.astype(object).where(values.notna(), "").astype(str)


def _described(name: str, found: Sequence[str]) -> str:
    if name == "shots":
        return "tasks run with several numbers of shots are separate benchmarks, named task@<n>shot"
    return f"tasks scored by several {name}s are separate benchmarks, named task@<{name}>: {some(found, 6)}"


def mark_final(frame: pd.DataFrame, what: str) -> tuple[pd.DataFrame, list[str]]:
    """Mark the final checkpoint of every model: the one with most tokens, else the last step.

    Parameters
    ----------
    frame
        Scores or losses, with any of is_final, tokens, step, checkpoint.
    what
        Column that with the model names a result: benchmark or domain.

    Returns
    -------
    tuple
        The frame with `is_final` for all rows, and notes. A result for which nothing tells a checkpoint is final.

    Raises
    ------
    InputError
        If a model has several named checkpoints and nothing tells their order.
    """
    order = _order(frame)
    last = order.groupby(frame["model"]).transform("max")
    alone = order.isna() & order.groupby([frame["model"], frame[what]]).transform("count").eq(0)
    computed = (order == last) | alone
    given = frame["is_final"].notna() if "is_final" in frame else pd.Series(False, index=frame.index)
    if given.any():
        computed = computed.where(~given, frame["is_final"].where(given, False).astype(bool))
    marked = frame.assign(is_final=computed.astype(bool))
    return marked, _early(marked[~given], what)


def _order(frame: pd.DataFrame) -> pd.Series:
    """What orders the checkpoints of a model: tokens where all its rows with an order have them, else steps."""
    nothing = pd.Series(np.nan, index=frame.index)
    tokens = frame["tokens"].astype(float) if "tokens" in frame else nothing
    steps = frame["step"].astype(float) if "step" in frame else nothing
    if "checkpoint" in frame:
        by_name = {name: _step_in(name) for name in frame["checkpoint"].dropna().unique()}
        steps = steps.fillna(frame["checkpoint"].map(by_name).astype(float))
        _refuse_unordered(frame, tokens, steps)
    without = tokens.isna() & steps.notna()
    constant = tokens.groupby(frame["model"]).transform("nunique").le(1) & steps.groupby(frame["model"]).transform(
        "nunique"
    ).gt(1)  # tokens that are the model's own and say nothing about its checkpoints
    by_steps = without.groupby(frame["model"]).transform("any") | constant
    return tokens.where(~by_steps, steps)


def _step_in(name: object) -> float:
    """The step that a checkpoint's name tells: 13000 of ``step13000``; infinite for ``final`` or ``main``."""
    text = str(name).strip().casefold()
    if text in _FINAL:
        return np.inf
    found = re.fullmatch(r"(?:[a-z_\-]*[^0-9a-z]*)?([0-9]{1,15})([kmb]?)", text)
    if found is None:
        return np.nan
    return float(found[1]) * {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}[found[2]]


def _refuse_unordered(frame: pd.DataFrame, tokens: pd.Series, steps: pd.Series) -> None:
    """Named checkpoints need an order, or they would be mixed."""
    named = frame["checkpoint"].notna()
    if "is_final" in frame:
        named &= frame["is_final"].isna()
    unclear = named & tokens.isna() & steps.isna()
    several = frame["checkpoint"].where(named).groupby(frame["model"]).transform("nunique").gt(1)
    if (unclear & several).any():
        row = frame[unclear & several].iloc[0]
        names = frame.loc[(frame["model"] == row["model"]) & named, "checkpoint"].unique()
        raise InputError(
            f"model '{row['model']}' has results of several checkpoints ({', '.join(map(str, names[:4]))}) and nothing "
            "tells which is final; add a column step, tokens or is_final",
            column="checkpoint",
        )


def _early(marked: pd.DataFrame, what: str) -> list[str]:
    """Results that stop before their model's last checkpoint."""
    have = marked.groupby(["model", what])["is_final"].any()
    lost = have[~have]
    if lost.empty:
        return []
    cases = [f"{model} on {name}" for model, name in lost.index]
    return [f"no result at the model's last checkpoint, so none is used: {some(cases, 3)}"]


def final_items(items: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Items of which those of the final checkpoint have no `checkpoint`, and all others have one.

    Raises
    ------
    InputError
        If a model has several named checkpoints and nothing tells their order.
    """
    if not {"checkpoint", "step", "tokens"} & set(items.columns):
        return items, []
    names = items["checkpoint"].astype(object) if "checkpoint" in items else pd.Series(None, index=items.index)
    model = items["model"]
    if names.isna().groupby(model).transform("any").all() and not _varies(items):
        return items, []  # every model's final rows tell themselves apart, or there is but one checkpoint
    keyed = items.assign(checkpoint=names)
    order = _order(keyed)
    spread = order.groupby(model).transform("nunique").gt(1)
    if not spread.any():
        return items, []
    final = order == order.groupby(model).transform("max")
    own = names.isna() & names.notna().groupby(model).transform("any")  # rows that say themselves that they are final
    said = own.groupby(model).transform("any")
    final = final.where(~said, own) | ~spread
    shown = names.where(names.notna(), "step " + _shown(order).astype(object))
    marked = items.assign(checkpoint=shown.where(~final | ~spread & names.notna(), None))
    decided = (spread & ~said).groupby(model).any()
    if not decided.any():
        return marked, []  # the rows said themselves which are final
    return marked, [f"{int(decided.sum())} models have items of several checkpoints; the last one's are their scores"]


def _varies(items: pd.DataFrame) -> bool:
    columns = [name for name in ("step", "tokens") if name in items]
    return any(items.groupby("model")[name].nunique().gt(1).any() for name in columns)


def refuse_several(scores: pd.DataFrame) -> None:
    """Refuse a model with two final scores of one benchmark: they are never averaged.

    Raises
    ------
    InputError
        With the columns in which they differ.
    """
    final = scores[scores["is_final"]]
    again = final.duplicated(["model", "benchmark"])
    if not again.any():
        return
    case = final[again].iloc[0]
    rows = final[(final["model"] == case["model"]) & (final["benchmark"] == case["benchmark"])]
    facts = [name for name in rows.columns if name != "score"]
    differ = [name for name in facts if not rows.duplicated([name], keep=False).all()]
    values = ", ".join(f"{value:.4g}" for value in rows["score"].head(4))
    why = f"they differ in {', '.join(map(str, differ[:5]))}" if differ else "nothing tells them apart"
    raise InputError(
        f"model '{case['model']}' has {len(rows)} scores on '{case['benchmark']}' ({values}); {why}. Keep one, or name "
        "what differs in a column metric"
    )
