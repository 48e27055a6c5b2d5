"""One file to a table as it was written: text of any separator, JSON, JSON lines and Parquet, told apart by content."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.files import Sheet, ending
from bayes_cod.readers.tables.limits import LONGEST_JSON, MIB, MOST_CELLS, MOST_COLUMNS, MOST_ROWS
from bayes_cod.readers.tables.parse import TEXT, parse
from bayes_cod.readers.tables.text import PARQUET, first_bytes, read_text, size_of

_JSON = (".json", ".jsonl", ".ndjson")


class NoTable(InputError):
    """A file that may be a document of another kind, and is no table."""


def read_sheet(file: Path) -> Sheet:
    """Read one file's table.

    Raises
    ------
    NoTable
        For JSON that is no list of rows.
    InputError
        If it can't be read as a table, or its table is empty.
    """
    start = first_bytes(file)
    if start.startswith(PARQUET) or ending(file) in (".parquet", ".pq"):
        return _parquet(file)
    data = read_text(file)
    if ending(file) in _JSON or (data[:1] in (b"{", b"[") and ending(file) != ".csv"):
        return _json(data, file)
    return parse(data, file)


def open_parquet(file: Path) -> pq.ParquetFile:
    """Open a Parquet file and look at its size.

    Raises
    ------
    InputError
        If it is damaged, or has too many rows or columns.
    """
    size_of(file)
    try:
        found = pq.ParquetFile(file)
        columns, rows = len(found.schema_arrow.names), int(found.metadata.num_rows)
    except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError) as error:
        raise _damaged(file, error) from None
    if columns > MOST_COLUMNS:
        raise InputError(f"the table has {columns:,} columns; at most {MOST_COLUMNS:,} are read", file=file)
    if rows > MOST_ROWS:
        raise InputError(f"the table has {rows:,} rows; at most {MOST_ROWS:,} are read", file=file)
    if rows <= 0:
        raise InputError("the table has a header but no rows; add rows or remove the file", file=file)
    return found


def _damaged(file: Path, error: Exception) -> InputError:
    return InputError(f"not a readable Parquet file ({str(error)[:200]}); write it anew", file=file)


def _parquet(file: Path) -> Sheet:
    found = open_parquet(file)
    names = list(found.schema_arrow.names)
    rows = int(found.metadata.num_rows)
    if rows * len(names) > MOST_CELLS:
        raise InputError(
            f"the table has {rows:,} rows of {len(names)} columns; give one row a question (n_trials, n_correct)",
            file=file,
        )
    for column in found.schema_arrow:
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            raise InputError(
                f"the column holds {column.type}, expected text or numbers; leave it out", file=file, column=column.name
            )
    try:
        frame = found.read().to_pandas()
    except (pa.ArrowException, OSError, MemoryError, ValueError, TypeError, KeyError) as error:
        raise _damaged(file, error) from None
    levels = [name for name in frame.index.names if name is not None]
    frame = frame.reset_index(level=levels) if levels else frame
    frame.columns = [str(column).strip() for column in frame.columns]
    repeated = [name for name in frame.columns if list(frame.columns).count(name) > 1]
    if repeated:
        raise InputError("the column appears twice; keep one", file=file, column=repeated[0])
    frame = frame.set_axis(range(1, len(frame) + 1), axis=0)
    return Sheet(file, _as_text(frame))


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as text, without blanks around it; numbers and truth values as they are; all else as text too."""
    columns = {}
    for name in frame.columns:
        values = frame[name]
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(values.cat.categories.dtype)
        if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
            columns[name] = values
            continue
        codes, distinct = pd.factorize(values, use_na_sentinel=True)  # a column of text has few distinct values
        plain = pd.Series([_plain(value).strip() for value in distinct], dtype=TEXT)
        plain = plain.mask(plain == "")
        columns[name] = plain.reindex(codes).set_axis(frame.index)  # the code of what is missing is -1
    return pd.DataFrame(columns, index=frame.index)


def _plain(value: Any) -> str:
    """A value as text; what UTF-8 can't hold (half a surrogate pair) is spelled out."""
    return str(value).encode("utf-8", "backslashreplace").decode()


def _spelled(value: Any) -> Any:
    return _plain(value) if isinstance(value, str) else value


def _json(data: bytes, file: Path) -> Sheet:
    if len(data) > LONGEST_JSON:
        raise InputError(f"JSON of more than {LONGEST_JSON // MIB} MiB; save the table as Parquet or CSV", file=file)
    if ending(file) == ".json":
        found = _loads(data.decode(), file, 1)
        records, lines = _records(found, file), None
    else:
        numbered = [(row, line) for row, line in enumerate(data.decode().split("\n"), start=1) if line.strip()]
        records = [_loads(line, file, row) for row, line in numbered]
        lines = [row for row, _ in numbered]
    if not records:
        raise InputError("the file is empty; expected at least one row", file=file)
    _check_flat(records, lines, file)
    if b"\\ud" in data.lower():  # half a surrogate pair would not be text
        records = [{_plain(name): _spelled(value) for name, value in record.items()} for record in records]
    frame = pd.DataFrame(records, index=lines or range(1, len(records) + 1))
    if len(frame.columns) > MOST_COLUMNS:
        raise InputError(f"the table has {len(frame.columns):,} columns; at most {MOST_COLUMNS:,} are read", file=file)
    frame.columns = [_plain(column).strip() for column in frame.columns]
    repeated = [name for name in frame.columns if list(frame.columns).count(name) > 1]
    if repeated:
        raise InputError("the column appears twice; keep one", file=file, column=repeated[0])
    return Sheet(file, _as_text(frame))


def _loads(text: str, file: Path, row: int) -> Any:
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        raise InputError("JSON nested too deeply, so this is no table", file=file, row=row) from None
    except ValueError as error:
        raise InputError(f"not readable JSON ({error}); repair it", file=file, row=row) from None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < 18 else float(digits)


def _records(found: Any, file: Path) -> list[Any]:
    """Rows of a JSON document: a list of objects, or an object of lists of one length."""
    if isinstance(found, list):
        return found
    if isinstance(found, dict) and found:
        columns = list(found.values())
        if all(isinstance(values, list) for values in columns) and len({len(values) for values in columns}) == 1:
            return [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)]
    raise NoTable("JSON that is no list of rows; give one object a row", file=file)


def _check_flat(records: Sequence[Any], lines: Sequence[int] | None, file: Path) -> None:
    for position, record in enumerate(records):
        row = position + 1 if lines is None else lines[position]
        if not isinstance(record, dict):
            raise NoTable("expected an object with one value a column", file=file, row=row)
        for name, value in record.items():
            if isinstance(value, dict | list):
                raise NoTable("holds lists or objects, expected one value a column", file=file, row=row, column=name)
