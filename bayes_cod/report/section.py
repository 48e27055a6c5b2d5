"""What a report is made of: sections with text, a table and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup


@dataclass(frozen=True)
class Column:
    """Heading of a table's column; numbers are set to the right."""

    label: str
    number: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell that is sorted and downloaded by another value than the text that is read.

    Attributes
    ----------
    text
        As it is read.
    value
        What stands behind it; NaN comes last.
    """

    text: str
    value: float

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """A table; in a page it can be sorted, filtered and downloaded.

    Attributes
    ----------
    columns
        Headings.
    rows
        Cells of each row as they are to be read. Text in a column of numbers is sorted by its first number.
    groups
        Headings over groups of rows, by the number of the group's first row. Rows are sorted within their group.
    caption
        What it shows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Cell]]
    groups: Mapping[int, str] = field(default_factory=dict)
    caption: str = ""

    @property
    def blocks(self) -> list[tuple[str, list[Sequence[str | Cell]]]]:
        """Groups with their rows: heading (empty before the first) and rows."""
        found: list[tuple[str, list[Sequence[str | Cell]]]] = []
        for index, row in enumerate(self.rows):
            if index in self.groups or not found:
                found.append((self.groups.get(index, ""), []))
            found[-1][1].append(row)
        return found


@dataclass(frozen=True)
class Figure:
    """A picture as inline SVG and what it shows.

    Attributes
    ----------
    svg
        From `report.svg.inline_svg`.
    caption
        Below it.
    width
        Pixels that one of several panels needs: they stand side by side where the screen is wide enough and below one
        another where it is not. 0 for a figure that takes the whole width.
    """

    svg: Markup
    caption: str = ""
    width: int = 0


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes
    ----------
    title
        Heading.
    text
        Paragraphs.
    table, figures
        What is shown.
    folded
        Whether it starts closed (and is opened for print).
    legend
        What lines and markers of the figures mean, from `report.svg.legend`; empty where they say so themselves.
    figures_first
        Whether figures stand before the table.
    """

    title: str
    text: Sequence[str] = ()
    table: Table | None = None
    figures: Sequence[Figure] = ()
    folded: bool = False
    legend: Markup = field(default_factory=Markup)
    figures_first: bool = False

    @property
    def panel_width(self) -> int:
        """Pixels that a column of panels needs; 0 without panels."""
        return max((figure.width for figure in self.figures), default=0)

    @property
    def anchor(self) -> str:
        """Name for links within the page."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())
