"""The models table beside logs: whose compute is known, and which log's model is which of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError, InputErrors
from bayes_cod.ladder.naming import FORMULA, LONGEST_NAME, some
from bayes_cod.readers.compute import derive_compute
from bayes_cod.readers.tables import schemas
from bayes_cod.readers.tables.sheets import read_sheet
from bayes_cod.readers.tables.sources import load

_NAMES = ("model", "name", "model_name", "run")
_COMPUTE = {"flops", "params", "tokens", "family", "active_params"}
_RESULTS = {"benchmark", "task", "score", "question_id", "n_correct", "value", "acc"}
_ENDINGS = (".csv", ".csv.gz", ".parquet")


def is_models_table(file: Path) -> bool:
    """Whether a file's header is that of a models table (names and compute, no results)."""
    columns = _columns(file)
    return bool(columns & set(_NAMES)) and bool(columns & _COMPUTE) and not columns & _RESULTS


def is_results_table(file: Path) -> bool:
    """Whether a file's header is that of a table of models' results."""
    columns = _columns(file)
    return bool(columns & set(_NAMES)) and bool(columns & {"benchmark", "task"}) and bool(columns & _RESULTS)


def _columns(file: Path) -> set[str]:
    """Columns in a table's header, in lower case; none where the file is no table."""
    if not file.name.lower().endswith(_ENDINGS):
        return set()
    try:
        return {str(column).strip().lower() for column in read_sheet(file).frame.columns}
    except InputError:
        return set()


def read_models(file: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a models table and derive the compute that it does not give.

    Returns
    -------
    tuple[pandas.DataFrame, list[str]]
        model, family, flops, params, tokens and whatever else it holds; and how compute was derived.

    Raises
    ------
    InputError
        Naming file, row and column of what can't be used.
    """
    table, faults = load(file)
    if faults:
        raise faults[0] if len(faults) == 1 else InputErrors(faults)
    named = next((column for column in _NAMES if column in table.frame), None)
    if named is None:
        raise InputError("no column 'model'; give one row a model", file=file, column="model")
    frame = table.frame.rename(columns={named: "model"})
    try:
        derived, notes = derive_compute(frame)
    except InputError as error:
        if error.file is not None:
            raise
        message = str(error).rpartition(": ")[2] if error.row or error.column else str(error)
        raise InputError(message, file=file, row=error.row, column=error.column) from None
    derived.index = frame.index
    again = derived["model"].astype(str).duplicated().to_numpy()
    if again.any():
        position = int(np.flatnonzero(again)[0])
        name = derived["model"].iloc[position]
        raise InputError(f"'{name}' is listed twice; keep one row", file=file, row=int(derived.index[position]))
    checked, faults = schemas.validate(table.with_frame(derived), schemas.MODELS)
    if faults:
        raise faults[0] if len(faults) == 1 else InputErrors(faults)
    return checked.reset_index(drop=True), [*table.notes, *notes]


def fault_of_name(name: str) -> str:
    """What keeps a name from appearing in tables and reports; empty where nothing does."""
    if not name.strip():
        return "is blank"
    if not name.isprintable():
        return "holds control characters"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    return f"begins with {name[0]}, which starts a formula" if name.startswith(FORMULA) else ""


def match_models(names: Sequence[str], table: pd.DataFrame) -> tuple[dict[str, str], list[str]]:
    """Which row of a models table each log's model is.

    A name matches as it stands; else without its organisation or folder (``org/name``, ``org__name``), whatever its
    case, where exactly one row and one log's model match so.

    Returns
    -------
    tuple[dict[str, str], list[str]]
        Row's name by log's name, for those that match; and notes.
    """
    rows = [str(name) for name in table["model"]]
    found = {name: name for name in names if name in set(rows)}
    by_short: dict[str, list[str]] = {}
    for row in rows:
        if row not in found:
            by_short.setdefault(_short(row), []).append(row)
    wanting: dict[str, list[str]] = {}
    for name in names:
        if name not in found:
            wanting.setdefault(_short(name), []).append(name)
    unclear = []
    for short, own in wanting.items():
        fitting = by_short.get(short, [])
        if len(fitting) == 1 and len(own) == 1:
            found[own[0]] = fitting[0]
        elif fitting:
            unclear += own
    notes = []
    if unclear:
        notes.append(f"several rows of the models table could be {some(unclear)}; name them there as the logs do")
    renamed = [f"{name} is {row}" for name, row in found.items() if name != row]
    if renamed:
        notes.append(f"names of the logs matched to the models table: {some(renamed, 8)}")
    return found, notes


def _short(name: str) -> str:
    """A model's name without organisation and folders, in lower case."""
    base, mark, revision = name.partition("@")
    last = base.replace("__", "/").rstrip("/").rpartition("/")[2]
    return (last + mark + revision).lower()


def assemble_models(
    names: Sequence[str], table: pd.DataFrame | None, stated_params: dict[str, float]
) -> tuple[pd.DataFrame, list[str]]:
    """The ladder's models: the table's rows, and models of the logs that it does not list (compute unknown)."""
    notes = []
    listed = table if table is not None else pd.DataFrame({"model": pd.Series(dtype=str)})
    missing = [name for name in names if name not in set(listed["model"])]
    if missing:
        why = "not in the models table" if table is not None else "no models table"
        notes.append(
            f"compute of {some(missing)} is unknown: {why}; give a table with model, family and flops (or params and "
            "tokens)"
        )
    extra = pd.DataFrame({"model": missing, "params": [stated_params.get(name, np.nan) for name in missing]})
    models = pd.concat([listed, extra], ignore_index=True) if len(extra) else listed.copy()
    for column in ("flops", "params", "tokens"):
        models[column] = (models[column] if column in models else pd.Series(np.nan, index=models.index)).astype(float)
    family = models["family"] if "family" in models else pd.Series(None, index=models.index, dtype=object)
    models["family"] = family.astype(object).where(family.notna(), "all").astype(str)
    models["is_final"] = True
    return models.sort_values(["family", "flops", "model"], ignore_index=True), notes
