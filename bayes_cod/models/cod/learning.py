"""A prior of Bayesian COD learnt from families of ladders.

Each family is fitted alone. What its results say of a hyperparameter is its posterior with the shipped prior divided
out; what the families say together, with the shipped prior, is the distribution for a *new* family (`combine`). That
distribution is the learnt prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models import sampling
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.grouping import GroupingSettings
from bayes_cod.models.cod.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import SamplerSettings

type FloatArray = NDArray[np.float64]

FEWEST_RUNGS = 3
LEAST_INFORMATION = 0.1
"""Precision that a family must add to the shipped prior's, as a share of it; Monte Carlo error alone can add less."""
SHIPPED_COUNTS_AS = 2
"""Families that the shipped prior is worth where the least width of a learnt one is set."""
NARROWEST = 0.5
"""Least width of a learnt prior, in widths of the shipped one, however many families agree."""
COMMON_SHARE = 1 / 3
"""Share of the shipped prior's variance that is about where families lie; the rest is how they differ."""
BETWEEN_SD = 0.5
"""How well their spread is known before any family is seen: sd of its logarithm, a factor of 2.7 either way at 95 %."""
_GRID = np.linspace(-5.0, 5.0, 1001)


@dataclass(frozen=True)
class Hyperparameter:
    """A hyperparameter that families tell something of.

    Attributes
    ----------
    name
        Of its centre in `Priors`.
    widths
        Names in `Priors` of the standard deviations whose squares add up for a family alone.
    log
        Whether the prior is on its logarithm.
    held
        Whether the shipped prior is narrow on purpose, so that it may move but not widen.
    """

    name: str
    widths: tuple[str, ...]
    log: bool = True
    held: bool = False

    def centre(self, priors: Priors) -> float:
        """Centre of a prior, on its scale."""
        return float(getattr(priors, self.name))

    def sd(self, priors: Priors) -> float:
        """Standard deviation of a prior for a family alone, on its scale."""
        return float(np.hypot.reduce([getattr(priors, name) for name in self.widths]))

    def draws(self, posterior: xr.Dataset, priors: Priors) -> FloatArray:
        """Posterior of a family fitted alone, on the scale of the prior ``(chain, draw)``."""
        if self.name == "curvature_mean":
            return _of_first(posterior["curvature"])
        values = np.log(np.asarray(posterior[self.name].values, dtype=float))
        if self.name == "slope_mean":
            values = values + priors.family_spread * _of_first(posterior["family_z"])
        return np.asarray(values)


HYPERPARAMETERS = (
    Hyperparameter("slope_mean", ("slope_sd", "family_spread")),
    Hyperparameter("slope_spread", ("slope_spread_sd",)),
    Hyperparameter("curvature_mean", ("curvature_sd", "curvature_spread"), log=False),
    Hyperparameter("shared_walk", ("shared_walk_sd",), held=True),
    Hyperparameter("own_walk", ("own_walk_sd",)),
    Hyperparameter("shared_luck", ("shared_luck_sd",), held=True),
    Hyperparameter("own_luck", ("own_luck_sd",), held=True),
)
"""Those with a posterior of their own in a fit. What is fixed in the model can't be learnt from it, levels and floors
belong to benchmarks and not to families, and the rate of jumps is that at a family's own last rung."""


def _of_first(values: xr.DataArray) -> FloatArray:
    """Draws of the first family, which is the only one ``(chain, draw)``."""
    return np.asarray(values.values, dtype=float)[..., 0]


# ---------------------------------------------------------------- from posteriors to a prior


class Told(NamedTuple):
    """What one family's results say of a hyperparameter: a normal likelihood."""

    mean: float
    sd: float


class Estimate(NamedTuple):
    """Distribution of a hyperparameter for a new family: centre, sd, families' own spread, families that told of it."""

    mean: float
    sd: float
    between: float
    n: int


def told(draws: FloatArray, centre: float, sd: float) -> Told | None:
    """Divide a normal prior out of a posterior, both taken as normal.

    Precisions subtract: ``1 / s**2 = 1 / v - 1 / sd**2`` and ``m = s**2 (mean / v - centre / sd**2)``.

    Parameters
    ----------
    draws
        Posterior draws ``(chain, draw)``.
    centre, sd
        Of the prior.

    Returns
    -------
    Told or None
        None where the family tells nothing: the posterior is hardly narrower than the prior (`LEAST_INFORMATION`), or
        its chains do not agree by the limits of the convergence gate.
    """
    if not sampling.mixed(draws):
        return None
    mean, precision = float(draws.mean()), 1 / float(draws.var(ddof=1))
    added = precision - 1 / sd**2
    if added < LEAST_INFORMATION / sd**2:
        return None
    return Told((mean * precision - centre / sd**2) / added, float(added**-0.5))


