"""A saved forecast to decide from, made without sampling."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import FakeBayes, write_ladder

from bayes_cod.ladder.request import make_request
from bayes_cod.readers.tables import read_tables
from bayes_cod.results import Result
from bayes_cod.results.make import make_result


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
