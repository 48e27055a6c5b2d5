"""The `Ladder` and what is asked of it: targets, pools, cuts, inspection, and the request for a forecast."""

from bayes_cod.ladder.ladder import SETTING, Counts, Ladder, Target

__all__ = ["SETTING", "Counts", "Ladder", "Target"]
