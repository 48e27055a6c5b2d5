from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import reference_laws
from synthetic import FLOPS, TARGET, item_ladder, models

from bayes_cod import laws
from bayes_cod.difficulty import ImprovedMeanShift
from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.published import COD, Filter, make
from bayes_cod.published.fitting import LawFit, fit_laws
from bayes_cod.published.mapping import quartic_map, spline_map

C = FLOPS / 1e18
KINDS = [(9.0, 0.30, 0.05, 0.0), (40.0, 0.40, 0.10, 0.0), (120.0, 0.45, 0.0, 0.0)]
"""(a, b, c, g) of three kinds of questions, in the paper's unit."""
METHODS = ["cod", "cod-quartic", "cod-nomap", "cod-kmeans", "cod-dbscan", "cod-meanshift", "cod-ikmeans"]


def questions(per_kind: int = 40) -> np.ndarray:
    return np.repeat([reference_laws.cod(C, *kind) for kind in KINDS], per_kind, axis=0)


def truth() -> float:
    return float(np.mean([reference_laws.cod(TARGET.flops / 1e18, *kind) for kind in KINDS]))


@pytest.mark.parametrize("n_rungs", [6, 8])
@pytest.mark.parametrize(("a", "b", "c", "g"), [*KINDS, (9.0, 0.3, 0.2, 0.25), (3.0, 0.15, 0.0, 0.1)])
def test_law_is_recovered_from_exact_pass_rates(n_rungs: int, a: float, b: float, c: float, g: float) -> None:
    x = laws.decades(FLOPS[:n_rungs], FLOPS[n_rungs - 1])
    fit = fit_laws(x, reference_laws.cod(C[:n_rungs], a, b, c, g)[None], free_c=True, chance=None)[0]
    assert fit.rss < 1e-9
    near = C[n_rungs - 1] * 5
    assert fit(np.log10([5.0]))[0] == pytest.approx(reference_laws.cod(near, a, b, c, g), abs=2e-3)