def combine(evidence: Sequence[Told], centre: float, sd: float, *, held: bool = False) -> Estimate:
    """Distribution of a hyperparameter for a new family, from what some families told and the shipped prior.

    The normal model with two levels (Rubin 1981, J. Educ. Stat. 6; Gelman et al., Bayesian Data Analysis, 3rd ed.,
    section 5.4; Röver 2020, J. Stat. Softw. 93): family i told ``m_i ~ N(theta_i, s_i)``, families are
    ``theta_i ~ N(mu, tau)``. The shipped prior is the distribution of a new family before any is seen. A third of its
    variance (`COMMON_SHARE`) is for where families lie, ``mu ~ N(centre, sd / sqrt(3))``, and two thirds are for how
    they differ: tau is LogNormal with the standard deviation `BETWEEN_SD` and ``E tau**2 = 2 / 3 sd**2``, which is
    away from 0, as two or three families that agree are no proof that all do. mu is integrated out exactly and tau on
    a grid, so the uncertainty of both is in the result, whose first two moments are returned.

    So without a family the shipped prior comes back; one family known exactly moves the centre not quite half of the
    way; a family that tells little moves it little; families that differ by more than the shipped prior allows widen
    it.

    Few families can agree by chance. With k of them the standard deviation is at least ``sqrt(2 / (2 + k))`` of the
    shipped one (as if that were worth two families: `SHIPPED_COUNTS_AS`), and never below half of it (`NARROWEST`).

    Parameters
    ----------
    evidence
        Of the families that tell something.
    centre, sd
        The shipped prior.
    held
        Whether the result may not be wider than the shipped prior.
    """
    k = len(evidence)
    if k == 0:
        return Estimate(centre, sd, sd * float(np.sqrt(1 - COMMON_SHARE)), 0)
    part = sd * np.sqrt(COMMON_SHARE)
    tau = sd * np.sqrt(1 - COMMON_SHARE) * np.exp(BETWEEN_SD * (_GRID - BETWEEN_SD))[:, None]
    away, own = (np.array(values) for values in zip(*((one.mean - centre, one.sd) for one in evidence), strict=True))
    weight = 1 / (own**2 + tau**2)
    precision = part**-2 + weight.sum(axis=1)
    pulled = (weight * away).sum(axis=1)
    logs = 0.5 * (np.log(weight).sum(axis=1) - np.log(precision) + pulled**2 / precision)
    logs -= 0.5 * ((weight * away**2).sum(axis=1) + _GRID**2)
    share = np.exp(logs - logs.max())
    share /= share.sum()
    middle, spread = pulled / precision, 1 / precision + tau[:, 0] ** 2
    mean = float(share @ middle)
    width = float(np.sqrt(share @ (spread + (middle - mean) ** 2)))
    least = sd * max(NARROWEST, np.sqrt(SHIPPED_COUNTS_AS / (SHIPPED_COUNTS_AS + k)))
    width = float(np.clip(width, least, sd if held else np.inf))
    return Estimate(centre + mean, width, float(np.sqrt(share @ tau[:, 0] ** 2)), k)


def estimates(sources: Sequence[Source], shipped: Priors | None = None) -> dict[str, Estimate]:
    """Distribution of every hyperparameter for a new family, by its name in `Priors`."""
    base = shipped or Priors()
    return {
        h.name: combine(
            [Told(*source.told[h.name]) for source in sources if h.name in source.told],
            h.centre(base),
            h.sd(base),
            held=h.held,
        )
        for h in HYPERPARAMETERS
    }


