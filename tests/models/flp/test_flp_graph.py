"""The graphs of Bayesian FLP: their densities against SciPy, and coordinates that leave the model as it is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pymc as pm
import pytest
from flp_ladders import loss_ladder, pool_ladder
from scipy import stats

from bayes_cod.models.flp import law, loss, score
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.likelihood import DEGREES
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import Scale

type Arrays = dict[str, np.ndarray]

POOLED, ALONE = True, False


def evidence_of(pooled: bool) -> Evidence:
    if pooled:
        return gather(loss_ladder(), EvidenceSettings(), pool_ladder())
    return gather(loss_ladder(checkpoints=8), EvidenceSettings())


def point_near_the_start(model: pm.Model) -> Arrays:
    rng = np.random.default_rng(3)
    return {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}


def terms_at(model: pm.Model, data: Arrays, wanted: list[Any], point: Arrays) -> tuple[list[Any], Arrays]:
    """Values of terms of a density, and of the free variables with an axis for one sample."""
    with model:
        pm.set_data(data)
    found = model.replace_rvs_by_values(model.free_RVs)
    values = model.compile_fn([*wanted, *found], mode="FAST_COMPILE")(point)
    names = [variable.name for variable in model.free_RVs]
    return values[: len(wanted)], {name: value[None] for name, value in zip(names, values[len(wanted) :], strict=True)}


@pytest.mark.parametrize("pooled", [ALONE, POOLED])
def test_losses_are_student_t_around_the_law_and_their_runs_luck(pooled: bool) -> None:
    evidence, priors = evidence_of(pooled), LossPriors()
    data = loss.arrays(evidence, Scale.of(evidence))
    model = loss.build(1, score.padded_runs(evidence.n_runs), evidence.n_pooled, priors)
    (luck,) = model.replace_rvs_by_values([model["luck_z"]])
    wanted = [model.logp(vars=[model["losses"]]), luck]
    (density, lucky), free = terms_at(model, data, wanted, point_near_the_start(model))
    made = loss.parameters(free, priors, np)
    mean, variance = (part[0] for part in loss.at_rows(made, data, np))
    mean = mean + made["luck"][0] * lucky[evidence.run][:, None]
    assert density == pytest.approx(stats.t.logpdf(evidence.log_loss, law.DEGREES, mean, np.sqrt(variance)).sum())
    if pooled:
        assert np.ptp(variance) > 0  # families drift from the law
    else:
        assert np.ptp(variance) == pytest.approx(variance.min() * (1 / evidence.weight.min() - 1))


def test_where_the_losses_put_a_runs_luck_is_only_a_coordinate() -> None:
    evidence = gather(loss_ladder(), EvidenceSettings())
    model = loss.build(1, score.padded_runs(evidence.n_runs), 0, LossPriors())
    with model:
        pm.set_data(loss.arrays(evidence, Scale.of(evidence)))
    apart, losses = model["luck_apart"], model["losses"]
    (luck,) = model.replace_rvs_by_values([model["luck_z"]])
    terms = model.compile_fn([model.logp(), model.logp(vars=[*model.free_RVs, losses]), luck], mode="FAST_COMPILE")
    point = point_near_the_start(model)
    density, without, at = terms(point)
    ahead = terms(point | {apart.name: point[apart.name] + 1e-4})[2]
    jacobian = np.log((ahead - at) / 1e-4).sum()
    plain = without + stats.norm.logpdf(at).sum() - stats.norm.logpdf(point[apart.name]).sum()
    assert not np.allclose(at, point[apart.name])
    assert density == pytest.approx(plain + jacobian)


@pytest.mark.parametrize("pooled", [ALONE, POOLED])
def test_scores_are_student_t_around_their_curve(pooled: bool) -> None:
    holes = np.array(evidence_of(pooled).score)
    holes[2, 1] = np.nan
    evidence, priors = replace(evidence_of(pooled), score=holes), ScorePriors()
    data = score.arrays(evidence, Scale.of(evidence), priors)
    model = score.build(4, 1, score.padded_runs(evidence.n_runs), evidence.n_pooled, priors)
    (scores,) = [term for term in model.potentials if term.name == "scores"]
    wanted = model.replace_rvs_by_values([scores])
    (density,), free = terms_at(model, data, wanted, point_near_the_start(model))
    mean, variance = score.expected(score.parameters(free, data, priors, np), data, priors.skew, np)
    at = stats.t.logpdf(holes, DEGREES, mean[0], np.sqrt(variance[0]))
    of_one = stats.t.logpdf(0.0, DEGREES)  # the constant that is left out
    assert np.isnan(at).sum() == np.isnan(holes).sum() > 0
    assert density == pytest.approx(np.nansum(evidence.weight[:, None] * (at - of_one)))


@pytest.mark.parametrize("pooled", [ALONE, POOLED])
def test_where_runs_and_benchmarks_are_sampled_is_not_part_of_their_prior(pooled: bool) -> None:
    evidence, priors = evidence_of(pooled), ScorePriors()
    data = score.arrays(evidence, Scale.of(evidence), priors)
    model = score.build(4, 1, score.padded_runs(evidence.n_runs), evidence.n_pooled, priors)
    with model:
        pm.set_data(data)
    names = [variable.name for variable in model.free_RVs]
    free = dict(zip(names, pm.draw(model.free_RVs, 2000, random_seed=1), strict=True))
    made = score.parameters(free, data, priors, np)
    assert np.abs(data["anchor"]).max() > 0.1
    height, slope = made["height"], np.log(made["slope"])
    assert height.mean(axis=0) == pytest.approx(np.full(4, priors.height), abs=0.25)
    assert height.std(axis=0) == pytest.approx(np.full(4, priors.height_sd), rel=0.1)
    assert slope.mean(axis=0) == pytest.approx(np.full(4, priors.slope), abs=0.12)
    assert slope.std(axis=0) == pytest.approx(np.full(4, np.hypot(priors.slope_sd, priors.slope_spread)), rel=0.1)
    luck = (made["reached"] - score.expected_progress(made, data)[:, data["last"]])[:, : evidence.n_runs]
    expected = score.off_by(data, priors, np)[: evidence.n_runs]
    assert luck.std(axis=0) == pytest.approx(expected, rel=0.1)
    assert expected.min() == pytest.approx(priors.luck) and expected.max() > 2 * priors.luck


def test_padded_runs_tell_nothing() -> None:
    evidence, priors = evidence_of(POOLED), ScorePriors()
    data = score.arrays(evidence, Scale.of(evidence), priors)
    assert score.padded_runs(20) == score.padded_runs(28) == 36 and score.padded_runs(500) == 500
    assert len(data["start"]) > evidence.n_runs and data["run_share"].sum() == pytest.approx(1.0)
    reached = np.random.default_rng(0).standard_normal((1, len(data["start"])))
    moved = np.where(data["run_share"] > 0, reached, reached + 5.0)
    for one, other in zip(
        *(score.slope_and_shift(np.zeros((1, 4)), at, data, np) for at in (reached, moved)), strict=True
    ):
        assert np.allclose(one, other)


def test_solved_benchmarks_level_off_later() -> None:
    evidence, priors = evidence_of(ALONE), ScorePriors()
    solved = replace(evidence, unanswered=np.array([0.9, 0.5, 0.02, 0.0]))
    ceiling = score.arrays(solved, Scale.of(solved), priors)["ceiling"]
    assert ceiling == pytest.approx([priors.ceiling, priors.ceiling, priors.unanswered * 0.02, 0.0])


def test_curves_run_from_floor_to_top_and_their_slope_is_a_derivative() -> None:
    made = {
        name: np.array([[value]]) for name, value in (("height", 0.3), ("slope", 0.8), ("floor", 0.25), ("top", 0.97))
    }
    ends, _ = score.curve(made, np.array([[-80.0, 80.0]]), 0.0, 0.3)
    assert ends[0, :, 0] == pytest.approx([0.25, 0.97])
    at = np.array([[0.4]])
    _, slope = score.curve(made, at, 0.0, 0.3)
    above, below = (score.curve(made, at, step, 0.3)[0] for step in (1e-6, -1e-6))
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-5)
