"""`microladder()` gives the parts of the micro ladder."""

from importlib import import_module

import pytest

from bayes_cod import InputError, datasets
from bayes_cod.datasets import PARTS, microladder
from bayes_cod.ladder import Ladder


@pytest.fixture(scope="module")
def main() -> Ladder:
    return microladder()


@pytest.fixture(scope="module")
def whole() -> Ladder:
    return microladder("all")


def test_main_has_families_by_seed_and_counts(main: Ladder) -> None:
    assert main.families and all(name.startswith("micro-s") for name in main.families)
    assert main.items is not None and (main.items["n_trials"] >= 1).all()
    rungs = main.rungs(main.families[0])
    assert len(rungs) >= 5 and rungs["flops"].is_monotonic_increasing
    for frame in (main.scores, main.losses):
        assert frame is None or frame["is_final"].all()


def test_checkpoints_are_the_same_runs_along_training(main: Ladder) -> None:
    along = microladder("checkpoints")
    assert set(along.models["model"]) == set(main.models["model"])
    assert along.losses is not None and main.losses is not None
    assert len(along.losses) > len(main.losses)
    assert not along.losses["is_final"].all()


@pytest.mark.parametrize("part", ["grid", "mixtures", "constant_lr"])
def test_other_parts_hold_other_models(part: datasets.Part, main: Ladder, whole: Ladder) -> None:
    models = microladder(part).models
    names = set(models["model"])
    assert names and names < set(whole.models["model"])
    assert set(models["part"]) == {part}
    assert not names & set(main.models["model"])


def test_mixed_holds_every_run_of_the_three_domains_once(main: Ladder, whole: Ladder) -> None:
    models = microladder("mixed").models
    mixtures = microladder("mixtures").models
    assert set(models["part"]) == {"main", "mixtures"} and set(mixtures["model"]) < set(models["model"])
    left_out = set(main.models["model"]) - set(models["model"])
    assert left_out == {f"w{width}-s0" for width in (12, 16, 24, 40)}
    default = models[models["mixture"] == "default"]
    assert not default.duplicated(["width", "seed"]).any() and default["seed"].nunique() == 3


def test_all_is_everything(main: Ladder, whole: Ladder) -> None:
    assert set(main.models["model"]) < set(whole.models["model"])
    assert PARTS[-1] == "all"


def test_unknown_part() -> None:
    with pytest.raises(InputError, match="no part 'nope'; expected one of: main, checkpoints"):
        microladder("nope")  # type: ignore[arg-type]


def test_the_function_survives_importing_the_folder_of_its_name() -> None:
    import_module("bayes_cod.datasets.microladder.card")
    import bayes_cod.datasets.microladder.spread  # noqa: F401

    assert callable(datasets.microladder)
    from bayes_cod.datasets import microladder as again

    assert again is microladder
