"""Learning a prior: what a family tells, what families tell together, and which families are asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import pytest
from bayes_ladders import count_ladder, law_rates
from prior_fakes import SLOPES, FakeFit, learnt

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.cod import learning
from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.learning import HYPERPARAMETERS, Told, combine, fit_family, learn, lessons, told
from bayes_cod.models.cod.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import SamplerSettings
from bayes_cod.registry import make

CENTRE, SD = -0.7, 0.6
RATES = {name: law_rates(np.linspace(-0.5, 0.5, 12), 0.6, np.array([-1.0, -0.5, 0.0])) for name in ("x@cold", "y")}


def family(name: str, *, rungs: int = 3, ladder: str = "pool") -> Ladder:
    """One family's ladder of two benchmarks; models are named after it."""
    made = count_ladder(RATES, np.array([-1.0, -0.5, 0.0]), n_trials=5)
    made = made.select(models=list(made.models["model"])[:rungs])
    assert made.items is not None
    return replace(
        made,
        name=ladder,
        models=made.models.assign(family=name, model=f"{name}-" + made.models["model"]),
        items=made.items.assign(model=f"{name}-" + made.items["model"]),
    )


def source(name: str, slope: float, sd: float = 0.1) -> Source:
    return Source(name, "pool", "0" * 64, (f"{name}-m0",), 2, {"slope_mean": (slope, sd)})


# ---------------------------------------------------------------- one family


@pytest.mark.parametrize(("mean", "sd"), [(-0.3, 0.2), (-2.5, 0.4), (-0.7, 0.05)])
def test_the_prior_is_divided_out_of_a_posterior(mean: float, sd: float) -> None:
    precision = 1 / sd**2 + 1 / SD**2
    centre = (mean / sd**2 + CENTRE / SD**2) / precision
    draws = np.random.default_rng(0).normal(centre, precision**-0.5, (4, 5000))
    found = told(draws, CENTRE, SD)
    assert found is not None
    assert found.mean == pytest.approx(mean, abs=0.05 * max(sd, 0.2))
    assert found.sd == pytest.approx(sd, rel=0.05)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.3, 0.0), (0.97, 0.0), (0.5, 2.0)])
def test_a_posterior_as_wide_as_the_prior_or_badly_mixed_tells_nothing(scale: float, shift: float) -> None:
    draws = np.random.default_rng(1).normal(CENTRE, scale * SD, (4, 2000))
    draws[0] += shift  # a chain that went elsewhere
    assert told(draws, CENTRE, SD) is None


# ---------------------------------------------------------------- families together


def test_without_a_family_the_shipped_prior_comes_back() -> None:
    assert combine([], CENTRE, SD)[:2] == (CENTRE, SD)
    nothing = combine([Told(CENTRE + 5 * SD, 1e4 * SD)], CENTRE, SD)  # a family that knows nothing is no family
    assert nothing.mean == pytest.approx(CENTRE, abs=1e-3)
    assert nothing.sd == pytest.approx(SD, rel=0.01)


@pytest.mark.parametrize(("k", "least", "most"), [(1, 0.4, 0.5), (2, 0.6, 0.75), (10, 0.95, 1.0)])
def test_few_families_move_the_centre_a_part_of_the_way_and_many_all_of_it(k: int, least: float, most: float) -> None:
    found = combine([Told(CENTRE + SD, 0.01 * SD)] * k, CENTRE, SD)
    assert least < (found.mean - CENTRE) / SD < most


@pytest.mark.parametrize("k", [1, 2, 3, 6, 40])
def test_families_that_agree_narrow_it_no_more_than_so_many_can_tell(k: int) -> None:
    found = combine([Told(CENTRE, 0.05 * SD)] * k, CENTRE, SD)
    assert max(0.5, np.sqrt(2 / (2 + k))) * SD - 1e-12 <= found.sd < SD
    assert found.n == k


