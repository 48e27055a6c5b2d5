"""The section of a report on a forecast by way of the loss."""

from __future__ import annotations

from bayes_cod.forecasts.record import Record
from bayes_cod.plots.losses import loss_handles, map_handles, plot_losses, plot_score_map
from bayes_cod.plots.style import single
from bayes_cod.report.numbers import interval, number, percent, points
from bayes_cod.report.section import Column, Section, Table
from bayes_cod.report.svg import legend, panel


def losses_section(record: Record) -> Section | None:
    """Losses along compute, scores along loss, and where benchmarks emerge; None for methods without losses."""
    shown = record.explanation
    losses, curves, seen, emergence = shown.loss_table, shown.score_map, shown.map_observations, shown.emergence
    if losses is None or curves is None or seen is None or emergence is None:
        return None
    figures = []
    for index, name in enumerate(dict.fromkeys(losses["series"])):
        figure, axes = single()
        plot_losses(losses, series=[name], ax=axes)
        figures.append(panel(figure, f"loss{index}", f"{name}: loss against training compute"))
    for index, name in enumerate(record.forecast.benchmarks):
        figure, axes = single()
        plot_score_map(curves, seen, emergence, [name], ax=axes)
        figures.append(panel(figure, f"scores{index}", f"{name}: score against loss"))
    rows = [
        [str(row["benchmark"]), number(row["loss"], 3), _losses(row["low90"], row["high90"]), percent(row["p_emerged"])]
        for row in emergence.to_dict("records")
    ]
    columns = [Column("Benchmark"), Column("Loss at emergence", True), Column("90 % interval", True)]
    columns += [Column("Emerged at the last rung", True)]
    return Section(
        "From compute to loss to score",
        text=[*_weights(record), *_walks(record), *_means(record), _READING],
        figures=figures,
        table=Table(columns, rows, caption="Where each benchmark is five points above its floor."),
        legend=legend([*loss_handles(), *map_handles()]),
        folded=True,
    )


_READING = (
    "The first pictures show losses of the rungs beside the law in size and tokens, and the targets' losses; the "
    "others score against loss, with checkpoints along training as small dots. The curve is drawn with all parts of "
    "progress moving together."
)


def _weights(record: Record) -> list[str]:
    weights = record.forecast.facts.get("weights") or {}
    shown = ", ".join(f"{name} {percent(value)}" for name, value in weights.items())
    return [f"Progress, on which scores depend, is made of: {shown} (posterior means)."] if shown else []


def _walks(record: Record) -> list[str]:
    walks = record.forecast.facts.get("walks") or {}
    if not walks:
        return []
    return [
        f"Beyond the last rung scores may wander: over one unit of progress a benchmark by {number(walks['own'], 2)} "
        f"on the logit, all together by {number(walks['shared'], 2)} of progress. About 0.1 and 0.2 are smooth, 1 is "
        "abrupt."
    ]


def _means(record: Record) -> list[str]:
    means = record.forecast.facts.get("mean_over_benchmarks") or {}
    return [
        f"Mean over all benchmarks, {name}: {points(mean['q50'])} points (90 %: {interval(mean['q05'], mean['q95'])})."
        for name, mean in means.items()
    ]


def _losses(low: float, high: float) -> str:
    return f"{number(low, 3)} to {number(high, 3)}"
