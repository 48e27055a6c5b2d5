"""Rivals of Bayesian COD: the guess of two lines, item response, and point methods on equivalent compute."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from bayes_cod import laws, registry
from bayes_cod.errors import InputError
from bayes_cod.forecasts import Forecaster
from bayes_cod.ladder import Ladder, Target

PARAMS, TOKENS = np.array([1e8, 4e8, 1e9, 4e9]), np.full(4, 3e11)


def ladder(slope: float = 1.5) -> Ladder:
    """Questions along Rasch's law in log equivalent compute, all rungs trained on as many tokens."""
    rng = np.random.default_rng(0)
    axis = np.log10(laws.equivalent_compute(PARAMS, TOKENS))
    difficulty = np.linspace(-3, 3, 80)
    names = [f"m{i}" for i in range(4)]
    models = pd.DataFrame(
        {"model": names, "family": "fam", "params": PARAMS, "tokens": TOKENS, "flops": 6 * PARAMS * TOKENS}
    ).assign(is_final=True)
    p = expit(slope * (axis - axis[-1])[None, :] - difficulty[:, None])
    rows = [
        {
            "benchmark": "b",
            "question_id": f"q{q}",
            "model": name,
            "n_trials": 200,
            "n_correct": rng.binomial(200, p[q, m]),
        }
        for q in range(80)
        for m, name in enumerate(names)
    ]
    return Ladder("made", models, pd.DataFrame({"benchmark": ["b"], "chance": [0.0]}), items=pd.DataFrame(rows))


TARGET = Target("t", 6 * 2e10 * 3e11, params=2e10, tokens=3e11)


def test_item_response_finds_its_own_law_on_its_own_axis() -> None:
    axis = np.log10(laws.equivalent_compute(np.append(PARAMS[-1], 2e10), 3e11))
    truth = expit(1.5 * (axis[1] - axis[0]) - np.linspace(-3, 3, 80)).mean()
    found = registry.make("irt@equivalent", 0).fit(ladder()).forecast([TARGET])
    assert float(found.draws["score"].item()) == pytest.approx(truth, abs=0.02)
    assert found.facts["axis"] == "equivalent compute"
    nominal = registry.make("irt", 0).fit(ladder()).forecast([TARGET])
    assert float(nominal.draws["score"].item()) > truth  # 6ND sees the last decades as if nothing slowed down


def test_a_plain_method_on_equivalent_compute_is_itself_with_other_flops() -> None:
    made = ladder()
    moved = replace(made, models=made.models.assign(flops=laws.equivalent_compute(PARAMS, TOKENS)))
    target = replace(TARGET, flops=float(laws.equivalent_compute(2e10, 3e11)))
    on_axis = registry.make("exponential@equivalent", 0).fit(made).forecast([TARGET])
    plain = registry.make("exponential", 0).fit(moved).forecast([target])
    assert float(on_axis.draws["score"].item()) == pytest.approx(float(plain.draws["score"].item()))
    assert registry.make("exponential@equivalent+bootstrap", 0).fit(made).forecast([TARGET]).is_distribution
    with pytest.raises(InputError, match="needs params and tokens"):
        registry.make("exponential@equivalent", 0).fit(made).forecast([Target("bare", 1e23)])
    with pytest.raises(InputError, match="needs size and tokens of every rung"):
        registry.make("exponential@equivalent", 0).fit(replace(made, models=made.models.assign(tokens=np.nan)))


def test_two_lines_stay_or_rise() -> None:
    made = registry.make("two-lines", 0).fit(ladder())
    assert isinstance(made, Forecaster)
    last = ladder().truth("m3", "b")
    flops = float(ladder().models["flops"].iloc[-1])
    near, far = (made.forecast([Target("t", flops * 10**x)]).draws["score"].values.ravel() for x in (0.1, 1.5))
    for sample, x in ((near, 0.1), (far, 1.5)):
        assert np.mean(sample == last) == pytest.approx(np.exp(-x), abs=0.04)
        assert sample.min() == last and sample.max() <= 1
