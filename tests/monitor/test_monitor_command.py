"""Tables of what was observed, and `monitor` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import run

from bayes_cod.errors import InputError
from bayes_cod.monitor.combined import combine
from bayes_cod.monitor.observed import read_observed
from bayes_cod.monitor.progress import place_of, rate_left, shown_rate
from bayes_cod.monitor.watching import watch_run
from bayes_cod.results import Result


def write_losses(file: Path, points: int = 60, worse_from: int | None = None) -> Path:
    rng = np.random.default_rng(0)
    tokens = np.linspace(1e9, 1e9 * points, points)
    loss = 2 + 2 * (tokens / 1e8) ** -0.3 + rng.normal(0, 0.005, points)
    if worse_from is not None:
        loss[worse_from:] += 0.05
    pd.DataFrame({"tokens": tokens, "loss": loss}).to_csv(file, index=False)
    return file


def write_scores(file: Path, result: Result, shift: float = 0.0) -> Path:
    """Scores along the run as the forecast has them, or lower."""
    curves = result.explanation.curves
    assert curves is not None
    rows = []
    for tokens in np.linspace(2e8, 1e9, 9):
        for name in result.benchmarks:
            at = curves["latent"].sel(benchmark=name).median("sample")
            rows.append((tokens, name, float(np.interp(tokens * 1e13, at["flops"], at)) - shift))
    pd.DataFrame(rows, columns=["tokens", "benchmark", "score"]).to_csv(file, index=False)
    return file


def test_help_has_an_example() -> None:
    code, out, _ = run("monitor", "--help")
    assert code == 0
    assert "bayes-cod monitor out/ observed.csv" in out


def test_scores_on_their_way_are_in_their_bands(result: Result, tmp_path: Path) -> None:
    observed = read_observed(write_scores(tmp_path / "observed.csv", result))
    made = watch_run(observed, result, schedule="constant")
    assert made.alarm is None
    assert (made.points["seen"].between(made.points["q05"], made.points["q95"])).all()
    end = made.end.set_index("series")
    assert (end["high90"] - end["low90"] < end["before_high90"] - end["before_low90"]).all()
    assert set(end["how"]) <= {"reweighted", "moved"}


def test_scores_far_below_raise_an_alarm(result: Result, tmp_path: Path) -> None:
    observed = read_observed(write_scores(tmp_path / "observed.csv", result, shift=0.4))
    made = watch_run(observed, result, schedule="constant")
    assert made.alarm is not None and made.series == "scores"
    assert "ALARM" in made.words()[0]


def test_a_forecast_made_anew_takes_the_place_of_draws_that_fail(result: Result, tmp_path: Path) -> None:
    observed = read_observed(write_scores(tmp_path / "observed.csv", result, shift=0.6))
    asked = []

    def refit(seen: object) -> Result:
        asked.append(seen)
        return result

    made = watch_run(observed, result, schedule="constant", refit=refit)
    moved = watch_run(observed, result, schedule="constant")
    assert ("moved" in set(moved.end["how"])) == bool(asked)
    assert not asked or set(made.end["how"]) == {"refitted"}


def test_losses_alone(tmp_path: Path) -> None:
    made = watch_run(read_observed(write_losses(tmp_path / "a.csv")), total_tokens=1e11, schedule="constant")
    assert made.alarm is None
    assert made.end["how"].tolist() == ["law"]
    assert made.ahead["tokens"].iloc[-1] == pytest.approx(1e11)
    assert made.end["low90"].iloc[0] < 2 + 2 * 1000**-0.3 < made.end["high90"].iloc[0]
    bad = watch_run(read_observed(write_losses(tmp_path / "b.csv", worse_from=40)), schedule="constant")
    assert bad.alarm is not None and 40e9 <= bad.alarm <= 52e9
    assert bad.since == pytest.approx(41e9, abs=3e9)
    assert bad.series == "loss"


def test_a_run_that_goes_on_from_another_is_watched_from_its_first_point(tmp_path: Path) -> None:
    whole = pd.read_csv(write_losses(tmp_path / "whole.csv", worse_from=40))
    whole.head(40).to_csv(tmp_path / "first.csv", index=False)
    whole.tail(20).to_csv(tmp_path / "then.csv", index=False)
    then = read_observed(tmp_path / "then.csv")
    assert watch_run(then, schedule="constant").alarm is None
    made = watch_run(then, schedule="constant", earlier=read_observed(tmp_path / "first.csv"))
    assert made.alarm is not None
    assert len(made.points) == 20


def test_one_alarm_for_all_series() -> None:
    rng = np.random.default_rng(0)
    raised = 0
    for _ in range(150):
        points = pd.DataFrame(
            {
                "kind": ["score"] * 60 + ["loss"] * 60,
                "series": ["a", "b"] * 30 + ["loss"] * 60,
                "tokens": np.r_[np.repeat(np.arange(1.0, 31), 2), np.arange(1.0, 61)],
                "residual": np.r_[rng.normal(size=60), np.full(20, np.nan), rng.normal(size=40)],
            }
        ).sort_values("tokens", kind="stable", ignore_index=True)
        raised += combine(points, 0.1, "worse").raised_at is not None
    assert raised <= 26  # 150 runs at 10 %: more have a probability of 0.1 %


def test_a_series_that_is_not_watched_takes_no_share() -> None:
    points = pd.DataFrame(
        {
            "kind": "loss",
            "series": "loss",
            "tokens": np.arange(1.0, 21),
            "residual": np.r_[np.zeros(10), np.full(10, 2)],
        }
    )
    idle = points.assign(series="idle", residual=np.nan)
    both = pd.concat([points, idle]).sort_values("tokens", kind="stable", ignore_index=True)
    alone, made = combine(points, 0.05, "worse"), combine(both, 0.05, "worse")
    assert alone.raised_at is not None
    np.testing.assert_allclose(made.log_value[::2], alone.log_value)
    # one that begins later gets its share of what there is, so nothing changes at that moment
    later = both.assign(residual=both["residual"].where(both["series"] != "idle", 0.0).where(both.index > 30))
    begun = combine(pd.concat([points[:15], later[31:]]).sort_values("tokens", kind="stable"), 0.05, "worse")
    assert begun.log_value[14] == pytest.approx(alone.log_value[14])


def test_progress() -> None:
    tokens = np.array([1e9, 5e9, 1e10])
    np.testing.assert_allclose(place_of(tokens, 6e19, 1e10, None), [6e18, 3e19, 6e19])
    sized = place_of(tokens, 6e19, 1e10, 1e9)
    assert sized[2] == pytest.approx(6e19)
    assert sized[0] < 6e18  # much of the compute of an early checkpoint went into size
    np.testing.assert_allclose(rate_left(np.array([0.0, 0.5, 1.0]), "cosine"), [1, 0.5, 0], atol=1e-12)
    np.testing.assert_allclose(rate_left(np.array([0.0, 0.5, 1.0]), "constant"), 0)
    np.testing.assert_allclose(shown_rate(np.array([0.5, 2.0, 1.0])), [1, 1, 0.5])
    with pytest.raises(InputError, match="cosine, linear, constant"):
        rate_left(tokens, "wsd")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tokens,lr\n1,1\n", "neither scores .* nor losses"),
        ("step,loss\n1,3\n", "give|say how many tokens a step has"),
        ("loss\n3\n", "neither tokens nor steps"),
        ("tokens,loss\n1,3\n2,nan!\n", "row 3, column 'loss': 'nan!' is no finite number"),
        ("tokens,loss\n0,3\n", "row 2, column 'tokens': 0 is not above 0"),
        ("tokens,benchmark,score\n1,a,80\n", "column 'score': a score of 80"),
        ("tokens,benchmark,score\n1,a,0.5\n1,a,0.6\n", "two scores at 1 tokens"),
        ("run,tokens,loss\nx,1,3\ny,1,3\n", "several runs; name one with `run`: x, y"),
    ],
)
def test_unusable_tables(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "observed.csv"
    file.write_text(text)
    with pytest.raises(InputError, match=message):
        read_observed(file)


def test_scores_need_a_forecast_and_its_benchmarks(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "observed.csv"
    file.write_text("tokens,benchmark,score\n1e8,arc,0.5\n")
    with pytest.raises(InputError, match="a saved forecast only"):
        watch_run(read_observed(file))
    with pytest.raises(InputError, match="no score is of a benchmark of the forecast"):
        watch_run(read_observed(file), result)
    file.write_text("tokens,benchmark,score\n2e9,arith,0.5\n")
    with pytest.raises(InputError, match="beyond the run's end"):
        watch_run(read_observed(file), result)


def test_command_writes_and_follows(saved: Path, result: Result, tmp_path: Path) -> None:
    observed = write_scores(tmp_path / "observed.csv", result)
    out = tmp_path / "out"
    code, said, err = run("monitor", saved, observed, "--schedule", "constant", "--out", out)
    assert code == 0, err
    assert "No alarm" in said
    files = {file.name for file in out.iterdir()}
    assert {"monitor.csv", "monitor_end.csv", "monitor.svg", "monitor.png", "monitor.json", "report.html"} <= files
    assert json.loads((out / "monitor.json").read_text())["alarm"]["raised_at_tokens"] is None
    losses = write_losses(tmp_path / "losses.csv", worse_from=40)
    code, said, err = run("monitor", losses, "--schedule", "constant", "--follow", "--looks", "2", "--every", "0.1")
    assert code == 0, err
    assert said.count("ALARM") == 1  # the file did not grow, so there was nothing new to say
    assert (tmp_path / "losses_monitor" / "monitor.json").exists()
