"""The score stage: one progress for all benchmarks, and a curve from progress to each benchmark's score.

For a row r and benchmark b with floor g_b and top t_b:

    u_r   = sum_j w_j z_rj + luck_run(r) + late h_r,   z: losses and log compute as progress from the mean rung
    eta   = height_b + slope_b u_r
    score = g_b + (t_b - g_b) F(eta) + noise,          F: `laws.skewed_sigmoid`.

What is sampled are coordinates in which the posterior is near to a round one: where runs stand, and slopes and heights
relative to where they turn out to stand. `parameters` makes of them what the graph, the forecast and the simulation
use, with PyTensor or NumPy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.likelihood import log_likelihood
from bayes_cod.models.flp.priors import ScorePriors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import padded

type FloatArray = NDArray[np.float64]

OPEN_FLOOR = 0.005
"""Chance below which questions count as open."""
LEAST_SHARE = 0.01
LEAST_VARIANCE = 1e-4
RUN_UNIT = 0.05
"""Unit of progress in which runs move: about what scores leave open of where one stands."""
ANY_ROWS = 2
"""Rows of the placeholders that a graph is built with; data of any number of rows take their place."""
PER_RUN = ("start", "run_share", "last")
"""Data with an entry a run, padded."""
_RUN_STEPS = (8, 16, 36, 60, 96)


def padded_runs(n_runs: int) -> int:
    """Runs that a graph is compiled for, so that cuts of a ladder share one; those beyond are cut off afterwards."""
    return padded(n_runs, _RUN_STEPS)


def parameters(free: Mapping[str, Any], data: Mapping[str, Any], priors: ScorePriors, module: Any) -> dict[str, Any]:
    """What progress and curves are made of.

    Parameters
    ----------
    free
        Values of the graph's free variables, with any leading axes.
    data
        See `arrays`.
    priors
        See `ScorePriors`.
    module
        NumPy or PyTensor.

    Returns
    -------
    dict
        weight ``(..., series + 1)``, of the losses and of log compute; reached ``(..., run)``, the runs' progress;
        slope, height, floor, top and scatter ``(..., benchmark)``; late and walk ``(...)``; with pooled families also
        shift ``(..., family + 1)`` and apart ``(..., family + 1, benchmark)``.
    """
    made = parts_of_progress(free, data, priors, module)
    made["reached"] = data["start"] + RUN_UNIT * free["moved"]
    made["slope"], shift = slope_and_shift(free["log_slope"], made["reached"], data, module)
    made["height"] = free["at_anchor"] - shift
    lucky = priors.open_floor_mean + priors.open_floor_sd * free["floor_z"]
    of_open = priors.open_floor * module.where(lucky < 0, module.exp(module.minimum(lucky, 0.0)), 1 + lucky)
    of_choice = data["chance"] * module.exp(priors.floor_sd * free["floor_z"])
    made["floor"] = module.where(data["open"] > 0, of_open, of_choice)
    made["top"] = made["floor"] + (1 - made["floor"]) * (1 - data["ceiling"])
    made["scatter"] = data["binomial"] * module.exp(free["dispersion"])
    made["late"] = priors.undecayed * free["late_z"]
    made["walk"] = priors.walk + free["walk_over"]
    if "apart_z" in free:
        apart = priors.family_height * free["apart_z"]
        made["apart"] = module.concatenate([module.zeros_like(apart[..., :1, :]), apart], axis=-2)
    return made


def parts_of_progress(
    free: Mapping[str, Any], data: Mapping[str, Any], priors: ScorePriors, module: Any
) -> dict[str, Any]:
    """Weights, and what sets families apart: of these rows' progress is made up to the luck of their run."""
    weight = module.exp(data["log_weight"] + priors.weight_sd * free["weight_z"])
    made = {"weight": weight / weight.sum(axis=-1, keepdims=True)}
    if "shift_z" in free:
        shift = priors.family_shift * free["shift_z"]
        made["shift"] = module.concatenate([module.zeros_like(shift[..., :1]), shift], axis=-1)
    return made


def expected_progress(made: Mapping[str, Any], data: Mapping[str, Any]) -> Any:
    """Progress of the rows by their losses, compute and family ``(..., row)``."""
    expected = (data["progress"] * made["weight"][..., None, :]).sum(axis=-1)
    return expected + made["shift"][..., data["row_family"]] if "shift" in made else expected


def off_by(data: Mapping[str, Any], priors: ScorePriors, module: Any) -> Any:
    """Standard deviation of a run's progress around what is expected: luck, and the shared walk up to the furthest."""
    return module.sqrt(priors.luck**2 + priors.shared_walk**2 * data["behind"][data["last"]])


