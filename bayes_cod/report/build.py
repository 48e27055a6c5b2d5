"""A run's report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from jinja2 import Environment, PackageLoader, StrictUndefined

from bayes_cod.forecasts.record import Record
from bayes_cod.report import sections
from bayes_cod.report.checks import priors_section, rungs_section
from bayes_cod.report.losses import losses_section
from bayes_cod.report.numbers import flops
from bayes_cod.report.recalibration import recalibration_section
from bayes_cod.report.section import Section
from bayes_cod.report.stacking import stacking_section


def build_report(record: Record) -> str:
    """Make the report of a forecast.

    Parameters
    ----------
    run
        A forecast that was made, whether or not its gate was passed; a failed gate is told in red on top.

    Returns
    -------
    str
        HTML with everything inline: style, pictures, no scripts, no links to other hosts.
    """
    parts: list[Section | None] = [
        sections.forecast_section(record),
        recalibration_section(record),
        sections.curves_section(record),
        sections.losses_section(record),
        losses_section(record),
        priors_section(record),
        rungs_section(record),
        sections.clusters_section(record),
        sections.classes_section(record),
        stacking_section(record),
        sections.diagnostics_section(record),
        sections.data_section(record),
        sections.settings_section(record),
    ]
    alarm = ""
    if not record.gate_passed:
        alarm = "The sampler did not converge. These numbers are shown on request only; do not rely on them."
    return render(
        title=", ".join(target.name for target in record.targets),
        lead=_lead(record),
        alarm=alarm,
        warnings=record.forecast.facts.get("warnings") or (),
        sections=[part for part in parts if part is not None],
    )


def render(*, title: str, lead: str, alarm: str, warnings: Sequence[str], sections: Sequence[Section]) -> str:
    """Lay sections out as a page.

    Parameters
    ----------
    title, lead
        Heading, and the sentence below it.
    alarm
        Told in red on top; nothing if empty.
    warnings
        Told below the heading.
    sections
        In reading order.
    """
    environment = Environment(
        loader=PackageLoader("bayes_cod.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html.j2")
    return page.render(title=title, lead=lead, alarm=alarm, warnings=warnings, sections=sections, today=date.today())


def _lead(record: Record) -> str:
    last = record.rungs.iloc[-1]
    reach = ", ".join(f"{record.decades(target):.2f}" for target in record.targets)
    plural = "s lie" if len(record.targets) > 1 else " lies"
    return (
        f"Forecast by {record.method} from {len(record.rungs)} rungs of {record.family}, the largest "
        f"{last['model']} with {flops(float(last['flops']))} FLOPs. The target{plural} {reach} decades beyond it."
    )
