"""The convergence gate: whether the draws of everything reported can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import arviz as az
import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

R_HAT_BELOW = 1.01
ESS_PER_CHAIN = 100
E_BFMI_ABOVE = 0.3
TAIL = (0.05, 0.95)
DIVERGENCES = "divergences"


@dataclass(frozen=True)
class Gate:
    """The diagnostics of everything reported.

    Attributes
    ----------
    table
        quantity, r_hat, ess_bulk, ess_tail, value, limit, passed; one row a reported quantity, then divergences
        and the lowest E-BFMI.
    """

    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every row passed."""
        return bool(self.table["passed"].all())

    @property
    def failed(self) -> frozenset[str]:
        """Quantities of the rows that did not pass."""
        return frozenset(self.table.loc[~self.table["passed"].astype(bool), "quantity"])


def quantity(kind: str, name: str, label: str) -> str:
    """How diagnostics call one of the quantities of `by_label`."""
    return f"{kind}, {name}, {label}"


def by_label(
    kind: str, names: Sequence[str], labels: Sequence[str], array: NDArray[np.float64], tree: xr.DataTree
) -> dict[str, NDArray[np.float64]]:
    """Quantities for `gate`: draws ``(chain, draw)`` by "kind, name, label".

    Parameters
    ----------
    kind
        What the quantities are.
    names, labels
        Of the array's last and middle axis.
    array
        ``(sample, label, name)``, samples chain by chain as in `tree`.
    tree
        The fit that the draws come from.
    """
    by_chain = array.reshape(tree["posterior"].sizes["chain"], -1, *array.shape[1:])
    return {
        quantity(kind, name, label): by_chain[:, :, place, position]
        for place, label in enumerate(labels)
        for position, name in enumerate(names)
    }


def gate(reported: Mapping[str, NDArray[np.float64]], tree: xr.DataTree) -> Gate:
    """Judge every reported quantity.

    R-hat < 1.01, bulk and tail effective sample size > 100 a chain, no divergences, E-BFMI > 0.3.

    Parameters
    ----------
    reported
        Draws of shape ``(chain, draw)`` by name.
    tree
        With `sample_stats`.

    Returns
    -------
    Gate
    """
    rows: list[dict[str, Any]] = []
    for name, draws in reported.items():
        r_hat, bulk, tail = _mixing(draws)
        passed = _enough(draws, r_hat, bulk, tail)
        rows.append({"quantity": name, "r_hat": r_hat, "ess_bulk": bulk, "ess_tail": tail, "passed": passed})
    stats = tree["sample_stats"]
    divergences = int(stats["diverging"].sum())
    rows.append({"quantity": DIVERGENCES, "value": divergences, "limit": 0, "passed": divergences == 0})
    energy = np.asarray(stats["energy"].values, dtype=float)
    bfmi = float((np.diff(energy, axis=1) ** 2).mean(axis=1).min() / energy.var(axis=1).max())
    rows.append({"quantity": "E-BFMI", "value": bfmi, "limit": E_BFMI_ABOVE, "passed": bfmi > E_BFMI_ABOVE})
    columns = ["quantity", "r_hat", "ess_bulk", "ess_tail", "value", "limit", "passed"]
    return Gate(pd.DataFrame(rows).reindex(columns=columns))


def _mixing(draws: NDArray[np.float64]) -> tuple[float, float, float]:
    """R-hat, bulk and tail effective sample size."""
    if np.ptp(draws) == 0:  # a constant is known, not badly sampled
        return 1.0, float(draws.size), float(draws.size)
    tail = float(az.ess(draws, method="tail", prob=TAIL))
    return float(az.rhat(draws)), float(az.ess(draws, method="bulk")), tail


def _enough(draws: NDArray[np.float64], r_hat: float, bulk: float, tail: float) -> bool:
    enough = ESS_PER_CHAIN * draws.shape[0]
    return r_hat < R_HAT_BELOW and bulk > enough and tail > enough