def slope_and_shift(log_slope: Any, reached: Any, data: Mapping[str, Any], module: Any) -> tuple[Any, Any]:
    """Slopes ``(..., benchmark)``, and what eta is at a benchmark's anchor over its height.

    The sampler's slopes and heights are relative to where the runs turn out to stand: only coordinates, without which
    runs that move together, or apart, would have to take every benchmark along.
    """
    middle, spread = _middle_and_spread(reached, data["run_share"], module)
    middle_start, spread_start = _middle_and_spread(data["start"], data["run_share"], module)
    stretch = (spread / spread_start)[..., None]
    slope = module.exp(log_slope) / stretch
    return slope, slope * (middle[..., None] + stretch * (data["anchor"] - middle_start))


def _middle_and_spread(position: Any, share: Any, module: Any) -> tuple[Any, Any]:
    middle = (position * share).sum(axis=-1)
    variance = ((position - middle[..., None]) ** 2 * share).sum(axis=-1)
    return middle, module.sqrt(variance + LEAST_VARIANCE)


def curve(made: Mapping[str, Any], position: Any, own: Any, skew: float) -> tuple[Any, Any]:
    """Score at a progress ``(..., point, benchmark)``, and its derivative by eta.

    Parameters
    ----------
    made
        From `parameters`.
    position
        Progress ``(..., point)``.
    own
        What eta is more for benchmarks of their own.
    skew
        Shape of the curve.
    """
    share, slope = laws.skewed_sigmoid_and_slope(eta_at(made, position, own), skew)
    span = (made["top"] - made["floor"])[..., None, :]
    return made["floor"][..., None, :] + span * share, span * slope


def eta_at(made: Mapping[str, Any], position: Any, own: Any) -> Any:
    """Place on the curves ``(..., point, benchmark)``; see `curve`."""
    return made["height"][..., None, :] + made["slope"][..., None, :] * position[..., None] + own


def at_rows(made: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Progress of the rows ``(..., row)``, and what their eta is more for families' benchmarks of their own."""
    expected = expected_progress(made, data)
    luck = made["reached"] - expected[..., data["last"]]
    position = expected + luck[..., data["row_run"]] + made["late"][..., None] * data["undecayed"]
    return position, made["apart"][..., data["row_family"], :] if "apart" in made else 0.0


def scatter(made: Mapping[str, Any], mean: Any, least: Any, module: Any) -> Any:
    """Variance of scores around their curve: a binomial's, at least that of half a question, times the dispersion."""
    return made["scatter"][..., None, :] ** 2 * module.maximum(mean * (1 - mean), least)


def expected(made: Mapping[str, Any], data: Mapping[str, Any], skew: float, module: Any) -> tuple[Any, Any]:
    """Mean and variance of the rows' scores ``(..., row, benchmark)``.

    What a benchmark's own walk adds between a row and the furthest one is part of the row's variance: the farther
    behind, the less a row tells of what is ahead.
    """
    position, own = at_rows(made, data)
    mean, slope = curve(made, position, own, skew)
    walked = made["walk"][..., None, None] ** 2 * data["behind"][:, None] * slope**2
    return mean, scatter(made, mean, data["least"], module) + walked


def arrays(evidence: Evidence, scale: Scale, priors: ScorePriors) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    progress = np.nan_to_num(scale.progress(evidence.log_loss, evidence.flops))
    middle = np.median(progress, axis=-1)  # one loss may fall much faster beyond the ladder
    last = np.minimum(np.arange(padded_runs(evidence.n_runs)), evidence.n_runs - 1).astype(np.int32)
    data: dict[str, NDArray[Any]] = {
        "row_run": evidence.run.astype(np.int32),
        "last": last,
        "start": middle[last],
        "run_share": (np.arange(len(last)) < evidence.n_runs) / evidence.n_runs,
        "undecayed": evidence.undecayed,
        "progress": progress,
        "behind": scale.behind(evidence.log_loss, evidence.flops, evidence.family),
        "log_weight": np.array([*[priors.log_weight_loss] * len(evidence.series), 0.0]),
        "chance": np.maximum(evidence.chance, OPEN_FLOOR),
        "open": (evidence.chance < OPEN_FLOOR).astype(float),
        "binomial": 1 / np.sqrt(evidence.n_questions),
        "least": 0.5 / evidence.n_questions,
        "ceiling": np.minimum(priors.ceiling, priors.unanswered * evidence.unanswered),
        "anchor": _anchor(evidence, middle),
        "score": np.nan_to_num(evidence.score),
        "seen": np.isfinite(evidence.score) * evidence.weight[:, None],
    }
    if evidence.n_pooled:
        data["row_family"] = evidence.family.astype(np.int32)
    return data


def _anchor(evidence: Evidence, progress: FloatArray) -> FloatArray:
    """Where along progress the rungs tell most of a benchmark ``(benchmark,)``: a coordinate, not part of the model."""
    n = evidence.n_runs
    rise = (evidence.score[:n] - evidence.chance) / (1 - evidence.chance)
    share = np.clip(np.nan_to_num(rise), LEAST_SHARE, 1 - LEAST_SHARE)
    weight = (share * (1 - share)) ** 2 * np.isfinite(rise)
    return np.asarray((weight * progress[:n, None]).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12))


