"""The PyMC graph of Bayesian COD.

Every array is `pm.Data`, so one compilation serves all ladders of a shape; rungs, groups and benchmarks that a ladder
does not have are padded with 0 trials, which leaves the posterior as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.effective_compute import anchored, curved
from bayes_cod.models.cod.grouping import Evidence, Group
from bayes_cod.models.cod.priors import Priors

GUESS_SCALE = 0.1
TAIL_DEGREES = 4.0
LAW, FLAT, IRREGULAR = range(3)
CLASSES = ("law", "flat", "irregular")

_GROUP_STEPS = (4, 8, 16, 32, 64, 96, 128, 192, 256, 384, 512)
_BENCHMARK_STEPS = (2, 5, 10, 16, 24, 40, 64, 128)
_RUNG_STEPS = (4, 8, 16, 32)


@dataclass(frozen=True)
class Shape:
    """Sizes a graph is compiled for."""

    groups: int
    benchmarks: int
    rungs: int
    rest: bool

    @classmethod
    def of(cls, evidence: Evidence) -> Shape:
        """The smallest padded shape that holds the evidence."""
        return cls(
            groups=_padded(len(evidence.groups), _GROUP_STEPS),
            benchmarks=_padded(len(evidence.benchmarks), _BENCHMARK_STEPS),
            rungs=_padded(len(evidence.decades), _RUNG_STEPS),
            rest=bool(evidence.rest),
        )


def _padded(size: int, steps: tuple[int, ...]) -> int:
    return next((step for step in steps if step >= size), size)


def arrays(evidence: Evidence, shape: Shape, priors: Priors) -> dict[str, NDArray[Any]]:
    """The graph's data: evidence padded to a shape, and the priors.

    Returns
    -------
    dict
        By name of the `pm.Data` container.
    """
    lead = shape.rungs - len(evidence.decades)
    decades = np.concatenate([np.full(lead, evidence.decades[0]), evidence.decades])
    chance = np.zeros(shape.benchmarks)
    chance[: len(evidence.chance)] = np.nan_to_num(evidence.chance)
    n_trials, n_correct, owner = _counts(evidence, evidence.groups, shape.groups, shape.rungs, lead)
    several = np.bincount(owner[: len(evidence.groups)], minlength=shape.benchmarks)[owner] > 1
    kept = np.where(several, priors.cluster_concentration, priors.whole_concentration)
    rate, sd = _observed(n_trials, n_correct, kept[:, None])
    data: dict[str, NDArray[Any]] = {
        "priors": priors.vector(),
        "decades": decades,
        "chance": chance,
        "rate": rate,
        "sd": sd,
        "seen": (n_trials > 0).astype(float),
        "owner": owner,
        "several": several.astype(float),
        **_guesses(evidence, rate, n_trials, owner, chance, shape),
    }
    if shape.rest:
        rest_trials, rest_correct, _ = _counts(evidence, _by_benchmark(evidence), shape.benchmarks, shape.rungs, lead)
        subset = mapping.above_chance(_subset_score(evidence, n_trials, n_correct, shape), chance[:, None])
        rest_rate, rest_sd = _observed(rest_trials, rest_correct, np.array(priors.map_concentration))
        data |= {
            "rest_rate": rest_rate,
            "rest_sd": rest_sd,
            "rest_seen": (rest_trials > 0).astype(float),
            "basis": mapping.bernstein_basis(subset),
        }
    return data


def _counts(
    evidence: Evidence, groups: tuple[Group | None, ...], rows: int, rungs: int, lead: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]:
    n_trials, n_correct = np.zeros((rows, rungs)), np.zeros((rows, rungs))
    owner = np.zeros(rows, dtype=np.int32)
    for row, group in enumerate(groups):
        if group is not None:
            n_trials[row, lead:] = group.n_trials
            n_correct[row, lead:] = group.n_correct
            owner[row] = evidence.benchmarks.index(group.benchmark)
    return n_trials, n_correct, owner


def _observed(
    n_trials: NDArray[np.float64], n_correct: NDArray[np.float64], concentration: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pass rates and their standard deviation: finite trials and noise that does not last.

    The variance is that of a beta-binomial with the given concentration, y (1 - y) (1 / n + 1 / concentration), at the
    rate drawn to one half by two pseudo-trials, so that 0 of n is not taken for certainty.
    """
    rate = n_correct / np.maximum(n_trials, 1)
    noise = 1 / np.maximum(n_trials, 1) + 1 / concentration
    drawn = (rate / noise + 1) / (1 / noise + 2)
    return rate, np.sqrt(drawn * (1 - drawn) * noise)


