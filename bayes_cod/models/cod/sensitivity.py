"""How far forecasts of Bayesian COD rest on its priors: each group of priors raised to a power.

The graph holds most priors as potentials or in standardised variables, so their log densities are computed here from
the draws, on the scale where each prior is normal: logarithms of slopes and scales of luck, logits of open floors.
There a power alpha divides the variance by alpha and leaves the median where it is. The means that families scatter
around are integrated out. Of a known chance level the multiplier has a beta prior, which is scaled as it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import beta, multivariate_normal, norm

from bayes_cod.forecasts.checks import EVALUATIONS
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.models.cod.grouping import Evidence
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors
from bayes_cod.models.cod.rung_check import Seen, log_likelihood
from bayes_cod.models.common.power_scaling import POWERS, moved, sensitivity

type FloatArray = NDArray[np.float64]

GROWTH, PERSISTENT, PASSING, PLACE = "growth", "persistent luck", "passing luck", "floor and level"
JUMPS = "jumps"
_KEYS = ("target", "benchmark", "prior")


def log_priors(
    posterior: xr.Dataset, draws: Draws, evidence: Evidence, priors: Priors, families: int = 1
) -> dict[str, FloatArray]:
    """Log densities of the groups of priors at every draw.

    Parameters
    ----------
    posterior
        Posterior group with dimensions (chain, draw, ...).
    draws, evidence, priors
        The same fit's.
    families
        How many families were fitted together.

    Returns
    -------
    dict
        ``(sample, 1)`` for *growth* (families' mean slopes, spread of slopes, curvatures), *persistent luck* (scales
        of the shared and the own walk), *passing luck* (scales of both) and *jumps* (their rate); ``(sample,
        benchmark)`` for *floor and level*, where each forecast has the priors of its own benchmark only.
    """

    def flat(name: str) -> FloatArray:
        array = np.asarray(posterior[name].values, dtype=float)
        return array.reshape(-1, *array.shape[2:])

    slopes = np.log(flat("slope_mean"))[:, None] + priors.family_spread * flat("family_z")[:, :families]
    growth = _exchangeable(slopes, priors.slope_mean, priors.slope_sd, priors.family_spread)
    growth = growth + norm.logpdf(np.log(flat("slope_spread")), priors.slope_spread, priors.slope_spread_sd)
    bends = flat("curvature")[:, :families]
    growth = growth + _exchangeable(bends, priors.curvature_mean, priors.curvature_sd, priors.curvature_spread)
    walks, wild = np.log(flat("family_walk")[:, :families]), priors.volatility if families > 1 else 0.0
    persistent = _exchangeable(walks, priors.shared_walk, priors.shared_walk_sd, wild)
    persistent = persistent + norm.logpdf(np.log(flat("own_walk")), priors.own_walk, priors.own_walk_sd)
    passing = norm.logpdf(np.log(draws.shared_luck), priors.shared_luck, priors.shared_luck_sd)
    passing = passing + norm.logpdf(np.log(flat("own_luck")), priors.own_luck, priors.own_luck_sd)
    parts = {GROWTH: growth[:, None], PERSISTENT: persistent[:, None], PASSING: passing[:, None]}
    if draws.hazard is not None:
        parts[JUMPS] = norm.logpdf(np.log(draws.hazard), priors.hazard, priors.hazard_sd)[:, None]
    return parts | {PLACE: _place(draws, evidence, priors)}


def _exchangeable(values: FloatArray, mean: float, sd: float, spread: float) -> FloatArray:
    """Log density of families' values ``(sample, family)`` around a common mean that is integrated out."""
    n = values.shape[1]
    covariance = sd**2 * np.ones((n, n)) + spread**2 * np.eye(n)
    density = multivariate_normal(np.full(n, mean), covariance, allow_singular=True).logpdf(values)
    return np.asarray(density, dtype=float).reshape(len(values))


def _place(draws: Draws, evidence: Evidence, priors: Priors) -> FloatArray:
    """Log prior of floor and level of every benchmark ``(sample, benchmark)``.

    The level is eta at the last rung; with clusters in the model it is the clusters' weighted mean.
    """
    level = draws.level @ Seen.of(evidence, priors).mix.T
    mean_sd = priors.level_mean_sd if draws.hazard is not None else 0.0  # the ladder's own mean is integrated out
    of_level = norm.logpdf(level, priors.level_mean, np.hypot(priors.level_sd, mean_sd))
    if draws.hazard is not None:  # floors are read from the rungs, each with the prior mass of its reading
        return np.asarray(of_level)
    chance = np.nan_to_num(evidence.chance)
    known = chance > 0
    share = np.clip(draws.floor / np.where(known, chance, 1.0), 1e-12, 1 - 1e-12)
    of_chance = beta.logpdf(share, priors.below_chance, CHANCE_SHAPE)
    is_open = norm.logpdf(logit(share), priors.floor_mean, priors.floor_sd)
    return np.asarray(of_level + np.where(known, of_chance, is_open))


def forecast_sensitivity(
    forecast: Forecast,
    posterior: xr.Dataset,
    draws: Draws,
    evidence: Evidence,
    priors: Priors,
    families: int = 1,
) -> pd.DataFrame:
    """How the observed scores of a forecast move with each group of priors, and with the likelihood.

    Parameters
    ----------
    forecast
        Of this fit; its samples run over chains, then draws, as the posterior's do.
    posterior, draws, evidence, priors, families
        As for `log_priors`.

    Returns
    -------
    pandas.DataFrame
        target, benchmark, prior (one of the groups, or "evaluations" for the likelihood), sensitivity (see
        `bayes_cod.models.common.power_scaling.sensitivity`), then at the powers 0.5 and 2: median_half, median_twice,
        width_half, width_twice (change of the median and of the 90 % interval's width, fractions), pareto_k_half,
        pareto_k_twice (the change is not reliable above 0.7).
    """
    chains = posterior.sizes["chain"]
    parts = log_priors(posterior, draws, evidence, priors, families)
    parts[EVALUATIONS] = log_likelihood(evidence, draws, priors)
    scores = np.asarray(forecast.draws["score"].values, dtype=float)
    tables = []
    for name, density in parts.items():
        for column in range(density.shape[1]):
            shown = slice(None) if density.shape[1] == 1 else slice(column, column + 1)
            cells = scores[:, :, shown]
            index = pd.MultiIndex.from_product(
                [forecast.targets, forecast.benchmarks[shown]], names=["target", "benchmark"]
            )
            found = _cells(cells.reshape(len(cells), -1), density[:, column], chains)
            tables.append(pd.DataFrame(found, index=index).reset_index().assign(prior=name))
    table = pd.concat(tables, ignore_index=True)
    return table[[*_KEYS, *(name for name in table if name not in _KEYS)]]


def _cells(scores: FloatArray, log_density: FloatArray, chains: int) -> dict[str, FloatArray | float]:
    half, twice = (moved(scores, log_density, power, chains) for power in POWERS)
    return {
        "sensitivity": sensitivity(scores, log_density, chains),
        "median_half": half.median,
        "median_twice": twice.median,
        "width_half": half.width,
        "width_twice": twice.width,
        "pareto_k_half": half.pareto_k,
        "pareto_k_twice": twice.pareto_k,
    }
