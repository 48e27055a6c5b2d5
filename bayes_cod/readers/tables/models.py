"""The table of models: from a table of its own and from results that carry size and compute themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some
from bayes_cod.readers.tables.columns import Table

RUN_FIELDS = ("family", "params", "params_active", "tokens", "flops", "flops_from")
ONLY_FAMILY = "all"
_EXTRA = ("size", "step", "split", "params_nonembed")
_ALLOWED = 0.01


def runs_inside(table: Table) -> Table:
    """Model facts carried by a table of results: one row a model, its largest compute."""
    frame = table.frame
    columns = ["model", *[column for column in (*RUN_FIELDS, *_EXTRA) if column in frame]]
    facts = frame[columns].copy()
    if "flops" not in facts:
        facts["flops"] = np.nan
    facts["model"] = facts["model"].astype(str)
    facts = facts.sort_values("flops", kind="stable", na_position="first").drop_duplicates("model", keep="last")
    return Table(table.file, facts, table.written)


def contradictions(table: Table) -> list[InputError]:
    """A model of several computes or families in a table of results that tells no checkpoints."""
    frame = table.frame
    faults = []
    if "flops" in frame and not {"step", "checkpoint", "is_final"} & table.columns:
        tokens_vary = "tokens" in frame and frame.groupby("model")["tokens"].nunique().gt(1).any()
        spread = frame.groupby("model")["flops"].agg(["min", "max"])
        off = spread[spread["max"] > spread["min"] * (1 + _ALLOWED)]
        if len(off) and not tokens_vary:
            name = str(off.index[0])
            low, high = off.iloc[0]
            message = f"model '{name}' has {low:.4g} and {high:.4g} FLOPs in one table; make them agree"
            faults.append(table.fault(message, "flops"))
    if "family" in frame:
        several = frame.groupby("model")["family"].nunique()
        if several.gt(1).any():
            name = str(several.index[several.gt(1)][0])
            found = ", ".join(sorted(map(str, frame.loc[frame["model"] == name, "family"].dropna().unique()))[:3])
            faults.append(table.fault(f"model '{name}' belongs to several families ({found}); give one", "family"))
    return faults


def gather_models(
    listed: pd.DataFrame | None, inside: Sequence[Table], tables: Mapping[str, pd.DataFrame], files: Sequence[Path]
) -> tuple[pd.DataFrame, list[str]]:
    """One row a model, from all tables.

    Parameters
    ----------
    listed
        The models table, if there is one.
    inside
        Facts that tables of results carry.
    tables
        All tables of results.
    files
        Read, for an error.

    Returns
    -------
    tuple
        model, family, flops (NaN where unknown), params, tokens, is_final and whatever the source adds, by family and
        compute; and notes on what was derived or guessed.

    Raises
    ------
    InputError
        If no table tells any compute, or two disagree.
    """
    frames = [] if listed is None else [listed]
    known = pd.DataFrame(columns=["model", "flops"]) if listed is None else listed.reindex(columns=["model", "flops"])
    for table in inside:
        _refuse_conflicts(known, table)
        known = pd.concat([known, table.frame[["model", "flops"]]]).drop_duplicates("model")
        frames.append(table.frame)
    if not frames or (listed is None and known["flops"].isna().all()):
        raise InputError(
            "no table tells the models' compute; add a models table with the columns model, family, flops "
            f"(files read: {', '.join(sorted({file.name for file in files})[:8]) or 'none'})"
        )
    models = _one_row_each(frames)
    for column in ("family", "flops", "params", "tokens"):
        if column not in models:
            models[column] = np.nan if column != "family" else None
    notes = _derived(models)
    family = models["family"].astype(object)
    nameless = family.isna()
    models["family"] = family.where(~nameless, ONLY_FAMILY).astype(str)
    if nameless.any() and len(models) > 1:
        named = some([str(name) for name in models.loc[nameless, "model"]])
        notes.append(f"{int(nameless.sum())} models have no family and are taken as one, '{ONLY_FAMILY}' ({named})")
    if "step" in models and models["step"].notna().any() and not ({"losses"} & tables.keys()):
        group = models["params"].fillna(models["flops"])
        models["is_final"] = models["step"] == models.groupby(["family", group])["step"].transform("max")
        models["is_final"] |= models["step"].isna()
    else:
        models["is_final"] = True
    return models.sort_values(["family", "flops", "model"], ignore_index=True), notes


def _one_row_each(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The first table that lists a model gives its row; later ones fill family and compute that it lacks."""
    joined = pd.concat(frames, ignore_index=True)
    first = joined.drop_duplicates("model", ignore_index=True)
    if len(first) == len(joined):
        return first
    for column in ("family", "flops", "flops_from"):
        if column in joined and first[column].isna().any():
            found = joined.dropna(subset=[column]).drop_duplicates("model").set_index("model")[column]
            first[column] = first[column].where(first[column].notna(), first["model"].map(found))
    return first


def _derived(models: pd.DataFrame) -> list[str]:
    """Say whose compute was derived and from what."""
    if "flops_from" not in models:
        return []
    notes = []
    for origin, own in models.dropna(subset=["flops_from"]).groupby("flops_from", sort=True):
        names = some([str(name) for name in own["model"]])
        notes.append(f"compute derived as 6 x {origin} x tokens for {len(own)} models ({names})")
    return notes


def _refuse_conflicts(known: pd.DataFrame, table: Table) -> None:
    both = table.frame.merge(known.dropna().drop_duplicates("model"), on="model", suffixes=("", "_known"))
    if {"checkpoint", "step"} & table.columns:
        return
    off = both[(both["flops"] / both["flops_known"] - 1).abs() > _ALLOWED]
    if len(off):
        case = off.iloc[0]
        raise table.fault(
            f"model '{case['model']}' has {case['flops']:.4g} FLOPs here and {case['flops_known']:.4g} in another "
            "table; make them agree",
            "flops",
        )


def strangers(models: pd.DataFrame, tables: Sequence[Table]) -> list[InputError]:
    """Results of models that no table lists."""
    known = set(models["model"])
    faults = []
    for table in tables:
        names = table.frame["model"]
        unknown = ~names.isin(known)
        if unknown.any():
            count = names[unknown].nunique()
            more = f" (and {count - 1} more models)" if count > 1 else ""
            faults.append(
                table.fault(
                    f"model '{names[unknown].iloc[0]}'{more} is in no models table, so its compute is unknown; add it "
                    "there, or a flops column here",
                    "model",
                    int(names.index[unknown.to_numpy()][0]),
                )
            )
    return faults
