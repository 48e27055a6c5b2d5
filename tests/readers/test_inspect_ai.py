"""Inspect: archives of both compressions, JSON, epochs, scores of every kind, broken runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from backports.zstd import zipfile
from log_makers import inspect_archive, inspect_header, inspect_sample, noted, put, rates

from bayes_cod.errors import InputError
from bayes_cod.readers.logs import read_logs


@pytest.mark.parametrize("method", [zipfile.ZIP_ZSTANDARD, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_epochs_are_trials(tmp_path: Path, method: int) -> None:
    samples = [inspect_sample(i, "C" if (i + epoch) % 3 else "I", epoch) for epoch in (1, 2, 3) for i in (1, 2)]
    inspect_archive(tmp_path / "a.eval", inspect_header(), samples, method=method)
    ladder = read_logs(tmp_path)
    assert ladder.items is not None
    assert ladder.items.set_index("question_id")[["n_trials", "n_correct"]].to_numpy().tolist() == [[3, 2], [3, 2]]


def test_archive_and_json_are_the_same(tmp_path: Path) -> None:
    samples = [inspect_sample(f"q{i}", value) for i, value in enumerate(["C", "I", 1, 0.0, True, "no", "0.0"])]
    inspect_archive(tmp_path / "x" / "a.eval", inspect_header(), samples)
    put(tmp_path / "y" / "a.json", inspect_header(samples=samples))
    one, other = read_logs(tmp_path / "x"), read_logs(tmp_path / "y")
    assert rates(one, "sums", "org/m-1") == rates(other, "sums", "org/m-1")
    assert list(rates(one, "sums", "org/m-1").values()) == [1, 0, 1, 0, 1, 0, 0]


def test_unscored_is_not_wrong(tmp_path: Path) -> None:
    values = ["C", None, "P", "N", float("nan"), "C", None]
    text = json.dumps(inspect_header(samples=[inspect_sample(i, value) for i, value in enumerate(values)]))
    assert "NaN" in text
    put(tmp_path / "a.json", text)
    ladder = read_logs(tmp_path)
    assert list(rates(ladder, "sums", "org/m-1").values()) == [1.0, 0.5, 0.0, 1.0]
    assert noted(ladder, "3 of 7 samples have no score")
    assert noted(ladder, "half")


def test_the_headline_scorer_counts(tmp_path: Path) -> None:
    samples = [inspect_sample(i, None, scores={"b": {"value": "I"}, "a": {"value": "C"}}) for i in range(3)]
    results = {
        "scores": [{"name": "a", "scorer": "a", "metrics": {"accuracy": {"value": 1.0}}}],
        "headline": {"score": "a"},
    }
    inspect_archive(tmp_path / "a.eval", inspect_header(results=results), samples)
    assert set(rates(read_logs(tmp_path), "sums", "org/m-1").values()) == {1.0}
    assert set(rates(read_logs(tmp_path, metric="b"), "sums", "org/m-1").values()) == {0.0}
    every = read_logs(tmp_path, metric="all")
    assert every.benchmark_names == ["sums@a", "sums@b"]


def test_a_log_that_was_cut_short_is_read_from_its_journal_when_asked(tmp_path: Path) -> None:
    samples = [inspect_sample(i, "C") for i in range(5)]
    inspect_archive(tmp_path / "a.eval", None, samples, journal=True)
    with pytest.raises(InputError, match="ended well"):
        read_logs(tmp_path)
    ladder = read_logs(tmp_path, unfinished=True)
    assert len(rates(ladder, "sums", "org/m-1")) == 5
    assert noted(ladder, "status started")


def test_a_retried_run_counts_once(tmp_path: Path) -> None:
    failed = inspect_header(status="error", eval={"created": "2031-03-05T00:00:00+00:00"})
    inspect_archive(tmp_path / "b.eval", failed, [inspect_sample(i, "I") for i in range(2)])
    inspect_archive(tmp_path / "a.eval", inspect_header(), [inspect_sample(i, "C") for i in range(4)])
    ladder = read_logs(tmp_path)
    assert list(rates(ladder, "sums", "org/m-1").values()) == [1.0] * 4
    assert noted(ladder, "a.eval", "counts", "set aside", "b.eval", "status error")


def test_a_sample_logged_twice_counts_once(tmp_path: Path) -> None:
    samples = [inspect_sample(1, "I"), inspect_sample(2, "C"), inspect_sample(1, "C")]
    inspect_archive(tmp_path / "a.eval", inspect_header(), samples)
    ladder = read_logs(tmp_path)
    assert set(ladder.items["n_trials"]) == {1} and rates(ladder, "sums", "org/m-1") == {"1": 1.0, "2": 1.0}  # type: ignore[index]
    assert noted(ladder, "1 samples are logged more than once")


def test_scorers_of_several_values(tmp_path: Path) -> None:
    samples = [inspect_sample(i, {"strict": 1, "note": "long"}) for i in range(2)]
    inspect_archive(tmp_path / "a.eval", inspect_header(), samples)
    ladder = read_logs(tmp_path, metric="match/strict")
    assert set(rates(ladder, "sums", "org/m-1").values()) == {1.0}


def test_task_arguments_tell_runs_apart(tmp_path: Path) -> None:
    for name in ("easy", "hard"):
        header = inspect_header(eval={"task_args": {"level": name, "seed": 1}})
        inspect_archive(tmp_path / f"{name}.eval", header, [inspect_sample(1, "C")])
    assert read_logs(tmp_path).benchmark_names == ["sums@level=easy", "sums@level=hard"]


def test_missing_summaries_fall_back_to_the_samples(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(inspect_header()))
        archive.writestr("samples/1_epoch_1.json", json.dumps(inspect_sample(1, "C")))
        archive.writestr("samples/2_epoch_1.json", "{")
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/m-1") == {"1": 1.0}
    assert noted(ladder, "a.eval", "samples/2_epoch_1.json")
