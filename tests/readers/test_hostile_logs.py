"""Logs from anyone: broken, nested, huge, misnamed. A note or one clear line, no traceback, no hang, little memory."""

from __future__ import annotations

import gzip
import json
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backports.zstd import zipfile
from helpers import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_makers import (
    eee_line,
    eee_log,
    eee_result,
    helm_instance,
    helm_log,
    inspect_archive,
    inspect_header,
    inspect_sample,
    lighteval_log,
    lm_choice,
    lm_line,
    lm_log,
    lm_results,
    noted,
    olmes_log,
    olmo_eval_log,
    opencompass_log,
    put,
    rates,
)

from bayes_cod.errors import InputError
from bayes_cod.readers.limits import DEFAULT, MIB, Damaged, Limits, decode, lines, walk
from bayes_cod.readers.logs import read_logs

SECONDS = 5.0
MEMORY = 1500 * 2**20


def everything(folder: Path) -> list[Path]:
    """One valid log of every format; the files that are read."""
    lm_log(
        folder / "lm",
        "org/m",
        "sums",
        [lm_line(i, 1.0) for i in range(6)],
        lm_results(scores={"sums": {"exact_match,none": 1}}),
    )
    inspect_archive(folder / "in" / "a.eval", inspect_header(), [inspect_sample(i, "C") for i in range(6)])
    put(folder / "ij" / "a.json", inspect_header(samples=[inspect_sample(i, "C") for i in range(6)]))
    helm_log(folder / "helm", [helm_instance(f"i{i}", 1) for i in range(6)])
    rows = [{"native_id": i, "metrics": {"acc_raw": 1}} for i in range(6)]
    olmes_log(folder / "olmes", "m", rows, "acc_raw")
    olmo_eval_log(folder / "olmo", "m", {f"q{i}": [1.0, 0.0] for i in range(6)})
    details = [{"doc": {"query": f"q{i}", "choices": ["a"], "id": f"{i}"}, "metric": {"acc": 1.0}} for i in range(6)]
    lighteval_log(folder / "light", "m", details)
    opencompass_log(
        folder / "oc", "m", "sums", {"accuracy": 50.0, "details": {str(i): {"correct": True} for i in range(6)}}
    )
    eee_log(folder / "eee", "u-1", [eee_result("q", 1.0)], [eee_line("q", str(i), 1.0) for i in range(6)])
    passed_over = ("stats.json", "quiz_0a1b2c-requests.jsonl")
    found = [file for file in folder.rglob("*") if file.is_file() and file.name not in passed_over]
    return sorted(file for file in found if not file.is_relative_to(folder / "oc" / "predictions"))


FILES = [
    "a.eval", "a.json", "details_quiz", "metrics.json", "per_instance_stats.json", "quiz_0a1b2c-predictions.jsonl",
    "results_2031", "run_spec.json", "samples_sums", "sums.json", "task-003-quiz_mc-metrics.json",
    "task-003-quiz_mc-predictions.jsonl", "u-1.json", "u-1_samples.jsonl",
]  # fmt: skip


COMPANIONS = ("results_2031", "metrics.json", "run_spec.json", "task-003-quiz_mc-metrics", "u-1.json")


def deep(data: bytes) -> bytes:
    return b'{"version": 2, "status": "success", "schema_version": "0.3.0", "evaluation_id": 1, "results": ' + (
        b"[" * 10_000 + b"]" * 10_000 + b"}\n"
    )


