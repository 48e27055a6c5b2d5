"""Losses and scores joined by run and checkpoint, for the loss-based methods."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.published.problems import FloatArray, LossProblem, ScoreProblem, score_problems

LossKind = Literal["validation", "task"]

TASK_LOSS_COLUMNS = ("bpb", "task_loss", "nll")
"""Columns of the scores table that hold a benchmark's own loss, in order of preference."""


def loss_problems(
    ladder: Ladder,
    prefer: LossKind,
    *,
    method: str,
    domains: Sequence[str] | None = None,
    per_domain: bool = False,
) -> list[LossProblem]:
    """One problem for every benchmark, with the losses that the method prefers and the ladder has.

    Parameters
    ----------
    ladder
        The ladder. Validation losses come from its `losses` table, a task loss from a column `bpb`, `task_loss` or
        `nll` of its `scores` table.
    prefer
        Which of the two to use where both exist.
    method
        Named in errors.
    domains
        Domains of the `losses` table to use; all if not given.
    per_domain
        Keep one loss a domain; otherwise domains are reduced to one loss, the geometric mean.

    Raises
    ------
    InputError
        If the ladder has neither kind of loss, or no final model with both loss and score.
    """
    column = None if ladder.scores is None else next((c for c in TASK_LOSS_COLUMNS if c in ladder.scores), None)
    has_validation = ladder.losses is not None and not ladder.losses.empty
    if not has_validation and (column is None or per_domain):
        raise InputError(
            f"the method '{method}' needs a losses table (model, domain, loss), which ladder '{ladder.name}' lacks"
            + ("" if per_domain else f", or one of the columns {', '.join(TASK_LOSS_COLUMNS)} in its scores table")
            + "; add one or choose a method that works on scores"
        )
    task = column is not None and not per_domain and (prefer == "task" or not has_validation)
    validation = None if task else _validation_losses(ladder, domains, per_domain)
    scores = _scores_by_benchmark(ladder)
    problems = []
    for plain in score_problems(ladder):
        rows = scores[plain.benchmark]
        joined = _task_rows(rows, column) if task and column is not None else _join(rows, validation)
        problem = _problem(ladder, plain, joined)
        if problem is not None:
            problems.append(problem)
    if not problems:
        raise InputError(
            f"the method '{method}' found no final model of ladder '{ladder.name}' that has both a loss and a score; "
            "give losses and scores under the same model names"
        )
    return problems


def _scores_by_benchmark(ladder: Ladder) -> dict[str, pd.DataFrame]:
    """Scores along training where the ladder has them; final scores are the observed ones, from counts if there are."""
    observed = ladder.observed_scores[["model", "benchmark", "score"]]
    if ladder.scores is None:
        table = observed.assign(is_final=True)
    elif ladder.items is None:
        table = ladder.scores
    else:
        final = ladder.scores[ladder.scores["is_final"]].drop(columns="score").drop_duplicates(["model", "benchmark"])
        final = observed.merge(final, on=["model", "benchmark"], how="left").assign(is_final=True)
        table = pd.concat([ladder.scores[~ladder.scores["is_final"]], final], ignore_index=True)
    return {str(name): rows for name, rows in table.groupby("benchmark", sort=True, observed=True)}


def _validation_losses(ladder: Ladder, domains: Sequence[str] | None, per_domain: bool) -> pd.DataFrame:
    """One row a model and checkpoint, with columns loss:<domain>."""
    assert ladder.losses is not None
    losses = ladder.losses
    known = sorted(str(name) for name in losses["domain"].unique())
    chosen = known if domains is None else list(domains)
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        raise InputError(f"unknown loss domain '{unknown[0]}'; the losses table has: {', '.join(known)}")
    keys = [key for key in ("model", "tokens", "is_final") if key in losses]
    wide = (
        losses[losses["domain"].isin(chosen)]
        .pivot_table(index=keys, columns="domain", values="loss", aggfunc="mean", observed=True, dropna=False)
        .dropna()
    )
    if not per_domain:
        return pd.DataFrame({"loss:mean": np.exp(np.log(wide).mean(axis=1))}).reset_index()
    return wide.rename(columns=lambda name: f"loss:{name}").reset_index()


def _task_rows(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    usable = rows[rows[column].notna() & (rows[column] > 0)]
    return usable.assign(**{f"loss:{column}": usable[column]})


def _join(rows: pd.DataFrame, losses: pd.DataFrame | None) -> pd.DataFrame:
    """Scores with the losses of the same checkpoint; final models join by name, whatever their token count."""
    assert losses is not None
    values = [name for name in losses if str(name).startswith("loss:")]
    final = rows[rows["is_final"]].merge(losses.loc[losses["is_final"], ["model", *values]], on="model")
    if "tokens" not in rows or "tokens" not in losses:
        return final
    along = rows[~rows["is_final"]].merge(
        losses.loc[~losses["is_final"], ["model", "tokens", *values]], on=["model", "tokens"]
    )
    return pd.concat([along, final], ignore_index=True)


def _problem(ladder: Ladder, plain: ScoreProblem, joined: pd.DataFrame) -> LossProblem | None:
    columns = [str(name) for name in joined if str(name).startswith("loss:")]
    final = joined[joined["is_final"]].groupby("model", sort=False)[[*columns, "score"]].mean()
    have = [position for position, model in enumerate(plain.models) if model in final.index]
    if not have:
        return None
    models = tuple(plain.models[position] for position in have)
    listed = ladder.models.set_index("model").loc[list(models)]
    place = {model: position for position, model in enumerate(models)}
    along = joined[joined["model"].isin(place)].copy()
    along["_place"] = along["model"].map(place)
    if "tokens" in along:
        along = along.sort_values(["_place", "tokens"], kind="stable")
        last = along.groupby("_place")["tokens"].transform("max")
        progress = np.where(along["is_final"], 1.0, along["tokens"] / last)
    else:
        along = along.sort_values("_place", kind="stable")
        progress = np.ones(len(along))
    weights, mixture_domains = _mixture_weights(ladder, models)
    return LossProblem(
        benchmark=plain.benchmark,
        models=models,
        flops=plain.flops[have],
        score=final.loc[list(models), "score"].to_numpy(dtype=float),
        chance=plain.chance,
        n_questions=plain.n_questions,
        params=_column(listed, "params"),
        tokens=_column(listed, "tokens"),
        loss=final.loc[list(models), columns].to_numpy(dtype=float),
        domains=tuple(name.removeprefix("loss:") for name in columns),
        weights=weights,
        mixture_domains=mixture_domains,
        checkpoint_model=along["_place"].to_numpy(dtype=np.int64),
        checkpoint_loss=along[columns].to_numpy(dtype=float),
        checkpoint_score=along["score"].to_numpy(dtype=float),
        checkpoint_progress=np.asarray(progress, dtype=float),
    )


def _column(frame: pd.DataFrame, name: str) -> FloatArray:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=float)


def _mixture_weights(ladder: Ladder, models: tuple[str, ...]) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Shares [rung, mixture] of the training domains, None unless all rungs have them."""
    if ladder.mixtures is None or ladder.mixtures.empty:
        return None, ()
    wide = ladder.mixtures.pivot_table(index="model", columns="domain", values="weight", aggfunc="mean", observed=True)
    if not set(models) <= set(wide.index):
        return None, ()
    chosen = wide.loc[list(models)].fillna(0.0)
    return chosen.to_numpy(dtype=float), tuple(str(name) for name in chosen.columns)
