"""A table of models to forecast, one row a model (and checkpoint), with size, tokens and mixture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from bayes_cod.errors import InputError, InputErrors
from bayes_cod.ladder import Target
from bayes_cod.readers.tables import shapes
from bayes_cod.readers.tables.columns import Table, understand
from bayes_cod.readers.tables.sheets import read_sheet

PREFIX = "mix_"


def read_targets(path: Path | str, family: str | None = None) -> list[Target]:
    """Read targets from one table.

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
    table, faults = understand(read_sheet(Path(path)))
    if faults:
        raise InputErrors(faults) if len(faults) > 1 else faults[0]
    table = shapes.derive_flops(shapes.name_runs(table))
    frame = table.frame
    mixture_columns = [str(column) for column in frame.columns if str(column).startswith(PREFIX)]
    if not {"model", "flops"} <= table.columns or not mixture_columns:
        wanted = "model (or run), params and tokens (or flops), and mix_<domain>"
        shown = ", ".join(table.column(str(name)) for name in frame.columns[:12])
        raise table.fault(f"a table of targets needs the columns {wanted}; it has: {shown}")
    if family is not None and "family" in frame:
        frame = frame[frame["family"].astype(str) == family]
    if frame.empty:
        raise table.fault(f"no row is of the family '{family}'")
    repeated = frame.duplicated("model", keep=False)
    return [
        _target(row, table, int(place), mixture_columns, bool(again))
        for row, place, again in zip(frame.to_dict("records"), frame.index, repeated, strict=True)
    ]


def _target(row: dict[Any, Any], table: Table, place: int, mixture_columns: list[str], repeated: bool) -> Target:
    shares = {name.removeprefix(PREFIX): float(row[name]) for name in mixture_columns if pd.notna(row[name])}
    total = sum(shares.values())
    if abs(total - 1) > shapes.WEIGHT_TOLERANCE or min(shares.values(), default=0) < 0:
        raise table.fault(
            f"the mixture of '{row['model']}' sums to {total:.4g}, expected 1; give shares of the training tokens",
            row=place,
        )
    flops, params, tokens = (_number(row.get(name)) for name in ("flops", "params", "tokens"))
    if flops is None:
        raise table.fault(f"the compute of '{row['model']}' is unknown; give flops, or params and tokens", row=place)
    name = str(row["model"]) + (f"@{tokens:.6g}" if repeated and tokens is not None else "")
    try:
        return Target(name, flops, str(row.get("family", "all")), params, tokens, shares)
    except InputError as error:
        raise table.fault(str(error), row=place) from None


def _number(value: object) -> float | None:
    return None if value is None or pd.isna(value) else float(value)  # type: ignore[call-overload,arg-type]
