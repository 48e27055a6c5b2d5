"""Logs of Inspect: ``.eval`` archives (zstd or deflate members) and their JSON form.

Of an archive only the header and the summaries of the samples are expanded, never the transcripts. A sample without a
score, or with NaN for one, is unscored: neither right nor wrong. Epochs are trials. A partial answer (``P``) is half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment, text_hash
from bayes_cod.readers.limits import Archive, Damaged, decode, read_bytes

_VALUES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
_SHOTS = ("fewshot", "num_fewshot", "n_shot", "shots")
_SUMMARY_OF_INPUT = 100


class _Value(msgspec.Struct):
    value: Any = None


class _Sample(msgspec.Struct):
    id: Any = None
    epoch: Any = 1
    scores: dict[str, _Value] | None = None
    input: Any = None
    target: Any = None
    choices: Any = None


class _Dataset(msgspec.Struct):
    name: Any = None
    samples: Any = None
    sample_ids: Any = None


class _Eval(msgspec.Struct):
    task: str = ""
    model: str = ""
    task_version: Any = None
    created: Any = None
    dataset: _Dataset = msgspec.field(default_factory=_Dataset)
    config: dict[str, Any] = {}
    task_args: dict[str, Any] | None = None


class _Metric(msgspec.Struct):
    value: Any = None


class _Scored(msgspec.Struct):
    name: str = ""
    scorer: str = ""
    metrics: dict[str, _Metric] = {}


class _Outcome(msgspec.Struct):
    scores: list[_Scored] = []
    headline: dict[str, Any] | None = None
    total_samples: Any = None


class _Header(msgspec.Struct):
    eval: _Eval
    status: str = "started"
    results: _Outcome | None = None
    samples: list[_Sample] | None = None


_HEADER = msgspec.json.Decoder(_Header)
_SUMMARIES = msgspec.json.Decoder(list[_Sample])
_ONE = msgspec.json.Decoder(_Sample)
_JOURNAL = re.compile(r"_journal/summaries/(\d+)\.json")


class InspectAI:
    """Inspect."""

    name = "Inspect"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        if file.suffix == ".eval":
            return True
        is_log = re.match(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:', start) is not None
        return file.name.endswith((".json", ".json.gz")) and (is_log or (b'"eval_id"' in start and b'"eval"' in start))

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        return ()

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return file.name in ("logs.json", "eval-set.json", "listing.json")

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        if source.path.suffix == ".eval":
            header, samples = _archive(source)
        else:
            header = decode(read_bytes(source.path, source.limits), _HEADER)
            samples = header.samples or []
        log = _log(header, source)
        _rows(samples, log, rows)
        return [log]


def _archive(source: Source) -> tuple[_Header, list[_Sample]]:
    """Header and samples; of a log that was cut short, from its journal."""
    with Archive(source.path, source.limits) as archive:
        names = set(archive.names)
        start = "header.json" if "header.json" in names else "_journal/start.json"
        if start not in names:
            raise Damaged("the archive holds neither header.json nor _journal/start.json")
        header = decode(archive.read(start), _HEADER)
        if start != "header.json":
            header.status = "started"
        parts = sorted((name for name in names if _JOURNAL.fullmatch(name)), key=_number)
        members = ["summaries.json"] if "summaries.json" in names else parts
        samples: list[_Sample] = []
        for name in members:
            try:
                part: list[_Sample] = decode(archive.read(name), _SUMMARIES)
                samples += part
            except Damaged as error:
                source.damaged(f"{name}: {error}")
        if not members:
            samples = _whole_samples(archive, source)
    return header, samples


def _number(name: str) -> int:
    match = _JOURNAL.fullmatch(name)
    return int(match[1][:18]) if match else 0


def _whole_samples(archive: Archive, source: Source) -> list[_Sample]:
    """Samples of an archive without summaries, one member each."""
    samples = []
    for name in archive.names:
        if name.startswith("samples/") and name.endswith(".json"):
            try:
                samples.append(decode(archive.read(name), _ONE))
            except Damaged as error:
                source.damaged(f"{name}: {error}")
    return samples


def _log(header: _Header, source: Source) -> Log:
    settings = header.eval
    arguments = {name: str(value)[:100] for name, value in (settings.task_args or {}).items() if value is not None}
    shots = next((int(arguments[name]) for name in _SHOTS if arguments.get(name, "").isdecimal()), None)
    limit = settings.config.get("limit")
    complete = header.status == "success"
    results = header.results or _Outcome()
    log = Log(
        format=InspectAI.name,
        file=source.name,
        model=settings.model or source.path.stem,
        benchmark=settings.task or str(settings.dataset.name or source.path.stem),
        shots=shots,
        when=moment(settings.created),
        complete=complete and limit is None,
        why=f"status {header.status}" if not complete else f"limit {limit}" if limit is not None else "",
        facts={"task version": str(settings.task_version)} if settings.task_version is not None else {},
        arguments={name: value for name, value in arguments.items() if name not in _SHOTS},
        ids="native",
        sums=True,
    )
    for scored in results.scores:
        for metric in scored.metrics:
            value = as_fraction(scored.metrics[metric].value)
            if metric in ("accuracy", "mean") and value is not None:
                log.scores.append(Score(scored.name or scored.scorer, "", value))
    headline = (results.headline or {}).get("score") or (results.headline or {}).get("scorer")
    if isinstance(headline, str):
        log.primary = (headline, "")
    if not complete:
        log.notes.append(f"the run did not end well (status {header.status})")
    return log


def _rows(samples: list[_Sample], log: Log, rows: RowSink) -> None:
    """One row a sample, epoch and scorer; a sample that was retried counts once, as last logged."""
    latest = {(str(sample.id), str(sample.epoch)): sample for sample in samples}
    if len(latest) < len(samples):
        log.notes.append(f"{len(samples) - len(latest)} samples are logged more than once; the last counts")
    scorers = list(dict.fromkeys(name for sample in latest.values() for name in _numbers(sample, log)))
    unscored = 0
    for position, ((item, _), sample) in enumerate(latest.items()):
        values = _numbers(sample, log)
        unscored += all(value is None for value in values.values())
        digest = text_hash(_start(sample.input), _start(sample.target)) if sample.input is not None else None
        options = len(sample.choices) if isinstance(sample.choices, list) and len(sample.choices) > 1 else None
        for scorer in scorers:
            rows.add(0, item, scorer, values.get(scorer), digest=digest, options=options, row=position)
    log.order = [(scorer, "") for scorer in scorers]
    log.n_questions = len({item for item, _ in latest})
    log.has_rows = bool(scorers)
    log.notes = list(dict.fromkeys(log.notes))
    if unscored and len(latest) > log.n_questions:
        log.notes.append(f"{unscored} of {len(latest)} samples have no score; they count neither as right nor as wrong")


def _start(text: Any) -> str:
    """The beginning of a text, which summaries keep, without blanks at the ends."""
    return text.strip()[:_SUMMARY_OF_INPUT].strip() if isinstance(text, str) else repr(text)[:_SUMMARY_OF_INPUT]


def _numbers(sample: _Sample, log: Log) -> dict[str, float | None]:
    """Values of a sample's scorers by Inspect's own mapping; a scorer of several values becomes scorer/value."""
    found: dict[str, float | None] = {}
    for scorer, score in (sample.scores or {}).items():
        if isinstance(score.value, dict):
            found |= {f"{scorer}/{name}": _number_of(value, log) for name, value in score.value.items()}
        else:
            found[scorer] = _number_of(score.value, log)
    return found


def _number_of(value: Any, log: Log) -> float | None:
    if isinstance(value, str):
        known = _VALUES.get(value, _VALUES.get(value.lower()))
        if known is not None:
            return known
        try:
            return as_fraction(float(value))
        except ValueError:
            note = f"the score '{value[:40]}' is none of C, P, I, N, yes, no or a number; unscored"
            if len(log.notes) < 20:
                log.notes.append(note)
            return None
    return as_fraction(value)
