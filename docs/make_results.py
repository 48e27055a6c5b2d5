"""Back-test methods on public ladders and write the tables of `docs/results.md`.

    OMP_NUM_THREADS=1 python docs/make_results.py --shared ladders --jobs 2

runs every point method and its +bootstrap and +conformal forms; `--methods all,bayesian` adds the Bayesian models on
ladders with counts of questions. The text of the page is kept; only what stands between ``<!-- begin NAME -->`` and
``<!-- end NAME -->`` is replaced. Finished jobs are kept in ``--work``, in the layout of `bayes-cod backtest --out`:
the same command, started again, goes on where it stopped, and a back-test made there is not made again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bayes_cod import read as read_ladder
from bayes_cod import registry
from bayes_cod.datasets import microladder
from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, common_cells, paired, summarise
from bayes_cod.registry import names, resolve

HERE = Path(__file__).parent
LOSS_BASED = ("flp", "flpm", "olmo-two-step", "gadre", "llama3")
SIMPLEST = "last-rung"
MIN_ANSWERED = 0.9
"""Share of the cells from which a method is in the tables; others are set against `REFERENCE` on their own cells."""
REFERENCE = "exponential"
OPENLM_TASKS = ("hellaswag", "lambada_openai", "arc_easy", "arc_challenge", "piqa", "copa", "boolq", "winograd")
PYTHIA_TASKS = ("lambada_openai", "piqa", "arc_easy", "arc_challenge", "sciq", "winogrande", "logiqa", "wsc")


@dataclass(frozen=True)
class Study:
    """One ladder and how it is back-tested.

    Attributes
    ----------
    name
        Name of the markers in the page, and of the ladder's folder unless it is the micro ladder.
    sees
        What the ladder has: "items" (and losses, on the micro ladder), "scores" or "losses". Methods that need what it
        lacks are left out.
    min_rungs, max_decades, benchmarks
        As in `bayes_cod.evaluation.backtest`; all benchmarks where empty.
    by
        Columns that a table of errors is made by, each.
    points_only
        Leave out `+bootstrap` and `+conformal` but for two baselines, to save time.
    """

    name: str
    sees: str
    min_rungs: int = 3
    max_decades: float | None = None
    benchmarks: tuple[str, ...] = ()
    by: tuple[str, ...] = ("family",)
    points_only: bool = False

    def suits(self, method: str) -> bool:
        """Whether a method can use the ladder and is wanted on it."""
        base, _, form = method.partition("+")
        if method in names("bayesian"):
            return self.sees == "items"
        if base.startswith("cod") and self.sees != "items":
            return False
        if base in LOSS_BASED and self.sees != "losses" and self.name != "microladder":
            return False
        return not (self.points_only and form) or method in (f"{REFERENCE}+conformal", f"{SIMPLEST}+conformal")


STUDIES = (
    Study("microladder", "items", by=("n_rungs", "decades_bin")),
    Study("instruct_items", "items"),
    Study("base_items", "items"),
    Study("code_items", "items", min_rungs=2),
    Study("pythia_sampling_items", "items", by=("n_rungs",)),
    Study("pythia_checkpoint_tasks", "scores", benchmarks=PYTHIA_TASKS),
    Study("olmo_ladder", "losses", min_rungs=6, by=("decades_bin",), points_only=True),
    Study("openlm_overtrain", "losses", min_rungs=12, benchmarks=OPENLM_TASKS, by=("decades_bin",), points_only=True),
)


def run(study: Study, methods: Sequence[str], shared: Path, work: Path, jobs: int) -> pd.DataFrame:
    """Cells of one study; finished jobs are taken from `work`."""
    ladder = microladder() if study.name == "microladder" else read_ladder(shared / study.name)
    return backtest(
        ladder,
        [registry.method(name) for name in methods],
        benchmarks=study.benchmarks or None,
        min_rungs=study.min_rungs,
        max_decades=study.max_decades,
        n_jobs=jobs,
        folder=work / study.name / "jobs",
        progress=lambda done, total, text: print(f"{study.name} {done}/{total} {text}", file=sys.stderr, flush=True),
    )


def tables(cells: pd.DataFrame, by: Sequence[str]) -> str:
    """Markdown of one study: errors of points, errors by group, intervals, and who answered too little."""
    every = [str(name) for name in cells["method"].unique()]
    calibrated = set(cells.loc[cells["covered_90"].notna(), "method"])
    points = [name for name in every if "+" not in name]
    with_intervals = [name for name in every if name in calibrated]
    parts = [_points(cells, points)]
    parts += [
        _by(cells, column, _compared(cells, points))
        for column in by
        if column not in cells or len(set(cells[column])) > 1
    ]
    if with_intervals:
        parts.append(_intervals(cells, with_intervals))
    parts.append(_too_few(cells, every))
    return "\n".join(part for part in parts if part)


def _compared(cells: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    table = summarise(cells, methods=methods, min_answered=MIN_ANSWERED)
    return list(table.loc[table["n_cells"] > 0].sort_values(["abs_error_points", "method"], kind="stable")["method"])


def _points(cells: pd.DataFrame, methods: Sequence[str]) -> str:
    table = summarise(cells, methods=methods, min_answered=MIN_ANSWERED)
    compared = table[table["n_cells"] > 0].sort_values(["abs_error_points", "method"], kind="stable")
    if compared.empty:
        return "No method answered.\n"
    best = str(compared["method"].iloc[0])
    common = _common(cells, list(compared["method"]))
    rows, level = [], []
    for row in compared.to_dict("records"):
        name = str(row["method"])
        behind = paired(common, name, best, "abs_error").iloc[0] if name != best else None
        if behind is not None and behind["difference_points"] < 2 * behind["difference_points_se"]:
            level.append(name)
        rows.append(
            [
                f"`{name}`",
                _number(row["abs_error_points"], row["abs_error_points_se"]),
                "" if behind is None else _number(behind["difference_points"], behind["difference_points_se"]),
                _number(row["bias_points"]),
                f"{row['seconds_per_fit']:.2g}",
            ]
        )
    first = compared.iloc[0]
    text = (
        f"{int(table['n_asked'].max())} cells, {first['n_cells']} of which every method of the table answered, of "
        f"{first['n_targets']} target models.\n\n"
    )
    head = ("method", "error", "behind the best", "bias", "s a fit")
    text += _markdown(head, rows) + f"\nSmallest error: `{best}`."
    if int(first["n_targets"]) > 1:
        told = ", ".join(f"`{name}`" for name in level) or "none"
        text += f" Behind it by less than two standard errors of the paired difference: {told}."
    if SIMPLEST in set(compared["method"]) and best != SIMPLEST:
        text += f" {_against_simplest(common, best)}"
    return text + "\n"


def _against_simplest(common: pd.DataFrame, best: str) -> str:
    row = paired(common, best, SIMPLEST, "abs_error").iloc[0]
    return (
        f"`{best}` against `{SIMPLEST}`: {_number(row['difference_points'], row['difference_points_se'])} points, "
        f"nearer the truth in {row['wins'] * 100:.0f} % of the cells."
    )


def _by(cells: pd.DataFrame, by: str, methods: Sequence[str]) -> str:
    """Mean absolute error a group, of the methods compared over all cells; the smallest is bold."""
    table = summarise(cells, [by], methods=methods)
    wide = table.pivot_table(index=by, columns="method", values="abs_error_points", observed=True)
    counts = table.groupby(by, observed=True)["n_cells"].max()
    shown = [name for name in methods if name in wide]
    rows = []
    for group in wide.index:
        errors = wide.loc[group, shown]
        told = [f"**{value:.1f}**" if value == errors.min() else _number(value) for value in errors]
        rows.append([str(group), f"{counts[group]}", *told])
    winners = wide[shown].idxmin(axis=1)
    won = ", ".join(str(group) for group, name in winners.items() if name == SIMPLEST) or "nowhere"
    text = f"Error by `{by}`; `{SIMPLEST}` is the best of all: {won}.\n\n"
    return text + _markdown((by, "cells", *(f"`{name}`" for name in shown)), rows)


def _intervals(cells: pd.DataFrame, methods: Sequence[str]) -> str:
    """One row a method with a distribution, by CRPS."""
    table = summarise(cells, methods=methods, min_answered=MIN_ANSWERED)
    compared = table[table["n_cells"] > 0].sort_values(["crps_points", "method"], kind="stable")
    if compared.empty:
        return ""
    best = str(compared["method"].iloc[0])
    common = _common(cells, list(compared["method"]))
    rows = []
    for row in compared.to_dict("records"):
        name = str(row["method"])
        behind = paired(common, name, best, "crps").iloc[0] if name != best else None
        rows.append(
            [
                f"`{name}`",
                _number(row["crps_points"], row["crps_points_se"]),
                "" if behind is None else _number(behind["difference_points"], behind["difference_points_se"]),
                _number(row["coverage_50"] * 100, digits=0),
                _number(row["coverage_90"] * 100, digits=0),
                _number(row["width_90_points"]),
            ]
        )
    first = compared.iloc[0]
    text = (
        f"With intervals, on the {first['n_cells']} cells of {first['n_targets']} targets that these methods all "
        "answered:\n\n"
    )
    return text + _markdown(("method", "CRPS", "behind the best", "50 % holds", "90 % holds", "90 % width"), rows)


def _too_few(cells: pd.DataFrame, methods: Sequence[str]) -> str:
    """Methods that answered too few cells, each against `REFERENCE` (its form, for forms) on its own cells."""
    told = []
    for name in methods:
        own = cells[cells["method"] == name]
        n_ok = int((own["status"] == "ok").sum())
        if n_ok > MIN_ANSWERED * len(own):
            continue
        text = f"`{name}` {n_ok}/{len(own)}"
        form = name.partition("+")[2]
        other = f"{REFERENCE}+{form}" if form else REFERENCE
        if n_ok and other in methods and other != name:
            row = paired(cells, name, other, "crps" if form else "abs_error").iloc[0]
            if row["n_cells"]:
                difference = _number(row["difference_points"], row["difference_points_se"])
                text += f" ({difference} against `{other}` on these)"
        told.append(text)
    if not told:
        return ""
    return "Answered fewer than nine in ten cells, and not in the tables: " + "; ".join(told) + ".\n"


def _common(cells: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    return common_cells(cells, methods, min_answered=MIN_ANSWERED)


def _number(value: float, se: float = float("nan"), digits: int = 1) -> str:
    if value != value:
        return "–"
    return f"{value:.{digits}f}" + ("" if se != se else f" ± {se:.{digits}f}")


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    line = "|" + "---|" + "---:|" * (len(head) - 1)
    return "\n".join(["| " + " | ".join(head) + " |", line, *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def replace_block(page: str, name: str, content: str) -> str:
    """Put `content` between the markers of `name`; a page without them gets a section at its end."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        page = f"{page.rstrip()}\n\n## {name}\n\n{begin}\n{end}\n"
    before, rest = page.split(begin, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{begin}\n{content.strip()}\n{end}{after}"


def main() -> None:
    """Run the studies and write their tables into the page, each when it is done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("ladders"), help="folder of the public ladders")
    parser.add_argument("--methods", default="all", help="comma list, with all, baselines and bayesian")
    parser.add_argument("--studies", default="", help="comma list of ladders; left out: all")
    parser.add_argument("--jobs", type=int, default=1, help="jobs at a time")
    parser.add_argument("--out", type=Path, default=HERE / "results.md", help="page to write")
    parser.add_argument("--work", type=Path, default=Path("out/results"), help="folder of finished jobs and cells")
    options = parser.parse_args()
    wanted = resolve([options.methods])
    chosen = [word for word in options.studies.split(",") if word]
    unknown = sorted(set(chosen) - {study.name for study in STUDIES})
    if unknown:
        raise InputError(f"unknown study '{unknown[0]}'; they are: {', '.join(study.name for study in STUDIES)}")
    for study in STUDIES:
        methods = [name for name in wanted if study.suits(name)]
        if not methods or (chosen and study.name not in chosen):
            continue
        start = time.perf_counter()
        cells = run(study, methods, options.shared, options.work, options.jobs)
        cells.to_csv(options.work / study.name / "cells.csv", index=False)
        page = options.out.read_text(encoding="utf-8") if options.out.exists() else "# Results\n"
        options.out.write_text(replace_block(page, study.name, tables(cells, study.by)), encoding="utf-8")
        print(f"{study.name}: {len(cells)} rows, {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
