"""Every prior of Bayesian FLP in one place, each with its reason.

Progress is measured in what losses and compute change over 0.7 decades of compute, with 0 at the mean of the final
rungs, so slopes and scales mean the same on every ladder, narrow or wide. What one ladder can't teach is fixed. The
values were set on the OLMo ladder and on seed 0 of the micro ladder; OpenLM, Pythia and the other seeds were forecast
with the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class LawPriors:
    """Priors of the law of losses.

    Attributes
    ----------
    level_sd
        Log loss of the largest rung around what was observed there, Normal.
    log_shares, share_sd
        The shares that are irreducible, of size and of tokens in the largest rung's loss, logistic-normal (logs before
        they are scaled to one): about two fifths irreducible, with room for a law without that term.
    exponent, exponent_sd
        Exponents of size and of tokens, LogNormal (log mean, log sd). Published laws have 0.2 to 0.6.
    """

    level_sd: float = 0.1
    log_shares: tuple[float, float, float] = (0.4, 0.0, 0.0)
    share_sd: float = 0.6
    exponent: float = float(np.log(0.35))
    exponent_sd: float = 0.35


@dataclass(frozen=True)
class LossPriors(LawPriors):
    """Priors of the loss stage.

    Attributes
    ----------
    undecayed
        Rise of log loss at full learning rate over the decayed law, HalfNormal: a few per cent.
    scale, scale_sd
        Log of the scale of both the luck of a run and the noise of one row on log loss, Student-t with 3 degrees of
        freedom: seeds move a loss by some tenths of a per cent, misfit of the law by a per cent or two. Where the law
        does not hold at all, either may be far more.
    family
        Log loss of a pooled family over the ladder's at equal size and tokens, Normal around 0: other data, other
        tokenizers.
    walk, drift, walk_sd
        Only with pooled families: departure of log losses from the law that all families share, a random walk along
        compute, and what each family drifts from it, both per root decade, LogNormal (median, log sd).
    """

    undecayed: float = 0.05
    scale: float = float(np.log(0.008))
    scale_sd: float = 0.7
    family: float = 0.2
    walk: float = 0.03
    drift: float = 0.03
    walk_sd: float = 1.5


@dataclass(frozen=True)
class ScorePriors:
    """Priors of the score stage.

    Attributes
    ----------
    log_weight_loss, weight_sd
        Weights of the losses in progress against that of plain log compute, logistic-normal: the losses are believed,
        yet one equal loss of a larger model need not be one equal score.
    slope, slope_sd
        Log of the typical slope of the benchmarks on eta per unit of progress, Normal.
    slope_spread
        Standard deviation of the benchmarks' log slopes around it, fixed: slopes in units of common progress are much
        alike, and tight pooling forecast best.
    height, height_sd
        eta at the mean rung, Normal: from next to nothing to almost everything above chance.
    floor_sd
        Log of the floor over chance, Normal: format failures lie below chance, lucky guesses above.
    open_floor, open_floor_mean, open_floor_sd
        Floor of open questions: the first times ``e^x`` below x = 0 and ``1 + x`` above it, x Normal: a median of
        three quarters of a point, from nothing to ten points, without a long ridge where it is next to nothing.
    ceiling, unanswered
        Share of what lies above the floor that is never answered, fixed: wrong keys, questions that no training helps.
        At most the second times what the best model of the ladder leaves unanswered: solved benchmarks level off later.
    luck
        Scale of a run's luck in progress that all its benchmarks share, beyond its loss, fixed. Estimated, it opens a
        mode in which runs stand anywhere.
    undecayed
        Progress at full learning rate that the loss does not show, Normal around 0.
    shared_walk
        What neither law nor map foresees: a random walk in progress that all benchmarks share, per root unit of
        progress, fixed, as the curve bends to few rungs. It goes on beyond the last rung, and is variance of the rungs
        behind it: the farther a rung, the less it says of what is ahead.
    walk, walk_more, walk_sd
        The same for each benchmark on eta: the least it may be, and what it is more, LogNormal (median, log sd).
        Benchmarks may be abrupt, and one on its floor says nothing of how it will leave it: unless the rungs speak
        against it, the walk is wide. A ladder of many rungs and smooth benchmarks takes it down to the least.
    family_shift, family_height
        What sets a pooled family apart at equal losses, in progress and in each benchmark's eta, Normal around 0.
    dispersion, dispersion_sd, dispersion_spread
        Log of the scatter of a benchmark's scores around its curve over one binomial standard error, Normal around a
        ladder's typical one, which is Normal (dispersion, dispersion_sd). Runs answer the same questions, so below 1 is
        possible; format lotteries reach 5.
    skew
        Shape of the curve between the Gompertz curve (0) and the logistic (1), fixed: what rungs say of it is no guide.
    """

    log_weight_loss: float = 0.7
    weight_sd: float = 0.7
    slope: float = float(np.log(0.5))
    slope_sd: float = 1.0
    slope_spread: float = 0.3
    height: float = -1.0
    height_sd: float = 2.5
    floor_sd: float = 0.08
    open_floor: float = 0.02
    open_floor_mean: float = -1.0
    open_floor_sd: float = 1.5
    ceiling: float = 0.04
    unanswered: float = 0.5
    luck: float = 0.07
    undecayed: float = 0.2
    shared_walk: float = 0.25
    walk: float = 0.1
    walk_more: float = 2.0
    walk_sd: float = 0.3
    family_shift: float = 0.15
    family_height: float = 0.2
    dispersion: float = 0.0
    dispersion_sd: float = 0.7
    dispersion_spread: float = 0.6
    skew: float = 0.3
