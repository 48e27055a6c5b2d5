"""The PyMC graph of Bayesian FLP.

Loss stage, for a row r (end of a run, or part of its training) and a loss series j, at size N and tokens D:

    log L_rj = log(E_j + A_j n^-alpha_j + B_j d^-beta_j) + delta_j h_r + s_j luck_run(r) + noise,

with n, d relative to the last rung and h the learning rate over its peak. Score stage, for benchmark b:

    u_r   = sum_j w_j z_rj + luck_run(r) + gamma h_r,   z: losses and log compute as progress from the mean rung
    eta   = height_b + slope_b u
    score = floor_b + (top_b - floor_b) F(eta; skew) + noise.

The weights w sum to 1; that of log compute makes the direct one-stage law a limit of the model. Luck and noise grow
with the distance behind the furthest row, as the walks ahead of it do. Some benchmarks level off early; which do is
summed out. Rows of pooled families have levels, places and heights of their own, and share the loss's departures from
the law; without a pool none of this is in the graph. Every array is `pm.Data`, so one compilation serves all ladders of
a shape, with any number of rows; priors are constants.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.likelihood import log_likelihood
from bayes_cod.models.flp.noise import log_student_t
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import BENDS, Scale

SCALE_DEGREES = 3.0
OPEN_FLOOR = 0.005
RUN_UNIT = 0.05
LEAST_SHARE = 0.01
KNOWN_RISE = 0.03
ANY_ROWS = 2
"""Rows of the placeholders that a graph is built with; data of any number of rows take their place."""

type FloatArray = NDArray[np.float64]

_RUN_STEPS = (8, 36, 96)
_BENCHMARK_STEPS = (8, 24, 48, 136)
_FAMILY_STEPS = (3, 8, 24)


@dataclass(frozen=True)
class Shape:
    """Sizes a graph is compiled for: of its parameters, not of its rows."""

    runs: int
    benchmarks: int
    series: int
    pooled: int = 0

    @classmethod
    def of(cls, evidence: Evidence) -> Shape:
        """The smallest padded shape that holds the evidence."""
        return cls(
            runs=_padded(evidence.n_runs, _RUN_STEPS),
            benchmarks=_padded(len(evidence.benchmarks), _BENCHMARK_STEPS),
            series=len(evidence.series),
            pooled=_padded(evidence.n_pooled, _FAMILY_STEPS) if evidence.n_pooled else 0,
        )


def _padded(size: int, steps: tuple[int, ...]) -> int:
    return next((step for step in steps if step >= size), size)


def arrays(evidence: Evidence, scale: Scale, shape: Shape, skew: float = 1.0) -> dict[str, NDArray[Any]]:
    """The graph's data: evidence padded to a shape.

    Returns
    -------
    dict
        By name of the `pm.Data` container.
    """
    size, tokens = scale.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    progress = scale.progress(evidence.log_loss, evidence.flops)
    score = np.nan_to_num(evidence.score)
    seen = np.isfinite(evidence.score) * evidence.weight[:, None]
    n = evidence.n_questions
    loss_seen = np.isfinite(evidence.log_loss) * evidence.weight[:, None]
    rows, runs, wide = len(evidence.run), shape.runs, shape.benchmarks
    middle = np.median(np.nan_to_num(progress), axis=-1)  # one loss may fall much faster beyond the ladder
    anchor, known = _informed(evidence, middle)
    last = np.minimum(np.arange(runs), evidence.n_runs - 1).astype(np.int32)
    of_pool = {}
    if shape.pooled:
        of_pool = {
            "family": evidence.family.astype(np.int32),
            "bent": _fill(scale.bent(evidence.flops), (rows, BENDS), 0.0),
            "apart": np.abs(scale.decades(evidence.flops)) * (evidence.family > 0),
        }
    return {
        "skew": np.array([skew]),
        "run": evidence.run.astype(np.int32),
        "last": last,
        "start": middle[last],
        "size": size,
        "tokens": tokens,
        "undecayed": evidence.undecayed,
        "log_loss": np.nan_to_num(evidence.log_loss),
        "log_loss_se": evidence.log_loss_se,
        "loss_seen": loss_seen,
        "loss_reference": scale.log_loss.copy(),
        "progress": np.nan_to_num(progress),
        "behind": scale.behind(evidence.log_loss, evidence.flops, evidence.family),
        "score": _fill(score, (rows, wide), 0.5),
        "binomial": _fill(np.sqrt(1 / n), (wide,), 1.0),
        "least_variance": _fill(0.5 / n, (wide,), 0.25),
        "seen": _fill(seen, (rows, wide), 0.0),
        "anchor": _fill(anchor, (wide,), 0.0),
        "known": _fill(known, (wide,), 0.0),
        "there": _fill(np.ones(evidence.n_runs), (runs,), 0.0),
        "floor_guess": _fill(np.maximum(evidence.chance, OPEN_FLOOR), (wide,), 0.25),
        "open": _fill((evidence.chance < OPEN_FLOOR).astype(float), (wide,), 0.0),
        **of_pool,
    }


def _informed(evidence: Evidence, progress: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where along progress the rungs tell most of a benchmark, and whether they tell of its slope at all.

    Only coordinates of the sampler depend on these, not the model.
    """
    n = evidence.n_runs
    score, position = evidence.score[:n], progress[:n, None]
    rise = (score - evidence.chance) / (1 - evidence.chance)
    share = np.clip(np.nan_to_num(rise), LEAST_SHARE, 1 - LEAST_SHARE)
    weight = (share * (1 - share)) ** 2 * np.isfinite(score)
    anchor = (weight * position).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)
    low, high = np.nanquantile(rise, [0.1, 0.9], axis=0)
    se = np.sqrt(np.maximum(evidence.chance * (1 - evidence.chance), 0.01) / evidence.n_questions)
    return anchor, (high - low > KNOWN_RISE + 4 * se).astype(float)