def test_families_that_differ_widen_it_unless_it_is_held() -> None:
    apart = [Told(CENTRE + sign * 4 * SD, 0.1 * SD) for sign in (-1, 1)]
    free, held = combine(apart, CENTRE, SD), combine(apart, CENTRE, SD, held=True)
    assert free.sd > 1.5 * SD and free.between > SD
    assert held.sd == SD and held.mean == free.mean == pytest.approx(CENTRE)


def test_many_families_give_their_mean_and_spread() -> None:
    rng = np.random.default_rng(2)
    values, noise = rng.normal(1.0, 0.5, 300), 0.3
    found = combine([Told(v + noise * z, noise) for v, z in zip(values, rng.normal(size=300), strict=True)], CENTRE, SD)
    assert found.mean == pytest.approx(1.0, abs=4 * np.hypot(0.5, noise) / np.sqrt(300))
    assert found.sd == pytest.approx(0.5, rel=0.25)


def test_the_estimate_is_that_of_brute_force() -> None:
    """Importance sampling from the two-level model's prior gives the same two moments."""
    evidence = [Told(0.1, 0.3), Told(-1.6, 0.2), Told(0.4, 0.5)]
    rng = np.random.default_rng(3)
    mu = rng.normal(CENTRE, SD / np.sqrt(3), 400_000)
    tau = rng.lognormal(np.log(SD * np.sqrt(2 / 3)) - 0.25, 0.5, mu.size)
    assert np.mean((rng.normal(mu, tau) - CENTRE) ** 2) == pytest.approx(SD**2, rel=0.02)  # the shipped prior
    logs = sum(-0.5 * ((y - mu) ** 2 / (tau**2 + s**2) + np.log(tau**2 + s**2)) for y, s in evidence)
    weight = np.exp(logs - np.max(logs))
    new = rng.normal(mu, tau)
    mean = np.average(new, weights=weight)
    found = combine(evidence, CENTRE, SD)
    assert found.mean == pytest.approx(mean, abs=0.02)
    assert found.sd == pytest.approx(np.sqrt(np.average((new - mean) ** 2, weights=weight)), rel=0.03)


# ---------------------------------------------------------------- the prior


def test_both_widths_of_the_slope_are_scaled_alike_and_the_rest_stays() -> None:
    shipped = Priors()
    found = learn([source(name, slope) for name, slope in SLOPES.items()]).priors
    assert shipped.slope_mean < found.slope_mean < max(SLOPES.values())
    assert found.family_spread / found.slope_sd == pytest.approx(shipped.family_spread / shipped.slope_sd)
    changed = {name for name, value in asdict(found).items() if value != pytest.approx(getattr(shipped, name))}
    assert changed == {"slope_mean", "slope_sd", "family_spread"}


@pytest.mark.parametrize("h", HYPERPARAMETERS, ids=lambda h: h.name)
def test_every_hyperparameter_reaches_its_own_values(h: learning.Hyperparameter) -> None:
    shipped = Priors()
    sources = [
        Source(str(i), "pool", "0" * 64, (f"m{i}",), 1, {h.name: (h.centre(shipped) + h.sd(shipped), 0.01)})
        for i in range(6)
    ]
    found = learn(sources).priors
    assert h.centre(found) > h.centre(shipped) + 0.7 * h.sd(shipped)
    assert h.sd(found) == pytest.approx(0.5 * h.sd(shipped), rel=0.2)
    changed = {name for name, value in asdict(found).items() if value != pytest.approx(getattr(shipped, name))}
    assert changed == {h.name, *h.widths}


def test_no_family_is_an_error_with_the_reasons() -> None:
    with pytest.raises(InputError, match="no family could teach a prior: a of pool: 2 rungs"):
        learn([], [LeftOut("a", "pool", "2 rungs")])


# ---------------------------------------------------------------- ladders


