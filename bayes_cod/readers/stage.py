"""From files to rows on disk: each source is parsed once and kept by the hash of its content.

Reading a grown folder again parses only what is new.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bayes_cod.errors import FULL, InputError, cannot_write
from bayes_cod.readers.base import Log, Problem, Reader, RowSink, Source
from bayes_cod.readers.limits import Damaged, Limits

VERSION = "2"

Progress = Callable[[str, float], None]
"""What is being done, and the share that is done."""


class Staged(msgspec.Struct):
    """What came of one source.

    Attributes
    ----------
    logs
        Evaluations found.
    problems
        Damage.
    rows
        Parquet file of the rows; empty where there are none.
    digest
        Hash of the source's content and place.
    """

    logs: list[Log] = []
    problems: list[Problem] = []
    rows: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Job:
    """A source to parse: which reader, which file, and where below the folder asked for."""

    reader: Reader
    file: Path
    name: str

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.file.stat().st_size


_STAGED = msgspec.json.Decoder(Staged)


def stage(job: Job, folder: Path, limits: Limits, *, strict: bool) -> Staged:
    """Parse one source, or take what an earlier parse of the same content left.

    Parameters
    ----------
    job
        The source.
    folder
        Where results are kept.
    limits
        What it may cost.
    strict
        Whether any damage is an error.

    Raises
    ------
    InputError
        With `strict`, for damage; where the folder's disk is full.
    """
    try:
        digest = _digest(job)
    except OSError as error:
        return _refused(job, f"can't be read ({error.strerror or error})", "", strict)
    record, rows = folder / f"{digest}.json", folder / f"{digest}.parquet"
    kept = _kept(record, strict)
    if kept is not None:
        return kept
    source = Source(path=job.file, name=job.name, limits=limits, strict=strict)
    handle, part = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    os.close(handle)
    sink = RowSink(Path(part), digest[:16])
    try:
        logs = job.reader.read(source, sink)
        sink.close()
        for index, log in enumerate(logs):
            log.uid = f"{digest[:16]}:{index}"
            log.model, log.benchmark = _encodable(log.model), _encodable(log.benchmark)
        if sink.counts:
            Path(part).replace(rows)
        found = Staged(logs=logs, problems=source.problems, rows=str(rows) if sink.counts else "", digest=digest)
        Path(part).write_bytes(msgspec.json.encode(found))
        Path(part).replace(record)
    except Damaged as error:
        return _refused(job, str(error), digest, strict)
    except OSError as error:
        if error.errno in FULL:
            raise cannot_write(folder, error) from None
        raise
    finally:
        with suppress(OSError):
            sink.close()
        Path(part).unlink(missing_ok=True)
    return found


def _refused(job: Job, reason: str, digest: str, strict: bool) -> Staged:
    if strict:
        raise InputError(f"{reason}; repair or remove it", file=job.name)
    return Staged(problems=[Problem(job.name, reason)], digest=digest)


def _digest(job: Job) -> str:
    """Hash of what the rows depend on: reader, place, and the content of the file and its companions."""
    whole = hashlib.sha256(f"{VERSION}\0{job.reader.name}\0{job.name}".encode("utf-8", "surrogateescape"))
    for file in (job.file, *job.reader.companions(job.file)):
        with file.open("rb") as handle:
            whole.update(hashlib.file_digest(handle, "sha256").digest())
    return whole.hexdigest()[:40]


def _kept(record: Path, strict: bool) -> Staged | None:
    try:
        found = _STAGED.decode(record.read_bytes())
    except (OSError, msgspec.MsgspecError):
        return None
    if found.rows:
        found.rows = str(record.with_suffix(".parquet"))
        if not Path(found.rows).is_file():
            return None
    return None if strict and found.problems else found


def _encodable(name: str) -> str:
    """A name without the halves of characters that a file's name may leave."""
    return name.encode("utf-8", "backslashreplace").decode()


def cache_folder(asked: Path | None) -> Path | None:
    """A folder for parsed logs: the one asked for, the user's cache, or none where neither can be written to."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    for place in ([asked] if asked is not None else []) + [Path(home) / "bayes_cod" / "logs"]:
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return place
        except (OSError, ValueError):
            continue
    return None
