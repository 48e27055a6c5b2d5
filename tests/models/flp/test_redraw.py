"""Benchmarks' own parameters drawn anew: the density is the graph's, and the step leaves it as it is."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from flp_ladders import loss_ladder, pool_ladder
from scipy.stats import multivariate_t

from bayes_cod import sampling
from bayes_cod.models.flp import forecaster, graph
from bayes_cod.models.flp.evidence import EvidenceSettings, gather
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.flp.redraw import (
    OWN,
    SAMPLER_ONLY,
    Common,
    Conditional,
    _pick,
    draw_spread,
    log_density_of_spread,
    redraw,
)

SKEW = 0.3
EVIDENCE = gather(loss_ladder(), EvidenceSettings())
N_BENCHMARK = len(EVIDENCE.benchmarks)
NAMES = ("weight", "run_progress", "undecayed_z", "slope_mean", "slope_spread", "dispersion_mean", "own_walk", *OWN)
OF_POOL = ("family_shift", "family_height", "family_height_sd")


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    shape = graph.Shape.of(EVIDENCE)
    return graph.of_stage(graph.arrays(EVIDENCE, Scale.of(EVIDENCE), shape, Priors(), SKEW), "score")


@pytest.fixture(scope="module")
def model(data: dict[str, np.ndarray]) -> pm.Model:
    built = graph.build_score(graph.Shape.of(EVIDENCE))
    with built:
        pm.set_data(data)
    return built


@pytest.fixture(scope="module")
def posterior(data: dict[str, np.ndarray]) -> xr.Dataset:
    shape = graph.Shape.of(EVIDENCE)
    compiled = forecaster._models.get(("score", shape), lambda: graph.build_score(shape))
    short = replace(forecaster.SAMPLER, draws=150, tune=200, cores=1)
    return sampling.sample(compiled, data, short, 1)["posterior"].to_dataset()


def check_density(model: pm.Model, data: dict[str, np.ndarray], column: int, names: tuple[str, ...]) -> None:
    """The conditional density differs from that of the graph by a constant."""
    rng = np.random.default_rng(column)
    start = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}
    found = model.compile_fn(
        [model.logp(), *model.replace_rvs_by_values([model[name] for name in names])], mode="FAST_COMPILE"
    )
    of_graph, own, flat = [], [], {}
    for step in range(3):
        point = {name: np.array(value) for name, value in start.items()}
        for name in ("height_at_anchor", "slope_z", "floor_z", "dispersion"):
            point[name][column] += 0.7 * step * rng.standard_normal()
        if "family" in data:
            of_pool = slice(data["family"].max())
            point["family_height_z"][of_pool, column] += 0.7 * step * rng.standard_normal(data["family"].max())
        logp, *values = found(point)
        flat = {name: np.asarray(value, dtype=float)[None] for name, value in zip(names, values, strict=True)}
        of_graph.append(float(logp))
        common = Common.of(flat, data)
        own.append([*(flat[name][0, column] for name in OWN), *common.family_height[0, :, column]])
    conditional = Conditional(Common.of(flat, data), data, Priors(), column)
    ours = conditional.log_density(np.array(own)[None])[0]
    assert np.ptp(of_graph) > 0.1 and np.shape(own)[1] == len(OWN) + len(np.unique(data.get("family", [0]))) - 1
    assert np.diff(ours) == pytest.approx(np.diff(of_graph), abs=1e-6)


@pytest.mark.parametrize("column", range(N_BENCHMARK))
def test_the_density_is_that_of_the_graph(model: pm.Model, data: dict[str, np.ndarray], column: int) -> None:
    check_density(model, data, column, NAMES)


def test_the_density_is_that_of_the_graph_with_pooled_families() -> None:
    evidence = gather(loss_ladder(checkpoints=5), EvidenceSettings(), pool_ladder())
    shape = graph.Shape.of(evidence)
    data = graph.of_stage(graph.arrays(evidence, Scale.of(evidence), shape, Priors(), SKEW), "score")
    built = graph.build_score(shape)
    with built:
        pm.set_data(data)
    check_density(built, data, 1, (*NAMES, *OF_POOL))


def test_the_density_of_the_spread_is_that_of_the_graph(data: dict[str, np.ndarray]) -> None:
    """Slopes and heights are held; slopes that rungs tell nothing of are sampled in units of the spread."""
    rng = np.random.default_rng(5)
    known = np.arange(N_BENCHMARK) > 0
    model = graph.build_score(graph.Shape.of(EVIDENCE))
    with model:
        pm.set_data(data | {"known": np.pad(known.astype(float), (0, len(data["known"]) - N_BENCHMARK))})
    point = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}
    found = model.compile_fn(
        [model.logp(), *model.replace_rvs_by_values([model[name] for name in ("log_slope", "slope_mean", "height")])],
        mode="FAST_COMPILE",
    )
    log_spread, of_graph, slopes = np.array([-2.0, -1.2, -0.3]), [], []
    _, first, typical, height = found(point)
    for value in log_spread:
        moved = {name: np.array(of) for name, of in point.items()} | {"slope_spread_log__": np.array(value)}
        unknown = np.flatnonzero(~known)
        moved["slope_z"][unknown] = (np.asarray(first)[unknown] - typical) / np.exp(value)
        moved["height_at_anchor"] += height - found(moved)[-1]  # of padding, whose slopes are not held
        logp, log_slope, _, _ = found(moved)
        of_graph.append(float(logp) - len(unknown) * value)  # from units of the spread to slopes
        slopes.append(np.asarray(log_slope)[:N_BENCHMARK])
    assert np.ptp(slopes, axis=0) == pytest.approx(0.0, abs=1e-9)
    ours = log_density_of_spread(log_spread, slopes[0][None] - float(typical), Priors())[0]
    assert np.ptp(of_graph) > 0.5 and np.diff(ours) == pytest.approx(np.diff(of_graph), abs=1e-6)


def test_spreads_are_drawn_by_their_density() -> None:
    priors = Priors()
    deviation = 0.5 * np.random.default_rng(1).standard_normal(20)
    drawn = np.log(draw_spread(np.tile(deviation, (20_000, 1)), priors, np.random.default_rng(2)))
    at = np.linspace(-4.0, 2.0, 6001)
    weight = np.exp(log_density_of_spread(at, deviation[None], priors)[0])
    mean = np.average(at, weights=weight)
    sd = np.sqrt(np.average((at - mean) ** 2, weights=weight))
    assert drawn.mean() == pytest.approx(mean, abs=0.03 * sd) and drawn.std() == pytest.approx(sd, rel=0.03)


def test_the_way_to_the_samplers_coordinates_and_back(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    flat = {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}
    conditional = Conditional(Common.of(flat, data), data, Priors(), 0)
    own = np.stack([flat[name][:, 0] for name in OWN], axis=-1)
    moved = conditional.to_sampled(own)
    assert moved[:, 0] == pytest.approx(flat["height_at_anchor"][:, 0])
    assert np.allclose(conditional.from_sampled(moved), own)


def test_draws_from_elsewhere_arrive_at_the_conditional(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    flat = {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}
    first = {name: array[:1] for name, array in flat.items()}
    same = {name: np.repeat(array, 3000, axis=0) for name, array in first.items()}  # all that is shared is the same
    alone, conditional = (Conditional(Common.of(one, data), data, Priors(), 0) for one in (first, same))
    rng = np.random.default_rng(2)
    seen = np.stack([flat[name][:, 0] for name in OWN], axis=-1)
    own = seen.mean(axis=0) + 2 * seen.std(axis=0) * rng.standard_normal((3000, len(OWN)))
    for _ in range(6):
        own = _pick(own, conditional, rng)
    wide = multivariate_t(seen.mean(axis=0), 4 * np.cov(seen.T), df=4, seed=rng)
    many = wide.rvs(40_000)
    log_weight = alone.log_density(many[None])[0] - wide.logpdf(many)
    weight = np.exp(log_weight - log_weight.max())
    mean = np.average(many, axis=0, weights=weight)
    sd = np.sqrt(np.average((many - mean) ** 2, axis=0, weights=weight))
    assert own.mean(axis=0) == pytest.approx(mean, abs=0.15 * sd.max())
    assert own.std(axis=0) == pytest.approx(sd, rel=0.15)


def test_what_is_drawn_anew(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    anew = redraw(posterior, data, N_BENCHMARK, Priors(), 3)
    assert not set(SAMPLER_ONLY) & set(anew)
    assert anew.equals(redraw(posterior, data, N_BENCHMARK, Priors(), 3, cores=1))
    for name in ("height", "log_slope", "dispersion", "floor"):
        before, after = posterior[name].values, anew[name].values
        changed = (before != after)[..., :N_BENCHMARK]
        assert changed.mean() > 0.7
        assert (before == after)[..., N_BENCHMARK:].all()
    assert (anew["slope_spread"] != posterior["slope_spread"]).all()
    for name in ("weight", "run_progress", "own_walk", "score_luck"):
        assert anew[name].equals(posterior[name])
    assert (anew["top"] > anew["floor"]).all()


def test_a_benchmark_that_levels_off_is_told_from_one_that_rises(data: dict[str, np.ndarray]) -> None:
    priors, n = Priors(), len(EVIDENCE.run)
    shared = {
        "slope_mean": -0.5,
        "slope_spread": 0.3,
        "dispersion_mean": 0.0,
        "own_walk": 0.1,
        "family_height_sd": 0.0,
    }
    common = Common(
        np.tile(data["progress"].mean(axis=1), (500, 1)),
        np.ones(500),
        np.zeros(500),
        0.0,
        family_height=np.zeros((500, 0, 1)),
        family=np.zeros(len(data["behind"]), dtype=int),
        **{name: np.full(500, value) for name, value in shared.items()},
    )
    own = np.tile([8.0, -0.5, 0.0, 0.0], (500, 1))
    assert OWN == ("height", "log_slope", "floor_z", "dispersion")
    for kind, ceiling in enumerate(priors.ceilings):
        score = np.zeros_like(data["score"])
        score[:n, 0] = graph.top_of(data["floor_guess"][0], ceiling)
        conditional = Conditional(common, data | {"score": score}, priors, 0)
        assert (conditional.kinds(own, np.random.default_rng(2)) == kind).mean() > 0.9


def test_a_mode_that_no_chain_left_is_found(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    """Both chains in different places: after drawing anew they agree."""
    away = posterior.copy(deep=True)
    away["height"][0, :, 0] += 2.0
    apart = away["height"][:, :, 0]
    anew = redraw(away, data, N_BENCHMARK, Priors(), 4)["height"][:, :, 0]
    before, after = (abs(float(x[0].mean() - x[1].mean())) / float(x.std()) for x in (apart, anew))
    assert before > 1 and after < 0.3
