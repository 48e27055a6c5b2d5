"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.pool import Pool
from bayes_cod.readers.detect import read_any
from bayes_cod.readers.stage import cache_folder
from bayes_cod.registry import WITH_PRIOR, is_bayesian, is_stack

if TYPE_CHECKING:
    from bayes_cod.evaluation.recalibration import Recalibration
    from bayes_cod.models.cod.learnt_prior import LearntPrior

BUNDLED = "microladder"
DEFAULT_METHOD = "bayes-cod"
FORECAST_NAMES = {"flp": "bayes-flp", "flp-published": "flp"}
"""Names of methods that mean something else in `forecast` than in a back-test, where `flp` is the published form."""


def open_ladder(name: str, models: Path | None = None) -> Ladder:
    """Read a ladder from a path (tables or logs), or the bundled one: ``microladder`` or ``microladder:PART``.

    Parameters
    ----------
    name
        Path or name.
    models
        Models table of a folder of logs.
    """
    bundled, _, part = name.partition(":")
    if bundled == BUNDLED and not Path(name).exists():
        from bayes_cod.datasets import microladder

        return microladder(part or "main")  # type: ignore[arg-type]  # refuses another part
    return read_any(name, models=models, cache=cache_folder(None))


def open_pool(choice: str) -> Pool:
    """Read `--pool`: others, none or a path."""
    if choice == "none":
        return None
    return "others" if choice == "others" else open_ladder(choice)


def check_seed(seed: int) -> None:
    """Refuse a seed that NumPy can't take."""
    if seed < 0:
        raise InputError(f"--seed is {seed}; give a whole number of at least 0")


def given_settings(draws: int | None, chains: int | None) -> dict[str, Any]:
    """What of `--draws` and `--chains` was given, by the name of the sampler's setting."""
    return {name: value for name, value in (("draws", draws), ("chains", chains)) if value is not None}


def sampling_settings(method: str, draws: int | None, chains: int | None) -> dict[str, Any]:
    """Settings of a method from `--draws` and `--chains`; none where neither was given."""
    given = given_settings(draws, chains)
    if given and is_stack(method):
        return {"sampling": given}  # each member that samples has a default of its own to put them into
    if not given or not is_bayesian(method):
        return given  # a point method refuses them by name
    from bayes_cod.registry import default_sampler  # loads PyMC

    return {"sampler": replace(default_sampler(method), **given)}


def open_prior(file: Path | None, methods: Sequence[str]) -> LearntPrior | None:
    """Read `--prior`; None where it was not given.

    Raises
    ------
    InputError
        If none of the methods takes a prior, or for a file that is not one.
    """
    if file is None:
        return None
    if not set(methods) & set(WITH_PRIOR):
        raise InputError(
            f"--prior is for {' and '.join(WITH_PRIOR)}; {', '.join(methods[:3])} can't use one, so leave it out or "
            "choose another --method"
        )
    from bayes_cod.models.cod.learnt_prior import LearntPrior

    return LearntPrior.load(file)


def open_recalibration(folders: Sequence[Path] | None, method: str) -> Recalibration | None:
    """Learn from the back-tests of `--recalibrate` what a method's intervals are scaled by; None where none is given.

    Raises
    ------
    InputError
        For a folder without a back-test, a forecast that is in two of them, or without intervals of the method.
    """
    return open_recalibrations(folders, [method]).get(method)


def open_recalibrations(folders: Sequence[Path] | None, methods: Sequence[str]) -> dict[str, Recalibration]:
    """The same for some methods: of each that has intervals in the back-tests, and at least of one."""
    if not folders:
        return {}
    from bayes_cod.evaluation.recalibration import Recalibration, read_cells, scored_methods

    cells = read_cells(folders)
    scored = scored_methods(cells)
    known = [name for name in methods if name in scored] or methods[:1]  # the latter is refused by name
    return {name: Recalibration.learn(cells, name) for name in known}
