"""Which files of a folder are tables, which are left and why, and one file's table as it was written."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some
from bayes_cod.readers.tables.limits import MOST_FILES

PACKED = (".gz", ".gzip")
ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".json", ".jsonl", ".ndjson")
"""Endings of files that may be tables, packed or not, in capitals or not."""
SHOWN_ENDINGS = ".csv, .tsv, .parquet, .jsonl (also .gz)"


@dataclass(frozen=True)
class Sheet:
    """One file's table as it was written.

    Attributes
    ----------
    file
        Where it lies.
    frame
        Columns as the user named them, text (missing where a field is empty) or, from Parquet and JSON, typed. The
        index is the row as a person counts it: the line of a text file, the row from 1 in Parquet and JSON.
    separator
        What separates fields in a text file; "" elsewhere.
    notes
        What the reader decided.
    """

    file: Path
    frame: pd.DataFrame
    separator: str = ""
    notes: tuple[str, ...] = ()


@dataclass
class Found:
    """Files of a folder.

    Attributes
    ----------
    tables
        Files to read, by name.
    left
        File or folder (relative to the root) and why it is not read.
    faults
        What should be readable and is not.
    """

    tables: list[Path] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)


def plain_name(file: Path) -> str:
    """A file's name without its endings: ``algebra`` of ``algebra.csv.gz``."""
    name = file.name
    for endings in (PACKED, ENDINGS):
        for ending in endings:
            if name.lower().endswith(ending) and len(name) > len(ending):
                name = name[: -len(ending)]
                break
    return name


def ending(file: Path) -> str:
    """A file's ending in small letters, without what a packed file adds: ``.csv`` of ``algebra.CSV.gz``."""
    name = file.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return os.path.splitext(name)[1]


def find_tables(root: Path, chosen: Sequence[Path] | None = None) -> Found:
    """Tables in a folder, by name; or the one file given.

    Parameters
    ----------
    root
        Folder or file.
    chosen
        Files to take of the folder; all where not given.

    Raises
    ------
    InputError
        If there is none, or the path can't be opened.
    """
    mode = _mode(root)
    if stat.S_ISREG(mode):
        if ending(root) not in ENDINGS:
            raise InputError(f"not a table; expected a file ending in {SHOWN_ENDINGS}", file=root)
        return Found([root])
    if not stat.S_ISDIR(mode):
        raise InputError("neither a file nor a folder (a device, pipe or socket); give a folder of tables", file=root)
    try:
        names = sorted(os.listdir(root)) if chosen is None else sorted(path.name for path in chosen)
    except OSError as error:
        raise InputError(f"the folder can't be opened ({error.strerror}); check its rights", file=root) from None
    if len(names) > MOST_FILES:
        raise InputError(f"the folder holds {len(names):,} files; give one with at most {MOST_FILES:,}", file=root)
    found = Found()
    for name in names:
        _sort(root / name, found)
    if not found.tables and not found.faults:
        seen = f"; it holds {some([name for name, _ in found.left], 5)}" if found.left else ""
        raise InputError(f"the folder holds no table; expected files ending in {SHOWN_ENDINGS}{seen}", file=root)
    return found


def _mode(root: Path) -> int:
    try:
        return os.stat(root).st_mode
    except FileNotFoundError:
        if root.is_symlink():
            raise InputError("this link leads nowhere; repair or remove it", file=root) from None
        raise InputError("no such file or folder; give a folder of tables or one table", file=root) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no valid path"
        raise InputError(f"can't be opened ({reason}); give a folder of tables or one table", file=root) from None


def _sort(file: Path, found: Found) -> None:
    name = file.name
    if name.startswith((".", "~$")) or name == "__MACOSX":
        if name not in (".DS_Store", ".git"):
            found.left.append((name, "hidden"))
        return
    is_table = ending(file) in ENDINGS
    try:
        mode = file.stat().st_mode
    except OSError as error:
        if is_table:
            why = "this link leads nowhere" if file.is_symlink() else f"can't be opened ({error.strerror})"
            found.faults.append(InputError(f"{why}; repair or remove it", file=file))
        else:
            found.left.append((name, "can't be opened"))
        return
    if stat.S_ISDIR(mode):
        found.left.append((name + "/", "a folder within the folder"))
    elif not stat.S_ISREG(mode):
        found.left.append((name, "no regular file"))
    elif is_table:
        found.tables.append(file)
    elif name.lower() not in ("readme.md", "readme", "license", "license.txt", "readme.txt"):
        found.left.append((name, "not a table by its ending"))
