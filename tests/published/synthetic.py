"""Noise-free ladders that obey a law exactly."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayes_cod.ladder import Ladder, Target

FLOPS = np.array([4e19, 1.2e20, 3.1e20, 6.9e20, 1.4e21, 4.6e21, 5.1e22, 1.4e23])
"""Compute of the paper's eight small models, rounded."""

TARGET = Target("target", 3.8e24)


def names(flops: np.ndarray) -> list[str]:
    return [f"m{i}" for i in range(len(flops))]


def models(flops: np.ndarray, params: np.ndarray | None = None, tokens: np.ndarray | None = None) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "model": names(flops),
            "family": "synthetic",
            "flops": flops,
            "params": np.nan if params is None else params,
            "tokens": np.nan if tokens is None else tokens,
            "is_final": True,
        }
    )


def benchmarks(chance: Mapping[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"benchmark": list(chance), "chance": list(chance.values())})


def score_ladder(scores: Mapping[str, np.ndarray], chance: float = 0.0, flops: np.ndarray = FLOPS) -> Ladder:
    rows = [
        {"model": model, "benchmark": name, "score": value, "is_final": True, "n_questions": 1e9}
        for name, values in scores.items()
        for model, value in zip(names(flops), values, strict=True)
    ]
    return Ladder("synthetic", models(flops), benchmarks(dict.fromkeys(scores, chance)), scores=pd.DataFrame(rows))


def item_ladder(
    rates: np.ndarray, n_trials: int = 10**6, chance: float = 0.0, flops: np.ndarray = FLOPS, benchmark: str = "b"
) -> Ladder:
    """Pass rates [question, rung] as counts of so many trials that rounding does not matter."""
    n_questions, n_rungs = rates.shape
    items = pd.DataFrame(
        {
            "benchmark": benchmark,
            "question_id": np.repeat([f"q{i:05d}" for i in range(n_questions)], n_rungs),
            "model": names(flops) * n_questions,
            "n_trials": n_trials,
            "n_correct": np.round(rates * n_trials).astype(int).ravel(),
        }
    )
    return Ladder("synthetic", models(flops), benchmarks({benchmark: chance}), items=items)


def loss_ladder(
    loss: np.ndarray,
    score: np.ndarray,
    *,
    checkpoint_loss: np.ndarray | None = None,
    checkpoint_score: np.ndarray | None = None,
    chance: float = 0.0,
    flops: np.ndarray = FLOPS,
    params: np.ndarray | None = None,
    tokens: np.ndarray | None = None,
    domains: Sequence[str] = ("web",),
    mixtures: np.ndarray | None = None,
    task_loss: bool = False,
) -> Ladder:
    """Losses [run, domain] and scores [run]; checkpoints [run, checkpoint, domain] and [run, checkpoint] optionally."""
    loss = loss.reshape(len(flops), -1)
    table = models(flops, params, tokens)
    total = np.full(len(flops), 1e9) if tokens is None else tokens
    rows_score, rows_loss = [], []
    for i, model in enumerate(table["model"]):
        points = [(loss[i], score[i], True, total[i])]
        if checkpoint_loss is not None and checkpoint_score is not None:
            steps = checkpoint_loss.shape[1]
            points += [
                (checkpoint_loss[i, j], checkpoint_score[i, j], False, total[i] * (j + 1) / (steps + 1))
                for j in range(steps)
            ]
        for at_loss, at_score, final, at_tokens in points:
            base = {"model": model, "is_final": final, "tokens": at_tokens}
            bpb = {"bpb": at_loss[0]} if task_loss else {}
            rows_score.append(base | {"benchmark": "b", "score": at_score, "n_questions": 1e9} | bpb)
            rows_loss += [base | {"domain": d, "loss": v} for d, v in zip(domains, at_loss, strict=True)]
    shares = None
    if mixtures is not None:
        shares = pd.DataFrame(
            [
                {"model": model, "domain": f"train{k}", "weight": weight}
                for model, row in zip(table["model"], mixtures, strict=True)
                for k, weight in enumerate(row)
            ]
        )
    return Ladder(
        "synthetic",
        table,
        benchmarks({"b": chance}),
        scores=pd.DataFrame(rows_score),
        losses=None if task_loss else pd.DataFrame(rows_loss),
        mixtures=shares,
    )
