"""Input that nobody means well with: one clear line for each, no traceback, no endless wait, memory bounded."""

from __future__ import annotations

import gzip
import json
import os
import socket
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import MODELS, items_text, run, write_ladder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_cod.errors import InputError
from bayes_cod.ladder import Target
from bayes_cod.ladder.inspection import inspect_ladder
from bayes_cod.readers.tables import read_tables
from bayes_cod.results.files import write_csv

LONGEST_WAIT = 5.0
"""Seconds of this process: a busy machine is not to blame."""
LOADING = 15.0
"""Seconds that importing the libraries of a method may add."""
MIB = 2**20
HEADER = "benchmark,question_id,model,n_trials,n_correct"
ROW = "arith,new,tiny,20,3"

Write = Callable[[Path], Path]


def text(name: str, data: str | bytes) -> Write:
    """A valid ladder with one more file."""
    return lambda folder: write_ladder(folder, **{name: data})


def item(**cells: str) -> Write:
    """A valid ladder with one more row in a file of its own."""
    values = dict(zip(HEADER.split(","), ROW.split(","), strict=True)) | cells
    return text("more.csv", HEADER + "\n" + ",".join(values.values()) + "\n")


def model(**cells: str) -> Write:
    values = {"model": "new", "family": "fam", "flops": "1e22", "params": "", "tokens": ""} | cells
    return text("models.csv", MODELS + ",".join(values.values()) + "\n")


def parquet(frame: pd.DataFrame | pa.Table, change: Callable[[bytes], bytes] = lambda data: data) -> Write:
    def write(folder: Path) -> Path:
        write_ladder(folder)
        file = folder / "more.parquet"
        pq.write_table(frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame), file)
        file.write_bytes(change(file.read_bytes()))
        return folder

    return write


def special(make: Callable[[Path], None], name: str = "more.csv", alone: bool = False) -> Write:
    """Something that is no regular file, inside a ladder or as the ladder itself."""

    def write(folder: Path) -> Path:
        write_ladder(folder)
        make(folder / name)
        return folder / name if alone else folder

    return write


