"""The law of losses alone: its density against SciPy, what it forecasts, and what it asks for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pymc as pm
import pytest
from flp_ladders import loss_ladder, target, true_log_loss
from scipy import stats

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.ladder import Target
from bayes_cod.models.flp import law
from bayes_cod.models.flp.evidence import EvidenceSettings, gather_losses
from bayes_cod.models.flp.loss_law import AlonePriors, LossLaw, arrays, build
from bayes_cod.models.flp.progress import Scale

NEAR, FAR = target(1.2e9, 2.4e10), target(6e9, 1.2e11)
FAR = Target("far", FAR.flops, "fam", FAR.params, FAR.tokens)


@pytest.fixture(scope="module")
def fitted() -> LossLaw:
    unscored = replace(loss_ladder(), scores=None)
    return LossLaw(sampling={"draws": 300, "tune": 300}).fit(unscored)


def test_losses_are_student_t_around_the_law() -> None:
    evidence, priors = gather_losses(loss_ladder(), EvidenceSettings()), AlonePriors()
    scale = Scale.of(evidence)
    data, model = arrays(evidence, scale), build(1, priors)
    with model:
        pm.set_data(data)
    rng = np.random.default_rng(3)
    point = {name: value + 0.3 * rng.standard_normal(value.shape) for name, value in model.initial_point().items()}
    names = [variable.name for variable in model.free_RVs]
    found = model.replace_rvs_by_values(model.free_RVs)
    density, *values = model.compile_fn([model.logp(vars=[model["losses"]]), *found], mode="FAST_COMPILE")(point)
    free = {name: value[None] for name, value in zip(names, values, strict=True)}
    made = law.parameters(free, priors, np)
    mean = law.log_loss(made, data["size"], data["tokens"], data["reference"], np)[0]
    assert float(density) == pytest.approx(
        stats.t.logpdf(evidence.log_loss, law.DEGREES, mean, np.exp(free["log_scale"][0])).sum()
    )


def test_the_truth_lies_in_the_intervals_and_farther_is_less_sure(fitted: LossLaw) -> None:
    table = fitted.table([NEAR, FAR]).query("kind == 'observed'").set_index("target")
    for of in (NEAR, FAR):
        assert of.params is not None and of.tokens is not None
        true = float(np.exp(true_log_loss(np.array([of.params]), np.array([of.tokens])))[0])
        assert table.loc[of.name, "q025"] < true < table.loc[of.name, "q975"]
        assert abs(table.loc[of.name, "q50"] / true - 1) < 0.05
    width = table["q95"] - table["q05"]
    assert width["far"] > width["target"]


def test_diagnostics_are_those_of_the_targets(fitted: LossLaw) -> None:
    assert "log loss, validation, target far" in set(fitted.judge([FAR]).table["quantity"])


def test_observed_losses_scatter_more_than_latent_ones(fitted: LossLaw) -> None:
    ahead = fitted.forecast([NEAR])
    assert float(ahead["observed"].std()) > float(ahead["latent"].std())


def test_what_is_missing_is_named(fitted: LossLaw) -> None:
    with pytest.raises(BayesCodError, match="not fitted"):
        LossLaw().table([NEAR])
    with pytest.raises(InputError, match="no target"):
        fitted.table([])
    with pytest.raises(InputError, match="size and tokens of the target 'bare'"):
        fitted.table([Target("bare", 1e22, "fam")])
    few = loss_ladder().select(models=list(loss_ladder().models["model"])[:2])
    with pytest.raises(InputError, match="needs 3 runs of different compute"):
        LossLaw().fit(few)


def test_shared_losses_with_a_target_far_ahead() -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "delphi"
    if not folder.exists():
        pytest.skip("../shared/data/delphi is not there")
    from bayes_cod.readers.tables import read_tables

    ladder = read_tables(folder)
    evidence = gather_losses(ladder.select(family="delphi-isoflop"), EvidenceSettings())
    assert evidence.n_runs == 81 and evidence.sized and evidence.series == ("validation",)
    assert isinstance(evidence.rungs, pd.DataFrame) and evidence.rungs["flops"].max() == pytest.approx(3e20)
