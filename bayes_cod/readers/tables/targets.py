"""A table of models to forecast, one row a model (and checkpoint), with size, tokens and mixture."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder import Target
from bayes_cod.readers.tables import columns as shapes
from bayes_cod.readers.tables.files import first_row, read_file

PREFIX = "mix_"


def read_targets(path: Path | str, family: str | None = None) -> list[Target]:
    """Read targets from a CSV, gzip CSV or Parquet file.

    Parameters
    ----------
    path
        With the columns model (or run), params and tokens (or flops), and mix_<domain>. A model that appears in several
        rows, at several numbers of tokens, becomes one target a row, named ``model@tokens``.
    family
        Keep the rows of one family, where the file tells families.

    Raises
    ------
    InputError
        For missing columns, unusable numbers, or shares that do not sum to 1.
    """
    file = Path(path)
    frame = shapes.name_runs(shapes.rename(read_file(file)), file)
    mixture_columns = [column for column in frame.columns if column.startswith(PREFIX)]
    missing = [name for name in ("model", "flops") if name not in frame]
    if missing or not mixture_columns:
        wanted = "model (or run), params and tokens (or flops), and mix_<domain>"
        raise InputError(
            f"a table of targets needs the columns {wanted}; it has: {', '.join(frame.columns)}", file=file
        )
    if family is not None and "family" in frame:
        frame = frame[frame["family"].astype(str) == family]
    if frame.empty:
        raise InputError(f"no row is of the family '{family}'", file=file)
    frame = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce") for name in mixture_columns})
    repeated = frame.duplicated("model", keep=False)
    found = []
    for position, row in enumerate(frame.to_dict("records")):
        place = int(frame.index[position]) + first_row(file)
        shares = {name.removeprefix(PREFIX): float(row[name]) for name in mixture_columns if pd.notna(row[name])}
        total = sum(shares.values())
        if abs(total - 1) > shapes.WEIGHT_TOLERANCE:
            raise InputError(
                f"the mixture of '{row['model']}' sums to {total:.4g}, expected 1; give shares of the training tokens",
                file=file,
                row=place,
            )
        numbers = {name: _number(row.get(name)) for name in ("flops", "params", "tokens")}
        if numbers["flops"] is None:
            raise InputError(
                f"the compute of '{row['model']}' is unknown; give flops, or params and tokens", file=file, row=place
            )
        tokens = numbers["tokens"]
        name = str(row["model"])
        if repeated.iloc[position] and tokens is not None:
            name += f"@{tokens:.6g}"
        found.append(Target(name, numbers["flops"], str(row.get("family", "all")), numbers["params"], tokens, shares))
    return found


def _number(value: object) -> float | None:
    number = pd.to_numeric(value, errors="coerce") if value is not None else float("nan")  # type: ignore[call-overload]
    return None if pd.isna(number) else float(number)
