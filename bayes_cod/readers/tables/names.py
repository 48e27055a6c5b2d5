"""What columns are called: the field's names, the names that others use for them, and units in a header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

ALIASES: dict[str, tuple[str, ...]] = {
    "model": ("run", "model_name", "model_id", "name", "run_name"),
    "family": ("model_family", "series"),
    "flops": (
        "compute",
        "training_flops",
        "train_flops",
        "total_flops",
        "flop",
        "training_compute",
        "train_compute",
    ),
    "params": (
        "parameters",
        "n_params",
        "num_params",
        "num_parameters",
        "n_parameters",
        "total_params",
        "model_size",
        "params_nominal",
    ),
    "params_active": (
        "active_params",
        "active_parameters",
        "n_active_params",
        "n_params_active",
        "activated_params",
    ),
    "tokens": (
        "train_tokens",
        "training_tokens",
        "n_tokens",
        "num_tokens",
        "tokens_trained",
        "data_size",
        "tokens_nominal",
    ),
    "step": ("steps", "training_step", "train_step", "global_step", "iteration"),
    "benchmark": ("task", "task_name", "benchmark_name", "eval", "evaluation", "dataset"),
    "question_id": (
        "doc_id",
        "question",
        "qid",
        "item_id",
        "item",
        "problem_id",
        "instance_id",
        "example_id",
        "task_id",
        "id",
    ),
    "n_trials": ("n", "num_trials", "trials", "n_attempts", "attempts", "num_samples", "n_samples", "total"),
    "n_correct": ("c", "num_correct", "n_passed", "n_pass", "num_passed", "passes", "successes", "n_success"),
    "score": (
        "acc",
        "value",
        "accuracy",
        "exact_match",
        "acc_norm",
        "pass_rate",
        "mean_score",
        "score_percent",
        "acc_percent",
        "accuracy_percent",
        "percent",
        "em",
        "f1",
    ),
    "correct": ("is_correct", "passed", "pass", "success", "solved", "right", "is_right"),
    "trial": ("trial_id", "trial_index", "repeat", "repeat_id", "epoch", "sample_index", "sample", "attempt"),
    "chance": ("chance_level", "chance_score", "random_baseline", "random_score", "random"),
    "metric": ("metric_name", "measure"),
    "filter": ("filter_name",),
    "shots": ("n_shot", "num_fewshot", "n_shots", "num_shots", "fewshot"),
    "n_questions": ("num_questions", "n_items", "n_docs", "n_examples"),
    "is_final": ("final",),
    "domain": (),
    "loss": (),
    "weight": (),
    "checkpoint": ("revision",),
    "setting": ("sampling_setting",),
    "stderr": ("acc_stderr", "se", "acc_se", "standard_error", "std_err"),
}
"""A field and what others call it; the field's own name wins, then the first alias in this order."""

_ONLY_WITH = {
    # an alias that means something else in other tables: what must be there too
    "dataset": frozenset({"question_id", "score"}),
    "question": frozenset({"benchmark", "n_trials", "n_correct", "correct"}),
    "id": frozenset({"benchmark", "n_trials", "n_correct", "correct"}),
    "item": frozenset({"benchmark", "n_trials", "n_correct", "correct"}),
    "sample": frozenset({"question_id"}),
    "total": frozenset({"question_id"}),
    "n_samples": frozenset({"question_id"}),
    "num_samples": frozenset({"question_id"}),
    "trials": frozenset({"question_id"}),
    "n": frozenset({"question_id"}),
    "c": frozenset({"question_id"}),
    "passes": frozenset({"question_id"}),
    "attempts": frozenset({"question_id"}),
    "attempt": frozenset({"question_id"}),
    "epoch": frozenset({"question_id"}),
    "repeat": frozenset({"question_id"}),
    "pass": frozenset({"question_id"}),
    "passed": frozenset({"question_id"}),
    "right": frozenset({"question_id"}),
    "random": frozenset({"benchmark"}),
    "final": frozenset({"score", "loss"}),
    "se": frozenset({"score"}),
    "eval": frozenset({"score", "question_id"}),
    "evaluation": frozenset({"score", "question_id"}),
}
_BY_NAME = {alias: name for name, aliases in ALIASES.items() for alias in (name, *aliases)}
_SIZES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9, "t": 1e12, "trillion": 1e12}
_SIZES |= {f"{word}s": value for word, value in _SIZES.items() if len(word) > 1}
_SIZES |= {f"{word}flop{s}": value for s in ("", "s") for word, value in (("z", 1e21), ("zetta", 1e21), ("exa", 1e18))}
_UNIT = re.compile(r"^(?P<name>.+?)[ _]*(?:\((?:in )?(?P<a>[\w^*×. ]+)\)|_(?:in_)?(?P<b>[a-z]+))$")
_LOG = re.compile(r"^log_?(?:10)?_?(?:\((?P<a>\w+)\)|(?P<b>\w+))$")
_POWER = re.compile(r"^(?:10\^|10\*\*|1e)\+?(\d+)$")


