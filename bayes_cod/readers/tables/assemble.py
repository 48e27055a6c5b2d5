"""Tables on disk to a `Ladder`: CSV, gzip CSV and Parquet, told apart by their columns.

A folder may hold any number of files; several files of one table are read together. A sampling setting that a
file carries in its name (``<setting>__<benchmark>.csv.gz``) or in a column ``setting``, and a number of shots
that varies within a task, become part of the benchmark's name: ``math500_cot@highk_temp0.7``, ``piqa@5shot``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.readers.tables import columns as shapes
from bayes_cod.readers.tables import schemas
from bayes_cod.readers.tables.files import first_row, read_file, table_files

CHANCE_TOLERANCE = 1e-3


@dataclass(frozen=True)
class _Piece:
    """One file's contribution to one table, with its place for error messages."""

    table: str
    frame: pd.DataFrame
    file: Path
    first_row: int
    notes: tuple[str, ...] = ()


def read_tables(path: Path | str) -> Ladder:
    """Read a ladder from a folder of tables or from one file.

    Parameters
    ----------
    path
        Folder, or a CSV, gzip CSV or Parquet file.

    Returns
    -------
    Ladder

    Raises
    ------
    InputError
        If nothing is readable, or naming file, row and column of what cannot be used.
    """
    root = Path(path)
    pieces = [piece for file in table_files(root) for piece in _pieces(file)]
    tables: dict[str, pd.DataFrame] = {}
    for kind in ("models", "items", "benchmarks", "scores", "losses", "mixtures", "questions"):
        of_kind = [piece for piece in pieces if piece.table == kind]
        if of_kind:
            tables[kind] = _join(of_kind)
    notes = [note for piece in pieces for note in piece.notes]
    notes += _name_shots(tables)
    _mark_final(tables)
    models = _models(tables, pieces)
    return Ladder(
        name=root.name.removesuffix(".gz").removesuffix(".csv").removesuffix(".parquet"),
        models=models,
        benchmarks=_benchmarks(tables, root),
        items=tables.get("items"),
        scores=tables.get("scores"),
        losses=tables.get("losses"),
        mixtures=tables.get("mixtures"),
        questions=tables.get("questions"),
        notes=tuple(dict.fromkeys(notes)),
    )


def _pieces(file: Path) -> Iterator[_Piece]:
    raw = read_file(file)
    first = first_row(file)
    frame = shapes.name_runs(shapes.rename(raw), file)
    columns = set(frame.columns)
    kinds = shapes.kinds(columns)
    if not kinds:
        if {"n_questions", "benchmark"} <= columns:
            return  # an inventory of the folder; says nothing that the items do not say
        raise InputError(
            f"cannot tell which table this is from its columns ({', '.join(map(str, raw.columns[:8]))}); "
            "see the data guide for the columns of models, items, benchmarks, scores, losses and mixtures",
            file=file,
        )
    if "items" in kinds or "benchmarks" in kinds:
        frame = shapes.add_setting(frame, file)
    for kind in kinds:
        schema, shape = _TABLES[kind]
        shaped, notes = shape(frame, file) if shape is not None else (frame, ())
        checked = schemas.validate(shaped, schema, file, first)
        if kind == "items":
            checked = checked.astype({"n_trials": np.int64, "n_correct": np.int64})
        _refuse_duplicates(checked, kind, file, first)
        if kind == "mixtures":
            checked = shapes.shares(checked, file)
        yield _Piece(kind, checked, file, first, notes)
    if kinds[0] != "models" and "model" in columns and "flops" in columns:
        yield _Piece("runs", shapes.runs_inside(frame), file, first)


_Shape = Callable[[pd.DataFrame, Path], shapes.Shaped]
_TABLES: dict[str, tuple[pandera.DataFrameSchema, _Shape | None]] = {
    "models": (schemas.MODELS, None),
    "items": (schemas.ITEMS, None),
    "benchmarks": (schemas.BENCHMARKS, None),
    "scores": (schemas.SCORES, shapes.scores),
    "losses": (schemas.LOSSES, shapes.losses),
    "mixtures": (schemas.MIXTURES, shapes.mixtures),
    "questions": (schemas.QUESTIONS, None),
}
_KEYS = {
    "models": ["model"],
    "items": ["benchmark", "question_id", "model", "checkpoint"],
    "benchmarks": ["benchmark"],
    "scores": ["source", "model", "step", "tokens", "benchmark", "metric", "shots"],
    "losses": ["model", "step", "tokens", "domain"],
    "mixtures": ["model", "domain"],
    "questions": ["benchmark", "question_id"],
}


def _refuse_duplicates(frame: pd.DataFrame, kind: str, file: Path, first_row: int) -> None:
    keys = [key for key in _KEYS[kind] if key in frame]
    again = frame.duplicated(keys)
    if again.any():
        position = int(np.flatnonzero(again)[0])
        values = ", ".join(f"{key}={frame[key].iloc[position]}" for key in keys)
        raise InputError(
            f"duplicate of an earlier row of the {kind} table ({values}); keep one of them",
            file=file,
            row=int(frame.index[position]) + first_row,
        )


def _join(pieces: list[_Piece]) -> pd.DataFrame:
    kind = pieces[0].table
    joined = pd.concat([piece.frame.assign(file=str(piece.file)) for piece in pieces], ignore_index=True)
    keys = [key for key in _KEYS[kind] if key in joined]
    again = joined.duplicated(keys)
    if again.any():
        later = joined[again].iloc[0]
        same = np.logical_and.reduce(
            [(joined[key] == later[key]) | (joined[key].isna() & pd.isna(later[key])) for key in keys]
        )
        first = joined[same].iloc[0]
        values = ", ".join(f"{key}={later[key]}" for key in keys)
        raise InputError(
            f"repeats a row of {Path(first['file']).name} ({values}); keep one of the two", file=later["file"]
        )
    return joined.drop(columns="file")


