"""What the checks of a fit say: which forecasts rest on a prior, and which rungs the fit did not expect."""

from __future__ import annotations

import pandas as pd
from scipy.stats import binom

SENSITIVE_ABOVE = 0.05
RELIABLE_UP_TO = 0.7
FALSE_ALARM = 0.01
EVALUATIONS = "evaluations"  # the likelihood, in tables of priors


def resting_on_priors(sensitivity: pd.DataFrame) -> pd.DataFrame:
    """Forecasts that rest on a prior: sensitivity above 0.05, the most sensitive first.

    Parameters
    ----------
    sensitivity
        `Explanation.prior_sensitivity`; rows of the likelihood are left out.
    """
    of_priors = sensitivity[sensitivity["prior"] != EVALUATIONS]
    found = of_priors[of_priors["sensitivity"] > SENSITIVE_ABOVE]
    return found.sort_values("sensitivity", ascending=False, kind="stable", ignore_index=True)


def rung_summary(check: pd.DataFrame) -> pd.DataFrame:
    """Every benchmark's rungs counted, and whether they are what the fit expects.

    A benchmark is off where one rung lies outside the central interval of probability 1 - 0.01 / rungs (so that a
    right model leaves it with a probability of 0.01 at any of them), or where so many lie outside their 90 % interval
    as fewer than 0.01 of right models would have.

    Parameters
    ----------
    check
        `Explanation.rung_check`.

    Returns
    -------
    pandas.DataFrame
        benchmark, kind ("fit" or "step"), rungs, inside50, inside90 (counts), outside (names of the rungs that lie far
        out), off (bool); benchmarks in the check's order.
    """
    rows = []
    for (benchmark, kind), table in check.groupby(["benchmark", "kind"], sort=False):
        n = len(table)
        distance = 2 * (table["pit"] - 0.5).abs()
        inside = [int((distance <= level).sum()) for level in (0.5, 0.9)]
        outside = [str(name) for name in table.loc[distance > 1 - FALSE_ALARM / n, "model"]]
        too_many = float(binom.sf(n - inside[1] - 1, n, 0.1)) < FALSE_ALARM
        rows.append((str(benchmark), str(kind), n, *inside, outside, bool(outside) or too_many))
    return pd.DataFrame(rows, columns=["benchmark", "kind", "rungs", "inside50", "inside90", "outside", "off"])
