"""HELM, OLMES, olmo-eval, lighteval, OpenCompass and Every Eval Ever."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from log_makers import (
    TIME,
    eee_line,
    eee_log,
    eee_result,
    helm_instance,
    helm_log,
    lighteval_log,
    noted,
    olmes_log,
    olmo_eval_log,
    opencompass_log,
    rates,
)

from bayes_cod.readers.logs import read_logs


def test_helm_keeps_the_identity_perturbation(tmp_path: Path) -> None:
    instances = [helm_instance(f"i{n}", n % 2, perturbation="identity") for n in range(4)]
    instances += [helm_instance(f"i{n}", 1, perturbation="typos") for n in range(4)]
    helm_log(tmp_path, instances)
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/m-1") == {"i0": 0.0, "i1": 1.0, "i2": 0.0, "i3": 1.0}
    assert noted(ladder, "4 perturbed instances left out")


def test_helm_training_trials_are_repeats_and_empty_statistics_are_unscored(tmp_path: Path) -> None:
    instances = [helm_instance("a", value, trial=trial) for trial, value in enumerate([1, 0, 1])]
    helm_log(tmp_path, [*instances, helm_instance("b", None)])
    ladder = read_logs(tmp_path)
    assert ladder.items is not None
    assert ladder.items[["question_id", "n_trials", "n_correct"]].to_numpy().tolist() == [["a", 3, 2]]
    assert noted(ladder, "1 of 2 samples have no score")


def test_helm_fractions_become_a_score(tmp_path: Path) -> None:
    helm_log(tmp_path, [helm_instance("a", 0.25, metric="f1_score"), helm_instance("b", 0.75, metric="f1_score")])
    ladder = read_logs(tmp_path)
    assert ladder.items is None and ladder.scores is not None
    assert ladder.scores["score"].item() == 0.5 and ladder.scores["n_questions"].item() == 2
    assert noted(ladder, "fractional scores")


@pytest.mark.parametrize(("primary", "passes"), [("acc_per_char", 1), ("acc_raw", 3)])
def test_olmes_counts_the_primary_metric(tmp_path: Path, primary: str, passes: int) -> None:
    rows = [
        {
            "doc_id": n,
            "native_id": f"q{n}",
            "metrics": {
                "acc_raw": 1, "acc_per_char": int(n == 0), "acc_uncond": None, "correct_choice": 0,
                "predicted_index_raw": 0, "bits_per_byte_corr": 1.0 + n, "no_answer": 0,
            },
            "model_output": [{"sum_logits": -1.0}] * 5,
        }
        for n in range(3)
    ]  # fmt: skip
    olmes_log(tmp_path, "m-1", rows, primary)
    ladder = read_logs(tmp_path)
    assert sum(rates(ladder, "quiz_mc", "m-1").values()) == passes
    assert set(rates(ladder, "quiz_mc", "m-1")) == {"q0", "q1", "q2"}
    assert ladder.scores is not None and ladder.scores["bpb"].item() == pytest.approx(2.0)
    assert ladder.chance("quiz_mc") == pytest.approx(0.2)


def test_olmes_older_loss_name(tmp_path: Path) -> None:
    rows = [{"native_id": n, "metrics": {"acc_raw": 1, "logits_per_byte_corr": -1.25}} for n in range(2)]
    olmes_log(tmp_path, "m-1", rows, "acc_raw")
    scores = read_logs(tmp_path).scores
    assert scores is not None and scores["bpb"].item() == pytest.approx(1.25)


def test_olmo_eval_counts_samples(tmp_path: Path) -> None:
    olmo_eval_log(tmp_path, "m-1", {"a": [1.0, 0.0, 1.0, 1.0], "b": [0.0, 0.0, 0.0, 1.0]})
    ladder = read_logs(tmp_path)
    assert ladder.items is not None
    assert ladder.items[["n_trials", "n_correct"]].to_numpy().tolist() == [[4, 3], [4, 1]]
    assert not noted(ladder, "the log states"), "samples give the stated score"


def test_lighteval_details(tmp_path: Path) -> None:
    rows = [
        {
            "doc": {"query": f"ask {n}", "choices": ["a", "bb"], "gold_index": [1], "id": "", "task_name": "quiz|5"},
            "metric": {"acc": float(n == 0), "acc_norm": 1.0},
            "model_response": {"input": f"ask {n}", "logprobs": [-1.0, -2.0], "output_tokens": [1, 2, 3]},
        }
        for n in range(2)
    ]
    lighteval_log(tmp_path, "m-1", rows)
    ladder = read_logs(tmp_path)
    assert sorted(rates(ladder, "quiz", "m-1").values()) == [0.0, 1.0]
    assert ladder.chance("quiz") == 0.5
    assert ladder.scores is not None and ladder.scores["bpb"].item() == pytest.approx(2 / (2 * 0.6931471805599453))


@pytest.mark.parametrize("flattened", [False, True])
def test_first_open_leaderboard_details(tmp_path: Path, flattened: bool) -> None:
    name = "metrics.acc_norm" if flattened else "acc_norm"
    rows = [{"full_prompt": f"ask {n}", "choices": ["a", "b"], name: float(n > 0), "padded": [0]} for n in range(3)]
    file = tmp_path / "details_org__m-1" / TIME / f"details_harness|arc:challenge|25_{TIME}.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), file)
    ladder = read_logs(tmp_path)
    assert ladder.benchmark_names == ["arc:challenge"]
    assert sorted(rates(ladder, "arc:challenge", "org/m-1").values()) == [0.0, 1.0, 1.0]


def test_opencompass_is_in_percent(tmp_path: Path) -> None:
    details = {"type": "GEN"} | {str(n): {"prompt": f"p{n}", "correct": n < 3} for n in range(4)}
    opencompass_log(tmp_path, "m-1", "sums", {"accuracy": 50.0, "details": details})
    opencompass_log(tmp_path, "m-1", "names", {"accuracy": 100.0})
    opencompass_log(tmp_path, "m-1", "proofs", {"accuracy": 0.8})
    ladder = read_logs(tmp_path)
    assert sum(rates(ladder, "sums", "m-1").values()) == 3
    assert noted(ladder, "m-1 on sums", "states 50", "4 scored questions give 75")
    assert ladder.scores is not None
    assert ladder.scores.set_index("benchmark")["score"].to_dict() == pytest.approx({"names": 1.0, "proofs": 0.008})


def test_opencompass_lists_are_repeats(tmp_path: Path) -> None:
    details = {"0": {"is_correct": [True, False, True]}, "1": {"is_correct": [False, False, True]}}
    opencompass_log(tmp_path, "m-1", "sums", {"G-Pass@3_0.5": 50.0, "details": details})
    items = read_logs(tmp_path).items
    assert items is not None and items[["n_trials", "n_correct"]].to_numpy().tolist() == [[3, 2], [3, 1]]


def test_every_eval_ever_names_benchmarks_by_evaluation(tmp_path: Path) -> None:
    for name, right in (("easy", 3), ("hard", 1)):
        lines = [eee_line(name, str(n), float(n < right)) for n in range(4)]
        eee_log(tmp_path, f"{name}-uuid", [eee_result(name, right / 4)], lines)
    ladder = read_logs(tmp_path)
    assert {name: sum(rates(ladder, name, "org/m-1").values()) for name in ladder.benchmark_names} == {
        "easy": 3,
        "hard": 1,
    }


def test_every_eval_ever_fractions_errors_and_metrics(tmp_path: Path) -> None:
    results = [eee_result("q", 0.5, result_id="q.em", metric="em"), eee_result("q", 0.5, result_id="q.f1", metric="f1")]
    lines = [eee_line("q", str(n), n / 2, evaluation_result_id="q.f1") for n in range(3)]
    lines += [eee_line("q", str(n), float(n == 2), evaluation_result_id="q.em") for n in range(3)]
    lines.append(eee_line("q", "3", 0.0, evaluation_result_id="q.em", error="timeout"))
    eee_log(tmp_path, "u", results, lines)
    assert rates(read_logs(tmp_path, metric="em"), "q", "org/m-1") == {"0": 0.0, "1": 0.0, "2": 1.0}
    assert rates(read_logs(tmp_path, metric="f1"), "q", "org/m-1") == {"0": 0.0, "1": 0.5, "2": 1.0}
    assert noted(read_logs(tmp_path, metric="em"), "error")


def test_every_eval_ever_epochs_and_doubled_files(tmp_path: Path) -> None:
    epochs = [eee_line("q", n, s, output={"raw": [str(e)]}) for e in range(2) for n, s in (("a", 1.0), ("b", float(e)))]
    eee_log(tmp_path / "x", "u", [eee_result("q", 0.75)], epochs)
    items = read_logs(tmp_path / "x").items
    assert items is not None and items[["n_trials", "n_correct"]].to_numpy().tolist() == [[2, 2], [2, 1]]
    once = [eee_line("q", "a", 1.0), eee_line("q", "b", 0.0)]
    eee_log(tmp_path / "y", "u", [eee_result("q", 0.5)], once * 2)
    doubled = read_logs(tmp_path / "y")
    assert doubled.items is not None and set(doubled.items["n_trials"]) == {1}
    assert noted(doubled, "more than once over")
