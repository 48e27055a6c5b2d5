"""Ladders of any size for benchmarks of speed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def make_ladder(
    folder: Path, *, benchmarks: int, questions: int = 100_000, rungs: int = 10, families: int = 1, trials: int = 8
) -> None:
    """Questions of several kinds in each benchmark, an eighth irregular; rungs, and a larger model as the target.

    Parameters
    ----------
    folder
        Where tables are written.
    benchmarks, questions, rungs, families, trials
        Questions are those of all benchmarks, rungs those of a family, trials those of a question and rung.
    """
    rng = np.random.default_rng(0)
    flops, each = np.logspace(18, 21, rungs), questions // benchmarks
    x = np.log10(flops) - 21
    names = [f"benchmark {b:03d}" for b in range(benchmarks)]
    kinds = rng.choice([-1.5, 0.0, 1.5], (benchmarks, each)) + rng.normal(0, 0.2, (benchmarks, each))
    models, items = [pd.DataFrame({"model": ["large"], "family": "family 0", "flops": 1e22})], []
    for number in range(families):
        family = f"family {number}"
        models.append(
            pd.DataFrame({"model": [f"m{r} of {family}" for r in range(rungs)], "family": family, "flops": flops})
        )
        level, slope = rng.normal(0, 1.0, benchmarks), np.exp(rng.normal(-0.3, 0.3, benchmarks))
        rates = np.exp(-np.exp(level[:, None, None] + kinds[:, :, None] - slope[:, None, None] * x))
        rates[:, : each // 8] = rng.uniform(size=(benchmarks, each // 8, rungs))
        index = pd.MultiIndex.from_product(
            [names, [f"q{q:06d}" for q in range(each)], models[-1]["model"]],
            names=["benchmark", "question_id", "model"],
        )
        passed = rng.binomial(trials, rates)
        items.append(pd.DataFrame({"n_trials": trials, "n_correct": passed.ravel()}, index=index).reset_index())
    pd.concat(models).to_csv(folder / "models.csv", index=False)
    pd.concat(items).to_parquet(folder / "items.parquet", index=False)
