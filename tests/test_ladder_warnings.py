"""What looks wrong in a ladder although it can be read, and questions that rungs share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import run

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.inspection import inspect_ladder
from bayes_cod.ladder.naming import alike, stem
from bayes_cod.ladder.request import make_request
from bayes_cod.ladder.shared import comparable, incomplete
from bayes_cod.ladder.warnings import ladder_warnings
from bayes_cod.readers.tables import read_tables

RUNGS = {"m-1": 1e18, "m-2": 1e19, "m-3": 1e20}


def write(folder: Path, answers: dict[str, dict[str, int]], models: str = "", trials: int = 10) -> Ladder:
    """Answers: model → question → passes."""
    folder.mkdir()
    lines = ["benchmark,question_id,model,n_trials,n_correct"]
    lines += [f"quiz,{q},{m},{trials},{c}" for m, own in answers.items() for q, c in own.items()]
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    listed = "model,family,flops\n" + "".join(f"{name},m,{flops}\n" for name, flops in RUNGS.items()) + "m-9,m,1e21\n"
    (folder / "models.csv").write_text(models or listed)
    return read_tables(folder)


def random_answers(seed: int, questions: int = 24) -> dict[str, int]:
    return {f"q{q}": int(c) for q, c in enumerate(np.random.default_rng(seed).integers(2, 9, questions))}


def scores(folder: Path, text: str) -> Ladder:
    folder.mkdir()
    (folder / "scores.csv").write_text(text)
    return read_tables(folder)


# ---------------------------------------------------------------- shared questions


@pytest.fixture
def limited(tmp_path: Path) -> Ladder:
    """The largest rung was asked the first 4 of 12 questions, the hard ones."""
    full = {f"q{q:02}": q // 2 for q in range(12)}
    return write(tmp_path / "l", {"m-1": full, "m-2": full, "m-3": dict(list(full.items())[:4])})


def test_rungs_are_compared_on_the_questions_they_share(limited: Ladder) -> None:
    (case,) = incomplete(limited)
    assert case.questions == {"q00", "q01", "q02", "q03"} and case.n_questions == 12
    assert case.answered == {"m-1": 12, "m-2": 12, "m-3": 4}
    together = comparable(limited)
    assert [together.truth(name, "quiz") for name in RUNGS] == pytest.approx([0.05] * 3)
    assert limited.truth("m-1", "quiz") == pytest.approx(0.25)
    assert "4 of 12 questions were answered by every rung (m-3 answered 4)" in together.notes[0]


def test_a_complete_ladder_is_left_as_it_is(tmp_path: Path) -> None:
    ladder = write(tmp_path / "l", {name: random_answers(i) for i, name in enumerate(RUNGS)})
    assert incomplete(ladder) == [] and comparable(ladder) is ladder
    assert inspect_ladder(ladder).pairs.empty


def test_check_counts_the_questions_of_each_pair(limited: Ladder) -> None:
    found = inspect_ladder(limited)
    assert found.pairs[["first", "second", "shared", "only_first", "only_second"]].to_numpy().tolist() == [
        ["m-1", "m-3", 4, 8, 0],
        ["m-2", "m-3", 4, 8, 0],
    ]
    assert found.benchmarks["highest"].item() == pytest.approx(0.05)
    assert found.benchmarks["questions"].item() == 12


def test_a_request_says_which_questions_its_scores_are_on(limited: Ladder) -> None:
    request = make_request(limited, targets=["m-9"])
    assert request.ladder.truth("m-1", "quiz") == pytest.approx(0.05)
    assert any("4 of 12 questions" in note for note in request.notes)
    below = make_request(limited, targets=["m-3"])
    assert below.ladder.truth("m-1", "quiz") == pytest.approx(0.25), "rungs below the target share all questions"
    assert np.isnan(below.source.truth("m-3", "quiz")), "a score on other questions is no truth of this forecast"
    assert any("m-3 answered 4 of the 12 questions" in note for note in below.notes)


def test_ids_of_two_spellings(tmp_path: Path) -> None:
    padded = {f"{q:03}": q for q in range(1, 9)}
    plain = {f"{q}": q for q in range(1, 9)}
    ladder = write(tmp_path / "l", {"m-1": padded, "m-2": padded, "m-3": plain})
    why = "no question was answered by every rung"
    assert any(why in line and "the ids '001' and '1' look alike" in line for line in ladder_warnings(ladder))
    assert not inspect_ladder(ladder).families["forecast"].any()
    with pytest.raises(InputError, match=why):
        make_request(ladder, targets=["m-9"])


def test_a_rung_without_a_benchmark(tmp_path: Path) -> None:
    text = "model,task,acc,flops\n" + "".join(
        f"m-{i},{task},0.{i},1e{18 + i}\n" for i in (1, 2, 3) for task in ("a", "b") if (i, task) != (2, "b")
    )
    assert "b: no result of m-2; forecast from the other rungs" in ladder_warnings(scores(tmp_path / "l", text))


# ---------------------------------------------------------------- compute


def test_compute_that_contradicts_size_and_tokens(tmp_path: Path) -> None:
    models = (
        "model,family,flops,params,tokens\nm-1,m,6e17,1e7,1e10\nm-2,m,6.1e21,3.2e7,3.2e10\nm-3,m,7.3e19,1.1e8,1.1e11\n"
    )
    ladder = write(tmp_path / "l", {name: random_answers(i) for i, name in enumerate(RUNGS)}, models)
    (line,) = ladder_warnings(ladder)
    assert line.startswith("m-2 has 6.1e+21 FLOPs, but 6 x params x tokens is 6.14e+18 (993 times as much)")


def test_active_parameters_make_the_compute(tmp_path: Path) -> None:
    models = "model,family,params,active_params,tokens\nm-1,m,1e7,1e7,1e10\nm-2,m,9e9,2e7,1e10\nm-3,m,1e8,1e8,1e10\n"
    ladder = write(tmp_path / "l", {name: random_answers(i) for i, name in enumerate(RUNGS)}, models)
    assert ladder.target("m-2").flops == pytest.approx(6 * 2e7 * 1e10)
    assert "compute derived as 6 x active params x tokens for 3 models (m-1, m-2, m-3)" in ladder.notes
    assert ladder_warnings(ladder) == ()


def test_targets_and_what_they_lack(tmp_path: Path) -> None:
    models = "model,family,flops,params,tokens\nm-1,m,6e17,1e7,1e10\nm-2,m,6e18,1e8,1e10\nm-3,m,6e19,1e9,1e10\n"
    answers = {name: random_answers(i) for i, name in enumerate(RUNGS)}
    found = inspect_ladder(write(tmp_path / "l", answers, models + "big,m,,,\nhuge,m,1e22,,\n"))
    assert any(line.startswith("big: no compute, so no target by name") for line in found.problems)
    assert any(line.startswith("huge: no params and tokens") for line in found.problems)


# ---------------------------------------------------------------- copies, names, families, groups


def test_answers_of_another_model(tmp_path: Path) -> None:
    ladder = write(tmp_path / "l", {"m-1": random_answers(1), "m-2": random_answers(2), "m-3": random_answers(2)})
    (line,) = ladder_warnings(ladder)
    assert line.startswith("m-2 and m-3 agree on all 24 questions of quiz (10 trials each)")


def test_agreement_where_all_is_right_is_no_copy(tmp_path: Path) -> None:
    right = {f"q{q}": 1 for q in range(40)}
    ladder = write(tmp_path / "l", dict.fromkeys(RUNGS, right), trials=1)
    assert ladder_warnings(ladder) == ()


def test_equal_scores_on_all_benchmarks(tmp_path: Path) -> None:
    lines = [f"m-{i},t{t},0.{max(i, 2)}{t},1e{18 + i}" for i in (1, 2, 3) for t in range(4)]
    ladder = scores(tmp_path / "l", "model,task,acc,flops\n" + "\n".join(lines))
    assert any("m-1 and m-2 have the same score on all 4 benchmarks" in line for line in ladder_warnings(ladder))


def test_names_that_look_alike(tmp_path: Path) -> None:
    assert alike(["GSM8K", "gsm-8k", "gsm_8k", "mbpp"]) == [("GSM8K", "gsm-8k", "gsm_8k")]
    assert alike(["001", "1", "01", "10"]) == [("001", "01", "1")]
    assert alike(["llama-2-7b", "llama-27b", "temp0.2", "temp02", "human_eval", "human_eval_plus"]) == []
    text = "model,task,acc,flops\n" + "".join(
        f"m-{i},{t},0.{i},1e{18 + i}\n" for i in (1, 2) for t in ("GSM8K", "gsm_8k")
    )
    found = ladder_warnings(scores(tmp_path / "l", text))
    assert "the benchmarks 'GSM8K' and 'gsm_8k' look alike; are they one?" in found


def test_two_families_without_a_family(tmp_path: Path) -> None:
    assert [stem(name) for name in ("atlas-150m", "Qwen2.5-7B-base", "m-010", "tiny")] == ["atlas", "Qwen", "m", "tiny"]
    lines = [f"{name}-{size}b,t,0.{size},1e2{size}" for name in ("atlas", "zephyr") for size in (1, 2, 3)]
    found = ladder_warnings(scores(tmp_path / "l", "model,task,acc,flops\n" + "\n".join(lines)))
    assert any("models without a family bear 2 names (atlas-1b, atlas-2b" in line for line in found)


def test_a_group_beside_its_parts(tmp_path: Path) -> None:
    lines = []
    for i in (1, 2, 3):
        birds, trees, film = 0.2 + 0.1 * i, 0.1 + 0.1 * i, 0.05 * i
        nature = 0.4 * birds + 0.6 * trees
        cells = {"q_nature_birds": (birds, 40), "q_nature_trees": (trees, 60), "q_film": (film, 100)}
        cells |= {"q_nature": (nature, 100), "q": ((nature + film) / 2, 200)}
        lines += [f"m-{i},{name},{value:.6f},{n},1e{18 + i}" for name, (value, n) in cells.items()]
    found = ladder_warnings(scores(tmp_path / "l", "model,task,acc,n_questions,flops\n" + "\n".join(lines)))
    assert [line.split(";")[0] for line in found] == [
        "q is the mean of q_film, q_nature",
        "q_nature is the mean of q_nature_birds, q_nature_trees",
    ]


def test_warnings_reach_check_and_the_forecast(tmp_path: Path) -> None:
    write(tmp_path / "l", {"m-1": random_answers(1), "m-2": random_answers(2), "m-3": random_answers(2)})
    code, shown, _ = run("check", tmp_path / "l")
    assert code == 0 and "m-2 and m-3 agree on all 24 questions" in shown
    assert "items.csv" in shown and "models.csv" in shown
    options = ("--target", "m-9", "--method", "exponential", "--out", tmp_path / "out")
    code, shown, err = run("forecast", tmp_path / "l", *options)
    assert code == 0, err
    for text in (shown, (tmp_path / "out" / "run.json").read_text(), (tmp_path / "out" / "report.html").read_text()):
        assert "m-2 and m-3 agree on all 24 questions" in text
