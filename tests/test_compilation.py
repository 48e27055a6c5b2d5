"""Where compiled code is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bayes_cod import compilation


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delitem(sys.modules, "pytensor", raising=False)
    monkeypatch.setenv(compilation.FLAGS, "floatX=float64")
    monkeypatch.setattr(compilation.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("no folder")
    return tmp_path


def test_a_home_that_is_no_folder_gives_a_temporary_one(unloaded: Path) -> None:
    compilation.choose_folder()
    folder = unloaded / f"bayes-cod-{os.getuid()}"
    assert os.environ[compilation.FLAGS] == f"floatX=float64,base_compiledir={folder}"
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_home_that_can_be_written_is_kept(unloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(unloaded))
    compilation.choose_folder()
    assert os.environ[compilation.FLAGS] == "floatX=float64"


def test_the_users_choice_is_kept(unloaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(compilation.FLAGS, "base_compiledir=/elsewhere")
    compilation.choose_folder()
    assert os.environ[compilation.FLAGS] == "base_compiledir=/elsewhere"


def test_a_name_that_others_can_write_is_left_to_them(unloaded: Path) -> None:
    taken = unloaded / f"bayes-cod-{os.getuid()}"
    taken.mkdir()
    taken.chmod(0o777)
    chosen = compilation.temporary_folder()
    assert chosen != taken and chosen.is_dir() and chosen.stat().st_mode & 0o777 == 0o700
