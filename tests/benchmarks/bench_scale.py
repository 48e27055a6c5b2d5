"""How a ladder of 100 benchmarks, 100,000 questions and 10 rungs fares from `check` to the report.

    python -m tests.benchmarks scale

makes the ladder in a temporary folder, then runs each command in a process of its own and prints its wall time and the
most memory it held. ``one`` in place of ``scale``: the same questions in one benchmark.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

BOUND = 600.0, 4.0
"""Seconds and GiB."""

MEASURED = """
import json, resource, sys, time
from bayes_cod.cli import main
start = time.perf_counter()
try:
    main()
except SystemExit as end:
    code = end.code or 0
seconds, most = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps([code, seconds, time.process_time(), most]), file=sys.stderr)
"""


def make_ladder(
    folder: Path, benchmarks: int = 100, questions: int = 100_000, rungs: int = 10, trials: int = 8
) -> None:
    """Questions of several kinds in each benchmark, an eighth irregular; ten rungs and a larger model as the target."""
    rng = np.random.default_rng(0)
    flops = np.logspace(18, 21, rungs)
    models = pd.DataFrame({"model": [f"m{r}" for r in range(rungs)], "family": "fam", "flops": flops})
    target = pd.DataFrame({"model": ["large"], "family": ["fam"], "flops": [1e22]})
    pd.concat([models, target]).to_csv(folder / "models.csv", index=False)
    x, each = np.log10(flops) - 21, questions // benchmarks
    level, slope = rng.normal(0, 1.0, benchmarks), np.exp(rng.normal(-0.3, 0.3, benchmarks))
    kinds = rng.choice([-1.5, 0.0, 1.5], (benchmarks, each)) + rng.normal(0, 0.2, (benchmarks, each))
    rates = np.exp(-np.exp(level[:, None, None] + kinds[:, :, None] - slope[:, None, None] * x))
    rates[:, : each // 8] = rng.uniform(size=(benchmarks, each // 8, rungs))
    passed = rng.binomial(trials, rates)
    names = [f"benchmark {b:03d}" for b in range(benchmarks)]
    index = pd.MultiIndex.from_product(
        [names, [f"q{q:06d}" for q in range(each)], models["model"]], names=["benchmark", "question_id", "model"]
    )
    table = pd.DataFrame({"n_trials": trials, "n_correct": passed.ravel()}, index=index).reset_index()
    table.to_parquet(folder / "items.parquet", index=False)


def measured(*arguments: str) -> tuple[float, float, float]:
    """Wall time and processor time in seconds, and GiB, of one command."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURED, *arguments], capture_output=True, text=True, check=True
    )
    code, seconds, processor, most = json.loads(done.stderr.strip().splitlines()[-1])
    if code:
        raise RuntimeError(f"bayes-cod {' '.join(arguments)} ended with {code}: {done.stderr[-1000:]}")
    return seconds, processor, most


def scale(benchmarks: int = 100) -> None:
    """Check, forecast by the published COD and by Bayesian COD, and write the report again."""
    with tempfile.TemporaryDirectory() as name:
        folder, started = Path(name), time.perf_counter()
        make_ladder(folder, benchmarks)
        print(f"{benchmarks} benchmarks, 100,000 questions, 10 rungs: made in {time.perf_counter() - started:.0f} s")
        steps = {"check": ["check", name]}
        for method in ("cod", "bayes-cod"):
            words = ["--target", "large", "--method", method, "--allow-failed-gate", "--out", f"{name}/{method}"]
            steps[f"forecast --method {method}"] = ["forecast", name, *words]
        steps["report"] = ["report", f"{name}/bayes-cod", "--out", f"{name}/report.html"]
        total, most = 0.0, 0.0
        for label, arguments in steps.items():
            seconds, processor, memory = measured(*arguments)
            print(f"  {label}: {seconds:.0f} s ({processor:.0f} s of processor), {memory:.1f} GiB", flush=True)
            total, most = total + seconds, max(most, memory)
        held = total < BOUND[0] and most < BOUND[1]
        print(f"  in all {total:.0f} s, {most:.1f} GiB: {'within' if held else 'NOT within'} 10 minutes and 4 GiB")
