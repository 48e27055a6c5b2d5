"""Which run, metric and name count, and what is noted where logs do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from log_makers import (
    LATER,
    TIME,
    inspect_header,
    inspect_sample,
    lm_choice,
    lm_line,
    lm_log,
    lm_results,
    noted,
    put,
    rates,
)

from bayes_cod.errors import InputError
from bayes_cod.readers.logs import read_logs


def both_metrics(folder: Path, model: str, acc: int, norm: int, n: int = 4) -> None:
    lines = [lm_choice(i, 0, [-1.0, -2.0], acc=float(i < acc), acc_norm=float(i < norm)) for i in range(n)]
    lm_log(folder, model, "quiz", lines, lm_results(model, {"quiz": {"acc,none": acc / n, "acc_norm,none": norm / n}}))


def test_metrics_are_never_averaged(tmp_path: Path) -> None:
    both_metrics(tmp_path, "org/a", 1, 3)
    assert sum(rates(read_logs(tmp_path), "quiz", "org/a").values()) == 1
    assert sum(rates(read_logs(tmp_path, metric="acc_norm"), "quiz", "org/a").values()) == 3
    assert sum(rates(read_logs(tmp_path, metric={"quiz": "acc_norm"}), "quiz", "org/a").values()) == 3
    every = read_logs(tmp_path, metric="all")
    assert [sum(rates(every, f"quiz@{name}", "org/a").values()) for name in ("acc", "acc_norm")] == [1, 3]


def test_an_unknown_metric_is_refused_with_what_there_is(tmp_path: Path) -> None:
    both_metrics(tmp_path, "org/a", 1, 3)
    with pytest.raises(InputError, match=r"no benchmark has the metric 'f1' \(quiz has acc, acc_norm\)"):
        read_logs(tmp_path, metric="f1")
    with pytest.raises(InputError, match="filter 'loose'"):
        read_logs(tmp_path, filter="loose")


def test_one_metric_for_all_models(tmp_path: Path) -> None:
    """A metric that only one model has does not go before one that all have."""
    lm_log(tmp_path, "org/a", "quiz", [lm_choice(i, 0, [-1.0, -2.0], early=1.0, acc=0.0) for i in range(2)])
    lm_log(tmp_path, "org/b", "quiz", [lm_choice(i, 0, [-1.0, -2.0], acc=1.0) for i in range(2)])
    ladder = read_logs(tmp_path)
    assert set(rates(ladder, "quiz", "org/a").values()) == {0.0}
    assert noted(read_logs(tmp_path, metric="early"), "not logged", "org/b")


@pytest.mark.parametrize("order", [(TIME, LATER), (LATER, TIME)])
def test_the_whole_run_counts_before_a_trial_run(tmp_path: Path, order: tuple[str, str]) -> None:
    whole, part = order
    full = lm_results(scores={"sums": {"exact_match,none": 1.0}}, n=(6, 6))
    lm_log(tmp_path, "org/m-1", "sums", [lm_line(i, 1.0) for i in range(6)], full, when=whole)
    short = lm_results(scores={"sums": {"exact_match,none": 0.0}}, n=(2, 6), limit=2)
    lm_log(tmp_path, "org/m-1", "sums", [lm_line(i, 0.0) for i in range(2)], short, when=part)
    ladder = read_logs(tmp_path)
    assert list(rates(ladder, "sums", "org/m-1").values()) == [1.0] * 6
    assert noted(ladder, "run more than once", f"samples_sums_{whole}", "set aside", f"samples_sums_{part}", "2 of 6")
    assert not noted(ladder, f"results_{part}"), "one run is named once"


def test_the_later_of_two_whole_runs_counts(tmp_path: Path) -> None:
    for when, value in ((TIME, 0.0), (LATER, 1.0)):
        lm_log(tmp_path, "org/m-1", "sums", [lm_line(i, value) for i in range(3)], when=when)
    assert list(rates(read_logs(tmp_path), "sums", "org/m-1").values()) == [1.0] * 3


def test_a_part_that_has_no_whole_is_said_to_be_one(tmp_path: Path) -> None:
    short = lm_results(scores={"sums": {"exact_match,none": 1.0}}, n=(2, 6), limit=2)
    lm_log(tmp_path, "org/m-1", "sums", [lm_line(i, 1.0) for i in range(2)], short)
    assert noted(read_logs(tmp_path), "org/m-1 on sums", "only a part", "2 of 6")


def test_different_question_sets_are_noted(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/a", "sums", [lm_line(i, 1.0) for i in range(5)])
    lm_log(tmp_path, "org/b", "sums", [lm_line(i, 1.0) for i in range(3, 9)])
    assert noted(read_logs(tmp_path), "sums", "2 are shared by all 2 models", "5 to 6 by each")


def test_versions_prompts_and_templates_that_differ_are_noted(tmp_path: Path) -> None:
    for model, version in (("org/a", 1.0), ("org/b", 2.0)):
        lines = [lm_line(i, 1.0, prompt_hash=f"{i:04d}{version:.0f}" + "0" * 40) for i in range(3)]
        results = lm_results(model, {"sums": {"exact_match,none": 1.0}}, versions={"sums": version})
        lm_log(tmp_path, model, "sums", lines, results | {"chat_template_sha": f"t{version}"})
    ladder = read_logs(tmp_path)
    assert noted(ladder, "sums", "task version differs", "1.0: org/a", "2.0: org/b")
    assert noted(ladder, "chat template differs")
    assert noted(ladder, "prompts of 3 shared questions differ")


def test_several_harnesses_for_one_benchmark_are_noted(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/a", "sums", [lm_line(0, 1.0)])
    put(tmp_path / "b.json", inspect_header("org/b", samples=[inspect_sample(0, "C", scorer="exact_match")]))
    assert noted(read_logs(tmp_path), "sums", "harness differs", "Inspect: org/b")


def test_shots_are_separate_benchmarks(tmp_path: Path) -> None:
    for shots, when in ((0, TIME), (5, LATER)):
        results = lm_results(scores={"sums": {"exact_match,none": 1.0}}, shots=shots)
        lm_log(tmp_path, "org/m-1", "sums", [lm_line(0, float(shots > 0))], results, when=when)
    ladder = read_logs(tmp_path)
    assert ladder.benchmark_names == ["sums@0shot", "sums@5shot"]


def test_revisions_are_separate_models(tmp_path: Path) -> None:
    for step, when in (("step1", TIME), ("step2", LATER)):
        results = lm_results(scores={"sums": {"exact_match,none": 1.0}}, config={"model_args": {"revision": step}})
        lm_log(tmp_path, "org/m-1", "sums", [lm_line(0, 1.0)], results, when=when)
    assert sorted(read_logs(tmp_path).models["model"]) == ["org/m-1@step1", "org/m-1@step2"]


def test_names_of_the_models_table_that_fit_twice_are_not_guessed(tmp_path: Path) -> None:
    for model in ("x/m-1", "y/m-1"):
        lm_log(tmp_path, model, "sums", [lm_line(0, 1.0)], lm_results(model))
    table = put(tmp_path / "models.csv", "model,family,flops\nm-1,f,1e20\n")
    ladder = read_logs(tmp_path)
    assert noted(ladder, "could be x/m-1, y/m-1")
    assert ladder.models.set_index("model")["flops"].isna().to_dict() == {"m-1": False, "x/m-1": True, "y/m-1": True}
    put(table, "model,family,flops\nx/m-1,f,1e20\ny/m-1,f,1e21\n")
    assert read_logs(tmp_path).models["flops"].notna().all()


def test_a_model_without_questions_is_named_beside_those_with(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/a", "sums", [lm_line(i, 1.0) for i in range(2)])
    put(tmp_path / "b" / f"results_{TIME}.json", lm_results("org/b", {"sums": {"exact_match,none": 0.5}}))
    ladder = read_logs(tmp_path)
    assert noted(ladder, "sums", "no questions of org/b")


def test_files_that_are_no_logs_are_named(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/a", "sums", [lm_line(0, 1.0)])
    put(tmp_path / "notes.txt", "hello")
    put(tmp_path / "._samples_sums_x.jsonl", b"\x00\x05\x16\x07")
    ladder = read_logs(tmp_path)
    assert noted(ladder, "1 files are no logs", "notes.txt")


def test_nothing_but_other_files(tmp_path: Path) -> None:
    put(tmp_path / "notes.txt", "hello")
    with pytest.raises(InputError, match="no log of a known format"):
        read_logs(tmp_path)
