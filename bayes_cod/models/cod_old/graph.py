"""The PyMC graph of Bayesian COD with clusters in the model. Its data are those of `arrays`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayes_cod.models.cod import mapping
from bayes_cod.models.cod.arrays import MOST_ANCHORS, Shape
from bayes_cod.models.cod.effective_compute import curved
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors

GUESS_SCALE = 0.1
TAIL_DEGREES = 4.0
_LEAST_FLOOR_KNOWN = 10.0  # precision of a floor of which the rates tell nothing
LAW, FLAT, IRREGULAR = range(3)
CLASSES = ("law", "flat", "irregular")


def build(shape: Shape) -> pm.Model:
    """The model of a shape, with placeholder data.

    Per group k of series s (a benchmark of a family f) at rung r, with theta(x) = x - c[f] x**2 (`curved`)::

        path[s, r] - path[s, r-1] = slope[s] (theta[r] - theta[r-1] + shared[f, r]) + own[s, r]
        eta[k, r] = level[k] + ratio[k] path[s, r],           path[s, last] = 0
        y[k, r]   = g[s] + (top[s] - g[s]) / (1 + exp(-eta[k, r]))

    `shared` and `own` are steps of a random walk and of
    passing luck (`effective_compute.StepBasis`). Slopes of a benchmark are drawn together over families. The groups'
    weighted sum, the score of the questions in clusters, is held closely to what was seen; each cluster's own rates
    scatter around y as a Student-t, so that what clusters gain and lose against each other does not move the path.
    Whether a cluster follows the law, is flat or irregular is judged given every draw of these, and carried into the
    forecast. Where each benchmark is one group, level and ratio of that group are the benchmark's own.
    """
    names = Priors.names()
    with pm.Model(check_bounds=False) as model:
        values = pm.Data("priors", Priors().vector())
        h = {name: values[i] for i, name in enumerate(names)}
        chance = pm.Data("chance", np.zeros(shape.series))
        last, path = _path(h, shape)
        rate, sd, seen = _seen("total_", (shape.series, shape.rungs))
        floor, top = _limits(h, shape, chance, last[:, None] + path, (rate, sd, seen))
        if shape.groups:
            score = _clusters(h, shape, last, path, floor, top)
        else:
            pm.Deterministic("level", last)
            score = _pass_rate(last[:, None] + path, floor[:, None], top[:, None])
        pm.Potential("totals", _close(score, sd, rate, seen).sum())
        if shape.rest:
            _rest(h, shape)
    return model


def _clusters(h: dict[str, Any], shape: Shape, last: Any, path: Any, floor: Any, top: Any) -> Any:
    """Groups that share benchmarks, and the benchmarks' scores as their weighted sums ``(series, rung)``."""
    owner = pm.Data("owner", np.zeros(shape.groups, dtype=np.int32))
    several = pm.Data("several", np.zeros(shape.groups))
    mix = pm.Data("mix", np.zeros((shape.series, shape.groups)))
    relative = pm.Normal("group_z", 0, 1, shape=shape.groups)
    ratio = pm.Deterministic("ratio", pt.exp(several * h["group_spread"] * relative))
    away = _levels(h, shape, several)  # from the benchmark's level, which is the clusters' weighted mean
    level = pm.Deterministic("level", last[owner] + several * (away - (mix * away).sum(axis=1)[owner]))

    below, above = floor[owner][:, None], top[owner][:, None]
    law = _pass_rate(level[:, None] + ratio[:, None] * path[owner], below, above)
    flat = _pass_rate(level[:, None] + pt.zeros_like(law), below, above)
    rate, sd, seen = _seen("", (shape.groups, shape.rungs))
    follows = _scattered(law, sd, rate, seen)
    pm.Potential("groups", follows.sum())
    wide = pt.sqrt(sd**2 + flat * (1 - flat) / (1 + h["irregular_concentration"]))
    logs = [follows, *(_scattered(flat, width, rate, seen) for width in (sd, wide))]
    _judge_classes(h, pt.stack(logs), several)
    return (mix[:, :, None] * law).sum(axis=1)


