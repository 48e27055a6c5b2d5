"""Draws in one row, and sizes that models are compiled for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray


def flat(tree: xr.DataTree) -> dict[str, NDArray[np.float64]]:
    """A posterior's draws ``(chain, draw, ...)`` by variable as ``(sample, ...)``, chain after chain."""
    posterior = tree["posterior"].to_dataset()
    return {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}


def padded(size: int, steps: Sequence[int]) -> int:
    """The smallest of some sizes that is large enough; beyond the largest the size itself."""
    return next((step for step in steps if step >= size), size)
