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
from bayes_cod.results.result import Run

FORECAST_FILES = ("forecast.csv", "forecast.nc", "posterior.nc", "diagnostics.csv", "run.json", "report.html")

Writer = Callable[[Path], None]


def check_folder(out: Path, names: str = "a folder to write to") -> None:
    """Refuse an output folder that can't be one, before any work is done; `names` is what --out should name.

    Raises
    ------
    InputError
        If it is a file, or its parent is.
    """
    for place in (out, *out.parents):
        if place.is_dir():
            return
        if place.exists():
            raise InputError(f"this is a file; --out names {names}", file=place)


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
        raise InputError(f"cannot be written to ({error.strerror}); choose another --out", file=out) from None
    try:
        for name, write in writers.items():
            write(part / name)
        out.mkdir(exist_ok=True)
        for name in writers:
            (part / name).replace(out / name)
        for name in set(known) - set(writers):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror}); choose another --out", file=out) from None
    finally:
        shutil.rmtree(part)


def write_run(run: Run, out: Path, report: str) -> None:
    """Write a forecast's files.

    Parameters
    ----------
    run
        The forecast.
    out
        Folder for forecast.csv, forecast.nc, run.json, report.html and, where the method samples, posterior.nc
        and diagnostics.csv.
    report
        The report as HTML.
    """
    posterior, diagnostics = run.posterior, run.diagnostics
    writers: dict[str, Writer] = {
        "forecast.csv": lambda file: run.forecast.summary().to_csv(file, index=False),
        "forecast.nc": run.forecast.save,
    }
    if posterior is not None:
        writers["posterior.nc"] = lambda file: posterior.to_netcdf(file, engine="h5netcdf")
    if diagnostics is not None:
        writers["diagnostics.csv"] = lambda file: diagnostics.to_csv(file, index=False)
    writers["run.json"] = lambda file: write_json(run.record(), file)
    writers["report.html"] = lambda file: _write_text(report, file)
    write_together(out, writers, known=FORECAST_FILES)


def write_json(record: Mapping[str, Any], file: Path) -> None:
    """Write a record as JSON; NaN and infinity, which JSON has not, become null."""
    _write_text(json.dumps(_plain(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n", file)


def _write_text(text: str, file: Path) -> None:
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
