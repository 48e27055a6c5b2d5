"""Logs of lighteval: Parquet details a task and ``results_<time>.json``; also the first Open LLM Leaderboard's details.

Newer details have struct columns ``doc``, ``metric`` and ``model_response``; older ones have ``full_prompt``,
``choices`` and the metric as a bare column or within ``metrics``. A question without an id is
known by its text and choices.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment, prompt_number, text_hash
from bayes_cod.readers.limits import Damaged, decode, read_bytes

_TIME = r"(?P<when>\d{4}-\d\d-\d\dT[\d.:+-]+)"
_DETAILS = re.compile(rf"details_(?P<task>.+)_{_TIME}\.parquet")
_RESULTS = re.compile(rf"results_{_TIME}\.json")
_KNOWN = ("acc", "acc_norm", "mc1", "mc2", "em", "qem", "f1", "extractive_match", "exact_match")
_PLAIN = ("metric", "metrics", "full_prompt", "example", "choices", "gold_index", "id")
_BATCH = 512
_SPARSE = 64


class _File(msgspec.Struct):
    config_general: dict[str, Any] = {}
    results: dict[str, dict[str, Any]] = {}
    versions: dict[str, Any] = {}


_FILE = msgspec.json.Decoder(_File)


class Lighteval:
    """lighteval."""

    name = "lighteval"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if _DETAILS.fullmatch(file.name):
            return start[:4] == b"PAR1" or not start
        return _RESULTS.fullmatch(file.name) is not None and b'"config_general"' in start

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        beside = _results_of(file)
        return () if beside is None else (beside,)

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return False

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        named = _DETAILS.fullmatch(source.path.name)
        if named is None:
            results = _read(source.path, source)
            return [
                _log(task, results, source) for task in results.results if task != "all" and ":_average" not in task
            ]
        beside = _results_of(source.path)
        results = _File()
        if beside is not None:
            try:
                results = _read(beside, source)
            except Damaged as error:
                source.damaged(str(error), file=beside.name)
        log = _log(named["task"], results, source)
        log.when = moment(named["when"])
        _Details(source, log, rows).read()
        return [log]


def _read(file: Path, source: Source) -> _File:
    return decode(read_bytes(file, source.limits), _FILE)


def _results_of(details: Path) -> Path | None:
    """``results/<model>/results_<time>.json`` of ``details/<model>/<time>/details_<task>_<time>.parquet``."""
    named = _DETAILS.fullmatch(details.name)
    if named is None:
        return None
    parts = details.resolve().parts
    places = [details.parent / f"results_{named['when']}.json"]
    if "details" in parts:
        at = len(parts) - 1 - parts[::-1].index("details")
        model = parts[at + 1 : -2]
        places.append(Path(*parts[:at], "results", *model, f"results_{named['when']}.json"))
    return next((place for place in places if place.is_file()), None)


def _task(name: str) -> tuple[str, int | None]:
    """Task and shots of ``task|shots`` or ``suite|task|shots[|flag]``."""
    parts = name.split("|")
    if len(parts) >= 2 and parts[-1].isdecimal():
        if len(parts) >= 3 and parts[-2].isdecimal():
            parts = parts[:-1]
        return parts[-2], int(parts[-1][:6])
    return name, None


def _log(task: str, results: _File, source: Source) -> Log:
    benchmark, shots = _task(task)
    stated = [
        Score(name, "", number)
        for name, value in results.results.get(task, {}).items()
        if not name.endswith("_stderr") and (number := as_fraction(value)) is not None
    ]
    limit = results.config_general.get("max_samples")
    settings = results.config_general.get("model_config")
    name = results.config_general.get("model_name")
    if isinstance(settings, dict):
        name = settings.get("model_name") or name
    revision = results.config_general.get("model_sha") if not isinstance(settings, dict) else settings.get("revision")
    version = results.versions.get(task)
    return Log(
        format=Lighteval.name,
        file=source.name,
        model=str(name or _model_of(source.path)),
        benchmark=benchmark,
        revision=revision if isinstance(revision, str) and revision not in ("main", "") else "",
        shots=shots,
        when=_when(source.path),
        complete=limit is None,
        why="" if limit is None else f"max_samples {limit}",
        order=[(score.metric, "") for score in stated],
        scores=stated,
        facts={"task version": str(version)} if version is not None else {},
        ids="native",
    )


def _when(file: Path) -> str:
    named = _RESULTS.fullmatch(file.name) or _DETAILS.fullmatch(file.name)
    return moment(named["when"]) if named else ""


def _model_of(file: Path) -> str:
    """Model by the folders: what stands below ``details/`` or ``results/``, or ``details_<org>__<model>``."""
    parts = file.resolve().parts[:-1]
    for index in range(len(parts) - 1, -1, -1):
        if parts[index].startswith("details_") and "__" in parts[index]:
            return parts[index].removeprefix("details_").replace("__", "/")
        if parts[index] in ("details", "results") and index + 1 < len(parts):
            inside = [part for part in parts[index + 1 :] if not re.match(r"\d{4}-\d\d-\d\dT", part)]
            return "/".join(inside) or parts[-1]
    return parts[-1]


class _Details:
    """Reads one Parquet file of details."""

    def __init__(self, source: Source, log: Log, rows: RowSink) -> None:
        self.source, self.log, self.rows = source, log, rows
        self._names: dict[str, None] = {}
        self._left: dict[str, None] = {}
        self._seen: dict[str, int] = {}

    def read(self) -> None:
        try:
            for position, entry in enumerate(self._entries()):
                self._row(position, entry)
        except (pa.ArrowException, OSError, ValueError) as error:
            if not self.rows.counts:
                raise Damaged(f"no readable Parquet file ({str(error).splitlines()[0]})") from None
            self.source.damaged(f"the rest of the Parquet file can't be read ({str(error).splitlines()[0]})")
        self.log.order = [(name, "") for name in self._names]
        self.log.has_rows = bool(self._names)
        if self._left:
            self.log.notes.append(f"metrics that are no single number were left out ({', '.join(self._left)})")

    def _entries(self) -> Iterator[dict[str, Any]]:
        with pq.ParquetFile(self.source.path, memory_map=False, thrift_string_size_limit=100_000_000) as file:
            n_rows, size = file.metadata.num_rows, self.source.path.stat().st_size
            if n_rows > self.source.limits.rows or n_rows > _SPARSE * max(size, 1):
                raise Damaged(f"{n_rows:,} rows in {size:,} bytes are more than a log can hold")
            expanded = sum(file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups))
            if expanded > self.source.limits.expanded:
                raise Damaged(f"expands to more than {expanded:,} bytes")
            wanted = [name for name in _columns(file.schema_arrow) if name is not None]
            for batch in file.iter_batches(batch_size=_BATCH, columns=wanted):
                yield from batch.to_pylist()

    def _row(self, position: int, entry: dict[str, Any]) -> None:
        doc = entry.get("doc") if isinstance(entry.get("doc"), dict) else entry
        response = entry.get("model_response") if isinstance(entry.get("model_response"), dict) else {}
        assert isinstance(doc, dict) and isinstance(response, dict)
        query = doc.get("query") or doc.get("example") or doc.get("full_prompt") or doc.get("input")
        given = doc.get("choices")
        choices: list[Any] = given if isinstance(given, list) else []
        digest = text_hash(str(query), *map(str, choices))
        item = doc.get("id")
        if item in (None, ""):
            item = digest
        n_options = len(choices) if len(choices) > 1 else None
        loss = self._loss(doc, choices, response)
        prompt = response.get("input") if "input" in response else doc.get("full_prompt")
        number = prompt_number(text_hash(str(prompt))) if isinstance(prompt, str) else None
        for name, value in self._metrics(entry).items():
            self._names[name] = None
            self.rows.add(
                0, str(item), name, value, digest=digest, loss=loss, options=n_options, prompt=number, row=position
            )

    def _metrics(self, entry: dict[str, Any]) -> dict[str, float | None]:
        inside = next((entry[name] for name in ("metric", "metrics") if isinstance(entry.get(name), dict)), None)
        if inside is None:
            inside = {name.removeprefix("metrics."): entry[name] for name in entry if _is_metric(name)}
        found = {}
        for name, value in inside.items():
            if isinstance(value, list | dict | str):
                self._left[name] = None
            elif value is not None or name in self._names:
                found[name] = as_fraction(value)
        return found

    @staticmethod
    def _loss(doc: dict[str, Any], choices: Any, response: dict[str, Any]) -> float | None:
        gold, log_probabilities = doc.get("gold_index"), response.get("logprobs")
        if isinstance(gold, list) and len(gold) == 1:
            gold = gold[0]
        if not isinstance(gold, int) or not isinstance(log_probabilities, list):
            return None
        if not 0 <= gold < len(choices) == len(log_probabilities):
            return None
        value, text = as_fraction(log_probabilities[gold]), str(choices[gold])
        if value is None or not math.isfinite(value) or not text:
            return None
        return -value / (len(text.encode("utf-8", "replace")) * math.log(2))


def _is_metric(name: str) -> bool:
    return name in _KNOWN or name.startswith("metrics.")


def _columns(schema: pa.Schema) -> list[str | None]:
    """Columns worth reading, without the long ones (tokens, padding)."""
    inside = {
        "doc": ("query", "choices", "gold_index", "id"),
        "model_response": ("input", "logprobs"),
    }
    found: list[str | None] = []
    for field in schema:
        if field.name in inside and pa.types.is_struct(field.type):
            found += [f"{field.name}.{child.name}" for child in field.type if child.name in inside[field.name]]
        elif field.name in _PLAIN or _is_metric(field.name):
            found.append(field.name)
    return found
