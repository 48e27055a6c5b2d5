"""What a forecast starts from, and what it may not see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import MODELS, items_text, write_ladder

from bayes_cod import Ladder
from bayes_cod import read as read_ladder
from bayes_cod.errors import InputError
from bayes_cod.ladder.request import make_request


@pytest.fixture
def ladder(ladder_folder: Path) -> Ladder:
    return read_ladder(ladder_folder)


def test_left_open_everything_larger_without_results_is_forecast(ladder: Ladder) -> None:
    request = make_request(ladder)
    assert request.family == "fam"
    assert [target.name for target in request.targets] == ["huge"]
    assert list(request.rungs["model"]) == ["tiny", "small", "middle", "large"]
    assert request.benchmarks == ["arith", "logic"]
    assert request.truth.empty


def test_an_evaluated_target_is_hidden_and_its_truth_kept_apart(ladder: Ladder) -> None:
    request = make_request(ladder, targets=["middle"])
    assert list(request.rungs["model"]) == ["tiny", "small"]
    assert request.ladder.evaluated == {"tiny", "small"}
    assert np.isnan(request.ladder.truth("middle", "arith"))
    assert request.truth.set_index("benchmark")["score"]["arith"] == ladder.truth("middle", "arith")
    assert request.notes[0] == "rungs no smaller than the smallest target were set aside: large"


def test_targets_come_in_order_of_compute(ladder: Ladder) -> None:
    request = make_request(ladder, family="fam", target_flops=[1e24, 1e22, 1e23])
    assert [target.flops for target in request.targets] == [1e22, 1e23, 1e24]
    assert request.decades(request.targets[0]) == pytest.approx(1.0)


def test_a_new_name_takes_the_compute_given(ladder: Ladder) -> None:
    request = make_request(ladder, family="fam", targets=["next"], target_flops=[1e23], target_params=[7e10])
    assert (request.targets[0].name, request.targets[0].flops, request.targets[0].params) == ("next", 1e23, 7e10)


def test_an_undisclosed_compute_can_be_given(ladder: Ladder) -> None:
    request = make_request(ladder, targets=["nocompute"], target_flops=[1e23])
    assert request.family == "fam"
    assert request.targets[0].flops == 1e23


def test_a_cut_and_all_benchmarks_or_one(ladder: Ladder) -> None:
    request = make_request(ladder, family="fam", cut="small", target_flops=[1e20], benchmarks=["logic"])
    assert list(request.rungs["model"]) == ["tiny", "small"]
    assert request.benchmarks == ["logic"]


def test_benchmarks_of_too_few_rungs_are_left_out_with_a_note(tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "l", extra=items_text("extra", rates={"tiny": 0.2}))
    request = make_request(read_ladder(folder))
    assert request.benchmarks == ["arith", "logic"]
    assert request.notes[0] == "extra: fewer than 2 rungs have results, so not forecast"


def test_the_pool_never_holds_the_family_or_the_target(ladder: Ladder) -> None:
    assert make_request(ladder, pool=None).pool is None
    others = make_request(ladder, pool="others").pool
    assert others is not None and others.evaluated == {"lonely"}
    own = make_request(ladder, targets=["large"], pool=ladder).pool
    assert own is not None and own.evaluated == {"lonely"}


def test_a_pool_without_a_common_benchmark_is_none(ladder: Ladder, tmp_path: Path) -> None:
    foreign = read_ladder(write_ladder(tmp_path / "p", models=MODELS, arith=items_text("else"), logic=None))
    assert make_request(ladder, pool=foreign).pool is None


def test_size_and_tokens_make_targets(ladder: Ladder) -> None:
    request = make_request(ladder, family="fam", target_params=[7e10, 1e10], target_tokens=[2e12, 1e12])
    assert [(t.params, t.tokens, t.flops) for t in request.targets] == [(1e10, 1e12, 6e22), (7e10, 2e12, 8.4e23)]
    assert request.targets[0].name == "1e+10 params, 1e+12 tokens"


def test_size_and_tokens_come_in_pairs(ladder: Ladder) -> None:
    with pytest.raises(InputError, match="2 `target_params` and 1 `target_tokens`"):
        make_request(ladder, family="fam", target_params=[7e10, 1e10], target_tokens=[2e12])
    with pytest.raises(InputError, match="2 `target_tokens` and 1 `target_flops`"):
        make_request(ladder, family="fam", target_flops=[1e23], target_tokens=[2e12, 1e12])
