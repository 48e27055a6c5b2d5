"""How far scores may leave their curves, learnt from ladders of which larger models are known: a prior of Bayesian FLP.

Rungs alone tell too little of the walks, since a curve bends to few rungs. What larger models scored does tell. So the
larger models of every family are forecast from its smaller ones under several sizes of a benchmark's own walk, and the
forecasts are scored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.evaluation.cells import CutBy, Fit, plan
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.lessons import FEWEST_RUNGS, Lesson, check_taught
from bayes_cod.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]

NEEDED_RUNGS = FEWEST_RUNGS + 1
"""Rungs of different compute: those of a fit, and one that is forecast."""
WALKS = (0.03, 0.15, 0.6, 2.0)
"""Sizes of a benchmark's own walk that are tried, from nearly none to the shipped one."""
SHARED, SHARED_POWER = 0.2, 0.5
"""Size of the walk that all benchmarks share where their own is 1, and the power of it that it goes with: on smooth
ladders both are alike, on abrupt ones a benchmark's own is the larger."""
LEAST = 0.01
"""Least size of both: the shipped ones, which keep rungs from telling too small a walk, are not needed here."""
HELD = 0.15
"""Spread of the logarithm while a size is tried."""
CUTS = 2
"""Cuts of a family, the largest that leave a larger model to forecast."""
STRAY = 0.01
"""Weight of a uniform density beside the forecast's, so that no single score decides."""
COMMON, COMMON_SD = float(np.log(0.3)), 1.3
"""Log of the typical size over families, Normal: from that of smooth ladders to that of abrupt ones."""
BETWEEN, BETWEEN_SD = float(np.log(0.6)), 0.5
"""Spread of families around it, LogNormal (log mean, log sd): away from 0, as few that agree are no proof."""
_THETA = np.linspace(np.log(LEAST), np.log(WALKS[-1]), 201)
_Z = np.linspace(-4.0, 4.0, 81)


class Estimate(NamedTuple):
    """A benchmark's own walk in a new family.

    Attributes
    ----------
    centre
        Log of the root of the mean square of its size: variances ahead add up.
    spread
        Standard deviation of the log size, over what is possible.
    between
        Families' own spread of the log size.
    """

    centre: float
    spread: float
    between: float


def combine(log_scores: Sequence[Mapping[float, float]]) -> Estimate:
    """Distribution of a new family's walk, from what forecasts of some families scored.

    The model with two levels of `bayes_cod.models.cod.learning.combine`, with a likelihood that is not normal: log
    scores are linear between the logarithms of the sizes tried, and level below them, where walks hardly show. Family i
    has a log size ``theta_i ~ N(mu, tau)``, cut off at the largest that was tried and where walks vanish; mu is Normal
    (`COMMON`, `COMMON_SD`), tau LogNormal (`BETWEEN`, `BETWEEN_SD`). All three are integrated on grids.

    Parameters
    ----------
    log_scores
        Of each family: log score by the size tried.
    """
    mu = (COMMON + COMMON_SD * _Z)[:, None, None]
    tau = np.exp(BETWEEN + BETWEEN_SD * _Z)[None, :, None]
    shape = -0.5 * ((_THETA - mu) / tau) ** 2
    of_family = np.exp(shape - shape.max(axis=2, keepdims=True))
    of_family /= of_family.sum(axis=2, keepdims=True)
    logs = -0.5 * (_Z[:, None] ** 2 + _Z[None, :] ** 2)
    for one in log_scores:
        sizes = sorted(one)
        told = np.interp(_THETA, np.log(sizes), [one[size] for size in sizes])
        logs = logs + np.log(of_family @ np.exp(told - told.max()))
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    new = np.einsum("mt,mtk->k", weight, of_family)
    spread = float(np.sqrt(new @ (_THETA - new @ _THETA) ** 2))
    return Estimate(0.5 * float(np.log(new @ np.exp(2 * _THETA))), spread, float((weight * tau[..., 0]).sum()))


