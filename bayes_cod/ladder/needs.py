"""What a method needs of a ladder, and what is lacking."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from bayes_cod.ladder.ladder import Ladder

type Need = Literal["items", "scores", "losses", "domain losses", "mixtures", "sizes"]

LOSS_COLUMNS = ("bpb", "task_loss", "nll", "ppl")
"""Columns of a scores table that hold a benchmark's own loss."""


def lacking(ladder: Ladder, needs: Sequence[Need], family: str | None = None) -> str:
    """What a ladder lacks of some needs, in words; empty if nothing."""
    own = ladder if family is None else ladder.select(family=family)
    return "; ".join(_WORDS[need] for need in needs if not _HAS[need](own))


def _has_losses(ladder: Ladder) -> bool:
    if ladder.losses is not None and len(ladder.losses):
        return True
    scores = ladder.scores
    return scores is not None and any(name in scores and scores[name].notna().any() for name in LOSS_COLUMNS)


def _has_sizes(ladder: Ladder) -> bool:
    rungs = ladder.rungs()
    return len(rungs) > 0 and bool(rungs[["params", "tokens"]].notna().all(axis=None))


_HAS: dict[Need, Callable[[Ladder], bool]] = {
    "items": lambda ladder: ladder.items is not None and len(ladder.items) > 0,
    "scores": lambda ladder: bool(ladder.benchmark_names),
    "losses": _has_losses,
    "domain losses": lambda ladder: ladder.losses is not None and len(ladder.losses) > 0,
    "mixtures": lambda ladder: ladder.mixtures is not None and len(ladder.mixtures) > 0,
    "sizes": _has_sizes,
}
_WORDS: dict[Need, str] = {
    "items": "no question-level results (benchmark, question_id, model, n_trials, n_correct)",
    "scores": "no benchmark results",
    "losses": "no losses (model, domain, loss; or a column bpb, task_loss, nll or ppl beside the scores)",
    "domain losses": "no losses table (model, domain, loss)",
    "mixtures": "no mixtures table (model, domain, weight)",
    "sizes": "size or tokens of some rung are not known",
}
