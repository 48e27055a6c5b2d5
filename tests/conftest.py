"""What all tests share: where data lies, a ladder on disk, a fast stand-in for sampling."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import FakeBayes, write_ladder
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from bayes_cod import registry as methods
from bayes_cod.ladder.request import make_request
from bayes_cod.readers.tables import read_tables
from bayes_cod.results import Result
from bayes_cod.results.make import make_result

REPOSITORY = Path(__file__).parent.parent


class FolderScheduling(LoadScopeScheduling):
    """One process runs all tests of a file, and of the folder of a model, whose tests compile the same graphs."""

    def _split_scope(self, nodeid: str) -> str:
        file, *_ = nodeid.partition("::")
        folder, _, _ = file.rpartition("/")
        return folder if folder.startswith("tests/models/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> FolderScheduling:
    """Take the place of `--dist`."""
    return FolderScheduling(config, log)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the source tree."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of validation data beside the source tree, or where BAYES_COD_SHARED says."""
    folder = Path(os.environ.get("BAYES_COD_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no validation data at {folder}/data; set BAYES_COD_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(autouse=True)
def never_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command says that it takes long, however slow the machine."""
    monkeypatch.setattr("bayes_cod.commands.console.SILENT", 3600.0)


@pytest.fixture
def ladder_folder(tmp_path: Path) -> Path:
    """A valid ladder on disk: two benchmarks, four rungs of 'fam', a larger model without results."""
    return write_ladder(tmp_path / "ladder")


@pytest.fixture
def fake_method(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command line make a `FakeBayes` whatever the method."""
    monkeypatch.setattr(methods, "make", lambda name, seed, **settings: FakeBayes(seed, **settings))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a forecast of `huge` from the four rungs of `fam`, saved and to be opened again."""
    ladder = read_tables(write_ladder(tmp_path_factory.mktemp("ladder")))
    request = make_request(ladder, family="fam", targets=["huge"])
    made = make_result(request, FakeBayes(sampling={"draws": 200, "chains": 2}), seed=0)
    return made.save(tmp_path_factory.mktemp("saved") / "run")


@pytest.fixture(scope="module")
def result(saved: Path) -> Result:
    return Result.load(saved)
