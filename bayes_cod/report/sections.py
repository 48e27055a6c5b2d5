"""The sections of a forecast's report, each made from the run alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import batched
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.forecasts.record import Record
from bayes_cod.forecasts.table import forecast_rows
from bayes_cod.plots import plot_classes, plot_clusters, plot_curves, plot_forecast
from bayes_cod.report.numbers import flops, interval, number, percent, points
from bayes_cod.report.section import Column, Figure, Section, Table
from bayes_cod.report.svg import inline_svg

WORST = 12
PANELS_A_FIGURE = 12  # what fits on a printed page


def forecast_section(record: Record) -> Section:
    """The forecast as a table, the truth beside it where it is known, and as a picture."""
    rows = forecast_rows(record)
    with_truth = bool(rows["truth"].notna().any())
    with_share = bool(rows["share_extrapolating"].notna().any())
    columns = [Column("Benchmark"), Column("Largest rung", True), Column("Median", True)]
    columns += [Column("50 % interval", True), Column("90 % interval", True)]
    columns += [Column("Truth", True)] * with_truth + [Column("Decades beyond", True)]
    columns += [Column("Questions that extrapolate", True)] * with_share
    cells = []
    groups: dict[int, str] = {}
    for index, row in enumerate(rows.to_dict("records")):
        if index == 0 or row["target"] != rows["target"].iloc[index - 1]:
            groups[index] = f"{row['target']}, {flops(row['flops'])} FLOPs"
        cell = [row["benchmark"], points(row["last_rung"]), points(row["median"])]
        cell += [interval(row["low50"], row["high50"]), interval(row["low90"], row["high90"])]
        cell += [points(row["truth"])] * with_truth + [number(row["decades"], 2)]
        cell += [percent(row["share_extrapolating"])] * with_share
        cells.append(cell)
    last = record.rungs.iloc[-1]
    figure = plot_forecast(record.forecast, record, last_rung=str(last["model"]))
    return Section(
        "Forecast",
        text=[_reading(record, with_truth=with_truth, rows=rows)],
        table=Table(columns, cells, groups),
        figures=[
            Figure(inline_svg(figure, "forecast", "Intervals of every benchmark's score"), _forecast_caption(record))
        ],
    )


def _reading(record: Record, *, with_truth: bool, rows: pd.DataFrame) -> str:
    if not record.is_distribution:
        return "Observed scores in points (0 to 100). This method gives one number and no interval."
    text = (
        "Observed scores in points (0 to 100): what the evaluation will print, the target's luck and its finite "
        "trials included. With probability 90 % the score lies in the 90 % interval, given the model's assumptions; "
        "the farther beyond the largest rung, the more these matter."
    )
    if with_truth:
        known = rows.dropna(subset=["truth"])
        inside = known["truth"].between(known["low90"], known["high90"]).sum()
        text += f" Of {len(known)} scores that are known, {inside} lie in their 90 % interval."
    return text


def _forecast_caption(record: Record) -> str:
    text = "Forecast of the observed score"
    return f"{text}: median, 50 % and 90 % central intervals." if record.is_distribution else f"{text}."


def curves_section(record: Record) -> Section:
    """Every benchmark's rungs, curve and targets."""
    curves = record.explanation.curves
    figures = [
        plot_curves(record.forecast, record, record.rungs, curves=curves, benchmarks=names)
        for names in batched(record.forecast.benchmarks, PANELS_A_FIGURE)
    ]
    text = "Dots are the rungs that the forecast was made from."
    if curves is not None:
        text += (
            " The band is the latent score, the mean behind what an evaluation prints; the bar at the target is the "
            "observed score and therefore wider."
        )
    return Section(
        "Benchmarks along compute",
        text=[text],
        figures=[
            Figure(inline_svg(figure, f"curves{index}", "Score against compute for every benchmark"), "")
            for index, figure in enumerate(figures)
        ],
    )


def clusters_section(record: Record) -> Section | None:
    """Curves and classes of the clusters of questions; None for methods without clusters."""
    shown = record.explanation
    clusters, curves, seen = shown.clusters, shown.cluster_curves, shown.cluster_observations
    if clusters is None or clusters.empty or curves is None or seen is None:
        return None
    figures = [
        plot_clusters(clusters, curves, seen, benchmarks=names)
        for names in batched(dict.fromkeys(clusters["benchmark"]), PANELS_A_FIGURE)
    ]
    return Section(
        "Clusters of questions",
        text=[
            "Questions of like difficulty vectors share a cluster. Each cluster follows the scaling law, is flat, or "
            "is irregular, with a probability; only those that follow the law carry the extrapolation. Curves are "
            "the clusters' latent pass rates, median and 90 % interval; the number beside each is its questions."
        ],
        figures=[
            Figure(inline_svg(plot_classes(clusters), "classes", "Share of questions in each class"), ""),
            *(
                Figure(inline_svg(figure, f"clusters{index}", "Pass rate of every cluster against compute"), "")
                for index, figure in enumerate(figures)
            ),
        ],
    )


