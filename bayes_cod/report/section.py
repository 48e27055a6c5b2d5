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
class Table:
    """A table of text.

    Attributes
    ----------
    columns
        Headings.
    rows
        Cells of each row as they are to be read.
    groups
        Headings over groups of rows, by the number of the group's first row.
    caption
        What it shows.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    groups: Mapping[int, str] = field(default_factory=dict)
    caption: str = ""


@dataclass(frozen=True)
class Figure:
    """A picture as inline SVG and what it shows."""

    svg: Markup
    caption: str


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
    """

    title: str
    text: Sequence[str] = ()
    table: Table | None = None
    figures: Sequence[Figure] = ()
    folded: bool = False

    @property
    def anchor(self) -> str:
        """Name for links within the page."""
        return "".join(c if c.isalnum() else "-" for c in self.title.lower())
