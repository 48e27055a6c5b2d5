"""What a valid table looks like, and how a violation is told.

One pandera schema per table of a ladder. A file is checked on its own, before tables are joined, so that an
error can name file, row and column.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from bayes_cod.errors import InputError

LONGEST_NAME = 200
MOST_TRIALS = 10**9
FORMULA = ("=", "+", "-", "@")


def _each_name(allowed: Callable[[str], bool], error: str) -> pa.Check:
    """A check that looks at every distinct value once."""

    def check(values: pd.Series) -> pd.Series:
        refused = [value for value in values.unique() if not allowed(str(value))]
        return ~values.isin(refused)

    return pa.Check(check, error=error)


_NOT_BLANK = _each_name(lambda name: bool(name.strip()), "must not be blank")
_PRINTABLE = _each_name(str.isprintable, "must not hold control characters")
_SHORT = _each_name(lambda name: len(name) <= LONGEST_NAME, f"must not be longer than {LONGEST_NAME} characters")
_NO_FORMULA = _each_name(
    lambda name: not name.startswith(FORMULA), f"must not begin with {' '.join(FORMULA)}, which starts a formula"
)


def _name(required: bool = True) -> pa.Column:
    """A name that appears in tables and reports."""
    return pa.Column(str, [_NOT_BLANK, _PRINTABLE, _SHORT, _NO_FORMULA], required=required, coerce=True)


def _id() -> pa.Column:
    return pa.Column(str, _NOT_BLANK, coerce=True)


def _flag() -> pa.Column:
    return pa.Column(None, pa.Check.isin([True, False], error="must be True or False"), required=False)


def _positive(required: bool = False, nullable: bool = True) -> pa.Column:
    checks = [
        pa.Check(lambda s: np.isfinite(s), error="must be finite"),
        pa.Check(lambda s: s > 0, error="must be above 0"),
    ]
    return pa.Column(float, checks, nullable=nullable, required=required, coerce=True)


def _fraction(required: bool = False, nullable: bool = True, error: str = "must be between 0 and 1") -> pa.Column:
    return pa.Column(float, pa.Check.in_range(0, 1, error=error), nullable=nullable, required=required, coerce=True)


def _finite(required: bool = True, nullable: bool = False) -> pa.Column:
    finite = pa.Check(lambda s: np.isfinite(s), error="must be finite")
    return pa.Column(float, finite, nullable=nullable, required=required, coerce=True)


def _whole(lowest: int, required: bool = True, nullable: bool = False) -> pa.Column:
    checks = [
        pa.Check(lambda s: np.isfinite(s) & (s == np.floor(s)), error="must be a whole number"),
        pa.Check.ge(lowest, error=f"must be at least {lowest}"),
        pa.Check.le(MOST_TRIALS, error=f"must be at most {MOST_TRIALS:,}"),
    ]
    return pa.Column(float, checks, nullable=nullable, required=required, coerce=True)


_CHANCE = "must be between 0 and 1 (the score of a random guesser, as a fraction)"

_COUNTS = "n_correct must not exceed n_trials"

MODELS = pa.DataFrameSchema(
    {
        "model": _name(),
        "family": pa.Column(str, [_PRINTABLE, _SHORT, _NO_FORMULA], required=False, nullable=True, coerce=True),
        "flops": _positive(),
        "params": _positive(),
        "tokens": _positive(),
        "step": _finite(required=False, nullable=True),
    }
)

ITEMS = pa.DataFrameSchema(
    {
        "benchmark": _name(),
        "question_id": _id(),
        "model": _name(),
        "n_trials": _whole(1),
        "n_correct": _whole(0),
        "chance": _fraction(error=_CHANCE),
        "flops": _positive(),
        "params": _positive(),
        "tokens": _positive(),
    },
    checks=pa.Check(
        lambda frame: frame["n_correct"] <= frame["n_trials"],
        error=_COUNTS,
        ignore_na=False,
    ),
)

BENCHMARKS = pa.DataFrameSchema(
    {
        "benchmark": _name(),
        "chance": _fraction(error=_CHANCE),
        "n_questions": _whole(1, required=False, nullable=True),
    }
)

SCORES = pa.DataFrameSchema(
    {
        "model": _name(),
        "benchmark": _name(),
        "score": _fraction(required=True, nullable=False, error="must be a fraction between 0 and 1 (not points)"),
        "chance": _fraction(error=_CHANCE),
        "n_questions": _whole(1, required=False, nullable=True),
        "flops": _positive(),
        "params": _positive(),
        "is_final": _flag(),
        "tokens": _positive(),
    }
)

LOSSES = pa.DataFrameSchema(
    {
        "model": _name(),
        "domain": _name(),
        "loss": _positive(required=True, nullable=False),
        "flops": _positive(),
        "params": _positive(),
        "is_final": _flag(),
        "tokens": _positive(),
    }
)

MIXTURES = pa.DataFrameSchema(
    {
        "model": _name(),
        "domain": _name(),
        "weight": _fraction(required=True, nullable=False, error="must be a share between 0 and 1"),
    }
)

QUESTIONS = pa.DataFrameSchema({"benchmark": _name(), "question_id": _id()})


def validate(frame: pd.DataFrame, schema: pa.DataFrameSchema, file: Path, first_row: int) -> pd.DataFrame:
    """Check one file's table.

    Parameters
    ----------
    frame
        Rows in file order; the index is the position in the file (0, 1, ...).
    schema
        One of the schemas of this module.
    file
        Named in errors.
    first_row
        Row number of the frame's first row as a reader of the file counts it.

    Returns
    -------
    pandas.DataFrame
        The frame with the schema's types.

    Raises
    ------
    InputError
        With file, row, column and what was expected, for the first violation in file order.
    """
    for column, spec in schema.columns.items():
        if column in frame and not spec.nullable and frame[column].isna().any():
            position = int(np.flatnonzero(frame[column].isna())[0])
            raise InputError(
                f"a value is missing ({int(frame[column].isna().sum())} in this column); fill it in or drop the row",
                file=file,
                row=int(frame.index[position]) + first_row,
                column=column,
            )
    try:
        checked: pd.DataFrame = schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as failure:
        raise _explain(failure, file, first_row) from None
    return checked


def _explain(failure: pa.errors.SchemaErrors, file: Path, first_row: int) -> InputError:
    cases: pd.DataFrame = failure.failure_cases
    located = cases.dropna(subset=["index"])
    ranked = (located if len(located) else cases).assign(of_row=cases["check"].astype(str).str.startswith(_COUNTS))
    case: Any = ranked.sort_values(["index", "of_row"]).iloc[0]
    column = str(case["column"]) if case["column"] is not None and str(case["column"]) != "nan" else None
    if str(case["check"]) == "column_in_dataframe":
        return InputError(
            f"the column '{case['failure_case']}' is missing; add it (the data guide lists the columns of each table)",
            file=file,
            column=str(case["failure_case"]),
        )
    row = None if pd.isna(case["index"]) else int(case["index"]) + first_row
    check = str(case["check"])
    if check.startswith(_COUNTS):
        column = "n_correct"
        return InputError(f"{check}; correct the counts", file=file, row=row, column=column)
    if check.startswith(("coerce_dtype", "dtype")):
        check = "must be a number" if "float" in check else "must be text"
    return InputError(
        f"'{case['failure_case']}' {check}; correct it or drop the row", file=file, row=row, column=column
    )
