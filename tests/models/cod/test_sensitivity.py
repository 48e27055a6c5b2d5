"""What the priors of Bayesian COD decide: densities in closed form, and forecasts that rest on a known prior."""

import numpy as np
import pytest
from hand_made import CHANCE, fit
from scipy.integrate import quad
from scipy.special import logit
from scipy.stats import beta, norm

from bayes_cod.errors import InputError
from bayes_cod.forecasts.checks import EVALUATIONS, resting_on_priors
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.forecasts.forecaster import Checked
from bayes_cod.ladder import Target
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.predict import Draws
from bayes_cod.models.cod.priors import CHANCE_SHAPE, Priors
from bayes_cod.models.cod.sensitivity import GROWTH, PASSING, PERSISTENT, PLACE, forecast_sensitivity, log_priors

PRIORS = Priors()
TARGETS = [Target("near", 2e20, "fam"), Target("far", 1e21, "fam")]


def forecast_of(scores: np.ndarray) -> Forecast:
    return Forecast.from_draws(scores, scores, TARGETS, ["open", "choice"], "bayes-cod")


def test_one_familys_priors_in_closed_form() -> None:
    own, posterior, draws = fit()
    found = log_priors(posterior, draws, own, PRIORS)
    flat = {name: posterior[name].values.reshape(2000, -1) for name in posterior}
    slope = np.log(flat["slope_mean"][:, 0]) + PRIORS.family_spread * flat["family_z"][:, 0]
    growth = norm.logpdf(slope, PRIORS.slope_mean, np.hypot(PRIORS.slope_sd, PRIORS.family_spread))
    growth += norm.logpdf(np.log(flat["slope_spread"][:, 0]), PRIORS.slope_spread, PRIORS.slope_spread_sd)
    bend = np.hypot(PRIORS.curvature_sd, PRIORS.curvature_spread)
    growth += norm.logpdf(flat["curvature"][:, 0], PRIORS.curvature_mean, bend)
    np.testing.assert_allclose(found[GROWTH][:, 0], growth)
    walks = norm.logpdf(np.log(flat["family_walk"][:, 0]), PRIORS.shared_walk, PRIORS.shared_walk_sd)
    walks += norm.logpdf(np.log(flat["own_walk"][:, 0]), PRIORS.own_walk, PRIORS.own_walk_sd)
    np.testing.assert_allclose(found[PERSISTENT][:, 0], walks)
    luck = norm.logpdf(np.log(flat["shared_luck"][:, 0]), PRIORS.shared_luck, PRIORS.shared_luck_sd)
    luck += norm.logpdf(np.log(flat["own_luck"][:, 0]), PRIORS.own_luck, PRIORS.own_luck_sd)
    np.testing.assert_allclose(found[PASSING][:, 0], luck)
    floor = norm.logpdf(logit(draws.floor[:, 0]), PRIORS.floor_mean, PRIORS.floor_sd)
    known = beta.logpdf(draws.floor[:, 1] / CHANCE[1], PRIORS.below_chance, CHANCE_SHAPE)
    level = norm.logpdf(draws.level, PRIORS.level_mean, PRIORS.level_sd)
    np.testing.assert_allclose(found[PLACE], level + np.stack([floor, known], axis=1))


def test_the_mean_of_pooled_families_is_integrated_out() -> None:
    own, posterior, draws = fit(1, 20, families=4)
    found = log_priors(posterior, draws, own, PRIORS, families=3)[PERSISTENT][:, 0]
    own_walk = norm.logpdf(np.log(draws.own_walk[:, 0]), PRIORS.own_walk, PRIORS.own_walk_sd)
    for sample in range(3):
        walks = np.log(posterior["family_walk"].values[0, sample, :3])  # the fourth family is padding

        def joint(mean: float, walks: np.ndarray = walks) -> float:
            around = norm.pdf(walks, mean, PRIORS.volatility).prod()
            return float(around * norm.pdf(mean, PRIORS.shared_walk, PRIORS.shared_walk_sd))

        expected = np.log(quad(joint, PRIORS.shared_walk - 3, PRIORS.shared_walk + 3)[0])
        assert found[sample] - own_walk[sample] == pytest.approx(expected, abs=1e-6)


def test_samples_run_over_chains_then_draws() -> None:
    own, posterior, draws = fit(3, 7)
    np.testing.assert_array_equal(draws.curvature[7:14], posterior["curvature"].values[1, :, 0])
    found = log_priors(posterior, draws, own, PRIORS)[GROWTH][:, 0]
    second = posterior.isel(chain=[1])
    alone = log_priors(second, Draws.of(second, own), own, PRIORS)[GROWTH][:, 0]
    np.testing.assert_allclose(found[7:14], alone)


def test_forecasts_that_rest_on_a_prior_are_found() -> None:
    """`open` is made of curvature, `choice` of its own floor; noise rests on nothing."""
    own, posterior, draws = fit()
    scores = np.random.default_rng(1).uniform(0.4, 0.6, (2000, 2, 2))
    scores[:, 1, 0] = 0.5 + 0.3 * draws.curvature
    scores[:, 1, 1] = draws.floor[:, 1]
    table = forecast_sensitivity(forecast_of(scores), posterior, draws, own, PRIORS)
    assert len(table) == 5 * 2 * 2 and not table.duplicated(["target", "benchmark", "prior"]).any()
    assert set(table["prior"]) == {GROWTH, PERSISTENT, PASSING, PLACE, EVALUATIONS}
    resting = resting_on_priors(table)
    assert set(zip(resting["target"], resting["benchmark"], resting["prior"], strict=True)) == {
        ("far", "open", GROWTH),
        ("far", "choice", PLACE),
    }
    width = resting.set_index("prior")[["width_half", "width_twice"]]
    assert (width["width_half"] > 0).all() and (width["width_twice"] < 0).all()  # draws are the priors' here
    was = np.diff(np.quantile(scores[:, 1, 0], [0.05, 0.95]))[0]
    assert width.loc[GROWTH, "width_twice"] / was == pytest.approx(2**-0.5 - 1, abs=0.06)


def test_a_forecast_of_another_fit_is_refused() -> None:
    own, posterior, draws = fit(2, 50)
    fitted = BayesianCOD()
    assert isinstance(fitted, Checked)
    fitted._evidence, fitted._draws, fitted._tree = own, draws, {"posterior": posterior}  # type: ignore[assignment]
    with pytest.raises(InputError, match="the forecast has 30 draws and this fit 100"):
        fitted.prior_sensitivity(forecast_of(np.full((30, 2, 2), 0.5)))
