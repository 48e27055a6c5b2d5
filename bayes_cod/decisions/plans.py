"""Plans compared on the same draws: expected utility, probability of being best, regret, dominance, information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.decisions.information import evpi
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

INTERVAL = (0.05, 0.5, 0.95)
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Comparison:
    """What is known about some plans.

    Attributes
    ----------
    table
        One row a plan, largest expected utility first: plan, mean, sd, q05, q50, q95 of its utility, p_best, regret
        (expected, against the best plan of each draw), regret_q95, dominated_by (names of plans that dominate it).
    pairs
        One row an ordered pair: plan, other, p_better (ties count half), and whether `plan` dominates `other`:
        every_draw (never worse, once better), first_order (every utility is reached with no lower probability),
        second_order (preferred by everyone who dislikes risk).
    perfect_information
        Expected value of knowing all utilities before choosing.
    draws
        Utilities ``(sample, plan)`` in the order of the table.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    perfect_information: float
    draws: FloatArray

    @property
    def best(self) -> str:
        """Plan of the largest expected utility, which is that of the least expected regret too."""
        return str(self.table["plan"].iloc[0])


def compare(utilities: FloatArray, names: Sequence[str]) -> Comparison:
    """Compare plans by draws of their utilities.

    Parameters
    ----------
    utilities
        ``(sample, plan)``, on the same draws, so that what plans share cancels in comparisons.
    names
        Of the plans.

    Raises
    ------
    InputError
        For fewer than two plans, repeated names, or utilities that are not finite.
    """
    if utilities.ndim != 2 or utilities.shape[1] != len(names):
        raise InputError(f"utilities have the shape {utilities.shape}; expected (sample, {len(names)})")
    if len(names) < 2:
        raise InputError("only one plan was given; give at least two to compare (doing nothing may be one)")
    repeated = [name for name in names if list(names).count(name) > 1]
    if repeated:
        raise InputError(f"two plans are called '{repeated[0]}'; give every plan a name of its own")
    if not np.isfinite(utilities).all():
        raise InputError("some utilities are not finite; check costs and worths")
    order = np.argsort(-utilities.mean(axis=0), kind="stable")
    draws = utilities[:, order]
    ordered = [names[place] for place in order]
    pairs = _pairs(draws, ordered)
    regret = draws.max(axis=1, keepdims=True) - draws
    winners = draws >= draws.max(axis=1, keepdims=True)
    table = pd.DataFrame({"plan": ordered, "mean": draws.mean(axis=0), "sd": draws.std(axis=0)})
    for column, values in zip(("q05", "q50", "q95"), np.quantile(draws, INTERVAL, axis=0), strict=True):
        table[column] = values
    table["p_best"] = (winners / winners.sum(axis=1, keepdims=True)).mean(axis=0)
    table["regret"], table["regret_q95"] = regret.mean(axis=0), np.quantile(regret, 0.95, axis=0)
    table["dominated_by"] = [
        ", ".join(pairs.loc[(pairs["other"] == name) & pairs["first_order"], "plan"]) for name in ordered
    ]
    return Comparison(table, pairs, evpi(draws), draws)


def _pairs(draws: FloatArray, names: Sequence[str]) -> pd.DataFrame:
    rows = []
    ranked = np.sort(draws, axis=0)
    for a, plan in enumerate(names):
        for b, other in enumerate(names):
            if a != b:
                p_better = (draws[:, a] > draws[:, b]).mean() + 0.5 * (draws[:, a] == draws[:, b]).mean()
                rows.append(
                    {
                        "plan": plan,
                        "other": other,
                        "p_better": p_better,
                        "every_draw": _never_below(draws[:, a], draws[:, b]),
                        "first_order": _never_below(ranked[:, a], ranked[:, b]),
                        "second_order": _never_below(np.cumsum(ranked[:, a]), np.cumsum(ranked[:, b])),
                    }
                )
    return pd.DataFrame(rows)


def _never_below(first: FloatArray, second: FloatArray) -> bool:
    """Whether one sequence lies nowhere below another and somewhere above it, but for rounding."""
    slack = TOLERANCE * max(float(np.abs(first).max()), float(np.abs(second).max()), 1e-300)
    return bool((first >= second - slack).all() and (first > second + slack).any())
