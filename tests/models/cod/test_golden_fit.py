"""A fit of a fixed ladder gives the posterior that a long run gave, within Monte-Carlo error.

Made anew, after a change of the model or its priors that is meant, with ``python tests/models/cod/test_golden_fit.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import arviz as az
import numpy as np
import pytest
from bayes_ladders import count_ladder, law_rates

from bayes_cod.models.cod.forecaster import BayesianCOD
from bayes_cod.models.cod.grouping import GroupingSettings
from bayes_cod.models.sampling import SamplerSettings

GOLDEN = Path(__file__).with_name("golden_fit.json")
DECADES = np.array([-1.6, -1.1, -0.7, -0.3, 0.0])
LEVELS = {"easy": 1.2, "middle": 0.3, "hard": -0.8}
LONG = SamplerSettings(draws=6_000, tune=1_500, chains=4, target_accept=0.97)
STANDARD_ERRORS = 4


def fit(sampler: SamplerSettings | None = None) -> BayesianCOD:
    rng = np.random.default_rng(11)
    rates = {
        name: law_rates(level + 0.5 * rng.standard_normal(150), 0.7, DECADES, 0.3) for name, level in LEVELS.items()
    }
    ladder = count_ladder(rates, DECADES, n_trials=10, seed=5)
    model = BayesianCOD(seed=3, grouping=GroupingSettings(clusters="none"), sampler=sampler).fit(ladder)
    assert model.gate_passed
    return model


def summary(model: BayesianCOD) -> dict[str, dict[str, float]]:
    """Mean of every quantity and its Monte-Carlo standard error."""
    data = model.posterior["posterior"].to_dataset()
    found: dict[str, dict[str, float]] = {}

    def add(name: str, values: np.ndarray) -> None:
        by_chain = np.asarray(values).reshape(data.sizes["chain"], -1)
        found[name] = {"mean": float(by_chain.mean()), "mcse": float(az.mcse(by_chain, method="mean"))}

    for name in ("slope_mean", "shared_walk", "own_walk", "own_luck", "hazard"):
        add(name, np.log(data[name].to_numpy()))
    add("curvature", data["curvature"].to_numpy()[..., 0])
    for b, benchmark in enumerate(LEVELS):
        add(f"slope of {benchmark}", model.draws.slope[:, b])
        add(f"level of {benchmark}", model.draws.level[:, b])
        add(f"floor of {benchmark}", model.draws.floor[:, b])
    return found


@pytest.mark.slow
def test_the_posterior_is_that_of_the_long_run() -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    now = summary(fit())
    assert set(now) == set(golden)
    for name, own in now.items():
        error = np.hypot(own["mcse"], golden[name]["mcse"])
        assert abs(own["mean"] - golden[name]["mean"]) <= STANDARD_ERRORS * error, (name, own, golden[name])


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(summary(fit(LONG)), indent=2) + "\n", encoding="utf-8")
