"""One row a trial or a question to counts: in memory where the table is small, by DuckDB where it is large."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.columns import Table
from bayes_cod.readers.tables.names import Field

RIGHT = frozenset({"1", "1.0", "true", "t", "yes", "y", "correct", "c", "pass", "passed", "right"})
WRONG = frozenset({"0", "0.0", "false", "f", "no", "n", "incorrect", "i", "fail", "failed", "wrong"})
KEYS = ("benchmark", "question_id", "model", "checkpoint", "step", "tokens", "metric", "filter", "shots", "setting")
FACTS = ("family", "flops", "params", "params_active", "chance")
MEMORY = "1GB"


def count(table: Table) -> tuple[Table, list[InputError]]:
    """Aggregate rows of single trials.

    Parameters
    ----------
    table
        benchmark, question_id, model and `correct` (or `score`): right or wrong; optionally the number of the trial.

    Returns
    -------
    tuple
        A table of items with n_trials and n_correct, and what is neither right nor wrong.
    """
    frame = table.frame
    answer = "correct" if "correct" in frame else "score"
    values, faults = _truth(table, answer)
    keys = [key for key in KEYS if key in frame]
    if "trial" in frame and not faults:
        again = frame.duplicated([*keys, "trial"])
        if again.any():
            row = int(frame.index[again][0])
            faults.append(table.fault("repeats a trial of this model and question; keep one", "trial", row))
    lacks = [key for key in ("benchmark", "question_id", "model") if frame[key].isna().any()]
    faults += [
        table.fault("a value is missing; fill it in or drop the row", key, int(frame.index[frame[key].isna()][0]))
        for key in lacks
    ]
    if faults:
        return table, faults
    facts = {name: (name, "first") for name in FACTS if name in frame and name not in keys}
    grouped = frame.assign(_right=values).groupby(keys, sort=False, dropna=False)
    counted = grouped.agg(n_trials=("_right", "size"), n_correct=("_right", "sum"), **facts).reset_index()
    counted.index = pd.Index(frame.index[~frame.duplicated(keys)])
    return table.with_frame(counted, *_counting_note(table.file, len(frame), counted)), []


def _truth(table: Table, answer: str) -> tuple[pd.Series, list[InputError]]:
    given = table.frame[answer]
    if given.isna().any():
        row = int(table.frame.index[given.isna()][0])
        many = int(given.isna().sum())
        message = f"{many} answers are neither right nor wrong (empty); give 0 or 1, or drop unscored rows"
        return given, [table.fault(message, answer, row)]
    if pd.api.types.is_bool_dtype(given):
        return given.astype(float), []
    if pd.api.types.is_numeric_dtype(given):
        odd = ~given.isin([0, 1])
        values = given.astype(float)
    else:
        words = given.astype(str).str.casefold()
        odd = ~words.isin(RIGHT | WRONG)
        values = words.isin(RIGHT).astype(float)
    if odd.any():
        row = int(table.frame.index[odd][0])
        message = (
            f"'{given[odd].iloc[0]}' is neither right nor wrong (0 or 1); where it is the rate of several trials, add "
            "n_trials"
        )
        return values, [table.fault(message, answer, row)]
    return values, []


def _counting_note(file: Path, rows: int, counted: pd.DataFrame) -> list[str]:
    low, high = int(counted["n_trials"].min()), int(counted["n_trials"].max())
    trials = f"{low}" if low == high else f"{low} to {high}"
    return [f"{file.name}: {rows:,} rows of one trial each were counted: {trials} trials a question and model"] * (
        high > 1
    )


def count_large(file: Path, fields: dict[str, Field], separator: str) -> pd.DataFrame:
    """Aggregate a trial-level file on disk, in bounded memory.

    Parameters
    ----------
    file
        Parquet, or text with a header.
    fields
        Column of the file → what it means.
    separator
        Of a text file; "" for Parquet.

    Returns
    -------
    pandas.DataFrame
        Keys, n_trials, n_correct and facts, as text and counts; n_rows of the file in ``attrs``.

    Raises
    ------
    InputError
        If the file can't be read, or an answer is neither right nor wrong.
    """
    header = {found.name: column for column, found in fields.items()}
    answer = "correct" if "correct" in header else "score"
    keys = [key for key in KEYS if key in header]
    facts = [name for name in FACTS if name in header and name not in keys]
    word = f"lower(trim(cast({_quoted(header[answer])} as varchar)))"
    source = "read_parquet(?)" if not separator else "read_csv(?, delim=?, header=true, all_varchar=true)"
    parameters = [str(file)] if not separator else [str(file), separator]
    right, wrong = _words(RIGHT), _words(WRONG)
    query = f"""
        select {", ".join(f"trim(cast({_quoted(header[key])} as varchar)) as {_quoted(key)}" for key in keys)},
            {"".join(f"any_value(cast({_quoted(header[name])} as varchar)) as {_quoted(name)}," for name in facts)}
            count(*) as n_trials, count(*) filter (where {word} in ({right})) as n_correct,
            any_value({word}) filter (where {word} not in ({right}, {wrong})) as odd,
            count(*) filter (where {word} is null) as missing
        from {source} group by all
    """
    with tempfile.TemporaryDirectory(prefix="bayes_cod_") as folder, duckdb.connect() as connection:
        connection.execute(
            f"set memory_limit='{MEMORY}'; set temp_directory='{folder}'; set preserve_insertion_order=false"
        )
        connection.execute("set autoinstall_known_extensions=false; set autoload_known_extensions=false")
        try:
            counted: pd.DataFrame = connection.execute(query, parameters).df()
        except duckdb.Error as error:
            reason = str(error).split("\n")[0]
            raise InputError(f"can't be read ({reason[:200]}); repair the file", file=file) from None
    odd, missing = counted.pop("odd"), counted.pop("missing")
    if odd.notna().any() or missing.any():
        shown = str(odd.dropna().iloc[0]) if odd.notna().any() else ""
        raise InputError(
            f"'{shown}' is neither right nor wrong (0 or 1); where it is the rate of several trials, add n_trials",
            file=file,
            column=header[answer],
        )
    counted.attrs["n_rows"] = int(counted["n_trials"].sum())
    return counted.astype({"n_trials": np.int64, "n_correct": np.int64})


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _words(words: frozenset[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))