@pytest.mark.parametrize(
    ("families", "benchmarks", "expected"),
    [
        ((), (), [("a", 2), ("c", 2)]),
        (("c",), (), [("c", 2)]),
        ((), ("x",), [("a", 1), ("c", 1)]),
        ((), ("y", "x@cold"), [("a", 2), ("c", 2)]),
    ],
)
def test_lessons_are_families_of_three_rungs(
    families: Sequence[str], benchmarks: Sequence[str], expected: list[tuple[str, int]]
) -> None:
    found, left_out = lessons([family("a"), family("b", rungs=2), family("c", ladder="two")], families, benchmarks)
    assert [(one.family, len(one.ladder.benchmark_names)) for one in found] == expected
    assert [one.family for one in left_out] == ([] if families else ["b"])


@pytest.mark.parametrize(
    ("names", "families", "benchmarks", "message"),
    [
        (("a", "b"), ("nobody",), (), "unknown family 'nobody'; the ladders have: a, b"),
        (("a", "b"), (), ("nothing",), "unknown benchmark 'nothing'"),
        (("a", "a"), (), (), "'a-m0' is in pool and in pool; its results would count twice"),
    ],
)
def test_lessons_that_are_refused(
    names: Sequence[str], families: Sequence[str], benchmarks: Sequence[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        lessons([family(name) for name in names], families, benchmarks)


def test_a_family_tells_what_its_fit_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "BayesianCOD", FakeFit)
    (lesson,), _ = lessons([family("alpha")])
    found = fit_family(lesson, seed=0)
    assert isinstance(found, Source)
    assert (found.family, found.ladder, found.models) == ("alpha", "pool", ("alpha-m0", "alpha-m1", "alpha-m2"))
    assert found.sha256 == lesson.ladder.data_hash()
    assert set(found.told) == {"slope_mean"}  # of the others the fake knows no more than the prior
    sd = (1 / 0.1**2 - 1 / np.hypot(0.5, 0.3) ** 2) ** -0.5
    assert found.told["slope_mean"][1] == pytest.approx(sd, rel=0.05)
    assert found.told["slope_mean"][0] == pytest.approx(SLOPES["alpha"] + 0.0525, abs=0.02)  # off the prior's centre


@pytest.mark.parametrize(
    ("name", "reason"), [("refused", "refused by the convergence gate (1 diagnostics failed)"), ("unusable", "items")]
)
def test_a_family_that_fails_is_left_out_with_its_reason(
    name: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "BayesianCOD", FakeFit)
    (lesson,), _ = lessons([family(name)])
    found = fit_family(lesson, seed=0)
    assert isinstance(found, LeftOut)
    assert found.family == name and reason in found.reason


# ---------------------------------------------------------------- in a forecast


def test_a_learnt_prior_reaches_the_model_from_its_record_too() -> None:
    prior = learnt()
    for made in (BayesianCOD(priors=prior), make("bayes-cod", 0, priors=prior.record())):
        assert isinstance(made, BayesianCOD)
        assert made.priors == prior.priors and made.learnt == prior


def test_a_pool_that_taught_the_prior_is_refused_before_sampling() -> None:
    with pytest.raises(InputError, match="the family 'old', which is in the pool too"):
        BayesianCOD(priors=learnt()).fit(family("new"), pool=family("old"))


@pytest.mark.slow
def test_a_forecast_warns_of_a_prior_that_knows_the_family() -> None:
    sampler = SamplerSettings(draws=50, tune=100, chains=2, cores=2)
    warned = {}
    for name in ("old", "new"):
        fitted = BayesianCOD(priors=learnt(), sampler=sampler).fit(family(name))
        facts = fitted.forecast([Target("t", 1e22, name)]).facts
        warned[name] = any("learnt from the family 'old'" in text for text in facts["warnings"])
        assert facts["settings"]["priors"]["slope_mean"] == -0.4
        assert facts["settings"]["prior_learnt_from"][0]["family"] == "old"
    assert warned == {"old": True, "new": False}


def test_the_record_of_a_prior_is_all_of_it() -> None:
    prior = learn(
        [source(name, slope) for name, slope in SLOPES.items()], [LeftOut("z", "pool", "2 rungs")], {"seed": 1}
    )
    assert LearntPrior.of(prior.record()) == prior
