"""Scores that a picture shows beside a forecast: a `Ladder` has them, and a saved result."""

from __future__ import annotations

from typing import Protocol


class Known(Protocol):
    """Observed scores of rungs, and of targets where they are known."""

    def truth(self, model: str, benchmark: str) -> float:
        """Observed score, a fraction; NaN where it was not evaluated."""
        ...

    def chance(self, benchmark: str) -> float:
        """Score of a random guesser; NaN where unknown."""
        ...
