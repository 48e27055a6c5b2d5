"""Calibration of a Bayesian model by simulation: ``python docs/make_calibration.py MODEL DIR --simulations 200``.

``--jobs 2`` runs two at a time, ``--dask ADDRESS`` all on a Dask cluster; the numbers are the same.

MODEL is cod, flp, flp-pooled (with two other families) or flpm. Ladders are drawn from the priors and fitted,
and the true parameters and target scores ranked among the draws. Writes ``ranks.csv``, ``calibration.csv`` and
``calibration.svg``; prints the table. Exit code 1 if some ranks are not uniform.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bayes_cod.evaluation.calibration import Ranked, judge, simulate_ranks
from bayes_cod.evaluation.workers import cluster
from bayes_cod.models.cod import simulation as cod
from bayes_cod.models.flp import simulation as flp
from bayes_cod.models.flpm.losses import simulation as flpm
from bayes_cod.plots.calibration import plot_ranks

MODELS: dict[str, Callable[[int], Ranked]] = {
    "cod": cod.ranks_of,
    "flp": flp.ranks_of,
    "flp-pooled": flp.pooled_ranks_of,
    "flpm": flpm.ranks_of,
}


def main() -> int:
    """Simulate, fit, rank, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--jobs", type=int, help="simulations at a time; -1: one a core")
    parser.add_argument("--dask", metavar="ADDRESS", help="scheduler of a Dask cluster, its address or file")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    with cluster(options.dask):
        ranks, passed = simulate_ranks(
            MODELS[options.model],
            options.simulations,
            lambda done: print(f"\r{done} of {options.simulations}", end="", file=sys.stderr, flush=True),
            n_jobs=options.jobs,
        )
    ranks.to_csv(options.out / "ranks.csv", index=False)
    found = judge(ranks)
    found.table.to_csv(options.out / "calibration.csv", index=False)
    plot_ranks(ranks).savefig(options.out / "calibration.svg")
    print(f"\n{found.table.round(3).to_string(index=False)}")
    print(f"the gate passed on {passed.mean():.0%} of the ladders; all are counted")
    print(f"{'passed' if found.passed else 'failed'}, {time.perf_counter() - start:.0f} s")
    return 0 if found.passed else 1


if __name__ == "__main__":
    sys.exit(main())
