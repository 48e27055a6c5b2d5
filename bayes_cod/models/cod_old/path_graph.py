"""The PyMC graph of Bayesian COD where each benchmark is one group, and its data.

Only what benchmarks share is sampled: slopes' mean and spread, curvature, scales of luck, the rate of jumps, the luck
of each run, and how wild each benchmark is. Levels, slopes and paths of the benchmarks, their floors and jumps are
summed out (`marginal`) and drawn afterwards (`conditional`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.cod.arrays import observed_rates
from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.emergence import Emergence
from bayes_cod.models.cod.grouping import Evidence
from bayes_cod.models.cod.marginal import MarginalLikelihood, evaluate
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import Reading, at_expected_hazard, emergence_of, readings

type FloatArray = NDArray[np.float64]

_READING_STEPS = (64, 192, 512, 1024, 2048, 4096)
_SERIES_STEPS = (16, 40, 96, 192, 384, 768)
_RUNG_STEPS = (6, 12, 24, 48, 96)
_FAMILY_STEPS = (1, 4, 8, 16, 32)

SCALES = ("shared_walk", "shared_luck", "own_walk", "own_luck")
_likelihood = MarginalLikelihood()

OF_READINGS = (
    "eta",
    "variance",
    "told",
    "hidden",
    "hidden_below",
    "jump",
    "exposure",
    "by_hazard",
    "log_weight",
    "series",
)
"""Data of the likelihood after what is fixed, in its order."""


@dataclass(frozen=True)
class PathShape:
    """Sizes a graph is compiled for."""

    readings: int
    series: int
    families: int
    rungs: int

    @classmethod
    def of(cls, evidence: Sequence[Evidence], found: Sequence[Sequence[Sequence[Reading]]]) -> PathShape:
        """The smallest padded shape that holds the readings of some ladders."""
        return cls(
            readings=_padded(sum(len(each) for ladder in found for each in ladder), _READING_STEPS),
            series=_padded(sum(len(ladder) for ladder in found), _SERIES_STEPS),
            families=_padded(len(evidence), _FAMILY_STEPS),
            rungs=_padded(max(len(one.decades) for one in evidence), _RUNG_STEPS),
        )

    @classmethod
    def tight(cls, evidence: Evidence, found: Sequence[Sequence[Reading]]) -> PathShape:
        """The shape of one ladder without padding."""
        return cls(sum(len(each) for each in found), len(found), 1, len(evidence.decades))


def _padded(size: int, steps: tuple[int, ...]) -> int:
    return next((step for step in steps if step >= size), size)


def one_group_each(evidence: Sequence[Evidence]) -> bool:
    """Whether every benchmark is one group of all its questions."""
    return not any(one.rest or len(one.groups) > len(one.benchmarks) for one in evidence)


def read(evidence: Evidence, priors: Priors, pooled: Sequence[Evidence] = ()) -> list[list[list[Reading]]]:
    """Readings of every benchmark (ladder, benchmark, reading) of ladders in which each is one group.

    Parameters
    ----------
    evidence
        The ladder to forecast.
    priors
        For floors and jumps.
    pooled
        Other families' ladders: readings of the first ladder take over when their benchmarks jumped.
    """
    others: dict[str, list[Emergence]] = {}
    found = []
    for one in pooled:
        ahead = _last_log_flops(one) - _last_log_flops(evidence)
        ladder = [seen.readings(one.decades) for seen in _scores(one, priors)]
        found.append([at_expected_hazard(ways, priors) for ways in ladder])
        weights = np.split(_density(one, ladder, priors), np.cumsum([len(ways) for ways in ladder])[:-1])
        for name, ways, log_density in zip(one.benchmarks, ladder, weights, strict=True):
            told = emergence_of(ways, log_density, one.decades + ahead, priors)
            others.setdefault(name, []).extend([told] if told is not None else [])
    own = [
        seen.readings(evidence.decades, others.get(name, ()))
        for name, seen in zip(evidence.benchmarks, _scores(evidence, priors), strict=True)
    ]
    return [own, *found]


@dataclass(frozen=True)
class _Scores:
    """Scores of one benchmark and their standard deviations ``(rung,)``, chance, and the priors for its questions."""

    rate: FloatArray
    sd: FloatArray
    chance: float
    priors: Priors

    def readings(self, decades: FloatArray, others: Sequence[Emergence] = ()) -> list[Reading]:
        return readings(self.rate, self.sd, self.chance, decades, self.priors, others)


def _scores(evidence: Evidence, priors: Priors) -> Iterator[_Scores]:
    chance = np.nan_to_num(evidence.chance)
    spread = evidence.spread if evidence.spread is not None else np.full(len(chance), np.nan)
    for group, of_guesser, of_questions in zip(evidence.groups, chance, spread, strict=True):
        trials = group.n_trials.astype(float)
        rate, sd = observed_rates(trials, group.n_correct, priors.whole_concentration)
        score = np.where(trials > 0, rate, np.nan)
        yield _Scores(score, sd, float(of_guesser), priors.for_spread(float(of_questions)))


def _density(evidence: Evidence, found: Sequence[Sequence[Reading]], priors: Priors) -> FloatArray:
    """Log density of a ladder's readings ``(reading,)`` where all that benchmarks share is as the prior expects it."""
    data = arrays([evidence], [found], PathShape.tight(evidence, found), priors)
    slope, relative = np.exp(priors.slope_mean), np.exp(priors.slope_spread)
    own = {kind: np.full(len(found), np.exp(2 * getattr(priors, f"own_{kind}"))) for kind in ("walk", "luck")}
    level_sd = np.hypot(priors.level_sd, priors.level_mean_sd)
    return np.asarray(
        evaluate(  # type: ignore[call-arg]  # numba hides the signature
            curved(data["decades"], np.full((1, 1), priors.curvature_mean)),
            np.full(1, slope),
            np.full(1, (relative * slope) ** 2),
            own["walk"],
            own["luck"],
            float(np.exp(priors.hazard + priors.hazard_sd**2 / 2)),
            np.full(1, priors.level_mean),
            data["decades"],
            np.array(fixed_values(level_sd, priors.jump_mean, priors.jump_sd)),
            *(data[name] for name in OF_READINGS),
            data["family"],
        )[-1]
    )