def bind(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


def bomb(line: bytes, times: int) -> bytes:
    made = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    head = made.compress(HEADER.encode() + b"\n")
    return head + b"".join(made.compress(line * 4096) for _ in range(times)) + made.flush()


FRAME = pd.DataFrame([ROW.split(",")], columns=HEADER.split(",")).astype({"n_trials": int, "n_correct": int})
DEEP = "[" * 10_000 + "]" * 10_000

FILES: dict[str, Write] = {
    # files that are none
    "fifo in the folder": special(os.mkfifo),
    "fifo as the ladder": special(os.mkfifo, alone=True),
    "socket in the folder": special(bind),
    "socket as the ladder": special(bind, alone=True),
    "device as the ladder": lambda folder: Path("/dev/zero"),
    "null device as the ladder": lambda folder: Path("/dev/null"),
    "link to nothing": special(lambda path: path.symlink_to("nowhere.csv")),
    "link to nothing as the ladder": special(lambda path: path.symlink_to("nowhere.csv"), alone=True),
    "link to itself": special(lambda path: path.symlink_to(path.name)),
    "link to a device": special(lambda path: path.symlink_to("/dev/zero")),
    "folder named as a table": special(lambda path: path.mkdir()),
    "very long path": lambda folder: Path("x" * 5000),
    "path with NUL": lambda folder: Path("a\0b"),
    "path of half a surrogate pair": lambda folder: Path("a\ud800.csv"),
    "many files": lambda folder: write_ladder(folder, **{f"f{i}.csv": "" for i in range(60)}),
    # what is packed
    "gzip bomb of zeros": text("more.csv.gz", bomb(b"0" * 64, 400)),
    "gzip bomb of rows": text("more.csv", bomb(ROW.encode() + b"\n", 1500)),
    "gzip of a gzip of a gzip": text("more.csv", gzip.compress(gzip.compress(gzip.compress(b"a,b\n1,2\n")))),
    "gzip cut off": text("more.csv", gzip.compress(items_text().encode())[:60]),
    "gzip header only": text("more.csv", b"\x1f\x8b"),
    "gzip with rubbish behind": text("more.csv.gz", gzip.compress((HEADER + "\n" + ROW + "\n").encode()) + b"rubbish"),
    "gzip name, plain text": text("more.csv.gz", HEADER + "\n" + ROW + "\n"),
    "zip": text("more.csv", b"PK\x03\x04rest"),
    "zstd": text("more.csv", b"(\xb5/\xfdrest"),
    "bzip2": text("more.csv", b"BZh91AY"),
    "xz": text("more.csv", b"\xfd7zXZ\x00"),
    "HDF5": text("more.csv", b"\x89HDF\r\n\x1a\n"),
    "old spreadsheet": text("more.csv", b"\xd0\xcf\x11\xe0rest"),
    "PDF": text("more.csv", b"%PDF-1.4"),
    # text
    "one line of 10 MB": text("more.csv", HEADER + "\n" + "a" * (10 * MIB)),
    "header of 10 MB": text("more.csv", "a" * (10 * MIB)),
    "100,000 columns": text("more.csv", ",".join(f"c{i}" for i in range(100_000)) + "\n" + "1," * 99_999 + "1\n"),
    "100,000 fields in a row": text("more.csv", HEADER + "\n" + "1," * 100_000 + "\n"),
    "5,000 benchmarks": text(
        "more.csv", HEADER + "\n" + "\n".join(f"b{i},q,{m},1,0" for i in range(5000) for m in ("tiny", "small")) + "\n"
    ),
    "NUL bytes": text("more.csv", HEADER.encode() + b"\narith,\0new,tiny,20,3\n"),
    "only NULs": text("more.csv", b"\0" * 4096),
    "random bytes": text("more.csv", bytes(range(256)) * 40),
    "Latin-1": text("more.csv", (HEADER + "\narith,caf\xe9,tiny,20,3\n").encode("latin-1")),
    "UTF-16 cut off": text("more.csv", (HEADER + "\n").encode("utf-16") + b"a"),
    "UTF-7 mark": text("more.csv", b"+/v8-" + HEADER.encode() + b"\n"),
    "byte order mark twice": text("more.csv", "\ufeff\ufeff" + HEADER + "\n" + ROW + "\n"),
    "surrogates in UTF-8": text("more.csv", HEADER.encode() + b"\narith,\xed\xa0\x80,tiny,20,3\n"),
    "old Mac line ends": text("more.csv", (HEADER + "\n" + ROW + "\n").replace("\n", "\r")),
    "blank lines only": text("more.csv", "\n\n \n\t\n"),
    "header of commas": text("more.csv", ",,,,\n,,,,\n"),
    "only quotation marks": text("more.csv", '"""""\n"""\n'),
    "open quotation mark at the end": text("more.csv", HEADER + '\narith,"new,tiny,20,3'),
    "open quotation mark of 1 MB": text("more.csv", HEADER + '\narith,"' + "new,tiny,20,3\n" * 60_000),
    "quoted line breaks": text("more.csv", HEADER + '\narith,"a\nb",tiny,20,3\n'),
    "separator line alone": text("more.csv", "sep=;\n"),
    "separator lines without end": text("more.csv", "sep=;\n" * 2000),
    "header twice in the header": text("more.csv", HEADER + "," + HEADER + "\n"),
    "rows of the header": text("more.csv", (HEADER + "\n") * 50),
    "HTML": text("more.csv", "<html><body><table><tr><td>1</td></tr></table></body></html>\n"),
    # JSON
    "JSON nested 10,000 deep": text("more.json", DEEP),
    "JSON lines nested 10,000 deep": text("more.jsonl", '{"model": ' + DEEP + "}\n"),
    "JSON cut off": text("more.json", '[{"model": "a"'),
    "JSON of a number": text("more.json", "7"),
    "JSON of null": text("more.jsonl", "null\n"),
    "JSON of lists": text("more.jsonl", "[1, 2]\n[3]\n"),
    "JSON of objects in a cell": text("more.jsonl", '{"model": {"a": 1}, "task": "t", "acc": 0.1}\n'),
    "JSON with a huge integer": text("more.jsonl", '{"model": "tiny", "task": "t", "acc": ' + "9" * 6000 + "}\n"),
    "JSON with NaN and Infinity": text("more.jsonl", '{"model": "tiny", "task": "t", "acc": Infinity}\n'),
    "JSON with half a surrogate pair": text("more.jsonl", '{"model": "\\ud800", "task": "t", "acc": 0.1}\n'),
    "JSON of one empty object": text("more.jsonl", "{}\n"),
    "JSON of mixed columns": text("more.jsonl", '{"model": "tiny"}\n{"acc": 1}\n{"task": []}\n'),
    # Parquet
    "Parquet with lists": parquet(pa.table({"model": ["tiny"], "flops": [[1.0, 2.0]]})),
    "Parquet with objects": parquet(pa.table({"model": ["tiny"], "flops": [{"a": 1}]})),
    "Parquet with bytes": parquet(pa.table({"model": [b"\xff\xfe"], "flops": [1e20]})),
    "Parquet with dates": parquet(pd.DataFrame({"model": ["tiny"], "flops": [pd.Timestamp("2026-01-01")]})),
    "Parquet without rows": parquet(FRAME.iloc[:0]),
    "Parquet without columns": parquet(pa.table({})),
    "Parquet cut off": parquet(FRAME, lambda data: data[: len(data) // 2]),
    "Parquet with a damaged footer": parquet(FRAME, lambda data: data[:-60] + b"\xff" * 40 + data[-20:]),
    "Parquet with a wrong footer length": parquet(FRAME, lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1"),
    "Parquet with damaged data": parquet(FRAME, lambda data: data[:8] + b"\xff" * 60 + data[68:]),
    "Parquet of marks alone": text("more.parquet", b"PAR1PAR1"),
    "Parquet that is a CSV": text("more.parquet", HEADER + "\n" + ROW + "\n"),
    "Parquet with infinite counts": parquet(FRAME.assign(n_trials=[float("inf")])),
    "Parquet with a null model": parquet(FRAME.assign(model=[None])),
    "Parquet with numbers as names": parquet(FRAME.assign(model=[7])),
    # numbers
    "underscores in a number": item(n_trials="1_000"),
    "full-width digits": item(n_trials="２０"),
    "Arabic digits": item(n_trials="٢٠"),
    "hexadecimal": item(n_trials="0x14"),
    "a number of 10,000 digits": item(n_trials="9" * 10_000),
    "an exponent of 10,000 digits": item(n_trials="1e" + "9" * 10_000),
    "minus zero": item(n_correct="-0.0"),
    "not a number": item(n_correct="nan"),
    "infinity": item(n_trials="inf"),
    "compute of 5e-324": model(flops="5e-324"),
    "compute of 1e308": model(flops="1e308"),
    "compute of 1e999": model(flops="1e999"),
    "compute with a unit": model(flops="1e22 FLOPs"),
    "parameters of 1e300": model(flops="", params="1e300", tokens="1e300"),
    # names
    "formula": item(benchmark="=1+1"),
    "command as a formula": item(benchmark="=cmd|' /C calc'!A0"),
    "at sign": item(model="@SUM(A1)"),
    "terminal codes": item(benchmark="\x1b[2Jboo"),
    "bell": item(benchmark="a\x07b"),
    "right-to-left override": item(benchmark="a\u202eb"),
    "zero-width space": item(benchmark="a\u200bb"),
    "line separator": item(benchmark="a\u2028b"),
    "name of 100,000 letters": item(benchmark="b" * 100_000),
    "markup of the terminal": item(benchmark="[red]x[/red]"),
    "broken markup": item(benchmark="[/]"),
    "script": item(benchmark="<script>alert(1)</script>"),
    "path": item(benchmark="../../../etc/passwd"),
    "format": item(benchmark="{0.__class__}%s%n"),
    "only separators": item(benchmark="@@@"),
    "only an emoji": item(benchmark="🧪"),
    "family of control characters": model(family="a\x01b"),
    "model named as a column": item(model="model"),
    # meaning
    "mixture without a value": text("more.csv", "model,mix_web,mix_code\ntiny,,\nsmall,,\n"),
    "mixture of zeros": text("more.csv", "model,mix_web,mix_code\ntiny,0,0\n"),
    "mixture of infinity": text("more.csv", "model,mix_web,mix_code\ntiny,inf,0\n"),
    "losses without a value": text("more.csv", "model,loss_web\ntiny,\n"),
    "scores without a value": text("more.csv", "model,task,acc\ntiny,t,\n"),
    "a million trials of one question": text("more.csv", HEADER + "\narith,new,tiny,1000000000,1\n"),
    "chance of nothing": text("more.csv", "benchmark,chance\n,\n"),
    "every model without compute": text("models.csv", "model,family,flops\n" + "".join(f"{m},f,\n" for m in "abc")),
}


def is_harmless(path: Path) -> str:
    """Read and inspect; the error's message, or "" where it could be read."""
    start = time.process_time()
    try:
        found = inspect_ladder(read_tables(path))
        message = ""
        assert len(found.tables)
    except InputError as error:
        message = str(error)
        assert message
    assert time.process_time() - start < LONGEST_WAIT
    return message


@pytest.mark.parametrize("name", FILES)
def test_files(name: str, tmp_path: Path) -> None:
    path = FILES[name](tmp_path / "ladder")
    before = sorted(tmp_path.rglob("*"))
    is_harmless(path)
    assert sorted(tmp_path.rglob("*")) == before, "reading writes nothing"


@pytest.mark.parametrize(
    "name", ["formula", "terminal codes", "underscores in a number", "link to nothing", "gzip cut off"]
)
def test_refused_in_one_printable_line(name: str, tmp_path: Path) -> None:
    code, out, err = run("check", FILES[name](tmp_path / "ladder"))
    assert code == 2 and not out
    assert err.startswith("error: ") and err.isprintable()


def test_there_are_enough() -> None:
    assert len(FILES) + len(SETTINGS) >= 100


def test_an_unreadable_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_ladder(tmp_path / "ladder")

    def refuse(path: object) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(InputError, match=r"can't be opened \(Permission denied\)"):
        read_tables(folder)


def test_memory_of_a_bomb_is_bounded(tmp_path: Path) -> None:
    import resource

    folder = FILES["gzip bomb of rows"](tmp_path / "ladder")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match="unpacks to more than 250 times its size"):
        read_tables(folder)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024


# ---------------------------------------------------------------- settings

SETTINGS: dict[str, tuple[str, ...]] = {
    "draws of 1e12": ("--method", "bayes-cod", "--draws", "1000000000000"),
    "draws of 1e30": ("--method", "bayes-cod", "--draws", str(10**30)),
    "draws in words": ("--draws", "1e30"),
    "chains of 1e9": ("--method", "bayes-cod", "--chains", "1000000000"),
    "seed of 2^64": ("--seed", str(2**64)),
    "seed of 2^200": ("--seed", str(2**200)),
    "target of 5e-324": ("--target-flops", "5e-324"),
    "target of 1e308": ("--target-flops", "1e308"),
    "target of nan": ("--target-flops", "nan"),
    "target named as a formula": ("--target", "=1+1", "--target-flops", "1e23"),
    "target with a line break": ("--target", "a\nb", "--target-flops", "1e23"),
    "target with terminal codes": ("--target", "\x1b[2J", "--target-flops", "1e23"),
    "target of half a surrogate pair": ("--target", "a\udcff", "--target-flops", "1e23"),
    "target of 5,000 letters": ("--target", "t" * 5000, "--target-flops", "1e23"),
    "blank target": ("--target", " ", "--target-flops", "1e23"),
    "unknown target in markup": (
        "--target",
        "[red]x[/]",
    ),
    "tokens of infinity": ("--target-params", "7e9", "--target-tokens", "inf"),
    "benchmark in markup": ("--benchmark", "[/]"),
    "prior that is a device": ("--method", "bayes-cod", "--prior", "/dev/zero"),
    "pool that is a device": ("--pool", "/dev/zero"),
    "out that is a device": ("--out", "/dev/null"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings(name: str, ladder_folder: Path, tmp_path: Path) -> None:
    options = SETTINGS[name]
    out = () if "--out" in options else ("--out", tmp_path / "out")
    method = () if "--method" in options else ("--method", "exponential")
    start = time.process_time()
    code, shown, err = run("forecast", ladder_folder, "--family", "fam", *method, *options, *out)
    assert time.process_time() - start < LONGEST_WAIT + LOADING
    assert code == 2, (shown, err)
    assert "Traceback" not in err and err.isprintable()
    assert not (tmp_path / "out").exists()


def test_a_pipe_as_the_prior_is_not_waited_for(ladder_folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prior")
    options = ("--family", "fam", "--method", "bayes-cod", "--prior", tmp_path / "prior", "--out", tmp_path / "out")
    code, _, err = run("forecast", ladder_folder, *options)
    assert code == 2 and "no regular file" in err


def test_too_many_jobs(ladder_folder: Path, tmp_path: Path) -> None:
    options = ("--method", "exponential", "--jobs", "10000", "--out", tmp_path / "out")
    code, _, err = run("backtest", ladder_folder, *options)
    assert code == 2 and "--jobs is 10000" in err


@pytest.mark.parametrize("flops", [5e-324, 1e308, 0.0, -1.0, float("nan")])
def test_targets_of_no_compute(flops: float) -> None:
    with pytest.raises(InputError, match="compute"):
        Target("t", flops)


@pytest.mark.parametrize("name", ["", " ", "=1+1", "-x", "a\nb", "\x1b[31m", "\ud800", "n" * 201])
def test_names_of_targets(name: str) -> None:
    with pytest.raises(InputError, match="the name of a target"):
        Target(name, 1e22)


def test_formulas_are_neutral_in_tables_for_spreadsheets(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["=1+1", "+x", "-y", "@z", "\tw", "plain"], "value": [-1.0, 1, 2, 3, 4, 5]})
    write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines()[1:] == [
        "'=1+1,-1.0",
        "'+x,1.0",
        "'-y,2.0",
        "'@z,3.0",
        "'\tw,4.0",
        "plain,5.0",
    ]


def test_markup_in_names_is_shown_and_not_rendered(tmp_path: Path) -> None:
    items = items_text("[bold]b[/bold]", rates={m: r for m, r in (("[red]x[/]", 0.3), ("y[/nope]", 0.5))})
    models = "model,family,flops\n[red]x[/],[i]f[/],1e18\ny[/nope],[i]f[/],1e19\n"
    folder = write_ladder(tmp_path / "l", models=models, arith=items, logic=None)
    code, shown, err = run("check", folder)
    assert code == 0, err
    for name in ("[bold]b[/bold]", "[i]f[/]"):
        assert name in shown
    options = ("--target-flops", "1e20", "--method", "exponential", "--out", tmp_path / "out")
    code, shown, err = run("forecast", folder, *options)
    assert code == 0, err
    assert "[bold]b[/bold]" in shown and "y[/nope]" in shown


# ---------------------------------------------------------------- anything at all

QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@QUICK
@given(data=st.binary(max_size=400))
def test_any_bytes(data: bytes, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "l", arith=None, logic=None)
    (folder / "x.csv").write_bytes(data)
    is_harmless(folder)


FIELD = st.one_of(
    st.sampled_from(
        ["tiny", "small", "arith", "1", "0", "0.5", "1e18", "7B", "nan", "", " ", '"', ";", "\t", "=1", "-1", "50%"]
    ),
    st.text(max_size=6),
)
COLUMN = st.sampled_from(
    [
        "model",
        "name",
        "task",
        "doc_id",
        "n",
        "c",
        "acc",
        "acc_norm",
        "metric",
        "flops",
        "params",
        "tokens",
        "family",
        "step",
        "checkpoint",
        "correct",
        "score",
        "chance",
        "loss_web",
        "mix_web",
        "is_final",
        "setting",
        "shots",
        "x",
        "",
        "log10_flops",
    ]
)


@QUICK
@given(
    header=st.lists(COLUMN, min_size=1, max_size=7),
    body=st.lists(st.lists(FIELD, min_size=1, max_size=8), max_size=6),
    separator=st.sampled_from(",;\t"),
)
def test_any_table(header: list[str], body: list[list[str]], separator: str, tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "l", arith=None, logic=None)
    lines = [separator.join(row) for row in [header, *body]]
    (folder / "x.csv").write_text("\n".join(lines), encoding="utf-8", errors="replace")
    is_harmless(folder)


RECORD = st.dictionaries(
    COLUMN,
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2)
    ),
    max_size=6,
)


@QUICK
@given(records=st.lists(RECORD, max_size=5))
def test_any_json(records: list[dict[str, object]], tmp_path: Path) -> None:
    folder = write_ladder(tmp_path / "l", arith=None, logic=None)
    (folder / "x.jsonl").write_text("\n".join(json.dumps(record) for record in records))
    is_harmless(folder)
