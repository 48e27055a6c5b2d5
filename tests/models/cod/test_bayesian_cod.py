"""Bayesian COD from a ladder to a forecast: sampled, on small ladders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cod_ladders import ladder
from prior_fakes import learnt

from bayes_cod import registry
from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Forecaster
from bayes_cod.ladder import Target
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.learning import learn, lessons
from bayes_cod.models.cod.observations import UNKNOWN_SIZE, observe
from bayes_cod.models.cod.predict import brownian
from bayes_cod.models.cod.priors import Priors, table
from bayes_cod.readers.tables import read_tables

TARGETS = [Target("big", 1e21), Target("bigger", 1e22)]
FEW = {"draws": 250, "chains": 2}


@pytest.fixture(scope="module")
def fitted() -> BayesianCOD:
    return BayesianCOD(seed=1, sampling=FEW).fit(ladder())


@pytest.mark.slow
def test_a_forecast_grows_widens_and_carries_everything(fitted: BayesianCOD) -> None:
    found = fitted.forecast(TARGETS, explain=True)
    assert isinstance(fitted, Forecaster)
    latent = found.draws["latent"]
    assert float(latent.sel(target="bigger", benchmark="arith").mean()) > float(
        latent.sel(target="big", benchmark="arith").mean()
    )
    widths = [np.diff(found.interval(name, "arith"))[0] for name in ("big", "bigger")]
    assert widths[1] > widths[0] > 0
    assert found.draws["score"].var() > latent.var() * 0.99
    facts = found.facts
    assert facts["axis"] == "nominal compute" and facts["n_rungs"] == 4
    assert facts["share_extrapolating"]["arith"] > 0.1 > facts["share_extrapolating"]["flat"]
    why = found.explanation
    assert why is not None and why.curves is not None and why.clusters is not None and why.rung_check is not None
    assert why.curves.sizes["benchmark"] == 3 and float(why.curves["flops"].max()) > 1e22
    assert why.cluster_curves is not None and why.cluster_curves.sizes["cluster"] == len(why.clusters)
    assert why.members is not None and len(why.members) == 450
    assert why.subset_map is not None and why.cluster_observations is not None
    assert set(why.rung_check["kind"]) == {"fit", "step"} and why.rung_check["pit"].between(0, 1).all()
    assert why.prior_sensitivity is not None and len(why.prior_sensitivity) == 2 * 3 * 4
    assert why.posterior is not None and why.posterior["posterior"]["theta"].dims == (
        *("chain", "draw", "rung", "benchmark"),
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_and_the_fit_stays(fitted: BayesianCOD) -> None:
    again = BayesianCOD(seed=1, sampling=FEW).fit(ladder())
    first, second = fitted.forecast(TARGETS[:1]), again.forecast(TARGETS[:1])
    np.testing.assert_array_equal(first.draws["score"], second.draws["score"])
    np.testing.assert_array_equal(first.draws["score"], fitted.forecast(TARGETS[:1]).draws["score"])


@pytest.mark.slow
def test_scores_alone_are_forecast_wider_where_trials_are_missing() -> None:
    widths = []
    for made in (ladder(), ladder(items=False), ladder(items=False, n_questions=float("nan"))):
        found = registry.make("bayes-cod", 1, sampling=FEW).fit(made).forecast(TARGETS[:1])
        low, high = np.quantile(found.draws["score"].values[:, 0], [0.05, 0.95], axis=0)
        widths.append(float((high - low).mean()))
    assert widths[1] > widths[0]
    assert registry.choose(ladder(items=False)) == "bayes-cod"
    assert any("number of questions unknown" in text for text in found.facts["warnings"])


@pytest.mark.slow
def test_families_fitted_together_teach_a_prior() -> None:
    ladders = [ladder(seed, f"old-{seed}") for seed in range(3)]
    found, left_out = lessons(ladders)
    made = learn(found, left_out, seed=1, sampler=replace(BayesianCOD().sampler, draws=800, chains=2))
    assert [source.family for source in made.sources] == ["old-0", "old-1", "old-2"]
    assert made.priors.slope_sd < Priors().slope_sd and made.priors.common < Priors().common
    with pytest.raises(InputError, match="count twice"):
        BayesianCOD(priors=made).fit(ladder(), pool=ladders[0])


def test_what_can_not_be_fitted() -> None:
    with pytest.raises(BayesCodError, match="not fitted"):
        BayesianCOD().forecast(TARGETS)
    whole = ladder()
    with pytest.raises(InputError, match="needs 2 or more"):
        BayesianCOD().fit(whole.select(models=["fam-0"]))
    with pytest.raises(InputError, match="would count twice"):
        lessons([whole, whole])


def test_scores_become_counts_of_effective_trials() -> None:
    items, scores = observe(ladder(), Priors()), observe(ladder(items=False), Priors())
    unknown = observe(ladder(items=False, n_questions=float("nan")), Priors())
    np.testing.assert_allclose(items.score, scores.score, atol=0.01)
    assert (items.n_trials >= scores.n_trials * 10).all()  # ten trials a question, of questions that differ
    assert (unknown.n_trials == UNKNOWN_SIZE).all() and "unknown" in unknown.notes[0]
    assert (items.variance < scores.variance).all()


def test_the_shipped_prior_is_the_table() -> None:
    shipped = table().set_index("name")["value"]
    assert list(shipped.index) == Priors.names()
    np.testing.assert_array_equal(shipped.to_numpy(), Priors().vector())
    assert table()[["meaning", "source"]].notna().all(axis=None)
    assert learnt().priors.slope_mean == -0.4


def test_a_brownian_path_passes_the_rungs_and_spreads_beyond() -> None:
    rungs = np.array([-2.0, -1.0, 0.0])
    at = np.broadcast_to(np.array([3.0, 1.0, 0.0])[None, :, None], (4000, 3, 1))
    x = np.array([2.0, -1.0, -1.5, 0.5, -3.0])
    path = brownian(rungs, at, x, np.random.default_rng(0))[..., 0]
    np.testing.assert_allclose(path[:, 1], 1.0)
    np.testing.assert_allclose(path.mean(axis=0), [0, 1, 2, 0, 3], atol=0.1)
    np.testing.assert_allclose(path.var(axis=0), [2.0, 0, 0.25, 0.5, 1.0], rtol=0.15, atol=1e-9)
    assert np.corrcoef(path[:, 0], path[:, 3])[0, 1] == pytest.approx(0.5, abs=0.06)


@pytest.mark.slow
def test_a_table_of_scores_only(shared: Path) -> None:
    folder = shared / "cases" / "user-07-scores-only" / "input"
    if not folder.exists():
        pytest.skip("the case is not beside the repository")
    made = read_tables(folder)
    family = made.families[0]
    rungs = made.rungs(family)
    own = made.select(family=family)
    found = registry.make("bayes-cod", 1, sampling=FEW).fit(own).forecast([Target("next", 10 * rungs["flops"].max())])
    assert np.isfinite(found.draws["score"].values).all()
