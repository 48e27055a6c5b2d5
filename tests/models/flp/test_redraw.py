"""Parts of the posterior drawn anew: their densities are the graph's, and the steps leave them as they are."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from flp_ladders import loss_ladder, pool_ladder
from scipy.stats import multivariate_t, norm

from bayes_cod.models import sampling
from bayes_cod.models.flp import graph
from bayes_cod.models.flp import posterior as of_posterior
from bayes_cod.models.flp.conditionals import (
    OWN,
    Common,
    Curves,
    OfBenchmark,
    OfRun,
    draw_mean,
    draw_scale,
    log_density_of_scale,
    mean_given,
)
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.forecaster import SAMPLER
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.flp.redraw import SAMPLER_ONLY, own_parameters, redraw
from bayes_cod.models.flp.resampling import pick

SKEW = 0.3
EVIDENCE = gather(loss_ladder(), EvidenceSettings())
N_BENCHMARK = len(EVIDENCE.benchmarks)
OF_GROUP = ("slope_mean", "slope_spread", "dispersion_mean")
NAMES = ("weight", "run_progress", "undecayed_score", "score_luck", "shared_walk", "own_walk", *OF_GROUP, *OWN)
RISING = Priors(levelling_share=1e-200)
"""All benchmarks of one kind."""
OF_POOL = ("family_shift", "family_height", "family_height_sd")


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    shape = graph.Shape.of(EVIDENCE)
    return graph.of_stage(graph.arrays(EVIDENCE, Scale.of(EVIDENCE), shape, SKEW), "score")


def score_stage(evidence: Evidence, data: dict[str, np.ndarray], priors: Priors) -> pm.Model:
    built = graph.build_score(graph.Shape.of(evidence), priors)
    with built:
        pm.set_data(data)
    return built


@pytest.fixture(scope="module")
def model(data: dict[str, np.ndarray]) -> pm.Model:
    return score_stage(EVIDENCE, data, Priors())


@pytest.fixture(scope="module")
def rising(data: dict[str, np.ndarray]) -> pm.Model:
    return score_stage(EVIDENCE, data, RISING)


@pytest.fixture(scope="module")
def posterior(data: dict[str, np.ndarray]) -> xr.Dataset:
    shape = graph.Shape.of(EVIDENCE)
    compiled = of_posterior._models.get(("score", shape, Priors()), lambda: graph.build_score(shape, Priors()))
    short = replace(SAMPLER, draws=150, tune=200, cores=1)
    return sampling.sample(compiled, data, short, 1)["posterior"].to_dataset()


type Point = dict[str, np.ndarray]


def evaluated(model: pm.Model, names: tuple[str, ...]) -> Callable[[Point], tuple[float, Point]]:
    """Log density of the graph at a point, and draws of variables there, ``(1, ...)``."""
    function = model.compile_fn(
        [model.logp(), *model.replace_rvs_by_values([model[name] for name in names])], mode="FAST_COMPILE"
    )

    def at(point: Point) -> tuple[float, Point]:
        logp, *values = function(point)
        return float(logp), {
            name: np.asarray(value, dtype=float)[None] for name, value in zip(names, values, strict=True)
        }

    return at


def start_of(model: pm.Model, seed: int) -> Point:
    rng = np.random.default_rng(seed)
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}


def held(point: Point, to: Point, at: Callable[[Point], tuple[float, Point]], data: Mapping[str, np.ndarray]) -> Point:
    """The point whose slopes, heights and what they share are those given: sampled coordinates hang on one another."""
    moved, known = {name: np.array(value) for name, value in point.items()}, data["known"] > 0
    moved["slope_typical"] += (to["slope_mean"] - at(moved)[1]["slope_mean"])[0]
    away = (to["log_slope"] - at(moved)[1]["log_slope"])[0]
    moved["slope_z"] += np.where(known, away, away / to["slope_spread"])
    moved["height_at_anchor"] += (to["height"] - at(moved)[1]["height"])[0]
    return moved


def check_density(model: pm.Model, data: dict[str, np.ndarray], column: int, names: tuple[str, ...]) -> None:
    """The conditional density of a benchmark differs from that of the graph by a constant."""
    rng = np.random.default_rng(column)
    start, at = start_of(model, column), evaluated(model, names)
    of_graph, own, drawn = [], [], {}
    for step in range(3):
        point = {name: np.array(value) for name, value in start.items()}
        for name in ("height_at_anchor", "slope_z", "floor_z", "dispersion"):
            point[name][column] += 0.7 * step * rng.standard_normal()
        if "family" in data:
            of_pool = slice(data["family"].max())
            point["family_height_z"][of_pool, column] += 0.7 * step * rng.standard_normal(data["family"].max())
        logp, drawn = at(point)
        of_graph.append(logp)
        own.append(own_parameters(drawn, Common.of(drawn, data), N_BENCHMARK)[0, column])
    ours = OfBenchmark(Common.of(drawn, data), data, Priors(), column).log_density(np.array(own)[None])[0]
    assert np.ptp(of_graph) > 0.1 and np.shape(own)[1] == len(OWN) + len(np.unique(data.get("family", [0]))) - 1
    assert np.diff(ours) == pytest.approx(np.diff(of_graph), abs=1e-6)


def check_density_of_run(model: pm.Model, data: dict[str, np.ndarray], run: int, names: tuple[str, ...]) -> None:
    """That of where a run stands, in a model with all benchmarks of one kind."""
    start, at = start_of(model, run), evaluated(model, names)
    _, here = at(start)
    of_graph, places = [], []
    for step in (-10.0, 0.0, 20.0):
        point = {name: np.array(value) for name, value in start.items()}
        point["run_moved"][run] += step
        logp, drawn = at(held(point, here, at, data))
        of_graph.append(logp)
        places.append(drawn["run_progress"][0, run])
        assert drawn["height"] == pytest.approx(here["height"]) and drawn["log_slope"] == pytest.approx(
            here["log_slope"]
        )
    common = Common.of(here, data)
    own = own_parameters(here, common, N_BENCHMARK)
    curves = Curves.of(own, np.zeros(own.shape[:2], dtype=np.int64), data, RISING)
    conditional = OfRun(common, curves, data, run)
    ours = conditional.log_density(np.array(places)[None, :, None])[0]
    assert np.ptp(of_graph) > 0.1 and np.diff(ours) == pytest.approx(np.diff(of_graph), abs=1e-6)


@pytest.mark.parametrize("column", range(N_BENCHMARK))
def test_the_density_is_that_of_the_graph(model: pm.Model, data: dict[str, np.ndarray], column: int) -> None:
    check_density(model, data, column, NAMES)


@pytest.mark.parametrize("run", [0, EVIDENCE.n_runs - 1])
def test_the_density_of_a_run_is_that_of_the_graph(rising: pm.Model, data: dict[str, np.ndarray], run: int) -> None:
    check_density_of_run(rising, data, run, NAMES)


def test_the_densities_are_those_of_the_graph_with_pooled_families() -> None:
    evidence = gather(loss_ladder(checkpoints=5), EvidenceSettings(), pool_ladder())
    data = graph.of_stage(graph.arrays(evidence, Scale.of(evidence), graph.Shape.of(evidence), SKEW), "score")
    check_density(score_stage(evidence, data, Priors()), data, 1, (*NAMES, *OF_POOL))
    rising = score_stage(evidence, data, RISING)
    for run in (0, evidence.n_runs - 1):
        check_density_of_run(rising, data, run, (*NAMES, *OF_POOL))


@pytest.mark.parametrize("name", ["slope_spread", "slope_mean", "dispersion_mean"])
def test_the_density_of_what_benchmarks_share_is_that_of_the_graph(data: dict[str, np.ndarray], name: str) -> None:
    """Slopes, heights and scatters are held; slopes that rungs tell nothing of are sampled in units of the spread."""
    priors, known = Priors(), np.arange(len(data["known"])) % 3 > 0
    data = data | {"known": known.astype(float)}
    model = score_stage(EVIDENCE, data, priors)
    at, start = evaluated(model, NAMES), start_of(model, 5)
    _, here = at(start)
    values, of_graph = np.array([-2.0, -1.2, -0.3]), []
    for value in values:
        to = here | {name: np.array([np.exp(value) if name == "slope_spread" else value])}
        point = start | {
            "dispersion_mean": to["dispersion_mean"][0],
            "slope_spread_log__": np.log(to["slope_spread"])[0],
        }
        logp, drawn = at(held(point, to, at, data))
        assert all(drawn[other] == pytest.approx(to[other]) for other in ("log_slope", "height", "dispersion", name))
        unknown = (~known).sum()
        of_graph.append(logp - unknown * np.log(to["slope_spread"][0]))  # from units of the spread to slopes
    slopes, scatters = here["log_slope"], here["dispersion"]
    ours = {
        "slope_spread": lambda: log_density_of_scale(
            values, slopes - here["slope_mean"], priors.spread, priors.spread_sd
        ),
        "slope_mean": lambda: norm.logpdf(
            values, *mean_given(slopes, here["slope_spread"], priors.slope, priors.slope_sd)
        ),
        "dispersion_mean": lambda: norm.logpdf(
            values,
            *mean_given(scatters, np.array([priors.dispersion_spread]), priors.dispersion, priors.dispersion_sd),
        ),
    }[name]()
    assert np.ptp(of_graph) > 0.5 and np.diff(np.ravel(ours)) == pytest.approx(np.diff(of_graph), abs=1e-6)


def test_means_and_scales_are_drawn_by_their_densities() -> None:
    members = 0.5 * np.random.default_rng(1).standard_normal(20) + 0.3
    many, rng = np.tile(members, (20_000, 1)), np.random.default_rng(2)
    means = draw_mean(many, np.full(len(many), 0.5), -1.0, 0.4, rng)
    mean, sd = mean_given(members[None], np.array([0.5]), -1.0, 0.4)
    assert means.mean() == pytest.approx(mean[0], abs=0.03 * sd[0]) and means.std() == pytest.approx(sd[0], rel=0.03)
    drawn = np.log(draw_scale(many, np.log(0.3), 0.5, rng))
    at = np.linspace(-4.0, 2.0, 6001)
    weight = np.exp(log_density_of_scale(at, members[None], np.log(0.3), 0.5)[0])
    centre = np.average(at, weights=weight)
    spread = np.sqrt(np.average((at - centre) ** 2, weights=weight))
    assert drawn.mean() == pytest.approx(centre, abs=0.03 * spread) and drawn.std() == pytest.approx(spread, rel=0.03)


def test_the_way_to_the_samplers_coordinates_and_back(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    flat = {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}
    conditional = OfBenchmark(Common.of(flat, data), data, Priors(), 0)
    own = np.stack([flat[name][:, 0] for name in OWN], axis=-1)
    moved = conditional.to_sampled(own)
    assert moved[:, 0] == pytest.approx(flat["height_at_anchor"][:, 0])
    assert np.allclose(conditional.from_sampled(moved), own)


def test_draws_from_elsewhere_arrive_at_the_conditional(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    flat = {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}
    first = {name: array[:1] for name, array in flat.items()}
    same = {name: np.repeat(array, 3000, axis=0) for name, array in first.items()}  # all that is shared is the same
    alone, conditional = (OfBenchmark(Common.of(one, data), data, Priors(), 0) for one in (first, same))
    rng = np.random.default_rng(2)
    seen = np.stack([flat[name][:, 0] for name in OWN], axis=-1)
    own = seen.mean(axis=0) + 2 * seen.std(axis=0) * rng.standard_normal((3000, len(OWN)))
    for _ in range(6):
        own = pick(own, conditional, rng)
    wide = multivariate_t(seen.mean(axis=0), 4 * np.cov(seen.T), df=4, seed=rng)
    many = wide.rvs(40_000)
    log_weight = alone.log_density(many[None])[0] - wide.logpdf(many)
    weight = np.exp(log_weight - log_weight.max())
    mean = np.average(many, axis=0, weights=weight)
    sd = np.sqrt(np.average((many - mean) ** 2, axis=0, weights=weight))
    assert own.mean(axis=0) == pytest.approx(mean, abs=0.15 * sd.max())
    assert own.std(axis=0) == pytest.approx(sd, rel=0.15)


def test_what_is_drawn_anew(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    anew = redraw(posterior, data, N_BENCHMARK, Priors(), [3])
    assert not set(SAMPLER_ONLY) & set(anew)
    assert anew.equals(redraw(posterior, data, N_BENCHMARK, Priors(), [3], cores=1))
    on = redraw(anew, data, N_BENCHMARK, Priors(), [3, 1], rounds=1)
    n_run = int(data["there"].sum())
    for new, old in ((anew, posterior), (on, anew)):
        assert not (new["height"] == old["height"]).all()
        for name, n in (*dict.fromkeys((*OWN, "floor"), N_BENCHMARK).items(), ("run_progress", n_run)):
            before, after = old[name].values, new[name].values
            assert (before != after)[..., :n].mean() > 0.7
            assert (before == after)[..., n:].all()
        for name in OF_GROUP:
            assert (new[name] != old[name]).all()
        for name in ("weight", "own_walk", "score_luck"):
            assert new[name].equals(old[name])
        assert (new["top"] > new["floor"])[..., :N_BENCHMARK].all()


def test_a_benchmark_that_levels_off_is_told_from_one_that_rises(data: dict[str, np.ndarray]) -> None:
    priors, n = Priors(), len(EVIDENCE.run)
    shared = {"slope_mean": -0.5, "slope_spread": 0.3, "dispersion_mean": 0.0, "own_walk": 0.1, "family_height_sd": 1.0}
    reached = np.tile(data["start"], (500, 1))
    common = Common(
        position=np.tile(data["progress"].mean(axis=1), (500, 1)),
        reached=reached,
        expected=reached,
        off_by=np.full(reached.shape, 0.1),
        start=data["start"],
        there=data["there"],
        run=data["run"],
        family=np.zeros(len(data["behind"]), dtype=int),
        **{name: np.full(500, value) for name, value in shared.items()},
    )
    own = np.tile([8.0, -0.5, 0.0, 0.0], (500, 1))
    assert OWN == ("height", "log_slope", "floor_z", "dispersion")
    for kind, ceiling in enumerate(priors.ceilings):
        score = np.zeros_like(data["score"])
        score[:n, 0] = graph.top_of(data["floor_guess"][0], ceiling)
        conditional = OfBenchmark(common, data | {"score": score}, priors, 0)
        assert (conditional.kinds(own, np.random.default_rng(2)) == kind).mean() > 0.9


def test_a_run_from_elsewhere_arrives_where_a_grid_has_it(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    flat = {str(name): array.values.reshape(-1, *array.shape[2:])[:1] for name, array in posterior.items()}
    same = {name: np.repeat(array, 3000, axis=0) for name, array in flat.items()}  # all that is held is the same

    def of_run(drawn: Point) -> OfRun:
        common = Common.of(drawn, data)
        own = own_parameters(drawn, common, N_BENCHMARK)
        return OfRun(common, Curves.of(own, np.zeros(own.shape[:2], dtype=np.int64), data, Priors()), data, 1)

    rng, here = np.random.default_rng(3), flat["run_progress"][0, 1]
    places, conditional = here + 0.3 * rng.standard_normal((3000, 1)), of_run(same)
    for _ in range(6):
        places = pick(places, conditional, rng)
    grid = here + np.linspace(-3.0, 3.0, 6001)
    log_weight = of_run(flat).log_density(grid[None, :, None])[0]
    weight = np.exp(log_weight - log_weight.max())
    mean = np.average(grid, weights=weight)
    sd = np.sqrt(np.average((grid - mean) ** 2, weights=weight))
    assert places.mean() == pytest.approx(mean, abs=0.1 * sd) and places.std() == pytest.approx(sd, rel=0.1)


def test_a_mode_that_no_chain_left_is_found(posterior: xr.Dataset, data: dict[str, np.ndarray]) -> None:
    """Both chains in different places: after drawing anew they agree."""
    away = posterior.copy(deep=True)
    away["height"][0, :, 0] += 2.0
    apart = away["height"][:, :, 0]
    anew = redraw(away, data, N_BENCHMARK, Priors(), [4])["height"][:, :, 0]
    before, after = (abs(float(x[0].mean() - x[1].mean())) / float(x.std()) for x in (apart, anew))
    assert before > 1 and after < 0.3
