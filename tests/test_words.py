"""The project's words: plain English, the field's terms, and each term explained once."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bayes_cod.report.glossary import TERMS

REPOSITORY = Path(__file__).parent.parent
PACKAGE = REPOSITORY / "bayes_cod"
DOCS = REPOSITORY / "docs"
AVOIDED = ("astray", "drawn anew", "made ladders", "hang on", "hangs on", "told in red")
"""Words that say nothing to a newcomer, or something else than was meant."""
_AVOIDED = re.compile(r"\b(" + "|".join(word.replace(" ", r"\s+") for word in AVOIDED) + r")\b", re.IGNORECASE)
_ENTRY = re.compile(r"^(?P<terms>[^\n:#].*)\n: (?P<meaning>.+(?:\n  .+)*)", re.MULTILINE)

PAGES = sorted({*DOCS.glob("*.md"), REPOSITORY / "README.md"} - {DOCS / "research.md", DOCS / "decisions.md"})
MODULES = sorted(PACKAGE.rglob("*.py"))


def docstrings(file: Path) -> Iterator[str]:
    """Docstrings of a module, its classes and functions, and the strings that stand under constants."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def glossary() -> list[tuple[str, str]]:
    text = (DOCS / "glossary.md").read_text()
    return [
        (term.strip(), " ".join(entry["meaning"].split()))
        for entry in _ENTRY.finditer(text)
        for term in entry["terms"].split(",")
    ]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.stem)
def test_pages_use_plain_words(file: Path) -> None:
    assert not _AVOIDED.findall(file.read_text())


@pytest.mark.parametrize("file", MODULES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_docstrings_use_plain_words(file: Path) -> None:
    assert not [found for text in docstrings(file) for found in _AVOIDED.findall(text)]


def test_avoided_words_are_found_over_line_ends_and_in_any_case() -> None:
    assert _AVOIDED.findall("Trials are drawn\nanew; much Hangs on it") == ["drawn\nanew", "Hangs on"]
    assert not _AVOIDED.findall("withdrawn anew, homemade ladders")


def test_each_term_is_explained_once() -> None:
    terms = [term.lower() for term, _ in glossary()]
    assert len(terms) > 50
    assert sorted(set(terms)) == sorted(terms)


def test_reports_and_glossary_explain_terms_alike() -> None:
    pages = dict(glossary())
    assert {term: pages.get(term) for term in TERMS} == TERMS
