"""What the prior classes of all models share: their values as the array that a compiled model takes as data."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray


class Hyperparameters:
    """Base of a dataclass of numbers whose order is that of its fields."""

    @classmethod
    def names(cls) -> list[str]:
        """Names in the order of `vector`."""
        return [field.name for field in fields(cls)]  # type: ignore[arg-type]  # every subclass is a dataclass

    def vector(self) -> NDArray[np.float64]:
        """Values as one array, the form in which the compiled model takes them."""
        return np.array([getattr(self, name) for name in self.names()], dtype=float)
