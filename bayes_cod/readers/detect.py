"""Which reader a path needs: logs of a harness, or tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.naming import some
from bayes_cod.readers.limits import Damaged, decode, read_bytes
from bayes_cod.readers.logs import read_survey, survey
from bayes_cod.readers.models_table import is_results_table
from bayes_cod.readers.tables import read_tables

RECORD = "import.json"
"""File that an import leaves beside its tables: what was chosen, set aside and found."""

EXPORT = "every_eval_ever/"
"""Folder of an import's Every Eval Ever records, beside its tables."""

_RECORD = msgspec.json.Decoder(dict[str, Any])


def read_any(path: Path | str, **options: Any) -> Ladder:
    """Read a ladder from logs of evaluation harnesses or from tables, whichever the path holds.

    A folder whose own files are tables of results is read as tables, and logs below it are named as not read.

    Parameters
    ----------
    path
        Folder or file.
    **options
        Of `bayes_cod.readers.logs.read_logs`; tables take none.

    Raises
    ------
    InputError
        If neither can be read, or options for logs are given with tables.
    """
    root = Path(path)
    found = survey(root)
    tables = [file for file in found.others if file.parent == root and is_results_table(file)]
    if found.jobs and not tables:
        return read_survey(found, root, **options)
    given = [name for name, value in options.items() if name in ("models", "metric", "filter") and value is not None]
    if given:
        raise InputError(f"holds tables, for which {' and '.join(given)} can't be asked; leave it out", file=root)
    ladder = _with_notes(read_tables(root), root)
    inside = [job.name for job in found.jobs if not job.name.startswith(EXPORT)]
    if not inside:
        return ladder
    note = f"{len(inside)} logs of evaluation harnesses beside the tables were not read ({some(inside)}); import them"
    return replace(ladder, notes=(*ladder.notes, note))


def _with_notes(ladder: Ladder, root: Path) -> Ladder:
    """Notes of the import that made the tables go on with them."""
    record = root / RECORD
    if not record.is_file():
        return ladder
    try:
        notes: Any = decode(read_bytes(record), _RECORD).get("notes")
    except Damaged:
        notes = None
    if not isinstance(notes, list):
        return ladder
    return replace(ladder, notes=tuple(dict.fromkeys([*ladder.notes, *(str(note) for note in notes)])))


def as_mapping(values: list[str] | None) -> str | Mapping[str, str] | None:
    """One metric for all, or ``benchmark=metric`` for some, from a list of texts."""
    if not values:
        return None
    if len(values) == 1 and "=" not in values[0]:
        return values[0]
    pairs = [value.rpartition("=") for value in values]
    if any(not mark for _, mark, _ in pairs):
        raise InputError(f"{', '.join(values)}: give one name for all benchmarks, or benchmark=name for each")
    return {benchmark: name for benchmark, _, name in pairs}
