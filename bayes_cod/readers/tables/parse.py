"""Text to a table of text: separators, quotation marks, headers and rows as a person counts them."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.files import Sheet
from bayes_cod.readers.tables.limits import LONGEST_LINE, MOST_COLUMNS
from bayes_cod.readers.tables.names import field_of, is_free_text

SEPARATORS = (",", ";", "\t", "|")
TEXT = pd.StringDtype(na_value=np.nan)
_TYPES = {pa.string(): TEXT, pa.large_string(): TEXT}


@dataclass(frozen=True)
class _Rows:
    """Fields of every row and the line each begins at."""

    fields: list[list[str]]
    lines: list[int]


def parse(data: bytes, file: Path) -> Sheet:
    r"""Parse a table of text.

    Parameters
    ----------
    data
        UTF-8 with ``\n`` as line end.
    file
        Named in errors.

    Returns
    -------
    Sheet
        With text, stripped of blanks around it; an empty field is missing.

    Raises
    ------
    InputError
        For a table without header or rows, columns without a name or with the same one, rows with more fields than
        the header, and quotation marks that are never closed.
    """
    header_at, separator, header = _header(data, file)
    body_at = data.find(b"\n", header_at) + 1
    body = data[body_at:].rstrip(b"\n \t") if body_at else b""
    if not body.strip():
        raise InputError("the table has a header but no rows; add rows or remove the file", file=file)
    first = data.count(b"\n", 0, body_at) + 1
    frame = None
    if b'"' not in body and b"\n\n" not in body and not body.startswith(b"\n"):
        frame = _fast(body, separator, header, first)
    notes: tuple[str, ...] = ()
    if frame is None:
        frame, notes = _careful(body.decode(), separator, header, first, file)
    frame, more = _without_headers(frame, header, file)
    frame, dropped = _without_nameless(frame, header, file)
    return Sheet(file, frame, separator, (*notes, *more, *dropped))


def read_header(start: bytes, file: Path) -> tuple[list[str], str]:
    """Column names and separator from the beginning of a file of text."""
    text = start.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    _, separator, header = _header(text, file)
    return header, separator


def _header(data: bytes, file: Path, *, remarked: bool = False) -> tuple[int, str, list[str]]:
    """Where the header begins, what separates its fields, and the fields."""
    start = 0
    while start < len(data) and data[start : start + 1].isspace() and data[start : start + 1] != b"\t":
        start += 1
    if start >= len(data) or not data.strip():
        raise InputError("the file is empty; expected a header and at least one row", file=file)
    stop = data.find(b"\n", start)
    line = data[start : stop if stop >= 0 else len(data)].decode()
    if re.fullmatch(r'"?sep=.?"?', line.strip()) and stop >= 0:  # a spreadsheet's remark on its separator
        if remarked:
            raise InputError("the remark on the separator stands twice; keep one", file=file, row=2)
        at, separator, header = _header(data[stop + 1 :], file, remarked=True)
        return stop + 1 + at, separator, header
    best, fields, score = ",", [line], (-1, -1)
    for separator in SEPARATORS:
        split = [name.strip() for name in _split(line, separator, file)]
        known = sum(field_of(name) is not None for name in split)
        if len(split) > 1 and (known, len(split)) > score:
            best, fields, score = separator, split, (known, len(split))
    fields = [name.strip() for name in fields]
    while len(fields) > 1 and not fields[-1]:
        fields.pop()  # a spreadsheet's empty columns; what they hold is looked at with the rows
    if len(fields) > MOST_COLUMNS:
        raise InputError(f"the table has {len(fields):,} columns; at most {MOST_COLUMNS:,} are read", file=file)
    named_fields = [name for name in fields if name]
    for name in named_fields:
        if named_fields.count(name) > 1:
            raise InputError("the column appears twice; keep one", file=file, column=name)
    return start, best, fields


def _split(line: str, separator: str, file: Path) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [""])
    except csv.Error as error:
        raise InputError(f"the header can't be read ({error}); repair it", file=file, row=1) from None


def _fast(body: bytes, separator: str, header: list[str], first: int) -> pd.DataFrame | None:
    """Rows of a table without quotation marks and blank lines; None where a row has another number of fields."""
    names = [str(position) for position in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(body),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=8 * LONGEST_LINE, use_threads=False),
            parse_options=arrow_csv.ParseOptions(delimiter=separator, quote_char=False, ignore_empty_lines=False),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = [pc.utf8_trim_whitespace(column) for column in table.columns]
    columns = [pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column) for column in columns]
    frame: pd.DataFrame = pa.table(columns, names=names).to_pandas(types_mapper=_TYPES.get)
    frame.columns = pd.Index(header)
    frame.index = pd.RangeIndex(first, first + len(frame))
    return frame


def _careful(
    body: str, separator: str, header: list[str], first: int, file: Path
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows of any table, one by one, with all faults of their shape."""
    rows = _rows(body, separator, first, file)
    if not rows.fields:
        raise InputError("the table has a header but no rows; add rows or remove the file", file=file)
    notes: tuple[str, ...] = ()
    several = [line for line, after in zip(rows.lines, [*rows.lines[1:], 0], strict=True) if after - line > 1]
    if '"' in body and (several or _ends_open(body)):
        literal = _literal(body, separator, len(header), first)
        if literal is not None:
            notes = _stray_quotes(literal, header, file)
            rows = literal
        else:
            long = _swallowing(rows, body, first)
            if long is not None:
                raise InputError(
                    "a quotation mark is opened here and not closed in this row; close it or remove it",
                    file=file,
                    row=long,
                )
    width = len(header)
    longer = [
        (line, len(fields))
        for fields, line in zip(rows.fields, rows.lines, strict=True)
        if len(fields) > width and any(field.strip() for field in fields[width:])
    ]
    if longer:
        more = f" ({len(longer)} such rows)" if len(longer) > 1 else ""
        raise InputError(
            f"the row has {longer[0][1]} fields, more fields than the header's {width}{more}; name every column, or "
            "put text that holds the separator into quotation marks",
            file=file,
            row=longer[0][0],
        )
    table = [[field.strip() for field in fields[:width]] + [""] * (width - len(fields)) for fields in rows.fields]
    frame = pd.DataFrame(table, columns=pd.Index(header), index=rows.lines, dtype=TEXT)
    return frame.mask(frame == ""), notes


