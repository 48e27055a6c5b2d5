"""Logs of HELM: a folder a run with ``run_spec.json``, ``per_instance_stats.json`` and more.

The unperturbed rows count: those without a perturbation and those whose perturbation is ``identity``. Training trials
(draws of the examples in the prompt) are repeated trials of an instance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bayes_cod.readers.base import Log, RowSink, Source, as_fraction, moment
from bayes_cod.readers.limits import Damaged, decode, head, read_bytes

_METRICS = (
    "exact_match", "quasi_exact_match", "prefix_exact_match", "quasi_prefix_exact_match", "exact_match_indicator",
    "final_number_exact_match", "math_equiv", "math_equiv_chain_of_thought", "ifeval_strict_accuracy",
    "chain_of_thought_correctness", "pass", "code_eval_acc", "test_avg", "f1_score", "f1_set_match", "iou_set_match",
    "exact_set_match", "rouge_2", "rouge_l", "bleu_1", "bleu_4", "wildbench_score_rescaled", "omni_math_accuracy",
)  # fmt: skip
_NOT_OF_BENCHMARK = ("model", "model_deployment", "method")
_OF_RUN = {
    "per_instance_stats.json", "run_spec.json", "scenario.json", "scenario_state.json", "stats.json",
    "display_predictions.json", "display_requests.json", "instances.json",
}  # fmt: skip


class _Name(msgspec.Struct):
    name: str = ""
    split: Any = None


class _Stat(msgspec.Struct):
    name: _Name
    count: Any = 0
    mean: Any = None
    sum: Any = None


class _Perturbation(msgspec.Struct):
    name: str = ""


class _Instance(msgspec.Struct):
    instance_id: Any = None
    train_trial_index: Any = 0
    perturbation: _Perturbation | None = None
    stats: list[_Stat] = []


class _Spec(msgspec.Struct):
    name: str = ""
    adapter_spec: dict[str, Any] = {}
    scenario_spec: dict[str, Any] = {}
    groups: list[Any] = []


_INSTANCES = msgspec.json.Decoder(list[_Instance])
_SPEC = msgspec.json.Decoder(_Spec)


class Helm:
    """HELM."""

    name = "HELM"

    def detect(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return file.name == "per_instance_stats.json"

    def companions(self, file: Path) -> Sequence[Path]:
        """See `Reader`."""
        spec = file.with_name("run_spec.json")
        return (spec,) if spec.is_file() else ()

    def belongs(self, file: Path, start: bytes) -> bool:
        """See `Reader`."""
        return file.name in _OF_RUN and file.with_name("per_instance_stats.json").is_file()

    def read(self, source: Source, rows: RowSink) -> list[Log]:
        """See `Reader`."""
        spec = _Spec()
        beside = source.path.with_name("run_spec.json")
        if head(beside):
            try:
                spec = decode(read_bytes(beside, source.limits), _SPEC)
            except Damaged as error:
                source.damaged(str(error), file=str(Path(source.name).parent / beside.name))
        instances = decode(read_bytes(source.path, source.limits), _INSTANCES)
        log = _log(spec, source)
        _rows(instances, log, rows)
        return [log]


def _log(spec: _Spec, source: Source) -> Log:
    name = spec.name or source.path.resolve().parent.name
    scenario, settings = _parts(name)
    inside = ",".join(f"{key}={value}" for key, value in settings.items() if key not in _NOT_OF_BENCHMARK)
    benchmark = f"{scenario}:{inside}" if inside else scenario
    adapter = spec.adapter_spec
    model = adapter.get("model") or adapter.get("model_deployment") or settings.get("model", "")
    shots = adapter.get("max_train_instances")
    return Log(
        format=Helm.name,
        file=source.name,
        model=str(model) or "unnamed",
        benchmark=benchmark,
        shots=shots if isinstance(shots, int) and not isinstance(shots, bool) else None,
        when=moment(_suite_date(source.path)),
        facts={
            fact: str(adapter[fact])[:200]
            for fact in ("method", "instructions", "max_eval_instances", "num_outputs", "temperature")
            if adapter.get(fact) is not None
        },
        ids="native",
        sums=True,
    )


def _suite_date(file: Path) -> float:
    """When the log was written: HELM's files hold no time."""
    return file.stat().st_mtime


def _parts(name: str) -> tuple[str, dict[str, str]]:
    """Scenario and settings of a run's name, ``scenario:key=value,key=value``, which a folder spells with ``-``."""
    scenario, mark, rest = name.partition(":")
    if not mark:
        scenario, _, rest = name.partition("-") if "=" in name and "-" in name.split("=", 1)[0] else (name, "", "")
    return scenario, dict(part.split("=", 1) for part in rest.split(",") if "=" in part)


def _rows(instances: list[_Instance], log: Log, rows: RowSink) -> None:
    """Rows of unperturbed instances, several statistics each, that say whether an answer was right."""
    method = log.facts.get("method", "")
    perturbed = sum(not _unperturbed(instance) for instance in instances)
    found: dict[str, None] = {}
    for position, instance in enumerate(instances):
        if not _unperturbed(instance):
            continue
        values = {stat.name.name: stat for stat in instance.stats}
        options = _value(values.get("num_references")) if method.startswith("multiple_choice") else None
        loss = None if method == "generation" or method.endswith("joint") else _loss(values)
        for metric in _METRICS:
            stat = values.get(metric)
            if stat is None:
                continue
            found[metric] = None
            rows.add(
                0,
                str(instance.instance_id),
                metric,
                _value(stat),
                loss=loss,
                options=int(options) if options is not None and 1 < options < 1000 else None,
                row=position,
            )
    log.order = [(metric, "") for metric in _METRICS if metric in found]
    log.has_rows = bool(found)
    log.n_questions = len({str(instance.instance_id) for instance in instances if _unperturbed(instance)})
    if perturbed:
        log.notes.append(f"{perturbed} perturbed instances left out; the unperturbed ones count")
    if not found and instances:
        names = sorted({stat.name.name for instance in instances[:50] for stat in instance.stats})
        log.notes.append(f"no known accuracy among its statistics ({', '.join(names[:8])}, ...)")


def _unperturbed(instance: _Instance) -> bool:
    return instance.perturbation is None or instance.perturbation.name == "identity"


def _value(stat: _Stat | None) -> float | None:
    """Mean of a statistic; None where nothing was counted."""
    if stat is None or not stat.count:
        return None
    mean = as_fraction(stat.mean)
    if mean is None:
        total, count = as_fraction(stat.sum), as_fraction(stat.count)
        mean = total / count if total is not None and count else None
    return mean


def _loss(values: dict[str, _Stat]) -> float | None:
    """Bits per byte of a text that was scored, not generated: HELM's own, or from log probability (nats) and bytes."""
    own = _value(values.get("bits_per_byte"))
    if own is not None:
        return own
    log_probability, n_bytes = _value(values.get("logprob")), _value(values.get("num_bytes"))
    if log_probability is None or not n_bytes or log_probability >= 0:
        return None
    return -log_probability / (n_bytes * math.log(2))