def _path(h: dict[str, Any], shape: Shape) -> tuple[Any, Any]:
    """Eta of the series at the last rung, and their growth on eta ``(series, rung)``, 0 at the last rung."""
    n_step = shape.rungs - 1
    steps_of = (shape.families, n_step)
    decades = pm.Data("decades", np.zeros((shape.families, shape.rungs)))
    real, variance = (pm.Data(name, np.ones(steps_of)) for name in ("real", "step_variance"))
    weights, back = (pm.Data(name, np.tile(np.eye(n_step), (shape.families, 1, 1))) for name in _BASIS)
    family, benchmark = (pm.Data(name, np.zeros(shape.series, dtype=np.int32)) for name in ("family", "benchmark"))

    slope = _slopes(h, shape, family, benchmark)
    bend = pm.Normal("curvature_mean", h["curvature_mean"], h["curvature_sd"])
    bend = bend + h["curvature_spread"] * pm.Normal("curvature_z", 0, 1, shape=shape.families)
    curvature = pm.Deterministic("curvature", bend)
    scale = {name: pm.LogNormal(name, h[name], h[f"{name}_sd"]) for name in _SCALES}

    scale["shared_walk"] = pm.Deterministic("family_walk", scale["shared_walk"] * _wild(h, shape))[:, None]
    spread = pt.sqrt(scale["shared_walk"] ** 2 * variance + scale["shared_luck"] ** 2)
    free = pm.Normal("shared_z", 0, 1, shape=steps_of)
    shared = (back * (spread * free)[:, None, :]).sum(axis=2) * real
    pm.Deterministic("shared_steps", shared)
    growth = (pt.diff(curved(decades, curvature[:, None]), axis=1) + shared) * real

    present = pm.Data("present", np.ones(shape.series))[:, None] * real[family]
    eta = _near_guess(shape, h, present)
    deviation = (pt.diff(eta, axis=1) - slope[:, None] * growth[family]) * present
    independent = (deviation[:, :, None] * weights[family]).sum(axis=1)
    own = scale["own_walk"] ** 2 * variance + scale["own_luck"] ** 2
    own = pt.switch(present > 0, own[family], 1.0)
    pm.Potential("steps_prior", -0.5 * (independent**2 / own + pt.log(own)).sum())
    last = eta[:, -1]
    return last, pm.Deterministic("path", eta - last[:, None])


def _wild(h: dict[str, Any], shape: Shape) -> Any:
    """Factor of each family's shared walk; 1 for the only family, whose walk is known by itself."""
    if shape.families == 1:
        return np.ones(1)
    return pt.exp(h["volatility"] * pm.Normal("volatility_z", 0, 1, shape=shape.families))


_BASIS = ("step_weights", "step_back")
_SCALES = ("shared_walk", "shared_luck", "own_walk", "own_luck")


def _slopes(h: dict[str, Any], shape: Shape, family: Any, benchmark: Any) -> Any:
    """Slopes of the series: the family's, what the benchmark keeps over families, and the series' own."""
    mean = pm.LogNormal("slope_mean", h["slope_mean"], h["slope_sd"])
    of_family = mean * pt.exp(h["family_spread"] * pm.Normal("family_z", 0, 1, shape=shape.families))
    spread = pm.LogNormal("slope_spread", h["slope_spread"], h["slope_spread_sd"])
    kept = pt.sqrt(h["benchmark_share"]) * pm.Normal("benchmark_z", 0, 1, shape=shape.benchmarks)
    own = pt.sqrt(1 - h["benchmark_share"]) * pm.Normal("series_z", 0, 1, shape=shape.series)
    return pm.Deterministic("slope", of_family[family] * (1 + spread * (kept[benchmark] + own)))


def _near_guess(shape: Shape, h: dict[str, Any], present: Any) -> Any:
    """Eta of the series at the rungs, ``(series, rung)``, sampled in the coordinates of `arrays`.

    The last rung has the levels' prior; padded rungs, which lead, are free of everything else.
    """
    every = (shape.series, shape.rungs)
    guess, root = (
        pm.Data("eta_guess", np.zeros(every)),
        pm.Data("eta_root", np.tile(np.eye(shape.rungs), (every[0], 1, 1))),
    )
    free = pm.Flat("eta_z", shape=every)
    eta = guess + (root * free[:, None, :]).sum(axis=2)
    last = pt.switch(present[:, -1] > 0, (eta[:, -1] - h["level_mean"]) / h["level_sd"], free[:, -1])
    pm.Potential("last_prior", -0.5 * (last**2).sum())
    pm.Potential("padding", -0.5 * ((1 - present) * free[:, :-1] ** 2).sum())
    return eta


def _levels(h: dict[str, Any], shape: Shape, several: Any) -> Any:
    """Eta at the last rung of groups that share a benchmark; for the others a number that nothing depends on."""
    free = pm.Flat("level_z", shape=shape.groups)
    level = pm.Data("level_guess", np.zeros(shape.groups)) + GUESS_SCALE * free
    prior = pt.switch(several > 0, ((level - h["level_mean"]) / h["level_sd"]) ** 2, free**2)
    pm.Potential("level_prior", -0.5 * prior.sum())
    return level