def _name_shots(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Tasks run with several numbers of shots become separate benchmarks."""
    scores = tables.get("scores")
    if scores is None or "shots" not in scores:
        return []
    several = scores["benchmark"].map(scores.groupby("benchmark")["shots"].nunique().gt(1)).astype(bool)
    if not several.any():
        return []
    named = scores["benchmark"].astype(str) + "@" + scores["shots"].astype(str) + "shot"
    scores["benchmark"] = scores["benchmark"].where(~several, named)
    return ["tasks run with several numbers of shots are separate benchmarks, named task@<n>shot"]


def _mark_final(tables: dict[str, pd.DataFrame]) -> None:
    for kind in ("scores", "losses"):
        frame = tables.get(kind)
        if frame is None:
            continue
        if "is_final" not in frame:
            order = frame["tokens"] if "tokens" in frame else pd.Series(0.0, index=frame.index)
            frame["is_final"] = order == order.groupby(frame["model"]).transform("max")
        frame["is_final"] = frame["is_final"].astype(bool)


def _models(tables: dict[str, pd.DataFrame], pieces: list[_Piece]) -> pd.DataFrame:
    inside = [piece for piece in pieces if piece.table == "runs"]
    listed = tables.get("models")
    frames = [] if listed is None else [listed]
    known = pd.DataFrame(columns=["model", "flops"]) if listed is None else listed.reindex(columns=["model", "flops"])
    for piece in inside:
        _refuse_conflicts(known, piece)
        known = pd.concat([known, piece.frame[["model", "flops"]]]).drop_duplicates("model")
        frames.append(piece.frame)
    if not frames:
        raise InputError(
            "no table tells the models' compute; add a models table with the columns model, family, flops "
            f"(files read: {', '.join(sorted({piece.file.name for piece in pieces})) or 'none'})"
        )
    models = pd.concat(frames, ignore_index=True).drop_duplicates("model", ignore_index=True)
    for column in ("family", "flops", "params", "tokens"):
        if column not in models:
            models[column] = np.nan if column != "family" else None
    by_size = 6.0 * models["params"].astype(float) * models["tokens"].astype(float)
    models["flops"] = models["flops"].astype(float).fillna(by_size)
    models["family"] = models["family"].astype(object).where(models["family"].notna(), "all").astype(str)
    if "step" in models and models["step"].notna().any() and not ({"losses"} & tables.keys()):
        group = models["params"].fillna(models["flops"])
        models["is_final"] = models["step"] == models.groupby(["family", group])["step"].transform("max")
    else:
        models["is_final"] = True
    _refuse_unknown(models, tables, pieces)
    return models.sort_values(["family", "flops", "model"], ignore_index=True)


def _refuse_conflicts(known: pd.DataFrame, piece: _Piece) -> None:
    both = piece.frame.merge(known.dropna().drop_duplicates("model"), on="model", suffixes=("", "_known"))
    if "checkpoint" in piece.frame or "step" in piece.frame:
        return
    off = both[(both["flops"] / both["flops_known"] - 1).abs() > 0.01]
    if len(off):
        case = off.iloc[0]
        raise InputError(
            f"model '{case['model']}' has {case['flops']:.4g} FLOPs here and {case['flops_known']:.4g} in another "
            "table; make them agree",
            file=piece.file,
            column="flops",
        )


def _refuse_unknown(models: pd.DataFrame, tables: dict[str, pd.DataFrame], pieces: list[_Piece]) -> None:
    known = set(models["model"])
    for piece in pieces:
        if piece.table not in ("items", "scores", "losses"):
            continue
        stranger = ~piece.frame["model"].isin(known)
        if stranger.any():
            position = int(np.flatnonzero(stranger)[0])
            raise InputError(
                f"model '{piece.frame['model'].iloc[position]}' is in no models table, so its compute is unknown; "
                "add it there, or a flops column here",
                file=piece.file,
                row=int(piece.frame.index[position]) + piece.first_row,
                column="model",
            )


def _benchmarks(tables: dict[str, pd.DataFrame], root: Path) -> pd.DataFrame:
    """One row a benchmark with its chance level; NaN where nothing tells it."""
    told = [tables[kind] for kind in ("benchmarks", "items", "scores") if kind in tables]
    if not told:
        return pd.DataFrame({"benchmark": pd.Series(dtype=str), "chance": pd.Series(dtype=float)})
    chances = [frame.reindex(columns=["benchmark", "chance"]).drop_duplicates() for frame in told]
    per = pd.concat(chances, ignore_index=True).astype({"chance": float}).groupby("benchmark", sort=True)["chance"]
    spread = per.max() - per.min()
    if (spread > CHANCE_TOLERANCE).any():
        name = str(spread.idxmax())
        raise InputError(
            f"benchmark '{name}' has several chance levels ({per.min()[name]:.4g} to {per.max()[name]:.4g}); "
            "give one per benchmark",
            file=root,
            column="chance",
        )
    facts = tables.get("benchmarks", pd.DataFrame({"benchmark": pd.Series(dtype=str)})).drop(
        columns="chance", errors="ignore"
    )
    return per.first().reset_index().merge(facts, on="benchmark", how="left")
