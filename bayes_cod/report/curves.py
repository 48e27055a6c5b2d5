"""The section of a report that shows every benchmark along compute."""

from __future__ import annotations

from collections.abc import Sequence

from bayes_cod.forecasts.record import Record
from bayes_cod.plots import plot_curves
from bayes_cod.plots.curves import curve_handles
from bayes_cod.plots.style import single
from bayes_cod.report.section import Section
from bayes_cod.report.svg import legend, panel


def curves_section(record: Record, order: Sequence[str]) -> Section:
    """Every benchmark's rungs, curve and targets, in the order given."""
    curves = record.explanation.curves
    figures = []
    for index, name in enumerate(order):
        figure, axes = single()
        plot_curves(record.forecast, record, record.rungs, curves=curves, benchmarks=[name], ax=axes)
        figures.append(panel(figure, f"curve{index}", f"{name}: score against training compute"))
    text = "Dots are the rungs that the forecast was made from."
    if curves is not None:
        text += (
            " The band is the latent score, the mean behind what an evaluation prints; the bar at the target is the "
            "observed score and therefore wider."
        )
    handles = curve_handles(record.forecast, record, curves)
    return Section("Benchmarks along compute", text=[text], figures=figures, legend=legend(handles))
