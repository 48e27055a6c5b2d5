"""Figures as inline SVG that takes the page's colours and font and says its values."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape as escape_text

from markupsafe import Markup, escape
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bayes_cod.plots import style
from bayes_cod.report.section import Figure as Picture

PIXELS_PER_INCH = 109  # a full-width figure fills the page's column
_THEMED = {style.INK: "var(--ink)", style.MUTED: "var(--muted)", style.RULE: "var(--rule)", style.PAPER: "var(--paper)"}
_TIP = "tip-"


def inline_svg(figure: Figure, prefix: str, description: str) -> Markup:
    """Turn a figure into an SVG element for a page.

    Parameters
    ----------
    figure
        Drawn with `bayes_cod.plots`. Artists that have a label of their own show it where the mouse rests on them.
    prefix
        Put before every id, so that several figures fit on one page.
    description
        For readers who can't see the picture; plain text.

    Returns
    -------
    Markup
        One ``<svg>`` element: no fixed size, ink, rules and paper as CSS variables, text in the page's font.
    """
    tips = _name_tips(figure)
    buffer = io.StringIO()
    with style.style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(
        rf'<g id="{_TIP}(\d+)">(.*?</g>)', lambda found: _tipped(tips[int(found[1])], found[2]), svg, flags=re.S
    )
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans)", svg)
    svg = re.sub(r'(?<=\sd=")[^"]*', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), svg)  # hundredths do
    svg = re.sub(r"\n\s*", "\n", svg)
    for color, variable in _THEMED.items():
        svg = svg.replace(color, variable)
    label = escape(description)
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{label}"', 1))


def panel(drawn: Figure, prefix: str, description: str) -> Picture:
    """A figure of one panel as a part of a section; arguments as of `inline_svg`."""
    return Picture(inline_svg(drawn, prefix, description), width=round(drawn.get_figwidth() * PIXELS_PER_INCH))


def _name_tips(figure: Figure) -> list[str]:
    """Give every labelled artist an id by which its label is found again in the SVG; the labels."""
    labelled = [artist for artist in figure.findobj(_says_something) if artist not in (figure, *figure.axes)]
    for index, artist in enumerate(labelled):
        artist.set_gid(f"{_TIP}{index}")
    return [str(artist.get_label()) for artist in labelled]


def _says_something(artist: Artist) -> bool:
    label = artist.get_label()
    return isinstance(label, str) and bool(label) and not label.startswith("_") and artist.axes is not None


def _tipped(label: str, inside: str) -> str:
    """An artist's group up to the first end of a group in it, with what it says: one line for each of its markers."""
    lines = label.split("\n")
    marks = iter(lines)
    if len(lines) > 1 and inside.count("<use ") == len(lines):
        return "<g>" + re.sub(r"<use [^>]*/>", lambda use: f"{_titled(next(marks))}{use[0]}</g>", inside)
    return _titled("; ".join(lines)) + inside


def _titled(text: str) -> str:
    return f'<g class="tip"><title>{escape_text(text, quote=False)}</title>'


def legend(handles: Sequence[Line2D]) -> Markup:
    """What lines and markers mean, as a list that wraps where the screen is narrow.

    Parameters
    ----------
    handles
        Lines with a label, as matplotlib's legends take them.
    """
    items = Markup("").join(
        Markup("<li>{}{}</li>").format(_swatch(handle), str(handle.get_label())) for handle in handles
    )
    return Markup('<ul class="legend">{}</ul>').format(items)


_CIRCLE, _DIAMOND = '<circle cx="13" cy="7" r="{r}"/>', '<path d="M13 {a}L{d} 7L13 {b}L{c} 7Z"/>'


def _swatch(handle: Line2D) -> Markup:
    """One handle as a small picture."""
    line, face, edge = (_css(color) for color in (handle.get_color(), *_marker_colours(handle)))
    parts = []
    width, dashes = handle.get_linewidth(), _dashes(handle)
    if handle.get_linestyle() not in ("None", "none", ""):
        parts.append(
            f'<path d="M1 7H25" fill="none" stroke="{line}" stroke-width="{max(1.2, float(width)):g}"{dashes}/>'
        )
    size, marker = float(handle.get_markersize()), handle.get_marker()
    shape = {
        "o": _CIRCLE.format(r=f"{size / 1.6:g}"),
        ".": _CIRCLE.format(r=f"{size / 2.6:g}"),
        "D": _DIAMOND.format(a=f"{7 - size:g}", b=f"{7 + size:g}", c=f"{13 - size:g}", d=f"{13 + size:g}"),
        "|": '<path d="M13 1V13"/>',
        "_": '<path d="M9 7H17"/>',
        7: '<path d="M9 3L13 9L17 3Z"/>',
    }.get(marker)
    if shape:
        parts.append(f'<g fill="{face}" stroke="{edge}" stroke-width="1.6">{shape}</g>')
    return Markup('<svg viewBox="0 0 26 14" aria-hidden="true">{}</svg>').format(Markup("".join(parts)))


def _marker_colours(handle: Line2D) -> tuple[object, object]:
    return handle.get_markerfacecolor(), handle.get_markeredgecolor()


def _css(color: object) -> str:
    shown = to_hex(color)  # type: ignore[arg-type]  # whatever matplotlib took
    return _THEMED.get(shown, shown)


def _dashes(handle: Line2D) -> str:
    if not handle.is_dashed():
        return ""
    return ' stroke-dasharray="4 2.5"'
