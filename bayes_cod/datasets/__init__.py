"""Bundled data: the micro ladder."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.resources import as_file, files
from typing import Literal

import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import read_tables

Part = Literal["main", "checkpoints", "grid", "mixtures", "mixed", "constant_lr", "all"]
PARTS: tuple[Part, ...] = ("main", "checkpoints", "grid", "mixtures", "mixed", "constant_lr", "all")

_OTHER_NAMES = {"checkpoints": "main"}

__all__ = ["PARTS", "Part", "microladder"]

# The folder of the data and the function that reads it share a name. Importing the folder first binds the name to it;
# the function then takes the name over for good.
_FOLDER = import_module("bayes_cod.datasets.microladder")


def microladder(part: Part = "main") -> Ladder:
    """Read the micro ladder: character models that this project trained itself.

    Parameters
    ----------
    part
        "main": final results of the rungs and targets, question by question, a family a seed (`micro-s0`, ...);
        "checkpoints": the same runs along training (losses and scores); "grid": other ratios of tokens to parameters;
        "mixtures": other mixtures of the training text; "mixed": these and the main runs, which have the default
        mixture, less those main runs that the former repeat; "constant_lr": runs without decay; "all": everything.

    Returns
    -------
    Ladder

    Raises
    ------
    InputError
        For another part.
    """
    if part not in PARTS:
        raise InputError(f"the micro ladder has no part '{part}'; expected one of: {', '.join(PARTS)}")
    with as_file(files(_FOLDER) / "data") as folder:
        whole = read_tables(folder)
    if part == "all":
        return whole
    kept = _mixed(whole.models) if part == "mixed" else whole.models["part"] == _OTHER_NAMES.get(part, part)
    chosen = whole.select(models=[str(name) for name in whole.models.loc[kept, "model"]])
    return _final_only(chosen) if part == "main" else chosen


def _mixed(models: pd.DataFrame) -> pd.Series:
    """Mixtures and main runs, less main runs of a width and seed that the default mixture has too."""
    of_mixtures, place = models["part"] == "mixtures", models["width"].astype(str) + "-" + models["seed"].astype(str)
    repeated = place.isin(place[of_mixtures & (models["mixture"] == "default")])
    return of_mixtures | ((models["part"] == "main") & ~repeated)


def _final_only(ladder: Ladder) -> Ladder:
    """Without the results along training."""

    def final(frame: pd.DataFrame | None) -> pd.DataFrame | None:
        return None if frame is None else frame[frame["is_final"]].reset_index(drop=True)

    return replace(ladder, scores=final(ladder.scores), losses=final(ladder.losses))
