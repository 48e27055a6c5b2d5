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

from bayes_cod.models import mapping
from bayes_cod.models.effective_compute import anchored, curved
from bayes_cod.models.grouping import Evidence, Group
from bayes_cod.models.priors import Priors

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
    data: dict[str, NDArray[Any]] = {
        "priors": priors.vector(),
        "decades": decades,
        "chance": chance,
        "n_trials": n_trials,
        "n_correct": n_correct,
        "owner": owner,
        "several": (np.bincount(owner[: len(evidence.groups)], minlength=shape.benchmarks)[owner] > 1).astype(float),
    }
    if shape.rest:
        rest_trials, rest_correct, _ = _counts(evidence, _by_benchmark(evidence), shape.benchmarks, shape.rungs, lead)
        subset = mapping.above_chance(_subset_score(evidence, n_trials, n_correct, shape), chance[:, None])
        data |= {"rest_trials": rest_trials, "rest_correct": rest_correct, "basis": mapping.bernstein_basis(subset)}
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
    the unit of the last rung's compute, ratio times slope is b log(10). A cluster's class (follows the law, flat,
    irregular) is summed out. The path is sampled itself, not its standardised steps: counts fix it well.
    """
    names = Priors.names()
    zeros = np.zeros((shape.groups, shape.rungs))
    with pm.Model(check_bounds=False) as model:
        values = pm.Data("priors", Priors().vector())
        h = {name: values[i] for i, name in enumerate(names)}
        decades = pm.Data("decades", np.zeros(shape.rungs))
        chance = pm.Data("chance", np.zeros(shape.benchmarks))
        n_trials, n_correct = pm.Data("n_trials", zeros), pm.Data("n_correct", zeros)
        owner = pm.Data("owner", np.zeros(shape.groups, dtype=np.int32))
        several = pm.Data("several", np.zeros(shape.groups))

        path = _path(h, shape, decades)
        within = pm.LogNormal("group_spread", h["group_spread"], h["group_spread_sd"])
        relative = pm.Normal("group_z", 0, 1, shape=shape.groups)
        ratio = pm.Deterministic("ratio", pt.exp(several * within * relative))
        level = pm.Normal("level", h["level_mean"], h["level_sd"], shape=shape.groups)
        floor, top = _limits(h, shape, chance)

        below, above = floor[owner][:, None], top[owner][:, None]
        law = _pass_rate(level[:, None] + ratio[:, None] * path[owner], below, above)
        flat = _pass_rate(level[:, None] + pt.zeros_like(n_trials), below, above)
        noise = pm.LogNormal("concentration", h["concentration"], h["concentration_sd"])
        _classes(h, n_trials, n_correct, pt.stack([law, flat, flat]), noise)
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
    steps = pm.Normal(
        "steps",
        slope[:, None] * growth,
        pt.switch(real, own_scale * pt.sqrt(pt.maximum(gaps, 1e-12)), 1.0),
        shape=(shape.benchmarks, shape.rungs - 1),
    )
    return pm.Deterministic("path", anchored(steps * real))


def _limits(h: dict[str, Any], shape: Shape, chance: Any) -> tuple[Any, Any]:
    open_floor = pm.Beta("open_floor", 1, h["floor"], shape=shape.benchmarks)
    multiplier = pm.Beta("chance_multiplier", h["below_chance"], 1.2, shape=shape.benchmarks)
    missed = pm.Exponential("ceiling_loss", 1 / h["ceiling"], shape=shape.benchmarks)
    floor = pm.Deterministic("floor", pt.switch(chance > 0, chance * multiplier, open_floor))
    return floor, pm.Deterministic("top", floor + (1 - floor) * pt.exp(-missed))


def _pass_rate(eta: Any, floor: Any, top: Any) -> Any:
    return pt.clip(floor + (top - floor) * pt.exp(-pt.exp(-eta)), 1e-7, 1 - 1e-7)


def _log_likelihood(rate: Any, concentration: Any, n_trials: Any, n_correct: Any) -> Any:
    counts = pm.BetaBinomial.dist(alpha=rate * concentration, beta=(1 - rate) * concentration, n=n_trials)
    return pm.logp(counts, n_correct).sum(axis=-1)


def _classes(h: dict[str, Any], n_trials: Any, n_correct: Any, rates: Any, noise: Any) -> None:
    """Sum the classes of every group out; `rates` is ``(class, group, rung)``."""
    weights = pm.Dirichlet("class_weight", pt.stack([h["class_law"], h["class_flat"], h["class_irregular"]]), shape=3)
    concentration = pt.stack([noise, noise, h["irregular_concentration"]])[:, None, None]
    logs = _log_likelihood(rates, concentration, n_trials[None], n_correct[None]) + pt.log(weights)[:, None]
    pm.Deterministic("class_probability", pt.special.softmax(logs, axis=0).T)
    pm.Potential("groups", pt.logsumexp(logs, axis=0).sum())


def _rest(h: dict[str, Any], shape: Shape, chance: Any) -> None:
    zeros = np.zeros((shape.benchmarks, shape.rungs))
    n_trials, n_correct = pm.Data("rest_trials", zeros), pm.Data("rest_correct", zeros)
    basis = pm.Data("basis", mapping.bernstein_basis(zeros))
    common = pm.Dirichlet("map_shape", np.full(mapping.DEGREE, 4.0))
    increments = pm.Dirichlet(
        "map_increments",
        h["map_strength"] * mapping.DEGREE * common,
        shape=(shape.benchmarks, mapping.DEGREE),
    )
    noise = pm.LogNormal("map_concentration", h["map_concentration"], h["map_concentration_sd"])
    value = mapping.monotone(basis, increments[:, None, :])
    rate = pt.clip(chance[:, None] + (1 - chance[:, None]) * value, 1e-6, 1 - 1e-6)
    pm.Potential("rest", _log_likelihood(rate, noise, n_trials, n_correct).sum())
