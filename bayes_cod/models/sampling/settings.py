"""How long and how carefully to sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bayes_cod.errors import InputError

MOST_DRAWS, MOST_CHAINS = 100_000, 100
"""Beyond these memory runs out, and not only patience."""
LOW_RANK_UP_TO = 100
"""Parameters up to which ``auto`` takes a low-rank mass matrix: of more, it takes several times as long as all else."""


@dataclass(frozen=True)
class SamplerSettings:
    """How long and how carefully to sample.

    Attributes
    ----------
    draws, tune
        Kept and warm-up draws a chain.
    chains
        Chains, sampled in parallel as far as `cores` goes.
    cores
        Processor cores; all where not given.
    target_accept
        Target acceptance; `retry_accept` for the one retry after a failed gate.
    retry_times
        Draws of the retry, as a multiple.
    adaptation
        Mass matrix: diagonal, with the posterior's main correlations (good for small, correlated posteriors), or
        ``auto``: the latter up to `LOW_RANK_UP_TO` parameters.
    max_depth
        No trajectory takes more than two to the power of this many steps. Before the mass matrix is known trajectories
        are long, and warm-up may take most of the time.

    Raises
    ------
    InputError
        For draws or chains below 1 or beyond what memory holds.
    """

    draws: int = 1000
    tune: int = 500
    chains: int = 4
    cores: int | None = None
    target_accept: float = 0.9
    retry_accept: float = 0.99
    retry_times: int = 2
    adaptation: Literal["diag", "low_rank", "auto"] = "diag"
    max_depth: int = 10

    def __post_init__(self) -> None:
        for name, most in (("draws", MOST_DRAWS), ("tune", MOST_DRAWS), ("chains", MOST_CHAINS)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise InputError(f"`{name}` is {value}; give a whole number from 1 to {most:,}")

    def mass_matrix(self, parameters: int) -> Literal["diag", "low_rank"]:
        """Adaptation for a number of parameters."""
        if self.adaptation == "auto":
            return "low_rank" if parameters <= LOW_RANK_UP_TO else "diag"
        return self.adaptation
