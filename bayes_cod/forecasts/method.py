"""A method with its settings: how a forecaster is made anew, for a fold of a back-test or a member of a stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayes_cod.forecasts.forecaster import Forecaster


@dataclass(frozen=True)
class Method:
    """A forecaster that can be made as often as needed.

    Attributes
    ----------
    name
        Name in the results.
    build
        ``build(name, seed, **settings)`` returns an unfitted forecaster.
    settings
        Further arguments of `build`; values that JSON can hold.
    """

    name: str
    build: Callable[..., Forecaster]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def make(self, seed: int) -> Forecaster:
        """An unfitted forecaster."""
        return self.build(self.name, seed, **self.settings)
