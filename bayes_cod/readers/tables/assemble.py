"""Tables on disk to a `Ladder`, told apart by their columns.

A folder may hold any number of files; several files of one table are read together. A sampling setting that a
file carries in its name (``<setting>__<benchmark>.csv.gz``) or in a column ``setting``, and a metric, filter or number
of shots that varies within a task, become part of the benchmark's name: ``math500_cot@highk_temp0.7``, ``piqa@5shot``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from bayes_cod.errors import InputError, InputErrors
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.naming import some
from bayes_cod.readers.tables import columns, schemas, shapes, variants
from bayes_cod.readers.tables.columns import Table
from bayes_cod.readers.tables.files import find_tables, plain_name
from bayes_cod.readers.tables.limits import MOST_BENCHMARKS, MOST_FAULTS
from bayes_cod.readers.tables.models import contradictions, gather_models, runs_inside, strangers
from bayes_cod.readers.tables.sheets import NoTable
from bayes_cod.readers.tables.sources import load

CHANCE_TOLERANCE = 1e-3

_Shape = Callable[[Table], shapes.Shaped]
_TABLES: dict[str, tuple[pandera.DataFrameSchema, _Shape | None]] = {
    "models": (schemas.MODELS, None),
    "items": (schemas.ITEMS, None),
    "benchmarks": (schemas.BENCHMARKS, None),
    "scores": (schemas.SCORES, shapes.scores),
    "losses": (schemas.LOSSES, shapes.losses),
    "mixtures": (schemas.MIXTURES, shapes.mixtures),
    "questions": (schemas.QUESTIONS, None),
}
_VARYING = ["checkpoint", "step", "tokens", "metric", "filter", "shots"]
_KEYS = {
    "models": ["model"],
    "items": ["benchmark", "question_id", "model", *_VARYING],
    "benchmarks": ["benchmark"],
    "scores": ["source", "model", "benchmark", *_VARYING],
    "losses": ["model", "domain", "step", "tokens", "checkpoint"],
    "mixtures": ["model", "domain"],
    "questions": ["benchmark", "question_id"],
}
_RESULTS = ("items", "scores", "losses")


@dataclass
class _Read:
    """What has been read of a folder so far."""

    pieces: list[tuple[str, Table]] = field(default_factory=list)
    runs: list[Table] = field(default_factory=list)
    sources: list[tuple[str, str, int, str]] = field(default_factory=list)
    faults: list[InputError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def left(self, file: str, why: str) -> None:
        """Note a file that is not read."""
        self.sources.append((file, "–", 0, why))
        self.notes.append(f"{file}: not read ({why})")

    def of(self, kind: str) -> list[Table]:
        """All files' parts of a table."""
        return [table for name, table in self.pieces if name == kind]


def read_tables(path: Path | str, files: Sequence[Path] | None = None) -> Ladder:
    """Read a ladder from a folder of tables or from one file.

    Parameters
    ----------
    path
        Folder, or a file: text of any separator, JSON lines or Parquet.
    files
        Those of the folder to read, where others are of another kind; all where not given.

    Returns
    -------
    Ladder
        With `notes` on what was decided, and `sources` on what each file gave.

    Raises
    ------
    InputError
        If nothing is readable, or naming file, row and column of what cannot be used; `InputErrors` for several faults.
    """
    root = Path(path)
    found = find_tables(root, files)
    read = _Read(faults=list(found.faults))
    for name, why in found.left:
        read.left(name, why)
    loaded = _load(found.tables, read)
    has_results = any(set(columns.kinds(table.columns)) & {"items", "scores", "trials"} for table in loaded)
    for table in loaded:
        _add(table, read, has_results)
    if not read.pieces and not read.faults:
        raise InputError("no file holds a table; " + "; ".join(read.notes[:5]), file=root)
    _stop_at(read.faults)
    return _ladder(root, read)


def _load(files: Sequence[Path], read: _Read) -> list[Table]:
    loaded: list[Table] = []
    for file in files:
        try:
            table, faults = load(file)
        except NoTable as why:
            if len(files) == 1:
                raise
            read.left(file.name, str(why).removeprefix(f"{file}").lstrip(", :"))
            continue
        except InputErrors as several:
            read.faults += several.faults
            continue
        except InputError as fault:
            read.faults.append(fault)
            continue
        if len(files) > 1 and columns.is_foreign(table):
            shown = ", ".join(map(str, table.frame.columns[:6]))
            read.left(file.name, f"none of its columns ({shown}) is one of a ladder's tables")
            continue
        read.faults += faults
        if not faults:
            loaded.append(table)
    return loaded


def _stop_at(faults: Sequence[InputError]) -> None:
    if len(faults) == 1:
        raise faults[0]
    if faults:
        shown = list(faults[:MOST_FAULTS])
        if len(faults) > MOST_FAULTS:
            shown.append(InputError(f"{len(faults) - MOST_FAULTS} more faults are not shown"))
        raise InputErrors(shown)


