"""Examples in docstrings of public modules run and give what they say."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bayes_cod"
TRAINING = PACKAGE / "datasets" / "microladder" / "training"  # scripts that made the data; they need torch


def name_of(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


WITH_EXAMPLES = sorted(
    name_of(file) for file in PACKAGE.rglob("*.py") if ">>> " in file.read_text() and not file.is_relative_to(TRAINING)
)


def test_the_face_has_examples() -> None:
    assert {"bayes_cod", "bayes_cod.face"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_run(name: str) -> None:
    done = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert done.attempted > 0
    assert done.failed == 0
