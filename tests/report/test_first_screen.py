"""Five questions are answered on the first screen, in every form of the report."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import MODELS, FakeBayes, items_text, write_ladder

from bayes_cod import InputError, registry
from bayes_cod import read as read_ladder
from bayes_cod.evaluation.track_record import track_record
from bayes_cod.ladder.request import make_request
from bayes_cod.report import build_report
from bayes_cod.report.answers import make_answers
from bayes_cod.report.numbers import multiple, probability, rounded
from bayes_cod.report.text import report_json, report_markdown
from bayes_cod.report.trust import trust
from bayes_cod.results import Result
from bayes_cod.results.make import make_result

ASKED = {"arith": 0.8}


@pytest.fixture
def run(ladder_folder: Path) -> Result:
    request = make_request(read_ladder(ladder_folder), family="fam", targets=["huge"])
    return make_result(request, FakeBayes(), seed=0)


def cells(decades: float = 1.0, method: str = "fake-bayes") -> pd.DataFrame:
    """Ten scores of five models, of which the 90 % intervals held nine and the 50 % intervals four."""
    rows = [
        {
            "ladder": "l",
            "family": f"f{index % 2}",
            "target": f"m{index // 2}",
            "method": method,
            "status": "ok",
            "decades": decades,
            "covered_50": float(index < 4),
            "covered_90": float(index < 9),
            "abs_error": 0.04,
            "width_90": 0.2,
        }
        for index in range(10)
    ]
    return pd.DataFrame(rows)


def first_screen(html: str) -> str:
    """What stands before the first section."""
    return html[html.index('<section class="first"') : html.index("<nav")]


def test_the_five_questions(run: Result) -> None:
    draws = run.forecast.samples("huge", "arith")
    low, high = run.forecast.interval("huge", "arith")
    width = high - low
    shown = [rounded(value, width) for value in (float(np.median(draws)), low, high, run.truth("large", "arith"))]
    answered = {
        "the score and its interval": f"arith: {shown[0]}, with 90\u202f% probability {shown[1]} to {shown[2]};",
        "today's score": f"your largest model has {shown[3]};",
        "the chance of a stated threshold": f"probability of 80 or more: {probability(float((draws >= 0.8).mean()))}",
        "how far": "10 times the compute of your largest model, large (1.00 decades beyond it",
        "how far to trust it": "90\u202f% intervals held 90\u202f% and its 50\u202f% intervals 40\u202f% of 10 scores",
    }
    forms = {
        "html": plain(first_screen(build_report(run, thresholds=ASKED, cells=cells()))),
        "md": report_markdown(run, thresholds=ASKED, cells=cells()).replace("*", ""),
    }
    for name, text in forms.items():
        for question, answer in answered.items():
            assert answer in text, f"{name}: {question}"


def plain(html: str) -> str:
    """Text without tags."""
    return re.sub(r"<[^>]*>", "", html)


def test_json_answers_them_as_numbers(run: Result) -> None:
    found = report_json(run, thresholds=ASKED, cells=cells())
    first = found["answers"][0]
    assert (first["target"], first["benchmark"], first["threshold"]) == ("huge", "arith", 0.8)
    assert first["reaches"] == run.probability("arith", 0.8)
    assert (first["low90"], first["high90"]) == run.forecast.interval("huge", "arith")
    assert first["today"] == run.truth("large", "arith") and first["multiple"] == pytest.approx(10)
    assert found["answers"][1]["threshold"] is None
    assert [point["label"] for point in found["trust"]][:2] == ["Convergence", "Track record"]


def test_without_a_threshold_the_chance_of_more_than_today(run: Result) -> None:
    (target,) = make_answers(run)
    for answer in target.answers:
        expected = float((run.forecast.samples("huge", answer.benchmark) > answer.today).mean())
        assert f"probability of more than that: {probability(expected)}." in answer.sentence


def test_thresholds_given_with_the_forecast_are_shown(run: Result) -> None:
    html = build_report(replace(run, settings={"thresholds": {"logic": 0.95}}))
    assert "probability of 95 or more" in html and "asked for" in html


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [({"arith": 70.0}, "threshold of arith is 70; scores are fractions"), ({"nope": 0.5}, "'nope' is of no benchmark")],
)
def test_thresholds_that_make_no_sense(run: Result, thresholds: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_report(run, thresholds=thresholds)


def test_without_a_track_record_it_says_so(run: Result) -> None:
    point = trust(run)[1]
    assert point.label == "Track record" and point.text.startswith("None was given") and point.tone == "warn"
    assert "no forecast by fake-bayes" in trust(run, cells(method="cod"))[1].text
    assert "None at this distance (1.00 decades)" in trust(run, cells(decades=4.0))[1].text


def test_a_track_record_leaves_the_target_itself_out() -> None:
    found = track_record(cells(), "fake-bayes", 1.0, without="m0")
    assert found is not None and (found.cells, found.targets) == (8, 4)
    assert found.held90 == pytest.approx(7 / 8)
    assert track_record(cells(), "fake-bayes+recalibrated", 1.0) is not None


def test_a_benchmark_that_never_leaves_chance_is_said_to(tmp_path: Path) -> None:
    flat = items_text("flat", 200, dict.fromkeys(["tiny", "small", "middle", "large"], 0.125)).replace(",0.1", ",0.15")
    folder = write_ladder(tmp_path / "l", flat=flat)
    run = make_result(make_request(read_ladder(folder), family="fam", targets=["huge"]), FakeBayes(), seed=0)
    (target,) = make_answers(run)
    last = target.answers[-1]
    assert last.benchmark == "flat" and "No rung is above chance (15" in last.sentence
    assert not any("chance" in answer.sentence for answer in target.answers[:-1])


def test_a_method_without_intervals(ladder_folder: Path) -> None:
    request = make_request(read_ladder(ladder_folder), family="fam", targets=["huge"])
    run = make_result(request, registry.make("last-rung", 0), seed=0)
    html = plain(first_screen(build_report(run)))
    today = rounded(run.truth("large", "arith"), 1.0)
    assert f"arith: {today} (a method without intervals); your largest model has {today}." in html
    assert "last-rung has no priors" in html and "narrow" not in html


def test_many_targets_are_folded(tmp_path: Path) -> None:
    more = "".join(f"huge{index},fam,{index + 2}e22,1e10,1e9\n" for index in range(5))
    folder = write_ladder(tmp_path / "l", models=MODELS + more)
    run = make_result(make_request(read_ladder(folder), family="fam"), FakeBayes(), seed=0)
    html = first_screen(build_report(run))
    assert "3 more targets" in html and html.count("1 more benchmarks") == 6


def test_numbers_of_the_first_screen() -> None:
    assert [multiple(value) for value in (0.1, 1.0, 1.59, 3.3)] == ["1.3", "10", "39", "2,000"]
    assert [probability(value) for value in (0.0, 0.474, 1.0)] == ["below 1\u202f%", "47\u202f%", "above 99\u202f%"]
    assert (rounded(0.6849, 0.4), rounded(0.6849, 0.05), rounded(float("nan"), 1.0)) == ("68", "68.5", "–")