_SHARED = ("run", "undecayed", "family")
_OF_LOSS = ("size", "tokens", "log_loss", "log_loss_se", "loss_seen", "loss_reference", "bent", "apart")


def of_stage(data: Mapping[str, NDArray[Any]], stage: Literal["loss", "score"]) -> dict[str, NDArray[Any]]:
    """The arrays of one stage's graph."""
    return {name: value for name, value in data.items() if name in _SHARED or (name in _OF_LOSS) == (stage == "loss")}


def _fill(values: NDArray[Any], shape: tuple[int, ...], empty: float) -> NDArray[Any]:
    full = np.full(shape, empty, dtype=values.dtype)
    full[tuple(slice(size) for size in values.shape)] = values
    return full


def build_loss(shape: Shape, priors: Priors) -> pm.Model:
    """The loss stage for a shape, with placeholder data."""
    with pm.Model() as model:
        _loss_stage(priors, shape)
    return model


def build_score(shape: Shape, priors: Priors) -> pm.Model:
    """The score stage for a shape, with placeholder data."""
    with pm.Model() as model:
        _score_stage(priors, shape)
    return model


def _data(name: str, value: NDArray[Any]) -> Any:
    return pm.Data(name, value)


def _loss_stage(priors: Priors, shape: Shape) -> None:
    p = asdict(priors)
    rows, runs, n_series = ANY_ROWS, shape.runs, shape.series
    run, undecayed = _data("run", np.zeros(rows, dtype=np.int32)), _data("undecayed", np.zeros(rows))
    size, tokens = _data("size", np.zeros(rows)), _data("tokens", np.zeros(rows))
    log_loss = _data("log_loss", np.zeros((rows, n_series)))
    se = _data("log_loss_se", np.zeros((rows, n_series)))
    seen = _data("loss_seen", np.zeros((rows, n_series)))
    reference = _data("loss_reference", np.zeros(n_series))
    level = pm.Normal("loss_level", 0.0, 1.0, shape=n_series)
    weights = np.array([p["share_irreducible"], p["share_size"], p["share_tokens"]])
    share = _shares("loss_share", np.tile(weights, (n_series, 1)))
    exponent = pm.Normal("log_exponent", p["exponent"], p["exponent_sd"], shape=(n_series, 2))
    rise = pm.HalfNormal("undecayed_loss", p["undecayed_loss"], shape=n_series)
    luck_scale, noise = (_scale(p, name, n_series) for name in ("loss_luck", "loss_noise"))
    law = laws.params_tokens_loss(
        pt.exp(size)[:, None],
        pt.exp(tokens)[:, None],
        share[:, 0],
        share[:, 1],
        pt.exp(exponent[:, 0]),
        share[:, 2],
        pt.exp(exponent[:, 1]),
    )
    mean = reference + p["level_sd"] * level + pt.log(law) + undecayed[:, None] * rise
    variance = noise**2 + se**2
    if shape.pooled:
        departure, drift = _departures(p, shape)
        mean, variance = mean + departure, variance + drift**2
    deviation = log_loss - mean
    luck = _luck(deviation, luck_scale, seen / variance, run, runs)
    pm.Potential("losses", (seen * log_student_t(deviation - luck_scale * luck[run][:, None], variance, pt)).sum())


def _luck(deviation: Any, scale: Any, weight: Any, run: Any, runs: int) -> Any:
    """Standard normal luck of every run, sampled as its deviation from where the run's losses put it.

    The same model, without the funnel where luck is large: a run with one row fixes its luck, if noise is small.
    """
    informed = pt.zeros(runs)[run].inc((weight * scale**2).sum(axis=1)) + 1
    centre = pt.zeros(runs)[run].inc((weight * scale * deviation).sum(axis=1)) / informed
    apart = pm.Normal("run_loss_luck_apart", 0.0, 1.0, shape=runs)
    luck = pm.Deterministic("run_loss_luck", centre + apart / pt.sqrt(informed))
    pm.Potential("luck", 0.5 * (apart**2 - luck**2 - pt.log(informed)).sum())
    return luck


