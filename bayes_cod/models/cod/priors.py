"""Every prior of Bayesian COD in one place, each with its reason.

The scale is that of eta, the logit of (y - g) / (top - g): a benchmark that goes from 10 % to 50 % moves by 2.2, and
by as much again to 90 %. Slopes are moves of eta per decade of compute. All values are data of the compiled models, so
changing one needs no new compilation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayes_cod.models.common.hyperparameters import Hyperparameters

CHANCE_SHAPE = 1.2  # second parameter of the multiplier of chance: most weak models lose little of it


@dataclass(frozen=True)
class Priors(Hyperparameters):
    """Priors of Bayesian COD (hyperparameters of the named distributions).

    Attributes
    ----------
    slope_mean, slope_sd
        Mean slope of all families' benchmarks, LogNormal (log mean, log sd). One decade takes a mid-range benchmark up
        by 10 to 20 points; ladders of very small models grow several times as fast. Positive: with a negative mean,
        luck that all benchmarks share would have a mirror image, and single benchmarks may fall all the same.
    family_spread
        Spread of families' mean slopes on the logarithm, fixed: two or three families do not teach it.
    slope_spread, slope_spread_sd
        Spread of benchmarks' slopes around the family's, as a share of it, LogNormal (log mean, log sd). Benchmarks
        differ by a factor of two; steep ladders differ as much in proportion.
    benchmark_share
        Share of that spread's variance that a benchmark keeps from family to family, fixed; with clusters in the model.
    group_spread
        Relative spread of cluster slopes within a benchmark, fixed: a cluster's own slope is hardly known from a few
        rungs, and when the spread is learnt, odd clusters pull it up until the pooling is gone.
    curvature_mean, curvature_sd
        c in theta = x - c x**2, Normal. Growth slows by a third over a decade on families with a long record
        (data stop growing with size, the easy gains are gone), with room for none and for twice that.
    curvature_spread
        Spread of families' curvatures, fixed.
    shared_walk, shared_walk_sd
        Luck of a rung that all benchmarks share, in decades per root decade, LogNormal. Seeds and data order move a
        model by a tenth of a decade or two.
    own_walk, own_walk_sd
        Luck of one benchmark that persists, on eta per root decade, LogNormal.
    shared_luck, shared_luck_sd
        Luck of one run that all benchmarks share and the next run does not inherit, in decades, LogNormal. Held
        small: where it is free, fast growth is taken for luck that passes, and forecasts fall back.
    own_luck, own_luck_sd
        The same of one benchmark, on eta.
    wild_walk, wild_luck
        Spread of the benchmarks' own walks and passing luck around these scales, on the logarithm, fixed: some are
        smooth, others rise and fall with every run.
    hazard, hazard_sd
        Rate at which a benchmark jumps, per decade at the last rung, LogNormal. Almost never on ladders of usual size,
        and several times a decade where all questions of a benchmark are one skill; learnt from the rungs.
    hazard_growth
        The rate grows with compute as exp(hazard_growth x), fixed (Gompertz): as much as a normal distribution of
        thresholds does that a ladder enters from below.
    immune
        Probability that a benchmark never jumps, fixed: some skills are out of reach of any rung.
    immune_spread
        The same where the questions of a benchmark differ much in difficulty, fixed: they are many skills, gained one
        after the other.
    wide_spread
        Variance of the questions' logit pass rates halfway between the two, fixed.
    jump_mean, jump_sd
        Size of a jump between rungs on eta, Normal, fixed.
    landing_mean, landing_sd
        Eta that a jump ahead leads to, Normal, fixed: mostly between half and almost all of the questions.
    emergence_shared
        Probability that a benchmark jumps where another family told of it does, fixed; otherwise by the hazard.
    emergence_sd
        Distance between two families' jumps of a benchmark, in decades, fixed.
    shared_landing_sd
        Spread of eta after such a jump around the other family's, fixed.
    jump_below
        Score from which a benchmark has no jump left to make, fixed.
    volatility
        Spread of families' shared walks around that scale, on the logarithm, fixed: some families are made by one
        recipe, others change it from rung to rung. Not used for a family alone.
    level_mean, level_mean_sd, level_sd
        eta at the last rung, Normal: from almost never to almost always right. The mean is the ladder's own, as very
        small models sit at the floor of most benchmarks; with clusters in the model it is fixed.
    floor_mean, floor_sd
        Score of a model that knows nothing on open questions, Normal on the logit: mostly below a few per cent, but
        short answers (a digit, yes or no) are guessed right a fifth of the time.
    floor_at_zero, floor_at_chance
        Probabilities that the floor is exactly 0 on open questions, and exactly chance on others.
    below_chance
        Multiplier of the chance level, Beta(below_chance, CHANCE_SHAPE): weak models lose answers to the format.
    ceiling
        Share of questions that stay unanswered, fixed at almost none: a benchmark that levels off does so by its path.
    cluster_concentration
        Noise of a cluster at a rung that does not last (what the law and the path leave over), as a beta-binomial
        concentration: 6 points at mid-range. Fixed, since learning it lets misfit and classes trade places.
    whole_concentration
        The same for the weighted sum of a benchmark's groups: the path takes up all but a point.
    irregular_concentration
        The same for a cluster that follows no law; rungs scatter over most of the scale.
    class_law, class_flat, class_irregular
        Probabilities of the three classes of clusters: most follow the law.
    map_strength
        Dirichlet weight of each increment of the map around the common shape.
    map_concentration
        Noise of the rest around the map, as a beta-binomial concentration.
    """

    slope_mean: float = float(np.log(0.8))
    slope_sd: float = 0.4
    family_spread: float = 0.2
    slope_spread: float = float(np.log(0.5))
    slope_spread_sd: float = 0.4
    benchmark_share: float = 0.6
    group_spread: float = 0.15
    curvature_mean: float = 0.3
    curvature_sd: float = 0.15
    curvature_spread: float = 0.05
    shared_walk: float = float(np.log(0.07))
    shared_walk_sd: float = 0.5
    own_walk: float = float(np.log(0.2))
    own_walk_sd: float = 0.5
    shared_luck: float = float(np.log(0.05))
    shared_luck_sd: float = 0.5
    own_luck: float = float(np.log(0.06))
    own_luck_sd: float = 0.7
    wild_walk: float = 0.5
    wild_luck: float = 1.0
    hazard: float = float(np.log(0.02))
    hazard_sd: float = 1.7
    hazard_growth: float = 2.0
    immune: float = 0.1
    immune_spread: float = 0.9
    wide_spread: float = 2.0
    jump_mean: float = 5.0
    jump_sd: float = 3.0
    landing_mean: float = 1.5
    landing_sd: float = 2.0
    emergence_shared: float = 0.7
    emergence_sd: float = 0.25
    shared_landing_sd: float = 1.0
    jump_below: float = 0.75
    volatility: float = 0.5
    level_mean: float = -1.0
    level_mean_sd: float = 2.5
    level_sd: float = 2.5
    floor_mean: float = -4.0
    floor_sd: float = 1.5
    floor_at_zero: float = 0.4
    floor_at_chance: float = 0.5
    below_chance: float = 5.0
    ceiling: float = 0.001
    cluster_concentration: float = 60.0
    whole_concentration: float = 3000.0
    irregular_concentration: float = 3.0
    class_law: float = 0.8
    class_flat: float = 0.1
    class_irregular: float = 0.1
    map_strength: float = 2.0
    map_concentration: float = 60.0

    def for_spread(self, spread: float) -> Priors:
        """The priors for a benchmark whose questions' difficulty has this variance on the logit; NaN if unknown."""
        if np.isnan(spread):
            return self
        share = spread**4 / (spread**4 + self.wide_spread**4)
        return replace(self, immune=self.immune + (self.immune_spread - self.immune) * share)