@dataclass(frozen=True)
class Field:
    """What a header means.

    Attributes
    ----------
    name
        The field.
    alias
        The header in small letters without its unit.
    factor
        What its numbers are multiplied by.
    log10
        Whether its numbers are decimal logarithms.
    """

    name: str
    alias: str
    factor: float = 1.0
    log10: bool = False


def normal(header: str) -> str:
    """A header in small letters, blanks and hyphens as underscores."""
    return re.sub(r"[\s\-]+", "_", header.strip().casefold()).strip("_")


def field_of(header: str) -> Field | None:
    """What a header means by itself; None where no table has such a column."""
    plain = normal(header)
    if plain in _BY_NAME:
        return Field(_BY_NAME[plain], plain, 0.01 if plain.endswith("percent") else 1.0)
    logged = _LOG.match(plain)
    if logged:
        of = _BY_NAME.get(logged["a"] or logged["b"])
        if of in ("flops", "params", "tokens"):
            return Field(of, plain, log10=True)
    unit = _UNIT.match(plain)
    if unit:
        name, word = _BY_NAME.get(unit["name"].strip("_ ")), (unit["a"] or unit["b"]).strip("_")
        if name == "score" and word in ("%", "percent", "points"):
            return Field(name, plain, 0.01)
        power = _POWER.match(word)
        factor = 10.0 ** min(int(power[1]), 60) if power else _SIZES.get(word)
        if name in ("flops", "params", "tokens", "params_active") and factor is not None:
            return Field(name, plain, factor)
    if plain.endswith(("(%)", "_%")) and _BY_NAME.get(plain[:-3].strip("_ ")) == "score":
        return Field("score", plain, 0.01)
    return None


def is_free_text(header: str) -> bool:
    """Whether a header names the ids of questions, which may hold anything."""
    found = field_of(header)
    return found is not None and found.name == "question_id"


def fields_of(headers: Iterable[str]) -> dict[str, Field]:
    """Header → field for the columns of one table; each field at most once.

    The field's own name wins over aliases, and earlier aliases over later ones. An alias that means something else
    in other tables counts only beside columns that make it clear.
    """
    found = {header: field for header in headers if (field := field_of(header)) is not None}
    own = {field.name for field in found.values() if field.alias == field.name}
    changed = True
    while changed:  # one alias may rest on another (`id` on `task`)
        names = _names(found)
        kept = {
            header: field
            for header, field in found.items()
            if field.alias not in _ONLY_WITH or _ONLY_WITH[field.alias] & (names - {field.name})
        }
        changed = len(kept) < len(found)
        found = kept
    if any(normal(header).startswith(("loss_", "mix_")) for header in headers):
        found = {header: field for header, field in found.items() if field.alias != "dataset"}
    chosen: dict[str, tuple[int, str]] = {}
    for header, field in found.items():
        if field.name in own and field.alias != field.name:
            continue
        order = (field.name, *ALIASES[field.name])
        rank = order.index(field.alias) if field.alias in order else len(order)
        if field.name not in chosen or rank < chosen[field.name][0]:
            chosen[field.name] = (rank, header)
    return {header: found[header] for _, header in chosen.values()}


def _names(found: Mapping[str, Field]) -> set[str]:
    return {field.name for field in found.values()}
