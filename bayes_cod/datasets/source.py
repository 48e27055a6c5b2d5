"""Where a ladder comes from: a path, or the name of a bundled one."""

from __future__ import annotations

from pathlib import Path

from bayes_cod.datasets import PARTS, microladder
from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import read_tables

BUNDLED = "microladder"


def read_source(name: str) -> Ladder:
    """Read a ladder from a path, or the bundled one by its name: ``microladder`` or ``microladder:PART``.

    Raises
    ------
    InputError
        For an unknown part, or files that cannot be used.
    """
    bundled, _, part = name.partition(":")
    if bundled == BUNDLED and not Path(name).exists():
        return microladder(part or PARTS[0])  # type: ignore[arg-type]  # refuses another part
    return read_tables(name)
