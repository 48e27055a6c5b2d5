"""Selections of a ladder and what is read off it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayes_cod import InputError, Ladder, Target
from bayes_cod import read as read_ladder


@pytest.fixture
def ladder(ladder_folder: Path) -> Ladder:
    return read_ladder(ladder_folder)


def test_rungs_are_evaluated_models_with_compute_in_order(ladder: Ladder) -> None:
    rungs = ladder.rungs("fam")
    assert list(rungs["model"]) == ["tiny", "small", "middle", "large"]
    assert rungs["flops"].is_monotonic_increasing
    assert "huge" not in ladder.evaluated


def test_observed_score_is_the_mean_pass_rate(ladder: Ladder) -> None:
    assert ladder.items is not None
    own = ladder.items[(ladder.items["model"] == "small") & (ladder.items["benchmark"] == "arith")]
    expected = float((own["n_correct"] / own["n_trials"]).mean())
    assert ladder.truth("small", "arith") == pytest.approx(expected)
    assert np.isnan(ladder.truth("huge", "arith"))


def test_counts_give_the_same_score_in_any_order_of_models(ladder: Ladder) -> None:
    counts = ladder.counts("arith", ["large", "tiny"])
    assert counts.n_trials.shape == (12, 2)
    assert counts.score == pytest.approx([ladder.truth("large", "arith"), ladder.truth("tiny", "arith")])
    assert counts.chance == pytest.approx(0.1)
    assert ladder.counts("arith", ["tiny", "large"]).score[::-1] == pytest.approx(counts.score)


def test_counts_of_common_questions_only(tmp_path: Path) -> None:
    from helpers import items_text, write_ladder

    text = items_text().replace("arith,q0,tiny", "arith,q99,tiny")
    ladder = read_ladder(write_ladder(tmp_path / "l", arith=text))
    assert ladder.counts("arith", ["tiny", "small"]).n_trials.shape == (11, 2)
    every = ladder.counts("arith", ["tiny", "small"], common=False)
    assert every.n_trials.shape == (13, 2)
    assert (every.n_trials == 0).sum() == 2
    assert np.isnan(every.pass_rate).sum() == 2


def test_neighbouring_checkpoints_are_kept_out_of_the_score(tmp_path: Path, ladder: Ladder) -> None:
    from helpers import items_text, write_ladder

    neighbours = items_text(rates={"tiny": 0.9}).replace("chance", "checkpoint").replace(",0.1\n", ",before\n")
    both = read_ladder(write_ladder(tmp_path / "l", neighbours=neighbours))
    assert both.truth("tiny", "arith") == ladder.truth("tiny", "arith")
    assert list(both.counts("arith", ["tiny"]).score) == pytest.approx([ladder.truth("tiny", "arith")])
    assert both.observed_scores["n_questions"].max() == 12


def test_a_cut_hides_results_and_keeps_models_as_targets(ladder: Ladder) -> None:
    cut = ladder.select(family="fam", cut="small")
    assert list(cut.rungs()["model"]) == ["tiny", "small"]
    assert {target.name for target in cut.larger_models("fam", 1e19)} == {"middle", "large", "huge"}
    assert np.isnan(cut.truth("large", "arith"))
    assert list(ladder.select(family="fam", cut=1e19).rungs()["model"]) == ["tiny", "small"]


def test_selecting_changes_nothing_in_place(ladder: Ladder) -> None:
    before = ladder.data_hash()
    ladder.select(family="fam", cut="small", benchmarks=["arith"])
    assert ladder.data_hash() == before


def test_selecting_benchmarks_and_models(ladder: Ladder) -> None:
    part = ladder.select(models=["tiny", "large"], benchmarks=["logic"])
    assert part.benchmark_names == ["logic"]
    assert list(part.benchmarks["benchmark"]) == ["logic"]
    assert part.evaluated == {"tiny", "large"}


def test_settings_are_matched_by_the_plain_name(tmp_path: Path) -> None:
    from helpers import items_text, write_ladder

    files = {"hot__arith.csv": items_text(), "cold__arith.csv": items_text()}
    ladder = read_ladder(write_ladder(tmp_path / "l", arith=None, **files))
    assert ladder.match_benchmarks(["arith"]) == ["arith@cold", "arith@hot"]
    assert ladder.match_benchmarks(["arith"], "hot") == ["arith@hot"]
    assert ladder.match_benchmarks(["arith@cold", "arith"]) == ["arith@cold", "arith@hot"]
    with pytest.raises(InputError, match="no benchmark has the setting 'warm'; the settings are: cold, hot"):
        ladder.match_benchmarks(["arith"], "warm")


def test_the_hash_sees_every_change(ladder: Ladder, tmp_path: Path) -> None:
    from helpers import items_text, write_ladder

    again = read_ladder(write_ladder(tmp_path / "again"))
    assert again.data_hash() == ladder.data_hash()
    changed = items_text().replace(",20,", ",21,", 1)
    assert read_ladder(write_ladder(tmp_path / "changed", arith=changed)).data_hash() != ladder.data_hash()


def test_targets_by_name(ladder: Ladder) -> None:
    assert ladder.target("huge") == Target("huge", 1e22, "fam", params=1e10, tokens=1e9)
    with pytest.raises(InputError, match="compute of 'nocompute' is not known"):
        ladder.target("nocompute")


@pytest.mark.parametrize("flops", [0, -1.0, float("nan"), float("inf")])
def test_targets_need_compute(flops: float) -> None:
    with pytest.raises(InputError, match="give FLOPs above 0"):
        Target("t", flops)


def test_names_that_do_not_exist(ladder: Ladder) -> None:
    with pytest.raises(InputError, match="unknown family 'nope'; the ladder has: fam, other"):
        ladder.select(family="nope")
    with pytest.raises(InputError, match="unknown benchmark 'nope'; the ladder has: arith, logic"):
        ladder.counts("nope", ["tiny"])
    with pytest.raises(InputError, match="unknown model 'nope'"):
        ladder.select(cut="nope")