def losses_section(record: Record) -> Section | None:
    """Losses on the way from the mixture to the scores; None for methods that do not forecast them."""
    table = record.explanation.domain_losses
    if table is None:
        return None
    table = table[table["kind"] == "observed"].reset_index(drop=True)
    rows, groups = [], {}
    for index, row in enumerate(table.to_dict("records")):
        if index == 0 or row["target"] != table["target"].iloc[index - 1]:
            groups[index] = str(row["target"])
        median, low, high = (number(row[name], 3) for name in ("q50", "q05", "q95"))
        rows.append([str(row["domain"]), median, f"{low} to {high}"])
    text = ["Losses of the validation domains, from mixture, size and tokens, with the run's own luck."]
    columns = [Column("Validation domain"), Column("Median", True), Column("90 % interval", True)]
    return Section("Losses of the domains", text=text, table=Table(columns, rows, groups))


def classes_section(record: Record) -> Section | None:
    """Class probabilities of every cluster; None for methods without clusters."""
    clusters = record.explanation.clusters
    if clusters is None or clusters.empty:
        return None
    columns = [Column("Cluster"), Column("Questions", True), Column("P(law)", True), Column("P(flat)", True)]
    columns += [Column("P(irregular)", True), Column("Class")]
    rows = []
    groups: dict[int, str] = {}
    for index, row in enumerate(clusters.to_dict("records")):
        if index == 0 or row["benchmark"] != clusters["benchmark"].iloc[index - 1]:
            groups[index] = str(row["benchmark"])
        chances = [number(row[f"p_{kind}"], 2) for kind in ("law", "flat", "irregular")]
        rows.append([str(row["cluster"]), f"{int(row['n_questions']):,}", *chances, str(row["kind"])])
    return Section("Clusters one by one", table=Table(columns, rows, groups), folded=True)


def diagnostics_section(record: Record) -> Section | None:
    """Convergence diagnostics; None for methods that don't sample."""
    table = record.diagnostics
    if table is None:
        return None
    passed = table["passed"].astype(bool)
    counted = table["r_hat"].isna()  # divergences and E-BFMI: always shown
    order = table.assign(first=~passed | counted).sort_values(["first", "r_hat"], ascending=False)
    shown = order.head(max(WORST, int(order["first"].sum())))
    columns = [Column("Quantity"), Column("R-hat", True), Column("Bulk ESS", True), Column("Tail ESS", True)]
    columns += [Column("Value", True), Column("Gate")]
    rows = [
        [
            str(row["quantity"]),
            number(row["r_hat"], 3),
            number(row["ess_bulk"], 0),
            number(row["ess_tail"], 0),
            number(row.get("value"), 2),
            "passed" if row["passed"] else "failed",
        ]
        for row in shown.to_dict("records")
    ]
    failed = int((~passed).sum())
    verdict = f"{failed} failed: do not rely on this forecast."
    if record.gate_passed:
        verdict = f"{failed} failed, all of benchmarks that are not reported." if failed else "All passed."
    return Section(
        "Diagnostics",
        text=[
            f"{len(table)} quantities were checked: R-hat below 1.01, bulk and tail effective sample size above 100 a "
            f"chain, no divergences, E-BFMI above 0.3. {verdict}"
        ],
        table=Table(columns, rows, caption=f"The {len(shown)} worst of {len(table)}."),
        folded=record.gate_passed,
    )


def data_section(record: Record) -> Section:
    """The rungs, and what was decided about the data."""
    columns = [Column("Rung"), Column("FLOPs", True), Column("Parameters", True), Column("Tokens", True)]
    rows = [
        [str(row["model"]), flops(row["flops"]), _size(row["params"]), _size(row["tokens"])]
        for row in record.rungs.to_dict("records")
    ]
    pool = record.data.get("pool")
    others = "no other family" if pool is None else f"{pool['models']} models of other families"
    text = [
        f"Ladder {record.data.get('ladder')}, family {record.family}: {len(rows)} rungs, {len(record.benchmarks)} "
        f"benchmarks; {others} to learn from.",
        *(record.data.get("notes") or ()),
    ]
    return Section("Data", text=text, table=Table(columns, rows))


def _size(value: object) -> str:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return number(np.nan, 0)
    return flops(float(str(value)))


def settings_section(record: Record) -> Section:
    """Everything needed to make the result again."""
    summary = record.summary()
    chosen: Mapping[str, Any] = {
        "method": summary["method"],
        "seed": summary["seed"],
        "data (SHA-256)": summary["data"].get("sha256"),
        "wall time (s)": summary.get("wall_time_seconds"),
        **summary["settings"],
        **(summary["facts"].get("settings") or {}),
        **{f"version of {name}": value for name, value in (summary.get("versions") or {}).items()},
    }
    rows = [[name, value if isinstance(value, str) else json.dumps(value)] for name, value in chosen.items()]
    return Section("Settings", table=Table([Column("Setting"), Column("Value")], rows), folded=True)
