"""What a file's columns mean: which table it is, the field's names, one row a value."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.readers.tables.files import first_row

WEIGHT_TOLERANCE = 0.05

_ALIASES = {"run": "model", "task": "benchmark", "acc": "score", "value": "score"}
_ALIASES_OF_SIZE = {"params_nominal": "params", "tokens_nominal": "tokens"}
_RUN_FIELDS = ["family", "params", "tokens", "flops"]


def rename(frame: pd.DataFrame) -> pd.DataFrame:
    """Bring aliases to the field's names; the first alias present wins (`score`, `acc`, `value`)."""
    names: dict[str, str] = {}
    for alias, name in (_ALIASES | _ALIASES_OF_SIZE).items():
        if alias in frame and name not in frame and name not in names.values():
            names[alias] = name
    return frame.rename(columns=names)


def name_runs(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Give mixture runs that carry no name one: `size-set-mixture_index`, or `dataset/run`."""
    columns = set(frame.columns)
    if "model" not in columns and "mixture_index" in columns:
        parts = [part for part in ("size", "set", "mixture_index") if part in columns]
        name = frame[parts].astype(str).agg("-".join, axis=1)
        family = frame["family"] if "family" in columns else pd.Series(file.name.split(".")[0], index=frame.index)
        frame = frame.assign(model=name, family=family.str.replace(r"_1B_mixtures_only$", "", regex=True))
    elif "model" in columns and "dataset" in columns:
        frame = frame.assign(
            model=frame["dataset"].astype(str) + "/" + frame["model"].astype(str),
            family=frame["family"] if "family" in columns else frame["dataset"].astype(str),
        )
    if {"params_nonembed", "tokens"} <= columns and "params" not in columns:
        frame = frame.assign(params=frame["params_nonembed"])
    if "flops" not in frame and {"params", "tokens"} <= set(frame.columns):
        sizes = frame[["params", "tokens"]].apply(pd.to_numeric, errors="coerce")
        frame = frame.assign(flops=6.0 * sizes["params"] * sizes["tokens"])
    return frame


def kinds(columns: set[str]) -> list[str]:
    """Which tables the columns hold (a file of losses may carry the mixtures too)."""
    has_loss = any(column.startswith("loss_") for column in columns) or {"domain", "loss"} <= columns
    has_mix = any(_is_mix(column) for column in columns) or {"domain", "weight"} <= columns
    if {"question_id", "benchmark"} <= columns and ({"n_trials", "n_correct"} & columns):
        return ["items"]
    if {"question_id", "benchmark"} <= columns:
        return ["questions"]
    if "benchmark" in columns and "score" in columns:
        return ["scores"]
    if has_loss or has_mix:
        is_models = "family" in columns and "split" in columns and not has_loss
        return ["models"] * is_models + ["losses"] * has_loss + ["mixtures"] * has_mix
    if "benchmark" in columns and "chance" in columns and "model" not in columns:
        return ["benchmarks"]
    if "model" in columns and columns & {"flops", "params", "tokens", "family"} and "benchmark" not in columns:
        return ["models"]
    return []


def _is_mix(column: str) -> bool:
    return column.startswith("mix_")


def add_setting(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Put a sampling setting, from a column or the file's name, into the benchmark's name."""
    setting, separator, _ = file.name.partition("__")
    if "setting" in frame:
        suffix = "@" + frame["setting"].astype(str)
    elif separator:
        suffix = pd.Series("@" + setting, index=frame.index)
    else:
        return frame
    return frame.assign(benchmark=frame["benchmark"].astype(str) + suffix)


Shaped = tuple[pd.DataFrame, tuple[str, ...]]


def scores(frame: pd.DataFrame, file: Path) -> Shaped:
    """Scores of trained checkpoints that are proportions."""
    trained, notes = _trained_only(frame, file)
    if "metric" not in trained:
        return trained, notes
    values = pd.to_numeric(trained["score"], errors="coerce")
    outside = ((values < 0) | (values > 1)).groupby(trained["metric"]).any()
    if outside.all():
        return trained, notes
    for metric in outside.index[outside]:
        notes += (f"{file.name}: metric '{metric}' is no proportion (values outside 0 to 1) and was set aside",)
    return trained[~trained["metric"].map(outside).astype(bool)], notes


def losses(frame: pd.DataFrame, file: Path) -> Shaped:
    """One row a checkpoint and domain."""
    trained, notes = _trained_only(frame, file)
    return _long(trained, "loss_", "loss"), notes


def _trained_only(frame: pd.DataFrame, file: Path) -> Shaped:
    """Set aside checkpoints of step 0: they have no compute, so no law in compute can use them."""
    if not {"step", "flops"} <= set(frame.columns):
        return frame, ()
    step, flops = (pd.to_numeric(frame[column], errors="coerce") for column in ("step", "flops"))
    untrained = (step == 0) & (flops == 0)
    if not untrained.any():
        return frame, ()
    return frame[~untrained], (f"{file.name}: {int(untrained.sum())} rows of untrained checkpoints (step 0) set aside",)


def mixtures(frame: pd.DataFrame, file: Path) -> Shaped:
    """One row a model and domain."""
    long = _long(frame, "mix_", "weight")
    return long.drop_duplicates(["model", "domain", "weight"]), ()


def shares(frame: pd.DataFrame, file: Path) -> pd.DataFrame:
    """Mixtures that sum to exactly 1.

    Raises
    ------
    InputError
        If one is off by more than `WEIGHT_TOLERANCE`.
    """
    total = frame.groupby("model")["weight"].sum()
    off = total[(total - 1).abs() > WEIGHT_TOLERANCE]
    if len(off):
        name = str(off.index[0])
        raise InputError(
            f"the mixture of '{name}' sums to {off.iloc[0]:.4g}, expected 1; give shares of the training tokens",
            file=file,
            row=int(frame.index[frame["model"] == name][0]) + first_row(file),
        )
    return frame.assign(weight=frame["weight"] / frame["model"].map(total))


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


def runs_inside(frame: pd.DataFrame) -> pd.DataFrame:
    """Model facts carried by a table of results: one row a model, its largest compute."""
    columns = ["model", *[column for column in _RUN_FIELDS if column in frame]]
    extra = [column for column in ("size", "step", "split", "params_nonembed") if column in frame]
    facts = frame[columns + extra].copy()
    facts["flops"] = pd.to_numeric(facts["flops"], errors="coerce")
    facts["model"] = facts["model"].astype(str)
    return facts.sort_values("flops", kind="stable").drop_duplicates("model", keep="last")
