"""Registered forecasts: a date and hashes that show, once the truth is in, that nothing was changed since."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bayes_cod.errors import InputError
from bayes_cod.results.files import write_json

REGISTRATION = "registration.json"
HASHED = ("forecast.csv", "forecast.nc", "run.json")


@dataclass(frozen=True)
class Registration:
    """What is written down when a forecast is registered.

    Attributes
    ----------
    date
        When, in UTC (ISO 8601).
    digest
        One hash over all files: what to publish, or to send to someone who will not lose it.
    files
        Hash of each file.
    """

    date: str
    digest: str
    files: dict[str, str]


def register(folder: Path | str) -> Registration:
    """Register a saved forecast: write registration.json beside its files.

    The date is this machine's own word; whoever is to believe it must be given the digest before the truth is known.

    Raises
    ------
    InputError
        If the folder holds no saved forecast, or one that is registered already.
    """
    place = Path(folder)
    if (place / REGISTRATION).exists():
        raise InputError("is registered already; a forecast is registered once", file=place / REGISTRATION)
    made = Registration(datetime.now(UTC).isoformat(timespec="seconds"), "", _hashes(place))
    made = Registration(made.date, _digest(made.date, made.files), made.files)
    write_json({"date": made.date, "digest": made.digest, "files": made.files}, place / REGISTRATION)
    return made


def registration_of(folder: Path | str) -> Registration | None:
    """The registration of a saved forecast, checked against its files; None where it was not registered.

    Raises
    ------
    InputError
        If a file was changed since, or the registration itself.
    """
    place = Path(folder)
    file = place / REGISTRATION
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        made = Registration(str(content["date"]), str(content["digest"]), dict(content["files"]))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no registration ({error})", file=file) from None
    if _digest(made.date, made.files) != made.digest:
        raise InputError("was changed after it was written: its digest is not that of its date and hashes", file=file)
    for name, known in _hashes(place).items():
        if made.files.get(name) != known:
            raise InputError("was changed after the forecast was registered", file=place / name)
    return made


def _hashes(place: Path) -> dict[str, str]:
    found = {}
    for name in HASHED:
        if not (place / name).is_file():
            raise InputError(f"holds no saved forecast ({name} is missing)", file=place)
        found[name] = hashlib.sha256((place / name).read_bytes()).hexdigest()
    return found


def _digest(date: str, files: dict[str, str]) -> str:
    text = "\n".join([date, *(f"{name} {files[name]}" for name in sorted(files))])
    return hashlib.sha256(text.encode()).hexdigest()
