"""The likelihood of scores in one pass: the formula of the model, and its derivatives."""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.link.numba.dispatch.basic import numba_funcify_and_cache_key

from bayes_cod import laws
from bayes_cod.models.common.with_gradient import version_of
from bayes_cod.models.flp.likelihood import DEGREES, DERIVED, Scores, log_likelihood

ROWS, WIDE = 7, 5
CEILING = np.array([0.04, 0.04, 0.001, 0.02, 0.0])

type Arrays = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def scores() -> Arrays:
    """Some far below their rise, some far off their curve, some not seen, rows of several weights."""
    rng = np.random.default_rng(0)
    eta = 3 * rng.normal(size=(ROWS, WIDE)) - 1
    eta[0] = -12.0
    score = np.clip(0.25 + 0.7 / (1 + np.exp(-eta)) + 0.05 * rng.standard_t(3, size=eta.shape), 0, 1)
    return {
        "eta": eta,
        "floor": np.array([0.25, 0.25, 0.5, 0.004, 0.0004]),
        "scatter": 0.03 * np.exp(rng.normal(size=WIDE)),
        "walk": np.sqrt(np.linspace(2, 0, ROWS)),
        "score": score,
        "seen": (rng.random(eta.shape) > 0.2) * np.linspace(0.3, 1, ROWS)[:, None],
        "least": np.array([1e-3, 0.2, 1e-3, 1e-3, 1e-4]),
    }


def formula(eta: Any, floor: Any, scatter: Any, walk: Any, scores: Arrays, skew: float) -> Any:
    """The same likelihood, which PyTensor derives by itself."""
    share, slope = laws.skewed_sigmoid_and_slope(eta, skew)
    span = (1 - floor) * (1 - CEILING)
    mean = floor + span * share
    variance = scatter**2 * pt.maximum(mean * (1 - mean), scores["least"]) + (walk[:, None] * span * slope) ** 2
    tails = (DEGREES + 1) * pt.log(variance + (scores["score"] - mean) ** 2 / DEGREES)
    return (scores["seen"] * 0.5 * (DEGREES * pt.log(variance) - tails)).sum()


@pytest.mark.parametrize("mode", ["NUMBA", "FAST_COMPILE"])
@pytest.mark.parametrize("skew", [1.0, 0.3])
def test_it_is_the_formula_and_its_derivatives(scores: Arrays, skew: float, mode: str) -> None:
    at = [pt.as_tensor_variable(scores[name]).type(name) for name in DERIVED]
    ours = log_likelihood(*at, scores["score"], scores["seen"], scores["least"], CEILING, skew)
    theirs = formula(*at, scores, skew)
    function = pytensor.function(at, [ours, *pt.grad(3 * ours, at)], mode=mode)
    reference = pytensor.function(at, [theirs, *pt.grad(3 * theirs, at)], mode="FAST_COMPILE")
    values = [scores[name] for name in DERIVED]
    for found, expected in zip(function(*values), reference(*values), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("skew", [1.0, 0.3])
def test_it_is_finite_wherever_a_chain_may_start(scores: Arrays, skew: float) -> None:
    at = [pt.as_tensor_variable(scores[name]).type(name) for name in DERIVED]
    ours = log_likelihood(*at, scores["score"], scores["seen"], scores["least"], CEILING, skew)
    function = pytensor.function(at, [ours, *pt.grad(ours, at)])
    for far in (-1000.0, -40.0, 40.0, 1000.0):
        found = function(np.full((ROWS, WIDE), far), *(scores[name] for name in DERIVED[1:]))
        assert all(np.isfinite(value).all() for value in found)


def test_a_gradient_is_not_derived_further(scores: Arrays) -> None:
    at = [pt.as_tensor_variable(scores[name]).type(name) for name in DERIVED]
    ours = log_likelihood(*at, scores["score"], scores["seen"], scores["least"], CEILING, 1.0)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        pt.grad(pt.grad(ours, at[0]).sum(), at[1])


def test_compiled_code_is_kept_by_a_key() -> None:
    op = Scores()
    assert numba_funcify_and_cache_key(op)[1] == numba_funcify_and_cache_key(Scores())[1]


def test_compiled_code_changes_with_what_it_was_compiled_from() -> None:
    version = version_of("bayes_cod.models.flp.likelihood", 5)
    assert version == version_of("bayes_cod.models.flp.likelihood", 5)
    assert len({version, version_of("bayes_cod.models.flp.likelihood", 6), version_of("bayes_cod.laws", 5)}) == 3
