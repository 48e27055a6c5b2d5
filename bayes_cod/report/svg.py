"""Figures as inline SVG that takes the page's colours and font."""

from __future__ import annotations

import io
import re

from markupsafe import Markup, escape
from matplotlib.figure import Figure

from bayes_cod.plots import style

PIXELS_PER_INCH = 109  # a full-width figure fills the page's column
_THEMED = {style.INK: "var(--ink)", style.MUTED: "var(--muted)", style.RULE: "var(--rule)", style.PAPER: "var(--paper)"}


def inline_svg(figure: Figure, prefix: str, description: str) -> Markup:
    """Turn a figure into an SVG element for a page.

    Parameters
    ----------
    figure
        Drawn with `bayes_cod.plots`.
    prefix
        Put before every id, so that several figures fit on one page.
    description
        For readers who can't see the picture; plain text.

    Returns
    -------
    Markup
        One ``<svg>`` element: no fixed size, ink, rules and paper as CSS variables, text in the page's font.
    """
    buffer = io.StringIO()
    with style.style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg)
    svg = svg.replace("xlink:href=", "href=")
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r"url\(#", f"url(#{prefix}-", svg)
    svg = re.sub(r'href="#', f'href="#{prefix}-', svg)
    svg = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "var(--sans)", svg)
    for color, variable in _THEMED.items():
        svg = svg.replace(color, variable)
    label = escape(description)
    width = round(figure.get_figwidth() * PIXELS_PER_INCH)
    return Markup(svg.replace("<svg", f'<svg style="max-width:{width}px" role="img" aria-label="{label}"', 1))
