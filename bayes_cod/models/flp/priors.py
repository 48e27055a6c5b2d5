"""Every prior of Bayesian FLP in one place, each with its reason.

Progress is measured in standard deviations of the final rungs, with 0 at their mean, so slopes and scales mean the
same on every ladder. They are constants of the compiled model, which is half as large as with priors among its data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.common.hyperparameters import Hyperparameters

type FloatArray = NDArray[np.float64]

KINDS = ("rising", "levelling")
"""Kinds of benchmarks: those that rise to the top and those that level off early; the order of axes ``kind``."""


@dataclass(frozen=True)
class Priors(Hyperparameters):
    """Priors of Bayesian FLP (hyperparameters of the named distributions).

    Attributes
    ----------
    level_sd
        Log loss of the largest rung around what was observed there, Normal.
    exponent, exponent_sd
        Exponents of size and of tokens, LogNormal (log mean, log sd). Published laws have 0.2 to 0.6.
    share_irreducible, share_size, share_tokens
        Dirichlet weights of the three terms' shares of the largest rung's loss: about two fifths irreducible, with
        room for a law without that term.
    undecayed_loss
        Rise of log loss at full learning rate over the decayed law, HalfNormal: a few per cent.
    loss_noise, loss_noise_sd
        Log of the scale of both the luck of a run and the noise of one evaluation on log loss, Student-t with 3
        degrees of freedom: seeds move a loss by some tenths of a per cent, misfit of the law by a per cent or two.
        Where the law does not hold at all, either may be far more.
    weight_loss, weight_compute
        Dirichlet weights of the losses and of plain log compute in progress: the losses are believed, yet one
        equal loss of a larger model need not be one equal score.
    slope, slope_sd
        Log of the typical slope of the benchmarks on eta per unit of progress, Normal. The last third of a ladder takes
        a mid-range benchmark up by some ten points.
    spread, spread_sd
        Spread of the benchmarks' log slopes around the ladder's, LogNormal (log mean, log sd). Slopes in units of
        common progress are much alike; away from zero, so that the sampler meets no funnel.
    height_mean, height_sd, height_sd_below
        eta at the mean rung, Normal in two pieces: most likely height_mean, and from it upwards of height_sd, to almost
        everything above chance. Downwards it falls slowly, by height_sd_below times the root of the skew, as the skewed
        form reaches its floor sooner: a benchmark at chance is common and its height hardly matters. With as narrow a
        fall as upwards, a ladder of many such benchmarks moves its runs there instead, against their losses.
    floor_sd
        Log of the floor over chance, Normal: format failures lie below chance, lucky guesses above.
    open_floor, open_floor_mean, open_floor_sd
        Floor of open questions: the first times ``e^x`` below x = 0 and ``1 + x`` above it, x Normal: a median of
        three quarters of a point, from nothing to ten points, without a long ridge where it is next to nothing.
    ceiling, early_ceiling, levelling_share
        Share of what lies above the floor that stays unanswered, fixed: of most benchmarks next to nothing, of a share
        of them, which is fixed too, more (wrong keys, questions that no training answers). Which level off early is
        summed out.
    luck, luck_more, luck_shape
        Scale of the luck of a run in progress that all its benchmarks share, beyond its loss: the least it may be, as
        the sampler would meet a funnel below, and what it is more, Gamma (mean, shape), not so large that runs stand
        anywhere whatever their loss.
    undecayed_score
        Progress at full learning rate that the loss does not show, Normal around 0.
    shared_walk, own_walk
        What neither law nor map foresees: a random walk in progress that all benchmarks share, and one of each
        benchmark on eta, both per root unit of progress. They go on beyond the last rung, and are variance of the rungs
        behind it: the farther a rung, the less it tells of what is ahead. These are the least they may be, as rungs
        alone make them too small: the curve bends to them (set after looking at the OLMo ladder, docs/flp.md).
    shared_walk_more, shared_walk_sd, own_walk_more, own_walk_sd
        What the walks are more than that, LogNormal (log mean, log sd). Benchmarks may be abrupt, and a benchmark on
        its floor says nothing of how it will leave it: unless the rungs speak against it, a benchmark's walk is wide. A
        ladder of many rungs and smooth benchmarks takes it down to the least.
    family_loss
        Log loss of a pooled family over the ladder's at equal size and tokens, Normal around 0: other data, other
        tokenizers.
    loss_walk, loss_drift, loss_walk_sd
        Only with pooled families: departure of log losses from the law that all families share, a random walk along
        compute, and what each family drifts from it, both per root decade, LogNormal (log mean, log sd).
    family_shift
        What sets a pooled family apart at equal losses in progress that all benchmarks share, Normal around 0; two or
        three families can't tell its scale.
    family_height, family_height_spread
        Scale of what sets a family apart in each benchmark's eta, LogNormal (log mean, log sd).
    dispersion, dispersion_sd, dispersion_spread
        Log of the scatter of a benchmark's scores around its curve over one binomial standard error, Normal around a
        ladder's mean, which is Normal (dispersion, dispersion_sd). Runs answer the same questions, so below 1 is
        possible; format lotteries reach 5.
    """

    level_sd: float = 0.1
    exponent: float = float(np.log(0.35))
    exponent_sd: float = 0.35
    share_irreducible: float = 3.0
    share_size: float = 2.0
    share_tokens: float = 2.0
    undecayed_loss: float = 0.05
    loss_noise: float = float(np.log(0.008))
    loss_noise_sd: float = 0.7
    weight_loss: float = 3.0
    weight_compute: float = 1.5
    slope: float = float(np.log(0.5))
    slope_sd: float = 1.0
    spread: float = float(np.log(0.3))
    spread_sd: float = 0.5
    height_mean: float = -1.0
    height_sd: float = 2.0
    height_sd_below: float = 6.0
    floor_sd: float = 0.08
    open_floor: float = 0.02
    open_floor_mean: float = -1.0
    open_floor_sd: float = 1.5
    ceiling: float = 0.01
    early_ceiling: float = 0.12
    levelling_share: float = 0.3
    luck: float = 0.02
    luck_more: float = 0.05
    luck_shape: float = 2.0
    undecayed_score: float = 0.2
    shared_walk: float = 0.12
    own_walk: float = 0.1
    shared_walk_more: float = float(np.log(0.2))
    shared_walk_sd: float = 0.5
    own_walk_more: float = float(np.log(2.0))
    own_walk_sd: float = 0.3
    family_loss: float = 0.2
    loss_walk: float = float(np.log(0.03))
    loss_drift: float = float(np.log(0.03))
    loss_walk_sd: float = 1.5
    family_shift: float = 0.15
    family_height: float = float(np.log(0.2))
    family_height_spread: float = 0.7
    dispersion: float = 0.0
    dispersion_sd: float = 0.7
    dispersion_spread: float = 0.6

    @property
    def shares(self) -> FloatArray:
        """Shares of `KINDS` among benchmarks ``(kind,)``."""
        return np.array([1 - self.levelling_share, self.levelling_share])

    @property
    def ceilings(self) -> FloatArray:
        """What benchmarks of `KINDS` leave unanswered ``(kind,)``."""
        return np.array([self.ceiling, self.early_ceiling])

    def log_height(self, height: FloatArray, skew: float) -> FloatArray:
        """Log density of heights up to a constant, in the shape given."""
        above = height - self.height_mean
        sd = np.where(above > 0, self.height_sd, self.height_sd_below * np.sqrt(skew))
        return np.asarray(-0.5 * (above / sd) ** 2)
