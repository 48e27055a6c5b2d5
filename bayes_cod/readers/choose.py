"""What counts among all that logs hold: the run, the metric and the filter, by stated rules or as asked for.

Runs: of several logs of one model and benchmark a finished one goes before a broken one, a whole one before a part, one
with questions before a bare score, and among those the latest. Metrics: the one asked for; else the log's own main
metric; else the first in the log's order that is a proportion and that most models have, one of passes and fails before
one of fractions. Filters: the first in the log's order that judges a single answer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some
from bayes_cod.readers.aggregate import records
from bayes_cod.readers.base import Log, plain_filter

ALL = "all"
_NO_SCORE = re.compile(
    r"perplexity|bits_per_byte|(^|_)loss|brier|stderr|logprob|log_prob|num_|length|runtime|(^|_)nll", re.I
)
_TOGETHER = re.compile(r"maj|vote|pass@(?!1$)|pass_at_(?!1$)|best_of", re.I)

Pair = tuple[str, str]


@dataclass
class Notes:
    """Notes on benchmarks, those of one text brought together."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, text: str, name: str = "") -> None:
        """Note a text of something named."""
        names = self.texts.setdefault(text, [])
        if name and name not in names:
            names.append(name)

    def lines(self) -> list[str]:
        """One line a text."""
        return [f"{some(names)}: {text}" if names else text for text, names in self.texts.items()]


@dataclass(frozen=True)
class Wish:
    """What is asked for: one metric and filter for every benchmark, or by benchmark; ``all`` keeps every metric."""

    metric: str | Mapping[str, str] | None = None
    filter: str | Mapping[str, str] | None = None

    def of(self, benchmark: str) -> tuple[str | None, str | None]:
        """Metric and filter asked for in a benchmark."""
        name = _of(self.filter, benchmark)
        return _of(self.metric, benchmark), None if name is None else plain_filter(name)


def _of(asked: str | Mapping[str, str] | None, benchmark: str) -> str | None:
    return asked if asked is None or isinstance(asked, str) else asked.get(benchmark)


def name_variants(logs: list[Log], notes: Notes) -> None:
    """Tell apart, by name, evaluations that are no reruns of each other: revisions, shots, task arguments."""
    by_model = _grouped(logs, lambda log: log.model)
    for model, own in by_model.items():
        revisions = sorted({log.revision for log in own})
        if len(revisions) > 1:
            notes.add(f"has several revisions ({some([r or 'main' for r in revisions])}), named model@revision", model)
            for log in own:
                log.model = f"{model}@{log.revision or 'main'}"
    for benchmark, own in _grouped(logs, lambda log: log.benchmark).items():
        shots = sorted({log.shots for log in own if log.shots is not None})
        keys = _telling_arguments(own)
        for log in own:
            settings = [f"{key}={log.arguments[key]}" for key in keys if key in log.arguments]
            if len(shots) > 1 and log.shots is not None:
                settings.append(f"{log.shots}shot")
            if settings:
                log.benchmark = f"{benchmark}@{','.join(settings)}"
        if len(shots) > 1:
            notes.add("run with several numbers of shots; separate benchmarks, named benchmark@<n>shot", benchmark)
        if keys:
            notes.add(f"run with several settings of {', '.join(keys)}; separate benchmarks", benchmark)


def _telling_arguments(logs: list[Log]) -> list[str]:
    """Task arguments in which runs of one model differ."""
    found: dict[str, None] = {}
    for own in _grouped(logs, lambda log: log.model).values():
        for key in sorted({key for log in own for key in log.arguments}):
            if len({log.arguments.get(key) for log in own}) > 1:
                found[key] = None
    return list(found)


