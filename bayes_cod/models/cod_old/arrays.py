"""The data of Bayesian COD's graph: evidence of a ladder and of those pooled with it, padded to a shape.

Padded rungs, groups and series have 0 trials, which leaves the posterior as it is; one compilation serves all ladders
of a shape. A *series* is one benchmark of one family; those of the ladder to forecast come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.effective_compute import StepBasis
from bayes_cod.models.cod.grouping import Evidence, Group
from bayes_cod.models.cod.priors import Priors

type FloatArray = NDArray[np.float64]

_GROUP_STEPS = (4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512)
_SERIES_STEPS = (2, 5, 10, 16, 24, 40, 64, 96, 128, 192, 256)
_RUNG_STEPS = (4, 8, 16, 32, 64)
_FAMILY_STEPS = (1, 4, 8, 16, 32)
SMALLEST_NOISE = 0.002
MOST_ANCHORS = 4

_GUESSED_RATES = (0.001, 0.98)
_USUAL = (3.0, 0.8, 0.1)  # sd of level, slope and passing luck on eta for the sampler's coordinates


@dataclass(frozen=True)
class Shape:
    """Sizes a graph is compiled for.

    `groups` is 0 where each benchmark is one group; `rest` counts the series that may have a map, 0 where none has.
    """

    groups: int
    series: int
    benchmarks: int
    families: int
    rungs: int
    rest: int

    @classmethod
    def of(cls, evidence: Sequence[Evidence]) -> Shape:
        """The smallest padded shape that holds the evidence, that of the ladder to forecast first."""
        own = evidence[0]
        n_group = sum(len(e.groups) for e in evidence)
        split = n_group > sum(len(e.benchmarks) for e in evidence)
        return cls(
            groups=_padded(n_group, _GROUP_STEPS) if split else 0,
            series=_padded(sum(len(e.benchmarks) for e in evidence), _SERIES_STEPS),
            benchmarks=_padded(len(_benchmarks(evidence)), _SERIES_STEPS),
            families=_padded(len(evidence), _FAMILY_STEPS),
            rungs=_padded(max(len(e.decades) for e in evidence), _RUNG_STEPS),
            rest=_padded(len(own.benchmarks), _SERIES_STEPS) if own.rest else 0,
        )


def _padded(size: int, steps: tuple[int, ...]) -> int:
    return next((step for step in steps if step >= size), size)


def _benchmarks(evidence: Sequence[Evidence]) -> list[str]:
    return list(dict.fromkeys(name for e in evidence for name in e.benchmarks))


def arrays(evidence: Sequence[Evidence], shape: Shape, priors: Priors) -> dict[str, NDArray[Any]]:
    """The graph's data.

    Parameters
    ----------
    evidence
        The ladder to forecast, then those pooled with it.
    shape
        To pad to.
    priors
        Data as well: another value needs no new compilation.

    Returns
    -------
    dict
        By name of the `pm.Data` container.
    """
    names = _benchmarks(evidence)
    chance = np.zeros(shape.series)
    family, benchmark = np.zeros((2, shape.series), dtype=np.int32)
    n_group = shape.groups or shape.series
    n_trials, n_correct = np.zeros((2, n_group, shape.rungs))
    owner = np.full(n_group, shape.series - 1, dtype=np.int32)
    first, row = 0, 0
    for f, one in enumerate(evidence):
        here = slice(first, first + len(one.benchmarks))
        chance[here] = np.nan_to_num(one.chance)
        family[here] = f
        benchmark[here] = [names.index(name) for name in one.benchmarks]
        lead = shape.rungs - len(one.decades)
        for group in one.groups:
            n_trials[row, lead:], n_correct[row, lead:] = group.n_trials, group.n_correct
            owner[row] = first + one.benchmarks.index(group.benchmark)
            row += 1
        first = here.stop
    mix = np.zeros((shape.series, n_group))
    mix[owner[:row], np.arange(row)] = [group.weight for e in evidence for group in e.groups]
    mix /= np.maximum(mix.sum(axis=1, keepdims=True), 1e-12)
    rate, sd = observed_rates(n_trials, n_correct, priors.cluster_concentration)
    total_trials, total, total_sd = total_rates(rate, n_trials, mix, priors.whole_concentration)
    data: dict[str, NDArray[Any]] = {
        "priors": priors.vector(),
        "chance": chance,
        "family": family,
        "benchmark": benchmark,
        "present": (np.arange(shape.series) < first).astype(float),
        "total_rate": total,
        "total_sd": total_sd,
        "total_seen": (total_trials > 0).astype(float),
        **_compute(evidence, shape),
    }
    data |= _coordinates(evidence, data, shape)
    if shape.groups:
        several = np.bincount(owner[:row], minlength=shape.series)[owner] > 1
        several[row:] = False
        last_rate = np.array([_last(rate[k], n_trials[k]) for k in range(n_group)])
        data |= {
            "owner": owner,
            "several": several.astype(float),
            "mix": mix,
            "rate": rate,
            "sd": sd,
            "seen": ((n_trials > 0) & several[:, None]).astype(float),
            "level_guess": _eta(last_rate, chance[owner]),
        }
    return data | (_rest(evidence[0], shape, priors, total) if shape.rest else {})


def _last(rate: FloatArray, n_trials: FloatArray) -> float:
    seen = np.flatnonzero(n_trials > 0)
    return float(rate[seen[-1]]) if len(seen) else 0.0


def _compute(evidence: Sequence[Evidence], shape: Shape) -> dict[str, FloatArray]:
    """Decades of the rungs, which steps are real, and bases of luck; families of the padding repeat the first."""
    n_step = shape.rungs - 1
    decades = np.zeros((shape.families, shape.rungs))
    real, variance = np.zeros((2, shape.families, n_step))
    weights, back = np.zeros((2, shape.families, n_step, n_step))
    for f in range(shape.families):
        of = evidence[f if f < len(evidence) else 0].decades
        lead = shape.rungs - len(of)
        decades[f] = np.concatenate([np.full(lead, of[0]), of])
        real[f, lead:] = 1.0
        basis = StepBasis.of(of, n_step)
        weights[f], back[f], variance[f] = basis.weights, basis.back, basis.variance
    return {"decades": decades, "real": real, "step_weights": weights, "step_back": back, "step_variance": variance}


def observed_rates(
    n_trials: NDArray[Any], n_correct: NDArray[Any], concentration: float
) -> tuple[FloatArray, FloatArray]:
    """Pass rates and their standard deviation: finite trials and noise that does not last.

    The variance is that of a beta-binomial with the given concentration, y (1 - y) (1 / n + 1 / concentration), at the
    rate drawn to one half by two pseudo-trials, so that 0 of n is not taken for certainty; a fifth of a point is added.
    """
    rate = n_correct / np.maximum(n_trials, 1)
    noise = 1 / np.maximum(n_trials, 1) + 1 / concentration
    drawn = (rate / noise + 1) / (1 / noise + 2)
    return rate, np.sqrt(drawn * (1 - drawn) * noise + SMALLEST_NOISE**2)


def total_rates(
    rate: FloatArray, n_trials: FloatArray, mix: FloatArray, concentration: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Trials, scores and their standard deviation of the groups' weighted sums ``(series, rung)``.

    Parameters
    ----------
    rate, n_trials
        Of the groups ``(group, rung)``.
    mix
        Weight of each group in its series ``(series, group)``; rows sum to 1.
    concentration
        As for `observed_rates`.
    """
    trials = (mix > 0) @ n_trials
    return trials, *observed_rates(trials, (mix @ rate) * trials, concentration)


