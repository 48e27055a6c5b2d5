"""Rungs beside what a fit expects: the evidence as the graph sees it, calibrated replicates, misfits found."""

import numpy as np
import pytest
from bayes_ladders import eta_law
from hand_made import TRIALS, evidence, fit, with_counts
from scipy.stats import kstest

from bayes_cod.forecasts.checks import rung_summary
from bayes_cod.models.cod.arrays import Shape, arrays
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.rung_check import Seen, log_likelihood, replicate, rung_check


def test_scores_are_those_of_the_graph() -> None:
    own = evidence()
    data = arrays((own,), Shape.of((own,)), Priors())
    seen = Seen.of(own, Priors())
    np.testing.assert_allclose(seen.rate, data["total_rate"][:2, -4:])
    np.testing.assert_allclose(seen.sd, data["total_sd"][:2, -4:])
    np.testing.assert_array_equal(seen.mix, np.eye(2))


def test_the_log_likelihood_is_a_sum_of_squares() -> None:
    own, _, draws = fit(2, 50)
    seen = Seen.of(own, Priors())
    mean = eta_law(draws.level[:, :, None] + draws.path, draws.floor[:, :, None], draws.top[:, :, None])
    expected = -0.5 * (((seen.rate - mean) / seen.sd) ** 2).sum(axis=2)
    np.testing.assert_allclose(log_likelihood(own, draws, Priors()), expected)


def test_ranks_of_simulated_rungs_are_uniform() -> None:
    """What was seen is itself drawn from what is expected; a right check fails once in 700 seeds (14 cells at 1e-4)."""
    own, _, draws = fit(2, 60)
    fit_scores, step_scores = replicate(own, draws, Priors(), np.random.default_rng(7))
    found: dict[tuple[str, str, str], list[float]] = {}
    for row in range(len(draws)):
        steps = np.concatenate([fit_scores[row, :1], step_scores[row]])
        for kind, scores in (("fit", fit_scores[row]), ("step", steps)):
            table = rung_check(with_counts(own, np.rint(scores.T * TRIALS)), draws, Priors(), row)
            for cell in table[table["kind"] == kind].itertuples():
                found.setdefault((kind, str(cell.benchmark), str(cell.model)), []).append(float(cell.pit))
    assert len(found) == 2 * 4 + 2 * 3
    for pits in found.values():
        assert kstest(pits, "uniform").pvalue > 1e-4


def test_a_step_that_was_not_expected_is_found() -> None:
    own, _, draws = fit()
    expected = np.median(replicate(own, draws, Priors(), np.random.default_rng(0))[0], axis=0).T
    counts = np.rint(expected * TRIALS).astype(int)
    fits = rung_summary(rung_check(with_counts(own, counts), draws, Priors(), 0))
    assert not fits["off"].any()
    assert list(fits["rungs"]) == [4, 4, 3, 3]
    counts[0, 2] = 990
    off = rung_summary(rung_check(with_counts(own, counts), draws, Priors(), 0))
    assert set(off.loc[off["off"], "benchmark"]) == {"open"}
    assert off.loc[off["off"], "outside"].tolist() == [["c"], ["c"]]


def test_rungs_without_an_evaluation_are_left_out() -> None:
    own, _, draws = fit(2, 50)
    first = own.groups[0]
    first.n_trials[1] = first.n_correct[1] = own.groups[1].n_correct[1] = 0  # groups share their trials
    table = rung_check(own, draws, Priors(), 0)
    assert set(table["model"]) == {"a", "c", "d"}
    assert table["pit"].between(0, 1).all()


def test_the_same_seed_gives_the_same_ranks() -> None:
    own, _, draws = fit(2, 50)
    one, two = (rung_check(own, draws, Priors(), 5) for _ in range(2))
    assert one["pit"].tolist() == pytest.approx(two["pit"].tolist(), abs=0)
