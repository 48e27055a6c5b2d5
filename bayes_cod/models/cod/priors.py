"""The prior of Bayesian COD: numbers that a short ladder cannot teach, shipped as a table (`prior.csv`).

The scale is theta, the logit of a score between its floor and one: from 10 to 50 % is 2.2, and as much again to 90 %.
Distances are decades on the ladder's axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import pandas as pd

from bayes_cod.models.common.hyperparameters import Hyperparameters

TABLE = "prior.csv"


@cache
def table() -> pd.DataFrame:
    """The shipped table: name, value, unit, meaning, source."""
    with resources.files(__package__).joinpath(TABLE).open(encoding="utf-8") as file:
        return pd.read_csv(file)


def _shipped(name: str) -> float:
    return float(table().set_index("name")["value"][name])


@dataclass(frozen=True)
class Priors(Hyperparameters):
    """Numbers that the model takes as given; where none are given, those of the shipped table.

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
        Log of a family's scale of the benchmarks' own walks, theta per root decade, Normal; a benchmark's own scale is
        half-normal of that scale.
    shared_walk
        Scale of the walk that all benchmarks share, decades per root decade.
    noise_mean, noise_sd
        Log of a family's passing noise of one benchmark at one rung, theta, Normal.
    common
        Share of the variance of families' means (slope, curvature, walk, noise) that pooled families have in common.
    jump_share
        Share of the families in which benchmarks jump (`predict.jump_rate`); 0: nothing jumps ahead.
    jump_shape, jump_exposure
        There, jumps per decade of a benchmark that is still low: Gamma, as if `jump_shape` jumps had been seen in
        `jump_exposure` decades.
    jump_growth
        Growth of the log of that rate per decade beyond the ladder.
    jump_rise, jump_pace
        What counts as a jump between two rungs: the benchmark's own walk raises it by more than this share of its
        range, and by more than this share a decade.
    jump_below
        Share of the range below which a benchmark is still low.
    jump_landing
        a of the Beta(a, 1) share of what is left between the path and the top that a jump takes.
    """

    level_mean: float = _shipped("level_mean")
    level_sd: float = _shipped("level_sd")
    slope_mean: float = _shipped("slope_mean")
    slope_sd: float = _shipped("slope_sd")
    slope_spread: float = _shipped("slope_spread")
    curvature_mean: float = _shipped("curvature_mean")
    curvature_sd: float = _shipped("curvature_sd")
    walk_mean: float = _shipped("walk_mean")
    walk_sd: float = _shipped("walk_sd")
    shared_walk: float = _shipped("shared_walk")
    noise_mean: float = _shipped("noise_mean")
    noise_sd: float = _shipped("noise_sd")
    common: float = _shipped("common")
    jump_share: float = _shipped("jump_share")
    jump_shape: float = _shipped("jump_shape")
    jump_exposure: float = _shipped("jump_exposure")
    jump_growth: float = _shipped("jump_growth")
    jump_rise: float = _shipped("jump_rise")
    jump_pace: float = _shipped("jump_pace")
    jump_below: float = _shipped("jump_below")
    jump_landing: float = _shipped("jump_landing")
