"""One file to a table under the field's names; trial-level rows are counted, large ones on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.readers.tables import trials
from bayes_cod.readers.tables.columns import Table, kinds, understand
from bayes_cod.readers.tables.files import Sheet, ending
from bayes_cod.readers.tables.limits import AGGREGATED_FROM
from bayes_cod.readers.tables.names import Field, fields_of
from bayes_cod.readers.tables.parse import read_header
from bayes_cod.readers.tables.sheets import open_parquet, read_sheet
from bayes_cod.readers.tables.text import PARQUET, first_bytes, size_of

ROWS_ON_DISK = 2_000_000
_WHOLE = 1e-6


def load(file: Path) -> tuple[Table, list[InputError]]:
    """Read one file's table.

    Returns
    -------
    tuple
        The table (rows of single trials already counted), and what can't be used.

    Raises
    ------
    InputError
        If the file is no readable table.
    """
    large = _large_trials(file)
    if large is not None:
        fields, separator = large
        counted = trials.count_large(file, fields, separator)
        rows = counted.attrs["n_rows"]
        written = {found.name: column for column, found in fields.items()}
        note = f"{file.name}: {rows:,} rows of one trial each were counted into {len(counted):,} questions and models"
        table, faults = understand(Sheet(file, counted.set_axis(range(1, len(counted) + 1)), notes=(note,)))
        return Table(file, table.frame, {**table.written, **written}, table.notes), faults
    table, faults = understand(read_sheet(file))
    if faults:
        return table, faults
    table = _counts_from_rates(table)
    if kinds(table.columns) == ["trials"]:
        return trials.count(table)
    return table, []


def _large_trials(file: Path) -> tuple[dict[str, Field], str] | None:
    """Columns and separator of a trial-level file that is too large for memory; None for all others."""
    start = first_bytes(file)
    if start.startswith(PARQUET):
        found = open_parquet(file)
        if found.metadata.num_rows < ROWS_ON_DISK:
            return None
        header, separator = [str(name) for name in found.schema_arrow.names], ""
    else:
        if size_of(file) < AGGREGATED_FROM or ending(file) not in (".csv", ".tsv"):
            return None
        header, separator = read_header(start, file)
    fields = fields_of(header)
    names = {found.name for found in fields.values()}
    return (fields, separator) if kinds(names) == ["trials"] else None


def _counts_from_rates(table: Table) -> Table:
    """Fill n_correct of a table of items from `correct` or a rate, where it has n_trials."""
    frame = table.frame
    if "question_id" not in frame or "n_trials" not in frame or "n_correct" in frame:
        return table
    if "correct" in frame:
        counts = pd.to_numeric(frame["correct"], errors="coerce")
        return table.with_frame(frame.assign(n_correct=counts), f"{table.file.name}: 'correct' is read as n_correct")
    if "score" not in frame:
        return table
    product = frame["score"] * frame["n_trials"]
    counts = product.round()
    near = (product - counts).abs() <= _WHOLE * np.maximum(frame["n_trials"], 1)
    return table.with_frame(
        frame.assign(n_correct=counts.where(near, product)),
        f"{table.file.name}: n_correct is '{table.column('score')}' times n_trials",
    )
