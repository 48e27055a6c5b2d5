"""One fit that the tests share: compiling is what takes time."""

from __future__ import annotations

from pathlib import Path

import pytest
from flpm_ladders import write_mixture_ladder

from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.forecaster import BayesianFLPM
from bayes_cod.models.sampling import SamplerSettings
from bayes_cod.readers.tables import read_tables

SAMPLER = SamplerSettings(draws=150, tune=250, chains=2, cores=1, target_accept=0.85, retry_accept=0.85)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve mixtures of three domains at two sizes, the shape of simulated ladders, and a larger target."""
    return write_mixture_ladder(tmp_path_factory.mktemp("mixtures") / "ladder")


@pytest.fixture(scope="session")
def ladder(folder: Path) -> Ladder:
    """The ladder of that folder."""
    return read_tables(folder)


@pytest.fixture(scope="session")
def fitted(ladder: Ladder) -> BayesianFLPM:
    """Both stages, with few draws."""
    model = BayesianFLPM(0, sampler=SAMPLER)
    model.losses.retry = model.scores.retry = False
    return model.fit(ladder)
