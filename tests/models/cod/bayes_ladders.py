"""Small ladders with question-level counts for the tests of the Bayesian models."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from bayes_cod.ladder import Ladder

LAST_FLOPS = 1e21


def eta_law(eta: np.ndarray, floor: float = 0.0, top: float = 0.99) -> np.ndarray:
    return np.asarray(floor + (top - floor) / (1 + np.exp(-np.asarray(eta))))


def law_rates(level: np.ndarray, slope: float, decades: np.ndarray, curvature: float = 0.15) -> np.ndarray:
    """Pass rates [question, rung] that obey the model's law without any luck."""
    theta = decades - curvature * decades**2
    return eta_law(np.asarray(level)[:, None] + slope * theta[None, :])


def count_ladder(
    rates: Mapping[str, np.ndarray], decades: np.ndarray, n_trials: int = 20, seed: int = 0, chance: float = 0.0
) -> Ladder:
    """A ladder of one family with binomial counts around pass rates [question, rung] by benchmark."""
    names = [f"m{i}" for i in range(len(decades))]
    frames = []
    for index, (benchmark, rate) in enumerate(rates.items()):
        rng = np.random.default_rng([seed, index])
        frames.append(
            pd.DataFrame(
                {
                    "benchmark": benchmark,
                    "question_id": np.repeat([f"q{i:04d}" for i in range(len(rate))], len(names)),
                    "model": names * len(rate),
                    "n_trials": n_trials,
                    "n_correct": rng.binomial(n_trials, rate).ravel(),
                }
            )
        )
    models = pd.DataFrame(
        {
            "model": names,
            "family": "synthetic",
            "flops": LAST_FLOPS * 10.0**decades,
            "params": np.nan,
            "tokens": np.nan,
            "is_final": True,
        }
    )
    benchmarks = pd.DataFrame({"benchmark": list(rates), "chance": chance})
    return Ladder("synthetic", models, benchmarks, items=pd.concat(frames, ignore_index=True))
