"""From a ladder's losses and scores to what Bayesian FLP is fitted on: rows of checkpoints.

A row is the end of a run, or the mean of the checkpoints in one part of its training. Every row has log losses, one a
series, and scores, one a benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.flp.losses import LossSeries, loss_series, same_series

type FloatArray = NDArray[np.float64]

MIN_RUNGS = 3


@dataclass(frozen=True)
class EvidenceSettings:
    """What is taken from a ladder.

    Attributes
    ----------
    parts
        Parts of every run's training, equal in log tokens, whose checkpoints are averaged to one row each. 0 leaves
        checkpoints out.
    max_rows
        Rows at most: where finals and parts would be more, there are fewer parts.
    from_progress
        Share of a run's training before which checkpoints are not used: warm-up is another process.
    weight
        Weight of all checkpoints of a run together, in final models: they share the run's luck, so they are not
        independent evidence.
    decades, least_rungs
        Rungs of less compute than this many decades below the largest are left out, but never so that fewer than
        `least_rungs` of different compute are left: over many decades neither the loss law nor one map holds, and what
        tells of the models ahead are the rungs near them.
    decades_ahead
        Models of other families with more compute than this many decades beyond the largest rung are left out.
    """

    parts: int = 3
    max_rows: int = 72
    from_progress: float = 0.2
    weight: float = 1.0
    decades: float = 3.0
    least_rungs: int = 6
    decades_ahead: float = 3.0


@dataclass(frozen=True)
class Evidence:
    """Losses and scores of a ladder.

    Attributes
    ----------
    rungs
        Final models of the ladder itself by compute: model, flops, params, tokens.
    series
        Names of the losses.
    benchmarks
        Names of the benchmarks.
    chance, n_questions
        ``(benchmark,)``; chance is 0 and questions are 1,000 where unknown.
    run
        Index of the final model a row belongs to ``(row,)``; final models come first, in order: the ladder's own, then
        those of pooled families.
    family
        Family of a row ``(row,)``: 0 is the one to forecast, the others are those pooled with it.
    flops, params, tokens
        Of each row ``(row,)``; params and tokens are NaN where any is missing.
    undecayed
        Learning rate over its peak at a row ``(row,)``; 0 for final models.
    weight
        Weight of a row ``(row,)``; 1 for final models.
    log_loss, log_loss_se
        ``(row, series)``; NaN where missing; the standard error is 0 where not given.
    score
        ``(row, benchmark)``, NaN where missing.
    unanswered
        What the best final model, those of pooled families included, leaves of the way from chance to 1
        ``(benchmark,)``; 1 where nothing is known.
    notes
        What was decided and a user should know.
    """

    rungs: pd.DataFrame
    series: tuple[str, ...]
    benchmarks: tuple[str, ...]
    chance: FloatArray
    n_questions: FloatArray
    run: NDArray[np.int64]
    family: NDArray[np.int64]
    flops: FloatArray
    params: FloatArray
    tokens: FloatArray
    undecayed: FloatArray
    weight: FloatArray
    log_loss: FloatArray
    log_loss_se: FloatArray
    score: FloatArray
    unanswered: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def n_rungs(self) -> int:
        """Number of final models of the ladder itself."""
        return len(self.rungs)

    @property
    def n_runs(self) -> int:
        """Number of final models, those of pooled families included."""
        return int(self.run.max()) + 1

    @property
    def n_pooled(self) -> int:
        """Number of pooled families."""
        return int(self.family.max())

    @property
    def sized(self) -> bool:
        """Whether sizes and tokens of all rows are known; otherwise the loss law is one in compute."""
        return bool(np.isfinite(self.params).all() and np.isfinite(self.tokens).all())


def gather(ladder: Ladder, settings: EvidenceSettings, pool: Ladder | None = None) -> Evidence:
    """Rows of losses and scores.

    Parameters
    ----------
    ladder
        One family, cut already applied.
    settings
        See `EvidenceSettings`.
    pool
        Other families, whose final models are added; see `_pooled_rows`.

    Raises
    ------
    InputError
        If the ladder has no losses, or fewer than `MIN_RUNGS` rungs with both losses and scores.
    """
    found = loss_series(ladder)
    rungs, n_left_out = _near(_evaluated(ladder, found), settings)
    if rungs["flops"].nunique() < MIN_RUNGS:
        raise InputError(
            f"the method 'bayes-flp' needs {MIN_RUNGS} rungs of different compute with losses and scores, but ladder "
            f"'{ladder.name}' has {rungs['flops'].nunique()}; give losses and scores under the same model names"
        )
    benchmarks = tuple(ladder.benchmark_names)
    final = _final_rows(ladder, rungs, found, benchmarks)
    along = _along_training(ladder, rungs, found, benchmarks, settings)
    pooled, pool_notes = ([], []) if pool is None else _pooled_rows(pool, rungs, found, benchmarks, settings)
    rows = pd.concat([final, *pooled, *([] if along is None else [along])], ignore_index=True)
    notes = (*_notes(found, along, n_left_out, settings), *pool_notes)
    return _evidence(ladder, rungs, rows, found, benchmarks, notes)


def _evidence(
    ladder: Ladder,
    rungs: pd.DataFrame,
    rows: pd.DataFrame,
    found: list[LossSeries],
    benchmarks: tuple[str, ...],
    notes: tuple[str, ...],
) -> Evidence:
    """Of the tables of rungs and rows."""
    names = [series.name for series in found]
    questions = np.zeros(0)
    if benchmarks:
        table = ladder.observed_scores.groupby("benchmark", observed=True)["n_questions"].first()
        questions = np.array([float(table.get(name, np.nan)) for name in benchmarks])
    chance = np.nan_to_num(np.array([ladder.chance(name) for name in benchmarks]))
    score = rows[[f"score:{name}" for name in benchmarks]].to_numpy(dtype=float)
    final = score[: rows["run"].max() + 1]
    best = np.nanmax((final - chance) / (1 - chance), axis=0, initial=0.0)
    return Evidence(
        rungs=rungs,
        series=tuple(names),
        benchmarks=benchmarks,
        chance=chance,
        n_questions=np.where(np.isfinite(questions), questions, 1000.0),
        run=rows["run"].to_numpy(dtype=np.int64),
        family=rows["family"].to_numpy(dtype=np.int64),
        flops=rows["flops"].to_numpy(dtype=float),
        params=rows["params"].to_numpy(dtype=float),
        tokens=rows["tokens"].to_numpy(dtype=float),
        undecayed=rows["undecayed"].to_numpy(dtype=float),
        weight=rows["weight"].to_numpy(dtype=float),
        log_loss=rows[[f"loss:{name}" for name in names]].to_numpy(dtype=float),
        log_loss_se=rows[[f"se:{name}" for name in names]].fillna(0.0).to_numpy(dtype=float),
        score=score,
        unanswered=1 - np.minimum(best, 1.0),
        notes=notes,
    )


def gather_losses(ladder: Ladder, settings: EvidenceSettings) -> Evidence:
    """Losses of a ladder's final models, without scores.

    Raises
    ------
    InputError
        If the ladder has no losses, or fewer than `MIN_RUNGS` rungs of different compute have them.
    """
    found = loss_series(ladder)
    rungs = ladder.rungs()
    have = set.intersection(*(set(series.final.index) for series in found))
    rungs, n_left_out = _near(rungs[rungs["model"].isin(have)].reset_index(drop=True), settings)
    if rungs["flops"].nunique() < MIN_RUNGS:
        raise InputError(
            f"the law of losses needs {MIN_RUNGS} runs of different compute with losses, but ladder '{ladder.name}' "
            f"has {rungs['flops'].nunique()}; give losses under the names of the models table"
        )
    return _evidence(
        ladder, rungs, _final_rows(ladder, rungs, found, ()), found, (), _notes(found, None, n_left_out, settings)
    )


def _evaluated(ladder: Ladder, found: list[LossSeries]) -> pd.DataFrame:
    """Rungs that have all losses, and scores."""
    rungs = ladder.rungs()
    have = set.intersection(*(set(series.final.index) for series in found)) & set(ladder.observed_scores["model"])
    return rungs[rungs["model"].isin(have)].reset_index(drop=True)


def _pooled_rows(
    pool: Ladder, own: pd.DataFrame, found: list[LossSeries], benchmarks: tuple[str, ...], settings: EvidenceSettings
) -> tuple[list[pd.DataFrame], list[str]]:
    """Final models of other families, as far as they have the same losses.

    Those far below or beyond the ladder's largest are left out (`settings`), and those without size or tokens where the
    ladder's own models have them.

    Returns
    -------
    tuple
        One table a family, and what a user should know.
    """
    largest = float(own["flops"].max())
    sized = all(bool(np.isfinite(_numbers(own, name)).all()) for name in ("params", "tokens"))
    tables: list[pd.DataFrame] = []
    used: list[str] = []
    unused: list[str] = []
    start = len(own)
    for family in sorted(pool.families):
        other = pool.select(family=family)
        series = same_series(other, found)
        rungs = _evaluated(other, series) if series else other.rungs().iloc[:0]
        near = rungs["flops"].between(largest / 10**settings.decades, largest * 10**settings.decades_ahead)
        rungs = rungs[near]
        if sized:
            rungs = rungs[np.isfinite(_numbers(rungs, "params")) & np.isfinite(_numbers(rungs, "tokens"))]
        if rungs.empty:
            unused.append(family)
            continue
        table = _final_rows(other, rungs.reset_index(drop=True), series, benchmarks)
        tables.append(table.assign(run=start + np.arange(len(table)), family=len(tables) + 1))
        used.append(f"{family} ({len(table)} models)")
        start += len(table)
    notes = [f"pooled with {', '.join(used)}"] if used else []
    if unused:
        notes.append(f"of the pool, without the same losses or models near enough, not used: {', '.join(unused)}")
    return tables, notes


def _near(rungs: pd.DataFrame, settings: EvidenceSettings) -> tuple[pd.DataFrame, int]:
    """Rungs that tell of the models ahead, and how many are too small to."""
    distance = np.log10(rungs["flops"].max() / rungs["flops"].to_numpy(dtype=float))
    kept = distance <= max(settings.decades, float(np.unique(distance)[: settings.least_rungs].max(initial=0.0)))
    return rungs[kept].reset_index(drop=True), int((~kept).sum())


def _notes(
    found: list[LossSeries], along: pd.DataFrame | None, n_left_out: int, settings: EvidenceSettings
) -> tuple[str, ...]:
    losses = "; ".join(f"{series.name}: {series.description}" for series in found)
    averaged = 0 if along is None else int(along["n_checkpoints"].sum())
    used = f"{averaged} checkpoints were averaged to {len(along)} rows" if along is not None else "no checkpoints"
    notes = [f"losses used: {losses}; {used}"]
    if n_left_out:
        notes.append(f"{n_left_out} rungs more than {settings.decades:g} decades below the largest were left out")
    return tuple(notes)


def _final_rows(
    ladder: Ladder, rungs: pd.DataFrame, found: list[LossSeries], benchmarks: tuple[str, ...]
) -> pd.DataFrame:
    models = list(rungs["model"])
    columns: dict[str, object] = {
        "run": np.arange(len(rungs)),
        "family": 0,
        "flops": rungs["flops"].to_numpy(dtype=float),
        "params": _numbers(rungs, "params"),
        "tokens": _numbers(rungs, "tokens"),
        "undecayed": 0.0,
        "weight": 1.0,
        "n_checkpoints": 1,
    }
    for series in found:
        columns[f"loss:{series.name}"] = series.final.loc[models, "log_loss"].to_numpy()
        columns[f"se:{series.name}"] = series.final.loc[models, "se"].to_numpy()
    if benchmarks:
        wide = ladder.observed_scores.pivot_table(index="model", columns="benchmark", values="score", observed=True)
        scores = wide.reindex(index=models, columns=list(benchmarks))
        columns |= {f"score:{name}": scores[name].to_numpy() for name in benchmarks}
    return pd.DataFrame(columns)


def _along_training(
    ladder: Ladder,
    rungs: pd.DataFrame,
    found: list[LossSeries],
    benchmarks: tuple[str, ...],
    settings: EvidenceSettings,
) -> pd.DataFrame | None:
    """Means over parts of each run's training; None without checkpoints that have all losses and scores."""
    scores = ladder.scores
    parts = min(settings.parts, settings.max_rows // len(rungs) - 1)
    if parts < 1 or scores is None or "tokens" not in scores or rungs["tokens"].isna().any():
        return None
    scores = scores[~scores["is_final"] & scores["model"].isin(rungs["model"])]
    if scores.empty:
        return None
    table = scores.pivot_table(index=["model", "tokens"], columns="benchmark", values="score", observed=True)
    table = table.reindex(columns=list(benchmarks)).add_prefix("score:")
    for series in found:
        along = series.along.reindex(table.index)
        table[f"loss:{series.name}"] = along["log_loss"]
        table[f"se:{series.name}"] = along["se"]
    table = table.dropna(subset=[f"loss:{series.name}" for series in found]).reset_index()
    place = {str(name): index for index, name in enumerate(rungs["model"])}
    table["run"] = table["model"].map(place)
    listed = rungs.set_index("model")
    progress = table["tokens"] / table["model"].map(listed["tokens"]).astype(float)
    table["undecayed"] = _undecayed(ladder, table, progress)
    table["log_tokens"] = np.log(table["tokens"].to_numpy(dtype=float))
    kept = (progress >= settings.from_progress) & (progress < 1)
    if not kept.any():
        return None
    table, progress = table[kept], progress[kept]
    position = np.log(progress / settings.from_progress) / -np.log(settings.from_progress)
    table = table.assign(part=np.floor(position * parts).astype(int), n_checkpoints=1)
    values = [name for name in table if str(name).startswith(("score:", "loss:", "se:"))]
    grouped = table.groupby(["run", "part"], sort=True)
    rows = grouped[[*values, "undecayed", "log_tokens"]].mean().join(grouped["n_checkpoints"].sum()).reset_index()
    owner = rungs.iloc[rows["run"]]
    rows["tokens"] = np.exp(rows["log_tokens"])
    rows["params"] = _numbers(owner, "params")
    rows["flops"] = owner["flops"].to_numpy(dtype=float) * rows["tokens"] / owner["tokens"].to_numpy(dtype=float)
    rows["family"] = 0
    rows["weight"] = settings.weight / rows.groupby("run")["part"].transform("size")
    return rows


def _undecayed(ladder: Ladder, table: pd.DataFrame, progress: pd.Series) -> pd.Series:
    """Learning rate over its peak, from the losses or scores table; the share of training left where not recorded."""
    for source in (ladder.losses, ladder.scores):
        if source is None or "lr" not in source or "tokens" not in source:
            continue
        rates = source[source["lr"].notna()].groupby(["model", "tokens"], observed=True)["lr"].first()
        peak = rates.groupby("model").max()
        found = pd.Series(rates.reindex(pd.MultiIndex.from_frame(table[["model", "tokens"]])).to_numpy(), table.index)
        share = found / table["model"].map(peak)
        if share.notna().all():
            return share.clip(0.0, 1.0)
    return (1 - progress).clip(0.0, 1.0)


def _numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    return frame[name].to_numpy(dtype=float) if name in frame else np.full(len(frame), np.nan)