def _guesses(
    evidence: Evidence,
    rate: NDArray[np.float64],
    n_trials: NDArray[np.float64],
    owner: NDArray[np.int32],
    chance: NDArray[np.float64],
    shape: Shape,
) -> dict[str, NDArray[np.float64]]:
    """Where the sampler starts: eta of the groups at their last rung, and the benchmarks' steps between rungs."""
    above = np.clip((rate - 0.9 * chance[owner][:, None]) / (1 - 0.9 * chance[owner][:, None]), 0.01, 0.97)
    eta = np.where(n_trials > 0, -np.log(-np.log(above)), np.nan)
    level = np.zeros(shape.groups)
    steps = np.zeros((shape.benchmarks, shape.rungs - 1))
    weight, total = np.zeros(shape.benchmarks), np.zeros((shape.benchmarks, shape.rungs))
    for row, group in enumerate(evidence.groups):
        filled = np.interp(np.arange(shape.rungs), np.flatnonzero(~np.isnan(eta[row])), eta[row][~np.isnan(eta[row])])
        level[row] = filled[-1]
        total[owner[row]] += group.weight * filled
        weight[owner[row]] += group.weight
    mean = total / np.maximum(weight, 1e-12)[:, None]
    steps[:] = np.diff(mean, axis=1)
    return {"level_guess": level, "steps_guess": steps}


def _by_benchmark(evidence: Evidence) -> tuple[Group | None, ...]:
    found = {group.benchmark: group for group in evidence.rest}
    return tuple(found.get(benchmark) for benchmark in evidence.benchmarks)


def _subset_score(
    evidence: Evidence, n_trials: NDArray[np.float64], n_correct: NDArray[np.float64], shape: Shape
) -> NDArray[np.float64]:
    """Observed score of the questions in clusters, ``(benchmark, rung)``."""
    score = np.zeros((shape.benchmarks, shape.rungs))
    total = np.zeros(shape.benchmarks)
    rates = n_correct / np.maximum(n_trials, 1)
    for row, group in enumerate(evidence.groups):
        b = evidence.benchmarks.index(group.benchmark)
        score[b] += group.weight * rates[row]
        total[b] += group.weight
    return np.asarray(score / np.maximum(total, 1e-12)[:, None])


def build(shape: Shape) -> pm.Model:
    """The model of a shape, with placeholder data.

    Per group k of benchmark b at rung r, with theta(x) = x - c x**2 (`effective_compute.curved`)::

        path[b, r] - path[b, r-1] ~ Normal(slope[b] (theta[r] - theta[r-1] + shared[r]), own_walk sqrt(gap[r]))
        eta[k, r] = level[k] + ratio[k] path[b, r],           path[b, last] = 0
        y[k, r]   = g[b] + (top[b] - g[b]) exp(-exp(-eta[k, r]))

    which is the paper's law y = g + (1 - g) exp(-a C**-b - c) on a random walk in log compute: level is -log(a) in
    the unit of the last rung's compute, ratio times slope is b log(10). Clusters' rates scatter around y as a
    Student-t. Whether a cluster follows the law, is flat or irregular is judged given every draw of these, and
    carried into the forecast.
    """
    names = Priors.names()
    zeros = np.zeros((shape.groups, shape.rungs))
    with pm.Model(check_bounds=False) as model:
        values = pm.Data("priors", Priors().vector())
        h = {name: values[i] for i, name in enumerate(names)}
        decades = pm.Data("decades", np.zeros(shape.rungs))
        chance = pm.Data("chance", np.zeros(shape.benchmarks))
        rate, sd, seen = (pm.Data(name, zeros + (name == "sd")) for name in ("rate", "sd", "seen"))
        owner = pm.Data("owner", np.zeros(shape.groups, dtype=np.int32))
        several = pm.Data("several", np.zeros(shape.groups))

        path = _path(h, shape, decades)
        relative = pm.Normal("group_z", 0, 1, shape=shape.groups)
        ratio = pm.Deterministic("ratio", pt.exp(several * h["group_spread"] * relative))
        level = _near(
            "level", pm.Data("level_guess", np.zeros(shape.groups)), h["level_mean"], h["level_sd"], shape.groups
        )
        floor, top = _limits(h, shape, chance)

        below, above = floor[owner][:, None], top[owner][:, None]
        law = _pass_rate(level[:, None] + ratio[:, None] * path[owner], below, above)
        flat = _pass_rate(level[:, None] + pt.zeros_like(rate), below, above)
        heavy = several[:, None]
        follows = _log_likelihood(law, sd, rate, seen, heavy)
        pm.Potential("groups", follows.sum())
        scattered = pt.sqrt(sd**2 + flat * (1 - flat) / (1 + h["irregular_concentration"]))
        logs = [follows, *(_log_likelihood(flat, width, rate, seen, heavy) for width in (sd, scattered))]
        _judge_classes(h, pt.stack(logs), several)
        if shape.rest:
            _rest(h, shape, chance)
    return model


