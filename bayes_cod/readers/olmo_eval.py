"""Logs of olmo-eval: ``predictions/<model>/<spec>[_<hash>]-predictions.jsonl`` beside ``metrics.json``.

A prediction holds every sampled answer with its own metrics, so that passes and trials are counted from the samples.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment, text_hash
from bayes_cod.readers.limits import Damaged, decode, lines, read_bytes

_PREDICTIONS = re.compile(r"(?P<spec>.+?)(?:_(?P<hash>[0-9a-f]{6}))?-predictions\.jsonl(?:\.gz)?")


class _Output(msgspec.Struct):
    sample_metrics: dict[str, Any] = {}
    bits_per_byte: Any = None


class _Line(msgspec.Struct):
    doc_id: Any = None
    native_id: Any = None
    model_output: list[_Output] | None = None
    instance_metrics: dict[str, Any] = {}
    label: Any = None


class _Task(msgspec.Struct):
    task: str = ""
    metrics: dict[str, Any] = {}
    num_instances: Any = None
    primary_metric: Any = None
    task_hash: Any = None


class _Metrics(msgspec.Struct):
    tasks: list[_Task]
    timestamp: Any = None
    config: dict[str, Any] = {}
    errors: list[Any] = []


_LINES = msgspec.json.Decoder(_Line)
_METRICS = msgspec.json.Decoder(_Metrics)


class OlmoEval:
    """olmo-eval."""

    name = "olmo-eval"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if _PREDICTIONS.fullmatch(file.name):
            return b'"instance_metrics"' in start or file.parent.parent.name == "predictions"
        return file.name == "metrics.json" and b'"tasks"' in start

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        beside = _metrics_of(file) if _PREDICTIONS.fullmatch(file.name) else None
        return () if beside is None else (beside,)

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return file.name.endswith("-requests.jsonl") and file.parent.parent.name == "requests"

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        named = _PREDICTIONS.fullmatch(source.path.name)
        if named is None:
            metrics = decode(read_bytes(source.path, source.limits), _METRICS)
            return [_log(task, metrics, source) for task in metrics.tasks]
        beside = _metrics_of(source.path)
        metrics = _Metrics(tasks=[])
        if beside is not None:
            try:
                metrics = decode(read_bytes(beside, source.limits), _METRICS)
            except Damaged as error:
                source.damaged(str(error), file=beside.name)
        log = _log(_task_of(named["spec"], named["hash"], metrics), metrics, source)
        log.model = str(metrics.config.get("model") or source.path.resolve().parent.name)
        _rows(source, log, rows)
        return [log]


def _metrics_of(predictions: Path) -> Path | None:
    """The run's ``metrics.json``: beside ``predictions/``, or in the same folder."""
    for folder in (predictions.parent.parent.parent, predictions.parent.parent, predictions.parent):
        beside = folder / "metrics.json"
        if beside.is_file():
            return beside
    return None


def _task_of(spec: str, digest: str | None, metrics: _Metrics) -> _Task:
    same = [task for task in metrics.tasks if re.sub(r"[^\w.-]", "_", task.task) == re.sub(r"[^\w.-]", "_", spec)]
    hashed = [task for task in same if digest and str(task.task_hash).startswith(digest)]
    return (hashed or same or [_Task(task=spec)])[0]


def _log(task: _Task, metrics: _Metrics, source: Source) -> Log:
    scores = [
        Score(f"{metric}:{scorer}", "", number)
        for metric, by_scorer in task.metrics.items()
        if isinstance(by_scorer, dict)
        for scorer, value in by_scorer.items()
        if (number := as_fraction(value)) is not None
    ]
    limit = metrics.config.get("limit")
    notes = [f"the run reports {len(metrics.errors)} errors"] if metrics.errors else []
    primary = task.primary_metric if isinstance(task.primary_metric, str) else ""
    return Log(
        format=OlmoEval.name,
        file=source.name,
        model=str(metrics.config.get("model") or source.path.resolve().parent.name),
        benchmark=task.task or "unnamed",
        when=moment(metrics.timestamp),
        complete=limit is None,
        why="" if limit is None else f"limit {limit}",
        primary=(primary, "") if primary else None,
        order=[(score.metric, "") for score in scores],
        scores=scores,
        n_questions=task.num_instances if isinstance(task.num_instances, int) else None,
        facts={"task hash": str(task.task_hash)} if task.task_hash and limit is None else {},
        ids="native",
        notes=notes,
    )


def _rows(source: Source, log: Log, rows: RowSink) -> None:
    names: dict[str, None] = {}
    aliases = _aliases(log)
    for number, line in lines(source.path, source.limits):
        try:
            if isinstance(line, Damaged):
                raise line
            entry = decode(line, _LINES)
            item = entry.native_id if entry.native_id is not None else entry.doc_id
            if item is None:
                raise Damaged("neither native_id nor doc_id")
        except Damaged as error:
            source.damaged(f"no readable prediction ({error})", number)
            continue
        if entry.native_id is None or str(entry.native_id) == f"doc_{entry.doc_id}":
            log.ids = "position"
        digest = text_hash(str(entry.label)) if entry.label is not None else None
        for name, (total, n) in _counts(entry).items():
            named = aliases.get(name.split(":")[-1], name)
            names[named] = None
            rows.add(0, str(item), named, total, n=n, digest=digest if log.ids == "native" else None, row=number)
    log.order = [(name, "") for name in names]
    log.has_rows = bool(names)


def _aliases(log: Log) -> dict[str, str]:
    """Names of the metrics in ``metrics.json`` by their scorer: predictions name the scorer, not the aggregate.

    The metric of the primary score stands first where one scorer feeds several.
    """
    stated = ([log.primary[0]] if log.primary else []) + [score.metric for score in log.scores]
    found: dict[str, str] = {}
    for name in stated:
        metric, mark, scorer = name.partition(":")
        if mark and not metric.startswith(("pass_at", "pass@", "maj")):
            found.setdefault(scorer, name)
    return found


def _counts(entry: _Line) -> dict[str, tuple[float | None, int]]:
    """Sum and number of the samples' scores by scorer; the instance's own metric where samples have none."""
    counts: dict[str, tuple[float | None, int]] = {}
    values: dict[str, list[float]] = {}
    for output in entry.model_output or ():
        for scorer, inner in output.sample_metrics.items():
            value = inner.get(scorer) if isinstance(inner, dict) else inner
            number = as_fraction(value)
            if number is not None:
                values.setdefault(f"{scorer}:{scorer}", []).append(number)
    for metric, inner in entry.instance_metrics.items():
        for scorer, value in inner.items() if isinstance(inner, dict) else [(metric, inner)]:
            name = f"{metric}:{scorer}"
            if f"{scorer}:{scorer}" not in values and not isinstance(value, list | dict | str):
                counts[name] = (as_fraction(value), 1)
    return counts | {name: (sum(found), len(found)) for name, found in values.items()}
