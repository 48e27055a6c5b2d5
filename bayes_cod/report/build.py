"""A forecast's report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from bayes_cod.forecasts.record import Record
from bayes_cod.report import sections
from bayes_cod.report.answers import benchmark_order, make_answers, matched, wanted
from bayes_cod.report.checks import priors_section, rungs_section
from bayes_cod.report.curves import curves_section
from bayes_cod.report.losses import losses_section
from bayes_cod.report.numbers import interval, points
from bayes_cod.report.page import render
from bayes_cod.report.questions import classes_section, clusters_section, map_section
from bayes_cod.report.recalibration import recalibration_section
from bayes_cod.report.section import Section
from bayes_cod.report.stacking import stacking_section
from bayes_cod.report.trust import trust
from bayes_cod.report.worth import worth_section

NOT_CONVERGED = "The sampler did not converge. These numbers are shown on request only; do not rely on them."


def build_report(
    record: Record,
    *,
    thresholds: Mapping[str, float] | None = None,
    cells: pd.DataFrame | None = None,
    narrowing: str = "",
    further: Sequence[Section] = (),
) -> str:
    """Make the report of a forecast.

    Parameters
    ----------
    record
        A forecast that was made, whether or not its gate was passed; a failed gate is said in red on top.
    thresholds
        Score that is asked for, a fraction, by benchmark. Left out: those that the forecast was made with (its setting
        `thresholds`), if any.
    cells
        Cells of back-tests of the method, for the track record.
    narrowing
        What would narrow the intervals most, in a sentence, where it was studied.
    further
        Sections of what was decided or monitored, shown after the forecast's own pictures.

    Returns
    -------
    str
        HTML with everything inline: style, pictures, one script, no links to other hosts.

    Raises
    ------
    InputError
        For a threshold outside 0 to 1 or of a benchmark that was not forecast.
    """
    asked = matched(wanted(record, thresholds), record.benchmarks)
    return render(
        title=", ".join(target.name for target in record.targets),
        lead=lead(record),
        alarm="" if record.gate_passed else NOT_CONVERGED,
        warnings=record.notes,
        sections=report_sections(record, asked, further),
        answers=make_answers(record, asked),
        trust=trust(record, cells, narrowing),
        further=means(record),
    )


def report_sections(
    record: Record, thresholds: Mapping[str, float] | None = None, further: Sequence[Section] = ()
) -> list[Section]:
    """Sections of a forecast's report in reading order; those that a method has nothing for are left out."""
    asked = matched(wanted(record, thresholds), record.benchmarks)
    order = benchmark_order(record, asked)
    parts: list[Section | None] = [
        sections.forecast_section(record, order, asked),
        curves_section(record, order),
        *further,
        map_section(record),
        clusters_section(record),
        classes_section(record),
        losses_section(record),
        sections.domains_section(record),
        priors_section(record),
        rungs_section(record),
        recalibration_section(record),
        stacking_section(record),
        worth_section(record),
        sections.diagnostics_section(record),
        sections.data_section(record),
        sections.settings_section(record),
    ]
    return [part for part in parts if part is not None]


def lead(record: Record) -> str:
    """What was forecast from what, in one sentence."""
    return (
        f"Forecast by {record.method} from {len(record.rungs)} rungs of {record.family}; observed scores in points, "
        "given the model's assumptions."
    )


def means(record: Record) -> list[str]:
    """The mean over all benchmarks, where the method gives it."""
    found = record.forecast.facts.get("mean_over_benchmarks") or {}
    return [
        f"Mean over all benchmarks, {name}: {points(mean['q50'])}, with 90\u202f% probability "
        f"{interval(mean['q05'], mean['q95'])}."
        for name, mean in found.items()
    ]
