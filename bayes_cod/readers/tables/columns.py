"""What a file's columns mean: the field's names, numbers and flags, and which table it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import clean
from bayes_cod.readers.tables.files import Sheet
from bayes_cod.readers.tables.names import field_of, fields_of, normal
from bayes_cod.readers.tables.numbers import Numbers, has_decimal_commas, numbers

NUMBERS = (
    "flops",
    "params",
    "params_active",
    "tokens",
    "step",
    "n_trials",
    "n_correct",
    "chance",
    "n_questions",
    "loss",
    "weight",
    "score",
    "stderr",
)
TEXT = ("model", "family", "benchmark", "question_id", "domain", "setting", "metric", "filter", "size", "checkpoint")
SIZED = ("flops", "params", "params_active", "tokens")
_WIDE = ("loss_", "mix_", "se_")
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False, "yes": True, "no": False}

TABLES: dict[str, tuple[str, ...]] = {
    "items": ("model", "benchmark", "question_id", "n_trials", "n_correct"),
    "scores": ("model", "benchmark", "score"),
    "models": ("model", "flops"),
    "losses": ("model", "domain", "loss"),
    "mixtures": ("model", "domain", "weight"),
    "benchmarks": ("benchmark", "chance"),
}
"""Tables of a ladder and the columns that each must have."""


@dataclass(frozen=True)
class Table:
    """One file's table under the field's names.

    Attributes
    ----------
    file
        Where it was read.
    frame
        Known columns under the field's names, others under their own; the index is the row as a person counts it.
    written
        Field → the column's name in the file.
    notes
        What the reader decided.
    """

    file: Path
    frame: pd.DataFrame
    written: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def columns(self) -> set[str]:
        """Names of the columns."""
        return set(self.frame.columns)

    def column(self, name: str) -> str:
        """A column's name as the user wrote it."""
        return self.written.get(name, name)

    def with_frame(self, frame: pd.DataFrame, *notes: str) -> Table:
        """The same file with other rows or columns."""
        return replace(self, frame=frame, notes=(*self.notes, *notes))

    def fault(self, message: str, column: str | None = None, row: int | None = None) -> InputError:
        """Something that can't be used, with its place as the user knows it."""
        name = None if column is None else self.column(column)
        return InputError(message, file=self.file, row=row, column=name)


def understand(sheet: Sheet) -> tuple[Table, list[InputError]]:
    """Name the columns of a file's table and read its numbers and flags.

    Returns
    -------
    tuple
        The table, and what is no number or flag where one was expected.
    """
    fields = fields_of([str(name) for name in sheet.frame.columns])
    renamed = sheet.frame.rename(columns={header: found.name for header, found in fields.items()})
    renamed = renamed.loc[:, ~renamed.columns.duplicated()].rename(columns=str)
    table = Table(sheet.file, renamed, {found.name: header for header, found in fields.items()}, sheet.notes)
    faults: list[InputError] = []
    should_be = [name for name in map(str, renamed) if name in NUMBERS or name.startswith(_WIDE)]
    if "question_id" in renamed and "n_trials" not in renamed and "score" in should_be:
        should_be.remove("score")  # the answer of one trial, which words may tell
    commas: bool | None = False
    if sheet.separator not in ("", ","):
        commas = has_decimal_commas(renamed, should_be)
        if commas is None:
            faults.append(
                table.fault(
                    "numbers such as 1,234 may have a decimal comma or one for thousands; write decimals with a point"
                )
            )
    columns, notes = {}, []
    for name in renamed.columns:
        values = renamed[name]
        if name in should_be:
            found = numbers(values, sizes=name in SIZED, percents=name in ("score", "chance"), commas=bool(commas))
            faults += _not_numbers(table, name, found)
            notes += _remarks(table, name, found)
            scale = next((one for one in fields.values() if one.name == name), None)
            columns[name] = found.values
            if scale is not None and (scale.log10 or scale.factor != 1):
                columns[name] = _scaled(found.values, scale.log10, scale.factor)
                unit = "log10" if scale.log10 else f"times {scale.factor:g}"
                notes.append(f"{sheet.file.name}: column '{table.column(name)}' was read as {name}, {unit}")
        elif name in ("is_final", "final"):
            columns[name] = _flags(values)
        elif name in TEXT:
            columns[name] = _names(values, compose=name != "question_id")
        else:
            columns[name] = _inferred(values)
    notes += _other_scores(table)
    frame = pd.DataFrame(columns, index=renamed.index)
    return table.with_frame(frame, *notes), faults


def _other_scores(table: Table) -> list[str]:
    """Columns that could be the score too, and are not."""
    if "score" not in table.written:
        return []
    others = [
        name for name in map(str, table.frame) if name != "score" and (one := field_of(name)) and one.name == "score"
    ]
    chosen = table.column("score")
    return [f"{table.file.name}: scores are from column '{chosen}', not from {', '.join(others)}"] if others else []


def _scaled(values: pd.Series, log10: bool, factor: float) -> pd.Series:
    if not log10:
        return values * factor
    with np.errstate(over="ignore"):
        return pd.Series(10.0 ** values.to_numpy(), index=values.index)


