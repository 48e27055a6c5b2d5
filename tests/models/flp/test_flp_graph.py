"""The graphs of Bayesian FLP: their densities against SciPy, and the same parameters by PyTensor and NumPy."""

import numpy as np
import pymc as pm
import pytest
from flp_ladders import loss_ladder, pool_ladder
from scipy import stats

from bayes_cod.models.flp import law, score
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import Scale


def evidence_of(pooled: bool) -> Evidence:
    if pooled:
        return gather(loss_ladder(), EvidenceSettings(), pool_ladder())
    return gather(loss_ladder(checkpoints=8), EvidenceSettings())


def at_a_point(model: pm.Model, data: dict[str, np.ndarray], observed: str) -> tuple[float, dict[str, np.ndarray]]:
    """Log likelihood and free variables at a point near the model's start."""
    with model:
        pm.set_data(data)
    rng = np.random.default_rng(3)
    point = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}
    names = [variable.name for variable in model.free_RVs]
    found = model.replace_rvs_by_values(model.free_RVs)
    values = model.compile_fn([model.logp(vars=[model[observed]]), *found], mode="FAST_COMPILE")(point)
    return float(values[0]), {name: value[None] for name, value in zip(names, values[1:], strict=True)}


@pytest.mark.parametrize("pooled", [False, True])
def test_losses_of_a_run_are_jointly_student_t(pooled: bool) -> None:
    evidence = evidence_of(pooled)
    scale, priors = Scale.of(evidence), LossPriors()
    data = law.arrays(evidence, scale) | {"weight": np.ones_like(evidence.log_loss)}
    density, free = at_a_point(law.build(1, evidence.n_pooled, priors), data, "losses")
    made = law.parameters(free, priors, np)
    bent = scale.bent(evidence.flops)
    mean = law.log_loss(made, data["size"], data["tokens"], data["reference"], bent, np)[0, :, 0]
    mean = mean + evidence.undecayed * made["rise"][0, 0]
    variance = np.full(len(mean), made["noise"][0, 0] ** 2)
    if pooled:
        mean = mean + made["family"][0, evidence.family, 0]
        variance = variance + made["drift"][0, 0] ** 2 * data["apart"]
    expected = 0.0
    for run in range(evidence.n_runs):
        own = evidence.run == run
        shape = np.diag(variance[own]) + made["luck"][0, 0] ** 2
        joint = stats.multivariate_t(mean[own], shape, df=law.DEGREES)
        at = joint.logpdf(evidence.log_loss[own, 0])
        expected += float(at) - float(joint.logpdf(mean[own]) + 0.5 * np.linalg.slogdet(shape)[1])
    assert density == pytest.approx(expected)


@pytest.mark.parametrize("pooled", [False, True])
def test_scores_are_student_t_around_their_curve(pooled: bool) -> None:
    evidence = evidence_of(pooled)
    priors, runs = ScorePriors(), score.padded_runs(evidence.n_runs)
    holes = np.array(evidence.score)
    holes[2, 1] = np.nan
    evidence = Evidence(**{**vars(evidence), "score": holes})
    data = score.arrays(evidence, Scale.of(evidence), priors)
    density, free = at_a_point(score.build(4, 1, runs, evidence.n_pooled, priors), data, "score")
    made = score.parameters(free, data, priors, np)
    mean, variance = score.expected(made, data, priors.skew, np)
    sd = np.sqrt(variance[0] / evidence.weight[:, None])
    at = stats.t.logpdf(holes, score.DEGREES, mean[0], sd)
    assert np.isnan(at).sum() == np.isnan(holes).sum() > 0
    assert density == pytest.approx(np.nansum(at))


def test_heights_have_one_prior_wherever_they_are_sampled() -> None:
    evidence, priors = evidence_of(False), ScorePriors()
    data = score.arrays(evidence, Scale.of(evidence), priors)
    model = score.build(4, 1, score.padded_runs(evidence.n_runs), 0, priors)
    with model:
        pm.set_data(data)
    names = ["log_slope", "at_anchor"]
    drawn = dict(zip(names, pm.draw([model[name] for name in names], 2000, random_seed=1), strict=True))
    height = drawn["at_anchor"] - np.exp(drawn["log_slope"]) * data["anchor"]
    assert np.abs(data["anchor"]).max() > 0.1
    assert height.mean(axis=0) == pytest.approx(np.full(4, priors.height), abs=0.25)
    assert height.std(axis=0) == pytest.approx(np.full(4, priors.height_sd), rel=0.1)


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


def test_runs_are_padded_so_that_cuts_share_a_graph() -> None:
    assert score.padded_runs(20) == score.padded_runs(28) == 36
    assert score.padded_runs(500) == 500
