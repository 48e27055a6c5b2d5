"""Numbers as people write them: plain, with K, M, B or T, in percent, with a decimal comma."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

SIZES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
_NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PLAIN = re.compile(_NUMBER)
_SIZED = re.compile(rf"({_NUMBER})\s*([kKmMbBgGtT])")
_PERCENT = re.compile(rf"({_NUMBER})\s*%")
_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_MISSING = frozenset({"nan", "na", "n/a", "null", "none", "#n/a", "<na>", "nil"})
_ODD = {"inf": np.inf, "+inf": np.inf, "-inf": -np.inf, "infinity": np.inf, "-infinity": -np.inf}
_LONGEST = 100


@dataclass
class Numbers:
    """A column of numbers.

    Attributes
    ----------
    values
        As floats; NaN where the field is empty or says that nothing is there.
    wrong
        Text that is no number.
    percent, sized, commas
        Whether some values had a percent sign, one of K, M, B, T, or a decimal comma.
    """

    values: pd.Series
    wrong: set[str] = field(default_factory=set)
    percent: bool = False
    sized: bool = False
    commas: bool = False


def numbers(column: pd.Series, *, sizes: bool = False, percents: bool = False, commas: bool = False) -> Numbers:
    """Read a column of numbers.

    Parameters
    ----------
    column
        Text or numbers.
    sizes
        Allow K, M, B (or G) and T behind a number.
    percents
        Allow a percent sign, which divides by 100.
    commas
        Take a comma for a decimal one.

    Returns
    -------
    Numbers
        With the same index.
    """
    if pd.api.types.is_bool_dtype(column):
        return Numbers(column.astype(float))
    if pd.api.types.is_numeric_dtype(column):
        return Numbers(column.astype(float))
    try:
        array = pa.array(column, type=pa.large_string(), from_pandas=True)
        values = pc.cast(array, pa.float64()).to_numpy(zero_copy_only=False)
        return Numbers(pd.Series(values, index=column.index, dtype=float))
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):
        return _one_by_one(column, sizes, percents, commas)


def _one_by_one(column: pd.Series, sizes: bool, percents: bool, commas: bool) -> Numbers:
    found = Numbers(pd.Series(dtype=float))
    meanings: dict[Any, float] = {}
    for text in column.dropna().unique():
        meanings[text] = _number(str(text), found, sizes, percents, commas)
    found.values = column.map(meanings).astype(float)
    return found


def _number(text: str, found: Numbers, sizes: bool, percents: bool, commas: bool) -> float:
    short = text if len(text) <= _LONGEST else text[:_LONGEST]
    if text.casefold() in _MISSING:
        return np.nan
    if text.casefold() in _ODD:
        return _ODD[text.casefold()]
    if commas and "." not in text and text.count(",") == 1 and _COMMA.fullmatch(text.rstrip("%kKmMbBgGtT ")):
        text, found.commas = text.replace(",", "."), True
    if len(text) <= _LONGEST:
        if _PLAIN.fullmatch(text):
            return float(text)
        sized = _SIZED.fullmatch(text) if sizes else None
        if sized:
            found.sized = True
            return float(sized[1]) * SIZES[sized[2].lower()]
        percent = _PERCENT.fullmatch(text) if percents else None
        if percent:
            found.percent = True
            return float(percent[1]) / 100
    found.wrong.add(short)
    return np.nan


def has_decimal_commas(frame: pd.DataFrame, columns: list[str]) -> bool | None:
    """Whether numbers of a table have decimal commas: yes, no, or None where ``1,234`` may be either.

    Parameters
    ----------
    frame
        Text, of a file whose separator is no comma.
    columns
        Those that should hold numbers.
    """
    surely, perhaps = False, False
    for column in columns:
        values = frame[column].dropna()
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            continue
        for text in values[values.str.contains(",", regex=False)].unique():
            if _THOUSANDS.fullmatch(text):
                perhaps = True
            elif _COMMA.fullmatch(text.rstrip("%kKmMbBgGtT ")):
                surely = True
    return True if surely else None if perhaps else False