def test_parameters_come_back_where_the_ladder_determines_them() -> None:
    c = np.logspace(0, 7, 15)
    x = np.log10(c / c[-1])
    fit = fit_laws(x, reference_laws.cod(c, 8.0, 0.4, 0.2, 0.15)[None], free_c=True, chance=None)[0]
    found_a, found_b = laws.from_decades(fit.alpha, fit.beta, c[-1], unit=1.0)
    np.testing.assert_allclose([found_a, found_b, fit.c, fit.g], [8.0, 0.4, 0.2, 0.15], rtol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_complete_method_on_questions_that_obey_the_law(method: str) -> None:
    fitted = make(method, 0).fit(item_ladder(questions()))
    assert fitted.points([TARGET])[0, 0] == pytest.approx(truth(), abs=0.01)
    np.testing.assert_allclose(fitted.solutions_[0].fitted, fitted.problems_[0].score, atol=0.006)


def test_predictable_share_leaves_out_flat_and_irregular_questions() -> None:
    rng = np.random.default_rng(0)
    flat = np.tile(np.full(8, 0.5), (30, 1))
    irregular = rng.uniform(size=(20, 8))
    never = np.zeros((10, 8))
    rates = np.concatenate([questions(), flat, irregular, never])
    method = make("cod", 0).fit(item_ladder(rates))
    facts = method.solutions_[0].facts
    assert facts["predictable_share"] == pytest.approx(120 / 180)
    assert facts["n_clusters"] == 4
    assert facts["n_extrapolated"] == 3
    assert "sampled" not in facts
    few_seeds = COD(ImprovedMeanShift(max_seeds=20)).fit(item_ladder(rates))
    assert "from a sample of the questions" in few_seeds.solutions_[0].facts["sampled"]


def test_nothing_extrapolates_falls_back_on_one_law_and_says_so() -> None:
    method = make("cod", 0).fit(item_ladder(np.tile(np.full(8, 0.5), (30, 1))))
    assert method.points([TARGET])[0, 0] == pytest.approx(0.5, abs=1e-3)
    assert method.solutions_[0].facts["fallback"].startswith("no cluster passes the filter")


def test_filter_has_the_papers_thresholds_in_a_unit_that_moves_with_the_ladder() -> None:
    def fit_of(a: float, b: float, c: float, flops: np.ndarray, unit: float) -> LawFit:
        alpha, beta = reference_laws.to_decades(a, b, flops[-1], unit)
        return LawFit(float(alpha), float(beta), c, 0.0, 4, 0.0)

    for factor in (1.0, 1e3):
        flops = FLOPS * factor
        unit = flops[0] / 40
        keep = Filter()
        assert keep.unit_for(flops[0]) == unit
        assert keep.keeps(fit_of(1.01, 0.2, 0.1, flops, unit), flops)
        assert not keep.keeps(fit_of(0.99, 0.2, 0.1, flops, unit), flops)
        assert not keep.keeps(fit_of(5.0, 0.09, 0.1, flops, unit), flops)
        assert not keep.keeps(fit_of(5.0, 0.2, 1.0, flops, unit), flops)
    law = fit_of(1.01, 0.2, 0.1, FLOPS, 1e18)
    assert Filter(unit=1e18).keeps(law, FLOPS)
    assert not Filter(unit=1e22).keeps(law, FLOPS)  # a shrinks by unit ** -b


def test_anchor_informs_the_map() -> None:
    irregular = np.random.default_rng(0).uniform(0, 0.5, (60, 8))  # no cluster, and the anchor has them all
    rates = np.concatenate([questions(), irregular])
    ladder = item_ladder(rates)
    strong = item_ladder(np.full((len(rates), 1), 0.97), flops=np.array([3e24]))
    strong = Ladder(
        "anchor",
        models(np.array([3e24])).assign(model="anchor", family="other"),
        strong.benchmarks,
        items=strong.items.assign(model="anchor"),
    )
    without = COD().fit(ladder, pool=strong).points([TARGET])[0, 0]
    with_anchor = COD(anchor="anchor").fit(ladder, pool=strong).points([TARGET])[0, 0]
    assert with_anchor > without + 0.01


def test_items_are_needed() -> None:
    ladder = item_ladder(questions(10))
    bare = Ladder("scores only", ladder.models, ladder.benchmarks, scores=ladder.observed_scores.assign(is_final=True))
    with pytest.raises(InputError, match="items table"):
        make("cod", 0).fit(bare)


@pytest.mark.parametrize(("n_trials", "warned"), [(1, True), (9, True), (10, False)])
def test_few_trials_are_warned_of(n_trials: int, warned: bool) -> None:
    method = make("cod", 0).fit(item_ladder(questions(), n_trials=n_trials))
    assert ("warning" in method.solutions_[0].facts) is warned


def test_neighbouring_checkpoints_are_pooled_on_request() -> None:
    ladder = item_ladder(questions(10), n_trials=20)
    final = ladder.items.assign(checkpoint=np.nan)
    before = final.assign(n_correct=0, n_trials=10, checkpoint=1.0)
    both = replace(ladder, items=pd.concat([final, before], ignore_index=True))
    plain, smoothed = (COD(smooth=smooth).problems(both)[0] for smooth in (False, True))
    np.testing.assert_array_equal(plain.n_trials, 20)
    np.testing.assert_array_equal(smoothed.n_trials, 30)
    np.testing.assert_array_equal(smoothed.n_correct, plain.n_correct)
    np.testing.assert_allclose(smoothed.score, plain.score * 20 / 30)
    same = COD(smooth=True).problems(ladder)[0]
    np.testing.assert_array_equal(same.n_correct, plain.n_correct)


def test_unknown_mapping_is_named() -> None:
    with pytest.raises(InputError, match="mapping must be 'spline', 'quartic' or 'none', got 'cubic'"):
        COD(mapping="cubic")


def test_quartic_map_recovers_a_monotone_quartic() -> None:
    increments = np.array([0.1, 0.2, 0.3, 0.4])
    x = np.linspace(0.05, 0.9, 8)

    def quartic(s: np.ndarray) -> np.ndarray:
        w = np.cumsum(np.r_[0.0, increments])
        binomials = [1, 4, 6, 4, 1]
        return sum(w[k] * binomials[k] * s**k * (1 - s) ** (4 - k) for k in range(5))

    found = quartic_map(x, quartic(x))
    grid = np.linspace(0, 1, 50)
    np.testing.assert_allclose(found(grid), quartic(grid), atol=1e-5)
    # the paper's parametrisation: f(0) = 0, f(1) = 1, degree 4
    coefficients = np.polynomial.polynomial.polyfit(grid, found(grid), 4)
    assert coefficients[0] == pytest.approx(0.0, abs=1e-7)
    assert coefficients.sum() == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("make_map", [spline_map, quartic_map])
def test_maps_pass_through_the_corners_and_never_fall(make_map) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        n = int(rng.integers(1, 9))
        subset, full = np.sort(rng.uniform(size=n)), np.sort(rng.uniform(size=n))
        found = make_map(subset, full)
        values = found(np.linspace(0, 1, 201))
        assert values[0] == pytest.approx(0.0, abs=1e-3)
        assert values[-1] == pytest.approx(1.0, abs=1e-3)
        assert np.diff(values).min() > -1e-5


def test_spline_map_is_smooth_until_the_threshold_forces_it() -> None:
    x = np.linspace(0.05, 0.9, 10)
    y = x**2 * (3 - 2 * x)  # one cubic through both corners
    np.testing.assert_allclose(spline_map(x, y)(x), y, atol=1e-3)
    wiggly = x + 0.03 * np.sin(12 * x)
    assert np.sqrt(np.mean((spline_map(x, wiggly)(x) - wiggly) ** 2)) < 0.005
    assert np.sqrt(np.mean((spline_map(x, wiggly, rmse=0.1)(x) - wiggly) ** 2)) > 0.005
