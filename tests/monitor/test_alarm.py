"""The e-process: a martingale on healthy runs, and quick on troubled ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from bayes_cod.errors import InputError
from bayes_cod.monitor.alarm import log_e_process, log_ratios, not_begun, watch


@pytest.mark.parametrize("direction", ["worse", "both"])
def test_every_alternative_is_a_density(direction: str) -> None:
    count = log_ratios(np.zeros(1), direction).shape[1]  # type: ignore[arg-type]
    for place in range(count):

        def density(z: float, place: int = place) -> float:
            return float(np.exp(log_ratios(np.array([z]), direction)[0, place]) * norm.pdf(z))  # type: ignore[arg-type]

        assert quad(density, -30, 30, limit=200)[0] == pytest.approx(1, abs=1e-6)


def test_the_prior_of_the_beginning_sums_to_one() -> None:
    waiting = not_begun(np.arange(100_000))
    assert waiting[0] == 1
    assert (np.diff(waiting) < 0).all()
    assert waiting[-1] < 1e-5


def test_the_e_process_has_mean_one() -> None:
    values = np.exp(log_e_process(np.random.default_rng(0).normal(size=(40_000, 4))))
    error = values.std(axis=0) / np.sqrt(len(values))
    assert (np.abs(values.mean(axis=0) - 1) < 4.5 * error).all()


@pytest.mark.parametrize("direction", ["worse", "both"])
@pytest.mark.parametrize("level", [0.05, 0.2])
def test_false_alarms_stay_below_their_rate_at_every_time(level: float, direction: str) -> None:
    runs = 1500
    values = log_e_process(np.random.default_rng(1).normal(size=(runs, 250)), direction)  # type: ignore[arg-type]
    so_far = np.maximum.accumulate(values >= -np.log(level), axis=1).mean(axis=0)
    assert so_far.max() <= level + 3 * np.sqrt(level * (1 - level) / runs)


@pytest.mark.parametrize(("shift", "within"), [(1.0, 40), (2.0, 12), (3.0, 8)])
def test_a_run_that_gets_worse_is_noticed(shift: float, within: int) -> None:
    residuals = np.random.default_rng(2).normal(size=(200, 100 + within))
    residuals[:, 100:] += shift
    raised = log_e_process(residuals) >= np.log(20)
    assert raised.any(axis=1).mean() > 0.8


def test_a_run_that_gets_better_raises_nothing_unless_asked() -> None:
    residuals = np.random.default_rng(3).normal(size=120)
    residuals[40:] -= 1.5
    assert watch(residuals).raised_at is None
    assert watch(residuals, direction="both").raised_at is not None


def test_the_beginning_of_trouble_is_found() -> None:
    residuals = np.random.default_rng(4).normal(size=120)
    residuals[60:] += 2.5
    alarm = watch(residuals)
    assert alarm.raised_at is not None and 60 <= alarm.raised_at < 75
    assert alarm.since is not None and abs(alarm.since - 60) <= 3
    assert alarm.p_value < 0.05


def test_one_bad_residual_is_not_enough_and_many_are() -> None:
    residuals = np.random.default_rng(5).normal(0, 0.8, size=150)
    residuals[70] = 3.0
    assert watch(residuals).raised_at is None
    residuals[np.arange(70, 130, 6)] = 3.0
    assert watch(residuals).raised_at is not None


def test_unusable_settings() -> None:
    with pytest.raises(InputError, match="false-alarm rate is 5"):
        watch(np.zeros(3), level=5)
    with pytest.raises(InputError, match="not finite"):
        watch(np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="worse or both"):
        watch(np.zeros(3), direction="up")  # type: ignore[arg-type]
    assert watch(np.zeros(0)).p_value == 1
