"""Input that can't be used, through the command line: one clear line, exit 2, nothing written."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from helpers import MODELS, TRIALS, items_text, write_ladder
from typer.testing import CliRunner

from bayes_cod.cli import app

HEADER = "benchmark,question_id,model,n_trials,n_correct"
SCORES = "model,benchmark,score,flops\ntiny,arith,0.3,1e18\nsmall,arith,0.4,1e19\n"


def _row(text: str, **cells: str) -> str:
    """A one-benchmark items table with one more row, given by its cells."""
    values = {"benchmark": "arith", "question_id": "new", "model": "tiny", "n_trials": "20", "n_correct": "3"} | cells
    return text + ",".join(values[name] for name in HEADER.split(",")) + ",0.1\n"


def bad_item(**cells: str) -> Callable[[Path], Path]:
    return lambda folder: write_ladder(folder, arith=_row(items_text(), **cells))


def files(**texts: str | bytes | None) -> Callable[[Path], Path]:
    return lambda folder: write_ladder(folder, **texts)


def only(**texts: str | bytes) -> Callable[[Path], Path]:
    none: dict[str, str | bytes | None] = {"models": None, "arith": None, "logic": None}
    return lambda folder: write_ladder(folder, **(none | texts))


def valid(folder: Path) -> Path:
    return write_ladder(folder)


def missing(folder: Path) -> Path:
    return folder


def empty_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def no_tables(folder: Path) -> Path:
    return write_ladder(folder, models=None, arith=None, logic=None, **{"notes.txt": "nothing here"})


def other_file(folder: Path) -> Path:
    return write_ladder(folder, **{"notes.txt": "nothing here"}) / "notes.txt"


def parquet(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        write_ladder(folder, arith=None)
        table = pd.read_csv(_text_file(folder / "arith.tmp"))
        (folder / "arith.tmp").unlink()
        change(table).to_parquet(folder / "arith.parquet")
        return folder

    return write


def _text_file(file: Path) -> Path:
    file.write_text(items_text())
    return file


def set_cell(column: str, value: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[4, column] = value
        return table.astype({column: float})

    return change


LAST = 2 + 5 * 12  # row of a line added below the items of five models


@dataclass(frozen=True)
class Case:
    """A ladder that can't be used, or a request that it can't answer.

    `says` must all be in the one line of the error.
    """

    name: str
    write: Callable[[Path], Path]
    says: tuple[str, ...]
    options: tuple[str, ...] = ("--family", "fam")


REQUEST = [
    Case("unknown family", valid, ("unknown family 'nope'", "fam, other"), ("--family", "nope")),
    Case("unknown target", valid, ("unknown model 'nope'", "tiny"), ("--target", "nope")),
    Case("unknown benchmark", valid, ("unknown benchmark 'nope'", "arith, logic"), ("--benchmark", "nope")),
    Case("unknown setting", valid, ("no benchmark has the setting 'hot'", "none"), ("--setting", "hot")),
    Case("unknown cut", valid, ("unknown model 'nope'",), ("--family", "fam", "--cut", "nope")),
    Case("cut without compute", valid, ("compute of 'nocompute'", "cut"), ("--family", "fam", "--cut", "nocompute")),
    Case("unknown method", valid, ("unknown method 'magic'",), ("--family", "fam", "--method", "magic")),
    Case("unknown pool", valid, ("no such file or folder",), ("--family", "fam", "--pool", "/no/such/place")),
    Case("target without compute", valid, ("compute of 'nocompute'", "--target-flops"), ("--target", "nocompute")),
    Case("target flops zero", valid, ("compute of 0.0", "above 0"), ("--family", "fam", "--target-flops", "0")),
    Case("target flops negative", valid, ("-1e+20", "above 0"), ("--family", "fam", "--target-flops", "-1e20")),
    Case("target flops nan", valid, ("nan", "above 0"), ("--family", "fam", "--target-flops", "nan")),
    Case("target flops infinite", valid, ("inf", "above 0"), ("--family", "fam", "--target-flops", "inf")),
    Case(
        "target below the ladder",
        valid,
        ("not larger than the smallest rung", "1e+18"),
        ("--family", "fam", "--target-flops", "1e17"),
    ),
    Case(
        "target below the cut",
        valid,
        ("not larger than the rung 'large'", "--cut"),
        ("--family", "fam", "--target-flops", "5e20", "--cut", "large"),
    ),
    Case("one rung below the target", valid, ("only 1 rung ('tiny')",), ("--target", "small")),
    Case("one rung", valid, ("only 1 rung ('lonely')",), ("--family", "other", "--target-flops", "1e22")),
    Case("target of another family", valid, ("family 'fam', not 'other'",), ("--family", "other", "--target", "huge")),
    Case("target twice", valid, ("given twice",), ("--target", "huge", "--target", "huge")),
    Case(
        "names and computes differ in number",
        valid,
        ("2 --target and 1 --target-flops",),
        ("--target", "huge", "--target", "new", "--target-flops", "1e23", "--family", "fam"),
    ),
    Case(
        "compute conflicts with the ladder",
        valid,
        ("'huge' has 1e+22", "give one"),
        ("--target", "huge", "--target-flops", "9e22", "--family", "fam"),
    ),
    Case(
        "size without compute",
        valid,
        ("--target-params", "--target-flops"),
        ("--target", "huge", "--target-params", "1"),
    ),
    Case(
        "size not positive",
        valid,
        ("--target-tokens is -1.0",),
        ("--family", "fam", "--target-flops", "1e23", "--target-tokens", "-1"),
    ),
    Case("negative seed", valid, ("--seed is -1",), ("--family", "fam", "--seed", "-1")),
    Case(
        "nothing larger to forecast",
        files(models=MODELS.replace("huge,fam,1e22,1e10,1e9\n", "")),
        ("no larger model", "--target-flops"),
    ),
    Case(
        "several families could be forecast",
        files(
            models=MODELS + "other2,other,1e21,,\n",
            arith=items_text() + items_text(rates={"other2": 0.6}).split("\n", 1)[1],
        ),
        ("several families", "--family", "fam, other"),
        ("--target-flops", "1e24"),
    ),
    Case(
        "benchmark of one rung",
        files(extra=items_text("extra", rates={"tiny": 0.2})),
        ("extra has 1",),
        ("--family", "fam", "--benchmark", "extra"),
    ),
]

TABLES = [
    Case("missing folder", missing, ("ladder", "no such file or folder")),
    Case("empty folder", empty_folder, ("holds no table", ".csv")),
    Case("folder without tables", no_tables, ("holds no table",)),
    Case("file of another kind", other_file, ("notes.txt", "not a table")),
    Case("empty file", files(arith=""), ("arith.csv", "the file is empty")),
    Case("header only", files(arith=HEADER + "\n"), ("arith.csv", "no rows")),
    Case("columns of no table", only(arith="a,b\n1,2\n"), ("arith.csv", "cannot tell which table", "a, b")),
    Case(
        "columns near a table",
        files(arith="task,model,n,c\na,tiny,20,3\n"),
        ("arith.csv", "cannot tell which table", "nearest to the table of", "lacks: "),
    ),
    Case("no models table", files(models=None), ("no table tells the models' compute",)),
    Case("no results", files(arith=None, logic=None), ("no benchmark results",)),
    Case(
        "counts missing", files(arith="benchmark,question_id,model,n_trials\na,q,tiny,3\n"), ("'n_correct'", "missing")
    ),
    Case(
        "model column missing",
        files(arith="benchmark,question_id,n_trials,n_correct\na,q,3,1\n"),
        ("'model'", "missing"),
    ),
    Case("column twice", files(arith="model," + HEADER + "\nx,a,q,tiny,3,1\n"), ("column 'model'", "appears twice")),
    Case("passes above trials", bad_item(n_correct="21"), (f"row {LAST}", "'n_correct'", "must not exceed n_trials")),
    Case("negative trials", bad_item(n_trials="-20"), (f"row {LAST}", "'n_trials'", "at least 1")),
    Case("zero trials", bad_item(n_trials="0", n_correct="0"), (f"row {LAST}", "'n_trials'", "at least 1")),
    Case("negative passes", bad_item(n_correct="-1"), (f"row {LAST}", "'n_correct'", "at least 0")),
    Case("fractional count", bad_item(n_correct="2.5"), (f"row {LAST}", "'2.5' must be a whole number")),
    Case("absurd count", bad_item(n_trials="1e30"), (f"row {LAST}", "at most 1,000,000,000")),
    Case("NaN count", bad_item(n_correct="NaN"), (f"row {LAST}", "'n_correct'", "a value is missing")),
    Case("infinite count", bad_item(n_trials="inf"), (f"row {LAST}", "'n_trials'", "whole number")),
    Case("text in a number column", bad_item(n_correct="three"), (f"row {LAST}", "'three' must be a number")),
    Case("no question id", bad_item(question_id=""), (f"row {LAST}", "'question_id'", "a value is missing")),
    Case("blank model", bad_item(model=" "), (f"row {LAST}", "'model'", "a value is missing")),
    Case("unknown model", bad_item(model="stranger"), (f"row {LAST}", "'stranger'", "no models table")),
    Case("duplicate row", bad_item(question_id="q0"), (f"row {LAST}", "duplicate", "question_id=q0", "model=tiny")),
    Case(
        "duplicate across files", files(copy=items_text()), ("copy.csv", "repeats a row of arith.csv", "question_id=q0")
    ),
    Case(
        "chance above one", files(arith=items_text().replace(",0.1", ",25")), ("row 2", "'chance'", "between 0 and 1")
    ),
    Case("chance negative", files(arith=items_text().replace(",0.1", ",-0.1")), ("row 2", "'chance'")),
    Case(
        "chance differs in a file",
        files(arith=items_text() + "arith,new,tiny,20,3,0.5\n"),
        ("'arith' has several chance levels (0.1 to 0.5)",),
    ),
    Case(
        "chance differs between tables",
        files(benchmarks="benchmark,chance\narith,0.25\n"),
        ("'arith' has several chance",),
    ),
    Case(
        "compute zero", files(models=MODELS.replace("1e18,1e6", "0,1e6")), ("models.csv, row 2", "'flops'", "above 0")
    ),
    Case("compute negative", files(models=MODELS.replace("1e19,", "-1e19,")), ("models.csv, row 3", "above 0")),
    Case("compute infinite", files(models=MODELS.replace("1e19,", "inf,")), ("models.csv, row 3", "finite")),
    Case(
        "compute as text",
        files(models=MODELS.replace("1e19,", "lots,")),
        ("models.csv, row 3", "'lots' must be a number"),
    ),
    Case(
        "model listed twice",
        files(models=MODELS + "tiny,fam,1e18,,\n"),
        ("models.csv, row 9", "duplicate", "model=tiny"),
    ),
    Case(
        "compute conflicts", files(scores=SCORES.replace("1e18", "7e18")), ("scores.csv", "'tiny' has 7e+18", "agree")
    ),
    Case(
        "compute unknown everywhere",
        files(models="model,family\ntiny,fam\nsmall,fam\nmiddle,fam\nlarge,fam\nlonely,b\n"),
        ("no rung", "compute is missing for"),
    ),
    Case(
        "rungs of one compute",
        files(models=MODELS.replace("1e18", "1e20").replace("1e19", "1e20").replace("1e21", "1e20")),
        ("one and the same compute",),
    ),
    Case("score in points", only(scores=SCORES.replace("0.4", "40")), ("scores.csv, row 3", "'40.0'", "not points")),
    Case("score negative", only(scores=SCORES.replace("0.4", "-0.4")), ("scores.csv, row 3", "fraction")),
    Case("score missing", only(scores=SCORES.replace("0.4", "")), ("scores.csv, row 3", "'score'", "missing")),
    Case(
        "is_final as text",
        only(scores="model,benchmark,score,flops,is_final\ntiny,arith,0.3,1e18,perhaps\n"),
        ("scores.csv", "'is_final'", "True or False"),
    ),
    Case(
        "negative loss", files(losses="model,domain,loss\ntiny,web,-2.5\n"), ("losses.csv, row 2", "'loss'", "above 0")
    ),
    Case("loss as text", files(losses="model,domain,loss\ntiny,web,low\n"), ("losses.csv, row 2", "must be a number")),
    Case(
        "mixture not summing to 1",
        files(mix="model,mix_web,mix_code\ntiny,0.5,0.2\n"),
        ("mix.csv, row 2", "sums to 0.7"),
    ),
    Case(
        "mixture negative",
        files(mix="model,mix_web,mix_code\ntiny,1.5,-0.5\n"),
        ("mix.csv, row 2", "share between 0 and 1"),
    ),
    Case(
        "mixture as text", files(mix="model,mix_web,mix_code\ntiny,half,0.5\n"), ("mix.csv, row 2", "must be a number")
    ),
    Case(
        "ragged row",
        files(arith=items_text() + "arith,new,tiny,20,3,0.1,9,9\n"),
        (f"arith.csv, row {LAST}", "8 fields"),
    ),
    Case(
        "rows longer than the header",
        files(arith=HEADER + "\nx,arith,q,tiny,20,3\n"),
        ("arith.csv, row 2", "more fields"),
    ),
    Case("row too short", files(arith=items_text() + "arith,new\n"), (f"row {LAST}", "a value is missing")),
    Case(
        "unclosed quote", files(arith=items_text() + '"arith,new,tiny,20,3,0.1\n'), ("arith.csv", "not a readable CSV")
    ),
    Case("broken gzip", files(arith=None, **{"arith.csv.gz": b"this is no gzip"}), ("arith.csv.gz", "damaged gzip")),
    Case(
        "gzip cut off",
        files(arith=None, **{"arith.csv.gz": gzip.compress(items_text().encode())[:80]}),
        ("arith.csv.gz", "damaged gzip"),
    ),
    Case(
        "gzip with wrong checksum",
        files(arith=None, **{"arith.csv.gz": gzip.compress(items_text().encode())[:-8] + b"\0" * 8}),
        ("arith.csv.gz", "damaged gzip"),
    ),
    Case(
        "not UTF-8", files(arith=items_text().encode() + b"arith,\xff\xfe,tiny,20,3,0.1\n"), ("arith.csv", "not UTF-8")
    ),
    Case(
        "broken parquet", files(arith=None, **{"arith.parquet": b"PAR1 and then nothing"}), ("arith.parquet", "Parquet")
    ),
    Case("parquet of text bytes", files(arith=None, **{"arith.parquet": items_text()}), ("arith.parquet", "Parquet")),
    Case(
        "NaN in parquet",
        parquet(set_cell("n_correct", float("nan"))),
        ("arith.parquet, row 5", "'n_correct'", "missing"),
    ),
    Case(
        "passes above trials in parquet", parquet(set_cell("n_correct", TRIALS + 1)), ("arith.parquet, row 5", "exceed")
    ),
    Case(
        "formula as a model", files(models=MODELS + "=cmd(),fam,1e23,,\n"), ("models.csv, row 9", "must not begin with")
    ),
    Case("formula as a benchmark", bad_item(benchmark="@SUM(A1)"), (f"row {LAST}", "starts a formula")),
    Case(
        "endless model name",
        files(models=MODELS + "m" * 5000 + ",fam,1e23,,\n"),
        ("models.csv, row 9", "200 characters"),
    ),
    Case(
        "line break in a name", files(models=MODELS + '"two\nlines",fam,1e23,,\n'), ("models.csv", "control characters")
    ),
    Case(
        "terminal codes in a name", bad_item(model="\x1b[2Jboo"), (f"row {LAST}", "\\x1b[2Jboo", "control characters")
    ),
]


@pytest.mark.parametrize("case", [*TABLES, *REQUEST], ids=lambda case: case.name)
def test_forecast_refuses_in_one_line(case: Case, tmp_path: Path) -> None:
    ladder, out = case.write(tmp_path / "ladder"), tmp_path / "out"
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, ["forecast", str(ladder), *case.options, "--out", str(out)])
    assert result.exit_code == 2, result.output
    _is_one_clear_line(result.stderr, case.says)
    assert result.stdout == ""
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


READABLE = ("no benchmark results", "only 1 rung", "no rung", "one and the same", "no larger model")


@pytest.mark.parametrize("case", TABLES, ids=lambda case: case.name)
def test_check_refuses_the_same_files(case: Case, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(case.write(tmp_path / "ladder"))])
    if any(text.startswith(READABLE) for text in case.says):
        assert result.exit_code == 0, "readable, though not forecastable"
        return
    assert result.exit_code == 2, result.output
    _is_one_clear_line(result.stderr, case.says)


def _is_one_clear_line(stderr: str, says: tuple[str, ...]) -> None:
    assert stderr.count("\n") == 1 and stderr.endswith("\n"), stderr
    assert stderr.startswith("error: ")
    assert "Traceback" not in stderr
    for text in says:
        assert text in stderr


def test_enough_cases() -> None:
    names = [case.name for case in (*TABLES, *REQUEST)]
    assert len(set(names)) == len(names) >= 45


def test_output_that_is_a_file(tmp_path: Path) -> None:
    ladder = write_ladder(tmp_path / "ladder")
    (tmp_path / "out").write_text("here already")
    result = CliRunner().invoke(app, ["forecast", str(ladder), "--family", "fam", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    _is_one_clear_line(result.stderr, ("out", "this is a file"))
    assert (tmp_path / "out").read_text() == "here already"


def test_words_for_numbers_are_usage_errors(tmp_path: Path) -> None:
    ladder = write_ladder(tmp_path / "ladder")
    result = CliRunner().invoke(
        app, ["forecast", str(ladder), "--target-flops", "lots", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert "--target-flops" in result.stderr
