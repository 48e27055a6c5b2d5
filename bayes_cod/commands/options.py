"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import typer

from bayes_cod.datasets.source import BUNDLED, read_source
from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.pool import Pool
from bayes_cod.readers.tables.numbers import numbers
from bayes_cod.readers.tables.text import size_of

if TYPE_CHECKING:
    from bayes_cod.evaluation.recalibration import Recalibration
    from bayes_cod.models.cod.learnt_prior import LearntPrior

MOST_JOBS = 4 * (os.cpu_count() or 1)
"""Jobs at a time beyond which memory runs out, and nothing gets faster."""

__all__ = [
    "MOST_JOBS",
    "BUNDLED",
    "check_seed",
    "given_settings",
    "open_ladder",
    "open_pool",
    "open_prior",
    "open_recalibrations",
    "read_thresholds",
]


def open_ladder(name: str, models: Path | None = None) -> Ladder:
    """Read a ladder from a path (tables or logs), or the bundled one: ``microladder`` or ``microladder:PART``.

    Parameters
    ----------
    name
        Path or name.
    models
        Models table of a folder of logs.
    """
    return read_source(name, models=models)


def open_pool(choice: str) -> Pool:
    """Read `--pool`: others, none or a path."""
    if choice == "none":
        return None
    return "others" if choice == "others" else open_ladder(choice)


def size(text: str) -> float:
    """Read a number that may end in K, M, B or T."""
    found = numbers(pd.Series([str(text).strip()], dtype="str"), sizes=True)
    if found.wrong:
        raise typer.BadParameter(f"{text!r} is no number; write plain digits, or 7B, 150M, 2T")
    return float(found.values.iloc[0])


def check_seed(seed: int) -> None:
    """Refuse a seed that NumPy can't take."""
    if not 0 <= seed < 2**63:
        raise InputError(f"`seed` is {seed}; give a whole number from 0 to 2^63 - 1")


def given_settings(draws: int | None, chains: int | None) -> dict[str, Any]:
    """What of `--draws` and `--chains` was given, by the name of the sampler's setting."""
    return {name: value for name, value in (("draws", draws), ("chains", chains)) if value is not None}


def open_prior(file: Path | None, methods: Sequence[str]) -> LearntPrior | None:
    """Read `--prior`; None where it was not given.

    Raises
    ------
    InputError
        If none of the methods takes a prior, or for a file that is not one.
    """
    if file is None:
        return None
    size_of(file)  # a pipe would be waited for without end
    from bayes_cod.registry import entries

    takers = [entry.name for entry in entries() if entry.takes_prior]
    if not set(methods) & {*takers, "auto"}:
        raise InputError(
            f"`prior` is for {' and '.join(takers)}; {', '.join(methods[:3])} can't use one, so leave it out or "
            "choose another `method`"
        )
    from bayes_cod.models.cod.learnt_prior import LearntPrior

    return LearntPrior.load(file)


def open_recalibrations(folders: Sequence[Path] | None, methods: Sequence[str]) -> dict[str, Recalibration]:
    """Learn from the back-tests of `--recalibrate` what intervals are scaled by, for each method that is in them.

    Raises
    ------
    InputError
        For a folder without a back-test, a forecast that is in two of them, or if none has intervals of any method.
    """
    if not folders:
        return {}
    from bayes_cod.evaluation.recalibration import Recalibration, read_cells, scored_methods

    cells = read_cells(folders)
    scored = scored_methods(cells)
    known = [name for name in methods if name in scored] or methods[:1]  # the latter is refused by name
    return {name: Recalibration.learn(cells, name) for name in known}


def read_thresholds(given: Sequence[str] | None) -> dict[str, float]:
    """Read `--threshold`: BENCHMARK=FRACTION each.

    Raises
    ------
    InputError
        For one that is no such pair.
    """
    found = {}
    for text in given or ():
        name, equals, value = text.rpartition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"`threshold` is '{text}'; give BENCHMARK=FRACTION, such as gsm8k=0.7")
    return found
