"""The page of a decision, a watched run or a judged forecast: sentences, picture, table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from bayes_cod.report.numbers import UNKNOWN
from bayes_cod.report.page import render
from bayes_cod.report.section import Column, Figure, Section, Table
from bayes_cod.report.svg import inline_svg

MOST_ROWS = 200


def decision_page(
    *,
    title: str,
    lead: str,
    words: Sequence[str],
    notes: Sequence[str],
    picture: Picture,
    caption: str,
    tables: dict[str, pd.DataFrame],
    alarm: str = "",
    kicker: str = "decision",
) -> str:
    """Lay an answer out as one HTML page that needs no network.

    Parameters
    ----------
    title, lead
        Heading, and the sentence below it.
    words, notes
        What is said, and what a reader must know.
    picture, caption
        What is shown, and what it shows.
    tables
        By their headings.
    alarm
        Said in red on top; nothing if empty.
    kicker
        What kind of page it is.
    """
    figure = Figure(inline_svg(picture, "answer", caption), caption)
    parts = [Section("Answer", list(words), figures=[figure])]
    parts += [
        Section(name, table=plain_table(table), folded=len(table) > 12) for name, table in tables.items() if len(table)
    ]
    return render(title=title, lead=lead, alarm=alarm, warnings=list(notes), sections=parts, kicker=kicker)


def plain_table(table: pd.DataFrame) -> Table:
    """A data frame as a report shows it; numbers with four significant digits."""
    shown = table.head(MOST_ROWS)
    numeric = {name: pd.api.types.is_numeric_dtype(shown[name]) for name in shown.columns}
    columns = [Column(str(name).replace("_", " "), numeric[name]) for name in shown.columns]
    rows = [[_cell(value) for value in row] for row in shown.itertuples(index=False)]
    more = f"The first {MOST_ROWS} of {len(table)} rows." if len(table) > MOST_ROWS else ""
    return Table(columns, rows, caption=more)


def _cell(value: object) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | float | np.number):
        return UNKNOWN if not np.isfinite(float(value)) else f"{float(value):.4g}"
    return str(value)