def learn(
    sources: Sequence[Source], left_out: Sequence[LeftOut] = (), settings: dict[str, Any] | None = None
) -> LearntPrior:
    """The prior for a family other than those given.

    Where a prior has two standard deviations (of the mean over families, and of families around it), both are scaled
    alike. Everything that families do not tell stays as shipped.

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
    if not sources:
        reasons = "; ".join(f"{one.family} of {one.ladder}: {one.reason}" for one in left_out)
        raise InputError(f"no family could teach a prior: {reasons or 'none was given'}")
    base = Priors()
    found = estimates(sources, base)
    changes: dict[str, float] = {}
    for h in HYPERPARAMETERS:
        scale = found[h.name].sd / h.sd(base)
        changes |= {h.name: found[h.name].mean, **{name: getattr(base, name) * scale for name in h.widths}}
    return LearntPrior(replace(base, **changes), tuple(sources), tuple(left_out), dict(settings or {}))


# ---------------------------------------------------------------- from ladders to what families tell


@dataclass(frozen=True)
class Lesson:
    """One family to learn from: its rungs at full length."""

    family: str
    source: str
    ladder: Ladder


def lessons(
    ladders: Sequence[Ladder], families: Sequence[str] = (), benchmarks: Sequence[str] = ()
) -> tuple[list[Lesson], list[LeftOut]]:
    """Families of some ladders that may teach a prior, and those with too few rungs.

    Parameters
    ----------
    ladders
        As read.
    families, benchmarks
        Those to learn from; all where not given. A ladder without any of them is left out.

    Raises
    ------
    InputError
        For a family or benchmark that no ladder has, or a model that would be counted twice.
    """
    for kind, asked, have in (
        ("family", families, {name for ladder in ladders for name in ladder.families}),
        ("benchmark", benchmarks, {b for ladder in ladders for name in ladder.benchmark_names for b in _names(name)}),
    ):
        for name in asked:
            if name not in have:
                raise InputError(f"unknown {kind} '{name}'; the ladders have: {', '.join(sorted(have)[:20]) or 'none'}")
    found: list[Lesson] = []
    left_out: list[LeftOut] = []
    seen: dict[str, str] = {}
    for ladder in ladders:
        wanted = [name for name in benchmarks if any(name in _names(have) for have in ladder.benchmark_names)]
        if benchmarks and not wanted:
            continue
        kept = ladder.select(benchmarks=wanted) if wanted else ladder
        for family in sorted(set(ladder.families) & set(families or ladder.families)):
            rungs = kept.rungs(family)
            models = [str(name) for name in rungs["model"]]
            if (n := rungs["flops"].nunique()) < FEWEST_RUNGS:
                reason = f"{n} of the {FEWEST_RUNGS} rungs of different compute that are needed"
                left_out.append(LeftOut(family, ladder.name, reason))
                continue
            for model in models:
                if model in seen:
                    raise InputError(
                        f"the model '{model}' is in {seen[model]} and in {ladder.name}; its results would count "
                        "twice, so give it in one ladder"
                    )
                seen[model] = ladder.name
            found.append(Lesson(family, ladder.name, kept.select(family=family, models=models)))
    return found, left_out


def _names(benchmark: str) -> tuple[str, str]:
    """A benchmark's full name and that without its setting."""
    return benchmark, benchmark.split("@")[0]


def fit_family(lesson: Lesson, *, seed: int, sampler: SamplerSettings | None = None) -> Source | LeftOut:
    """Fit one family with the shipped prior, one group a benchmark, and take down what it tells.

    Returns
    -------
    Source or LeftOut
        The latter for a family that can't be fitted or does not pass the convergence gate.
    """
    forecaster = BayesianCOD(seed, grouping=GroupingSettings(clusters="none"), sampler=sampler)
    try:
        forecaster.fit(lesson.ladder)
    except InputError as error:
        return LeftOut(lesson.family, lesson.source, str(error))
    if not forecaster.gate_passed:
        failed = int((~forecaster.diagnostics["passed"].astype(bool)).sum())
        return LeftOut(lesson.family, lesson.source, f"refused by the convergence gate ({failed} diagnostics failed)")
    posterior, base = forecaster.posterior["posterior"].to_dataset(), Priors()
    found = {h.name: told(h.draws(posterior, base), h.centre(base), h.sd(base)) for h in HYPERPARAMETERS}
    return Source(
        family=lesson.family,
        ladder=lesson.source,
        sha256=lesson.ladder.data_hash(),
        models=tuple(str(name) for name in lesson.ladder.rungs()["model"]),
        n_benchmarks=len(lesson.ladder.benchmark_names),
        told={name: (one.mean, one.sd) for name, one in found.items() if one is not None},
    )


def settings_of(seed: int, sampler: SamplerSettings | None, benchmarks: Sequence[str]) -> dict[str, Any]:
    """How a prior was learnt, as its file says it."""
    return {
        "seed": seed,
        "sampler": asdict(sampler or SamplerSettings()),
        "benchmarks": list(benchmarks) or "all",
    }
