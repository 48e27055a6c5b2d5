"""Where compiled code and other caches are kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_cod import caches


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delitem(sys.modules, "pytensor", raising=False)
    monkeypatch.setenv(caches.FLAGS, "floatX=float64")
    monkeypatch.setattr(caches.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    return tmp_path


def test_a_home_that_is_no_folder_gives_a_temporary_one(unloaded: Path) -> None:
    caches.use_writable_compile_cache()
    folder = unloaded / f"bayes-cod-{os.getuid()}"
    assert os.environ[caches.FLAGS] == f"floatX=float64,base_compiledir={folder / 'pytensor'}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_home_that_can_be_written_is_kept(unloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(unloaded))
    caches.use_writable_compile_cache()
    assert os.environ[caches.FLAGS] == "floatX=float64"


def test_the_users_choice_is_kept(unloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(caches.FLAGS, "base_compiledir=/elsewhere")
    caches.use_writable_compile_cache()
    assert os.environ[caches.FLAGS] == "base_compiledir=/elsewhere"


def test_a_name_that_others_can_write_is_left_to_them(unloaded: Path) -> None:
    taken = unloaded / f"bayes-cod-{os.getuid()}"
    taken.mkdir()
    taken.chmod(0o777)
    chosen = caches.temporary_folder()
    assert chosen != taken and chosen.is_dir() and chosen.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("home", ["/dev/null", "/nowhere/at/all"])
def test_caches_move_where_home_is_no_folder(home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("MPLCONFIGDIR", "NUMBA_CACHE_DIR", "PYTENSOR_FLAGS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = caches.use_writable_caches()
    assert folder is not None and folder.is_relative_to(tmp_path)
    assert os.environ["MPLCONFIGDIR"].startswith(str(folder))
    assert os.environ["PYTENSOR_FLAGS"] == f"base_compiledir={folder / 'pytensor'}"


def test_caches_stay_where_home_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert caches.use_writable_caches() is None


@pytest.mark.slow
def test_a_forecast_from_a_home_that_is_mounted_read_only(ladder_folder: Path, tmp_path: Path) -> None:
    mount = shutil.which("unshare")
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    read_only = f"mount -t tmpfs -o ro none '{home}' && ! touch '{home}/file' 2>/dev/null"
    if mount is None or subprocess.run([mount, "-m", "sh", "-c", read_only], check=False).returncode:
        pytest.skip("this process may not mount")
    words = f"'{ladder_folder}' --target huge --method exponential+bootstrap --out '{out}'"
    code = "from bayes_cod.cli import main; main()"
    script = f"{read_only}; HOME='{home}' '{sys.executable}' -c '{code}' --quiet forecast {words}"
    done = subprocess.run([mount, "-m", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr
    assert (out / "report.html").is_file()
