"""Files of a result: all of them or none."""

from __future__ import annotations

import fcntl
import io
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.errors import InputError, cannot_write

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet takes for a formula."""

Writer = Callable[[Path], None]


def check_folder(out: Path, names: str = "a folder to write to") -> None:
    """Refuse an output folder that can't be one, before any work is done; `names` is what was asked for.

    Raises
    ------
    InputError
        If it or a parent is a file, or nothing can be written there.
    """
    try:
        for place in (out, *out.parents):
            if place.is_dir():
                with tempfile.TemporaryDirectory(prefix=".bayes_cod.", dir=place):
                    return
            if place.exists():
                raise InputError(f"this is a file; give {names}", file=place)
            if place.is_symlink():
                raise InputError("this link leads nowhere; choose another folder", file=place)
    except (OSError, ValueError) as error:
        raise cannot_write(out, error) from None


def write_together(out: Path, writers: Mapping[str, Writer], *, known: tuple[str, ...] = ()) -> None:
    """Write files into a folder: all are complete before the first appears there.

    The last one says that the others are there: an earlier run's is removed before any is moved, and the new one is
    moved after all others, so that a process killed in between leaves a folder without it. Of two processes that write
    to one folder, one waits until the other's files are in place.

    They are written inside the folder itself, under a hidden name, and moved to their places: a folder may be a
    mounted volume, to which nothing can be moved from outside, or have a parent that can't be written to.

    Parameters
    ----------
    out
        Folder; made if missing. Its other files stay.
    writers
        What writes each file, given the path to write to; at least one. The last is what a reader asks for first.
    known
        Names that an earlier run may have left there; those not written now are removed, so that no two runs mix.

    Raises
    ------
    InputError
        If the folder can't be written to.
    """
    made = _missing(out)
    done = False
    try:
        out.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=out))
        try:
            for name, write in writers.items():
                write(part / name)
            *others, last = writers
            with _alone(out):
                for name in {last, *known} - set(others) if others else ():
                    (out / name).unlink(missing_ok=True)
                for name in (*others, last):
                    (part / name).replace(out / name)
            done = True
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise cannot_write(out, error) from None
    finally:
        if not done:
            _remove(made)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder against other processes of this function, where the file system has locks."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _missing(out: Path) -> list[Path]:
    """Folders that have to be made, the innermost first."""
    return [place for place in (out, *out.parents) if not place.exists()]


def _remove(folders: list[Path]) -> None:
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return  # not empty: another process has written there


def write_csv(table: pd.DataFrame, file: Path) -> None:
    """Write a table as CSV; text that a spreadsheet would take for a formula gets an apostrophe before it."""
    text = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    safe = table.assign(**{str(name): table[name].map(_no_formula, na_action="ignore") for name in text})
    safe.to_csv(file, index=False)


def _no_formula(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def write_netcdf(data: xr.DataTree | xr.Dataset, file: Path) -> None:
    """Write draws as netCDF: made in memory, since the HDF5 library ends the process where a disk runs full.

    Raises
    ------
    OSError
        If the file can't be written.
    """
    buffer = io.BytesIO()
    data.to_netcdf(buffer, engine="h5netcdf")
    with file.open("wb") as target:
        target.write(buffer.getbuffer())
        target.flush()
        os.fsync(target.fileno())


def write_json(record: Mapping[str, Any], file: Path) -> None:
    """Write a record as JSON; NaN and infinity, which JSON has not, become null."""
    write_text(as_json(record), file)


def as_json(record: Mapping[str, Any]) -> str:
    """A record as a JSON document; NaN and infinity, which JSON has not, become null."""
    return json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_text(text: str, file: Path) -> None:
    """Write text as UTF-8; half a surrogate pair, which it can't hold, is spelled out."""
    file.write_text(text, encoding="utf-8", errors="backslashreplace")


def _plain(value: Any) -> Any:
    """Values as JSON has them; NaN and infinity, which it has not, become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
