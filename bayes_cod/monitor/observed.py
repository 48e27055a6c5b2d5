"""What was observed along a large run: a table of scores and losses at tokens or steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.numbers import numbers
from bayes_cod.readers.tables.sheets import read_sheet

LOSS = "loss"
NUMBERS = ("tokens", "step", "score", "lr", "n_questions", "n_trials")


@dataclass(frozen=True)
class Observed:
    """Scores and losses along one run.

    Attributes
    ----------
    scores
        tokens, benchmark, score (fraction), n_questions, n_trials, lr (NaN where unknown), by tokens.
    losses
        tokens, series, loss (nats), lr, by series and tokens.
    notes
        What was left out.
    """

    scores: pd.DataFrame
    losses: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def last_tokens(self) -> float:
        """Tokens of the last row."""
        return float(
            max(self.scores["tokens"].max(), self.losses["tokens"].max(), key=lambda x: -np.inf if pd.isna(x) else x)
        )


def read_observed(path: Path | str, *, run: str | None = None, tokens_per_step: float | None = None) -> Observed:
    """Read what was observed along a run.

    Parameters
    ----------
    path
        CSV, gzip CSV or Parquet, one row a checkpoint and benchmark, or a checkpoint: tokens (or step), then benchmark
        and score [, n_questions, n_trials], or loss or loss_<name> columns, or both, empty where not evaluated; lr
        where the learning rate is to be told apart.
    run
        Which run, for a file of several (column run or model).
    tokens_per_step
        Tokens of a step, for a file without tokens.

    Raises
    ------
    InputError
        For a file without any of these, or a value that can't be one, by row and column.
    """
    file = Path(path)
    frame = read_sheet(file).frame
    frame = frame.rename(columns={name: str(name).strip().lower() for name in frame.columns})
    frame = frame.rename(columns={"task": "benchmark", "acc": "score", "learning_rate": "lr", "model": "run"})
    frame = _one_run(frame, run, file)
    series = [name for name in frame.columns if name == LOSS or name.startswith(f"{LOSS}_")]
    scored = {"benchmark", "score"} <= set(frame.columns)
    if not series and not scored:
        raise InputError(
            "has neither scores (benchmark, score) nor losses (loss, or loss_<name>); it has: "
            + ", ".join(frame.columns),
            file=file,
        )
    diverged = _not_a_number(frame, series)
    for name in (*NUMBERS, *series):
        if name in frame:
            frame[name] = _numbers(frame, name, file)
    if "tokens" not in frame:
        if "step" not in frame:
            raise InputError("has neither tokens nor steps; add a column tokens", file=file)
        if tokens_per_step is None:
            raise InputError(
                "has steps and no tokens; say how many tokens a step has with `tokens_per_step`", file=file
            )
        frame["tokens"] = frame["step"] * tokens_per_step
    placed = frame[frame["tokens"].notna()]
    notes = () if len(placed) == len(frame) else (f"{len(frame) - len(placed)} rows without tokens were left out",)
    _check_above_zero(placed, "tokens", file)
    scores = _scores(placed, file) if scored else _no_scores()
    losses, doubled = _losses(placed, series)
    return Observed(scores, losses, (*notes, *diverged, *doubled))


def _one_run(frame: pd.DataFrame, run: str | None, file: Path) -> pd.DataFrame:
    if "run" not in frame:
        if run is not None:
            raise InputError(f"has no column run, so '{run}' can't be found in it", file=file)
        return frame
    names = list(dict.fromkeys(frame["run"].dropna().astype(str)))
    if run is None and len(names) > 1:
        raise InputError(f"holds several runs; name one with `run`: {', '.join(names[:12])}", file=file)
    if run is not None and run not in names:
        raise InputError(f"has no run '{run}'; it has: {', '.join(names[:12])}", file=file)
    return frame if run is None else frame[frame["run"].astype(str) == run]


def _numbers(frame: pd.DataFrame, name: str, file: Path) -> pd.Series:
    found = numbers(frame[name], percents=name == "score")
    wrong = (frame[name].astype(str).isin(found.wrong) | np.isinf(found.values)).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"'{frame[name].iloc[row]}' is no finite number; leave the cell empty where nothing was evaluated",
            file=file,
            row=int(frame.index[row]),
            column=name,
        )
    return found.values


def _not_a_number(frame: pd.DataFrame, series: list[str]) -> list[str]:
    """Losses that are written as not a number, which may be a run that diverged."""
    notes = []
    for name in series:
        count = int(frame[name].astype(str).str.strip().str.lower().eq("nan").sum()) - int(frame[name].isna().sum())
        if count > 0:
            notes.append(f"{name}: {count} values are not a number: the run may have diverged there")
    return notes


def _check_above_zero(frame: pd.DataFrame, name: str, file: Path) -> None:
    wrong = (frame[name] <= 0).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{frame[name].iloc[row]:g} is not above 0; leave out what was evaluated before training",
            file=file,
            row=int(frame.index[row]),
            column=name,
        )


def _no_scores() -> pd.DataFrame:
    return pd.DataFrame(
        {"tokens": [], "benchmark": [], "score": [], "n_questions": [], "n_trials": [], "lr": []}
    ).astype({"tokens": float, "score": float})


def _scores(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    rows = frame[frame["score"].notna() & frame["benchmark"].notna()]
    if not len(rows):
        return _no_scores()
    wrong = ~rows["score"].between(0, 1).to_numpy()
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"a score of {rows['score'].iloc[row]:g}; scores are fractions between 0 and 1, so 80 points are 0.8",
            file=file,
            row=int(rows.index[row]),
            column="score",
        )
    repeated = rows.duplicated(["tokens", "benchmark"])
    if repeated.any():
        row = int(np.flatnonzero(repeated.to_numpy())[0])
        raise InputError(
            f"'{rows['benchmark'].iloc[row]}' has two scores at {rows['tokens'].iloc[row]:g} tokens; keep one",
            file=file,
            row=int(rows.index[row]),
        )
    made = rows.reindex(columns=["tokens", "benchmark", "score", "n_questions", "n_trials", "lr"])
    made["benchmark"] = made["benchmark"].astype(str)
    return made.sort_values(["tokens"], kind="stable", ignore_index=True)


def _losses(frame: pd.DataFrame, series: list[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    parts, notes = [], []
    rates = frame["lr"] if "lr" in frame else pd.Series(np.nan, index=frame.index)
    for name in series:
        part = pd.DataFrame({"tokens": frame["tokens"], "series": name, "loss": frame[name], "lr": rates}).dropna(
            subset=["loss"]
        )
        # the last of several values at the same tokens: a run that was put back overwrites what it had
        kept = part.drop_duplicates("tokens", keep="last").sort_values("tokens", kind="stable")
        if len(kept) < len(part):
            notes.append(f"{name}: {len(part) - len(kept)} values at the same tokens as a later one were left out")
        parts.append(kept)
    empty = pd.DataFrame({"tokens": [], "series": [], "loss": [], "lr": []})
    kept_parts = [part for part in parts if len(part)]
    return (pd.concat(kept_parts, ignore_index=True) if kept_parts else empty), tuple(notes)