def build(n_benchmarks: int, n_series: int, n_runs: int, n_pooled: int, priors: ScorePriors) -> pm.Model:
    """The graph, with placeholder data.

    Parameters
    ----------
    n_benchmarks, n_series, n_runs, n_pooled
        Benchmarks, loss series, runs (see `padded_runs`) and pooled families.
    priors
        Constants of the compiled graph.
    """
    p = priors
    coords: dict[str, Any] = {"benchmark": range(n_benchmarks), "part": range(n_series + 1)}
    coords |= {"run": range(n_runs), "family": range(n_pooled)}
    with pm.Model(coords=coords) as model:
        data = {name: pm.Data(name, value) for name, value in _placeholders(n_benchmarks, n_series, n_runs).items()}
        if n_pooled:
            data["row_family"] = pm.Data("row_family", np.zeros(ANY_ROWS, dtype=np.int32))
        dispersion = pm.Normal("dispersion_typical", p.dispersion, p.dispersion_sd)
        free: dict[str, Any] = {
            "dispersion": pm.Normal("dispersion", dispersion, p.dispersion_spread, dims="benchmark"),
            "walk_over": pm.LogNormal("walk_over", np.log(p.walk_more), p.walk_sd),
        }
        standard: dict[str, Any] = {"weight_z": "part", "floor_z": "benchmark", "late_z": None}
        if n_pooled:
            standard |= {"shift_z": "family", "apart_z": ("family", "benchmark")}
        free |= {name: pm.Normal(name, 0.0, 1.0, dims=dims) for name, dims in standard.items()}
        expected = expected_progress(parts_of_progress(free, data, p, pt), data)[data["last"]]
        free["moved"] = pm.Normal(
            "moved", (expected - data["start"]) / RUN_UNIT, off_by(data, p, pt) / RUN_UNIT, dims="run"
        )
        reached = data["start"] + RUN_UNIT * free["moved"]
        of_one, _ = slope_and_shift(0.0, reached, data, pt)  # the slope of a log slope of 0
        typical = pm.Normal("slope_typical", p.slope - pt.log(of_one[0]), p.slope_sd)
        free["log_slope"] = pm.Normal("log_slope", typical, p.slope_spread, dims="benchmark")
        _, shift = slope_and_shift(free["log_slope"], reached, data, pt)
        free["at_anchor"] = pm.Normal("at_anchor", p.height + shift, p.height_sd, dims="benchmark")
        made = parameters(free, data, p, pt)
        eta, walk = eta_at(made, *at_rows(made, data)), made["walk"] * pt.sqrt(data["behind"])
        score, seen, least, ceiling = (data[name] for name in ("score", "seen", "least", "ceiling"))
        density = log_likelihood(eta, made["floor"], made["scatter"], walk, score, seen, least, ceiling, p.skew)
        pm.Potential("scores", density)
    return model


def _placeholders(n_benchmarks: int, n_series: int, n_runs: int) -> dict[str, NDArray[Any]]:
    return {
        "row_run": np.zeros(ANY_ROWS, dtype=np.int32),
        "last": np.zeros(n_runs, dtype=np.int32),
        "start": np.zeros(n_runs),
        "run_share": np.full(n_runs, 1 / n_runs),
        "undecayed": np.zeros(ANY_ROWS),
        "progress": np.zeros((ANY_ROWS, n_series + 1)),
        "behind": np.zeros(ANY_ROWS),
        "log_weight": np.zeros(n_series + 1),
        **{name: np.full(n_benchmarks, 0.5) for name in ("chance", "open", "binomial", "least", "ceiling", "anchor")},
        **{name: np.full((ANY_ROWS, n_benchmarks), 0.5) for name in ("score", "seen")},
    }
