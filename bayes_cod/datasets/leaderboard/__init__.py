"""The leaderboard ladders: question-level results of public language models; CARD.md says where they are from."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import as_file, files

from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import read_tables

__all__ = ["leaderboard"]


def leaderboard() -> Ladder:
    """Read the leaderboard ladders: six families of public base models on six benchmarks, one trial a question.

    Returns
    -------
    Ladder
        Families qwen1.5, qwen2, qwen2.5, llama3.x, pythia and bloom; benchmarks arc_challenge (up to 2023's models),
        ifeval, math_hard and three parts of MuSR.
    """
    with as_file(files(__name__) / "data") as folder:
        return replace(read_tables(folder), name="leaderboard")
