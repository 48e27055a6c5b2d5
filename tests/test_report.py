"""The report: everything inline, names escaped, failures in red."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers import MODELS, FakeBayes, items_text, write_ladder

from bayes_cod import read_ladder
from bayes_cod.planning import plan_forecast
from bayes_cod.report import build_report
from bayes_cod.report.numbers import flops, interval, number, percent, points
from bayes_cod.run import Run, run_forecast

SECTIONS = [
    "Forecast",
    "Benchmarks along compute",
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


def make(folder: Path, forecaster: FakeBayes | None = None, **request: object) -> Run:
    plan = plan_forecast(read_ladder(folder), **request)  # type: ignore[arg-type]
    return run_forecast(plan, forecaster or FakeBayes(), settings={"pool": "none"}, seed=0)


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
    tags = {tag for tag, _ in Reader(html).tags}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img"}
    assert "@import" not in html


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
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
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


def test_numbers_as_they_are_read() -> None:
    assert points(0.4567) == "45.7"
    assert points(np.nan) == "–"
    assert interval(0.1, 0.256) == "10.0 to 25.6"
    assert percent(0.8) == "80\u2009%"
    assert flops(3.4008e23) == "3.4 × 10²³"
    assert flops(np.nan) == "–"
    assert number(None, 2) == "–" and number(1234.5, 1) == "1,234.5"
