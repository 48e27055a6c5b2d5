"""The file of a learnt prior: what goes in comes out, and a bad file says which field is bad."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prior_fakes import learnt

from bayes_cod.errors import InputError
from bayes_cod.models.cod.learnt_prior import LearntPrior
from bayes_cod.models.cod.priors import Priors


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], Any]:
    """A change of one field of a record."""

    def change(record: dict[str, Any]) -> Any:
        place: Any = record
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return record

    return change


def drop(*path: Any) -> Callable[[dict[str, Any]], Any]:
    def change(record: dict[str, Any]) -> Any:
        place: Any = record
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        return record

    return change


def test_save_and_load(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "prior.json"
    prior = learnt()
    prior.save(file)
    assert LearntPrior.load(file) == prior
    assert [one.name for one in file.parent.iterdir()] == ["prior.json"]
    text = file.read_text()
    assert str(tmp_path) not in text
    prior.save(file)
    assert file.read_text() == text  # no date


def test_the_origin_tells_priors_apart() -> None:
    first, same, other = learnt(), learnt(), learnt(slope_mean=-0.41)
    assert first.origin() == same.origin() != other.origin()
    assert first.origin()["families"] == [{"family": "old", "ladder": "last_generation", "sha256": "ab" * 32}]


@pytest.mark.parametrize(
    ("family", "models", "expected"),
    [
        ("old", [], "the family 'old'"),
        ("new", ["new-1b", "old-7b"], "models of the family 'new' (old-7b)"),
        ("new", ["new-1b"], ""),
        ("short", ["short-1b"], ""),  # left out, so it taught nothing
    ],
)
def test_overlap(family: str, models: list[str], expected: str) -> None:
    assert learnt().overlap(family, models) == expected


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        (lambda record: [record], "the file", "is a list; expected an object"),
        (put("format", value="other"), "format", "is 'other'; expected 'bayes-cod prior'"),
        (drop("format"), "format", "is None"),
        (put("version", value=1), "version", "is 1; this version of bayes-cod reads 2"),
        (drop("values"), "values", "is missing or null"),
        (drop("values", "walk_mean"), "values.walk_mean", "is missing"),
        (put("values", "slope_men", value=1.0), "values.slope_men", "is not a hyperparameter"),
        (put("values", "slope_mean", value=float("nan")), "values.slope_mean", "is nan; expected a finite number"),
        (put("values", "slope_sd", value=float("inf")), "values.slope_sd", "is inf; expected a finite number"),
        (put("values", "slope_sd", value=10**400), "values.slope_sd", "is inf; expected a finite number"),
        (put("values", "slope_sd", value=0), "values.slope_sd", "is 0; expected a number above 0"),
        (put("values", "noise_sd", value=-0.1), "values.noise_sd", "is -0.1; expected a number above 0"),
        (put("values", "common", value=1), "values.common", "is 1; expected a share below 1"),
        (put("values", "slope_mean", value="0.5"), "values.slope_mean", "is a text; expected a number"),
        (put("values", "slope_mean", value=True), "values.slope_mean", "is true or false; expected a number"),
        (put("values", "slope_mean", value=None), "values.slope_mean", "is missing or null; expected a number"),
        (drop("families"), "families", "is missing or null; expected a list"),
        (put("families", value=[]), "families", "is empty"),
        (put("families", 0, value="old"), "families[0]", "is a text; expected an object"),
        (drop("families", 0, "family"), "families[0].family", "is missing or null; expected a text"),
        (drop("families", 0, "models"), "families[0].models", "is missing or null; expected a list"),
        (put("families", 0, "models", 1, value=7), "families[0].models[1]", "is a number; expected a text"),
        (put("families", 0, "sha256", value=""), "families[0].sha256", "expected a text"),
        (put("left_out", 0, "reason", value=None), "left_out[0].reason", "is missing or null; expected a text"),
        (put("settings", value=[]), "settings", "is a list; expected an object"),
    ],
)
def test_a_bad_field_is_named(
    change: Callable[[dict[str, Any]], Any], field: str, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "prior.json"
    file.write_text(json.dumps(change(copy.deepcopy(learnt().record()))))
    with pytest.raises(InputError) as caught:
        LearntPrior.load(file)
    text = str(caught.value)
    for part in (str(file), f"'{field}'", problem, "bayes-cod learn-prior"):
        assert part in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"slope_mean: 1", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_a_file_that_is_not_json(content: bytes, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "prior.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        LearntPrior.load(file)


def test_a_file_that_can_not_be_read_or_written(tmp_path: Path) -> None:
    for place in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            LearntPrior.load(place)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        learnt().save(tmp_path / "file" / "prior.json")


def test_every_shipped_value_may_stand_in_a_file() -> None:
    record = learnt(**{name: getattr(Priors(), name) for name in Priors.names()}).record()
    assert LearntPrior.of(json.loads(json.dumps(record))).priors == Priors()
