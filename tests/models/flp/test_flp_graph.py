"""The graph of Bayesian FLP: coordinates of the sampler leave the model as it is."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from flp_ladders import loss_ladder
from scipy.stats import norm

from bayes_cod.models.flp import graph
from bayes_cod.models.flp.evidence import EvidenceSettings, gather
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale

type Point = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def data() -> dict[str, np.ndarray]:
    evidence = gather(loss_ladder(), EvidenceSettings())
    shape = graph.Shape.of(evidence)
    return graph.of_stage(graph.arrays(evidence, Scale.of(evidence), shape), "score")


@pytest.fixture(scope="module")
def model() -> pm.Model:
    evidence = gather(loss_ladder(), EvidenceSettings())
    return graph.build_score(graph.Shape.of(evidence), Priors())


def jittered(model: pm.Model, seed: int) -> Point:
    """A point near the model's start."""
    rng = np.random.default_rng(seed)
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}


def evaluate(model: pm.Model, data: dict[str, np.ndarray], point: Point, **changed: np.ndarray) -> tuple[float, Point]:
    """Log density, and the parameters that the forecast uses, at a point of the sampler's coordinates."""
    with model:
        pm.set_data(data | changed)
    names = ("height", "log_slope", "slope_mean", "run_progress")
    found = model.replace_rvs_by_values([model[name] for name in names])
    values = model.compile_fn([model.logp(), *found], mode="FAST_COMPILE")(point)
    return float(values[0]), dict(zip(names, values[1:], strict=True))


def test_the_anchor_of_heights_is_only_a_coordinate(model: pm.Model, data: dict[str, np.ndarray]) -> None:
    point = jittered(model, seed=3)
    plain, at_zero = evaluate(model, data, point, anchor=np.zeros_like(data["anchor"]))
    moved = data["anchor"] + 0.7
    _, elsewhere = evaluate(model, data, point, anchor=moved)
    assert not np.allclose(at_zero["height"], elsewhere["height"])
    back = point | {"height_at_anchor": point["height_at_anchor"] + at_zero["height"] - elsewhere["height"]}
    density, same = evaluate(model, data, back, anchor=moved)
    assert np.allclose(same["height"], at_zero["height"])
    assert density == pytest.approx(plain)


def test_whether_a_slope_is_known_is_only_a_coordinate(model: pm.Model, data: dict[str, np.ndarray]) -> None:
    point = jittered(model, seed=4)
    wide = len(data["known"])
    centred, first = evaluate(model, data, point, known=np.ones(wide))
    spread = np.exp(point["slope_spread_log__"])
    away = {"slope_z": (first["log_slope"] - first["slope_mean"]) / spread}
    density, same = evaluate(model, data, point | away, known=np.zeros(wide))
    assert np.allclose(same["log_slope"], first["log_slope"])
    assert density == pytest.approx(centred + wide * float(point["slope_spread_log__"]))


def test_where_the_losses_put_a_runs_luck_is_only_a_coordinate() -> None:
    evidence = gather(loss_ladder(), EvidenceSettings())
    shape = graph.Shape.of(evidence)
    model = graph.build_loss(shape, Priors())
    with model:
        pm.set_data(graph.of_stage(graph.arrays(evidence, Scale.of(evidence), shape), "loss"))
    apart, losses = model["run_loss_luck_apart"], model["losses"]
    (luck,) = model.replace_rvs_by_values([model["run_loss_luck"]])
    terms = model.compile_fn([model.logp(), model.logp(vars=[*model.free_RVs, losses]), luck], mode="FAST_COMPILE")
    point = jittered(model, seed=5)
    density, without, at = terms(point)
    ahead = terms(point | {apart.name: point[apart.name] + 1e-4})[2]
    jacobian = np.log((ahead - at) / 1e-4).sum()
    plain = without + norm.logpdf(at).sum() - norm.logpdf(point[apart.name]).sum()
    assert not np.allclose(at, point[apart.name])
    assert density == pytest.approx(plain + jacobian)


def test_slopes_are_known_of_benchmarks_that_move(data: dict[str, np.ndarray]) -> None:
    evidence = gather(loss_ladder(), EvidenceSettings())
    place = {name: index for index, name in enumerate(evidence.benchmarks)}
    assert data["known"][place["steep"]] == 1
    flat = np.array(evidence.score)
    flat[:, place["steep"]] = evidence.chance[place["steep"]]
    shape = graph.Shape.of(evidence)
    changed = graph.arrays(replace(evidence, score=flat), Scale.of(evidence), shape)
    assert changed["known"][place["steep"]] == 0
    assert (changed["known"][len(place) :] == 0).all() and (changed["there"][evidence.n_rungs :] == 0).all()
