"""The section of a report on what the forecast is worth in questions of a direct evaluation."""

from __future__ import annotations

import numpy as np

from bayes_cod.decisions.equivalent import between_share, equivalent_questions
from bayes_cod.forecasts.record import Record
from bayes_cod.report.numbers import UNKNOWN, number, percent
from bayes_cod.report.section import Column, Section, Table

LAW = "law"
"""Coordinate over the samples of a forecast that mixes laws: which one each draw comes from."""


def worth_section(record: Record) -> Section | None:
    """What the forecast is worth beside a direct evaluation, and how much of it is disagreement between laws."""
    if not record.is_distribution:
        return None
    draws = record.forecast.draws
    latent = draws["latent"].transpose("sample", "target", "benchmark").to_numpy()
    worth = equivalent_questions(latent)
    laws = draws[LAW].to_numpy() if LAW in draws.coords else None
    between = None if laws is None else between_share(latent, laws)
    columns = [Column("Target"), Column("Benchmark"), Column("Questions", True)]
    columns += [] if between is None else [Column("Between laws", True)]
    rows = [
        [
            target,
            benchmark,
            number(worth[t, b], 0) if np.isfinite(worth[t, b]) else UNKNOWN,
            *([] if between is None else [percent(float(between[t, b]))]),
        ]
        for t, target in enumerate(record.forecast.targets)
        for b, benchmark in enumerate(record.benchmarks)
    ]
    text = [
        "The forecast tells as much about the latent score as an evaluation of the finished model on this many "
        "questions "
        "would, drawn at random and asked once."
    ]
    if between is not None:
        text.append("Between laws: the share of the variance that would be left if each law were known exactly.")
    return Section("Worth in questions", text, Table(columns, rows), folded=True)
