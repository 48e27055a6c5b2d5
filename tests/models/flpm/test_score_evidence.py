"""What the score stage sees of losses, scores and sizes, and the density of what scores say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.scores.density import TAIL_DEGREES, ScoreDensity, density_of, mean_logit
from bayes_cod.models.flpm.scores.evidence import UNLEARNT, UNLEARNT_SHARE, ScoreEvidence

RUNS = 8
STEP = 1e-5


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
    for mean, luck in ((-6.0, 0.5), (-4.0, 1.0), (0.0, 2.0)):
        below, *_ = density_of(0.0, False, True, mean, luck)
        np.testing.assert_allclose(below, student.logcdf((UNLEARNT - mean) / luck, TAIL_DEGREES))
        seen, *_ = density_of(1.0, True, False, mean, luck)
        expected = student.logpdf((1.0 - mean) / luck, TAIL_DEGREES) - student.logpdf(0.0, TAIL_DEGREES)
        np.testing.assert_allclose(seen, expected - np.log(luck))
    assert density_of(0.0, False, False, 1.0, 1.0)[0] == 0.0  # not evaluated


def test_the_gradient_is_that_of_the_density(evidence: ScoreEvidence) -> None:
    missing = evidence.score.copy()
    missing[3, 1] = np.nan
    density = ScoreDensity(replace(evidence, score=missing), ScorePriors())
    for seed in range(3):
        at = np.random.default_rng(seed).standard_normal(density.size)
        steps = STEP * np.eye(density.size)
        differences = [(density(at + step)[0] - density(at - step)[0]) / (2 * STEP) for step in steps]
        np.testing.assert_allclose(density(at)[1], differences, rtol=1e-5, atol=1e-6)


def test_the_density_is_the_sum_over_scores_and_the_prior(evidence: ScoreEvidence) -> None:
    density = ScoreDensity(evidence, ScorePriors())
    at = np.random.default_rng(1).standard_normal(density.size)
    made = density.parameters(at)
    mean = mean_logit(made, evidence.falls(evidence.log_loss), evidence.steps(evidence.log_compute))
    each = [
        density_of(evidence.logit[run, task], known, not known, mean[run, task], made["luck"][task])[0]
        for (run, task), known in np.ndenumerate(evidence.learnt)
    ]
    np.testing.assert_allclose(density(at)[0], sum(each) - 0.5 * at @ at)
