"""Back-test the point methods on public ladders and write the tables of `docs/results.md`.

    OMP_NUM_THREADS=1 python docs/make_results.py --shared ../shared/data --jobs 2

The text of the page is kept; only what stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` is replaced.
Finished jobs are kept in ``--work``: the same command, started again, goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from bayes_cod import read_ladder
from bayes_cod.datasets import microladder
from bayes_cod.evaluation import Method, backtest, best_baseline, summarise
from bayes_cod.methods import names, resolve

HERE = Path(__file__).parent
LOSS_BASED = ("flp", "flpm", "olmo-two-step", "gadre", "llama3")
INTERVALS = ("exponential+conformal", "last-rung+conformal")
ON_SCORES = tuple(name for name in names("baselines") if not name.startswith("cod") and name not in LOSS_BASED)
ON_ITEMS = tuple(name for name in names("baselines") if name.startswith("cod"))
OLMO_TASKS = ("arc_challenge_test", "arc_easy_test", "hellaswag_val", "piqa_val")
OPENLM_TASKS = ("hellaswag", "lambada_openai", "arc_easy", "piqa")
PYTHIA_TASKS = ("lambada_openai", "piqa", "arc_easy", "arc_challenge", "sciq", "winogrande", "logiqa", "wsc")


@dataclass(frozen=True)
class Study:
    """One ladder and how it is back-tested.

    Attributes
    ----------
    name
        Name of the markers in the page, and of the ladder's folder unless it is the micro ladder.
    methods
        Methods that suit the ladder; `--methods` keeps some of them.
    min_rungs, max_decades, benchmarks
        As in `bayes_cod.evaluation.backtest`; all benchmarks where empty.
    by
        Column of a second table, of mean absolute errors; none where empty.
    """

    name: str
    methods: tuple[str, ...]
    min_rungs: int = 3
    max_decades: float | None = None
    benchmarks: tuple[str, ...] = ()
    by: str = ""


STUDIES = (
    Study("pythia_sampling_items", (*ON_ITEMS, *ON_SCORES, *INTERVALS), by="n_rungs"),
    Study("base_items", (*ON_ITEMS, *ON_SCORES, *INTERVALS), by="family"),
    Study("code_items", (*ON_ITEMS, *ON_SCORES, *INTERVALS), min_rungs=2),
    Study("instruct_items", (*ON_ITEMS, *ON_SCORES, *INTERVALS), by="family"),
    Study("pythia_checkpoint_tasks", (*ON_SCORES, *INTERVALS), benchmarks=PYTHIA_TASKS, by="family"),
    Study("olmo_ladder", (*LOSS_BASED, "exponential", "last-rung"), min_rungs=18, benchmarks=OLMO_TASKS),
    Study("openlm_overtrain", (*LOSS_BASED, "exponential", "last-rung"), min_rungs=26, benchmarks=OPENLM_TASKS),
    Study("microladder", (*ON_ITEMS, *ON_SCORES, "flp", *INTERVALS), by="n_rungs"),
)


def run(study: Study, methods: Sequence[str], shared: Path, work: Path, jobs: int) -> pd.DataFrame:
    """Cells of one study; finished jobs are taken from `work`."""
    ladder = microladder() if study.name == "microladder" else read_ladder(shared / study.name)
    return backtest(
        ladder,
        [Method(name) for name in methods],
        benchmarks=study.benchmarks or None,
        min_rungs=study.min_rungs,
        max_decades=study.max_decades,
        n_jobs=jobs,
        folder=work / study.name / "jobs",
        progress=lambda done, total, text: print(f"{study.name} {done}/{total} {text}", file=sys.stderr, flush=True),
    )


def tables(cells: pd.DataFrame, by: str) -> str:
    """Markdown tables of one study: all methods over all cells, then the errors by `by`, then who did not answer."""
    baseline = best_baseline(cells)
    overall = summarise(cells, baseline=baseline)
    compared = overall[overall["n_cells"] > 0].sort_values(["abs_error_points", "method"], kind="stable")
    if compared.empty:
        return "No method answered.\n"
    first = compared.iloc[0]
    rows = [
        [
            f"`{row['method']}`",
            f"{row['n_ok']}",
            _number(row["abs_error_points"], row["abs_error_points_se"]),
            _number(row["bias_points"]),
            _number(row["crps_points"]),
            _number(row["coverage_50"] * 100, digits=0),
            _number(row["coverage_90"] * 100, digits=0),
            _number(row["width_90_points"]),
            _number(row["skill"], row["skill_se"], digits=2),
            f"{row['seconds_per_fit']:.2g}",
        ]
        for row in compared.to_dict("records")
    ]
    head = ("method", "answered", "error", "bias", "CRPS", "50 % holds", "90 % holds", "90 % width", "skill", "s a fit")
    asked = int(overall["n_asked"].max())
    parts = [
        f"{asked} cells, {first['n_cells']} of which every method of the table answered, of {first['n_targets']} "
        f"target models. Baseline of skill: `{baseline}`.\n",
        _markdown(head, rows),
    ]
    if by and not compared["method"].str.contains("+", regex=False).all():
        parts.append(_errors_by(cells, by, [str(name) for name in compared["method"] if "+" not in name]))
    silent = overall[overall["n_unusable"] + overall["n_refused"] > 0]
    if len(silent):
        counts = ", ".join(f"`{r['method']}` {r['n_ok']}/{r['n_asked']}" for r in silent.to_dict("records"))
        parts.append(f"Did not answer every cell (answered/asked): {counts}.\n")
    return "\n".join(parts)


def _errors_by(cells: pd.DataFrame, by: str, methods: Sequence[str]) -> str:
    """Mean absolute error a group, of the methods compared over all cells."""
    table = summarise(cells, [by], methods=methods)
    wide = table.pivot_table(index=by, columns="method", values="abs_error_points", observed=True)
    counts = table.groupby(by, observed=True)["n_cells"].max()
    shown = [name for name in methods if name in wide]
    rows = [
        [str(group), f"{counts[group]}", *(_number(wide.loc[group, name]) for name in shown)] for group in wide.index
    ]
    return f"Error by `{by}`:\n\n" + _markdown((by, "cells", *(f"`{name}`" for name in shown)), rows)


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
    parser.add_argument("--shared", type=Path, default=Path("../shared/data"), help="folder of the public ladders")
    parser.add_argument("--methods", default="", help="comma list; left out: all that suit a ladder")
    parser.add_argument("--studies", default="", help="comma list of ladders; left out: all")
    parser.add_argument("--jobs", type=int, default=1, help="jobs at a time")
    parser.add_argument("--out", type=Path, default=HERE / "results.md", help="page to write")
    parser.add_argument("--work", type=Path, default=Path("out/results"), help="folder of finished jobs and cells")
    options = parser.parse_args()
    wanted = set(resolve([options.methods])) if options.methods else None
    chosen = [word for word in options.studies.split(",") if word]
    for study in STUDIES:
        methods = [name for name in study.methods if wanted is None or name in wanted]
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
