"""A forecast's report as Markdown and as JSON, for tickets, wikis and scripts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayes_cod.forecasts.record import Record
from bayes_cod.report import sections
from bayes_cod.report.answers import benchmark_order, make_answers, matched, wanted
from bayes_cod.report.build import NOT_CONVERGED, lead, means
from bayes_cod.report.checks import priors_section, rungs_section
from bayes_cod.report.recalibration import recalibration_section
from bayes_cod.report.section import Section, Table
from bayes_cod.report.stacking import stacking_section
from bayes_cod.report.trust import trust


def report_markdown(
    record: Record,
    *,
    thresholds: Mapping[str, float] | None = None,
    cells: pd.DataFrame | None = None,
    narrowing: str = "",
) -> str:
    """The report as Markdown: the same sentences and tables in the same order, without pictures.

    Parameters
    ----------
    record, thresholds, cells, narrowing
        As `build_report` takes them.

    Raises
    ------
    InputError
        For a threshold outside 0 to 1 or of a benchmark that was not forecast.
    """
    asked = matched(wanted(record, thresholds), record.benchmarks)
    lines = [f"# {_plain(', '.join(record.forecast.targets))}", "", _plain(lead(record)), ""]
    if not record.gate_passed:
        lines += [f"**{NOT_CONVERGED}**", ""]
    for target in make_answers(record, asked):
        lines += [f"## {_plain(target.target)}", "", _plain(target.distance), ""]
        lines += [f"- **{_plain(answer.head)}**{_plain(answer.rest)}" for answer in target.answers]
        lines.append("")
    lines += [f"{_plain(sentence)}\n" for sentence in means(record)]
    lines += ["## How far to trust it", ""]
    lines += [f"- **{point.label}:** {_plain(point.text)}" for point in trust(record, cells, narrowing)]
    lines.append("")
    if record.notes:
        lines += ["## Warnings", "", *[f"- {_plain(note)}" for note in dict.fromkeys(record.notes)], ""]
    for section in _tables(record, asked):
        lines += section_markdown(section)
    return "\n".join(lines)


def _tables(record: Record, thresholds: Mapping[str, float]) -> list[Section]:
    """The report's sections that have a table, without the pictures beside it."""
    parts = [
        sections.forecast_section(record, benchmark_order(record, thresholds), thresholds, pictures=False),
        sections.domains_section(record),
        priors_section(record),
        rungs_section(record),
        recalibration_section(record),
        stacking_section(record),
        sections.diagnostics_section(record),
        sections.data_section(record),
        sections.settings_section(record),
    ]
    return [part for part in parts if part is not None]


def section_markdown(section: Section) -> list[str]:
    """One section as lines of Markdown; its pictures are left out."""
    if not section.text and section.table is None:
        return []
    lines = [f"## {section.title}", "", *[f"{_plain(paragraph)}\n" for paragraph in section.text]]
    return lines if section.table is None else [*lines, *_table(section.table), ""]


def _table(table: Table) -> list[str]:
    grouped = any(heading for heading, _ in table.blocks)
    names = [""] * grouped + [column.label for column in table.columns]
    rules = ["---"] * grouped + ["---:" if column.number else "---" for column in table.columns]
    rows = [_row([heading] * grouped + [str(cell) for cell in row]) for heading, rows in table.blocks for row in rows]
    return [_row(names), _row(rules), *rows]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell).replace("|", r"\|") for cell in cells) + " |"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    joined = re.sub(r"[ \t\r\n]+", " ", text)
    return "".join(f"\\{c}" if c in "\\`*_[]<>#" else c for c in joined)


def report_json(
    record: Record,
    *,
    thresholds: Mapping[str, float] | None = None,
    cells: pd.DataFrame | None = None,
    narrowing: str = "",
) -> dict[str, Any]:
    """The report as JSON holds it: how it was made, the answers with their sentences, and what trust rests on.

    Parameters
    ----------
    record, thresholds, cells, narrowing
        As `build_report` takes them.

    Returns
    -------
    dict
        What `run.json` has, and `answers` (scores and probabilities as fractions, None where unknown), `trust`,
        `warnings` and `forecast` (the rows of forecast.csv).
    """
    asked = matched(wanted(record, thresholds), record.benchmarks)
    return {
        **record.summary(),
        "answers": [
            {"flops": target.flops, "decades": target.decades, "multiple": 10**target.decades, **answer.as_json()}
            for target in make_answers(record, asked)
            for answer in target.answers
        ],
        "trust": [
            {"label": point.label, "text": point.text, "tone": point.tone} for point in trust(record, cells, narrowing)
        ],
        "warnings": list(dict.fromkeys(record.notes)),
        "forecast": record.forecast.summary().to_dict("records"),
    }