def _above(rate: FloatArray, chance: FloatArray) -> FloatArray:
    """Rates above nine tenths of chance, on the scale where perfect is 1, held where eta is finite."""
    return np.clip((rate - 0.9 * chance) / (1 - 0.9 * chance), *_GUESSED_RATES)


def _eta(rate: FloatArray, chance: FloatArray) -> FloatArray:
    return np.asarray(logit(_above(rate, chance)))


def _coordinates(evidence: Sequence[Evidence], data: dict[str, NDArray[Any]], shape: Shape) -> dict[str, FloatArray]:
    """Where and in which coordinates the sampler moves the series' eta; the posterior does not depend on it.

    `eta_guess` ``(series, rung)`` comes from the rates. `eta_root` ``(series, rung, coordinate)`` is a root of the
    covariance that eta would have given its rates if the link were linear and luck as large as the rates suggest;
    coordinates in its unit are nearly independent, so the sampler needs few steps.
    """
    rate, sd, seen = (data[f"total_{name}"] for name in ("rate", "sd", "seen"))
    chance = data["chance"][:, None]
    above = _above(rate, chance)
    slope = (1 - 0.9 * chance) * above * (1 - above)
    lowest = np.where(seen > 0, above, 1.0).min(axis=1, keepdims=True)  # all of it may be floor
    floor_sd = 0.5 * (1 - 0.9 * chance) * lowest * (1 - above)
    known = np.where(seen > 0, slope**2 / (sd**2 + floor_sd**2), 0.0)
    eta = _eta(rate, chance)
    root = np.tile(np.eye(shape.rungs), (shape.series, 1, 1))
    first = 0
    for one in evidence:
        lead, rows = shape.rungs - len(one.decades), slice(first, first + len(one.benchmarks))
        prior = _usual_precision(one.decades, _walk_scale(eta[rows, lead:], one.decades))
        for s in range(rows.start, rows.stop):
            covariance = np.linalg.inv(prior + np.diag(known[s, lead:]))
            root[s, lead:, lead:] = np.linalg.cholesky((covariance + covariance.T) / 2)
            at = np.flatnonzero(seen[s] > 0)
            eta[s] = np.interp(np.arange(shape.rungs), at, eta[s, at])
        first += len(one.benchmarks)
    return {"eta_guess": eta, "eta_root": root}


