"""Where a ladder comes from: a path, or the name of a bundled one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bayes_cod.datasets import PARTS, microladder
from bayes_cod.datasets.leaderboard import leaderboard
from bayes_cod.ladder import Ladder
from bayes_cod.readers.detect import read_any
from bayes_cod.readers.stage import cache_folder

BUNDLED = "microladder"
LEADERBOARD = "leaderboard"


def read_source(
    name: str,
    *,
    models: Path | str | None = None,
    metric: str | Mapping[str, str] | None = None,
    filter: str | Mapping[str, str] | None = None,
) -> Ladder:
    """Read a ladder from a path, or a bundled one by its name.

    Bundled are ``microladder`` (also ``microladder:PART``) and ``leaderboard``. A path of the same name comes first.

    Parameters
    ----------
    name
        Path or name.
    models, metric, filter
        Of `bayes_cod.readers.logs.read_logs`, where the path holds logs of evaluation harnesses.

    Raises
    ------
    InputError
        For an unknown part, or files that cannot be used.
    """
    bundled, _, part = name.partition(":")
    if bundled == BUNDLED and not Path(name).exists():
        return microladder(part or PARTS[0])  # type: ignore[arg-type]  # refuses another part
    if name == LEADERBOARD and not Path(name).exists():
        return leaderboard()
    return read_any(name, models=models, metric=metric, filter=filter, cache=cache_folder(None))
