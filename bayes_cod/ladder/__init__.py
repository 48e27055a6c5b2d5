"""The `Ladder` and what is asked of it: targets, pools, cuts, inspection, and the request for a forecast."""

from bayes_cod.ladder.counts import Counts
from bayes_cod.ladder.ladder import SETTING, Ladder
from bayes_cod.ladder.target import Target

__all__ = ["SETTING", "Counts", "Ladder", "Target"]