def _last_log_flops(evidence: Evidence) -> float:
    return float(np.log10(evidence.rungs["flops"].iloc[-1]))


def arrays(
    evidence: Sequence[Evidence], found: Sequence[Sequence[Sequence[Reading]]], shape: PathShape, priors: Priors
) -> dict[str, NDArray[Any]]:
    """The graph's data; padded rungs lead and tell nothing.

    Parameters
    ----------
    evidence, found
        The ladder to forecast and its readings (ladder, benchmark, reading), then those pooled with it.
    shape
        To pad to.
    priors
        Data as well: another value needs no new compilation.

    Returns
    -------
    dict
        By name of the `pm.Data` container.
    """
    rows, rungs = shape.readings, shape.rungs
    decades = np.zeros((shape.families, rungs))
    family = np.zeros(shape.series, dtype=np.int32)
    series = np.full(rows, -1, dtype=np.int32)
    hidden, jump = np.full((2, rows), -1, dtype=np.int32)
    hidden_below, exposure, log_weight = np.zeros((3, rows))
    by_hazard = np.ones(rows, dtype=bool)
    eta, variance, told = np.zeros((rows, rungs)), np.ones((rows, rungs)), np.zeros((rows, rungs), dtype=bool)
    row, owner = 0, 0
    for f, (one, ladder) in enumerate(zip(evidence, found, strict=True)):
        lead = rungs - len(one.decades)
        decades[f] = np.concatenate([np.full(lead, one.decades[0]), one.decades])
        for benchmark in ladder:
            family[owner] = f
            for reading in benchmark:
                series[row] = owner
                eta[row, lead:], variance[row, lead:], told[row, lead:] = reading.eta, reading.variance, reading.told
                hidden[row] = reading.hidden + lead if reading.hidden >= 0 else -1
                jump[row] = reading.jump + lead if reading.jump >= 0 else -1
                hidden_below[row], exposure[row] = reading.hidden_below, reading.exposure
                by_hazard[row], log_weight[row] = reading.by_hazard, reading.log_weight
                row += 1
            owner += 1
    decades[len(evidence) :] = decades[0]
    return {
        "priors": priors.vector(),
        "decades": decades,
        "family": family,
        "series": series,
        "eta": eta,
        "variance": variance,
        "told": told,
        "hidden": hidden,
        "hidden_below": hidden_below,
        "jump": jump,
        "exposure": exposure,
        "by_hazard": by_hazard,
        "log_weight": log_weight,
    }


