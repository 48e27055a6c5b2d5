"""Files of a result: staged where they will lie, all or none."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayes_cod.errors import InputError
from bayes_cod.results.files import Writer, check_folder, write_netcdf, write_together


def test_files_are_staged_inside_the_folder_itself(tmp_path: Path) -> None:
    out = tmp_path / "volume"
    out.mkdir()
    seen: list[Path] = []

    def write(file: Path) -> None:
        seen.append(file)
        file.write_text("x")

    write_together(out, {"a.txt": write})
    assert seen[0].parent.parent == out, "a mounted volume takes nothing from outside"
    assert [file.name for file in out.iterdir()] == ["a.txt"]


def test_nothing_is_left_where_a_writer_fails(tmp_path: Path) -> None:
    def full(file: Path) -> None:
        file.write_text("half")
        raise OSError(28, "No space left on device")

    out = tmp_path / "new" / "out"
    with pytest.raises(InputError, match="the disk is full"):
        write_together(out, {"a.txt": lambda file: file.write_text("x"), "b.txt": full})
    assert not (tmp_path / "new").exists()
    out.mkdir(parents=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(InputError):
        write_together(out, {"b.txt": full}, known=("mine.txt",))
    assert [file.name for file in out.iterdir()] == ["mine.txt"]


def test_a_process_killed_between_files_leaves_none_that_a_reader_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(run: str) -> dict[str, Writer]:
        return {name: lambda file: file.write_text(run) for name in ("a.txt", "b.txt", "last.txt")}

    write_together(tmp_path, of("first"))
    whole, moves = Path.replace, []

    def killed(file: Path, to: Path) -> Path:
        moves.append(to.name)
        if len(moves) == 2:
            raise SystemExit
        return whole(file, to)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(SystemExit):
        write_together(tmp_path, of("second"))
    assert moves == ["a.txt", "b.txt"] and not (tmp_path / "last.txt").exists()


def test_a_single_file_is_replaced_and_never_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "report.html").write_text("first")

    def killed(file: Path, to: Path) -> Path:
        raise SystemExit

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(SystemExit):
        write_together(tmp_path, {"report.html": lambda file: file.write_text("second")})
    assert (tmp_path / "report.html").read_text() == "first"


def test_two_that_write_to_one_folder_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.replace

    def slowly(file: Path, to: Path) -> Path:
        time.sleep(0.02)
        return whole(file, to)

    monkeypatch.setattr(Path, "replace", slowly)
    names = [f"{number}.txt" for number in range(6)]
    both = [
        Thread(target=write_together, args=(tmp_path, {n: lambda file, w=who: file.write_text(w) for n in names}))
        for who in ("one", "two")
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len({(tmp_path / name).read_text() for name in names}) == 1


def test_a_folder_that_can_not_be_written_to_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_folder(tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"

    def refuse(*_: object, **__: object) -> str:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(InputError, match="Read-only file system"):
        check_folder(tmp_path / "new" / "out")


@pytest.mark.parametrize("what", ["file", "link"])
def test_what_is_no_folder(what: str, tmp_path: Path) -> None:
    place = tmp_path / "out"
    place.write_text("") if what == "file" else place.symlink_to("nowhere")
    with pytest.raises(InputError, match=r"this is a file|this link leads nowhere"):
        check_folder(place / "sub")


def test_draws_are_written_by_plain_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = xr.DataTree.from_dict({"/posterior": xr.Dataset({"a": (("draw",), np.arange(5.0))})})
    write_netcdf(data, tmp_path / "a.nc")
    with xr.open_datatree(tmp_path / "a.nc", engine="h5netcdf") as tree:
        assert tree["posterior/a"].to_numpy().tolist() == [0, 1, 2, 3, 4]
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left"):
            write_netcdf(data, Path("/dev/full"))


def command(*arguments: object, **environment: str) -> list[object]:
    code = "import sys; from bayes_cod.cli import main; sys.argv[0] = 'bayes-cod'; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.mark.slow
def test_output_in_ascii(ladder_folder: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(command("check", ladder_folder), capture_output=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert b"arith" in done.stdout and done.stdout.isascii()


@pytest.mark.slow
def test_a_full_standard_output(ladder_folder: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command("check", ladder_folder), stdout=full, stderr=subprocess.PIPE, env=environment)
    assert done.returncode == 2
    *progress, last = done.stderr.decode().splitlines()
    assert last.startswith("error: standard output can't be written to (No space left on device)")
    assert not any("Traceback" in line for line in progress)


def test_a_damaged_job_of_a_backtest_is_named(tmp_path: Path) -> None:
    from types import SimpleNamespace

    from bayes_cod.evaluation.jobs import load

    job = SimpleNamespace(key="abc")
    assert load(job, tmp_path) is None  # type: ignore[arg-type]
    (tmp_path / "abc.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(InputError, match=r"abc\.parquet: a damaged job of a back-test"):
        load(job, tmp_path)  # type: ignore[arg-type]
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "abc.parquet")
    with pytest.raises(InputError, match="no job of a back-test"):
        load(job, tmp_path)  # type: ignore[arg-type]
