"""The sections of a forecast's report, each made from the run alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bayes_cod.forecasts.record import Record
from bayes_cod.forecasts.table import forecast_rows
from bayes_cod.plots import plot_forecast
from bayes_cod.plots.forecast import forecast_handles
from bayes_cod.plots.style import fitted
from bayes_cod.report.numbers import flops, interval, number, percent, points
from bayes_cod.report.section import Cell, Column, Figure, Section, Table
from bayes_cod.report.svg import legend, panel

WORST = 12
PICTURE = 4.0  # width in inches: legible on a phone, two beside one another on a page
NOTHING = "–"


def forecast_section(
    record: Record, order: Sequence[str], thresholds: Mapping[str, float], *, pictures: bool = True
) -> Section:
    """The forecast as a table, the truth beside it where it is known, and as a picture in the same order."""
    rows = _in_order(forecast_rows(record), record, order)
    with_truth = bool(rows["truth"].notna().any())
    with_share = bool(rows["share_extrapolating"].notna().any())
    columns = [Column("Benchmark"), Column("Largest rung", True), Column("Median", True)]
    columns += [Column("50 % interval", True), Column("90 % interval", True)] * record.is_distribution
    columns += [Column("Truth", True)] * with_truth
    columns += [Column("Questions that extrapolate", True)] * with_share
    cells: list[list[str | Cell]] = []
    groups: dict[int, str] = {}
    for index, row in enumerate(rows.to_dict("records")):
        if index == 0 or row["target"] != rows["target"].iloc[index - 1]:
            groups[index] = f"{row['target']}: {flops(row['flops'])} FLOPs, {number(row['decades'], 2)} decades beyond"
        cell: list[str | Cell] = [row["benchmark"], points(row["last_rung"]), points(row["median"])]
        if record.is_distribution:
            cell += [interval(row["low50"], row["high50"]), interval(row["low90"], row["high90"])]
        cell += [points(row["truth"])] * with_truth
        cell += [percent(row["share_extrapolating"])] * with_share
        cells.append(cell)
    return Section(
        "Forecast",
        text=[_reading(record, with_truth=with_truth, rows=rows)],
        table=Table(columns, cells, groups, "Observed scores in points."),
        figures=_pictures(record, order, thresholds) if pictures else (),
        legend=legend(forecast_handles(record.forecast, record, last_rung=record.last_rung, thresholds=thresholds)),
    )


def _in_order(rows: pd.DataFrame, record: Record, order: Sequence[str]) -> pd.DataFrame:
    places = {name: place for place, name in enumerate(order)}
    targets = {name: place for place, name in enumerate(record.forecast.targets)}
    keys = pd.DataFrame({"target": rows["target"].map(targets), "benchmark": rows["benchmark"].map(places)})
    return rows.loc[keys.sort_values(["target", "benchmark"]).index].reset_index(drop=True)


def _pictures(record: Record, order: Sequence[str], thresholds: Mapping[str, float]) -> list[Figure]:
    figures = []
    for index, target in enumerate(record.forecast.targets):
        figure, axes = fitted(PICTURE, 0.25 * len(order) + 0.75)
        plot_forecast(
            record.forecast,
            record,
            targets=[target],
            last_rung=record.last_rung,
            order=order,
            thresholds=thresholds,
            ax=axes,
        )
        figures.append(panel(figure, f"forecast{index}", f"{target}: intervals of every benchmark's score"))
    return figures


def _reading(record: Record, *, with_truth: bool, rows: pd.DataFrame) -> str:
    if not record.is_distribution:
        return "Observed scores in points (0 to 100). This method gives one number and no interval."
    text = (
        "The observed score is what the evaluation will print, the target's luck and its finite trials included. With "
        "probability 90 % it lies in the 90 % interval, given the model's assumptions; the farther beyond the largest "
        "rung, the more these matter."
    )
    if with_truth:
        known = rows.dropna(subset=["truth"])
        inside = known["truth"].between(known["low90"], known["high90"]).sum()
        text += f" Of {len(known)} scores that are known, {inside} lie in their 90 % interval."
    return text


def domains_section(record: Record) -> Section | None:
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
    caption = "Observed validation losses."
    return Section("Losses of the domains", text=text, table=Table(columns, rows, groups, caption), folded=True)


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
    """The rungs, and everything odd about the data."""
    columns = [Column("Rung"), Column("FLOPs", True), Column("Parameters", True), Column("Tokens", True)]
    columns += [Column("Benchmarks", True)]
    answered = record.observations.groupby("model")["benchmark"].nunique()
    rows: list[list[str | Cell]] = [
        [
            str(row["model"]),
            *(Cell(flops(_known(row[name])), _known(row[name])) for name in ("flops", "params", "tokens")),
            str(int(answered.get(row["model"], 0))),
        ]
        for row in record.rungs.to_dict("records")
    ]
    pool = record.data.get("pool")
    others = "no other family" if pool is None else f"{pool['models']} models of other families"
    text = [
        f"Ladder {record.data.get('ladder')}, family {record.family}: {len(rows)} rungs, {len(record.benchmarks)} "
        f"benchmarks; {others} to learn from.",
        *(record.data.get("notes") or ()),
    ]
    return Section("Data", text=text, table=Table(columns, rows, caption="The rungs, by compute."), folded=True)


def _known(value: object) -> float:
    return float("nan") if value is None or pd.isna(value) else float(str(value))  # type: ignore[call-overload]


def settings_section(record: Record) -> Section:
    """Everything needed to make the result again."""
    summary = record.summary()
    chosen: Mapping[str, Any] = {
        "method": summary["method"],
        "seed": summary["seed"],
        "data (SHA-256)": summary["data"].get("sha256"),
        "made": summary.get("date"),
        "wall time (s)": summary.get("wall_time_seconds"),
        **summary["settings"],
        **(summary["facts"].get("settings") or {}),
        **{f"version of {name}": value for name, value in (summary.get("versions") or {}).items()},
    }
    rows = [list(pair) for pair in _flat(chosen)]
    caption = "With these, the data and the seed the same numbers come out."
    return Section("Settings", table=Table([Column("Setting"), Column("Value")], rows, caption=caption), folded=True)


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested settings as rows, a part's name before those of its own."""
    found: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found += _flat(value, f"{before}{name}, ")
        elif isinstance(value, str):
            found.append((f"{before}{name}", value))
        else:
            found.append((f"{before}{name}", NOTHING if value in (None, [], {}) else json.dumps(value)))
    return found