def _shares(name: str, weights: FloatArray) -> Any:
    """Shares of one along the last axis, Dirichlet, as parts of a sum of Gamma variables: quickly compiled."""
    parts = pm.Gamma(f"{name}_part", alpha=weights, beta=1.0, shape=weights.shape)
    return pm.Deterministic(name, parts / parts.sum(axis=-1, keepdims=True))


def _scale(p: dict[str, Any], name: str, n_series: int) -> Any:
    """Scale of luck or noise of log losses; with heavy tails, as where the law does not hold either may be large."""
    log_scale = pm.StudentT(
        f"log_{name}", nu=SCALE_DEGREES, mu=p["loss_noise"], sigma=p["loss_noise_sd"], shape=n_series
    )
    return pm.Deterministic(name, pt.exp(log_scale))


def _departures(p: dict[str, Any], shape: Shape) -> tuple[Any, Any]:
    """How losses depart from the ladder's law (row, series), and how far those of other families may drift from it.

    Families have levels of their own, and share a random walk along compute.
    """
    rows, n_series = ANY_ROWS, shape.series
    family = _data("family", np.zeros(rows, dtype=np.int32))
    bent, apart = _data("bent", np.zeros((rows, BENDS))), _data("apart", np.zeros(rows))
    level = p["family_loss"] * pm.Normal("family_loss_z", 0.0, 1.0, shape=(shape.pooled, n_series))
    walk, drift = (
        pm.LogNormal(name, p[name], p["loss_walk_sd"], shape=n_series) for name in ("loss_walk", "loss_drift")
    )
    steps = pm.Deterministic("loss_bends", walk * pm.Normal("loss_walk_z", 0.0, 1.0, shape=(BENDS, n_series)))
    levels = pt.concatenate([pt.zeros((1, n_series)), level])
    return levels[family] + (bent[:, :, None] * steps).sum(axis=1), drift * pt.sqrt(apart)[:, None]


def _score_stage(priors: Priors, shape: Shape) -> None:
    p = asdict(priors)
    rows, runs, wide, n_series = ANY_ROWS, shape.runs, shape.benchmarks, shape.series
    run, undecayed = _data("run", np.zeros(rows, dtype=np.int32)), _data("undecayed", np.zeros(rows))
    last = _data("last", np.zeros(runs, dtype=np.int32))
    progress, behind = _data("progress", np.zeros((rows, n_series + 1))), _data("behind", np.zeros(rows))
    score = _data("score", np.full((rows, wide), 0.5))
    seen = _data("seen", np.zeros((rows, wide)))
    binomial = _data("binomial", np.ones(wide))
    least = _data("least_variance", np.full(wide, 0.25))
    guess, is_open = _data("floor_guess", np.full(wide, 0.25)), _data("open", np.zeros(wide))

    weight = _shares("weight", np.array([p["weight_loss"]] * n_series + [p["weight_compute"]]))
    spread = pm.LogNormal("slope_spread", p["spread"], p["spread_sd"])
    skew = _data("skew", np.ones(1))
    floor_z = pm.Normal("floor_z", 0.0, 1.0, shape=wide)
    luck_more = pm.Gamma("score_luck_over", alpha=p["luck_shape"], beta=p["luck_shape"] / p["luck_more"])
    luck_scale = pm.Deterministic("score_luck", p["luck"] + luck_more)
    expected = (progress * weight).sum(axis=1)
    if shape.pooled:
        shift, own_heights = _families(p, shape)
        expected = expected + shift
    shared_walk, own_walk = _walk(p, "shared_walk"), _walk(p, "own_walk")
    off_by = pt.sqrt(luck_scale**2 + shared_walk**2 * behind[last])
    start = _data("start", np.zeros(runs))  # chains begin where the losses put a run; elsewhere are lesser modes
    there = _data("there", np.ones(runs))
    moved = pm.Normal(
        "run_moved", there * (expected[last] - start) / RUN_UNIT, there * off_by / RUN_UNIT + (1 - there), shape=runs
    )
    reached = pm.Deterministic("run_progress", start + RUN_UNIT * moved)  # centred: scores say where a run stands
    log_slope, height = _lines(p, spread, wide, skew[0], reached, start, there)
    late = pm.Deterministic("undecayed_score", p["undecayed_score"] * pm.Normal("undecayed_z", 0.0, 1.0))
    dispersion_mean = pm.Normal("dispersion_mean", p["dispersion"], p["dispersion_sd"])
    dispersion = pm.Normal("dispersion", dispersion_mean, p["dispersion_spread"], shape=wide)

    floor = pm.Deterministic("floor", floor_of(floor_z, guess, is_open, p, pt))
    position = expected + (reached - expected[last])[run] + late * undecayed
    eta = height + pt.exp(log_slope) * position[:, None]
    if shape.pooled:
        eta = eta + own_heights
    scatter, walk = binomial * pt.exp(dispersion), own_walk * pt.sqrt(behind)

    kinds = priors.ceilings, priors.shares
    pm.Potential("scores", log_likelihood(eta, floor, scatter, walk, score, seen, least, kinds, skew))