def _rows(body: str, separator: str, first: int, file: Path) -> _Rows:
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=separator)
    fields, lines, before = [], [], 0
    try:
        for row in reader:
            if any(field.strip() for field in row):
                fields.append(row)
                lines.append(first + before)
            before = reader.line_num
    except csv.Error as error:
        raise InputError(f"not a readable table ({error}); repair the row", file=file, row=first + before) from None
    return _Rows(fields, lines)


def _literal(body: str, separator: str, width: int, first: int) -> _Rows | None:
    """Rows with quotation marks as plain text; None unless every line then has the header's number of fields."""
    fields, lines = [], []
    for position, line in enumerate(body.split("\n")):
        if not line.strip():
            continue
        row = line.split(separator)
        if len(row) != width:
            return None
        fields.append(row)
        lines.append(first + position)
    return _Rows(fields, lines)


def _stray_quotes(rows: _Rows, header: list[str], file: Path) -> tuple[str, ...]:
    """Take quotation marks that are never closed as text in question ids, and nowhere else."""
    found = []
    for fields, line in zip(rows.fields, rows.lines, strict=True):
        for name, value in zip(header, fields, strict=True):
            if value.count('"') % 2:
                if not is_free_text(name):
                    raise InputError(
                        "not a readable CSV field: a quotation mark is opened and never closed; remove it",
                        file=file,
                        row=line,
                        column=name,
                    )
                found.append(line)
    shown = ", ".join(map(str, found[:5])) + (" and more" if len(found) > 5 else "")
    return (f"{file.name}: quotation marks that are never closed (rows {shown}) were read as part of the text",)


def _ends_open(body: str) -> bool:
    return body.count('"') % 2 == 1


def _swallowing(rows: _Rows, body: str, first: int) -> int | None:
    """The first row whose quoted field runs over several lines that look like rows, or is open at the end."""
    ends = [*rows.lines[1:], first + body.count("\n") + 1]
    typical = int(np.median([len(fields) for fields in rows.fields]))
    for fields, line, after in zip(rows.fields, rows.lines, ends, strict=True):
        breaks = sum(field.count("\n") for field in fields)
        if breaks and (len(fields) != typical or after - line > 3):
            return line
    return rows.lines[-1] if _ends_open(body) else None


def _without_headers(frame: pd.DataFrame, header: list[str], file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out rows that repeat the header, as joined files have them."""
    again = frame.iloc[:, 0].eq(header[0]).fillna(False).to_numpy(dtype=bool)
    if not again.any() or not header[0]:
        return frame, ()
    for position, name in enumerate(header):
        if name:
            again = again & frame.iloc[:, position].eq(name).fillna(False).to_numpy(dtype=bool)
    if not again.any():
        return frame, ()
    rows = [str(row) for row in frame.index[again][:5]]
    if again.all():
        raise InputError("the table has a header but no rows; add rows or remove the file", file=file)
    more = f" and {int(again.sum()) - 5} more" if again.sum() > 5 else ""
    return frame[~again], (f"{file.name}: the header stands again in row {', '.join(rows)}{more}; skipped",)


def _without_nameless(frame: pd.DataFrame, header: list[str], file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out columns without a name that hold nothing, or the row numbers that pandas writes."""
    nameless = [position for position, name in enumerate(header) if not name]
    notes = []
    for position in nameless:
        values = frame.iloc[:, position]
        if position == 0 and _counts_up(values):
            notes.append(f"{file.name}: the first column has no name and counts the rows; left out")
        elif values.notna().any():
            raise InputError(
                f"column {position + 1} has values but no name; name it or remove it",
                file=file,
                row=int(frame.index[values.notna()][0]),
            )
    kept = [position for position in range(len(header)) if position not in set(nameless)]
    return frame.iloc[:, kept], tuple(notes)


def _counts_up(values: pd.Series) -> bool:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    return bool(np.isfinite(numbers).all() and (np.diff(numbers) == 1).all() and numbers[0] in (0, 1))
