"""The score stage: one progress for all benchmarks, and a curve from progress to each benchmark's score.

For a row r and benchmark b with floor g_b and top t_b:

    u_r   = sum_j w_j z_rj + luck_run(r) + late h_r,   z: losses and log compute as progress from the mean rung
    eta   = height_b + slope_b u_r
    score = g_b + (t_b - g_b) F(eta) + noise,          F: `laws.skewed_sigmoid`.

`parameters`, `curve` and `expected` serve the graph, the forecast and the simulation, with PyTensor or NumPy.
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
from bayes_cod.models.flp.priors import ScorePriors
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]

DEGREES = 5.0
"""Degrees of freedom of the noise."""
OPEN_FLOOR = 0.005
"""Chance below which questions count as open."""
LEAST_SHARE = 0.01
ANY = 2
"""Rows and cells of the placeholders that a graph is built with; data of any number take their place."""
_RUN_STEPS = (8, 16, 36, 96)


def padded_runs(n_runs: int) -> int:
    """Runs that a graph is compiled for, so that cuts of a ladder share one; those beyond are cut off afterwards."""
    return next((step for step in _RUN_STEPS if step >= n_runs), n_runs)


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
        weight ``(..., series + 1)``, of the losses and of log compute; slope, height, floor, top and scatter
        ``(..., benchmark)``; late and walk ``(...)``; luck ``(..., run)``; with pooled families also shift
        ``(..., family + 1)`` and apart ``(..., family + 1, benchmark)``.
    """
    weight = module.exp(data["log_weight"] + priors.weight_sd * free["weight_z"])
    slope = module.exp(free["log_slope"])
    lucky = priors.open_floor_mean + priors.open_floor_sd * free["floor_z"]
    of_open = priors.open_floor * module.where(lucky < 0, module.exp(module.minimum(lucky, 0.0)), 1 + lucky)
    of_choice = data["chance"] * module.exp(priors.floor_sd * free["floor_z"])
    floor = module.where(data["open"] > 0, of_open, of_choice)
    made = {
        "weight": weight / weight.sum(axis=-1, keepdims=True),
        "slope": slope,
        "height": free["at_anchor"] - slope * data["anchor"],
        "floor": floor,
        "top": floor + (1 - floor) * (1 - priors.ceiling),
        "scatter": data["binomial"] * module.exp(free["dispersion"]),
        "late": priors.undecayed * free["late_z"],
        "walk": priors.walk + free["walk_over"],
        "luck": module.sqrt(priors.luck**2 + priors.shared_walk**2 * data["run_behind"]) * free["luck_z"],
    }
    if "shift_z" in free:
        shift, apart = priors.family_shift * free["shift_z"], priors.family_height * free["apart_z"]
        made["shift"] = module.concatenate([module.zeros_like(shift[..., :1]), shift], axis=-1)
        made["apart"] = module.concatenate([module.zeros_like(apart[..., :1, :]), apart], axis=-2)
    return made


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
    eta = made["height"][..., None, :] + made["slope"][..., None, :] * position[..., None] + own
    share, slope = laws.skewed_sigmoid_and_slope(eta, skew)
    span = (made["top"] - made["floor"])[..., None, :]
    return made["floor"][..., None, :] + span * share, span * slope