def _families(p: dict[str, Any], shape: Shape) -> tuple[Any, Any]:
    """How far rows of pooled families stand beyond their losses (row), and what their eta is more (row, benchmark)."""
    family = _data("family", np.zeros(ANY_ROWS, dtype=np.int32))
    height = pm.LogNormal("family_height_sd", p["family_height"], p["family_height_spread"])
    shifts = p["family_shift"] * pm.Normal("family_shift_z", 0.0, 1.0, shape=shape.pooled)
    heights = height * pm.Normal("family_height_z", 0.0, 1.0, shape=(shape.pooled, shape.benchmarks))
    shifts = pm.Deterministic("family_shift", pt.concatenate([pt.zeros(1), shifts]))
    heights = pm.Deterministic("family_height", pt.concatenate([pt.zeros((1, shape.benchmarks)), heights]))
    return shifts[family], heights[family]


def _walk(p: dict[str, Any], name: str) -> Any:
    """Size of a walk: the least it may be, and what it is more than that."""
    more = pm.LogNormal(f"{name}_over", p[f"{name}_more"], p[f"{name}_sd"])
    return pm.Deterministic(name, p[name] + more)


def _lines(
    p: dict[str, Any], spread: Any, wide: int, skew: Any, reached: Any, start: Any, there: Any
) -> tuple[Any, Any]:
    """Log slope and height of every benchmark's eta.

    Sampled relative to where the runs turn out to stand, heights where the rungs tell most of them, slopes that no rung
    tells of as deviations from the typical one: the same model, without its long ridges.
    """
    known, anchor = _data("known", np.ones(wide)), _data("anchor", np.zeros(wide))
    middle, middle_start, stretch = whereabouts(reached, start, there, pt)
    typical = pm.Normal("slope_typical", p["slope"] + pt.log(stretch), p["slope_sd"])
    slope_mean = pm.Deterministic("slope_mean", typical - pt.log(stretch))
    slope_z = pm.Normal("slope_z", known * typical, known * spread + (1 - known), shape=wide)
    log_slope = pm.Deterministic(
        "log_slope", known * (slope_z - pt.log(stretch)) + (1 - known) * (slope_mean + spread * slope_z)
    )
    shift = pt.exp(log_slope) * (middle + stretch * (anchor - middle_start))
    at_anchor = pm.Normal("height_at_anchor", p["height_mean"] + shift, p["height_sd"], shape=wide)
    height = pm.Deterministic("height", at_anchor - shift)
    below = pt.minimum(height - p["height_mean"], 0.0)
    slower = 1 / p["height_sd"] ** 2 - 1 / (p["height_sd_below"] ** 2 * skew)
    pm.Potential("low_heights", (0.5 * slower * below**2).sum())
    return log_slope, height


def whereabouts(reached: Any, start: Any, there: Any, module: Any) -> tuple[Any, Any, Any]:
    """Mean progress of the runs, that of their start, and how far the runs spread against it.

    Parameters
    ----------
    reached, start
        Progress of the runs ``(..., run)`` and ``(run,)``.
    there
        1 for runs, 0 for padding ``(run,)``.
    module
        NumPy or PyTensor.
    """
    count = module.maximum(there.sum(), 1.0)
    middle, middle_start = (reached * there).sum(axis=-1) / count, (start * there).sum() / count
    around = ((reached - middle[..., None]) ** 2 * there).sum(axis=-1) + 1e-3
    return middle, middle_start, module.sqrt(around / (((start - middle_start) ** 2 * there).sum() + 1e-3))


def floor_of(z: Any, guess: Any, is_open: Any, p: Mapping[str, Any], module: Any) -> Any:
    """Floor from its standard normal; see `Priors`."""
    lucky = p["open_floor_mean"] + p["open_floor_sd"] * z
    of_open = p["open_floor"] * module.where(lucky < 0, module.exp(module.minimum(lucky, 0.0)), 1 + lucky)
    return module.where(is_open > 0, of_open, guess * module.exp(p["floor_sd"] * z))


def top_of(floor: Any, ceiling: Any) -> Any:
    """Top of a benchmark: all but `ceiling` of what lies above its floor."""
    return floor + (1 - floor) * (1 - ceiling)
