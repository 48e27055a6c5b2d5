"""The section of a report on recalibrated intervals: what they were scaled by, and what the method's own held."""

from __future__ import annotations

from bayes_cod.evaluation.recalibration import LEVELS
from bayes_cod.forecasts.record import Record
from bayes_cod.report.numbers import number, percent
from bayes_cod.report.section import Column, Section, Table


def recalibration_section(record: Record) -> Section | None:
    """What the method's own intervals held for each family of the back-test; None without a recalibration."""
    scaling = record.forecast.facts.get("recalibration")
    if not scaling:
        return None
    columns = [Column("Family"), Column("Of ladder"), Column("Scores forecast", True), Column("Benchmarks", True)]
    columns += [Column(f"{level:.0%} held".replace("%", " %"), True) for level in LEVELS]
    columns += [Column("Root mean square distance", True)]
    rows = [
        [
            str(source["family"]),
            str(source["ladder"]),
            number(source["cells"], 0),
            number(source["benchmarks"], 0),
            *(percent(share) for share in source["held"]),
            number(source["root_mean_square"], 2),
        ]
        for source in scaling["sources"]
    ]
    return Section("Recalibration", text=[_text(scaling)], table=Table(columns, rows, caption=_CAPTION), folded=True)


_CAPTION = (
    "Central intervals of the method's own that held the score, and the scores' distance from the median in standard "
    "deviations of the forecast, which is 1 where intervals hold what they say."
)


def _text(record: dict[str, float]) -> str:
    return (
        "Every forecast's distribution is scaled around its median by what the same method's intervals held in a "
        f"back-test: to {percent(record['ratio_90'])} of their width at 90 %, somewhat less where a score is near its "
        "bounds. Curves further down are the method's own, and so are latent scores but for the same scaling: no "
        "back-test sees them."
    )
