"""What the score stage sees of losses, scores and sizes, and the density of what scores say."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytensor.tensor as pt
import pytest
from scipy.stats import t as student

from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.scores import graph
from bayes_cod.models.flpm.scores.evidence import UNLEARNT, UNLEARNT_SHARE, ScoreEvidence
from bayes_cod.models.flpm.scores.graph import ScoreShape

RUNS = 8


@pytest.fixture
def evidence() -> ScoreEvidence:
    rng = np.random.default_rng(0)
    score = np.stack([np.linspace(0.0, 0.9, RUNS), np.linspace(0.2, 0.9, RUNS)], axis=1)
    sizes = np.repeat(np.log([1e15, 1e16]), RUNS // 2)
    return ScoreEvidence(
        tuple(f"r{index}" for index in range(RUNS)),
        ("open", "four"),
        ("x", "y"),
        1.0 + 0.1 * rng.standard_normal((RUNS, 2)),
        score,
        sizes,
        np.array([400.0, 400.0]),
        np.array([0.0, 0.25]),
    )


def test_a_far_mixture_does_not_change_the_unit_of_losses(evidence: ScoreEvidence) -> None:
    moved = evidence.log_loss.copy()
    moved[np.argmax(moved[:, 0]), 0] += 5.0
    there = np.array([[0.8, 0.9]])
    np.testing.assert_allclose(replace(evidence, log_loss=moved).falls(there), evidence.falls(there))


def test_falls_are_linear_below_the_median_and_logarithmic_above(evidence: ScoreEvidence) -> None:
    centre, spread = evidence.centre, evidence.spread
    np.testing.assert_allclose(evidence.falls(centre - 3 * spread), 3.0)
    np.testing.assert_allclose(evidence.falls(centre + 3 * spread), -np.log(4.0))
    path = evidence.falls(centre[None] + np.linspace(-2, 2, 50)[:, None])
    assert (np.diff(path, axis=0) < 0).all()


def test_scores_near_chance_are_not_learnt(evidence: ScoreEvidence) -> None:
    above = (evidence.score - evidence.chance) / (1 - evidence.chance)
    np.testing.assert_array_equal(evidence.learnt, above > UNLEARNT_SHARE)
    assert (evidence.logit >= UNLEARNT - 1e-9).all()
    np.testing.assert_allclose(evidence.unlearnt_scores(1), [0.2])


def test_the_walk_is_anchored_at_the_largest_size(evidence: ScoreEvidence) -> None:
    steps = evidence.steps(np.log([1e15, np.sqrt(1e15 * 1e16), 1e16, 1e17]))
    np.testing.assert_allclose(steps[:, 0], [-1.0, -0.5, 0.0, 0.0], atol=0.03)  # one decade
    np.testing.assert_allclose(evidence.ahead(np.log([1e15, 1e16, 1e18])), [0.0, 0.0, 2.0], atol=0.06)
    one = replace(evidence, log_compute=np.full(RUNS, np.log(1e15)))
    np.testing.assert_array_equal(one.steps(one.log_compute), 0.0)


def test_density_is_that_of_students_t() -> None:
    mean, luck = np.array([[-6.0, -4.0, 0.0]]), np.array([0.5, 1.0, 2.0])
    logit, learnt = np.array([[UNLEARNT, UNLEARNT, 1.0]]), np.array([[0.0, 0.0, 1.0]])
    found = graph.log_density_of(logit, learnt, 1 - learnt, mean, luck, np)
    below = student.logcdf((UNLEARNT - mean) / luck, graph.TAIL_DEGREES)
    seen = student.logpdf((logit - mean) / luck, graph.TAIL_DEGREES) - np.log(luck)
    constant = student.logpdf(0.0, graph.TAIL_DEGREES)
    np.testing.assert_allclose(found[0, :2], below[0, :2])
    np.testing.assert_allclose(found[0, 2], seen[0, 2] - constant)


def test_numpy_and_pytensor_agree(evidence: ScoreEvidence) -> None:
    shape = ScoreShape.of(evidence)
    normals = np.random.default_rng(1).standard_normal(shape.normals)
    plain = graph.parameters(normals, asdict(ScorePriors()), shape, np)
    symbolic = graph.parameters(pt.as_tensor(normals), asdict(ScorePriors()), shape, pt)
    for name, value in plain.items():
        np.testing.assert_allclose(symbolic[name].eval(mode="FAST_COMPILE"), value, rtol=1e-12)
