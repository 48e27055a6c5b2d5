"""The prior of Bayesian COD: a table of numbers that a short ladder cannot teach, learnt from public ladders.

The scale is theta, the logit of a score between its floor and one: from 10 to 50 % is 2.2, and as much again to 90 %.
Distances are decades on the ladder's axis.
"""

from __future__ import annotations

from dataclasses import dataclass

from bayes_cod.models.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Prior(Hyperparameters):
    """Numbers that the model takes as given; those of one row stand in one table, `prior.csv`.

    Attributes
    ----------
    level_mean, level_sd
        theta at the last rung, Normal.
    slope_mean, slope_sd
        Log of a family's mean slope per decade, Normal.
    slope_spread
        Standard deviation of benchmarks' slopes around the family's mean, as a share of it.
    curvature_mean, curvature_sd
        c of a family's path ``X(x) = (1 - exp(-2 c x)) / (2 c)``, near ``x - c x^2``, Normal.
    walk_mean, walk_sd
        Log of a family's typical scale of the benchmarks' own walks, theta per root decade, Normal.
    walk_spread
        Standard deviation of the log scales of the benchmarks around it.
    shared_walk
        Scale of the walk that all benchmarks share, decades per root decade.
    noise_mean, noise_sd
        Log of a family's passing noise of one benchmark at one rung, theta, Normal.
    common
        Share of the variance of families' means (slope, curvature, walk, noise) that pooled families have in common.
    """

    level_mean: float = -0.5
    level_sd: float = 2.5
    slope_mean: float = -0.1
    slope_sd: float = 0.5
    slope_spread: float = 0.5
    curvature_mean: float = 0.12
    curvature_sd: float = 0.1
    walk_mean: float = -1.4
    walk_sd: float = 0.5
    walk_spread: float = 0.8
    shared_walk: float = 0.1
    noise_mean: float = -2.4
    noise_sd: float = 0.4
    common: float = 0.5
