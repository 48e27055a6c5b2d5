"""Sampled trials of a question, drawn from its exact pass probability."""

import hashlib

import numpy as np
from numpy.typing import NDArray

TRIALS = 100


def draw_passes(probabilities: NDArray[np.float64], model: str, step: int, benchmark: str) -> NDArray[np.int64]:
    """Passes out of 100 trials of each question.

    Parameters
    ----------
    probabilities : ndarray
        Pass probability of each question of the benchmark.
    model, benchmark : str
        Names that seed the draw together with the step, so that it can be
        repeated whatever else is drawn.
    step : int
        Optimiser step of the checkpoint.

    Returns
    -------
    ndarray of int
        Binomial counts, one per question.
    """
    key = f"{model}/{step}/{benchmark}".encode()
    seed = int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    return np.random.default_rng(seed).binomial(TRIALS, np.clip(probabilities, 0, 1))