SPOILS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut at a tenth": lambda data: data[: len(data) // 10],
    "cut at the half": lambda data: data[: len(data) // 2],
    "last byte gone": lambda data: data[:-3],
    "nested 10,000 deep": deep,
    "noise": lambda data: bytes(i * 7919 % 256 for i in range(5000)),
    "a list instead": lambda data: b"[[1, 2], null, {}]\n",
    "null": lambda data: b"null\n",
    "numbers for texts": lambda data: data.replace(b'"org/m-1"', b"17").replace(b'"doc_id"', b'"doc"'),
    "no numbers": lambda data: data.replace(b"1.0", b"NaN").replace(b" 1,", b" -Infinity,"),
    "huge integers": lambda data: data.replace(b"1.0", b"9" * 6000).replace(b": 1", b": " + b"9" * 400),
    "huge floats": lambda data: data.replace(b"1.0", b"1e999").replace(b": 1", b": 1e308"),
    "half a surrogate": lambda data: data.replace(b'"what', b'"\\ud83d what').replace(b'"id"', b'"id\\udc00"'),
    "not UTF-8": lambda data: data.replace(b"q", b"\xff\xfe"),
    "byte order mark": lambda data: b"\xef\xbb\xbf" + data,
    "NUL bytes": lambda data: data.replace(b" ", b"\x00"),
}


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < SECONDS * 4, "a hang (the bound is generous as machines are shared)"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MEMORY


@pytest.mark.parametrize("companions", [False, True])
@pytest.mark.parametrize("spoil", SPOILS, ids=str)
def test_spoilt_files_end_in_notes_or_one_line(tmp_path: Path, spoil: str, companions: bool) -> None:
    """Every file of every format is spoilt at once, with and without the files that go with it."""
    files = everything(tmp_path / "logs")
    assert {name for name in FILES if any(file.name.startswith(name) for file in files)} == set(FILES)
    put(tmp_path / "logs" / "good.json", inspect_header("org/good", "fine", samples=[inspect_sample(1, "C")]))
    for file in files:
        if companions or not file.name.startswith(COMPANIONS):
            file.write_bytes(SPOILS[spoil](file.read_bytes()))
    ladder = read_logs(tmp_path / "logs")
    assert "fine" in ladder.benchmark_names, "the rest is read"
    assert ladder.items is not None and ladder.items["n_correct"].between(0, ladder.items["n_trials"]).all()
    assert all("\n" not in note for note in ladder.notes)


def _readable(folder: Path) -> bool:
    try:
        read_logs(folder)
    except InputError as error:
        assert "\n" not in str(error)
        return False
    return True


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_of_bytes(tmp_path: Path, data: st.DataObject) -> None:
    files = [file for file in everything(tmp_path / "logs") if file.suffix != ".parquet"]
    file = data.draw(st.sampled_from(files))
    before = file.read_bytes()
    at = data.draw(st.integers(0, max(len(before) - 1, 0)))
    new = data.draw(
        st.sampled_from([b"", b"\x00", b"{", b"]", b'"', b"\\", b"\n", b"NaN", b"-", b"1e999", b"\xff", b"null"])
    )
    cut = data.draw(st.integers(0, 40))
    file.write_bytes(before[:at] + new + before[at + cut :])
    try:
        _readable(file.parent)
    finally:
        file.write_bytes(before)


def bomb(file: Path, method: int, name: str = "summaries.json") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", compression=method) as archive:
        archive.writestr("header.json", json.dumps(inspect_header()))
        with archive.open(name, "w", force_zip64=True) as member:
            for _ in range(400):
                member.write(b" " * MIB)
    return file


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD])
def test_zip_bombs(tmp_path: Path, method: int) -> None:
    file = bomb(tmp_path / "a.eval", method)
    start = time.process_time()
    code, _, error = run("check", file)
    assert time.process_time() - start < SECONDS
    assert code == 2 and "decompression bomb" in error


def test_gzip_bombs(tmp_path: Path) -> None:
    put(tmp_path / "org__m" / "samples_sums.jsonl.gz", gzip.compress(b"\n" * (60 * MIB), 9))
    start = time.process_time()
    with pytest.raises(InputError, match="decompression bomb"):
        read_logs(tmp_path)
    assert time.process_time() - start < SECONDS


