"""Logs of OpenCompass: ``results/<model>/<dataset>.json``, in percent, with details where they were dumped.

Scores are percent always, 0.8 too. Where details and the stated score disagree, that is noted and the details count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bayes_cod.readers.base import Log, RowSink, Score, Source, as_fraction, moment, prompt_number, text_hash
from bayes_cod.readers.limits import Damaged, decode, decode_part, read_bytes

PERCENT = 100.0
_CORRECT = ("correct", "is_correct")
_RUN = re.compile(r"\d{8}_\d{6}")
_FILE = msgspec.json.Decoder(dict[str, msgspec.Raw])
_PREFERRED = ("accuracy", "score", "exact_match", "pass@1", "humaneval_pass@1", "f1")


class OpenCompass:
    """OpenCompass."""

    name = "OpenCompass"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        inside = file.resolve().parent.parent.name == "results"
        return inside and file.suffix == ".json" and re.match(rb'\s*\{\s*"', start) is not None

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        return ()

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        above = file.resolve().parents
        if len(above) > 2 and above[1].name == "predictions":
            return (above[2] / "results").is_dir()
        return len(above) > 1 and above[0].name in ("summary", "configs", "logs") and (above[1] / "results").is_dir()

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        entries = decode(read_bytes(source.path, source.limits), _FILE)
        run = next((part for part in reversed(source.path.resolve().parts) if _RUN.fullmatch(part)), "")
        log = Log(
            format=OpenCompass.name,
            file=source.name,
            model=source.path.resolve().parent.name,
            benchmark=source.path.stem,
            when=moment(f"{run[:4]}-{run[4:6]}-{run[6:8]}T{run[9:11]}:{run[11:13]}:{run[13:15]}") if run else "",
        )
        details = entries.pop("details", None)
        for name, raw in entries.items():
            value = as_fraction(decode_part(raw))
            if value is not None:
                log.scores.append(Score(name, "", value / PERCENT))
        ranked = sorted(log.scores, key=lambda score: _rank(score.metric))
        log.order = [(score.metric, "") for score in ranked]
        if details is not None:
            _rows(details, log, source, rows)
        if not log.scores and not log.has_rows:
            raise Damaged("neither a score nor details")
        return [log]


def _rank(metric: str) -> int:
    return _PREFERRED.index(metric) if metric in _PREFERRED else len(_PREFERRED)


def _rows(raw: msgspec.Raw, log: Log, source: Source, rows: RowSink) -> None:
    details = decode_part(raw)
    if isinstance(details, dict):
        entries = [(key, entry) for key, entry in details.items() if isinstance(entry, dict)]
    elif isinstance(details, list):
        entries = [(str(index), entry) for index, entry in enumerate(details) if isinstance(entry, dict)]
    else:
        source.damaged("its details are neither a mapping nor a list")
        return
    metric = log.order[0][0] if log.order else "accuracy"
    unscored = 0
    for position, (key, entry) in enumerate(entries):
        marks = next((entry[name] for name in _CORRECT if name in entry), None)
        values = [as_fraction(mark) for mark in (marks if isinstance(marks, list) else [marks])]
        scored = [value for value in values if value is not None]
        unscored += not scored
        prompt = entry.get("prompt")
        number = prompt_number(text_hash(str(prompt))) if prompt is not None else None
        total = sum(scored) if scored else None
        rows.add(0, str(entry.get("example_abbr") or key), metric, total, n=len(scored), prompt=number, row=position)
    if unscored == len(entries):
        log.notes.append("its details do not say which answers are right; the stated score counts")
        rows.counts.clear()
        return
    log.order = [(metric, ""), *[pair for pair in log.order if pair[0] != metric]]
    log.primary = (metric, "")
    log.n_questions = len(entries)
    log.has_rows = True
    if unscored:
        log.notes.append(f"{unscored} of {len(entries)} details do not say whether the answer is right; unscored")
