"""Scores along a run: residuals of simulated runs, and the forecast of the end, against a conjugate toy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from decision_toys import Toy, scores

from bayes_cod.decisions.next_run import Curves
from bayes_cod.decisions.runs import from_scale, to_scale
from bayes_cod.errors import InputError
from bayes_cod.monitor.alarm import log_e_process
from bayes_cod.monitor.scores import LASTS, SHARED, UNSHARED, Checkpoints, together, track, update

BENCHMARKS, POINTS = 3, 10
PLACES = 1e22 * 10 ** np.linspace(-1.5, -0.1, POINTS)


def checkpoints(values: np.ndarray) -> Checkpoints:
    """Scores ``(point, benchmark)`` in order."""
    return Checkpoints(
        np.repeat(PLACES, BENCHMARKS),
        np.zeros(POINTS * BENCHMARKS),
        np.tile(np.arange(BENCHMARKS), POINTS),
        values.ravel(),
        np.full(POINTS * BENCHMARKS, np.nan),
    )


def simulated(toy: Toy, rng: np.random.Generator, wobble: float = 0.15) -> tuple[Checkpoints, np.ndarray]:
    """A run as the toy and the model of the wobble have it, and its latent score with luck at the end."""
    level = rng.normal(toy.mean, toy.level_sd, BENCHMARKS)
    luck = 0.8 * rng.normal(0, toy.luck_sd, BENCHMARKS)
    x = np.log10(PLACES)
    close = wobble**2 * (np.exp(-np.abs(x[:, None] - x) / LASTS) + UNSHARED * np.eye(POINTS))
    shared, *own = rng.multivariate_normal(np.zeros(POINTS), close, BENCHMARKS + 1)
    wobbles = np.sqrt(SHARED) * shared[:, None] + np.sqrt(1 - SHARED) * np.array(own).T
    logits = level + luck + np.log10(PLACES / 1e21)[:, None] + wobbles
    return checkpoints(scores(logits)), level + luck + 1.0


TOY = Toy(mean=-1.0, level_sd=0.4, luck_sd=0.2, benchmarks=BENCHMARKS, draws=1000)


CHECKPOINT = np.repeat(np.arange(POINTS), BENCHMARKS)


def residuals_of(seen: Checkpoints, curves: Curves, end: np.ndarray) -> np.ndarray:
    """One a checkpoint."""
    return together(track(curves, end, seen, decays=False).residual, CHECKPOINT)


def test_residuals_of_healthy_runs_are_standard_normal() -> None:
    curves, end = TOY.curves()
    rng = np.random.default_rng(1)
    runs = [simulated(TOY, rng)[0] for _ in range(60)]
    own = np.array([track(curves, end, seen, decays=False).residual for seen in runs])
    assert own.mean() == pytest.approx(0, abs=0.12)
    assert own.std() == pytest.approx(1, abs=0.12)
    first = own.reshape(60, POINTS, BENCHMARKS)[:, :, 0]
    assert abs(np.corrcoef(first[:, :-1].ravel(), first[:, 1:].ravel())[0, 1]) < 0.13
    one = np.array([together(row, CHECKPOINT) for row in own])
    assert 0.7 < one.std() < 1.1
    alarms = (log_e_process(one) >= np.log(20)).any(axis=1)
    assert alarms.sum() <= 8  # 60 runs at 5 %: more have a probability of 0.4 %


def test_what_decay_is_worth_is_learnt_from_all_benchmarks() -> None:
    curves, end = TOY.curves()
    rng = np.random.default_rng(4)
    rate = np.linspace(1, 0, POINTS)
    residuals, learnt = [], {}
    for worth in (0.0, 0.4, 1.6):
        found = []
        for _ in range(12):
            seen, _ = simulated(TOY, rng)
            logits = to_scale(seen.score, curves.evaluation.edge[0]) - worth * np.repeat(rate, BENCHMARKS)
            behind = from_scale(logits, curves.evaluation.edge[0])
            seen = replace(seen, rate=np.repeat(rate, BENCHMARKS), score=behind)
            made = track(curves, end, seen, decays=True)
            residuals.append(made.residual)
            found.append(made.decay.mean())
            np.testing.assert_allclose(made.by_worth.sum(axis=1), 1)
        learnt[worth] = np.mean(found)
    assert 2 * learnt[0.0] < learnt[1.6] and learnt[0.0] < learnt[0.4] < learnt[1.6]
    assert np.std(residuals) == pytest.approx(1, abs=0.15)


def test_residuals_of_a_checkpoint_count_as_one() -> None:
    rng = np.random.default_rng(0)
    shared = np.sqrt(SHARED) * rng.normal(size=(20000, 1)) + np.sqrt(1 - SHARED) * rng.normal(size=(20000, 5))
    found = together(shared.ravel(), np.repeat(np.arange(20000), 5))
    assert found.std() == pytest.approx(1, abs=0.02)
    assert together(np.array([0.3, -1.2]), np.array([0, 1])).tolist() == [0.3, -1.2]


def test_a_run_that_falls_behind_is_noticed_and_one_ahead_is_not() -> None:
    curves, end = TOY.curves()
    rng = np.random.default_rng(2)
    behind, ahead = [], []
    for _ in range(15):
        seen, _ = simulated(TOY, rng)
        late = np.repeat(np.arange(POINTS) >= 5, BENCHMARKS)
        for shift, raised in ((-1.5, behind), (1.5, ahead)):
            moved = from_scale(
                to_scale(seen.score, np.full(len(late), 0.002)) + shift * late, np.full(len(late), 0.002)
            )
            residual = residuals_of(checkpoints(moved.reshape(POINTS, BENCHMARKS)), curves, end)
            raised.append(bool((log_e_process(residual) >= np.log(20)).any()))
    assert np.mean(behind) > 0.7
    assert np.mean(ahead) < 0.3


def test_the_forecast_of_the_end_gets_narrower_and_better() -> None:
    curves, end = TOY.curves()
    rng = np.random.default_rng(3)
    before, after, held, widths = [], [], [], []
    for seed in range(20):
        seen, truth = simulated(TOY, rng, wobble=0.05)
        half = Checkpoints(*(part[: 6 * BENCHMARKS] for part in vars(seen).values()))
        made = update(curves, end, half, track(curves, end, half, decays=False), seed)
        goal = scores(truth)
        before.append(np.abs(np.median(curves.target, axis=0) - goal))
        after.append(np.abs(np.median(made.draws, axis=0) - goal))
        low, high = np.quantile(made.draws, [0.05, 0.95], axis=0)
        held.append((low <= goal) & (goal <= high))
        widths.append((high - low) / curves.width)
    assert np.mean(after) < 0.7 * np.mean(before)
    assert np.mean(widths) < 0.75
    assert np.mean(held) > 0.8


def test_where_weights_fail_draws_start_from_what_was_seen() -> None:
    toy = Toy(mean=-1.0, level_sd=0.1, luck_sd=0.05, benchmarks=BENCHMARKS, draws=9)
    curves, end = toy.curves()
    seen = checkpoints(scores(1.5 + np.log10(PLACES / 1e21)[:, None] + np.zeros(BENCHMARKS)))
    made = update(curves, end, seen, track(curves, end, seen, decays=False))
    assert set(made.how) == {"moved"}
    assert (made.pareto_k > 0.7).all()
    before, now = (np.abs(draws - scores(np.array(2.5))).mean() for draws in (curves.target, made.draws))
    assert now < 0.6 * before


def test_a_benchmark_without_scores_stays_as_forecast() -> None:
    curves, end = TOY.curves()
    seen, _ = simulated(TOY, np.random.default_rng(7))
    first = seen.of(0)
    made = update(curves, end, first, track(curves, end, first, decays=False))
    assert made.how[1:] == ("as before", "as before")
    np.testing.assert_array_equal(made.draws[:, 1], curves.target[:, 1])


def test_undecayed_rates_are_learnt_to_be_worth_something() -> None:
    toy = Toy(mean=-0.5, level_sd=0.05, luck_sd=0.05, benchmarks=BENCHMARKS)
    curves, end = toy.curves()
    rate = np.linspace(1, 0, POINTS)
    logits = -0.5 + (np.log10(PLACES / 1e21) - 0.4 * rate)[:, None] + np.zeros(BENCHMARKS)
    flat = checkpoints(scores(logits))
    seen = Checkpoints(flat.place, np.repeat(rate, BENCHMARKS), flat.benchmark, flat.score, flat.trials)
    told = track(curves, end, seen, decays=True)
    assert told.decay == pytest.approx(np.full(BENCHMARKS, 0.4), abs=0.15)
    assert np.abs(told.residual).mean() < np.abs(track(curves, end, flat, decays=False).residual).mean()


def test_bands_are_those_of_the_forecast() -> None:
    curves, end = TOY.curves()
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(25):
        seen, _ = simulated(TOY, rng)
        made = track(curves, end, seen, decays=False)
        inside.append((made.band[0] <= seen.score) & (seen.score <= made.band[4]))
        assert ((made.position > 0) & (made.position < 1)).all()
    assert np.mean(inside) == pytest.approx(0.93, abs=0.06)


def test_curves_and_end_must_be_of_the_same_draws() -> None:
    curves, end = TOY.curves()
    seen, _ = simulated(TOY, np.random.default_rng(0))
    with pytest.raises(InputError, match="different numbers of draws"):
        track(curves, end[:10], seen, decays=False)
