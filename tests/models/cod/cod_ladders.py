"""Small ladders whose scores follow a path, for tests of Bayesian COD."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit

from bayes_cod.ladder import Ladder

FLOPS = 10.0 ** np.array([19.0, 19.5, 20.0, 20.5])
SLOPES = {"arith": 1.2, "logic": 0.8, "flat": 0.0}
QUESTIONS, TRIALS = 150, 10


def models(family: str = "fam", *, sizes: bool = False) -> pd.DataFrame:
    """Four rungs and a target, with the best split of size and tokens if `sizes`."""
    flops = np.append(FLOPS, 1e21)
    params = np.sqrt(flops / 120) if sizes else np.full(5, np.nan)
    return pd.DataFrame(
        {
            "model": [f"{family}-{i}" for i in range(5)],
            "family": family,
            "params": params,
            "tokens": flops / 6 / params,
            "flops": flops,
            "is_final": True,
        }
    )


def ladder(seed: int = 0, family: str = "fam", *, items: bool = True, n_questions: float = QUESTIONS) -> Ladder:
    """Questions of spread difficulty along a straight path, or only their scores."""
    rng = np.random.default_rng(seed)
    rows = []
    for benchmark, slope in SLOPES.items():
        difficulty = 2.0 * rng.standard_normal(QUESTIONS)
        for model, flops in zip(models(family)["model"], FLOPS, strict=False):
            p = expit(-0.5 + slope * np.log10(flops / FLOPS[-1]) - difficulty)
            rows.append(
                pd.DataFrame(
                    {
                        "benchmark": benchmark,
                        "question_id": [f"q{i}" for i in range(QUESTIONS)],
                        "model": model,
                        "n_trials": TRIALS,
                        "n_correct": rng.binomial(TRIALS, p),
                    }
                )
            )
    table = pd.concat(rows, ignore_index=True)
    benchmarks = pd.DataFrame({"benchmark": sorted(SLOPES), "chance": 0.0})
    made = Ladder("made", models(family), benchmarks, items=table)
    if items:
        return made
    scores = made.observed_scores[["model", "benchmark", "score"]].assign(is_final=True, n_questions=n_questions)
    return Ladder("made", models(family), benchmarks, scores=scores)