def _not_numbers(table: Table, name: str, found: Numbers) -> list[InputError]:
    if not found.wrong:
        return []
    texts = table.frame[name].astype(str).str.slice(0, 100)
    rows = table.frame.index[texts.isin(found.wrong) & table.frame[name].notna()]
    text = str(texts.loc[rows[0]]) if len(rows) else next(iter(found.wrong))
    hint = "K, M, B and T may stand behind it" if name in SIZED else "write plain digits with a decimal point"
    more = f" ({len(rows)} such rows)" if len(rows) > 1 else ""
    message = f"'{text}' must be a number{more}; correct it or drop the row ({hint})"
    return [table.fault(message, name, int(rows[0]) if len(rows) else None)]


def _remarks(table: Table, name: str, found: Numbers) -> list[str]:
    place = f"{table.file.name}: column '{table.column(name)}'"
    said = []
    if found.sized:
        said.append(f"{place}: K, M, B and T behind numbers were read as 1e3, 1e6, 1e9 and 1e12")
    if found.percent:
        said.append(f"{place}: percent signs were read as hundredths")
    if found.commas:
        said.append(f"{table.file.name}: decimal commas were read as points")
    return said


def _flags(values: pd.Series) -> pd.Series:
    if pd.api.types.is_bool_dtype(values):
        return values
    return values.map(lambda value: _FLAGS.get(str(value).strip().casefold(), value), na_action="ignore").astype(object)


def _names(values: pd.Series, *, compose: bool) -> pd.Series:
    """Names and ids as text; whole numbers (from Parquet and JSON) without a decimal point."""
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        text = values.astype("str")
        return text.map({name: clean(str(name)) for name in text.dropna().unique()}).astype("str") if compose else text
    known = values.dropna()
    if pd.api.types.is_float_dtype(values) and len(known) and bool((known == known.round()).all()):
        return values.astype("Int64").astype("str").where(values.notna())
    return values.astype("str").where(values.notna())


def _inferred(values: pd.Series) -> pd.Series:
    """Numbers where every field is a plain one, text as it is elsewhere."""
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_numeric_dtype(values):
        return values
    found = numbers(values)
    if found.wrong or found.values.isna().to_numpy().sum() > values.isna().to_numpy().sum() or values.isna().all():
        flags = _flags(values)
        return flags.astype(bool) if flags.map(lambda value: isinstance(value, bool)).all() else values
    whole = found.values.notna().all() and bool(
        (found.values == found.values.round()).all() and (found.values.abs() < 2**53).all()
    )
    return found.values.astype(np.int64) if whole else found.values


def kinds(columns: set[str]) -> list[str]:
    """Which tables the columns hold (a file of losses may carry the mixtures too)."""
    has_loss = any(column.startswith("loss_") for column in columns) or {"domain", "loss"} <= columns
    has_mix = any(column.startswith("mix_") for column in columns) or {"domain", "weight"} <= columns
    if {"question_id", "benchmark"} <= columns and ({"n_trials", "n_correct"} & columns):
        return ["items"]
    if {"question_id", "benchmark", "model"} <= columns and ({"correct", "score"} & columns):
        return ["trials"]
    if {"question_id", "benchmark"} <= columns and "model" not in columns:
        return ["questions"]
    if "question_id" in columns and "model" in columns:
        return []
    if "benchmark" in columns and "score" in columns:
        return ["scores"]
    if has_loss or has_mix:
        is_models = "family" in columns and "split" in columns and not has_loss
        return ["models"] * is_models + ["losses"] * has_loss + ["mixtures"] * has_mix
    if "benchmark" in columns and "chance" in columns and "model" not in columns:
        return ["benchmarks"]
    if "model" in columns and columns & {"flops", "params", "tokens", "family"} and "benchmark" not in columns:
        return ["models"]
    return []


def is_inventory(columns: set[str]) -> bool:
    """Whether a table only counts a folder's questions, which the items tell too."""
    return not kinds(columns) and {"n_questions", "benchmark"} <= columns and "model" not in columns


def is_foreign(table: Table) -> bool:
    """Whether none of the columns is one of a ladder's tables."""
    known = [
        name for name in table.written if name in {*(field for need in TABLES.values() for field in need), "correct"}
    ]
    return not known and not any(name.startswith(_WIDE) for name in table.frame.columns)


def nearest(table: Table) -> str:
    """What a table lacks to be the one that it comes nearest to."""
    have = table.columns
    ranked = sorted(TABLES, key=lambda kind: len(set(TABLES[kind]) - have) - len(set(TABLES[kind]) & have))
    kind = ranked[0]
    lacks = [name for name in TABLES[kind] if name not in have]
    shown = [table.column(name) for name in table.frame.columns[:8]]
    if len(lacks) == len(TABLES[kind]):
        return (
            f"cannot tell which table this is from its columns ({', '.join(shown)}); see the data guide for the "
            "columns of models, items, benchmarks, scores, losses and mixtures, or remove the file"
        )
    trials = " (or correct, with one row a trial)" if {"n_trials", "n_correct"} <= set(lacks) else ""
    return (
        f"cannot tell which table this is from its columns ({', '.join(shown)}); it is nearest to the table of {kind}, "
        f"which lacks: {', '.join(lacks)}{trials}"
    )


def unread(table: Table) -> list[str]:
    """Columns that no table has, by the names in the file."""
    known = {*table.written, "flops_from"}
    return [
        str(name)
        for name in table.frame.columns
        if name not in known and not name.startswith(_WIDE) and field_of(name) is None and normal(name)
    ]