def _walk_scale(eta: FloatArray, decades: FloatArray) -> float:
    """Rough size of a family's steps on eta beyond their mean growth, per root decade."""
    gaps = np.diff(decades)
    real = gaps > 1e-6
    steps, gaps = np.diff(eta, axis=1)[:, real], gaps[real]
    beyond = steps - steps.sum(axis=1, keepdims=True) / gaps.sum() * gaps
    return float(np.clip(np.sqrt(np.mean(beyond**2 / gaps)), 0.2, 3.0))


def _usual_precision(decades: FloatArray, walk: float) -> FloatArray:
    """Inverse covariance of a series' eta before any rate is seen ``(rung, rung)``."""
    level, slope, luck = _USUAL
    shared = np.minimum(-decades[:, None], -decades[None, :])
    trend = decades[:, None] * decades[None, :]
    covariance = level**2 + slope**2 * trend + walk**2 * shared + luck**2 * np.eye(len(decades))
    return np.asarray(np.linalg.inv(covariance))


def _rest(own: Evidence, shape: Shape, priors: Priors, total: FloatArray) -> dict[str, FloatArray]:
    """Counts of the rest and the map's basis at the subset's observed score, ``(series, rung)``; anchors follow."""
    lead = shape.rungs - len(own.decades)
    found: dict[str, Group] = {group.benchmark: group for group in own.rest}
    trials, correct = np.zeros((2, shape.rest, shape.rungs + MOST_ANCHORS))
    subset = np.concatenate([total[: shape.rest], np.zeros((shape.rest, MOST_ANCHORS))], axis=1)
    chance = np.zeros(shape.rest)
    for b, name in enumerate(own.benchmarks):
        chance[b] = np.nan_to_num(own.chance[b])
        if name in found:
            rungs = slice(lead, shape.rungs)
            trials[b, rungs], correct[b, rungs] = found[name].n_trials, found[name].n_correct
        for i, anchor in enumerate(one for one in own.anchors if one.benchmark == name):
            column = shape.rungs + i
            trials[b, column], correct[b, column] = anchor.n_trials, anchor.n_correct
            subset[b, column] = anchor.subset
    rate, sd = observed_rates(trials, correct, priors.map_concentration)
    return {
        "rest_rate": rate,
        "rest_sd": sd,
        "rest_seen": (trials > 0).astype(float),
        "rest_chance": chance,
        "basis": mapping.bernstein_basis(mapping.above_chance(subset, chance[:, None])),
    }
