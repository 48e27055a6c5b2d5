"""Ladders on which both stages of FLP-M hold by construction."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import read_tables

SOURCES = ("web", "code", "books")
MIXTURES = np.array(
    [
        [0.34, 0.33, 0.33],
        [0.8, 0.1, 0.1],
        [0.1, 0.8, 0.1],
        [0.1, 0.1, 0.8],
        [0.5, 0.5, 0.0],
        [0.0, 0.5, 0.5],
        [0.5, 0.0, 0.5],
        [0.6, 0.3, 0.1],
        [0.2, 0.6, 0.2],
        [0.25, 0.15, 0.6],
        [0.7, 0.0, 0.3],
        [0.05, 0.35, 0.6],
    ]
)
SIZES = (1e7, 1e8)


def true_losses(shares: np.ndarray, params: float, tokens: float) -> np.ndarray:
    """Losses on web and code."""
    transfer = np.array([[1.0, 0.1], [0.1, 1.0], [0.3, 0.05]])
    worth = (shares + 1e-4) ** 0.6 @ transfer
    return 1.2 + 1.0 * (params / 1e7) ** -0.3 + 0.8 * (tokens / 2e8) ** -0.25 * worth**-0.4


def true_scores(losses: np.ndarray) -> np.ndarray:
    """Scores of a task that needs web and one that needs code (four options)."""
    web, code = losses
    easy = 1 / (1 + np.exp(-6 * (2.9 - web)))
    hard = 0.25 + 0.75 / (1 + np.exp(-5 * (2.8 - code)))
    return np.array([easy, hard])


def write_mixture_ladder(
    folder: Path, mixtures: np.ndarray = MIXTURES, sizes: tuple[float, ...] = SIZES, seed: int = 0
) -> Path:
    """Runs of every mixture and size, and a listed larger target 'big' on a mixture no run has."""
    rng = np.random.default_rng(seed)
    models = ["model,family,params,tokens,flops"]
    losses, mixed = ["model,tokens,loss_web,loss_code"], ["model," + ",".join(f"mix_{name}" for name in SOURCES)]
    scores = ["model,benchmark,score,chance,n_questions"]
    runs = [(f"m{i}-{size:.0e}", shares, size) for i, shares in enumerate(mixtures) for size in sizes]
    for name, shares, size in [*runs, ("big", np.array([0.45, 0.45, 0.1]), 1e9)]:
        tokens = 20 * size
        models.append(f"{name},fam,{size:g},{tokens:g},{6 * size * tokens:g}")
        mixed.append(f"{name}," + ",".join(f"{share:g}" for share in shares))
        if name == "big":
            continue
        found = true_losses(shares, size, tokens) * np.exp(0.005 * rng.standard_normal(2))
        losses.append(f"{name},{tokens:g},{found[0]:.5f},{found[1]:.5f}")
        for task, chance, score in zip(("easy", "hard"), (0.0, 0.25), true_scores(found), strict=True):
            scores.append(f"{name},{task},{np.clip(score + 0.01 * rng.standard_normal(), 0, 1):.4f},{chance},400")
    folder.mkdir(parents=True, exist_ok=True)
    for table, lines in (("models", models), ("losses", losses), ("mixtures", mixed), ("scores", scores)):
        (folder / f"{table}.csv").write_text("\n".join(lines) + "\n")
    return folder


def mixture_ladder(folder: Path, **settings: object) -> Ladder:
    """The ladder that `write_mixture_ladder` writes."""
    return read_tables(write_mixture_ladder(folder, **settings))  # type: ignore[arg-type]