def at_rows(made: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[Any, Any]:
    """Progress of the rows ``(..., row)``, and what their eta is more for families' benchmarks of their own."""
    expected = (data["progress"] * made["weight"][..., None, :]).sum(axis=-1)
    position = expected + made["luck"][..., data["row_run"]] + made["late"][..., None] * data["undecayed"]
    if "shift" not in made:
        return position, 0.0
    return position + made["shift"][..., data["row_family"]], made["apart"][..., data["row_family"], :]


def scatter(made: Mapping[str, Any], mean: Any, least: Any, module: Any) -> Any:
    """Variance of scores around their curve: a binomial's, at least that of half a question, times the dispersion."""
    return made["scatter"][..., None, :] ** 2 * module.maximum(mean * (1 - mean), least)


def expected(made: Mapping[str, Any], data: Mapping[str, Any], skew: float, module: Any) -> tuple[Any, Any]:
    """Mean and variance of the rows' scores ``(..., row, benchmark)``.

    What a benchmark's own walk adds between a row and the furthest one is part of the row's variance: the farther
    behind, the less a row says of what is ahead.
    """
    position, own = at_rows(made, data)
    mean, slope = curve(made, position, own, skew)
    walked = made["walk"][..., None, None] ** 2 * data["behind"][:, None] * slope**2
    return mean, scatter(made, mean, data["least"], module) + walked


def arrays(evidence: Evidence, scale: Scale, priors: ScorePriors) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    progress = np.nan_to_num(scale.progress(evidence.log_loss, evidence.flops))
    behind = scale.behind(evidence.log_loss, evidence.flops, evidence.family)
    rows, benchmarks = np.nonzero(np.isfinite(evidence.score))
    n, padded = evidence.n_runs, padded_runs(evidence.n_runs)
    data: dict[str, NDArray[Any]] = {
        "row_run": evidence.run.astype(np.int32),
        "undecayed": evidence.undecayed,
        "progress": progress,
        "behind": behind,
        "run_behind": np.pad(behind[:n], (0, padded - n)),
        "log_weight": np.array([*[priors.log_weight_loss] * len(evidence.series), 0.0]),
        "chance": np.maximum(evidence.chance, OPEN_FLOOR),
        "open": (evidence.chance < OPEN_FLOOR).astype(float),
        "binomial": 1 / np.sqrt(evidence.n_questions),
        "least": 0.5 / evidence.n_questions,
        "anchor": _anchor(evidence, np.median(progress, axis=-1)),
        "cell_row": rows.astype(np.int32),
        "cell_benchmark": benchmarks.astype(np.int32),
        "cell_score": evidence.score[rows, benchmarks],
        "cell_weight": evidence.weight[rows],
    }
    if evidence.n_pooled:
        data["row_family"] = evidence.family.astype(np.int32)
    return data


def _anchor(evidence: Evidence, progress: FloatArray) -> FloatArray:
    """Where along progress the rungs say most of a benchmark ``(benchmark,)``: a coordinate, not part of the model."""
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
    p, whole = priors, np.zeros(ANY, dtype=np.int32)
    coords: dict[str, Any] = {"benchmark": range(n_benchmarks), "part": range(n_series + 1)}
    coords |= {"run": range(n_runs), "family": range(n_pooled)}
    with pm.Model(coords=coords) as model:
        values: dict[str, NDArray[Any]] = {
            "row_run": whole,
            "undecayed": np.zeros(ANY),
            "progress": np.zeros((ANY, n_series + 1)),
            "behind": np.zeros(ANY),
            "run_behind": np.zeros(n_runs),
            "log_weight": np.zeros(n_series + 1),
        }
        values |= {name: np.full(n_benchmarks, 0.5) for name in ("chance", "open", "binomial", "least", "anchor")}
        values |= {
            "cell_row": whole,
            "cell_benchmark": whole,
            "cell_score": np.full(ANY, 0.5),
            "cell_weight": np.ones(ANY),
        }
        if n_pooled:
            values["row_family"] = whole
        data = {name: pm.Data(name, value) for name, value in values.items()}
        slope = pm.Normal("slope_typical", p.slope, p.slope_sd)
        dispersion = pm.Normal("dispersion_typical", p.dispersion, p.dispersion_sd)
        log_slope = pm.Normal("log_slope", slope, p.slope_spread, dims="benchmark")
        height = p.height + pt.exp(log_slope) * data["anchor"]
        free = {
            "log_slope": log_slope,
            "at_anchor": pm.Normal("at_anchor", height, p.height_sd, dims="benchmark"),
            "dispersion": pm.Normal("dispersion", dispersion, p.dispersion_spread, dims="benchmark"),
            "walk_over": pm.LogNormal("walk_over", p.walk_more, p.walk_sd),
        }
        standard: dict[str, Any] = {"weight_z": "part", "floor_z": "benchmark", "luck_z": "run", "late_z": None}
        if n_pooled:
            standard |= {"shift_z": "family", "apart_z": ("family", "benchmark")}
        free |= {name: pm.Normal(name, 0.0, 1.0, dims=dims) for name, dims in standard.items()}
        made = parameters(free, data, priors, pt)
        mean, variance = expected(made, data, priors.skew, pt)
        cell = data["cell_row"], data["cell_benchmark"]
        sigma = pt.sqrt(variance[cell] / data["cell_weight"])
        pm.StudentT("score", nu=DEGREES, mu=mean[cell], sigma=sigma, observed=data["cell_score"])
    return model
