"""Anchors of the map: what is taken from them, and what it does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bayes_ladders import count_ladder, law_rates

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.cod.anchors import with_anchors
from bayes_cod.models.cod.arrays import MOST_ANCHORS, Shape, arrays
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.grouping import Evidence, GroupingSettings, gather
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import SamplerSettings

DECADES = np.array([-1.5, -1.0, -0.5, 0.0])
LEVELS = np.concatenate([np.full(60, 0.6), np.full(40, -30.0)])  # forty questions that no rung ever answers
SETTINGS = GroupingSettings("model", min_questions=60, max_clusters=1)


TWO_CLUSTERS = np.concatenate([np.full(60, 1.2), np.full(60, -0.2), np.full(40, -30.0)])


def ladder(levels: np.ndarray = LEVELS, decades: np.ndarray = DECADES) -> Ladder:
    return count_ladder({"b": law_rates(levels, 0.8, decades)}, decades, n_trials=40, seed=3)


def anchors(rate_of_rest: float = 0.4, count: int = 1, levels: np.ndarray = LEVELS) -> Ladder:
    rates = np.repeat(np.where(levels > -30, 0.95, rate_of_rest)[:, None], count, axis=1)
    found = count_ladder({"b": rates}, np.zeros(count), n_trials=40, seed=9)
    rename = {f"m{i}": f"strong{i}" for i in range(count)}
    assert found.items is not None
    return replace(
        found,
        models=found.models.assign(model=found.models["model"].map(rename)),
        items=found.items.assign(model=found.items["model"].map(rename)),
    )


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return gather(ladder(), SETTINGS, 0)


def expected(questions: tuple[str, ...], rate_of_rest: float = 0.4) -> float:
    return float(np.where(LEVELS > 0, 0.95, rate_of_rest)[[int(question[1:]) for question in questions]].mean())


def test_scores_of_subset_and_rest_are_taken(evidence: Evidence) -> None:
    (anchor,) = with_anchors(evidence, anchors()).anchors
    assert (anchor.benchmark, anchor.model) == ("b", "strong0")
    assert anchor.subset == pytest.approx(expected(evidence.groups[0].questions), abs=0.02)
    assert anchor.n_trials == 40 * len(evidence.rest[0].questions)
    assert anchor.n_correct / anchor.n_trials == pytest.approx(expected(evidence.rest[0].questions), abs=0.04)


def test_the_model_sees_them_after_the_rungs(evidence: Evidence) -> None:
    told = with_anchors(evidence, anchors(count=2))
    shape = Shape.of((told,))
    data = arrays((told,), shape, Priors())
    assert data["rest_rate"].shape == (shape.rest, shape.rungs + MOST_ANCHORS)
    assert data["rest_seen"][0, shape.rungs :].tolist() == [1, 1, 0, 0]
    assert data["rest_rate"][0, shape.rungs] == pytest.approx(expected(evidence.rest[0].questions), abs=0.04)
    before = arrays((evidence,), shape, Priors())
    assert np.array_equal(before["rest_rate"][:, : shape.rungs], data["rest_rate"][:, : shape.rungs])
    assert not before["rest_seen"][:, shape.rungs :].any()


def test_unusable_anchors(evidence: Evidence) -> None:
    with pytest.raises(InputError, match="is a rung of the ladder"):
        with_anchors(evidence, ladder())
    with pytest.raises(InputError, match="5 anchors were given; give 1 to 4"):
        with_anchors(evidence, anchors(count=5))
    other = anchors()
    assert other.items is not None
    unknown = replace(other, items=other.items.assign(question_id="x" + other.items["question_id"]))
    with pytest.raises(InputError, match=r"no anchor \(strong0\) has answered"):
        with_anchors(evidence, unknown)


def test_without_a_map_they_are_said_to_be_unused() -> None:
    whole = gather(ladder(), GroupingSettings("none"), 0)
    assert "anchors are not used" in with_anchors(whole, anchors()).notes[-1]


@pytest.mark.slow
def test_an_anchor_moves_the_map() -> None:
    sampler = SamplerSettings(draws=400, tune=400, chains=2, cores=2)
    rungs = ladder(TWO_CLUSTERS, np.array([-2.0, *DECADES]))  # of the shape that other tests compile
    settings = replace(SETTINGS, max_clusters=2)
    maps = []
    for rate in (0.02, 0.9):
        told = anchors(rate, levels=TWO_CLUSTERS)
        model = BayesianCOD(0, grouping=settings, sampler=sampler, anchors=told, retry=False).fit(rungs)
        assert model.draws.map_increments is not None
        maps.append(float(model.draws.map_increments[:, 0, :3].sum(axis=1).mean()))  # reached before the end
    assert maps[1] > maps[0] + 0.1
