"""Pages and the code they describe name the same things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import typer.main

import bayes_cod
from bayes_cod import plots
from bayes_cod.cli import app
from bayes_cod.evaluation.scored import Backtest

DOCS = Path(__file__).parent.parent / "docs"


def commands(group: object, before: str = "") -> Iterator[str]:
    """Names of all commands; those of a group after the group's."""
    for name, listed in group.commands.items():  # type: ignore[attr-defined]  # a group of the command line
        command = getattr(listed, "itself", listed)  # commands are imported when they are run
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name


def test_the_page_of_the_command_line_has_every_command_once_with_an_example() -> None:
    text = (DOCS / "command_line.md").read_text()
    parts = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    headings = [part.split("\n", 1)[0].strip() for part in parts]
    assert sorted(headings) == sorted(commands(typer.main.get_command(app)))
    for heading, part in zip(headings, parts, strict=True):
        assert f"$ bayes-cod {heading}" in part


def test_the_page_of_the_interface_has_the_face_and_every_plot() -> None:
    listed = {name.rsplit(".", 1)[-1] for name in re.findall(r"auto\w+:: ([\w.]+)", (DOCS / "api.md").read_text())}
    assert {*bayes_cod.__all__, *plots.__all__, Backtest.__name__} <= listed


def test_links_between_pages_lead_somewhere() -> None:
    for page in DOCS.glob("*.md"):
        for link in re.findall(r"\]\(([\w/.-]+\.md)", page.read_text()):
            assert (DOCS / link).is_file(), f"{page.name} links to {link}"


def test_every_page_is_in_the_reading_order() -> None:
    index = (DOCS / "index.md").read_text()
    entries = {
        line.strip() for block in re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL) for line in block.split()
    }
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= entries