def _path(h: dict[str, Any], shape: Shape, decades: Any) -> Any:
    """Benchmarks' growth on eta, ``(benchmark, rung)``, 0 at the last rung."""
    mean = pm.Normal("slope_mean", h["slope_mean"], h["slope_sd"])
    spread = pm.LogNormal("slope_spread", h["slope_spread"], h["slope_spread_sd"])
    of_benchmark = pm.Normal("slope_z", 0, 1, shape=shape.benchmarks)
    slope = pm.Deterministic("slope", mean + spread * of_benchmark)
    curvature = pm.Normal("curvature", h["curvature_mean"], h["curvature_sd"])
    shared_scale = pm.LogNormal("shared_walk", h["shared_walk"], h["shared_walk_sd"])
    own_scale = pm.LogNormal("own_walk", h["own_walk"], h["own_walk_sd"])
    gaps = decades[1:] - decades[:-1]
    shared = pm.Normal("shared_z", 0, 1, shape=shape.rungs - 1) * shared_scale * pt.sqrt(gaps)
    growth = pt.diff(curved(decades, curvature)) + shared
    real = pt.gt(gaps, 0)  # steps between padded rungs are free of the data
    guess = pm.Data("steps_guess", np.zeros((shape.benchmarks, shape.rungs - 1)))
    spread_of_steps = pt.switch(real, own_scale * pt.sqrt(pt.maximum(gaps, 1e-12)), 1.0)
    steps = _near("steps", guess, slope[:, None] * growth, spread_of_steps, (shape.benchmarks, shape.rungs - 1))
    return pm.Deterministic("path", anchored(steps * real))


def _near(name: str, guess: Any, mean: Any, sd: Any, shape: int | tuple[int, int]) -> Any:
    """A Normal(mean, sd) sampled as its difference from a guess made from the data.

    The prior stays what it is; the sampler starts near the data, and in the unit of what the data leave open.
    """
    difference = pm.Flat(f"{name}_difference", shape=shape)
    value = pm.Deterministic(name, guess + GUESS_SCALE * difference)
    pm.Potential(f"{name}_prior", pm.logp(pm.Normal.dist(mean, sd), value).sum())
    return value


def _limits(h: dict[str, Any], shape: Shape, chance: Any) -> tuple[Any, Any]:
    open_floor = pm.Beta("open_floor", 1, h["floor"], shape=shape.benchmarks)
    multiplier = pm.Beta("chance_multiplier", h["below_chance"], 1.2, shape=shape.benchmarks)
    floor = pm.Deterministic("floor", pt.switch(chance > 0, chance * multiplier, open_floor))
    return floor, pm.Deterministic("top", floor + (1 - floor) * (1 - h["ceiling"]))


def _pass_rate(eta: Any, floor: Any, top: Any) -> Any:
    return pt.clip(floor + (top - floor) * pt.exp(-pt.exp(-eta)), 1e-7, 1 - 1e-7)


def _log_likelihood(mean: Any, sd: Any, rate: Any, seen: Any, heavy: Any = 0.0) -> Any:
    """Log density of the rates seen, summed over rungs.

    Student-t where `heavy` is 1 (its tails keep odd clusters off the path), Normal where it is 0.
    """
    squared = ((rate - mean) / sd) ** 2
    student = 0.5 * (TAIL_DEGREES + 1) * pt.log1p(squared / TAIL_DEGREES)
    return (seen * (-pt.switch(pt.gt(heavy, 0), student, 0.5 * squared) - pt.log(sd))).sum(axis=-1)


def _judge_classes(h: dict[str, Any], logs: Any, several: Any) -> None:
    """Probability of each class of every group, given the law; `logs` is ``(class, group)``.

    The only group of a benchmark follows the law: its path is free enough to be flat or irregular.
    """
    weights = pt.log(pt.stack([h["class_law"], h["class_flat"], h["class_irregular"]]))
    only_law = np.array([0.0, -1e6, -1e6])
    logs = logs + pt.switch(several[None, :] > 0, weights[:, None], only_law[:, None])
    pm.Deterministic("class_probability", pt.special.softmax(logs, axis=0).T)


def _rest(h: dict[str, Any], shape: Shape, chance: Any) -> None:
    zeros = np.zeros((shape.benchmarks, shape.rungs))
    rate, sd, seen = (pm.Data(f"rest_{name}", zeros + (name == "sd")) for name in ("rate", "sd", "seen"))
    basis = pm.Data("basis", mapping.bernstein_basis(zeros))
    common = pm.Dirichlet("map_shape", np.full(mapping.DEGREE, 4.0))
    increments = pm.Dirichlet(
        "map_increments",
        h["map_strength"] * mapping.DEGREE * common,
        shape=(shape.benchmarks, mapping.DEGREE),
    )
    mean = chance[:, None] + (1 - chance[:, None]) * mapping.monotone(basis, increments[:, None, :])
    pm.Potential("rest", _log_likelihood(mean, sd, rate, seen).sum())
