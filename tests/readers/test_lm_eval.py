"""lm-evaluation-harness: lines, filters, passes, hashes, repeats, losses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from log_makers import LATER, lm_choice, lm_line, lm_log, lm_results, noted, put, rates

from bayes_cod.errors import InputError
from bayes_cod.readers.logs import read_logs


def test_a_line_a_filter_is_one_question(tmp_path: Path) -> None:
    lines = [lm_line(i, float(i % 3 == 0), filter=name) for name in ("strict", "flexible") for i in range(6)]
    scores = {"sums": {"exact_match,strict": 1 / 3, "exact_match,flexible": 1 / 3}}
    lm_log(tmp_path, "org/m-1", "sums", lines, lm_results(scores=scores))
    ladder = read_logs(tmp_path)
    assert ladder.items is not None and len(ladder.items) == 6
    assert set(ladder.items["n_trials"]) == {1}
    assert noted(ladder, "sums", "exact_match (strict) counts", "flexible")


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("asked", "passes"), [(None, 2), ("tight", 2), ("loose", 5)])
def test_passes_without_a_filter_are_matched_to_the_results(
    tmp_path: Path, asked: str | None, passes: int, interleaved: bool
) -> None:
    first = [lm_line(i, float(i < 5), filter=None, hashes=False) for i in range(9)]
    second = [lm_line(i, float(i < 2), filter=None, hashes=False) for i in range(9)]
    lines = [line for pair in zip(first, second, strict=True) for line in pair] if interleaved else first + second
    scores = {"sums": {"exact_match,tight": 2 / 9, "exact_match,loose": 5 / 9}}
    lm_log(tmp_path, "org/m-1", "sums", lines, lm_results(scores=scores))
    ladder = read_logs(tmp_path, filter=asked)
    assert ladder.items is not None and len(ladder.items) == 9
    assert ladder.items["n_correct"].sum() == passes
    assert noted(ladder, "name no filter", "pass 1 is loose", "5 of 9", "pass 2 is tight")


def test_passes_that_fit_nothing_must_be_asked_for(tmp_path: Path) -> None:
    lines = [lm_line(i, float(i < k), filter=None) for k in (1, 3) for i in range(4)]
    lm_log(
        tmp_path, "org/m-1", "sums", lines, lm_results(scores={"sums": {"exact_match,a": 0.9, "exact_match,b": 0.8}})
    )
    ladder = read_logs(tmp_path, filter="pass 2")
    assert ladder.items is not None and ladder.items["n_correct"].sum() == 3
    assert noted(ladder, "fit no scores")


def test_a_file_appended_to_counts_once(tmp_path: Path) -> None:
    once = [lm_line(i, 0.0) for i in range(3)]
    again = [lm_line(i, 1.0) for i in range(3)]
    lm_log(tmp_path, "org/m-1", "sums", once + again, lm_results(scores={"sums": {"exact_match,none": 1.0}}))
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/m-1").values() and set(rates(ladder, "sums", "org/m-1").values()) == {1.0}
    assert noted(ladder, "more than once", "last")


def test_questions_join_on_content_not_position(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/a", "sums", [lm_line(i, float(i == 1), question=q) for i, q in enumerate("pqr")])
    lm_log(tmp_path, "org/b", "sums", [lm_line(i, float(q == "q"), question=q) for i, q in enumerate("rpq")])
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/a") == rates(ladder, "sums", "org/b")
    assert noted(ladder, "sums", "ids stand for different questions", "joined on content")


def test_own_hash_is_the_harness_hash(tmp_path: Path) -> None:
    """An older log without hashes joins a newer one with them."""
    lm_log(tmp_path, "org/a", "sums", [lm_line(i, 1.0, question=f"é {i}") for i in range(3)])
    lm_log(tmp_path, "org/b", "sums", [lm_line(i, 1.0, question=f"é {i}", hashes=False, filter=None) for i in range(3)])
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/a") == rates(ladder, "sums", "org/b")


def test_one_document_twice_in_a_data_set_stays_two_questions(tmp_path: Path) -> None:
    lines = [lm_line(0, 1.0, question="same"), lm_line(1, 0.0, question="same"), lm_line(2, 0.0, question="other")]
    lm_log(tmp_path, "org/a", "sums", lines)
    assert sorted(rates(read_logs(tmp_path), "sums", "org/a").values()) == [0.0, 0.0, 1.0]


def test_values_that_are_no_numbers_are_unscored(tmp_path: Path) -> None:
    nan = float("nan")
    lines = [lm_choice(i, gold=0, log_probabilities=[nan] * 3, acc=1.0) for i in range(4)]
    lines += [lm_choice(4, 0, [-1.0, -2.0, -3.0]), lm_choice(5, 1, [-1.0, -2.0, -3.0])]
    lm_log(tmp_path, "org/a", "colours", lines, lm_results("org/a", {"colours": {"acc,none": 5 / 6}}))
    ladder = read_logs(tmp_path)
    assert sorted(rates(ladder, "colours", "org/a").values()) == [0.0, 1.0]
    assert ladder.scores is None, "no loss where some questions have none"
    assert noted(ladder, "4 questions have no finite log probability")
    assert noted(ladder, "org/a on colours", "4 of 6 samples have no score")
    assert ladder.chance("colours") == pytest.approx(1 / 3)


def test_bits_per_byte_of_the_right_answer(tmp_path: Path) -> None:
    lines = [lm_choice(0, 0, [-1.5, -2.0]), lm_choice(1, 1, [-1.5, -float("inf")])]
    lm_log(tmp_path, "org/a", "colours", lines[:1])
    ladder = read_logs(tmp_path)
    assert ladder.scores is not None
    assert ladder.scores["bpb"].iloc[0] == pytest.approx(1.5 / (len(" é".encode()) * math.log(2)))
    lm_log(tmp_path, "org/a", "colours", lines)
    assert read_logs(tmp_path).scores is None, "infinite for one question"


def _repeats(tmp_path: Path, filters: list[dict[str, Any]], lines: list[Any], **metric: Any) -> Any:
    config = {"filter_list": filters, "metric_list": [{"metric": "exact_match", **metric}], "repeats": 3}
    results = lm_results(scores={"sums": {f"exact_match,{f['name']}": 0.5 for f in filters}})
    lm_log(tmp_path, "org/m-1", "sums", lines, results | {"configs": {"sums": config}})
    return read_logs(tmp_path)


REGEX = {"name": "re", "filter": [{"function": "regex", "regex_pattern": r"is (\d+)"}, {"function": "take_first"}]}


def test_every_repeated_answer_counts(tmp_path: Path) -> None:
    lines = [
        lm_line(0, 1.0, filter="re", answers=["it is 7", "it is 8", "it is 7"]),
        lm_line(1, 0.0, filter="re", answers=["none", "it is 7 is 8", "is 71"]),
    ]
    ladder = _repeats(tmp_path, [REGEX], lines)
    assert sorted(zip(ladder.items["n_correct"], ladder.items["n_trials"], strict=True)) == [(1, 3), (2, 3)]
    assert noted(ladder, "every repeated answer counts")


def test_repeats_with_the_task_own_comparison(tmp_path: Path) -> None:
    plain = {"name": "none", "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}]}
    lines = [lm_line(0, 1.0, answers=["  Seven!", "seven", "eight"], target="SEVEN")]
    ladder = _repeats(tmp_path, [plain], lines, ignore_case=True, ignore_punctuation=True)
    assert list(ladder.items["n_correct"]) == [2]


def test_repeats_that_do_not_reproduce_the_log_are_not_believed(tmp_path: Path) -> None:
    lines = [lm_line(0, 0.0, filter="re", answers=["it is 7", "it is 7", "it is 7"])]
    ladder = _repeats(tmp_path, [REGEX], lines)
    assert (ladder.items["n_trials"].item(), ladder.items["n_correct"].item()) == (1, 0)
    assert noted(ladder, "does not give the logged value")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({"function": "majority_vote"}, "looks at all answers together"),
        ({"function": "regex", "regex_pattern": "(?<=x)(y)"}, "pattern can't be run"),
        ({"function": "regex", "regex_pattern": "(a)(b)"}, "several groups"),
    ],
)
def test_filters_that_cannot_be_applied_to_one_answer(tmp_path: Path, step: dict[str, Any], why: str) -> None:
    entry = {"name": "odd", "filter": [step, {"function": "take_first"}]}
    ladder = _repeats(tmp_path, [entry], [lm_line(0, 1.0, filter="odd", answers=["a", "b", "c"])])
    assert (ladder.items["n_trials"].item(), ladder.items["n_correct"].item()) == (1, 1)
    assert noted(ladder, why)


def test_a_pattern_that_would_hang_does_not(tmp_path: Path) -> None:
    slow = {"name": "s", "filter": [{"function": "regex", "regex_pattern": "(a|a)*b"}, {"function": "take_first"}]}
    slow["filter"][0]["regex_pattern"] = "^(?:a+)+$"  # type: ignore[index]
    lines = [lm_line(0, 0.0, filter="s", answers=["a" * 5000 + "!", "a"])]
    assert _repeats(tmp_path, [slow], lines).items is not None


def test_lines_end_at_the_line_feed_alone(tmp_path: Path) -> None:
    odd = lm_line(0, 1.0, answers=["one\u2028two\u0085three\x0bfour"])
    import json

    lines = [json.dumps(odd, ensure_ascii=False), lm_line(1, 0.0)]
    lm_log(tmp_path, "org/m-1", "sums", lines)
    assert len(rates(read_logs(tmp_path), "sums", "org/m-1")) == 2


def test_task_names_with_underscores_and_models_with_slashes(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/m_1", "a_b_2024-01", [lm_line(0, 1.0)])
    ladder = read_logs(tmp_path)
    assert ladder.benchmark_names == ["a_b_2024-01"]
    assert list(ladder.models["model"]) == ["org/m_1"], "from the folder where there is no results file"


def test_scores_alone(tmp_path: Path) -> None:
    for index, size in enumerate(["1b", "7b"]):
        scores = {"arc": {"acc,none": 0.3 + index / 10, "acc_norm,none": 0.4, "acc_stderr,none": 0.01}}
        put(tmp_path / size / f"results_{LATER}.json", lm_results(f"org/m-{size}", scores, n=(50, 50)))
    put(tmp_path / "models.csv", "model,family,params,tokens\nm-1b,fam,1B,20B\nM-7b,fam,7B,140B\n")
    ladder = read_logs(tmp_path)
    assert ladder.items is None and ladder.scores is not None
    assert dict(zip(ladder.scores["model"], ladder.scores["score"], strict=True)) == {"m-1b": 0.3, "M-7b": 0.4}
    assert set(ladder.scores["n_questions"]) == {50.0}
    assert ladder.models.set_index("model")["flops"].to_dict() == {"m-1b": 6e9 * 20e9, "M-7b": 6 * 7e9 * 140e9}
    assert noted(ladder, "6 x parameters x tokens") and noted(ladder, "acc_norm", "also logged")


def test_older_keys_and_lists_and_perplexity(tmp_path: Path) -> None:
    put(tmp_path / "results.json", lm_results(scores={"lambada": {"acc": 0.25, "perplexity": 31.0}}))
    ladder = read_logs(tmp_path)
    assert ladder.scores is not None and ladder.scores["score"].item() == 0.25
    lines = [lm_line(0, 1.0, metrics=["exact_match", "instructions"], instructions=[True, False])]
    lm_log(tmp_path, "org/m-2", "ifeval", lines)
    assert noted(read_logs(tmp_path), "'instructions' is no single number")


def test_a_group_is_not_counted_beside_its_parts(tmp_path: Path) -> None:
    scores = {"mix": {"acc,none": 0.5}, "mix_a": {"acc,none": 0.4}, "mix_b": {"acc,none": 0.6}}
    results = lm_results(scores=scores) | {"group_subtasks": {"mix": ["mix_a", "mix_b"]}}
    put(tmp_path / f"results_{LATER}.json", results)
    ladder = read_logs(tmp_path)
    assert ladder.benchmark_names == ["mix_a", "mix_b"]
    assert noted(ladder, "mix", "averages benchmarks")


def test_strict_reads_nothing_of_damaged_logs(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/m-1", "sums", [lm_line(0, 1.0), '{"doc_id": 1, "broken', lm_line(2, 0.0), "no json"])
    ladder = read_logs(tmp_path)
    assert len(rates(ladder, "sums", "org/m-1")) == 2
    assert noted(ladder, "line 2", "1 more", "the rest was read")
    with pytest.raises(InputError, match="row 2"):
        read_logs(tmp_path, strict=True)
