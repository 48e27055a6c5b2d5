"""Cells of a back-test: which columns their table has, and when two rows are the same cell."""

from __future__ import annotations

from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS
from bayes_cod.scoring import proper as scores

CELL = ["ladder", "family", "cut", "target", "benchmark"]
"""Columns that name a cell."""

CLUSTER = ["ladder", "family", "target"]
"""Cells that agree in these share a target, and with it the target's luck."""

PERCENT = tuple(f"{level * 100:.0f}" for level in scores.LEVELS)
COVERED = tuple(f"covered_{percent}" for percent in PERCENT)
WIDTH = tuple(f"width_{percent}" for percent in PERCENT)
VALUES = (
    *("mean", *QUANTILE_COLUMNS, "error", "abs_error", "crps"),
    *("wis", "wis_width", "wis_under", "wis_over"),
    *(*COVERED, *WIDTH, "pit"),
)
"""Columns that are NaN where a method gave no answer."""

DESCRIPTION = ["cut_flops", "flops", "decades", "n_rungs", "truth"]
COLUMNS = (*CELL, "method", *DESCRIPTION, *VALUES, "n_draws", "seconds", "status", "reason")
"""Columns of `cells.csv`, in order."""

OK, REFUSED, UNUSABLE = "ok", "refused", "unusable"