def learn(
    sources: Sequence[Source], left_out: Sequence[LeftOut] = (), settings: dict[str, Any] | None = None
) -> LearntPrior:
    """The prior for a family other than those given: of both walks; all else stays as shipped.

    It is as narrow as the shipped one: a wider one would let the rungs take the walks down, as a curve bends to them.
    What is not known of a new family's walk is in the centre and not in the width.

    Parameters
    ----------
    sources
        From `fit_family`.
    left_out
        Recorded with the prior.
    settings
        How it was learnt, recorded with the prior.

    Raises
    ------
    InputError
        Without a family, with the reasons of those left out.
    """
    check_taught(sources, left_out)
    found = combine([source.log_scores for source in sources])
    priors = _walking(found.centre, Priors().own_walk_sd)
    return LearntPrior(priors, tuple(sources), tuple(left_out), dict(settings or {}))


def fit_family(
    lesson: Lesson,
    *,
    seed: int,
    sampler: SamplerSettings | None = None,
    cuts: int = CUTS,
    progress: Callable[[int, int], None] | None = None,
) -> Source | LeftOut:
    """Forecast one family's larger models from its smaller ones under every size of `WALKS`.

    From each cut those of the next size are forecast (the next compute, where sizes are not known). Models of one size
    share what lies behind them and count as one.

    Parameters
    ----------
    lesson
        The family.
    seed, sampler
        Of every fit. What fails the convergence gate is not drawn again: it is judged by what it forecast.
    cuts
        Cuts at most, the largest.
    progress
        Told the number of fits done and of all.

    Returns
    -------
    Source or LeftOut
        The latter for a family that can't be fitted or leaves nothing to forecast.
    """
    ladder = lesson.ladder
    by: CutBy = "params" if ladder.rungs()["params"].notna().all() else "flops"
    try:
        fits = plan(ladder, min_rungs=FEWEST_RUNGS, cut_by=by)[-cuts:]
        scores = dict.fromkeys(WALKS, 0.0)
        steps = [(fit, walk) for fit in fits for walk in WALKS]
        for done, (fit, walk) in enumerate(steps):
            if progress is not None:
                progress(done, len(steps))
            scores[walk] += _score(ladder, fit, by, walk, seed, sampler)
    except InputError as error:
        return LeftOut(lesson.family, lesson.source, str(error))
    return Source(
        family=lesson.family,
        ladder=lesson.source,
        sha256=ladder.data_hash(),
        models=tuple(str(name) for name in ladder.rungs()["model"]),
        n_benchmarks=len(ladder.benchmark_names),
        log_scores=scores,
    )


def _score(ladder: Ladder, fit: Fit, by: CutBy, walk: float, seed: int, sampler: SamplerSettings | None) -> float:
    """Log score of the next models under a size of walk: summed over benchmarks, averaged over models."""
    forecaster = BayesianFLP(seed, priors=_walking(float(np.log(walk)), HELD), sampler=sampler, retry=False)
    forecaster.fit(ladder.select(models=fit.models, benchmarks=fit.benchmarks))
    targets = _next(fit.targets, by)
    truth = fit.cells.pivot_table(index="target", columns="benchmark", values="truth")
    density = forecaster.log_density(targets, truth.reindex([target.name for target in targets]))
    robust = np.logaddexp(np.log1p(-STRAY) + density, np.log(STRAY))
    return float(np.nansum(np.nanmean(robust, axis=0)))


def _walking(own: float, sd: float) -> Priors:
    """Priors with walks of which a benchmark's own has a log size, known to a standard deviation."""
    return Priors(
        own_walk=LEAST,
        own_walk_more=own,
        own_walk_sd=sd,
        shared_walk=LEAST,
        shared_walk_more=float(np.log(SHARED)) + SHARED_POWER * own,
        shared_walk_sd=max(SHARED_POWER * sd, HELD),
    )


def _next(targets: Sequence[Target], by: CutBy) -> list[Target]:
    """Those of the next size, or of the next compute."""
    sizes = np.array([target.params if by == "params" else target.flops for target in targets], dtype=float)
    return [target for target, size in zip(targets, sizes, strict=True) if size <= sizes.min() * (1 + 1e-9)]
