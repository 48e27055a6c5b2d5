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

from tests.benchmarks.made_ladders import make_ladder

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
        make_ladder(folder, benchmarks=benchmarks)
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
