"""What a reader of logs is, and the one shape that every format is brought to.

A reader turns one file (with its companions) into `Log` records, one for each model and benchmark evaluated, and rows
in a `RowSink`, one for each question, metric and filter: how many trials were scored and what they summed to. Nothing
is chosen here: `bayes_cod.readers.choose` picks metric, filter and run afterwards, over all models at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from bayes_cod.errors import InputError
from bayes_cod.readers.limits import Limits

NO_FILTER = ""
BATCH = 65_536

SCHEMA = pa.schema(
    [
        ("log", pa.string()),
        ("item", pa.string()),
        ("hash", pa.string()),
        ("metric", pa.string()),
        ("filter", pa.string()),
        ("n", pa.int32()),
        ("total", pa.float64()),
        ("loss", pa.float64()),
        ("options", pa.int32()),
        ("prompt", pa.int64()),
        ("row", pa.int64()),
    ]
)


class Score(msgspec.Struct, frozen=True):
    """A score that a log states itself.

    Attributes
    ----------
    metric, filter
        As the log names them; an empty filter where there is none.
    value
        A fraction.
    """

    metric: str
    filter: str
    value: float


class Log(msgspec.Struct):
    """One evaluation of one model on one benchmark.

    Attributes
    ----------
    format, file
        Which reader read it from where (relative to the folder given).
    model, benchmark
        As the log names them.
    revision
        Checkpoint of the model, where the log tells it.
    shots
        Examples in the prompt.
    when
        Time of the evaluation as text that sorts by time; empty where unknown.
    complete, why
        False for a part of the benchmark or a run that failed, and why.
    primary
        Metric and filter that the log itself calls its main ones.
    order
        Metrics and filters in the log's own order, as (metric, filter).
    lower_is_better
        Metrics of which less is better.
    scores
        What the log states.
    n_questions
        Questions answered, as stated.
    facts
        What has to agree between models for their results to be comparable (task version, hash, ...).
    arguments
        What tells apart evaluations under one name (task arguments).
    parts
        For a group: names of the benchmarks that it averages.
    group
        The group that the benchmark is a part of.
    ids
        What an item's id is: ``position`` in a file, or ``native`` to the data set.
    sums
        Whether several rows of an item are repeated trials, to be added; otherwise the last one counts.
    has_rows
        Whether there are rows.
    params
        Number of parameters that the log states.
    rescored
        Filters whose repeated answers were scored one by one, so that the stated score knows only the first.
    filter_notes
        What the reader decided about one filter, by its name.
    notes
        What the reader decided or found, without the place.
    """

    format: str
    file: str
    model: str
    benchmark: str
    revision: str = ""
    shots: int | None = None
    when: str = ""
    complete: bool = True
    why: str = ""
    primary: tuple[str, str] | None = None
    order: list[tuple[str, str]] = []
    lower_is_better: list[str] = []
    scores: list[Score] = []
    n_questions: int | None = None
    facts: dict[str, str] = {}
    arguments: dict[str, str] = {}
    parts: list[str] = []
    group: str = ""
    ids: str = "position"
    sums: bool = False
    has_rows: bool = False
    params: float | None = None
    rescored: list[str] = []
    filter_notes: dict[str, str] = {}
    notes: list[str] = []
    uid: str = ""


class Problem(msgspec.Struct, frozen=True):
    """Damage in a file: where, how many more like it, and what."""

    file: str
    message: str
    line: int | None = None
    more: int = 0

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}, line {self.line}"
        more = f" (and {self.more} more lines)" if self.more else ""
        return f"{place}: {self.message}{more}; the rest was read"


class RowSink:
    """Rows of one source, written to a Parquet file in batches so that memory stays bounded.

    Parameters
    ----------
    file
        Parquet file to write; made with the first row.
    uid
        Prefix that makes the source's logs unique.
    """

    def __init__(self, file: Path, uid: str) -> None:
        self._file, self._uid = file, uid
        self._writer: Any = None
        self._columns: list[list[Any]] = [[] for _ in SCHEMA]
        self.counts: dict[int, int] = {}

    def add(
        self,
        log: int,
        item: str,
        metric: str,
        total: float | None,
        *,
        n: int = 1,
        digest: str | None = None,
        filter: str = NO_FILTER,
        loss: float | None = None,
        options: int | None = None,
        prompt: int | None = None,
        row: int = 0,
    ) -> None:
        """Add one question's result under one metric and filter.

        Parameters
        ----------
        log
            Position in the list of logs that the reader returns.
        item
            The question's id.
        metric, filter
            As the log names them.
        total
            Sum of the trials' scores; None where no trial was scored.
        n
            Trials scored.
        digest
            Hash of the question's content.
        loss
            Bits per byte of the right answer.
        options
            Number of answers to choose from.
        prompt
            Number that tells prompts apart.
        row
            Position in the file.
        """
        unscored = total is None
        values = (
            f"{self._uid}:{log}",
            item,
            digest,
            metric,
            plain_filter(filter),
            0 if unscored else n,
            None if unscored else float(total or 0.0),
            loss,
            options,
            prompt,
            row,
        )
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self.counts[log] = self.counts.get(log, 0) + 1
        if len(self._columns[0]) >= BATCH:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if not self._columns[0]:
            return
        arrays = [pa.array(column, type=field.type) for column, field in zip(self._columns, SCHEMA, strict=True)]
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd")
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
        self._columns = [[] for _ in SCHEMA]


class Source(msgspec.Struct):
    """What a reader is given: a file, its place below the folder that was asked for, and a list for damage found."""

    path: Path
    name: str
    limits: Limits
    problems: list[Problem] = []
    strict: bool = False

    def damaged(self, message: str, line: int | None = None, file: str | None = None) -> None:
        """Note damage; further lines of one file are counted on the first one's note.

        Raises
        ------
        InputError
            If nothing may be damaged.
        """
        name = self.name if file is None else file
        if self.strict:
            raise InputError(f"{message}; repair or remove it", file=name, row=line)
        for index, earlier in enumerate(self.problems):
            if line is not None and earlier.file == name and earlier.line is not None:
                self.problems[index] = Problem(name, earlier.message, earlier.line, earlier.more + 1)
                return
        self.problems.append(Problem(name, message, line))


class Reader(Protocol):
    """A format of logs."""

    name: str

    def detect(self, file: Path, start: bytes) -> bool:
        """Whether a file, by its name and first bytes, is a log of this format or states its scores."""

    def companions(self, file: Path) -> Sequence[Path]:
        """Other files that are read with it."""

    def belongs(self, file: Path, start: bytes) -> bool:
        """Whether a file that is no log is a by-product of this format, not worth a word."""

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """Read one file; damage is noted in the source, and what can be read is.

        Raises
        ------
        Damaged
            If nothing of it can be read.
        """


def plain_filter(name: str) -> str:
    """A filter's name; that of no filter, which harnesses call ``none``, is empty."""
    return NO_FILTER if name == "none" else name


def text_hash(*parts: str) -> str:
    """SHA-256 of texts, as hexadecimal digits."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def prompt_number(digest: str) -> int | None:
    """A 63-bit number from a prompt's hash."""
    try:
        return int(digest[:15], 16)
    except ValueError:
        return None


def as_fraction(value: Any) -> float | None:
    """A score as a number: numbers and truth values as they are, anything else (also NaN) None."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float) and abs(value) < 1e300:
        return float(value)
    return None


def moment(value: Any) -> str:
    """A time as text that sorts by time: ISO dates lose their separators, seconds since 1970 become ISO dates."""
    from datetime import UTC, datetime

    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 4e9:
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    if not isinstance(value, str):
        return ""
    try:
        return moment(float(value))
    except ValueError:
        pass
    text = value.strip()
    day, mark, clock = text.partition("T")
    if mark and clock[2:3] == "-":
        clock = clock[:8].replace("-", ":") + clock[8:]
    try:
        when = datetime.fromisoformat(f"{day}{mark}{clock}")
    except ValueError:
        return text[:40]
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")
