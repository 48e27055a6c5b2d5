"""What names of models, families, benchmarks and targets may be, and which of them look alike."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from bayes_cod.errors import InputError

LONGEST_NAME = 200
FORMULA = ("=", "+", "-", "@")
"""Beginnings that a spreadsheet takes for a formula."""


def check_name(name: str, what: str) -> None:
    """Refuse a name that a table, a terminal or a spreadsheet would not show as it is.

    Parameters
    ----------
    name
        Of a model, family or benchmark.
    what
        Whose name it is, for the message.

    Raises
    ------
    InputError
        If it is blank, too long, holds control characters, or begins as a formula does.
    """
    if not name.strip():
        reason = "must not be blank"
    elif len(name) > LONGEST_NAME:
        reason = f"must not be longer than {LONGEST_NAME} characters"
    elif not name.isprintable():
        reason = "must not hold control characters"
    elif name.startswith(FORMULA):
        reason = f"must not begin with {' '.join(FORMULA)}, which starts a formula"
    else:
        return
    shown = name[:LONGEST_NAME].encode("utf-8", "backslashreplace").decode()
    raise InputError(f"the name of {what} '{shown}' {reason}; choose another")


def clean(name: str) -> str:
    """A name without blanks around it, its letters composed: two ways to write é are one."""
    return unicodedata.normalize("NFC", name).strip()


def skeleton(name: str) -> str:
    """What is left of a name without capitals, separators beside letters and leading zeros."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    plain = re.sub(r"(?<![0-9])[\s_\-/]+|[\s_\-/]+(?![0-9])", "", plain)
    plain = re.sub(r"[\s_\-/]+", "-", plain)
    return re.sub(r"(?<![0-9.])0+(?=[0-9])", "", plain)


def alike(names: Iterable[str]) -> list[tuple[str, ...]]:
    """Groups of different names that look alike."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(skeleton(name), []).append(name)
    return [tuple(sorted(group)) for group in groups.values() if len(group) > 1]


_SIZE = re.compile(r"[\-_ .]*\d+(?:\.\d+)?\s*[kmbt]?(?![a-z]).*$", re.IGNORECASE)


def stem(name: str) -> str:
    """A model's name up to the size in it: ``atlas`` of ``atlas-7b``; the whole name where there is none."""
    return _SIZE.sub("", name) or name


def some(names: Sequence[str], most: int = 4) -> str:
    """The first few of many names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
