"""Forecasts from hand-made draws."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from bayes_ladders import eta_law

from bayes_cod.models.cod.grouping import Evidence, Group
from bayes_cod.models.cod.mapping import DEGREE
from bayes_cod.models.cod.predict import Draws, jumps_ahead, predict
from bayes_cod.models.cod.priors import Priors

SAMPLES = 3000
RUNGS = np.array([-1.0, -0.5, 0.0])
AHEAD = np.array([-1.0, 0.0, 0.3, 1.0, 2.0])
TOP = 0.99


def group(benchmark: str, name: str, weight: float) -> Group:
    counts = np.full(3, 1000)
    return Group(benchmark, name, tuple(f"{name}-{i}" for i in range(int(100 * weight))), weight, counts, counts // 2)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(
        rungs=pd.DataFrame({"model": ["a", "b", "c"], "flops": 1e20 * 10.0**RUNGS}),
        decades=RUNGS,
        benchmarks=("whole", "clustered"),
        chance=np.array([np.nan, 0.0]),
        groups=(group("whole", "all", 1.0), group("clustered", "cluster 1", 0.5), group("clustered", "cluster 2", 0.3)),
        rest=(group("clustered", "rest", 0.2),),
        described=(),
        n_questions=np.array([100, 100]),
        n_trials=np.array([10.0, 10.0]),
        notes=(),
    )


@pytest.fixture(scope="module")
def draws() -> Draws:
    rng = np.random.default_rng(0)
    slope = rng.normal(0.8, 0.05, (SAMPLES, 2))
    path = slope[:, :, None] * RUNGS
    probability = np.zeros((SAMPLES, 3, 3))
    probability[..., 0] = 1
    return Draws(
        level=np.array([0.3, 0.9, -0.2]) + rng.normal(0, 0.02, (SAMPLES, 3)),
        ratio=np.ones((SAMPLES, 3)),
        slope=slope,
        floor=np.zeros((SAMPLES, 2)),
        top=np.full((SAMPLES, 2), TOP),
        curvature=np.full(SAMPLES, 0.2),
        shared_walk=np.full(SAMPLES, 0.1),
        shared_luck=np.zeros(SAMPLES),
        own_walk=np.full((SAMPLES, 2), 0.1),
        own_luck=np.zeros((SAMPLES, 2)),
        shared_steps=np.zeros((SAMPLES, 2)),
        path=path,
        class_probability=probability,
        map_increments=np.full((SAMPLES, 2, DEGREE), 1 / DEGREE),
    )


def test_at_the_last_rung_latent_scores_are_the_levels(evidence: Evidence, draws: Draws) -> None:
    scores = predict(evidence, draws, np.array([0.0]), Priors(), seed=0)
    rates = eta_law(draws.level, 0.0, TOP)
    np.testing.assert_allclose(scores.group_rates[:, 0], rates)
    np.testing.assert_allclose(scores.latent[:, 0, 0], rates[:, 0])
    inside = rates[:, 1:] @ [0.5, 0.3]
    np.testing.assert_allclose(scores.latent[:, 0, 1], inside + 0.2 * inside / 0.8)  # this map is the identity


def test_at_a_rung_latent_scores_lie_on_the_path(evidence: Evidence, draws: Draws) -> None:
    scores = predict(evidence, draws, RUNGS, Priors(), seed=0)
    expected = eta_law(draws.level[:, :1] + draws.path[:, 0], 0.0, TOP)
    np.testing.assert_allclose(scores.latent[:, :, 0], expected)


def test_observed_is_a_score_and_wider_than_latent_in_every_cell(evidence: Evidence, draws: Draws) -> None:
    scores = predict(evidence, draws, AHEAD, Priors(), seed=0)
    assert scores.observed.shape == scores.latent.shape == (SAMPLES, len(AHEAD), 2)
    assert ((scores.observed >= 0) & (scores.observed <= 1)).all()
    for probability in (0.5, 0.9):
        edges = [0.5 - probability / 2, 0.5 + probability / 2]
        both = (scores.observed, scores.latent)
        observed, latent = (np.diff(np.quantile(array, edges, axis=0), axis=0) for array in both)
        assert (observed > latent).all()


def test_luck_ahead_grows_and_does_not_move_the_latent_score(evidence: Evidence, draws: Draws) -> None:
    lucky = replace(draws, own_walk=np.full((SAMPLES, 2), 0.5))
    scores, more = (predict(evidence, d, np.array([0.0, 0.3, 1.0]), Priors(), seed=0) for d in (draws, lucky))
    np.testing.assert_array_equal(scores.latent, more.latent)
    extra = more.observed.std(axis=0)[:, 0] - scores.observed.std(axis=0)[:, 0]
    assert extra[0] == pytest.approx(0, abs=0.002)
    assert 0.01 < extra[1] < extra[2]


def test_passing_luck_widens_what_is_observed_and_leaves_the_last_rung(evidence: Evidence, draws: Draws) -> None:
    lucky = replace(
        draws, own_luck=np.full((SAMPLES, 2), 0.3), path=draws.path + 0.5 * (draws.path < 0)
    )  # the last fell
    scores, more = (predict(evidence, d, np.array([0.0, 0.3]), Priors(), seed=0) for d in (draws, lucky))
    assert (more.observed.std(axis=0)[:, 0] > scores.observed.std(axis=0)[:, 0] + 0.02).all()
    assert more.latent.mean(axis=0)[0, 0] > scores.latent.mean(axis=0)[0, 0] + 0.03


def test_more_compute_is_never_worse_for_a_rising_benchmark(evidence: Evidence, draws: Draws) -> None:
    rising = replace(draws, slope=np.abs(draws.slope), curvature=np.full(SAMPLES, 0.5))
    scores = predict(evidence, rising, np.linspace(0, 4, 9), Priors(), seed=0)
    assert (np.diff(scores.latent[:, :, 0], axis=1) >= -1e-12).all()


def test_a_flat_cluster_stays_where_it_is(evidence: Evidence, draws: Draws) -> None:
    probability = np.zeros_like(draws.class_probability)
    probability[..., 1] = 1
    scores = predict(evidence, replace(draws, class_probability=probability), AHEAD, Priors(), seed=0)
    np.testing.assert_allclose(scores.group_rates, np.repeat(scores.group_rates[:, :1], len(AHEAD), axis=1))


def test_an_irregular_cluster_widens_the_observed_score(evidence: Evidence, draws: Draws) -> None:
    flat, irregular = np.zeros((2, *draws.class_probability.shape))
    flat[..., 1], irregular[..., 2] = 1, 1
    widths = [
        predict(evidence, replace(draws, class_probability=p), AHEAD, Priors(), seed=0).observed.std(axis=0)
        for p in (flat, irregular)
    ]
    assert (widths[1][:, 1] > 2 * widths[0][:, 1]).all()


def test_the_same_seed_gives_the_same_scores(evidence: Evidence, draws: Draws) -> None:
    one, two, other = (predict(evidence, draws, AHEAD, Priors(), seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.observed, two.observed)
    assert (one.observed != other.observed).any()


def waiting(draws: Draws, **told: np.ndarray) -> Draws:
    """The same draws where every benchmark has yet to jump."""
    unjumped = np.ones((SAMPLES, 2), dtype=bool)
    return replace(draws, level=draws.level[:, :2], hazard=np.full(SAMPLES, 0.5), unjumped=unjumped, **told)


def test_jumps_by_the_hazard_are_as_many_as_gompertz_says_and_wait_for_the_quiet_to_end(draws: Draws) -> None:
    quiet = np.tile([0.0, 0.6], (SAMPLES, 1))
    made = jumps_ahead(waiting(draws, quiet=quiet), np.zeros(1), AHEAD, Priors(), np.random.default_rng(0)).made.mean(
        axis=0
    )
    gone = np.exp(-0.5 * (np.exp(2 * AHEAD[3:]) - np.exp([[0.0], [1.2]])) / 2)
    np.testing.assert_allclose(made[3:], 1 - gone.T, atol=0.03)
    assert (made[:2] == 0).all() and made[2, 0] > 0 and made[2, 1] == 0


def test_foretold_jumps_come_when_they_are_due_and_lead_where_others_were(draws: Draws) -> None:
    due, landing = np.full((SAMPLES, 2), np.nan), np.full((SAMPLES, 2), np.nan)
    due[:, 0], landing[:, 0] = 0.5, 4.0
    told = waiting(draws, due=due, due_landing=landing)
    jumps = jumps_ahead(told, np.zeros(1), AHEAD, Priors(), np.random.default_rng(0))
    assert jumps.made[:, :, 0].mean(axis=0).tolist() == [0, 0, 0, 1, 1]
    assert (jumps.landing[:, 0] == 4).all() and 0 < jumps.made[:, 3, 1].mean() < 1
