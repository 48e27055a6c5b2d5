"""What a valid table looks like, and how a violation is told.

One pandera schema per table of a ladder. A file is checked on its own, before tables are joined, so that an
error can name file, row and column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import FORMULA, LONGEST_NAME
from bayes_cod.readers.tables.columns import Table

MOST_TRIALS = 10**9


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


def _positive(
    required: bool = False, nullable: bool = True, within: tuple[float, float] = (0.0, np.inf), what: str = ""
) -> pa.Column:
    low, high = within
    checks = [
        pa.Check(lambda s: np.isfinite(s), error="must be finite"),
        pa.Check(lambda s: s > 0, error="must be above 0"),
        pa.Check(lambda s: ~(s > 0) | ~np.isfinite(s) | ((s >= low) & (s <= high)), error=what),
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


def _flops() -> pa.Column:
    return _positive(within=(FEWEST_FLOPS, MOST_FLOPS), what=_NO_FLOPS)


def _params() -> pa.Column:
    return _positive(within=(FEWEST_PARAMS, MOST_PARAMS), what=_NO_PARAMS)


def _tokens() -> pa.Column:
    return _positive(within=(FEWEST_TOKENS, MOST_TOKENS), what=_NO_TOKENS)


FEWEST_FLOPS, MOST_FLOPS = 1e6, 1e35
FEWEST_PARAMS, MOST_PARAMS = 10.0, 1e17
FEWEST_TOKENS, MOST_TOKENS = 1e3, 1e20
_NO_FLOPS = (
    "can't be the FLOPs of a training; give plain FLOPs (a column 'log10_flops' holds their logarithm, "
    "'flops (1e21)' multiples of 1e21)"
)
_NO_PARAMS = (
    "can't be a number of parameters; give plain numbers, write 7B or 150M, or name the column 'params_b' where "
    "it is in billions"
)
_NO_TOKENS = (
    "can't be a number of training tokens; give plain numbers, write 2T or 30B, or name the column 'tokens_b' "
    "(billions) or 'tokens_t' (trillions)"
)

_CHANCE = "must be between 0 and 1 (the score of a random guesser, as a fraction)"

_COUNTS = "n_correct must not exceed n_trials"

MODELS = pa.DataFrameSchema(
    {
        "model": _name(),
        "family": pa.Column(str, [_PRINTABLE, _SHORT, _NO_FORMULA], required=False, nullable=True, coerce=True),
        "flops": _flops(),
        "params": _params(),
        "params_active": _params(),
        "tokens": _tokens(),
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
        "flops": _flops(),
        "params": _params(),
        "tokens": _tokens(),
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
        "flops": _flops(),
        "params": _params(),
        "is_final": _flag(),
        "tokens": _tokens(),
    }
)

LOSSES = pa.DataFrameSchema(
    {
        "model": _name(),
        "domain": _name(),
        "loss": _positive(required=True, nullable=False),
        "flops": _flops(),
        "params": _params(),
        "is_final": _flag(),
        "tokens": _tokens(),
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


def validate(table: Table, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, list[InputError]]:
    """Check one file's table.

    Parameters
    ----------
    table
        Rows in file order; the index is the row as a person counts it.
    schema
        One of the schemas of this module.

    Returns
    -------
    tuple
        The frame with the schema's types, and one fault for each column that violates it, with the first row.
    """
    frame = table.frame
    faults = _missing_values(table, schema)
    lacks = [name for name, spec in schema.columns.items() if spec.required and name not in frame]
    faults += [
        table.fault(f"the column '{name}' is missing; add it (the data guide lists the columns of each table)", name)
        for name in lacks
    ]
    if faults:
        return frame, faults
    numbered = frame.reset_index(drop=True)  # rows of a wide table repeat in the index, and pandera needs unique ones
    try:
        checked: pd.DataFrame = schema.validate(numbered, lazy=True)
    except pa.errors.SchemaErrors as failure:
        return frame, _explain(failure, table)
    checked.index = frame.index
    return checked, []


def _missing_values(table: Table, schema: pa.DataFrameSchema) -> list[InputError]:
    faults: list[InputError] = []
    for column, spec in schema.columns.items():
        if column not in table.frame or spec.nullable:
            continue
        missing = table.frame[column].isna().to_numpy()
        if missing.any():
            row = int(table.frame.index[missing][0])
            if row in [fault.row for fault in faults]:
                continue  # a row that is too short is told once
            count = int(missing.sum())
            faults.append(
                table.fault(f"a value is missing ({count} in this column); fill it in or drop the row", column, row)
            )
    return faults


def _explain(failure: pa.errors.SchemaErrors, table: Table) -> list[InputError]:
    """One fault a column: its first row, and how many there are."""
    cases: pd.DataFrame = failure.failure_cases.dropna(subset=["index"])
    of_row = cases["check"].astype(str).str.startswith(_COUNTS)
    cases = cases.assign(column=cases["column"].where(~of_row, "n_correct").astype(str), of_row=of_row)
    counts = set(cases.loc[~of_row & cases["column"].isin(["n_trials", "n_correct"]), "index"])
    cases = cases[~(cases["of_row"] & cases["index"].isin(counts))]  # told by the count itself
    if "flops_from" in table.frame:  # compute that was derived is told by what it was derived from
        derived = set(np.flatnonzero(table.frame["flops_from"].notna()))
        cases = cases[~((cases["column"] == "flops") & cases["index"].isin(derived))]
    cases = cases.sort_values(["index", "of_row"], kind="stable").drop_duplicates(["index", "column"])
    faults = []
    for column, own in cases.groupby("column", sort=False):
        case = own.iloc[0]
        faults.append(_fault(table, str(column), case, len(own)))
    return faults


def _fault(table: Table, column: str, case: Any, count: int) -> InputError:
    row = int(table.frame.index[int(case["index"])])
    more = f" ({count} such rows)" if count > 1 else ""
    check = str(case["check"])
    if check.startswith(_COUNTS):
        trials, correct = table.column("n_trials"), table.column("n_correct")
        return table.fault(f"{correct} must not exceed {trials}{more}; correct the counts", column, row)
    if check.startswith(("coerce_dtype", "dtype")):
        check = "must be a number" if "float" in check else "must be text"
    return table.fault(f"'{case['failure_case']}' {check}{more}; correct it or drop the row", column, row)
