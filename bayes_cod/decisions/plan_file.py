"""Plans to choose from, read from a YAML file: what they cost, what scores they reach, what these are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.decisions.basis import Basis, basis_of, find_target
from bayes_cod.decisions.runs import at_compute
from bayes_cod.decisions.utility import FloatArray, Price, Requirement, Reward, Worth
from bayes_cod.errors import InputError
from bayes_cod.forecasts.record import Record

TOP = ("worth", "price", "plans")
WORTH = ("weights", "per_point", "rewards")
REWARD = ("require", "worth")
PRICE = ("per_hour", "throughput", "devices")
PLAN = ("name", "target", "flops", "result", "cost", "worth", "value")


@dataclass(frozen=True)
class Plan:
    """One thing that could be done.

    Attributes
    ----------
    name
        Of the plan.
    target, flops
        A target of the forecast, or a run of other compute; neither: a plan that trains nothing.
    result
        Folder of another saved forecast that the run is of (of another mixture, say); None: the one asked about.
    cost
        In the currency of the worth; None: from its compute and the file's price.
    value
        Worth of a plan that trains nothing.
    worth
        What its scores are worth, where that differs from the file's.
    """

    name: str
    target: str | None = None
    flops: float | None = None
    result: Path | None = None
    cost: float | None = None
    value: float = 0.0
    worth: Worth | None = None


@dataclass(frozen=True)
class Plans:
    """A file of plans."""

    plans: tuple[Plan, ...]
    worth: Worth
    price: Price | None
    file: Path
    notes: tuple[str, ...] = field(default=())


def read_plans(file: Path) -> Plans:
    """Read a file of plans.

    Raises
    ------
    InputError
        For a file that is not YAML, an unknown or missing key, or a value of the wrong kind, by its place.
    """
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", file=file) from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=file) from None
    except yaml.MarkedYAMLError as error:
        row = None if error.problem_mark is None else error.problem_mark.line + 1
        raise InputError(f"not YAML ({error.problem})", file=file, row=row) from None
    top = _mapping(content, "the file", TOP, file)
    listed = top.get("plans")
    if not isinstance(listed, list) or not listed:
        raise InputError("has no list of plans; see `bayes-cod decide plans --help` for an example", file=file)
    price = top.get("price")
    return Plans(
        tuple(_plan(entry, f"plan {place}", file) for place, entry in enumerate(listed, start=1)),
        _worth(top.get("worth", {}), "worth", file),
        None if price is None else _price(price, file),
        file,
    )


def _plan(content: Any, where: str, file: Path) -> Plan:
    entry = _mapping(content, where, PLAN, file)
    if not isinstance(entry.get("name"), str) or not entry["name"]:
        raise InputError(f"{where} has no name; give it one", file=file)
    where = f"the plan '{entry['name']}'"
    if "target" in entry and "flops" in entry:
        raise InputError(f"{where} has a target and flops; give one of them", file=file)
    if "target" not in entry and "flops" not in entry and ("result" in entry or "worth" in entry):
        raise InputError(f"{where} says neither target nor flops; give one of them", file=file)
    if "value" in entry and ("target" in entry or "flops" in entry):
        raise InputError(f"{where} has a value of its own and a run; value is for plans that train nothing", file=file)
    folder = entry.get("result")
    return Plan(
        entry["name"],
        None if "target" not in entry else str(entry["target"]),
        _number(entry, "flops", where, file),
        None if folder is None else (file.parent / str(folder)),
        _number(entry, "cost", where, file),
        _number(entry, "value", where, file) or 0.0,
        None if "worth" not in entry else _worth(entry["worth"], f"worth of {where}", file),
    )


def _worth(content: Any, where: str, file: Path) -> Worth:
    entry = _mapping(content, where, WORTH, file)
    weights = _mapping(entry.get("weights", {}), f"weights of {where}", None, file)
    for name in weights:
        value = _number(weights, name, f"weights of {where}", file)
        if value is None or value < 0:
            raise InputError(f"the weight of '{name}' in {where} is below 0", file=file)
    if weights and sum(weights.values()) <= 0:
        raise InputError(f"all weights of {where} are 0", file=file)
    rewards = entry.get("rewards", [])
    if not isinstance(rewards, list):
        raise InputError(f"rewards of {where} is no list", file=file)
    per_point = _number(entry, "per_point", where, file)
    if per_point is None:
        per_point = 0.0 if rewards else 1.0
    return Worth(
        {str(name): float(value) for name, value in weights.items()},
        per_point,
        tuple(_reward(entry, f"reward {place} of {where}", file) for place, entry in enumerate(rewards, start=1)),
    )


def _reward(content: Any, where: str, file: Path) -> Reward:
    entry = _mapping(content, where, REWARD, file)
    required = entry.get("require")
    required = [required] if isinstance(required, str) else required
    value = _number(entry, "worth", where, file)
    if not isinstance(required, list) or not required or value is None:
        raise InputError(f"{where} needs require (such as gsm8k>=0.8) and worth", file=file)
    try:
        return Reward(tuple(Requirement.parse(str(text)) for text in required), value)
    except InputError as error:
        raise InputError(f"{where}: {error}", file=file) from None


def _price(content: Any, file: Path) -> Price:
    entry = _mapping(content, "price", PRICE, file)
    numbers = {name: _number(entry, name, "price", file) for name in PRICE}
    if numbers["per_hour"] is None or numbers["throughput"] is None:
        raise InputError("price needs per_hour and throughput (FLOPs a device does a second)", file=file)
    return Price(numbers["per_hour"], numbers["throughput"], int(numbers["devices"] or 1))


def _mapping(content: Any, where: str, known: tuple[str, ...] | None, file: Path) -> Mapping[str, Any]:
    content = {} if content is None else content
    if not isinstance(content, Mapping):
        raise InputError(f"{where} is no mapping of names to values", file=file)
    for name in content:
        if known is not None and name not in known:
            raise InputError(f"{where} has the unknown key '{name}'; it may have: {', '.join(known)}", file=file)
    return content


def _number(entry: Mapping[str, Any], name: str, where: str, file: Path) -> float | None:
    if entry.get(name) is None:
        return None
    try:
        value = float(entry[name])  # YAML reads 1e24, without a point, as text
    except (TypeError, ValueError):
        raise InputError(f"{name} of {where} is {entry[name]!r}; give a number", file=file) from None
    if not np.isfinite(value) or isinstance(entry[name], bool):
        raise InputError(f"{name} of {where} is {entry[name]!r}; give a finite number", file=file)
    return value


def utilities_of(plans: Plans, record: Record, load: Callable[[Path], Record]) -> tuple[FloatArray, list[str]]:
    """Draws of each plan's worth less its cost ``(sample, plan)``, and notes.

    Plans of one forecast are on the same draws. Another forecast's draws are independent of them: they are paired as
    they come, which is said in a note.

    Parameters
    ----------
    plans
        From `read_plans`.
    record
        The forecast asked about.
    load
        Opens another saved forecast by its folder.

    Raises
    ------
    InputError
        For an unknown target or benchmark, a run off the curves, or a cost that can't be told.
    """
    notes: list[str] = []
    bases: dict[Path | None, Record] = {None: record}
    columns: list[FloatArray] = []
    for plan in plans.plans:
        if plan.target is None and plan.flops is None:
            columns.append(np.array([plan.value - (plan.cost or 0.0)]))
            continue
        if plan.result not in bases:
            assert plan.result is not None
            bases[plan.result] = load(plan.result)
            notes.append(
                f"{plan.result.name} is another forecast: its draws are independent of the others', though some of "
                f"what "
                "is unknown may be shared"
            )
        basis = basis_of(bases[plan.result], plan.target)
        scores, flops = _scores(basis, plan)
        cost = plan.cost if plan.cost is not None else _cost(plan, plans, flops)
        columns.append((plan.worth or plans.worth).of(scores, basis.benchmarks) - cost)
        notes += [note for note in basis.notes if note not in notes]
    return _paired(columns), notes


def true_utilities(
    plans: Plans, record: Record, truth: pd.DataFrame, load: Callable[[Path], Record]
) -> pd.Series[float]:
    """Each plan's worth less its cost at the true scores of its run, by the plan's name.

    Parameters
    ----------
    plans, record, load
        As for `utilities_of`.
    truth
        target, benchmark, score (fraction).

    Raises
    ------
    InputError
        For a plan whose run's scores are not known, or are known on some benchmarks only.
    """
    found = {}
    for plan in plans.plans:
        if plan.target is None and plan.flops is None:
            found[plan.name] = plan.value - (plan.cost or 0.0)
            continue
        own = record if plan.result is None else load(plan.result)
        if plan.target is None:
            raise InputError(
                f"the plan '{plan.name}' is no target of the forecast, so its truth is unknown", file=plans.file
            )
        scores = truth[truth["target"] == plan.target].set_index("benchmark")["score"].reindex(own.benchmarks)
        if scores.isna().any():
            lacking = ", ".join(scores.index[scores.isna()])
            raise InputError(f"the plan '{plan.name}' has no true score on {lacking}", file=plans.file)
        cost = plan.cost if plan.cost is not None else _cost(plan, plans, find_target(own, plan.target).flops)
        worth = (plan.worth or plans.worth).of(scores.to_numpy(dtype=float), own.benchmarks)
        found[plan.name] = float(worth) - cost
    return pd.Series(found, dtype=float)


def _scores(basis: Basis, plan: Plan) -> tuple[FloatArray, float]:
    """Observed scores of a plan's run ``(sample, benchmark)``, and its compute."""
    if plan.flops is None:
        return basis.curves.target, basis.target.flops
    return at_compute(basis.curves.observed, basis.curves.flops, plan.flops), plan.flops


def _cost(plan: Plan, plans: Plans, flops: float) -> float:
    if plans.price is None:
        raise InputError(f"the plan '{plan.name}' has no cost; give it one, or the file a price", file=plans.file)
    return float(plans.price.cost(flops))


def _paired(columns: list[FloatArray]) -> FloatArray:
    count = max(len(column) for column in columns)
    fewest = min((len(column) for column in columns if len(column) > 1), default=1)
    rows = count if fewest in (1, count) else fewest
    return np.column_stack([np.broadcast_to(column, rows) if len(column) == 1 else column[:rows] for column in columns])
