"""Speed as ratios of one run: ``make bench``, or ``python -m tests.benchmarks PART``; parts are in `PARTS`."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.benchmarks.bench_growth import growth
from tests.benchmarks.bench_scale import scale

MODEL = """
import time, pymc as pm, nutpie, numpy as np
from bayes_cod.models.sampling import exact_arithmetic, wrapper
from bayes_cod.models.sampling.packing import Packing
with pm.Model() as model:
    at, seen = pm.Data("at", np.linspace(-2, 0, 40)), pm.Data("seen", np.full(40, 60))
    level, slope = pm.Normal("level"), pm.HalfNormal("slope")
    own = pm.Normal("own", 0, 1, shape=40)
    scale = pm.HalfNormal("scale")
    pm.Potential("fit", pm.logp(pm.Binomial.dist(100, logit_p=level + slope * at + scale * own), seen).sum())
packed, names = Packing.of(model).inside(model), ["level", "slope", "own", "scale"]
start = time.process_time()
with exact_arithmetic():
    COMPILE
print(time.process_time() - start)
"""
OURS, NUTPIE = "wrapper.by_address(packed, names)", "nutpie.compile_pymc_model(packed, var_names=names)"

THREADS = """
import time, numpy as np
from bayes_cod import threads
a = np.random.default_rng(0).normal(size=(60, 60))
work = lambda: [np.linalg.solve(a @ a.T + np.eye(60), a) for _ in range(3000)]
work()
start = time.process_time()
with threads.one_thread(): work()
print(time.process_time() - start)
"""


def pass_rates(n: int, rungs: int = 8, trials: int = 100) -> np.ndarray:
    """Questions of three kinds, an eighth irregular, a tenth never passed: [question, rung]."""
    rng = np.random.default_rng(0)
    level = rng.normal(rng.choice([-1.5, 0.0, 1.5], (n, 1)), 0.2)
    rates = np.exp(-np.exp(level - 1.2 * np.linspace(-2.0, 0.0, rungs)))
    rates[: n // 8] = rng.uniform(size=(n // 8, rungs))
    rates[-n // 10 :] = 0.0
    return rng.binomial(trials, rates) / trials


def seconds(work: Callable[[], object]) -> float:
    """Processor time of some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def clustering() -> None:
    """Improved MeanShift against scikit-learn's MeanShift, and its growth."""
    from sklearn.cluster import MeanShift

    from bayes_cod.difficulty import ImprovedMeanShift

    ImprovedMeanShift().fit(pass_rates(100))  # compiles
    x = pass_rates(10_000)
    model = ImprovedMeanShift()
    ours = seconds(lambda: model.fit(x))
    theirs = seconds(lambda: MeanShift(bandwidth=model.bandwidth_).fit(x[x.any(axis=1)]))
    print(f"clustering 10,000 x 8: {ours:.2f} s, scikit-learn {theirs:.1f} s, ratio {theirs / ours:.0f}")
    for n in (100_000, 1_000_000):
        x = pass_rates(n)
        took = seconds(lambda x=x: ImprovedMeanShift().fit(x))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"clustering {n:,} x 8: {took:.1f} s, {peak:.1f} GiB at most")


def _run(code: str, **environment: str) -> float:
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def starts() -> None:
    """Compiling a model in a process that finds it on disk, by address and by nutpie's wrapper; ``--help``."""
    with tempfile.TemporaryDirectory() as folder:
        flags = {"PYTENSOR_FLAGS": f"base_compiledir={folder}"}
        cold, warm = (_run(MODEL.replace("COMPILE", OURS), **flags) for _ in range(2))
        _run(MODEL.replace("COMPILE", NUTPIE), **flags)
        theirs = _run(MODEL.replace("COMPILE", NUTPIE), **flags)
    print(
        f"compiling: cold {cold:.1f} s, warm {warm:.2f} s, nutpie's wrapper warm {theirs:.2f} s, {theirs / warm:.1f}x"
    )
    command = [str(Path(sys.executable).parent / "bayes-cod"), "--help"]
    subprocess.run(command, capture_output=True, check=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"bayes-cod --help: {after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.2f} s of processor")


def threads() -> None:
    """Linear algebra of small arrays under `one_thread`, with and without OMP_NUM_THREADS."""
    one, many = _run(THREADS, OMP_NUM_THREADS="1"), _run(THREADS, OMP_NUM_THREADS=str(os.cpu_count()))
    print(f"threads: OMP_NUM_THREADS=1 {one:.2f} s, as many as cores {many:.2f} s, ratio {many / one:.2f}")


def refits() -> None:
    """See `bench_refits`: in a process of its own that finds nothing compiled on disk."""
    with tempfile.TemporaryDirectory() as folder:
        flags = {"PYTENSOR_FLAGS": f"base_compiledir={folder}"}
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.bench_refits"]
        subprocess.run(command, env=os.environ | flags, check=True)


PARTS = {
    "clustering": clustering,
    "starts": starts,
    "threads": threads,
    "refits": refits,
    "growth": growth,
    "scale": scale,
    "one": lambda: scale(benchmarks=1),
}
USUAL = ("clustering", "starts", "threads", "refits")

if __name__ == "__main__":
    for name in sys.argv[1:] or USUAL:
        PARTS[name]()