def pick_runs(logs: list[Log], notes: Notes, *, unfinished: bool) -> list[Log]:
    """One log for each model and benchmark; the others are named."""
    kept = []
    for (model, benchmark), own in _grouped(logs, lambda log: (log.model, log.benchmark)).items():
        ended = [log for log in own if not log.why.startswith("status")]
        if not ended and not unfinished:
            notes.add(
                f"left out, as no run of it ended well ({some([_described(log) for log in own])})",
                f"{model} on {benchmark}",
            )
            continue
        ranked = sorted(ended or own, key=_rank)
        best = ranked[-1]
        kept.append(best)
        whole = [log for log in own if log.has_rows]
        others = [log for log in own if log is not best and not any(_same_run(log, other) for other in [best, *whole])]
        if others:
            aside = some([_described(log) for log in sorted(others, key=_rank, reverse=True)])
            notes.add(f"run more than once; {_described(best)} counts, set aside: {aside}", f"{model} on {benchmark}")
        if not best.complete:
            notes.add(f"only a part was evaluated ({best.why})", f"{model} on {benchmark}")
    return kept


def _rank(log: Log) -> tuple[bool, bool, str, str]:
    return log.complete, log.has_rows, log.when, log.file


def _same_run(log: Log, best: Log) -> bool:
    """Whether a log without questions only states the score of a run whose questions are in another log."""
    beside = best.file.startswith(log.file.rpartition("/")[0])
    return log is not best and not log.has_rows and (log.when == best.when or (beside and not log.when))


def _described(log: Log) -> str:
    details = ", ".join(part for part in (log.when[:19], log.why) if part)
    return f"{log.file} ({details})" if details else log.file


def drop_groups(logs: list[Log], notes: Notes) -> list[Log]:
    """Leave out groups whose parts are there: a group beside its parts would count twice."""
    have = {(log.model, log.benchmark.partition("@")[0]) for log in logs}
    kept = []
    for log in logs:
        present = [part for part in log.parts if (log.model, part) in have]
        if log.parts and present:
            notes.add("left out, as it averages benchmarks that are read themselves", log.benchmark)
        else:
            kept.append(log)
    return kept


@dataclass(frozen=True)
class Chosen:
    """A log's metric and filter, and the benchmark's name for it."""

    log: Log
    metric: str
    filter: str
    benchmark: str


def pick_metrics(logs: Sequence[Log], summary: pd.DataFrame, wish: Wish, notes: Notes) -> list[Chosen]:
    """Choose metric and filter of every benchmark, for all models alike.

    Parameters
    ----------
    logs
        One log for each model and benchmark.
    summary
        `LogRows.summary` of all rows.
    wish
        What is asked for.
    notes
        Where choices are noted.

    Raises
    ------
    InputError
        If a metric or filter is asked for that no log has.
    """
    held = _held(logs, summary)
    chosen, refused, granted = [], [], False
    for benchmark, own in _grouped(logs, lambda log: log.benchmark).items():
        usable, no_score = _usable(own, held)
        if no_score:
            notes.add(f"metrics that are no proportion were left out ({some(no_score)})", benchmark)
        if not usable:
            notes.add("left out, as none of its metrics is a proportion", benchmark)
            continue
        metric, name = wish.of(benchmark)
        fitting = [
            pair for pair in usable
            if (metric in (None, ALL) or _is_named(pair[0], metric)) and (name is None or pair[1] == name)
        ]  # fmt: skip
        asked = metric not in (None, ALL) or name is not None
        granted |= bool(fitting) and asked
        if not fitting:
            refused.append(f"{benchmark} has {_list(usable)}")
            fitting = list(usable)
        pairs = fitting if metric == ALL else [_best(fitting, usable, own, held)]
        several = metric == ALL and len(pairs) > 1
        for pair in pairs:
            label = f"{benchmark}@{_name(pair, pairs)}" if several else benchmark
            chosen += _of_models(own, pair, held, label, notes)
        if not several and len(usable) > 1:
            left = [pair for pair in usable if pair != pairs[0]]
            notes.add(
                f"{_list(pairs)} counts; also logged: {_list(left)} (ask for another by its name, or for all)",
                benchmark,
            )
    if refused and not granted:
        asked_for = " and ".join(
            f"{kind} '{value}'"
            for kind, value in (("metric", wish.metric), ("filter", wish.filter))
            if value is not None
        )
        raise InputError(f"no benchmark has the {asked_for} ({'; '.join(refused[:3])}); ask for one of these")
    if refused:
        notes.add(f"what was asked for is not logged everywhere, the rule decided instead: {'; '.join(refused[:5])}")
    return chosen


