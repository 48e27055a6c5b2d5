"""An option drawn by its share, in every sample at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_option(share: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Index of the option drawn in each sample ``(sample,)``, by shares ``(sample, option)`` that sum to 1."""
    below = (share.cumsum(axis=1) < rng.random((len(share), 1))).sum(axis=1)
    return np.asarray(below.clip(max=share.shape[1] - 1))  # rounding may leave the sum below 1
