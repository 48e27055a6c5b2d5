"""The report in a real browser: sorted, filtered, unfolded and read by keyboard, wide and narrow, light and dark.

A script that drives the page is added to it, and its findings are read from the page as the browser leaves it. Chromium
is started with no network; where there is none, these tests are skipped.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import FakeBayes, items_text, write_ladder

from bayes_cod import read as read_ladder
from bayes_cod.ladder.request import make_request
from bayes_cod.report import build_report
from bayes_cod.results.make import make_result

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LARGEST = 3_000_000
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-device-scale-factor=1",
]
DRIVER = """
window.addEventListener("error", function (event) { window.failed = event.message; });
window.addEventListener("load", function () {
  var found = { requests: performance.getEntriesByType("resource").length, wide: innerWidth };
  var table = document.querySelector("table[data-file='forecast']");
  var column = function (index) {
    return Array.from(table.tBodies[0].querySelectorAll("tr:not(.group)")).filter(function (row) {
      return !row.hidden;
    }).map(function (row) { return row.cells[index].textContent.trim(); });
  };
  var sorter = table.tHead.querySelectorAll("button.sort")[2];
  sorter.click();
  found.ascending = column(2);
  sorter.click();
  found.descending = column(2);
  found.state = sorter.parentNode.getAttribute("aria-sort");
  var search = document.querySelector("#forecast input[type=search]");
  search.value = "b3";
  search.dispatchEvent(new Event("input"));
  found.filtered = column(0);
  found.status = document.querySelector("#forecast .status").textContent;
  search.value = "";
  search.dispatchEvent(new Event("input"));
  var saved = null, make = URL.createObjectURL;
  URL.createObjectURL = function (blob) { saved = blob; return make.call(URL, blob); };
  HTMLAnchorElement.prototype.click = function () { found.file = this.download; };
  document.querySelector("#forecast button.save").click();
  var folded = document.querySelector("#settings details");
  found.folded = !folded.open;
  location.hash = "#settings";
  found.beyond = Array.from(document.querySelectorAll("main *")).filter(function (part) {
    var box = part.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && !part.closest("svg, thead, figure.wide");
  }).map(function (part) { return part.tagName + "." + part.className; });
  found.first = document.querySelector(".answers b").getBoundingClientRect().bottom + scrollY;
  found.trust = document.querySelector(".trust dd").getBoundingClientRect().bottom + scrollY;
  found.dark = matchMedia("(prefers-color-scheme: dark)").matches;
  found.paper = getComputedStyle(document.body).backgroundColor;
  var word = document.querySelector("button.word");
  word.focus();
  found.focused = document.activeElement === word;
  word.click();
  found.explained = document.getElementById(word.getAttribute("popovertarget")).matches(":popover-open");
  found.tips = document.querySelectorAll("g.tip > title").length;
  saved.text().then(function (text) {
    found.csv = text;
    found.unfolded = folded.open;
    found.failed = window.failed || null;
    var out = document.createElement("pre");
    out.id = "found";
    out.textContent = JSON.stringify(found);
    document.body.appendChild(out);
  });
});
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """Path of a Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium here: install one (such as the package chromium) to test reports in a browser")
    return found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report of ten benchmarks, one of them with a long name."""
    folder = tmp_path_factory.mktemp("page")
    names = [f"b{index}" for index in range(9)] + ["a_benchmark_with_a_name_that_is_long@temperature1_top95"]
    many = {f"t{index}": items_text(name, 5) for index, name in enumerate(names)}
    ladder = read_ladder(write_ladder(folder / "l", arith=None, logic=None, **many))
    request = make_request(ladder, family="fam", targets=["huge"])
    return build_report(make_result(request, FakeBayes(), seed=0))


def driven(browser: str, page: str, folder: Path, width: int, *, dark: bool) -> dict[str, object]:
    """What the driver found, with the page's policy widened for it alone."""
    assert len(page.encode()) < LARGEST
    file = folder / "page.html"
    file.write_text(
        re.sub(r"script-src '[^']*'", "script-src 'unsafe-inline'", page).replace(
            "</body>", f"<script>{DRIVER}</script></body>"
        ),
        encoding="utf-8",
    )
    scheme = [f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    # headless windows are no narrower than about 500 pixels, so that a phone is a frame in a wider one
    frame = folder / "frame.html"
    frame.write_text(f'<iframe src="page.html" style="width:{width}px;height:844px;border:0"></iframe>')
    command = [browser, *FLAGS, *scheme, f"--user-data-dir={folder / 'profile'}"]
    command += [
        f"--window-size={max(width, 1000)},900",
        "--allow-file-access-from-files",
        "--virtual-time-budget=4000",
        "--dump-dom",
        file.as_uri(),
    ]
    if width < 500:
        copied = 'window.addEventListener("message", function (e) { document.body.innerHTML = e.data; });'
        frame.write_text(frame.read_text() + f"<script>{copied}</script>")
        text = file.read_text(encoding="utf-8")
        told = "document.body.appendChild(out); if (parent !== window) { parent.postMessage(out.outerHTML, '*'); }"
        file.write_text(text.replace("document.body.appendChild(out);", told), encoding="utf-8")
        command[-1] = frame.as_uri()
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=True, env={**os.environ, "HOME": str(folder)}
    )
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert complaints == []
    match = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert match is not None, done.stdout[-500:] + done.stderr[-500:]

    return dict(json.loads(html.unescape(match[1])))


@pytest.mark.slow
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (390, False)])
def test_the_page_in_a_browser(browser: str, page: str, tmp_path: Path, width: int, dark: bool) -> None:
    found = driven(browser, page, tmp_path, width, dark=dark)
    assert found["wide"] == width
    assert found["failed"] is None and found["requests"] == 0
    assert found["beyond"] == [], "cut at the right"
    medians = [float(value) for value in found["ascending"]]  # type: ignore[attr-defined]
    assert medians == sorted(medians) and len(medians) == 10
    assert [float(value) for value in found["descending"]] == medians[::-1]  # type: ignore[attr-defined]
    assert found["state"] == "descending"
    assert found["filtered"] == ["b3"] and found["status"] == "1 of 10 rows"
    csv = str(found["csv"]).lstrip("\ufeff").splitlines()
    assert csv[0].startswith("group,Benchmark,Largest rung,Median,") and len(csv) == 11
    assert found["file"] == "forecast.csv"
    assert found["folded"] and found["unfolded"], "a link to a folded section opens it"
    assert found["focused"] and found["explained"], "words are explained by keyboard"
    assert float(str(found["first"])) < 400, "the first number stands within the first 400 pixels"
    assert int(str(found["tips"])) > 20
    assert found["dark"] is dark and found["paper"] == ("rgb(20, 22, 26)" if dark else "rgb(255, 255, 255)")
    if width == 1280:
        assert float(str(found["trust"])) < 900