@dataclass(frozen=True)
class _Held:
    """What one log has of one metric and filter."""

    lowest: float
    highest: float
    counts: bool


def _held(logs: Sequence[Log], summary: pd.DataFrame) -> dict[str, dict[Pair, _Held]]:
    """Metrics of each log: of its rows, or of the scores that it states."""
    found: dict[str, dict[Pair, _Held]] = defaultdict(dict)
    for row in records(summary):
        held = _Held(float(row.lowest), float(row.highest), bool(row.halves))
        found[str(row.log)][(str(row.metric), str(row.filter))] = held
    for log in logs:
        if not log.has_rows:
            found[log.uid] = {(s.metric, s.filter): _Held(s.value, s.value, False) for s in log.scores}
    return found


def _usable(logs: Sequence[Log], held: dict[str, dict[Pair, _Held]]) -> tuple[dict[Pair, int], list[str]]:
    """Metrics that are proportions, with how many models have them, in the logs' order; and the others' names."""
    order = dict.fromkeys(pair for log in logs for pair in [*log.order, *held[log.uid]])
    usable: dict[Pair, int] = {}
    left: dict[str, None] = {}
    for pair in order:
        own = [held[log.uid][pair] for log in logs if pair in held[log.uid]]
        if not own:
            continue
        falls = any(pair[0] in log.lower_is_better for log in logs) or _NO_SCORE.search(pair[0]) is not None
        outside = any(part.lowest < 0 or part.highest > 1 for part in own)
        if falls or outside:
            left[pair[0]] = None
        else:
            usable[pair] = len(own)
    return usable, list(left)


def _best(
    fitting: Iterable[Pair], usable: dict[Pair, int], logs: Sequence[Log], held: dict[str, dict[Pair, _Held]]
) -> Pair:
    fitting = list(fitting)
    primary = {log.primary for log in logs if log.primary is not None}
    order = {pair: index for index, pair in enumerate(usable)}

    def rank(pair: Pair) -> tuple[bool, bool, int, bool, int]:
        own = [held[log.uid][pair] for log in logs if pair in held[log.uid] and log.has_rows]
        counts = bool(own) and all(part.counts for part in own)
        together = _TOGETHER.search(pair[1]) is not None or _TOGETHER.search(pair[0]) is not None
        return pair not in primary, together, -usable[pair], not counts, order[pair]

    return min(fitting, key=rank)


def _of_models(
    logs: Sequence[Log], pair: Pair, held: dict[str, dict[Pair, _Held]], label: str, notes: Notes
) -> list[Chosen]:
    having = [log for log in logs if pair in held[log.uid]]
    without = [log.model for log in logs if pair not in held[log.uid]]
    if without:
        notes.add(f"not logged with {_list([pair])} for {some(without)}; left out there", label)
    return [Chosen(log, pair[0], pair[1], label) for log in having]


def _is_named(metric: str, asked: str | None) -> bool:
    return metric == asked or metric.partition(":")[0] == asked


def _list(pairs: Iterable[Pair]) -> str:
    return some([f"{metric} ({name})" if name not in ("", "none") else metric for metric, name in pairs], 6)


def _name(pair: Pair, pairs: Sequence[Pair]) -> str:
    same = [other for other in pairs if other[0] == pair[0]]
    return pair[0] if len(same) == 1 else f"{pair[0]},{pair[1] or 'none'}"


def _grouped[K](logs: Sequence[Log], key: Callable[[Log], K]) -> dict[K, list[Log]]:
    found: dict[K, list[Log]] = {}
    for log in logs:
        found.setdefault(key(log), []).append(log)
    return found
