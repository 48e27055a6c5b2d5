"""Jumps: where the last one may lie, and what is drawn ahead."""

import numpy as np
import pytest
from flp_ladders import loss_ladder

from bayes_cod.models.flp import graph, jumps
from bayes_cod.models.flp.evidence import EvidenceSettings, gather
from bayes_cod.models.flp.noise import log_density_before_jump, log_student_t
from bayes_cod.models.flp.priors import KINDS, Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.flp.redraw import OWN, Common, Conditional
from bayes_cod.models.flp.simulation import Design, simulate

RNG = np.random.default_rng(7)


def test_every_jump_lies_at_one_place() -> None:
    distance, after = jumps.places(RNG.exponential(size=40), 30)
    assert (np.diff(distance) >= 0).all() and (np.diff(after, axis=0) >= 0).all()
    assert after[-1].all() and 0 < after[0].sum() < 40
    for hazard in (0.01, 0.5, 20.0):
        probability = np.exp(jumps.log_probability(np.array([hazard]), distance, np))
        assert probability.sum() == pytest.approx(1.0)
        assert probability[-1] == pytest.approx(max(np.exp(-hazard * distance[-1]), 1e-12))


def test_jumps_ahead_come_at_the_hazard_and_stay() -> None:
    priors = Priors()
    distance = np.tile([0.0, 0.5, 2.0], (20_000, 1))
    height = jumps.ahead(distance, np.full(20_000, 0.4), 2, priors, np.random.default_rng(1))
    jumped = np.isfinite(height)
    assert not jumped[:, 0].any()
    assert jumped[:, 1].mean() == pytest.approx(1 - np.exp(-0.2), abs=0.01)
    assert jumped[:, 2].mean() == pytest.approx(1 - np.exp(-0.8), abs=0.01)
    assert (height[:, 2][jumped[:, 1]] == height[:, 1][jumped[:, 1]]).all()
    assert height[jumped].mean() == pytest.approx(priors.jump_to, abs=0.05)


def test_before_a_jump_scores_are_at_the_floor_or_anywhere() -> None:
    grid = np.linspace(-40, 40, 2_000_001)
    log_density = log_density_before_jump(grid, 0.25, 0.03, 1e-4, np)
    of_student = np.trapezoid(np.exp(log_student_t(grid, 0.03, np)), grid)
    inside = (grid > 0) & (grid < 1)
    found = np.trapezoid(np.exp(log_density[inside]), grid[inside]) / of_student
    assert found == pytest.approx(1.0, abs=0.01)
    assert grid[log_density.argmax()] == pytest.approx(0.25, abs=1e-3)


def _conditional(score: np.ndarray, samples: int = 1) -> Conditional:
    """Conditional of a benchmark whose scores, from the furthest row backwards, are these in reverse."""
    evidence = gather(loss_ladder(), EvidenceSettings())
    scale, priors, n = Scale.of(evidence), Priors(), len(evidence.run)
    data = graph.of_stage(graph.arrays(evidence, scale, graph.Shape.of(evidence), priors, 1.0), "score")
    data["score"][:n, 0], data["seen"][:n, 0] = score[np.argsort(np.argsort(-data["behind"][:n]))], 1.0
    position = np.tile(data["progress"].mean(axis=1), (samples, 1))
    at = {"slope_mean": -0.5, "slope_spread": 0.3, "dispersion_mean": 0.0, "own_walk": 0.1, "hazard": 0.1}
    shared = {name: np.full(samples, value) for name, value in at.items()}
    return Conditional(Common(position, np.ones(samples), np.zeros(samples), 0.0, **shared), data, priors, 0)


def test_the_curve_may_pass_by_what_came_before_a_jump() -> None:
    n = len(gather(loss_ladder(), EvidenceSettings()).run)
    floored = np.full(n, 0.25)
    jumped = np.where(np.arange(n) >= n // 2, 0.97, 0.25)
    high = np.array([[[6.0, -0.5, 0.0, 0.0]]])
    low = np.array([[[-9.0, -0.5, 0.0, 0.0]]])
    assert OWN == ("height", "log_slope", "floor_z", "dispersion")
    of_jump, of_floor = (_conditional(score) for score in (jumped, floored))
    assert of_jump.log_density(high) > of_jump.log_density(low) + 5
    assert of_floor.log_density(low) > of_floor.log_density(high) + 5


def test_a_benchmark_that_levels_off_is_told_from_one_that_rises() -> None:
    n, priors = len(gather(loss_ladder(), EvidenceSettings()).run), Priors()
    own = np.tile([8.0, -0.5, 0.0, 0.0], (500, 1))
    for top, kind in ((1 - priors.early_ceiling, "levelling"), (1 - priors.ceiling, "rising")):
        conditional = _conditional(np.full(n, 0.25 + (1 - 0.25) * top), samples=500)
        drawn = conditional.kinds(own, np.random.default_rng(2))
        assert (drawn == KINDS.index(kind)).mean() > 0.9


def test_made_ladders_have_jumps_and_both_kinds() -> None:
    design = Design(chance=(0.25,) * 400, n_questions=(4000.0,) * 400)
    quick = simulate(design, Priors(hazard=float(np.log(3.0)), hazard_sd=0.01), 1.0, 4)
    calm = simulate(design, Priors(hazard=float(np.log(1e-4)), hazard_sd=0.01), 1.0, 4)
    risen = [((one.draws.height[0] > 0) & (one.evidence.score[0] < 0.3)).mean() for one in (quick, calm)]
    assert risen[0] > risen[1] + 0.05
    unanswered = 1 - (calm.draws.top - calm.draws.floor) / (1 - calm.draws.floor)
    assert (unanswered > 0.1).mean() == pytest.approx(Priors().levelling_share, abs=0.1)
