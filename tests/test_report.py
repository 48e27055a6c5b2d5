"""The report: everything inline, names escaped, failures in red."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers import MODELS, FakeBayes, items_text, write_ladder

from bayes_cod import read as read_ladder
from bayes_cod import registry as methods
from bayes_cod.ladder.request import make_request
from bayes_cod.report import build_report
from bayes_cod.report.checks import priors_section, rungs_section
from bayes_cod.report.numbers import flops, interval, number, percent, points
from bayes_cod.results import Result
from bayes_cod.results.files import write_json
from bayes_cod.results.make import make_result

SECTIONS = [
    "Forecast",
    "Benchmarks along compute",
    "What the priors decide",
    "Fit at the rungs",
    "Clusters of questions",
    "Clusters one by one",
    "Diagnostics",
    "Data",
    "Settings",
]
VOID = {"meta", "br", "hr", "path", "use", "img", "wbr", "line", "rect", "circle"}


class Reader(HTMLParser):
    """Collects tags, ids and text, and checks that tags close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def make(folder: Path, forecaster: FakeBayes | None = None, **choices: object) -> Result:
    request = make_request(read_ladder(folder), **choices)  # type: ignore[arg-type]
    return make_result(request, forecaster or FakeBayes(), settings={"pool": "none"}, seed=0, allow_failed_gate=True)


def test_sections_and_well_formed(ladder_folder: Path) -> None:
    page = Reader(build_report(make(ladder_folder)))
    text = " ".join(page.text)
    for title in SECTIONS:
        assert title in text
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] for tag, attributes in page.tags if tag in ("a", "use")]
    assert all(link and link[0] == "#" and link[1:] in ids for link in links)


def test_nothing_is_fetched(ladder_folder: Path) -> None:
    html = build_report(make(ladder_folder))
    assert "http:" not in html and "https:" not in html and "//" not in html.replace("</", "")
    tags = [tag for tag, _ in Reader(html).tags]
    assert not set(tags) & {"link", "iframe", "object", "embed", "img"} and tags.count("script") == 1
    assert "@import" not in html


def test_the_policy_allows_the_page_s_own_script_and_nothing_else(ladder_folder: Path) -> None:
    html = build_report(make(ladder_folder))
    script = html[html.index("<script>") + len("<script>") : html.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in html


def test_a_failed_gate_is_told_in_red_on_top(ladder_folder: Path) -> None:
    html = build_report(make(ladder_folder, FakeBayes(gate_passed=False)))
    alarm = html.index('class="box alarm" role="alert"')
    assert alarm < html.index("<section")
    assert "1 failed: do not rely on this forecast." in html
    assert 'role="alert"' not in build_report(make(ladder_folder))


def test_truth_is_counted(ladder_folder: Path) -> None:
    html = build_report(make(ladder_folder, targets=["large"]))
    assert re.search(r"Of 2 scores that are known, \d lie in their 90 % interval", html)
    assert "Truth" in html


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "a&b",
    "../../etc",
    "$x^2$",
    "'=1'",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_are_escaped(name: str, tmp_path: Path) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    models = MODELS.replace("huge", quoted)
    arith = items_text().replace("arith,", f"{quoted},")
    html = build_report(make(write_ladder(tmp_path / "l", models=models, arith=arith)))
    page = Reader(html)
    tags = [tag for tag, _ in page.tags]
    assert "img" not in tags and tags.count("script") == 1
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert name in "".join(page.text)


def test_long_names_do_not_break_the_page(tmp_path: Path) -> None:
    models = MODELS.replace("huge", "h" * 200)
    html = build_report(make(write_ladder(tmp_path / "l", models=models)))
    assert "h" * 200 in html


def test_without_clusters_the_section_is_left_out(ladder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = FakeBayes.clusters
    monkeypatch.setattr(FakeBayes, "clusters", lambda self: empty(self).iloc[:0])
    assert "Clusters o" not in build_report(make(ladder_folder))


def test_what_the_priors_decide_is_told(ladder_folder: Path) -> None:
    run = make(ladder_folder)
    text = " ".join(Reader(build_report(run)).text)
    assert "Of 2 forecasts, so many rest on a prior: 2 on that of growth; none on that of floor and level." in text
    top = "The forecast of arith for huge rests most on one, the prior of growth: its median moves by \u22121.0 points"
    assert f"{top} at twice its weight. The median that moves farthest is that of arith for huge: " in text
    assert "Prior of growth: 2 of 2 forecasts rest on it" in text and "Prior of evaluations" not in text
    section = priors_section(run)
    assert section is not None and section.table is not None
    half = "not reliable"  # there k is 0.9
    assert section.table.rows[0] == ["arith", "huge", "0.30", half, "\u22121.0", half, "\u22123.0", "0.90 / 0.10"]


def test_without_a_sensitive_forecast_there_is_no_table(ladder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = FakeBayes.prior_sensitivity
    monkeypatch.setattr(FakeBayes, "prior_sensitivity", lambda self, f: made(self, f).assign(sensitivity=0.01))
    section = priors_section(make(ladder_folder))
    assert section is not None and section.table is None
    assert section.text[0] == "None of the 2 forecasts rests on a prior."


def test_at_most_a_dozen_rows_of_priors(tmp_path: Path) -> None:
    many = {f"b{i}": items_text(f"b{i}", 5) for i in range(20)}
    section = priors_section(make(write_ladder(tmp_path / "l", arith=None, logic=None, **many)))
    assert section is not None and section.table is not None
    assert 0 < len(section.table.rows) <= 12
    sensitivity = [float(row[2]) for row in section.table.rows]
    assert sensitivity == sorted(sensitivity, reverse=True)


def test_only_benchmarks_that_are_off_have_a_verdict(ladder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = rungs_section(make(ladder_folder))
    assert section is not None and section.table is not None and not section.folded
    told = [text for text in section.text if "not expected" in text]
    assert len(told) == 1 and told[0].startswith("arith: ") and "the step to large (" in told[0]
    assert [row[-1] for row in section.table.rows] == ["off", "fits"]
    made = FakeBayes.rung_check
    monkeypatch.setattr(FakeBayes, "rung_check", lambda self: made(self).assign(pit=0.5))
    fits = rungs_section(make(ladder_folder))
    assert fits is not None and fits.folded and fits.text[-1] == "All benchmarks fit."


def test_methods_that_can_not_tell_have_no_section(ladder_folder: Path) -> None:
    request = make_request(read_ladder(ladder_folder))
    run = make_result(request, methods.make("last-rung", 0), seed=0)
    assert priors_section(run) is None and rungs_section(run) is None
    assert not {"prior_sensitivity", "rung_check"} & set(run.summary()["facts"])


def test_checks_are_among_the_facts(ladder_folder: Path, tmp_path: Path) -> None:
    write_json(make(ladder_folder).summary(), tmp_path / "run.json")
    facts = json.loads((tmp_path / "run.json").read_text())["facts"]
    assert {row["prior"] for row in facts["prior_sensitivity"]} == {"growth", "floor and level", "evaluations"}
    assert [row["off"] for row in facts["rung_check"] if row["kind"] == "step"] == [True, False]


def test_numbers_as_they_are_read() -> None:
    assert points(0.4567) == "45.7"
    assert points(np.nan) == "–"
    assert interval(0.1, 0.256) == "10.0 to 25.6"
    assert percent(0.8) == "80\u202f%"
    assert flops(3.4008e23) == "3.4 × 10²³"
    assert flops(np.nan) == "–"
    assert number(None, 2) == "–" and number(1234.5, 1) == "1,234.5"