def test_members_that_climb_are_not_written(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    with zipfile.ZipFile(inside / "x.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(inspect_header()))
        archive.writestr("summaries.json", json.dumps([inspect_sample(1, "C")]))
        for name in ("../../evil.json", "/tmp/evil.json", "samples/../../../evil_epoch_1.json", "..\\evil.json"):
            archive.writestr(name, "{}")
    before = sorted(tmp_path.rglob("*"))
    assert rates(read_logs(inside), "sums", "org/m-1") == {"1": 1.0}
    assert sorted(tmp_path.rglob("*")) == before


def test_names_that_climb_stay_inside_the_output(tmp_path: Path) -> None:
    for model in ("../../../evil", "/etc/evil", "a/../../b", ".."):
        put(tmp_path / "logs" / f"{abs(hash(model))}.json", inspect_header(model, samples=[inspect_sample(1, "C")]))
    out = tmp_path / "deep" / "out"
    assert run("import", tmp_path / "logs", "--out", out, "--every-eval-ever")[0] == 0
    written = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_relative_to(tmp_path / "logs")]
    assert written and all(file.resolve().is_relative_to(out) for file in written)
    assert not Path("/etc/evil").exists()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("=cmd|'/C calc'!A0", "starts a formula"),
        ("+1+1", "starts a formula"),
        ("@SUM(A1)", "starts a formula"),
        ("-2", "starts a formula"),
        ("m\x1b[2Jx", "control characters"),
        ("two\nlines", "control characters"),
        ("\u202egnp", "control characters"),
        ("m" * 5000, "longer than 200"),
        ("   ", "is blank"),
    ],
)
@pytest.mark.parametrize("kind", ["model", "task"])
def test_names_that_do_not_belong_in_a_table(tmp_path: Path, name: str, fault: str, kind: str) -> None:
    good = inspect_header("org/good", "fine", samples=[inspect_sample(1, "C")])
    put(tmp_path / "good.json", good)
    evil = {"model": "org/m", "task": "t"} | {kind: name}
    put(tmp_path / "evil.json", inspect_header(**evil, samples=[inspect_sample(1, "C")]))
    ladder = read_logs(tmp_path)
    assert ladder.benchmark_names == ["fine"]
    assert noted(ladder, "evil.json", fault, "set aside") or (kind == "model" and not name.strip())
    code, text, _ = run("check", tmp_path)
    assert code == 0 and "\x1b[2J" not in text


def test_markup_in_names_is_shown_as_it_is(tmp_path: Path) -> None:
    script = "<script>alert(1)</script>"
    sample = inspect_sample("<img src=x onerror=alert(1)>", "C")
    put(tmp_path / "logs" / "a.json", inspect_header(script, "[red]quiz[/red]", samples=[sample]))
    code, text, _ = run("check", tmp_path / "logs")
    assert code == 0 and "[red]quiz[/red]" in text


def fifo(folder: Path) -> None:
    os.mkfifo(folder / "samples_fifo_2031-01-01T00-00-00.jsonl")


def unix_socket(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    try:
        socket.socket(socket.AF_UNIX).bind("s.eval")
    finally:
        os.chdir(here)


def loop(folder: Path) -> None:
    (folder / "again").symlink_to(folder)


def dangling(folder: Path) -> None:
    (folder / "gone.eval").symlink_to(folder / "nowhere")


def device(folder: Path) -> None:
    (folder / "zero.json").symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, unix_socket, loop, dangling, device])
def test_what_is_no_file_is_passed_over_and_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    lm_log(tmp_path, "org/m-1", "sums", [lm_line(0, 1.0)])
    make(tmp_path)
    ladder = read_logs(tmp_path)
    assert rates(ladder, "sums", "org/m-1")
    assert any("passed over" in note or "not followed" in note for note in ladder.notes)


