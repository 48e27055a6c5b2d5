"""A model to forecast."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import check_name

FEWEST_FLOPS, MOST_FLOPS = 1e-6, 1e40
"""Compute of a target beyond which arithmetic in decades makes no sense."""


@dataclass(frozen=True)
class Target:
    """A model to forecast.

    Parameters
    ----------
    name
        How the target is called in tables and reports.
    flops
        Training compute in FLOPs.
    family
        Family whose ladder it continues.
    params, tokens
        Size and training tokens, where a method needs them.
    mixture
        Shares of the training domains, where a method needs them.
    """

    name: str
    flops: float
    family: str = "all"
    params: float | None = None
    tokens: float | None = None
    mixture: dict[str, float] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        has = f"target '{self.name}' has a training compute of"
        if not np.isfinite(self.flops) or self.flops <= 0:
            raise InputError(f"{has} {self.flops!r}; give FLOPs above 0 (for example `target_flops` 1e22)")
        if not FEWEST_FLOPS <= self.flops <= MOST_FLOPS:
            raise InputError(
                f"{has} {self.flops:.4g}, which no training has; give FLOPs above 0 (for example `target_flops` 1e22)"
            )
        check_name(self.name, "a target")
