"""Calibration by simulation: ranks of the truth among draws, and whether they are uniform.

Parameters and data are drawn from a model's prior, the model is fitted to the data, and the rank of each true quantity
among its posterior draws is noted; forecasts of unseen data are such quantities too. If model, sampler and forecast are
right, all ranks are uniform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import joblib
import numpy as np
import pandas as pd
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.evaluation.workers import parallel

type FloatArray = NDArray[np.float64]

type Ranks = Mapping[str, float]
"""Rank of every quantity of one simulation as a fraction in (0, 1)."""

type Ranked = tuple[Ranks, bool]
"""Ranks of one simulation, and whether its fit passed the convergence gate."""

THINNED = 100


def rank(truth: float, draws: FloatArray, rng: np.random.Generator) -> float:
    """Rank of the truth among draws, as a fraction in (0, 1); ties are broken at random.

    Parameters
    ----------
    truth
        The simulated value.
    draws
        Posterior (or posterior predictive) draws ``(sample,)``; thin them first, so that they are about independent.
    rng
        For ties and the place within the rank.
    """
    below, equal = int((draws < truth).sum()), int((draws == truth).sum())
    return float((below + rng.integers(0, equal + 1) + rng.random()) / (len(draws) + 1))


def rank_all(quantities: Mapping[str, tuple[float, FloatArray]], rng: np.random.Generator) -> Ranks:
    """Rank of every quantity's truth among its draws ``(sample,)``, thinned evenly to `THINNED`."""
    ranks = {}
    for name, (truth, draws) in quantities.items():
        thin = np.linspace(0, len(draws) - 1, THINNED).astype(int)
        ranks[name] = rank(float(truth), draws[thin], rng)
    return ranks


def simulate_ranks(
    one: Callable[[int], Ranked],
    simulations: int,
    progress: Callable[[int], None] | None = None,
    *,
    n_jobs: int | None = None,
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Ranks of simulation after simulation; `one` is given its number, to be used as the seed.

    They run on a Dask cluster inside ``with bayes_cod.evaluation.workers.cluster(address):``.

    Parameters
    ----------
    one
        Makes one simulation.
    simulations
        How many.
    progress
        Called with the number of simulations done.
    n_jobs
        Simulations at a time, as joblib counts them; 1 where not given and no `parallel_config` is active.

    Returns
    -------
    tuple
        Ranks, one row a simulation and one column a quantity, and whether each fit passed the convergence gate.

    Raises
    ------
    InputError
        For fewer than 1 simulation.
    """
    if simulations < 1:
        raise InputError(f"{simulations} simulations were asked for; give at least 1")
    rows, passed = [], []
    run = parallel(n_jobs, "generator")
    for number, (ranks, gate) in enumerate(run(joblib.delayed(one)(number) for number in range(simulations))):
        rows.append(dict(ranks))
        passed.append(gate)
        if progress is not None:
            progress(number + 1)
    return pd.DataFrame(rows), np.array(passed)


@dataclass(frozen=True)
class Calibration:
    """Judgement of ranks.

    Attributes
    ----------
    table
        One row a quantity: n, mean rank, covered_50, covered_90, p_value (of the test that they are uniform), limit
        (the smallest p value that passes), passed.
    """

    table: pd.DataFrame

    @property
    def passed(self) -> bool:
        """Whether every quantity passed."""
        return bool(self.table["passed"].all())


def judge(ranks: pd.DataFrame, probability: float = 0.99) -> Calibration:
    """Compare ranks with the uniform distribution.

    ArviZ's pointwise order tests, combined (its `uniformity_test`, method ``"pot_c"``): each ordered rank is held
    against the Beta distribution it has among uniform ones, and the p values are joined by a truncated Cauchy
    combination. Limits are adjusted for the number of quantities (Šidák).

    Parameters
    ----------
    ranks
        One row a simulation, one column a quantity, fractions in (0, 1); NaN where a simulation has no such quantity.
    probability
        Probability that a calibrated model passes altogether.

    Raises
    ------
    InputError
        For ranks outside [0, 1], or none.
    """
    values = ranks.to_numpy(dtype=float)
    there = [own[~np.isnan(own)] for own in values.T]
    if not there or not all(own.size and ((own >= 0) & (own <= 1)).all() for own in there):
        raise InputError("ranks must be fractions between 0 and 1, at least one; got others")
    limit = 1 - probability ** (1 / values.shape[1])
    p_values = [float(np.squeeze(array_stats.uniformity_test(own, axis=0, method="pot_c")[0])) for own in there]
    rows = [
        {
            "quantity": str(name),
            "n": len(own),
            "mean": own.mean(),
            "covered_50": float(((own > 0.25) & (own < 0.75)).mean()),
            "covered_90": float(((own > 0.05) & (own < 0.95)).mean()),
            "p_value": float(p_value),
            "limit": limit,
            "passed": bool(p_value >= limit),
        }
        for name, own, p_value in zip(ranks.columns, there, p_values, strict=True)
    ]
    return Calibration(pd.DataFrame(rows))
