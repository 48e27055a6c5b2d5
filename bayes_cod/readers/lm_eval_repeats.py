"""Repeated answers in lm-evaluation-harness logs, scored again one by one.

A task with ``repeats`` logs every answer, but a metric only after the filter has taken the first answer or a majority.
The task's own filter and exact match are applied to each answer here. Patterns of a log are run by RE2 (in DuckDB),
whose time is linear in the text, so that no pattern can hang the reader. The first answer must get the logged value in
every document, or none of it is believed and the logged value stands for one trial.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from bayes_cod.readers.base import Log, RowSink, plain_filter
from bayes_cod.readers.limits import Damaged, decode_part

_BATCH = 20_000
_LETTERS = {"remove_whitespace": "ltrim({})", "lowercase": "lower({})", "uppercase": "upper({})"}


class NotRepeatable(Exception):
    """A filter or metric that can't be applied to single answers."""


@dataclass(frozen=True)
class Rescorer:
    """A filter's steps up to the choice among answers, and how exact match compares.

    Attributes
    ----------
    steps
        SQL expressions of ``{}``, with the values of their parameters.
    compare
        The same for both sides of exact match.
    """

    steps: tuple[tuple[str, tuple[Any, ...]], ...]
    compare: tuple[tuple[str, tuple[Any, ...]], ...]

    def passes(self, answers: list[list[str]], targets: list[str], connection: Any) -> list[list[bool]]:
        """Whether each answer of each document equals its target.

        Parameters
        ----------
        answers, targets
            One entry a document.
        connection
            Of DuckDB.

        Raises
        ------
        NotRepeatable
            If a pattern is none of RE2's.
        """
        flat = [answer for given in answers for answer in given]
        wanted = [target for given, target in zip(answers, targets, strict=True) for _ in given]
        left, parameters = _nest("x", self.steps + self.compare)
        right, more = _nest("y", self.compare)
        connection.register("given", pa.table({"i": range(len(flat)), "x": flat, "y": wanted}))
        query = f"SELECT {left} = {right} FROM given ORDER BY i"
        try:
            equal = [bool(row[0]) for row in connection.execute(query, [*parameters, *more]).fetchall()]
        except duckdb.Error as error:
            raise NotRepeatable(f"its pattern can't be run ({str(error).splitlines()[0]})") from None
        result, start = [], 0
        for given in answers:
            result.append(equal[start : start + len(given)])
            start += len(given)
        return result


def _nest(column: str, steps: tuple[tuple[str, tuple[Any, ...]], ...]) -> tuple[str, list[Any]]:
    """Put steps into each other; parameters in the order in which the text names them."""
    text = column
    parameters: list[Any] = []
    for expression, values in steps:
        before, _, after = expression.partition("{}")
        names_before = before.count("?")
        parameters = [*values[:names_before], *parameters, *values[names_before:]]
        text = f"{before}({text}){after}"
    return text, parameters


def rescorers(config: msgspec.Raw | None) -> dict[str, Rescorer | str]:
    """How each filter of a task scores one answer, or why it can't."""
    if config is None:
        return {}
    try:
        task = decode_part(config)
    except Damaged:
        return {}
    if not isinstance(task, dict):
        return {}
    found: dict[str, Rescorer | str] = {}
    for entry in task.get("filter_list") or [{"name": "none", "filter": [{"function": "take_first"}]}]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            continue
        try:
            found[entry["name"]] = Rescorer(_steps(entry.get("filter")), _comparison(task.get("metric_list")))
        except NotRepeatable as error:
            found[entry["name"]] = str(error)
    return found