def _limits(h: dict[str, Any], shape: Shape, chance: Any, eta: Any, total: tuple[Any, Any, Any]) -> tuple[Any, Any]:
    """Floor and top of the series.

    An open floor is sampled in units of its own spread around what the rates leave for it once the series' eta is
    given: a low score is floor or growth, and along that ridge the two would hold each other fast.
    """
    rate, sd, seen = total
    grown = pt.sigmoid(eta)
    known = _LEAST_FLOOR_KNOWN + (seen * ((1 - grown) / sd) ** 2).sum(axis=1)
    left = (seen * (1 - grown) * (rate - grown) / sd**2).sum(axis=1) / known
    free = pm.Flat("floor_z", shape=shape.series)
    moved = pt.softplus(left * pt.sqrt(known)) + free
    open_floor = pt.clip(pt.softplus(moved) / pt.sqrt(known), 1e-9, 0.99)
    logit = pt.log(open_floor) - pt.log1p(-open_floor)
    prior = -0.5 * ((logit - h["floor_mean"]) / h["floor_sd"]) ** 2 - pt.log(open_floor) - pt.log1p(-open_floor)
    scale = pt.log(pt.sigmoid(moved)) - 0.5 * pt.log(known)
    pm.Potential("floor_prior", pt.switch(chance > 0, -0.5 * free**2, prior + scale).sum())
    multiplier = pm.Beta("chance_multiplier", h["below_chance"], CHANCE_SHAPE, shape=shape.series)
    floor = pm.Deterministic("floor", pt.switch(chance > 0, chance * multiplier, open_floor))
    return floor, pm.Deterministic("top", floor + (1 - floor) * (1 - h["ceiling"]))


def _pass_rate(eta: Any, floor: Any, top: Any) -> Any:
    return pt.clip(floor + (top - floor) * pt.sigmoid(eta), 1e-7, 1 - 1e-7)


def _seen(prefix: str, shape: tuple[int, int]) -> tuple[Any, Any, Any]:
    """Observed rates, their standard deviation and where there are any, as data."""
    return (
        pm.Data(f"{prefix}rate", np.zeros(shape)),
        pm.Data(f"{prefix}sd", np.ones(shape)),
        pm.Data(f"{prefix}seen", np.zeros(shape)),
    )


def _close(mean: Any, sd: Any, rate: Any, seen: Any) -> Any:
    """Normal log density of the rates seen, summed over rungs."""
    return (seen * (-0.5 * ((rate - mean) / sd) ** 2 - pt.log(sd))).sum(axis=-1)


def _scattered(mean: Any, sd: Any, rate: Any, seen: Any) -> Any:
    """Student-t log density of the rates seen, summed over rungs; its tails keep odd clusters off the path."""
    squared = ((rate - mean) / sd) ** 2
    return (seen * (-0.5 * (TAIL_DEGREES + 1) * pt.log1p(squared / TAIL_DEGREES) - pt.log(sd))).sum(axis=-1)


def _judge_classes(h: dict[str, Any], logs: Any, several: Any) -> None:
    """Probability of each class of every group, given the law; `logs` is ``(class, group)``.

    The only group of a benchmark follows the law: its path is free enough to be flat or irregular.
    """
    weights = pt.log(pt.stack([h["class_law"], h["class_flat"], h["class_irregular"]]))
    only_law = np.array([0.0, -1e6, -1e6])
    logs = logs + pt.switch(several[None, :] > 0, weights[:, None], only_law[:, None])
    pm.Deterministic("class_probability", pt.special.softmax(logs, axis=0).T)


def _rest(h: dict[str, Any], shape: Shape) -> None:
    size = (shape.rest, shape.rungs + MOST_ANCHORS)
    rate, sd, seen = _seen("rest_", size)
    chance = pm.Data("rest_chance", np.zeros(shape.rest))[:, None]
    basis = pm.Data("basis", mapping.bernstein_basis(np.zeros(size)))
    common = pm.Dirichlet("map_shape", np.full(mapping.DEGREE, mapping.SHAPE_WEIGHT))
    increments = pm.Dirichlet(
        "map_increments", h["map_strength"] * mapping.DEGREE * common, shape=(shape.rest, mapping.DEGREE)
    )
    mean = chance + (1 - chance) * mapping.monotone(basis, increments[:, None, :])
    pm.Potential("rest", _close(mean, sd, rate, seen).sum())