@pytest.mark.parametrize("make", [fifo, unix_socket, device, dangling])
def test_what_is_no_file_as_the_ladder_itself(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    code, _, error = run("check", next(tmp_path.iterdir()))
    assert code == 2 and error.startswith("error: ")


def test_a_very_long_path_and_a_folder_named_like_a_log(tmp_path: Path) -> None:
    assert run("check", "x" * 5000)[0] == 2
    assert run("check", "/" + "y/" * 3000)[0] == 2
    (tmp_path / "samples_a_2031-01-01T00-00-00.jsonl").mkdir()
    (tmp_path / "a.eval").mkdir()
    assert run("check", tmp_path)[0] == 2


def test_names_of_files_that_are_no_text(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"org__m\xff")
    folder.mkdir()
    put(folder / "samples_sums.jsonl", [lm_line(0, 1.0)])
    ladder = read_logs(tmp_path)
    assert list(ladder.models["model"]) == ["org/m\\udcff"]
    assert run("import", tmp_path, "--out", tmp_path / "out")[0] == 0


def test_long_lines_are_passed_over(tmp_path: Path) -> None:
    small = Limits(line=10_000)
    lm_log(tmp_path, "org/m", "sums", [lm_line(0, 1.0), lm_line(1, 1.0, answers=["x" * 50_000]), lm_line(2, 1.0)])
    ladder = read_logs(tmp_path, limits=small)
    assert len(rates(ladder, "sums", "org/m")) == 2
    assert noted(ladder, "line 2", "longer than")


def test_too_many_files_and_folders(tmp_path: Path) -> None:
    for index in range(12):
        put(tmp_path / str(index) / "a.txt", "x")
    with pytest.raises(InputError, match="more than 10 files"):
        walk(tmp_path, Limits(files=10))
    deep_folder = tmp_path.joinpath(*["d"] * 40)
    deep_folder.mkdir(parents=True)
    put(deep_folder / "a.txt", "x")
    assert any("levels down" in note for note in walk(tmp_path).notes)


def test_negative_and_absurd_values_never_become_counts(tmp_path: Path) -> None:
    values = [1.0, -1.0, 7.0, 1e300, 0.0, None]
    lm_log(tmp_path, "org/m", "sums", [lm_line(i, value) for i, value in enumerate(values)])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="none of its metrics is a proportion"):
        read_logs(tmp_path)


def test_many_choices_do_not_matter(tmp_path: Path) -> None:
    lm_log(tmp_path, "org/m", "sums", [lm_choice(0, 3, [-1.0] * 1000)])
    assert read_logs(tmp_path).chance("sums") == pytest.approx(1 / 1000)


def test_json_lines_are_bounded_and_repaired(tmp_path: Path) -> None:
    import msgspec

    decoder = msgspec.json.Decoder()
    assert decode(b'{"a": NaN, "b": [-Infinity, 1], "c": "NaN, \\\\ud800 x"}', decoder) == {
        "a": None,
        "b": [None, 1],
        "c": "NaN, \\ud800 x",
    }
    assert decode(b'["\\ud83d x", "\\ud83d\\ude00"]', decoder) == ["\ufffd x", "\U0001f600"]
    for bad in (b"[" * 10_000, b'{"a": 1e9999}', b'{"a": ' + b"9" * 5000 + b"}", b"{'a': 1}", b""):
        with pytest.raises(Damaged):
            decode(bad, decoder)
    file = put(tmp_path / "x.jsonl", b"1\n\n2\r\n3")
    assert list(lines(file, DEFAULT)) == [(1, b"1"), (3, b"2\r"), (4, b"3")]
    file = put(tmp_path / "y.jsonl", b"x" * 300_000 + b"\n" + b"y" * 700_000 + b"\nz")
    found = list(lines(file, Limits(line=500_000)))
    assert [number for number, _ in found] == [1, 2, 3] and len(found[0][1]) == 300_000 and found[2][1] == b"z"  # type: ignore[arg-type]
    assert isinstance(found[1][1], Damaged)
