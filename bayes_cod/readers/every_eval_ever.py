"""Every Eval Ever, a neutral schema: ``<uuid>.json`` (aggregate) and ``<uuid>_samples.jsonl`` (a sample a line).

The benchmark is ``evaluation_name``, never the data set, which several benchmarks may share. A sample is known by its
id and the hash of its content.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment
from bayes_cod.readers.limits import Damaged, decode, lines, read_bytes

_SAMPLES = re.compile(r".+_samples\.jsonl(?:\.gz)?")
_PERCENT_UNITS = ("percent", "percentage", "points", "%")


class _Evaluation(msgspec.Struct):
    score: Any = None
    is_correct: Any = None


class _Input(msgspec.Struct):
    choices: list[Any] | None = None


class _Line(msgspec.Struct):
    evaluation_name: str
    sample_id: Any
    evaluation: _Evaluation
    model_id: str = ""
    evaluation_result_id: Any = None
    sample_hash: Any = None
    error: Any = None
    input: _Input | None = None
    metadata: dict[str, Any] | None = None


class _MetricConfig(msgspec.Struct):
    metric_id: Any = None
    metric_name: Any = None
    metric_unit: Any = None
    lower_is_better: Any = False
    score_type: Any = None
    min_score: Any = None
    max_score: Any = None


class _Details(msgspec.Struct):
    score: Any = None
    uncertainty: dict[str, Any] | None = None


class _Result(msgspec.Struct):
    evaluation_name: str
    evaluation_result_id: Any = None
    metric_config: _MetricConfig = msgspec.field(default_factory=_MetricConfig)
    score_details: _Details = msgspec.field(default_factory=_Details)
    evaluation_timestamp: Any = None


class _Model(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Record(msgspec.Struct):
    evaluation_results: list[_Result]
    model_info: _Model = msgspec.field(default_factory=_Model)
    evaluation_timestamp: Any = None
    retrieved_timestamp: Any = None


_LINE = msgspec.json.Decoder(_Line)
_RECORD = msgspec.json.Decoder(_Record)


class EveryEvalEver:
    """Every Eval Ever."""

    name = "Every Eval Ever"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if _SAMPLES.fullmatch(file.name):
            return b'"schema_version"' in start or b'"evaluation_name"' in start
        named = b'"schema_version"' in start and b'"evaluation_id"' in start
        return file.suffix == ".json" and named and b'"$schema"' not in start

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        if not _SAMPLES.fullmatch(file.name):
            return ()
        beside = _record_of(file)
        return (beside,) if beside.is_file() else ()

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return file.name in ("eval.schema.json", "instance_level_eval.schema.json")

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        if not _SAMPLES.fullmatch(source.path.name):
            record = decode(read_bytes(source.path, source.limits), _RECORD)
            return _stated(record, source)
        record = _Record(evaluation_results=[])
        beside = _record_of(source.path)
        if beside.is_file():
            try:
                record = decode(read_bytes(beside, source.limits), _RECORD)
            except Damaged as error:
                source.damaged(str(error), file=beside.name)
        return _Samples(source, record, rows).read()


def _record_of(samples: Path) -> Path:
    return samples.with_name(re.sub(r"_samples\.jsonl(\.gz)?$", ".json", samples.name))


def _metric(result: _Result) -> str:
    config = result.metric_config
    return str(config.metric_id or config.metric_name or "score")


def _scale(config: _MetricConfig) -> float:
    """What a score is divided by to be a fraction; 1 unless the record says that it counts to 100."""
    top, unit = as_fraction(config.max_score), str(config.metric_unit or "").lower()
    return 100.0 if top == 100.0 or (unit in _PERCENT_UNITS and top not in (1.0,)) else 1.0


def _stated(record: _Record, source: Source) -> list[Log]:
    """One log for each benchmark of an aggregate record."""
    logs: dict[str, Log] = {}
    when = moment(record.evaluation_timestamp) or moment(record.retrieved_timestamp)
    for result in record.evaluation_results:
        log = logs.setdefault(
            result.evaluation_name,
            Log(
                format=EveryEvalEver.name,
                file=source.name,
                model=record.model_info.id or record.model_info.name or source.path.stem,
                benchmark=result.evaluation_name,
                when=moment(result.evaluation_timestamp) or when,
                ids="native",
                sums=True,
            ),
        )
        value = as_fraction(result.score_details.score)
        if value is not None:
            log.scores.append(Score(_metric(result), "", value / _scale(result.metric_config)))
            log.order.append((_metric(result), ""))
        if result.metric_config.lower_is_better is True:
            log.lower_is_better.append(_metric(result))
        samples = (result.score_details.uncertainty or {}).get("num_samples")
        if isinstance(samples, int) and not isinstance(samples, bool):
            log.n_questions = samples
    return list(logs.values())


class _Samples:
    """Reads one file of samples."""

    def __init__(self, source: Source, record: _Record, rows: RowSink) -> None:
        self.source, self.rows = source, rows
        self.results = {str(result.evaluation_result_id): result for result in record.evaluation_results}
        self.by_name: dict[str, list[_Result]] = {}
        for result in record.evaluation_results:
            self.by_name.setdefault(result.evaluation_name, []).append(result)
        self.stated = {(log.model, log.benchmark): log for log in _stated(record, source)}
        self.logs: dict[tuple[str, str], tuple[int, Log]] = {}
        self.failed: dict[tuple[str, str], int] = {}
        self._lines: list[int] = []

    def read(self) -> list[Log]:
        for number, line in lines(self.source.path, self.source.limits):
            try:
                if isinstance(line, Damaged):
                    raise line
                self._line(number, decode(line, _LINE), hash(bytes(line).strip()))
            except Damaged as error:
                self.source.damaged(f"no readable sample ({error})", number)
        for key, (_, log) in self.logs.items():
            if self.failed.get(key):
                log.notes.append(f"{self.failed[key]} samples ended in an error or have no score; unscored")
            if self._doubled():
                log.sums = False
                log.notes.append("the file holds its lines more than once over; each sample counts once")
        left = [log for key, log in self.stated.items() if key not in self.logs]
        return [log for _, log in self.logs.values()] + left

    def _line(self, number: int, entry: _Line, line: int) -> None:
        self._lines.append(line)
        result = self._result(entry)
        metric = _metric(result) if result is not None else self._unnamed(entry)
        scale = _scale(result.metric_config) if result is not None else 1.0
        score = as_fraction(entry.evaluation.score)
        if score is None and isinstance(entry.evaluation.is_correct, bool):
            score = float(entry.evaluation.is_correct) * scale
        key = (entry.model_id, entry.evaluation_name)
        index, log = self._log(key)
        unknown = score == -1 and result is not None and result.metric_config.score_type == "levels"
        if unknown or (entry.error not in (None, "") and not score):
            score = None
        if score is None:
            self.failed[key] = self.failed.get(key, 0) + 1
        if (metric, "") not in log.order:
            log.order.append((metric, ""))
        choices = entry.input.choices if entry.input is not None else None
        trials = self._trials(entry)
        self.rows.add(
            index,
            str(entry.sample_id),
            metric,
            None if score is None else score / scale * trials,
            n=trials,
            digest=entry.sample_hash if isinstance(entry.sample_hash, str) else None,
            options=len(choices) if choices and len(choices) > 1 else None,
            loss=as_fraction(_number((entry.metadata or {}).get("bits_per_byte"))),
            row=number,
        )
        log.has_rows = True

    def _doubled(self) -> bool:
        """Whether the file is one block of lines, written several times over."""
        block = len(set(self._lines))
        return 0 < block < len(self._lines) and all(
            line == self._lines[index % block] for index, line in enumerate(self._lines)
        )

    def _result(self, entry: _Line) -> _Result | None:
        if entry.evaluation_result_id is not None and str(entry.evaluation_result_id) in self.results:
            return self.results[str(entry.evaluation_result_id)]
        named = self.by_name.get(entry.evaluation_name, [])
        return named[0] if len(named) == 1 else None

    @staticmethod
    def _unnamed(entry: _Line) -> str:
        """The metric of a line that points to no aggregate result."""
        identity = entry.evaluation_result_id
        return str(identity) if identity is not None and str(identity) != entry.evaluation_name else "score"

    @staticmethod
    def _trials(entry: _Line) -> int:
        """Trials behind a line, where this package wrote it."""
        number = _number((entry.metadata or {}).get("n_trials"))
        return int(number) if number is not None and 1 <= number <= 1e9 else 1

    def _log(self, key: tuple[str, str]) -> tuple[int, Log]:
        if key not in self.logs:
            stated = self.stated.get(key) or self.stated.get(("", key[1]))
            model = key[0] or (stated.model if stated else next((m for m, _ in self.stated), self.source.path.stem))
            log = stated or Log(
                format=EveryEvalEver.name, file=self.source.name, model=model, benchmark=key[1], ids="native", sums=True
            )
            log.order = []
            self.logs[key] = (len(self.logs), log)
        return self.logs[key]


def _number(text: Any) -> float | None:
    try:
        return float(text) if isinstance(text, str | int | float) else None
    except (ValueError, OverflowError):
        return None
