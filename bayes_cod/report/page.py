"""The page that every report is laid out on: one HTML file with everything inline."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bayes_cod.report.answers import TargetAnswers
from bayes_cod.report.glossary import Explained
from bayes_cod.report.section import Section
from bayes_cod.report.trust import Point


def render(
    *,
    title: str,
    lead: str | Sequence[str] = (),
    alarm: str = "",
    warnings: Sequence[str] = (),
    sections: Sequence[Section],
    kicker: str = "forecast",
    answers: Sequence[TargetAnswers] = (),
    trust: Sequence[Point] = (),
    further: Sequence[str] = (),
) -> str:
    """Lay sections out as a page: of a forecast, a back-test, a decision or a monitored run.

    Parameters
    ----------
    title, lead
        Heading, and the sentence or sentences below it.
    alarm
        Said in red on top; nothing if empty.
    warnings
        Below the answers; folded where there are more than two.
    sections
        In reading order.
    kicker
        What kind of report it is, above the heading.
    answers, trust
        First screen of a forecast: a sentence a target and benchmark, and how far to trust them.
    further
        Sentences between these two.

    Returns
    -------
    str
        HTML; its content security policy allows this page's one script and nothing from anywhere else.
    """
    environment = Environment(
        loader=PackageLoader("bayes_cod.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _text("page.js")
    page = environment.get_template("page.html.j2")
    return page.render(
        title=title,
        lead=[lead] if isinstance(lead, str) else lead,
        alarm=alarm,
        warnings=list(dict.fromkeys(warnings)),
        sections=sections,
        kicker=kicker,
        answers=answers,
        trust=trust,
        further=further,
        explained=Explained(),
        style=Markup(_text("page.css")),
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
        today=date.today(),
    )


def _text(name: str) -> str:
    return files("bayes_cod.report").joinpath(name).read_text(encoding="utf-8")
