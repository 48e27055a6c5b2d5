"""Shipped tables of the micro ladder, against each other and against the card."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from bayes_cod.datasets.microladder import card, spread
from bayes_cod.datasets.microladder.training import compute, questions, trials

NAMES = (
    "models",
    "items",
    "items_neighbours",
    "items_other",
    "benchmarks",
    "questions",
    "losses",
    "scores",
)
MIXES = ["mix_arithmetic", "mix_strings", "mix_logic"]
VOCABULARY = 49
RUNS = {
    ("main", "ladder"): 28,
    ("main", "target"): 2,
    ("mixtures", "ladder"): 48,
    ("mixtures", "holdout"): 7,
    ("grid", "ladder"): 8,
    ("constant_lr", "ladder"): 4,
}


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(spread.DATA / f"{name}.parquet") for name in NAMES}


@pytest.fixture(scope="module")
def models(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return tables["models"]


def test_data_folder_holds_the_tables_and_little_else() -> None:
    files = [path for path in spread.DATA.iterdir() if path.suffix == ".parquet"]
    assert {path.stem for path in files} == set(NAMES)
    assert sum(path.stat().st_size for path in files) <= 12e6


def test_all_runs_are_there(models: pd.DataFrame) -> None:
    assert models.groupby(["part", "split"]).size().to_dict() == RUNS
    assert models.model.is_unique


def test_models_are_those_of_the_plan(models: pd.DataFrame) -> None:
    code = "import plan; print(*(f'{r.name} {r.steps * r.batch * 64} {r.seed}' for r in plan.all_runs()), sep='\\n')"
    folder = spread.DATA.parent / "training"
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    shipped = [f"{row.model} {row.tokens} {row.seed}" for row in models.itertuples()]
    assert printed.splitlines() == shipped


def test_main_part_is_a_ladder_of_three_seeds_with_targets(models: pd.DataFrame) -> None:
    main = models[models.part == "main"]
    ladder, target = (main[main.split == split] for split in ("ladder", "target"))
    flops = ladder.groupby("rung").flops.first()
    assert len(flops) >= 8
    assert np.log10(flops.max() / flops.min()) >= 2.5
    assert np.diff(np.log10(flops)).max() < 0.5
    assert target.flops.min() > flops.max()
    assert target.flops.max() >= 4 * flops.max()
    small = ladder.groupby("width").flops.first() <= 1.3e13
    seeds = ladder.groupby("width").seed.agg(set)
    assert all(found == {0, 1, 2} for found in seeds[small]) and all(found == {0, 1} for found in seeds[~small])
    assert all(found == {0} for found in target.groupby("width").seed.agg(set))
    assert (main.family == "micro-s" + main.seed.astype(str)).all()


def test_flops_follow_the_documented_formula(tables: dict[str, pd.DataFrame]) -> None:
    for row in tables["models"].itertuples():
        matrices = 12 * row.layers * row.width**2 + row.width * VOCABULARY
        per_token = 6 * matrices + 6 * row.layers * row.width * (row.context + 1)
        assert row.flops_per_token == per_token
        assert row.params == matrices + row.width * VOCABULARY
        assert row.flops == pytest.approx(per_token * row.tokens)
        counted = compute.training_flops(row.width, row.layers, VOCABULARY, row.context, row.tokens)
        assert row.flops == pytest.approx(counted)


def test_mixtures_sum_to_one_and_the_held_out_ones_are_unseen(models: pd.DataFrame) -> None:
    assert np.allclose(models[MIXES].sum(axis=1), 1)
    mixtures = models[models.part == "mixtures"]
    seen = mixtures[mixtures.split == "ladder"]
    held_out = mixtures[mixtures.split == "holdout"]
    assert seen.groupby("width").mixture.nunique().to_list() == [16, 16, 16]
    assert set(held_out.mixture) & set(seen.mixture) == {"default"}
    assert held_out.mixture.nunique() == 7
    assert len(models[["mixture", *MIXES]].drop_duplicates()) == models.mixture.nunique()


@pytest.mark.parametrize(
    ("name", "part_is_main", "copies"),
    [("items", True, 1), ("items_neighbours", True, 2), ("items_other", False, 1)],
)
def test_items_hold_every_question_of_every_model(
    tables: dict[str, pd.DataFrame], name: str, part_is_main: bool, copies: int
) -> None:
    items, models = tables[name], tables["models"]
    key = ["benchmark", "question_id", "model"] + ["checkpoint"] * (name == "items_neighbours")
    expected = models.model[(models.part == "main") == part_is_main]
    assert not items.duplicated(key).any()
    assert set(items.model) == set(expected)
    assert len(items) == len(expected) * len(tables["questions"]) * copies
    assert items.n_correct.between(0, items.n_trials).all()
    asked = set(tables["questions"].question_id)
    assert set(items.question_id) == asked


def test_neighbours_stand_just_before_the_end(tables: dict[str, pd.DataFrame]) -> None:
    assert tables["items_neighbours"].checkpoint.between(0.94, 0.99).all()


def test_scores_add_up_the_items(tables: dict[str, pd.DataFrame]) -> None:
    scores = tables["scores"]
    items = pd.concat([tables["items"], tables["items_other"]])
    assert not scores.duplicated(["model", "step", "benchmark"]).any()
    assert (scores.score == scores.n_correct / scores.n_trials).all()
    assert (scores.n_trials == trials.TRIALS * scores.n_questions).all()
    assert (scores.bpb > 0).all()
    final = scores[scores.is_final].set_index(["model", "benchmark"]).n_correct
    added = items.groupby(["model", "benchmark"]).n_correct.sum()
    assert len(added) == len(final)
    assert (final.reindex(added.index) == added).all()


def test_every_run_has_its_checkpoints(tables: dict[str, pd.DataFrame]) -> None:
    models = tables["models"].set_index("model")
    for name, per_step in (("losses", 1), ("scores", len(tables["benchmarks"]))):
        frame = tables[name]
        assert set(frame.model) == set(models.index)
        assert (frame.groupby("model").step.nunique() >= 12).all()
        assert (frame.groupby(["model", "step"]).size() == per_step).all()
        final = frame[frame.is_final].groupby("model")[["tokens", "flops"]].first()
        assert (final.tokens == models.tokens.reindex(final.index)).all()
        assert (final.flops == models.flops.reindex(final.index)).all()
    losses = tables["losses"].filter(like="loss_")
    assert losses.notna().all(axis=None) and (losses > 0).all(axis=None)


def test_a_rung_trained_twice_has_the_same_losses(tables: dict[str, pd.DataFrame]) -> None:
    losses = tables["losses"].set_index(["model", "step"]).filter(like="loss_")
    for width in (12, 16, 24, 40):
        again, first = losses.loc[f"w{width}-mix-default"], losses.loc[f"w{width}-s0"]
        assert np.allclose(again, first, atol=1e-3)


def test_constant_runs_keep_their_rate_and_cosine_runs_end_low(
    tables: dict[str, pd.DataFrame],
) -> None:
    final = tables["losses"].query("is_final").set_index("model").lr
    models = tables["models"].set_index("model")
    share = final / models.lr_peak
    constant = models.schedule == "constant"
    assert np.allclose(share[constant], 1)
    assert np.allclose(share[~constant], 0.1, atol=1e-3)
    assert (constant == (models.part == "constant_lr")).all()


def test_questions_are_those_of_the_generator(tables: dict[str, pd.DataFrame]) -> None:
    made = [question for asked in questions.benchmarks().values() for question in asked]
    shipped = tables["questions"]
    assert shipped.prompt.to_list() == [question.prompt for question in made]
    assert shipped.answer.to_list() == [question.answer for question in made]
    assert (tables["benchmarks"].n_questions == 400).all()
    assert tables["benchmarks"].chance.to_list() == [task.chance for task in questions.TASKS]


def test_trials_are_repeatable() -> None:
    probabilities = np.linspace(0, 1, 11)
    first = trials.draw_passes(probabilities, "w12-s0", 5, "sort")
    assert (first == trials.draw_passes(probabilities, "w12-s0", 5, "sort")).all()
    assert first[0] == 0 and first[-1] == trials.TRIALS
    assert (first != trials.draw_passes(probabilities, "w12-s1", 5, "sort")).any()


def test_benchmarks_saturate_emerge_and_stay_at_chance(tables: dict[str, pd.DataFrame]) -> None:
    final = tables["scores"].query("is_final").merge(tables["models"], on="model")
    means = final[final.part == "main"].pivot_table(index="benchmark", columns="width", values="score")
    assert (means.loc["parity"] - 0.5).abs().max() < 0.05
    assert means.loc["last", 32] > 0.9
    assert means.loc["add_long", 32] < 0.05 < means.loc["add_long", 88]


def test_card_shows_the_shipped_tables(tables: dict[str, pd.DataFrame]) -> None:
    text = card.CARD.read_text(encoding="utf-8")
    assert card.fill(text, card.card_tables()) == text
    assert all(f"| {model} |" in text for model in tables["models"].model)


def test_effective_compute_inverts_a_rising_trend() -> None:
    log_flops = np.array([10.0, 11.0, 13.0])
    trend = spread.monotone(np.array([0.0, 1.0, 2.0]))
    reached = np.array([-1.0, 0.5, 1.5, 3.0])
    found = spread.effective_compute(log_flops, trend, reached)
    assert found == pytest.approx([9.0, 10.5, 12.0, 15.0], abs=1e-4)


def test_monotone_pools_falls() -> None:
    assert spread.monotone(np.array([0.0, 2.0, 1.0, 3.0])) == pytest.approx([0, 1.5, 1.5, 3], abs=1e-5)