def _add(table: Table, read: _Read, has_results: bool) -> None:
    """Put one file's table where it belongs."""
    table = shapes.derive_flops(shapes.name_runs(table))
    found = columns.kinds(table.columns)
    if not found or (found == ["models"] and not has_results):
        wide = shapes.melt_wide(table)
        if wide is not None:
            if table.columns & {"flops", "family", "params"}:
                read.runs.append(runs_inside(table))  # models without any score are listed too
            table, found = wide, ["scores"]
    if not found:
        if columns.is_inventory(table.columns):
            read.sources.append((table.file.name, "–", len(table.frame), "an inventory, which the items tell too"))
            return
        read.faults.append(table.fault(columns.nearest(table)))
        return
    left = shapes.wide_scores(table) if found == ["models"] else []
    if left:
        read.notes.append(
            f"{table.file.name}: columns {', '.join(left[:6])} are not read; if they are scores, one column a "
            "benchmark, put them into a file of their own"
        )
    if set(found) & {"items", "benchmarks", "scores", "questions"} and "benchmark" in table.frame:
        table = shapes.add_setting(table)
    read.notes += table.notes
    faults = contradictions(table) if found[0] != "models" and "model" in table.frame else []
    for kind in found:
        faults += _add_one(table, kind, read)
    read.faults += faults
    if (found[0] != "models" and {"model", "flops"} <= table.columns and not faults) or (
        found[0] != "models" and {"model", "family"} <= table.columns and not faults
    ):
        read.runs.append(runs_inside(table))


def _add_one(table: Table, kind: str, read: _Read) -> list[InputError]:
    schema, shape = _TABLES[kind]
    before = len(table.notes)
    needed = {name for name, spec in schema.columns.items() if spec.required}
    shaped = table
    faults: list[InputError] = []
    if shape is not None and needed - {"domain", "loss", "weight"} <= table.columns:
        shaped, faults = shape(table)
    read.notes += shaped.notes[before:]
    if not faults:
        checked, faults = schemas.validate(shaped, schema)
        if kind == "items" and not faults:
            checked = checked.astype({"n_trials": np.int64, "n_correct": np.int64})
        shaped = shaped.with_frame(checked)
    if not faults:
        faults = _duplicates(shaped, kind)
    if not faults:
        read.pieces.append((kind, shaped))
        unread = columns.unread(table)
        read.sources.append((table.file.name, kind, len(shaped.frame), _unread(unread)))
    return faults


def _unread(names: Sequence[str]) -> str:
    return f"beside the table's columns: {some(names, 6)}" if names else ""


def _duplicates(table: Table, kind: str) -> list[InputError]:
    keys = [key for key in _KEYS[kind] if key in table.frame]
    again = table.frame.duplicated(keys).to_numpy()
    if not again.any():
        return []
    position = int(np.flatnonzero(again)[0])
    values = _values(table.frame.iloc[position], keys)
    count = int(again.sum())
    more = f" ({count} such rows)" if count > 1 else ""
    message = f"duplicate of an earlier row of the {kind} table ({values}){more}; keep one of them"
    return [table.fault(message, row=int(table.frame.index[position]))]


def _values(row: pd.Series, keys: Sequence[str]) -> str:
    return ", ".join(f"{key}={row[key]}" for key in keys if pd.notna(row[key]))


def _join(tables: Sequence[Table], kind: str) -> pd.DataFrame:
    frames = [table.frame.assign(file=str(table.file)) for table in tables]
    joined = pd.concat(frames, ignore_index=True)
    keys = [key for key in _KEYS[kind] if key in joined]
    again = joined.duplicated(keys)
    if again.any():
        later = joined[again].iloc[0]
        same = np.logical_and.reduce(
            [(joined[key] == later[key]) | (joined[key].isna() & pd.isna(later[key])) for key in keys]
        )
        first = joined[same].iloc[0]
        raise InputError(
            f"repeats a row of {Path(first['file']).name} ({_values(later, keys)}); keep one of the two",
            file=later["file"],
        )
    return joined.drop(columns="file")


def _ladder(root: Path, read: _Read) -> Ladder:
    tables = {kind: _join(read.of(kind), kind) for kind in _TABLES if read.of(kind)}
    listed = tables.pop("models", None)
    notes = [*read.notes, *_tell_apart(tables)]
    models, more = gather_models(listed, read.runs, tables, [table.file for _, table in read.pieces])
    _stop_at(strangers(models, [table for kind, table in read.pieces if kind in _RESULTS]))
    benchmarks = _benchmarks(tables, root)
    if len(benchmarks) > MOST_BENCHMARKS:
        raise InputError(
            f"{len(benchmarks):,} benchmarks; at most {MOST_BENCHMARKS:,} are read (is a column of questions named "
            "benchmark or task?)",
            file=root,
        )
    return Ladder(
        name=plain_name(root),
        models=models,
        benchmarks=benchmarks,
        items=tables.get("items"),
        scores=tables.get("scores"),
        losses=tables.get("losses"),
        mixtures=tables.get("mixtures"),
        questions=tables.get("questions"),
        notes=tuple(dict.fromkeys([*notes, *more])),
        sources=pd.DataFrame(read.sources, columns=["file", "table", "rows", "remark"]),
    )


def _tell_apart(tables: dict[str, pd.DataFrame]) -> list[str]:
    """Name variants of a benchmark and mark final checkpoints, in place of the joined tables."""
    notes: list[str] = []
    for kind in ("scores", "items"):
        if kind in tables:
            tables[kind], said = variants.name_variants(tables[kind])
            notes += said
    for kind, what in (("scores", "benchmark"), ("losses", "domain")):
        if kind in tables:
            tables[kind], said = variants.mark_final(tables[kind], what)
            notes += said
    if "scores" in tables:
        variants.refuse_several(tables["scores"])
    if "items" in tables:
        tables["items"], said = variants.final_items(tables["items"])
        notes += said
    return notes


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
