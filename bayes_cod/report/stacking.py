"""The section of a report on a stack: its members' weights and inner scores."""

from __future__ import annotations

from bayes_cod.forecasts.record import Record
from bayes_cod.report.numbers import number, percent
from bayes_cod.report.section import Column, Section, Table


def stacking_section(record: Record) -> Section | None:
    """Weights and inner scores of the members; None for a forecast that is no mixture."""
    weights = record.forecast.facts.get("stacking")
    if not weights:
        return None
    columns = [Column("Member"), Column("Weight", True), Column("Prior weight", True)]
    columns += [Column("Inner cells", True), Column("CRPS", True), Column("Error", True)]
    rows = [
        [
            str(member["name"]),
            percent(member["weight"]),
            percent(member["prior"]),
            number(member["answered"], 0),
            _points(member["crps"]),
            _points(member["abs_error"]),
        ]
        for member in weights["members"]
    ]
    return Section(
        "Stacking", text=[_text(weights)], table=Table(columns, rows, caption="Members of the mixture."), folded=True
    )


def _text(record: dict[str, object]) -> str:
    text = "The forecast mixes the draws of its members by these weights, the same for all benchmarks."
    if not record["cells"]:
        return f"{text} There was no cell inside the ladder to find them by."
    scores, cuts = record["crps"], record["cuts"]
    assert isinstance(scores, dict) and isinstance(cuts, list)
    count, where = record["cells"], ", ".join(str(cut["cut"]) for cut in cuts)
    return (
        f"{text} They were found by forecasting larger rungs from smaller ones: {count} cells, from the rungs "
        f"up to {where}. There the mixture's CRPS is {_points(scores['weights'])} points, and "
        f"{_points(scores['prior'])} with the prior weights. CRPS and error are in points, of the cells that a member "
        "answered."
    )


def _points(fraction: float) -> str:
    return number(100 * fraction, 2)
