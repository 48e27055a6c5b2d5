"""The configuration file: what is chosen every time, so that it need not be typed every time."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bayes_cod.errors import InputError

FILE = "bayes-cod.toml"
type Known = Mapping[str, frozenset[str] | Known]
"""Options of each command by its name; of a group of commands, its commands."""


def read_config(file: Path | None, known: Known) -> dict[str, Any]:
    """Read defaults of options.

    Parameters
    ----------
    file
        What was asked for; None: `bayes-cod.toml` in this folder, if it is there.
    known
        Commands and their options.

    Returns
    -------
    dict
        Defaults by command and option, names as Python has them; empty without a file.

    Raises
    ------
    InputError
        For a file that is missing or is no TOML, and for a command or option that does not exist.
    """
    place = file or Path(FILE)
    if not place.is_file():
        if file is None:
            return {}
        raise InputError("there is no such file; give a configuration file, or leave `config` out", file=place)
    try:
        written = tomllib.loads(place.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(f"is no configuration that can be read ({error})", file=place) from None
    return _checked(written, known, place, "")


def _checked(written: Mapping[str, Any], known: Known, place: Path, inside: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in written.items():
        if name not in known:
            raise InputError(f"has a section [{inside}{name}], which is no command{_meant(name, known)}", file=place)
        options = known[name]
        if not isinstance(value, Mapping):
            raise InputError(f"gives {inside}{name} the value {value!r}; write a section [{inside}{name}]", file=place)
        if not isinstance(options, frozenset):
            found[name] = _checked(value, options, place, f"{inside}{name}.")
            continue
        found[name] = {}
        for option, chosen in value.items():
            plain = option.replace("-", "_")
            if plain not in options:
                raise InputError(
                    f"sets '{option}' in [{inside}{name}], which is no option of it{_meant(plain, options)}", file=place
                )
            found[name][plain] = chosen
    return found


def _meant(name: str, known: Known | frozenset[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; there are: {', '.join(sorted(known))}"
