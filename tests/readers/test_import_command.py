"""`bayes-cod import`, and folders of logs where a ladder is expected."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
from helpers import run
from log_makers import inspect_archive, inspect_header, inspect_sample, lm_line, lm_log, lm_results, noted, put, rates

from bayes_cod.errors import InputError
from bayes_cod.readers import stage
from bayes_cod.readers.base import RowSink
from bayes_cod.readers.detect import read_any
from bayes_cod.readers.every_eval_ever_writer import write_every_eval_ever
from bayes_cod.readers.lm_eval import LmEval
from bayes_cod.readers.logs import read_logs
from bayes_cod.readers.tables import read_tables

MODELS = "model,family,params,tokens\nm-1,fam,1B,20B\nm-2,fam,2B,40B\nm-3,fam,4B,80B\nm-9,fam,9B,180B\n"


def ladder_of_logs(folder: Path) -> Path:
    for size in (1, 2, 3):
        lines = [lm_line(i, float(i < 2 * size)) for i in range(8)]
        lm_log(
            folder,
            f"org/m-{size}",
            "sums",
            lines,
            lm_results(f"org/m-{size}", {"sums": {"exact_match,none": size / 4}}),
        )
    inspect_archive(folder / "a.eval", inspect_header("org/m-1", "other"), [inspect_sample(i, "C") for i in range(3)])
    put(folder / "models.csv", MODELS)
    return folder


def test_what_was_imported_as_json(tmp_path: Path) -> None:
    logs, out = ladder_of_logs(tmp_path / "logs"), tmp_path / "ladder"
    code, text, error = run("import", logs, "--out", out, "--json")
    assert code == 0, error
    answer = json.loads(text)
    assert answer["out"] == str(out) and answer["settings"]["logs"] == str(logs)
    assert {row["benchmark"] for row in answer["benchmarks"]} >= {"sums"}


def test_two_commands_from_logs_to_a_report(tmp_path: Path) -> None:
    logs, out = ladder_of_logs(tmp_path / "logs"), tmp_path / "ladder"
    code, text, error = run("import", logs, "--out", out)
    assert code == 0, error
    assert sorted(file.name for file in out.iterdir()) == [
        "benchmarks.csv",
        "import.json",
        "items.csv.gz",
        "models.csv",
    ]
    assert "sums" in text and "6 x parameters x tokens" in text
    request = (
        "forecast",
        out,
        "--target",
        "m-9",
        "--benchmark",
        "sums",
        "--method",
        "exponential",
        "--out",
        tmp_path / "r",
    )
    code, text, error = run(*request)
    assert code == 0, error
    assert (tmp_path / "r" / "report.html").is_file()
    assert "6 x parameters x tokens" in text, "notes of the import go on"


def test_a_folder_of_logs_is_a_ladder(tmp_path: Path) -> None:
    logs = ladder_of_logs(tmp_path / "logs")
    code, text, error = run("check", logs)
    assert code == 0 and "Can be forecast: fam" in text, error
    table = tmp_path / "sizes.csv"
    (logs / "models.csv").rename(table)
    code, text, error = run("check", logs, "--models", table)
    assert code == 0 and "Can be forecast: fam" in text, error
    code, text, error = run("check", logs)
    assert code == 0 and "compute of org/m-1, org/m-2, org/m-3 is unknown" in text


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_is_written_reads_back_the_same(tmp_path: Path, kind: str) -> None:
    logs, out = ladder_of_logs(tmp_path / "logs"), tmp_path / "out"
    assert run("import", logs, "--out", out, "--table", kind)[0] == 0
    before, after = read_logs(logs), read_tables(out)
    assert before.items is not None and after.items is not None
    order = ["benchmark", "model", "question_id"]
    columns = [*order, "n_trials", "n_correct"]
    left, right = (frame[columns].sort_values(order, ignore_index=True) for frame in (before.items, after.items))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)


def test_a_second_import_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    logs, out = ladder_of_logs(tmp_path / "logs"), tmp_path / "out"
    assert run("import", logs, "--out", out, "--table", "parquet")[0] == 0
    assert run("import", logs, "--out", out)[0] == 0
    assert not (out / "items.parquet").exists() and (out / "items.csv.gz").exists()


def test_a_failed_import_writes_nothing(tmp_path: Path) -> None:
    logs = ladder_of_logs(tmp_path / "logs")
    for wrong in (("--metric", "f1"), ("--models", tmp_path / "none.csv"), ("--metric", "a=b", "--metric", "c")):
        code, text, error = run("import", logs, "--out", tmp_path / "out", *wrong)
        assert code == 2 and error.startswith("error: ") and "\n" not in error, (text, error)
    assert not (tmp_path / "out").exists()


def test_unknown_compute_leaves_a_table_to_fill_in(tmp_path: Path) -> None:
    logs = ladder_of_logs(tmp_path / "logs")
    (logs / "models.csv").unlink()
    code, text, _ = run("import", logs, "--out", tmp_path / "out")
    assert code == 0 and "fill in family and flops" in text
    models = pd.read_csv(tmp_path / "out" / "models.csv")
    assert list(models["model"]) == ["org/m-1", "org/m-2", "org/m-3"] and models["flops"].isna().all()


def test_every_eval_ever_goes_round(tmp_path: Path) -> None:
    ladder = read_logs(ladder_of_logs(tmp_path / "logs"))
    files = write_every_eval_ever(ladder, tmp_path / "eee", retrieved=1_930_000_000, version="1")
    assert all(file.resolve().is_relative_to(tmp_path / "eee") for file in files)
    again = read_logs(tmp_path / "eee")
    for model in ("m-1", "m-2", "m-3"):
        assert rates(again, "sums", model) == rates(ladder, "sums", model)


def test_records_follow_the_schema(tmp_path: Path, shared: Path) -> None:
    schemas = shared / "data" / "eval_logs" / "every_eval_ever"
    if not schemas.is_dir():
        pytest.skip("the schemas of Every Eval Ever are not here")
    ladder = read_logs(ladder_of_logs(tmp_path / "logs"))
    files = write_every_eval_ever(ladder, tmp_path / "eee", retrieved=1_930_000_000, version="1")
    whole, line = (
        json.loads((schemas / name).read_text()) for name in ("eval.schema.json", "instance_level_eval.schema.json")
    )
    for file in files:
        if file.suffix == ".json":
            jsonschema.validate(json.loads(file.read_text()), whole)
        else:
            for text in file.read_text().splitlines():
                jsonschema.validate(json.loads(text), line)


def test_an_import_with_its_records_is_read_as_tables(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("import", ladder_of_logs(tmp_path / "logs"), "--out", out, "--every-eval-ever")[0] == 0
    ladder = read_any(out)
    assert noted(ladder, "lm-evaluation-harness") and not noted(ladder, "were not read")


def test_logs_below_tables_of_results_are_named(tmp_path: Path) -> None:
    ladder_of_logs(tmp_path / "raw")
    put(tmp_path / "models.csv", "model,family,flops\nm-1,f,1e20\n")
    put(tmp_path / "scores.csv", "model,benchmark,score\nm-1,quiz,0.5\n")
    ladder = read_any(tmp_path)
    assert ladder.benchmark_names == ["quiz"]
    assert noted(ladder, "7 logs", "were not read")


def test_only_new_logs_are_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, cache = ladder_of_logs(tmp_path / "logs"), tmp_path / "cache"
    cache.mkdir()
    first = read_logs(logs, cache=cache)
    parsed: list[str] = []
    real = LmEval.read

    def counted(self: LmEval, source: object, rows: object) -> object:
        parsed.append(source.name)  # type: ignore[attr-defined]
        return real(self, source, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(LmEval, "read", counted)
    again = read_logs(logs, cache=cache)
    assert parsed == [] and again.notes == first.notes
    assert first.items is not None and again.items is not None
    pd.testing.assert_frame_equal(first.items, again.items)
    changed = next((logs / "org__m-2").glob("samples*"))
    put(changed, [lm_line(i, 0.0) for i in range(8)])
    assert sum(rates(read_logs(logs, cache=cache), "sums", "m-2").values()) == 0
    assert parsed == [f"org__m-2/{changed.name}"]


def test_a_spoilt_cache_is_not_believed(tmp_path: Path) -> None:
    logs, cache = ladder_of_logs(tmp_path / "logs"), tmp_path / "cache"
    cache.mkdir()
    first = read_logs(logs, cache=cache)
    for file in cache.glob("*.json"):
        file.write_text("{")
    assert read_logs(logs, cache=cache).notes == first.notes


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "file", "x")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert stage.cache_folder(None) is None
    assert run("check", ladder_of_logs(tmp_path / "logs"))[0] == 0


@pytest.mark.slow
def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_one_error_and_leaves_no_half_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, cache = ladder_of_logs(tmp_path / "logs"), tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(RowSink, "close", full)
    code, _, error = run("import", logs, "--out", tmp_path / "out")
    assert code == 2 and error.count("error:") == 1 and "the disk is full" in error
    assert not list((cache / "bayes_cod" / "logs").iterdir()) and not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder, out = read_logs(ladder_of_logs(tmp_path / "logs")), tmp_path / "eee"
    whole, written = Path.write_text, []

    def until_full(file: Path, text: str, **more: str) -> int:
        written.append(file)
        return whole(file, text[:9]) and full() if len(written) == 3 else whole(file, text, **more)  # type: ignore

    monkeypatch.setattr(Path, "write_text", until_full)
    with pytest.raises(InputError, match="the disk is full"):
        write_every_eval_ever(ladder, out, retrieved=0, version="1")
    assert len(written) == 3 and not list(out.iterdir())


def test_large_logs_are_parsed_in_parallel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayes_cod.readers.logs._PARALLEL", 0)
    logs = ladder_of_logs(tmp_path / "logs")
    shares: list[float] = []
    ladder = read_logs(logs, jobs=2, progress=lambda text, share: shares.append(share))
    assert shares[-1] == 1.0 and shares == sorted(shares)
    assert ladder.items is not None and len(ladder.items) == 27
