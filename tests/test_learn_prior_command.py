"""`bayes-cod learn-prior`, and `--prior` of `forecast` and `backtest`, without sampling."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers import FakeBayes, run, write_ladder
from prior_fakes import fake_fit, learnt
from typer.testing import CliRunner

from bayes_cod import registry as methods
from bayes_cod.cli import app
from bayes_cod.evaluation import backtest
from bayes_cod.evaluation.jobs import make_job
from bayes_cod.forecasts import Method
from bayes_cod.ladder.splits import split_ladder
from bayes_cod.models.cod import learning
from bayes_cod.models.cod.learnt_prior import LearntPrior
from bayes_cod.models.cod.priors import Priors
from bayes_cod.readers.tables import read_tables

FAMILIES = ("alpha", "beta")


@pytest.fixture
def families(tmp_path: Path) -> Path:
    """Families of three rungs, and one of two."""
    rows, items = ["model,family,flops"], ["benchmark,question_id,model,n_trials,n_correct"]
    for family, size in (*((name, 3) for name in FAMILIES), ("short", 2)):
        for rung in range(size):
            rows.append(f"{family}-{rung},{family},1e{19 + rung}")
            items += [f"arith,q{i},{family}-{rung},10,{3 + 2 * rung}" for i in range(4)]
    return write_ladder(tmp_path / "others", models="\n".join(rows) + "\n", arith="\n".join(items) + "\n", logic=None)


@pytest.fixture
def prior_file(tmp_path: Path) -> Path:
    file = tmp_path / "prior.json"
    learnt().save(file)
    return file


def test_learning_writes_a_prior_and_tells_what_changed(
    families: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "fit_together", fake_fit)
    out = tmp_path / "made" / "prior.json"
    code, stdout, stderr = run("learn-prior", families, "--draws", "50", "--seed", "3", "--out", out)
    assert (code, stderr) == (0, "")
    found = LearntPrior.load(out)
    assert [source.family for source in found.sources] == ["alpha", "beta"]
    assert {one.family for one in found.left_out} == {"short"}
    assert found.settings["seed"] == 3 and found.settings["sampler"]["draws"] == 50
    assert found.priors.slope_mean > Priors().slope_mean and found.priors.slope_sd < Priors().slope_sd
    assert found.priors.walk_mean == pytest.approx(Priors().walk_mean, abs=0.05)
    for text in ("mean slope", "learnt from 2 families", "left out: short", str(out)):
        assert text in stdout
    again = tmp_path / "again.json"
    run("learn-prior", families, "--draws", "50", "--seed", "3", "--out", again)
    assert again.read_bytes() == out.read_bytes()
    code, stdout, _ = run("learn-prior", families, "--draws", "50", "--seed", "3", "--out", again, "--json")
    answer = json.loads(stdout)
    assert (code, answer.pop("out")) == (0, str(again)) and answer == json.loads(out.read_text())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--family", "nobody"), "unknown family 'nobody'"),
        (("--family", "short"), "no family can teach a prior (short: 2 rungs of different compute; 3 are needed)"),
        (("--benchmark", "nothing"), "unknown benchmark 'nothing'"),
        (("--seed", "-1"), "--seed is -1"),
    ],
)
def test_what_can_not_be_learnt_from(
    arguments: tuple[str, ...], message: str, families: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "fit_together", fake_fit)
    code, stdout, stderr = run("learn-prior", families, *arguments, "--out", tmp_path / "prior.json")
    assert (code, stdout) == (2, "")
    assert message in stderr
    assert not (tmp_path / "prior.json").exists()


@pytest.mark.parametrize(
    ("place", "message"), [("", "this is a folder"), ("others/models.csv/p.json", "this is a file")]
)
def test_a_place_that_can_not_be_written_to_is_refused_before_any_fit(
    place: str, message: str, families: Path, tmp_path: Path
) -> None:
    code, _, stderr = run("learn-prior", families, "--out", tmp_path / place)
    assert code == 2 and message in stderr


@pytest.mark.usefixtures("fake_method")
def test_a_forecast_records_its_prior(ladder_folder: Path, prior_file: Path, tmp_path: Path) -> None:
    records = []
    for name, arguments in (("with", ("--prior", prior_file)), ("without", ())):
        code, _, stderr = run("forecast", ladder_folder, *arguments, "--out", tmp_path / name)
        assert (code, stderr) == (0, "")
        records.append(json.loads((tmp_path / name / "run.json").read_text())["settings"]["prior"])
    assert records == [{"file": "prior.json", **learnt().origin()}, None]


def test_a_forecast_hands_the_prior_to_its_method(
    ladder_folder: Path, prior_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {}

    def stop(name: str, seed: int, **settings: object) -> None:
        given.update(settings)
        raise KeyError("far enough")

    monkeypatch.setattr(methods, "make", stop)
    CliRunner().invoke(
        app, ["forecast", str(ladder_folder), "--prior", str(prior_file), "--out", str(tmp_path / "out")]
    )
    assert given == {"priors": learnt()}


@pytest.mark.parametrize(
    ("command", "method"), [("forecast", "exponential"), ("forecast", "flp"), ("backtest", "exponential,bayes-flp")]
)
def test_a_method_without_a_prior_is_refused(
    command: str, method: str, ladder_folder: Path, prior_file: Path, tmp_path: Path
) -> None:
    code, _, stderr = run(command, ladder_folder, "--method", method, "--prior", prior_file, "--out", tmp_path / "out")
    assert code == 2 and "--prior is for bayes-cod;" in stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["forecast", "backtest"])
def test_a_bad_file_is_one_line(command: str, ladder_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    code, _, stderr = run(
        command, ladder_folder, "--method", "bayes-cod", "--prior", tmp_path / "bad.json", "--out", tmp_path / "out"
    )
    assert code == 2 and "field 'format' is None" in stderr and "bad.json" in stderr


@pytest.mark.parametrize(("family", "models"), [("fam", ("elsewhere",)), ("renamed", ("large",))])
def test_a_back_test_refuses_a_prior_that_has_seen_the_truth(
    family: str, models: tuple[str, ...], ladder_folder: Path, tmp_path: Path
) -> None:
    record = learnt().record()
    record["families"][0] |= {"family": family, "models": list(models)}
    (tmp_path / "prior.json").write_text(json.dumps(record))
    code, _, stderr = run(
        *("backtest", ladder_folder, "--method", "bayes-cod", "--family", "fam"),
        *("--prior", tmp_path / "prior.json", "--out", tmp_path / "out"),
    )
    assert code == 2 and "its results would leak" in stderr and "'fam'" in stderr
    assert not (tmp_path / "out" / "cells.csv").exists()


def test_a_back_test_job_is_known_by_the_contents_of_its_prior(ladder_folder: Path) -> None:
    (fit, *_) = split_ladder(read_tables(str(ladder_folder)), min_rungs=2)
    settings = [{}, *({"priors": prior.record()} for prior in (learnt(), learnt(), learnt(walk_sd=0.6)))]
    keys = [
        make_job(methods.method("bayes-cod", **one), fit, data_hash="x", seed=0, pool="none").key for one in settings
    ]
    assert keys[1] == keys[2] and len(set(keys)) == 3


def test_a_back_test_gives_the_prior_only_to_methods_that_take_one(
    ladder_folder: Path, prior_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import bayes_cod.evaluation as evaluation

    given: dict[str, list[str]] = {}

    def record_only(ladder, tested, **choices):  # type: ignore[no-untyped-def]
        given.update({method.name: sorted(method.settings) for method in tested})
        fakes = [Method(method.name, lambda name, seed: FakeBayes(seed)) for method in tested]
        return backtest(ladder, fakes, min_rungs=2)

    monkeypatch.setattr(evaluation, "backtest", record_only)
    code, _, stderr = run(
        *("backtest", ladder_folder, "--method", "bayes-cod,last-rung,bayes-flp"),
        *("--prior", prior_file, "--out", tmp_path / "out"),
    )
    assert (code, stderr) == (0, "")
    assert given == {"bayes-cod": ["priors"], "last-rung": [], "bayes-flp": []}