def build(shape: PathShape) -> pm.Model:
    """The model of a shape, with placeholder data.

    Per series s (a benchmark of a family f) at rung r, x decades from the last rung::

        eta[s, r] = level[s] + slope[s] (theta(x[r]) + shared[f, r]) + walk[s, r] + luck[s, r] - jump[s, r]
        y[s, r]   = g[s] + (top[s] - g[s]) / (1 + exp(-eta[s, r])),          theta(x) = x - c[f] x**2

    `shared` is a walk that is 0 at the last rung and passing luck; so are a series' own `walk` and `luck`. A jump
    lowers what was before it.
    """
    with pm.Model(check_bounds=False) as model:
        values = pm.Data("priors", Priors().vector())
        h = {name: values[i] for i, name in enumerate(Priors.names())}
        f, rungs = shape.families, shape.rungs
        decades = pm.Data("decades", np.tile(np.linspace(-1.0, 0.0, rungs), (f, 1)))
        family = pm.Data("family", np.zeros(shape.series, dtype=np.int32))
        mean = pm.LogNormal("slope_mean", h["slope_mean"], h["slope_sd"])
        slope = mean * pt.exp(h["family_spread"] * pm.Normal("family_z", 0, 1, shape=f))
        spread = pm.LogNormal("slope_spread", h["slope_spread"], h["slope_spread_sd"])
        bend = pm.Normal("curvature_mean", h["curvature_mean"], h["curvature_sd"])
        bend = bend + h["curvature_spread"] * pm.Normal("curvature_z", 0, 1, shape=f)
        curvature = pm.Deterministic("curvature", bend)
        scale = {name: pm.LogNormal(name, h[name], h[f"{name}_sd"]) for name in SCALES}
        hazard = pm.LogNormal("hazard", h["hazard"], h["hazard_sd"])
        wild = h["volatility"] * pm.Normal("volatility_z", 0, 1, shape=f) if f > 1 else np.zeros(1)
        family_walk = pm.Deterministic("family_walk", scale["shared_walk"] * pt.exp(wild))

        gaps = pt.sqrt(pt.maximum(pt.diff(decades, axis=1), 0.0))
        steps = family_walk[:, None] * gaps * pm.Normal("shared_z", 0, 1, shape=(f, rungs - 1))
        behind = pt.cumsum(steps[:, ::-1], axis=1)[:, ::-1]
        walked = pt.concatenate([-behind, pt.zeros((f, 1))], axis=1)
        passing = scale["shared_luck"] * pm.Normal("passing_z", 0, 1, shape=(f, rungs))
        compute = curved(decades, curvature[:, None]) + walked + passing

        own = {
            kind: scale[f"own_{kind}"] * pt.exp(h[f"wild_{kind}"] * pm.Normal(f"{kind}_z", 0, 1, shape=shape.series))
            for kind in ("walk", "luck")
        }
        fixed = pt.stack(fixed_values(h["level_sd"], h["jump_mean"], h["jump_sd"]))
        data = _placeholders(shape)
        found = _likelihood(
            compute,
            slope,
            (spread * slope) ** 2,
            own["walk"] ** 2,
            own["luck"] ** 2,
            hazard,
            pm.Normal("level_centre", h["level_mean"], h["level_mean_sd"], shape=f),
            decades,
            fixed,
            *(pm.Data(name, data[name]) for name in OF_READINGS),
            family,
        )
        pm.Potential("scores", found[0])
    return model


def fixed_values(level_sd: Any, jump_mean: Any, jump_sd: Any) -> list[Any]:
    """What is fixed in the likelihood, in its order."""
    return [level_sd**2, jump_mean, jump_sd**2]


def _placeholders(shape: PathShape) -> dict[str, NDArray[Any]]:
    rows, size = shape.readings, (shape.readings, shape.rungs)
    return {
        "eta": np.zeros(size),
        "variance": np.ones(size),
        "told": np.zeros(size, dtype=bool),
        "by_hazard": np.ones(rows, dtype=bool),
        **{name: np.full(rows, -1, dtype=np.int32) for name in ("hidden", "jump", "series")},
        **{name: np.zeros(rows) for name in ("hidden_below", "exposure", "log_weight")},
    }