def _steps(functions: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    steps: list[tuple[str, tuple[Any, ...]]] = []
    for function in functions if isinstance(functions, list) else []:
        name = function.get("function") if isinstance(function, dict) else None
        if name == "take_first":
            return tuple(steps)
        if name in _LETTERS:
            steps.append((_LETTERS[name], ()))
        elif name == "regex":
            steps.append(_pattern(function))
        else:
            raise NotRepeatable(f"its filter '{name}' looks at all answers together")
    raise NotRepeatable("its filter takes no single answer")


def _pattern(function: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    pattern = function.get("regex_pattern", r"#### (\-?[0-9\.\,]+)")
    group = function.get("group_select", 0)
    fallback = function.get("fallback", "[invalid]")
    if not isinstance(pattern, str) or not isinstance(group, int) or not isinstance(fallback, str):
        raise NotRepeatable("its pattern is no text")
    groups = _n_groups(pattern)
    if groups > 1:
        raise NotRepeatable("its pattern has several groups")
    position = group + 1 if group >= 0 else group
    found = f"list_extract(regexp_extract_all({{}}, ?, {groups}), {position})"
    return f"coalesce(trim({found}, ' ' || chr(9) || chr(10) || chr(13)), ?)", (pattern, fallback)


def _n_groups(pattern: str) -> int:
    bare = pattern.replace("\\\\", "").replace("\\(", "")
    return bare.count("(") - bare.count("(?") + bare.count("(?P<")


def _comparison(metrics: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
    exact = [entry for entry in metrics or [] if isinstance(entry, dict) and entry.get("metric") == "exact_match"]
    if not exact:
        raise NotRepeatable("its metric is not exact_match")
    options = exact[0]
    steps: list[tuple[str, tuple[Any, ...]]] = []
    for pattern in options.get("regexes_to_ignore") or ():
        steps.append(("regexp_replace({}, ?, '', 'g')", (str(pattern),)))
    if options.get("ignore_case"):
        steps.append(("lower({})", ()))
    if options.get("ignore_punctuation"):
        steps.append(("translate({}, ?, '')", (string.punctuation,)))
    if options.get("ignore_numbers"):
        steps.append(("translate({}, '0123456789', '')", ()))
    return tuple(steps)


@dataclass
class _Kept:
    items: list[str] = field(default_factory=list)
    values: list[dict[str, float | None]] = field(default_factory=list)
    common: list[dict[str, Any]] = field(default_factory=list)
    counts: list[tuple[int, int]] = field(default_factory=list)
    answers: list[list[str]] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    why_not: str = ""


class Repeats:
    """Documents that were answered several times, by filter, until the file has been read."""

    def __init__(self, rows: RowSink, log: Log, scorers: dict[str, Rescorer | str]) -> None:
        self._rows, self._log, self._scorers = rows, log, scorers
        self._kept: dict[str, _Kept] = {}
        self._connection = duckdb.connect(config={"threads": 1})

    def add(
        self,
        name: str,
        item: str,
        answers: list[str],
        target: str,
        metrics: dict[str, float | None],
        common: dict[str, Any],
    ) -> None:
        """Keep one line."""
        kept = self._kept.setdefault(name, _Kept())
        kept.items.append(item)
        kept.values.append(metrics)
        kept.common.append(common)
        kept.answers.append(answers)
        kept.targets.append(target)
        if len(kept.answers) >= _BATCH:
            self._score(name, kept)

    def finish(self) -> None:
        """Add all rows: every answer counted where scoring again agrees with the log, the logged value otherwise."""
        for name, kept in self._kept.items():
            self._score(name, kept)
            for index, (item, metrics, common) in enumerate(zip(kept.items, kept.values, kept.common, strict=True)):
                for metric, value in metrics.items():
                    if metric == "exact_match" and not kept.why_not and value is not None:
                        passed, n = kept.counts[index]
                        self._rows.add(0, item, metric, passed, n=n, filter=name, **common)
                    else:
                        self._rows.add(0, item, metric, value, filter=name, **common)
            if not kept.why_not:
                self._log.rescored.append(plain_filter(name))
                continue
            self._log.filter_notes[plain_filter(name)] = (
                f"questions were answered several times, but only the logged value of filter '{name}' counts, as one "
                f"trial: {kept.why_not}"
            )

        self._connection.close()

    def _score(self, name: str, kept: _Kept) -> None:
        """Score what has been kept and let go of the texts."""
        scorer = self._scorers.get(name, "the results file has no settings of the task")
        if isinstance(scorer, str):
            kept.why_not = scorer
        if not kept.why_not and isinstance(scorer, Rescorer):
            try:
                passes = scorer.passes(kept.answers, kept.targets, self._connection)
            except NotRepeatable as error:
                kept.why_not, passes = str(error), []
            for given in passes:
                logged = kept.values[len(kept.counts)].get("exact_match")
                kept.counts.append((sum(given), len(given)))
                if logged is not None and bool(logged) != given[0]:
                    kept.why_not = "scoring the first answer again does not give the logged value"
        kept.answers, kept.targets = [], []
