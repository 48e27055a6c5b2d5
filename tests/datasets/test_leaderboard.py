"""The bundled leaderboard ladders: what is in them, and that nothing of larger models is."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest

import bayes_cod as bc
from bayes_cod.commands.demo import DEMOS

FOLDER = Path(str(files("bayes_cod.datasets.leaderboard")))


@pytest.fixture(scope="module")
def ladder() -> bc.Ladder:
    return bc.read("leaderboard")


def test_every_demo_has_its_rungs_and_targets(ladder: bc.Ladder) -> None:
    demo = DEMOS["leaderboard"]
    rungs = ladder.rungs(demo.family)
    assert set(demo.targets) <= set(rungs["model"]) and len(rungs) - len(demo.targets) >= 4


def test_a_benchmark_never_leaves_chance_below_the_target(ladder: bc.Ladder) -> None:
    below = [name for name in ladder.rungs("qwen1.5")["model"] if name not in DEMOS["leaderboard"].targets]
    highest = max(ladder.truth(str(name), "musr_team_allocation") for name in below)
    assert highest < ladder.chance("musr_team_allocation")


def test_scores_are_those_of_the_card(ladder: bc.Ladder) -> None:
    assert ladder.items is not None
    assert ladder.items["n_trials"].eq(1).all()
    counted = ladder.items.groupby("benchmark", observed=True)["question_id"].nunique()
    assert counted.to_dict() == {
        "arc_challenge": 1172,
        "ifeval": 541,
        "math_hard": 894,
        "musr_murder_mysteries": 250,
        "musr_object_placements": 256,
        "musr_team_allocation": 250,
    }


def test_source_and_licence_come_with_it_and_it_is_small() -> None:
    assert "MIT License" in (FOLDER / "LICENSE.txt").read_text()
    card = (FOLDER / "CARD.md").read_text()
    assert "socialfoundations/benchmark-prediction" in card and "MIT" in card
    assert sum(file.stat().st_size for file in FOLDER.rglob("*") if file.is_file()) < 1_000_000


def test_it_is_the_visible_part_of_the_source(shared: Path) -> None:
    source = pd.read_csv(shared / "data" / "leaderboard_items" / "models.csv")
    ours = pd.read_csv(FOLDER / "data" / "models.csv")
    visible = source[source["split"] == "shared"].set_index("model")
    assert set(ours["model"]) <= set(visible.index)
    assert (ours.set_index("model")["flops"] == visible["flops"].reindex(ours["model"])).all()
