"""What the loss stage is fitted on, and what it refuses or says about thin data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flpm_ladders import MIXTURES, SOURCES, mixture_ladder, write_mixture_ladder

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flpm.evidence import LossSettings, check_mixture, gather_losses, target_points
from bayes_cod.models.flpm.losses.features import Features, kernel
from bayes_cod.readers.tables import read_tables


def test_rows_are_aligned(ladder: Ladder) -> None:
    evidence = gather_losses(ladder, LossSettings())
    assert evidence.domains == ("code", "web")
    assert evidence.sources == tuple(sorted(SOURCES))
    assert len(evidence.points) == 2 * len(MIXTURES)
    row = evidence.models.index("m1-1e+07")
    np.testing.assert_allclose(evidence.points.shares[row], [0.1, 0.1, 0.8])  # books, code, web
    np.testing.assert_allclose(np.exp(evidence.points.log_params[row]), 1e7)
    np.testing.assert_array_equal(evidence.own, [[0, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize("table", ["losses", "mixtures"])
def test_a_missing_table_is_named(ladder: Ladder, table: str) -> None:
    with pytest.raises(InputError, match=f"needs a {table} table"):
        gather_losses(replace(ladder, **{table: None}), LossSettings())


def test_one_mixture_is_said_to_rest_on_the_prior(tmp_path: Path) -> None:
    evidence = gather_losses(mixture_ladder(tmp_path / "one", mixtures=MIXTURES[:1]), LossSettings())
    assert any("share one mixture" in note for note in evidence.notes)
    np.testing.assert_allclose(check_mixture(None, evidence, "t"), evidence.points.shares[0])


def test_more_domains_than_mixtures_is_said(tmp_path: Path) -> None:
    evidence = gather_losses(mixture_ladder(tmp_path / "few", mixtures=MIXTURES[:2]), LossSettings())
    assert any("2 mixtures of 3 training domains" in note for note in evidence.notes)


def test_a_domain_no_run_was_trained_on_is_said(tmp_path: Path) -> None:
    without = np.array([[0.5, 0.5, 0.0], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0]])
    evidence = gather_losses(mixture_ladder(tmp_path / "idle", mixtures=without), LossSettings())
    assert any("no run was trained on books" in note for note in evidence.notes)
    assert np.isfinite(evidence.points.log_shares).all()  # pure and missing domains


def test_one_size_is_said_to_rest_on_the_prior(tmp_path: Path) -> None:
    evidence = gather_losses(mixture_ladder(tmp_path / "size", sizes=(1e7,)), LossSettings())
    assert any("one size" in note for note in evidence.notes)


def test_runs_that_lack_a_domain_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = write_mixture_ladder(tmp_path / "gap")
    lines = (folder / "losses.csv").read_text().splitlines()
    lines[1] = ",".join([*lines[1].split(",")[:-1], ""])
    (folder / "losses.csv").write_text("\n".join(lines) + "\n")
    evidence = gather_losses(read_tables(folder), LossSettings())
    assert len(evidence.points) == 2 * len(MIXTURES) - 1
    assert any(f"1 of {2 * len(MIXTURES)} rows of losses lack a domain" in note for note in evidence.notes)


def test_shares_that_do_not_sum_to_one_are_refused_when_read(tmp_path: Path) -> None:
    folder = write_mixture_ladder(tmp_path / "sum")
    text = (folder / "mixtures.csv").read_text().replace("0.8,0.1,0.1", "0.8,0.4,0.1", 1)
    (folder / "mixtures.csv").write_text(text)
    with pytest.raises(InputError, match=r"sums to 1\.3"):
        read_tables(folder)


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (None, "has no mixture"),
        ({"web": 0.5, "maths": 0.5}, "'maths', which no run lists"),
        ({"web": 0.5, "code": 0.2}, r"sums to 0\.7"),
        ({"web": 1.2, "code": -0.2}, "negative"),
    ],
)
def test_unusable_mixtures_of_targets(ladder: Ladder, mixture: dict[str, float] | None, message: str) -> None:
    evidence = gather_losses(ladder, LossSettings())
    with pytest.raises(InputError, match=message):
        check_mixture(mixture, evidence, "big")


def test_a_target_without_sizes_keeps_the_tokens_per_parameter(ladder: Ladder) -> None:
    evidence = gather_losses(ladder, LossSettings())
    points, notes = target_points([Target("t", 6 * 1e9 * 2e10, mixture={"web": 1.0})], evidence)
    np.testing.assert_allclose(np.exp(points.log_params), 1e9, rtol=1e-6)
    np.testing.assert_allclose(np.exp(points.log_tokens), 2e10, rtol=1e-6)
    assert notes


def test_late_checkpoints_are_spread_and_few(tmp_path: Path) -> None:
    folder = write_mixture_ladder(tmp_path / "late")
    rows = ["model,tokens,loss_web,loss_code"]
    for line in (folder / "losses.csv").read_text().splitlines()[1:]:
        model, tokens, web, code = line.split(",")
        rows += [f"{model},{float(tokens) * part:g},{web},{code}" for part in np.linspace(0.05, 1, 20)]
    (folder / "losses.csv").write_text("\n".join(rows) + "\n")
    evidence = gather_losses(read_tables(folder), LossSettings("late", progress=0.2, most=4))
    assert len(evidence.points) == 4 * 2 * len(MIXTURES)
    assert evidence.points.ahead.max() <= np.log(5) + 1e-6
    assert Features.of(evidence.points).run_variance > 0
    final = gather_losses(read_tables(folder), LossSettings("final"))
    assert len(final.points) == 2 * len(MIXTURES)


def test_features_reproduce_the_kernel_and_leave_far_mixtures_open(ladder: Ladder) -> None:
    points = gather_losses(ladder, LossSettings()).points
    features = Features.of(points)
    at = features.new(points)
    np.testing.assert_allclose(at @ at.T, kernel(points, points), atol=1e-3)
    near = points.take(slice(0, 1))
    far = replace(near, log_params=near.log_params + 10.0)
    assert features.left_over(near)[0, 0] < 0.01
    assert features.left_over(far)[0, 0] > 0.4
    few = Features.of(points, most=3)  # what is too weak to be a feature is not unknown
    np.testing.assert_allclose(few.left_open(near), features.left_open(near))
