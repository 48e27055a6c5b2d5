"""Losses along runs: simulated ones, and public ones that went well or did not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_cod.errors import InputError
from bayes_cod.monitor.alarm import watch
from bayes_cod.monitor.falling import follow
from bayes_cod.monitor.losses import learn_law

LEARNING = 20


def healthy(seed: int, points: int = 140) -> tuple[np.ndarray, np.ndarray]:
    """A power law with noise, some autocorrelation and an isolated spike now and then."""
    rng = np.random.default_rng(seed)
    tokens = np.linspace(1e9, 1e9 * points, points)
    law = rng.uniform(1.5, 2.5) + rng.uniform(1, 4) * (tokens / 1e8) ** -rng.uniform(0.2, 0.6)
    noise = rng.uniform(0.002, 0.02)
    spikes = (rng.uniform(size=points) < 0.004) * np.abs(rng.standard_cauchy(points)) * 10 * noise
    return tokens, law + rng.normal(0, noise, points) + np.minimum(spikes, 1.0)


def test_healthy_runs_raise_no_alarm_more_often_than_set() -> None:
    raised, residuals = [], []
    for seed in range(24):
        found = follow(*healthy(seed))
        residuals.append(found.residual[LEARNING:])
        raised.append(watch(residuals[-1]).raised_at is not None)
    # 24 runs at 5 %: 5 or more have a probability of 0.6 %
    assert np.sum(raised) < 5
    pooled = np.concatenate(residuals)
    assert -0.4 < pooled.mean() < 0.1
    assert 0.6 < pooled.std() < 1.1


@pytest.mark.parametrize("kind", ["climb", "step", "spikes"])
def test_trouble_is_noticed(kind: str) -> None:
    late = []
    for seed in range(8):
        tokens, losses = healthy(seed)
        noise = float(np.std(np.diff(losses)[-40:]) / np.sqrt(2))
        after = np.arange(len(losses)) >= 80
        if kind == "climb":
            losses = losses + after * (np.arange(len(losses)) - 80) * 0.25 * noise
        elif kind == "step":
            losses = losses + after * 4 * noise
        else:
            losses = losses + after * (np.arange(len(losses)) % 4 == 0) * 8 * noise
        alarm = watch(follow(tokens, losses).residual[LEARNING:])
        late.append(alarm.raised_at is not None and 80 - LEARNING <= alarm.raised_at <= 80 - LEARNING + 50)
    assert np.mean(late) >= 0.75


def test_a_band_is_for_what_comes_next() -> None:
    tokens, losses = healthy(3)
    found = follow(tokens, losses)
    assert np.isnan(found.quantiles[:, :LEARNING]).all() and np.isnan(found.residual[:LEARNING]).all()
    inside = (losses >= found.quantiles[0]) & (losses <= found.quantiles[4])
    assert inside[LEARNING:].mean() > 0.85
    assert (np.diff(found.quantiles[:, LEARNING:], axis=0) >= 0).all()


def test_the_law_forecasts_the_end_of_simulated_runs() -> None:
    held, errors = [], []
    rng = np.random.default_rng(0)
    for seed in range(16):
        tokens, losses = healthy(seed)
        law = learn_law(tokens[:70], losses[:70])
        draws = law.draws(float(tokens[-1]), 1.0, 2000, rng)
        low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95])
        held.append(low <= losses[-1] <= high)
        errors.append(abs(middle - losses[-1]))
    assert np.mean(held) >= 0.8
    assert np.median(errors) < 0.03


def test_decay_of_the_learning_rate_is_told_apart() -> None:
    tokens, losses = healthy(1)
    rates = np.where(np.arange(140) < 100, 1.0, np.linspace(1, 0, 140))
    rates = np.minimum(rates, np.interp(np.arange(140), [100, 139], [1.0, 0.0]))
    lowered = losses + 0.1 * (rates - 1)
    rng = np.random.default_rng(0)
    law = learn_law(tokens[:100], lowered[:100], rates[:100])
    told, not_told = (
        np.quantile(law.draws(float(tokens[-1]), rate, 2000, rng), [0.05, 0.5, 0.95]) for rate in (0.0, 1.0)
    )
    assert told[0] <= lowered[-1] <= told[2]
    assert abs(told[1] - lowered[-1]) < 0.5 * abs(not_told[1] - lowered[-1])


def test_unusable_curves() -> None:
    with pytest.raises(InputError, match="increase"):
        follow(np.array([2.0, 1.0]), np.array([3.0, 3.0]))
    with pytest.raises(InputError, match="not finite"):
        follow(np.array([1.0, 2.0]), np.array([3.0, np.nan]))
    with pytest.raises(InputError, match="too few"):
        learn_law(np.arange(1.0, 4.0), np.zeros(3))


PUBLIC = {
    "delphi-1e21-early": None,
    "gemstone-1024x28": None,
    "gemstone-1792x18": None,
    "gemstone-256x71": None,
    "gemstone-512x12": None,
    "gemstone-768x45": None,
    "marin-32b-muon": (79_125, 83_000),
    "marin-32b-phase1": (2_413, 20_000),
    "pythia-160m": (132_343, 135_088),
}


@pytest.mark.parametrize("run", PUBLIC)
def test_public_runs(shared: Path, run: str) -> None:
    table = pd.read_csv(shared / "data" / "monitor_runs" / "losses.csv.gz").query("run == @run")
    column = "loss_val" if table["loss_val"].notna().any() else "loss_train"
    table = table.dropna(subset=[column]).drop_duplicates("tokens")
    found = follow(table["tokens"].to_numpy(dtype=float), table[column].to_numpy(dtype=float))
    alarm = watch(found.residual[LEARNING:])
    if PUBLIC[run] is None:
        assert alarm.raised_at is None
    else:
        assert alarm.raised_at is not None
        low, high = PUBLIC[run]
        assert low <= table["step"].iloc[LEARNING + alarm.raised_at] <= high
