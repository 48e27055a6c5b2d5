"""Older samples of lm-evaluation-harness: one pass over the documents a filter, and no line says which filter it is."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from bayes_cod.readers.base import Log, RowSink

_CLOSE = 1e-4
_MOST = 6


def match_passes(documents: dict[str, list[dict[str, Any]]], log: Log, rows: RowSink) -> None:
    """Give every pass its filter and add its rows.

    Parameters
    ----------
    documents
        Lines by ``doc_id``, in file order: item, metrics, common fields of the row.
    log
        With the scores that the results file states; says in its notes how passes were told apart.
    rows
        Where rows go.
    """
    n_passes = max(len(lines) for lines in documents.values())
    filters = list(dict.fromkeys(score.filter for score in log.scores)) or ["none"]
    names = _names(documents, log, n_passes, filters)
    for lines in documents.values():
        for name, line in zip(names, lines, strict=False):
            for metric, value in line["metrics"].items():
                rows.add(0, line["item"], metric, value, filter=name, **line["common"])


def _names(documents: dict[str, list[dict[str, Any]]], log: Log, n_passes: int, filters: list[str]) -> list[str]:
    means = [_means(documents, index) for index in range(n_passes)]
    again = n_passes > len(filters) and n_passes % len(filters) == 0
    if again and n_passes > 1:
        latest = means[-len(filters) :]
        assigned = _assign(latest, log, filters)
        if assigned:
            log.notes.append(
                f"every document is logged {n_passes // len(filters)} times (the file was appended to); the last counts"
            )
            return ["earlier"] * (n_passes - len(filters)) + assigned
    assigned = _assign(means, log, filters) if n_passes <= len(filters) else []
    if not assigned:
        if n_passes == 1:
            return ["none"]
        log.notes.append(
            f"the lines name no filter and their {n_passes} passes over the documents fit no scores of a results file; "
            "they are called 'pass 1', 'pass 2', ... in file order: choose one as the filter"
        )
        return [f"pass {index + 1}" for index in range(n_passes)]
    if n_passes > 1:
        told = ", ".join(f"pass {index + 1} is {name} ({_first(means[index])})" for index, name in enumerate(assigned))
        log.notes.append(f"the lines name no filter; passes over the documents were matched to the results: {told}")
    return assigned


def _first(means: dict[str, tuple[float, int]]) -> str:
    for metric, (mean, count) in means.items():
        return f"{metric} {round(mean * count, 3):g} of {count}"
    return "no metric"


def _means(documents: dict[str, list[dict[str, Any]]], index: int) -> dict[str, tuple[float, int]]:
    values: dict[str, list[float]] = {}
    for lines in documents.values():
        if index < len(lines):
            for metric, value in lines[index]["metrics"].items():
                if value is not None:
                    values.setdefault(metric, []).append(value)
    return {metric: (sum(found) / len(found), len(found)) for metric, found in values.items()}


def _assign(means: list[dict[str, tuple[float, int]]], log: Log, filters: list[str]) -> list[str]:
    """The filter of each pass, in the order of the results if that fits; empty if none or several orders fit."""
    if not log.scores:
        return ["none"] if len(means) == 1 else []
    stated = {(score.metric, score.filter): score.value for score in log.scores}
    if len(filters) == 1 and len(means) == 1:
        return filters  # values set aside (no finite log probability) may move the mean
    if len(filters) > _MOST:
        return []
    fitting = [list(order) for order in permutations(filters, len(means)) if _fits(means, order, stated)]
    in_order = filters[: len(means)]
    if in_order in fitting and len(means) == len(filters):
        return in_order
    return fitting[0] if len(fitting) == 1 else []


def _fits(
    means: list[dict[str, tuple[float, int]]], order: tuple[str, ...], stated: dict[tuple[str, str], float]
) -> bool:
    pairs = [
        (mean, stated[metric, name])
        for found, name in zip(means, order, strict=True)
        for metric, (mean, _) in found.items()
        if (metric, name) in stated
    ]
    return bool(pairs) and all(abs(mean - value) <= _CLOSE for mean, value in pairs)
