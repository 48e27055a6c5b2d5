"""How decisions, watched runs and judged forecasts are printed and written: table, picture, JSON and page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.table import Column, Table
from rich.text import Text

from bayes_cod.commands.console import answer, screen, stage
from bayes_cod.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bayes_cod.results import Result

SHOWN = 12
REPORT = "report.html"


def open_result(folder: Path) -> Result:
    """Open a saved forecast, quickly: what it needs is imported here and not before."""
    with stage(f"opening {folder}"):
        from bayes_cod.results import Result

        return Result.load(folder)


def pairs(texts: Sequence[str] | None, option: str) -> dict[str, float]:
    """Read ``NAME=NUMBER`` options, each name once.

    Raises
    ------
    InputError
        For another form, or a name that is given twice.
    """
    found: dict[str, float] = {}
    for text in texts or ():
        name, separator, value = text.rpartition("=")
        try:
            number = float(value)
        except ValueError:
            separator, number = "", 0.0
        if not separator or not name:
            raise InputError(f"`{option}` is '{text}'; give NAME=NUMBER, for example code=0.3")
        if name in found:
            raise InputError(f"`{option}` names '{name}' twice; give it once")
        found[name] = number
    return found


def write_answer(
    out: Path,
    name: str,
    *,
    title: str,
    lead: str,
    words: Sequence[str],
    notes: Sequence[str],
    tables: Mapping[str, tuple[str, pd.DataFrame]],
    summary: Mapping[str, Any],
    picture: Figure,
    caption: str,
    alarm: str = "",
    kicker: str = "decision",
) -> None:
    """Write an answer's files together: NAME.csv (and NAME_<further>.csv), NAME.svg, NAME.png, NAME.json, report.html.

    Parameters
    ----------
    out
        Folder; made if missing.
    name
        Of the files.
    title, lead, words, notes, alarm
        Of the page.
    tables
        By the end of the file's name (the first's is empty): heading and table.
    summary
        As JSON.
    picture, caption
        What is shown.
    kicker
        What kind of page it is.
    """
    from bayes_cod.plots import style
    from bayes_cod.report.decisions import decision_page
    from bayes_cod.results.files import Writer, write_csv, write_json, write_text, write_together

    page = decision_page(
        title=title,
        lead=lead,
        words=words,
        notes=notes,
        picture=picture,
        caption=caption,
        tables=dict(tables.values()),
        alarm=alarm,
        kicker=kicker,
    )

    def table_writer(table: pd.DataFrame) -> Writer:
        return lambda file: write_csv(table, file)

    def draw(file: Path) -> None:
        with style.style():
            picture.savefig(
                file, dpi=150, facecolor="white", metadata={"Date": None} if file.suffix == ".svg" else None
            )

    writers: dict[str, Writer] = {
        f"{name}{f'_{end}' if end else ''}.csv": table_writer(table) for end, (_, table) in tables.items()
    }
    writers |= {f"{name}.svg": draw, f"{name}.png": draw}
    writers[f"{name}.json"] = lambda file: write_json(dict(summary), file)
    writers[REPORT] = lambda file: write_text(page, file)
    with stage(f"writing {out}"):
        write_together(out, writers)
    answer(summary)


def show_answer(
    out: Path, title: str, table: pd.DataFrame, words: Sequence[str], notes: Sequence[str], *, alarm: bool = False
) -> None:
    """Print an answer: a table, sentences, notes, and where its files are."""
    console = screen()
    if len(table):
        console.print(_table(title, table))
    for place, word in enumerate(words):
        console.print(word, style="bold red" if alarm and place == 0 else None, markup=False)
    for note in notes:
        console.print(f"• {note}", style="dim", markup=False)
    console.print(f"report: {out / REPORT}", markup=False, soft_wrap=True)


def _table(title: str, table: pd.DataFrame) -> Table:
    shown = table.head(SHOWN)
    columns = [
        Column(str(name), justify="right" if pd.api.types.is_numeric_dtype(table[name]) else "left")
        for name in table.columns
    ]
    more = f" (the first {SHOWN} of {len(table)})" if len(table) > SHOWN else ""
    made = Table(*columns, title=f"{title}{more}", title_justify="left")
    for row in shown.itertuples(index=False):
        made.add_row(*[Text(_cell(value)) for value in row])
    return made


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return "–" if value != value else f"{value:.4g}"
    return str(value)
