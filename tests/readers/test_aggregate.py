"""Trials to questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayes_cod.errors import InputError
from bayes_cod.readers.aggregate import aggregate_trials

COLUMNS = {"benchmark": "task", "question_id": "item", "model": "model", "correct": "is right"}


def trials(folder: Path, correct: pd.Series | None = None) -> list[Path]:
    random = np.random.default_rng(4)
    frame = pd.DataFrame(
        {
            "task": random.choice(["a", "b"], 3000),
            "item": random.integers(0, 40, 3000).astype(str),
            "model": random.choice(["s", "l"], 3000),
            "is right": random.random(3000) < 0.4,
        }
    )
    if correct is not None:
        frame["is right"] = correct
    files = [folder / f"{part}.parquet" for part in range(3)]
    for part, file in enumerate(files):
        frame.iloc[part::3].to_parquet(file)
    return files


def test_counts_are_those_of_pandas(tmp_path: Path) -> None:
    files = trials(tmp_path)
    n = aggregate_trials(files, tmp_path / "items.parquet", COLUMNS, spill=tmp_path)
    found = pd.read_parquet(tmp_path / "items.parquet")
    whole = pd.concat([pd.read_parquet(file) for file in files])
    expected = whole.groupby(["task", "item", "model"])["is right"].agg(["size", "sum"]).reset_index()
    assert n == len(found) == len(expected)
    assert found["n_trials"].tolist() == expected["size"].tolist()
    assert found["n_correct"].tolist() == expected["sum"].tolist()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("value", [0.5, 2.0, -1.0])
def test_a_trial_is_zero_or_one(tmp_path: Path, value: float) -> None:
    correct = pd.Series(np.r_[value, np.zeros(2999)])
    with pytest.raises(InputError, match="neither 0 nor 1"):
        aggregate_trials(trials(tmp_path, correct), tmp_path / "items.parquet", COLUMNS, spill=tmp_path)
    assert not (tmp_path / "items.parquet").exists()


def test_a_missing_column_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"0.parquet: can't be aggregated"):
        aggregate_trials(trials(tmp_path), tmp_path / "o.parquet", COLUMNS | {"correct": 'no"pe'}, spill=tmp_path)
