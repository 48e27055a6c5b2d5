"""Learning how far scores leave their curves: what forecasts of earlier ladders tell, and what they tell together."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
import pytest
from flp_ladders import BENCHMARKS, loss_ladder, pool_ladder
from scipy.stats import truncnorm

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.methods import make
from bayes_cod.models.flp import learning
from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.learning import COMMON, COMMON_SD, HELD, NEEDED_RUNGS, WALKS, combine, fit_family, learn
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.lessons import Lesson, lessons

SMOOTH = {0.03: 0.0, 0.15: -4.0, 0.6: -12.0, 2.0: -25.0}
ABRUPT = {0.03: -60.0, 0.15: -30.0, 0.6: -8.0, 2.0: 0.0}


def source(name: str, log_scores: dict[float, float]) -> Source:
    return Source(name, "pool", "0" * 64, (f"{name}-m0",), 4, log_scores=log_scores)


class FakeFit:
    """Stands for `BayesianFLP`: forecasts are the better the nearer the walk is to 0.15, one score is missed by far."""

    fits: list[Ladder]
    forecast: list[list[str]]

    def __init__(self, seed: int, *, priors: Priors, sampler: Any, retry: bool) -> None:
        assert not retry and priors.own_walk_sd == HELD
        self.off = abs(priors.own_walk_more - np.log(0.15))

    def fit(self, ladder: Ladder) -> Self:
        if ladder.losses is None:
            raise InputError("has no losses")
        self.fits.append(ladder)
        return self

    def log_density(self, targets: list[Target], scores: pd.DataFrame) -> np.ndarray:
        self.forecast.append([one.name for one in targets])
        assert [str(name) for name in scores.index] == [one.name for one in targets]
        density = np.full(scores.shape, 2.0 - self.off)
        density[:, 0] = -500.0
        return density


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeFit]:
    FakeFit.fits, FakeFit.forecast = [], []
    monkeypatch.setattr(learning, "BayesianFLP", FakeFit)
    return FakeFit


def lesson(ladder: Ladder) -> Lesson:
    (found,), _ = lessons([ladder], fewest_rungs=NEEDED_RUNGS)
    return found


def test_the_next_size_is_forecast_from_the_smaller_ones_under_every_walk(fake: type[FakeFit]) -> None:
    found = fit_family(lesson(loss_ladder()), seed=0, cuts=1)
    assert isinstance(found, Source)
    assert len(fake.fits) == len(WALKS)
    assert all(fitted.rungs()["params"].max() == 4e8 for fitted in fake.fits)
    assert fake.forecast == [["fam-8e+08-10", "fam-8e+08-40"]] * len(WALKS)
    best = max(found.log_scores, key=lambda size: found.log_scores[size])
    assert best == 0.15 and set(found.log_scores) == set(WALKS)
    # four benchmarks: three at a log density of 2, and one that a uniform density bounds; two models count as one
    assert found.log_scores[0.15] == pytest.approx(3 * np.log(0.99 * np.exp(2) + 0.01) + np.log(0.01))


def test_two_cuts_are_used_and_progress_is_told(fake: type[FakeFit]) -> None:
    told: list[tuple[int, int]] = []
    found = fit_family(lesson(loss_ladder()), seed=0, progress=lambda done, total: told.append((done, total)))
    assert isinstance(found, Source)
    assert told == [(number, 2 * len(WALKS)) for number in range(2 * len(WALKS))]
    assert {float(fitted.rungs()["params"].max()) for fitted in fake.fits} == {2e8, 4e8}
    assert found.sha256 == loss_ladder().data_hash() and found.n_benchmarks == len(BENCHMARKS)


def test_a_family_without_losses_is_left_out_with_the_reason(fake: type[FakeFit]) -> None:
    whole = loss_ladder()
    bare = Ladder(whole.name, whole.models, whole.benchmarks, scores=whole.scores)
    found = fit_family(lesson(bare), seed=0)
    assert isinstance(found, LeftOut) and "no losses" in found.reason and not fake.fits


def test_three_rungs_leave_nothing_to_forecast() -> None:
    found, left_out = lessons([loss_ladder(sizes=np.array([1e8]))], fewest_rungs=NEEDED_RUNGS)
    assert not found and "2 of the 4 rungs" in left_out[0].reason


# ---------------------------------------------------------------- families together


def test_without_a_family_only_what_is_assumed_of_families_is_left() -> None:
    found = combine([])
    assert COMMON < found.centre < np.log(WALKS[-1]) and 0.8 < found.spread < COMMON_SD
    level = combine([dict.fromkeys(WALKS, -3.0)] * 4)  # forecasts that are alike tell nothing
    assert level == pytest.approx(found, rel=0.01)


@pytest.mark.parametrize(("scores", "least", "most"), [(SMOOTH, 0.02, 0.15), (ABRUPT, 0.9, 3.0)])
def test_families_that_agree_say_how_large_walks_are(scores: dict[float, float], least: float, most: float) -> None:
    few, many, nothing = combine([scores]), combine([scores] * 6), combine([])
    assert least < np.exp(many.centre) < most
    assert abs(many.centre - nothing.centre) > abs(few.centre - nothing.centre)
    assert many.spread < few.spread < nothing.spread
    assert np.exp(combine([scores] * 40).centre) < max(scores)  # no larger than what was tried


def test_families_that_differ_leave_it_open() -> None:
    differ, agree = combine([SMOOTH, ABRUPT] * 2), combine([SMOOTH] * 4)
    assert differ.spread > 1.3 * agree.spread and differ.centre > agree.centre + 1.0


def test_the_estimate_is_that_of_brute_force() -> None:
    """Importance sampling from the two-level model gives the same distribution."""
    rng = np.random.default_rng(0)
    families = [SMOOTH, {0.03: -3.0, 0.15: 0.0, 0.6: -1.0, 2.0: -5.0}]
    n = 200_000
    mu = rng.normal(learning.COMMON, learning.COMMON_SD, n)
    tau = np.exp(rng.normal(learning.BETWEEN, learning.BETWEEN_SD, n))
    weight = np.ones(n)

    def inside(mu: np.ndarray, tau: np.ndarray) -> np.ndarray:
        low, high = (np.log(learning.LEAST) - mu) / tau, (np.log(2.0) - mu) / tau
        return np.asarray(truncnorm.rvs(low, high, loc=mu, scale=tau, random_state=rng))

    for one in families:
        theta = inside(mu, tau)
        weight *= np.exp(np.interp(theta, np.log(list(one)), list(one.values())))
    new = inside(mu, tau)
    mean = np.average(new, weights=weight)
    found = combine(families)
    assert found.centre == pytest.approx(0.5 * np.log(np.average(np.exp(2 * new), weights=weight)), abs=0.06)
    assert found.spread == pytest.approx(np.sqrt(np.average((new - mean) ** 2, weights=weight)), rel=0.06)


# ---------------------------------------------------------------- the prior and its use


def test_only_the_walks_are_learnt_and_the_record_is_all_of_it() -> None:
    prior = learn([source("a", SMOOTH), source("b", ABRUPT)], [LeftOut("c", "pool", "2 rungs")], {"seed": 1})
    values, shipped = prior.values(Priors), Priors()
    changed = {name for name in Priors.names() if getattr(values, name) != getattr(shipped, name)}
    walks = ("own_walk", "shared_walk")
    assert changed == {f"{walk}{part}" for walk in walks for part in ("", "_more")} | {"shared_walk_sd"}
    assert values.own_walk == values.shared_walk < shipped.own_walk and values.own_walk_sd == shipped.own_walk_sd
    assert prior.method == "bayes-flp" and LearntPrior.of(prior.record()) == prior


def test_no_family_is_an_error_with_the_reasons() -> None:
    with pytest.raises(InputError, match="no family could teach a prior: a of pool: 2 rungs"):
        learn([], [LeftOut("a", "pool", "2 rungs")])


def test_a_learnt_prior_reaches_the_model_from_its_record_too() -> None:
    prior = learn([source("old", SMOOTH)])
    for made in (BayesianFLP(priors=prior), make("bayes-flp", 0, priors=prior.record())):
        assert isinstance(made, BayesianFLP)
        assert made.priors == prior.priors and made.learnt == prior
        assert made.taught_by("old", []) and not made.taught_by("new", [])


def test_a_prior_of_another_method_is_refused() -> None:
    prior = learn([source("old", SMOOTH)])
    with pytest.raises(InputError, match="learnt for bayes-flp and not for bayes-cod"):
        make("bayes-cod", 0, priors=prior)


def test_a_pool_that_taught_the_prior_is_refused_before_sampling() -> None:
    pool = pool_ladder()
    prior = learn([source(sorted(pool.families)[0], SMOOTH)])
    with pytest.raises(InputError, match="which is in the pool too"):
        BayesianFLP(priors=prior).fit(loss_ladder(), pool=pool)
