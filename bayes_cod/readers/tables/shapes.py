"""Tables of any layout to one row a value: scores, losses, mixtures, wide tables, settings and runs without a name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.naming import some
from bayes_cod.readers.tables.columns import Table
from bayes_cod.readers.tables.files import plain_name
from bayes_cod.readers.tables.names import field_of, normal

WEIGHT_TOLERANCE = 0.05
MOSTLY = 2 / 3
"""Share of the scores above 1 from which a column is in percent."""
_STDERR = r"(?:^|_)std_?err"
_PASS_AT = r"pass@\d+"
_NO_BENCHMARK = frozenset(
    [
        "lr",
        "learning_rate",
        "max_lr",
        "min_lr",
        "dropout",
        "weight_decay",
        "warmup",
        "warmup_ratio",
        "beta1",
        "beta2",
        "eps",
        "epsilon",
        "momentum",
        "temperature",
        "top_p",
        "seed",
        "cooldown",
        "decay",
        "epochs",
        "z_loss",
        "mfu",
        "utilization",
        "width",
        "depth",
        "heads",
        "layers",
        "batch",
        "batch_size",
        "ratio",
        "fraction",
        "loss",
        "perplexity",
        "bpb",
        "is_optimum",
        "instruct",
    ]
)
_NO_BENCHMARK_ENDINGS = ("_ratio", "_fraction", "_frac", "_lr", "_stderr", "_se", "_decay", "_loss", "_seed", "_mult")

Shaped = tuple[Table, list[InputError]]


def name_runs(table: Table) -> Table:
    """Give mixture runs that carry no name one: `size-set-mixture_index`, or `dataset/run`."""
    frame = table.frame
    columns = set(frame.columns)
    if "model" not in columns and "mixture_index" in columns:
        parts = [part for part in ("size", "set", "mixture_index") if part in columns]
        name = frame[parts].astype(str).agg("-".join, axis=1)
        family = frame["family"] if "family" in columns else pd.Series(plain_name(table.file), index=frame.index)
        frame = frame.assign(model=name, family=family.str.replace(r"_1B_mixtures_only$", "", regex=True))
    elif {"model", "dataset"} <= columns and any(name.startswith(("loss_", "mix_")) for name in columns):
        frame = frame.assign(
            model=frame["dataset"].astype(str) + "/" + frame["model"].astype(str),
            family=frame["family"] if "family" in columns else frame["dataset"].astype(str),
        )
    if {"params_nonembed", "tokens"} <= columns and "params" not in columns:
        frame = frame.assign(params=pd.to_numeric(frame["params_nonembed"], errors="coerce"))
    return table.with_frame(frame)


def derive_flops(table: Table) -> Table:
    """Fill compute that is not given as 6 x parameters x tokens, of the active parameters where they are known.

    The column `flops_from` says what it was derived from, and is missing where it was given.
    """
    frame = table.frame
    if not {"tokens"} <= table.columns or not ({"params", "params_active"} & table.columns):
        return table
    given = frame["flops"] if "flops" in frame else pd.Series(np.nan, index=frame.index)
    total = frame["params"] if "params" in frame else pd.Series(np.nan, index=frame.index)
    active = frame["params_active"] if "params_active" in frame else pd.Series(np.nan, index=frame.index)
    derived = 6.0 * active.fillna(total) * frame["tokens"]
    filled = given.isna() & derived.notna()
    if not filled.any():
        return table
    origin = pd.Series(np.where(active.notna(), "active params", "params"), index=frame.index, dtype=object)
    return table.with_frame(frame.assign(flops=given.fillna(derived), flops_from=origin.where(filled)))


def add_setting(table: Table) -> Table:
    """Put a sampling setting, from a column or the file's name, into the benchmark's name.

    The part of a file's name before ``__`` is a setting only where the part behind it is the benchmark of all rows.
    """
    frame = table.frame
    first, separator, rest = plain_name(table.file).partition("__")
    if "setting" in frame:
        given = frame["setting"].notna()
        named = frame["benchmark"].astype(str) + "@" + frame["setting"].astype(str)
        return table.with_frame(frame.assign(benchmark=named.where(given, frame["benchmark"])))
    if not separator or not first:
        return table
    benchmarks = {str(name) for name in frame["benchmark"].dropna().unique()}
    if benchmarks == {rest}:
        return table.with_frame(frame.assign(benchmark=frame["benchmark"].astype(str) + "@" + first))
    models = {str(name) for name in frame["model"].dropna().unique()} if "model" in frame else set()
    if models == {rest} or f"{first}/{rest}" in models or f"{first}__{rest}" in models:
        return table  # a file a model, named as harnesses name them
    return table.with_frame(
        frame,
        f"{table.file.name}: '{first}' was not taken for a sampling setting, as '{rest}' is not the file's only "
        "benchmark; a column 'setting' says it",
    )


def scores(table: Table) -> Shaped:
    """Scores of trained checkpoints as fractions; values that are no proportions and standard errors set aside."""
    table = _trained_only(table)
    frame = table.frame
    if "metric" in frame:
        error = frame["metric"].astype("str").str.contains(_STDERR, na=False).to_numpy(dtype=bool)
        if error.all():
            return table, [table.fault("all rows are standard errors; add the scores themselves", "metric")]
        if error.any():
            names = sorted({str(name) for name in frame.loc[error, "metric"]})
            table = table.with_frame(frame[~error], f"{table.file.name}: {some(names, 6)} set aside (no scores)")
            frame = table.frame
        outside = ((frame["score"] < 0) | (frame["score"] > 1)).groupby(frame["metric"]).any()
        if outside.any() and not outside.all():
            for metric in outside.index[outside]:
                note = (
                    f"{table.file.name}: metric '{metric}' is no proportion (values outside 0 to 1) and was set aside"
                )
                table = table.with_frame(table.frame, note)
            kept = ~frame["metric"].map(outside).fillna(False).astype(bool)
            table = table.with_frame(frame[kept])
    return _as_fractions(table), []


def _as_fractions(table: Table) -> Table:
    """Scores in percent to fractions, where most of them can be nothing else."""
    values = table.frame["score"]
    above, positive = values > 1, values > 0
    if not above.any() or (values < 0).any() or (values > 100).any():
        return table
    all_above = above.sum() == positive.sum() and values.max() >= 5
    mostly = above.sum() >= max(3, MOSTLY * positive.sum())
    if not (all_above or mostly):
        return table
    place = f"{table.file.name}: column '{table.column('score')}'"
    return table.with_frame(
        table.frame.assign(score=values / 100), f"{place} was read as percent (values up to {values.max():.4g})"
    )


def melt_wide(table: Table) -> Table | None:
    """Scores in one column a benchmark (or a column a pass@k) to one row a score; None where there are none."""
    frame = table.frame
    if "model" not in frame or "score" in frame or "question_id" in frame:
        return None
    at_k = [name for name in frame.columns if pd.Series([normal(name)]).str.fullmatch(_PASS_AT).item()]
    keep = [name for name in frame.columns if name in table.written or field_of(name) is not None]
    if "benchmark" in frame:
        if not at_k:
            return None
        long = _melt(frame, keep, at_k, "metric")
        return table.with_frame(long, f"{table.file.name}: {some(at_k, 6)} were read as metrics of each benchmark")
    wide = wide_scores(table)
    if not wide:
        return None
    long = _melt(frame, [name for name in keep if name not in wide], wide, "benchmark")
    return table.with_frame(long, f"{table.file.name}: {some(wide, 6)} were read as scores, one column a benchmark")


def _melt(frame: pd.DataFrame, keep: Sequence[str], wide: Sequence[str], name: str) -> pd.DataFrame:
    parts = []
    for column in wide:
        values = pd.to_numeric(frame[column], errors="coerce")
        part = frame[list(keep)].assign(score=values)
        part[name] = column
        parts.append(part[values.notna()])
    return pd.concat(parts)


def wide_scores(table: Table) -> list[str]:
    """Columns of a table of models that look like scores, one a benchmark."""
    frame = table.frame
    found = []
    for name in frame.columns:
        plain = normal(name)
        if name in table.written or field_of(name) is not None or plain.startswith(("loss_", "mix_", "se_")):
            continue
        if plain in _NO_BENCHMARK or plain.endswith(_NO_BENCHMARK_ENDINGS):
            continue
        values = frame[name].dropna()
        if not len(values) or pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            continue
        if values.between(0, 1).all() and values.min() < values.max() and not values.isin([0, 1]).all():
            found.append(str(name))
    if found or "flops" in frame or "params" in frame or "family" in frame:
        return found
    return _wide_percent(table)


def _wide_percent(table: Table) -> list[str]:
    """Columns of a table that holds nothing but models and numbers from 0 to 100."""
    frame = table.frame
    rest = [str(name) for name in frame.columns if name not in table.written]
    numeric = [name for name in rest if pd.api.types.is_numeric_dtype(frame[name])]
    return rest if rest == numeric and all(frame[name].dropna().between(0, 100).all() for name in rest) else []


def losses(table: Table) -> Shaped:
    """One row a checkpoint and domain."""
    table = _trained_only(table)
    return table.with_frame(_long(table.frame, "loss_", "loss")), []


def mixtures(table: Table) -> Shaped:
    """One row a model and domain; shares sum to exactly 1."""
    long = _long(table.frame, "mix_", "weight").drop_duplicates(["model", "domain", "weight"])
    if long.empty or long["weight"].isna().all():
        return table.with_frame(long), [table.fault("the mixture is empty; give shares of the training tokens")]
    total = long.groupby("model")["weight"].sum()
    off = total[(total - 1).abs() > WEIGHT_TOLERANCE]
    negative = long["weight"].lt(0).any()
    if len(off) and not negative:
        name = str(off.index[0])
        row = int(long.index[long["model"] == name][0])
        message = f"the mixture of '{name}' sums to {off.iloc[0]:.4g}, expected 1; give shares of the training tokens"
        return table.with_frame(long), [table.fault(message, row=row)]
    if negative:
        return table.with_frame(long), []
    return table.with_frame(long.assign(weight=long["weight"] / long["model"].map(total))), []


def _trained_only(table: Table) -> Table:
    """Set aside checkpoints of step 0: they have no compute, so no law in compute can use them."""
    frame = table.frame
    if not {"step", "flops"} <= set(frame.columns):
        return table
    untrained = (frame["step"] == 0) & ((frame["flops"] == 0) | frame["flops"].isna())
    if not untrained.any():
        return table
    note = f"{table.file.name}: {int(untrained.sum())} rows of untrained checkpoints (step 0) set aside"
    return table.with_frame(frame[~untrained], note)


def _long(frame: pd.DataFrame, prefix: str, value: str) -> pd.DataFrame:
    """Wide columns `<prefix><domain>` to rows (model, ..., domain, value); the index keeps the file's row."""
    wide = [column for column in frame.columns if column.startswith(prefix)]
    if not wide:
        return frame
    keep = [c for c in frame.columns if not c.startswith(("loss_", "mix_", "se_"))]
    parts = []
    for column in wide:
        domain = column.removeprefix(prefix)
        part = frame[keep].assign(domain=domain, **{value: frame[column]})
        if f"se_{domain}" in frame:
            part = part.assign(se=frame[f"se_{domain}"])
        parts.append(part[frame[column].notna()])
    return pd.concat(parts)
