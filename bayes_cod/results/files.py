"""Files of a result: all of them or none."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bayes_cod.errors import InputError

Writer = Callable[[Path], None]


def check_folder(out: Path, names: str = "a folder to write to") -> None:
    """Refuse an output folder that can't be one, before any work is done; `names` is what was asked for.

    Raises
    ------
    InputError
        If it is a file, or its parent is.
    """
    for place in (out, *out.parents):
        if place.is_dir():
            return
        if place.exists():
            raise InputError(f"this is a file; give {names}", file=place)


def write_together(out: Path, writers: Mapping[str, Writer], *, known: tuple[str, ...] = ()) -> None:
    """Write files into a folder: all are complete before the first appears there.

    Parameters
    ----------
    out
        Folder; made if missing. Its other files stay.
    writers
        What writes each file, given the path to write to.
    known
        Names that an earlier run may have left there; those not written now are removed, so that no two runs mix.

    Raises
    ------
    InputError
        If the folder can't be written to.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror}); choose another folder", file=out) from None
    try:
        for name, write in writers.items():
            write(part / name)
        out.mkdir(exist_ok=True)
        for name in writers:
            (part / name).replace(out / name)
        for name in set(known) - set(writers):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror}); choose another folder", file=out) from None
    finally:
        shutil.rmtree(part)


def write_json(record: Mapping[str, Any], file: Path) -> None:
    """Write a record as JSON; NaN and infinity, which JSON has not, become null."""
    write_text(json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n", file)


def write_text(text: str, file: Path) -> None:
    """Write text as UTF-8."""
    file.write_text(text, encoding="utf-8")


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
