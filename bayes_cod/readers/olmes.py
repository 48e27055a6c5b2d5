"""Logs of OLMES (oe-eval): ``task-<number>-<task>-predictions.jsonl`` and ``-metrics.json``.

Which accuracy is right comes from the task's primary metric. ``bits_per_byte_corr`` is the task loss; older files call
it ``logits_per_byte_corr`` and count it negative, as log probabilities are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment
from bayes_cod.readers.limits import Damaged, decode, lines, read_bytes

_PREDICTIONS = re.compile(r"task-(?P<index>\d+)-(?P<task>.+)-predictions\.jsonl(?:\.gz)?")
_METRICS = re.compile(r"task-(?P<index>\d+)-(?P<task>.+)-metrics\.json")
_BY_PRODUCT = re.compile(r"task-\d+-.+-(requests\.jsonl|recorded-inputs\.jsonl)(\.gz)?|metrics(-all)?\.jsonl?|.*\.log")
_NO_SCORE = re.compile(
    r"predicted_index_.*|correct_choice|no_answer|.*_corr|.*_corr_.*|num_.*|max_tokens_reached|.*bits_per_byte.*|sum_logits.*"
)


class _Line(msgspec.Struct):
    doc_id: Any = None
    native_id: Any = None
    metrics: dict[str, Any] = {}
    model_output: list[dict[str, msgspec.Raw]] | None = None
    task_hash: Any = None


class _Task(msgspec.Struct):
    task_name: str = ""
    task_hash: Any = None
    model_hash: Any = None
    model_config: dict[str, Any] = {}
    task_config: dict[str, Any] = {}
    num_instances: Any = None
    current_date: Any = None
    metrics: dict[str, Any] = {}


_LINES = msgspec.json.Decoder(_Line)
_TASK = msgspec.json.Decoder(_Task)


class Olmes:
    """OLMES."""

    name = "OLMES"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if _PREDICTIONS.fullmatch(file.name):
            return b'"instance_metrics"' not in start
        return _METRICS.fullmatch(file.name) is not None

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        if not _PREDICTIONS.fullmatch(file.name):
            return ()
        beside = _metrics_of(file)
        return (beside,) if beside.is_file() else ()

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return _BY_PRODUCT.fullmatch(file.name) is not None and any(file.parent.glob("task-*"))

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        if _METRICS.fullmatch(source.path.name):
            return [_log(decode(read_bytes(source.path, source.limits), _TASK), source)]
        task = _Task()
        beside = _metrics_of(source.path)
        if beside.is_file():
            try:
                task = decode(read_bytes(beside, source.limits), _TASK)
            except Damaged as error:
                source.damaged(str(error), file=str(Path(source.name).parent / beside.name))
        log = _log(task, source)
        _rows(source, log, rows)
        return [log]


def _metrics_of(predictions: Path) -> Path:
    return predictions.with_name(re.sub(r"-predictions\.jsonl(\.gz)?$", "-metrics.json", predictions.name))


def _log(task: _Task, source: Source) -> Log:
    named = _PREDICTIONS.fullmatch(source.path.name) or _METRICS.fullmatch(source.path.name)
    settings = task.task_config
    model = task.model_config.get("model") or source.path.resolve().parent.name
    revision = task.model_config.get("revision")
    shots = settings.get("num_shots")
    primary = settings.get("primary_metric")
    stated = {name: as_fraction(value) for name, value in task.metrics.items()}
    limit = settings.get("limit")
    return Log(
        format=Olmes.name,
        file=source.name,
        model=str(model),
        benchmark=task.task_name or str(settings.get("task_name") or (named["task"] if named else "unnamed")),
        revision=revision if isinstance(revision, str) and revision != "main" else "",
        shots=shots if isinstance(shots, int) and not isinstance(shots, bool) else None,
        when=moment(task.current_date),
        complete=limit is None,
        why="" if limit is None else f"limit {limit}",
        primary=(primary, "") if isinstance(primary, str) else None,
        scores=[
            Score(name, "", value)
            for name, value in stated.items()
            if value is not None and name != "primary_score" and not _NO_SCORE.fullmatch(name)
        ],
        n_questions=task.num_instances if isinstance(task.num_instances, int) else None,
        facts={"task hash": str(task.task_hash)} if task.task_hash and limit is None else {},
        ids="native",
    )


def _rows(source: Source, log: Log, rows: RowSink) -> None:
    names: dict[str, None] = {}
    left: dict[str, None] = {}
    positions = 0
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
        positions += entry.native_id is None
        loss = as_fraction(entry.metrics.get("bits_per_byte_corr"))
        older = as_fraction(entry.metrics.get("logits_per_byte_corr"))
        loss = abs(older) if loss is None and older is not None else loss
        options = len(entry.model_output or ()) if "correct_choice" in entry.metrics else 0
        for name, value in entry.metrics.items():
            if _NO_SCORE.fullmatch(name) or (value is None and name not in names):
                continue
            if isinstance(value, list | dict | str):
                left[name] = None
                continue
            names[name] = None
            rows.add(
                0, str(item), name, as_fraction(value), loss=loss, options=options if options > 1 else None, row=number
            )
    log.order = [(name, "") for name in names]
    log.has_rows = bool(names)
    if positions:
        log.ids = "position"
    if left:
        log.notes.append(f"metrics that are no single number were left out ({', '.join(left)})")
