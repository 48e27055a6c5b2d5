"""Logs of every format, written for tests: small, with values chosen there."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from backports.zstd import zipfile

TIME = "2031-03-04T05-06-07.000008"
LATER = "2031-03-05T05-06-07.000008"


def put(file: Path, content: Any) -> Path:
    """Write text, bytes, a JSON document, or a list of JSON lines."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif isinstance(content, str):
        file.write_text(content)
    elif isinstance(content, list) and file.name.endswith(".jsonl"):
        file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in content))
    else:
        file.write_text(json.dumps(content))
    return file


def doc_hash(doc: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(doc, indent=2, ensure_ascii=False).encode()).hexdigest()


# ------------------------------------------------------------------------------------------------ lm-eval


def lm_results(
    model: str = "org/m-1",
    scores: Mapping[str, Mapping[str, float]] | None = None,
    *,
    versions: Mapping[str, Any] | None = None,
    shots: int = 0,
    limit: float | None = None,
    n: tuple[int, int] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A results file: scores by task and ``metric,filter``."""
    scores = scores or {}
    config: dict[str, Any] = {"model": "hf", "model_args": f"pretrained={model},dtype=bfloat16", "limit": limit}
    config |= more.pop("config", {})
    return {
        "results": {task: {"alias": task, **own} for task, own in scores.items()},
        "group_subtasks": {},
        "configs": {},
        "versions": versions or dict.fromkeys(scores, 1.0),
        "n-shot": dict.fromkeys(scores, shots),
        "n-samples": {task: {"original": n[1], "effective": n[0]} for task in scores} if n else {},
        "config": config,
        "date": 1930000000.0,
        "model_name": model,
        **more,
    }


def lm_line(
    index: int,
    passed: float,
    *,
    question: str | None = None,
    filter: str | None = "none",
    metric: str = "exact_match",
    answers: Sequence[str] = ("x",),
    target: str = "7",
    hashes: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """A line of a generation task."""
    doc = {"question": question or f"what of {index}?"}
    line: dict[str, Any] = {
        "doc_id": index,
        "doc": doc,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": doc["question"], "arg_1": {"until": ["\n"]}}},
        "resps": [list(answers)],
        "filtered_resps": [answers[0]],
    }
    if filter is not None:
        line |= {"filter": filter, "metrics": [metric]}
    if hashes:
        line |= {"doc_hash": doc_hash(doc), "prompt_hash": hashlib.sha256(doc["question"].encode()).hexdigest()}
    return line | {metric: passed} | more


def lm_choice(index: int, gold: int, log_probabilities: Sequence[float], **metrics: float) -> dict[str, Any]:
    """A line of a multiple-choice task; `acc` by the largest log probability where not given."""
    known = [-math.inf if math.isnan(value) else value for value in log_probabilities]
    best = known.index(max(known))
    doc = {"query": f"colour {index}", "gold": gold}
    pairs = [[str(value), "False"] for value in log_probabilities]
    return {
        "doc_id": index,
        "doc": doc,
        "target": str(gold),
        "arguments": {f"gen_args_{i}": {"arg_0": doc["query"], "arg_1": f" {'ab' * i}é"} for i in range(len(pairs))},
        "resps": [[pair] for pair in pairs],
        "filtered_resps": pairs,
        "filter": "none",
        "metrics": list(metrics) or ["acc"],
        "doc_hash": doc_hash(doc),
        **(metrics or {"acc": float(best == gold)}),
    }


def lm_log(
    folder: Path,
    model: str,
    task: str,
    lines: Iterable[Any],
    results: Mapping[str, Any] | None = None,
    *,
    when: str = TIME,
) -> Path:
    """A model's folder with samples of one task, and results if given."""
    place = folder / model.replace("/", "__")
    put(place / f"samples_{task}_{when}.jsonl", list(lines))
    if results is not None:
        put(place / f"results_{when}.json", dict(results))
    return place


# ------------------------------------------------------------------------------------------------ Inspect


def inspect_header(model: str = "org/m-1", task: str = "sums", **more: Any) -> dict[str, Any]:
    eval_ = {
        "task": task, "task_version": 0, "model": model, "created": "2031-03-04T05:06:07+00:00",
        "dataset": {"name": task}, "config": {"epochs": 1},
    }  # fmt: skip
    eval_ |= more.pop("eval", {})
    return {"version": 2, "status": "success", "eval": eval_, "plan": {}, "results": {"scores": []}} | more


def inspect_sample(identity: Any, value: Any, epoch: int = 1, scorer: str = "match", **more: Any) -> dict[str, Any]:
    scores = None if value is None else {scorer: {"value": value}}
    return {"id": identity, "epoch": epoch, "input": f"ask {identity}", "target": "t", "scores": scores} | more


def inspect_archive(
    file: Path,
    header: Mapping[str, Any] | None,
    samples: Sequence[Mapping[str, Any]],
    *,
    method: int = zipfile.ZIP_ZSTANDARD,
    journal: bool = False,
) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", compression=method) as archive:
        if journal:
            start = {"version": 2, "eval": (header or inspect_header())["eval"]}
            archive.writestr("_journal/start.json", json.dumps(start))
            archive.writestr("_journal/summaries/1.json", json.dumps(samples[:2]))
            archive.writestr("_journal/summaries/2.json", json.dumps(samples[2:]))
        else:
            archive.writestr("summaries.json", json.dumps(list(samples)))
        for sample in samples:
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
        if header is not None and not journal:
            archive.writestr("header.json", json.dumps(header))
    return file


# ------------------------------------------------------------------------------------------------ HELM and others


def helm_instance(
    identity: str, value: float | None, *, perturbation: str | None = None, trial: int = 0, metric: str = "exact_match"
) -> dict[str, Any]:
    counted = {"count": 0} if value is None else {"count": 1, "sum": value, "mean": value}
    entry: dict[str, Any] = {
        "instance_id": identity,
        "train_trial_index": trial,
        "stats": [{"name": {"name": metric, "split": "test"}, **counted}],
    }
    if perturbation:
        entry["perturbation"] = {"name": perturbation}
    return entry


def helm_log(folder: Path, instances: Sequence[Mapping[str, Any]], model: str = "org/m-1", name: str = "sums") -> Path:
    place = folder / f"{name},model={model.replace('/', '_')}"
    put(place / "per_instance_stats.json", list(instances))
    spec = {"model": model, "method": "generation", "max_train_instances": 5}
    put(place / "run_spec.json", {"name": f"{name}:model={model.replace('/', '_')}", "adapter_spec": spec})
    put(place / "stats.json", [])
    return place


def olmes_log(folder: Path, model: str, rows: Sequence[Mapping[str, Any]], primary: str | None, **config: Any) -> Path:
    place = folder / model
    put(place / "task-003-quiz_mc-predictions.jsonl", [dict(row) for row in rows])
    task_config = {"primary_metric": primary, "num_shots": 5, "limit": None} | config
    metrics = {"task_name": "quiz_mc", "model_config": {"model": model}, "task_config": task_config, "metrics": {}}
    put(place / "task-003-quiz_mc-metrics.json", metrics)
    return place


def olmo_eval_log(folder: Path, model: str, hits: Mapping[str, Sequence[float]]) -> Path:
    lines = [
        {
            "doc_id": index,
            "native_id": identity,
            "model_output": [{"text": "", "sample_metrics": {"match": {"match": hit}}} for hit in own],
            "instance_metrics": {"match": {"match": sum(own) / len(own)}},
        }
        for index, (identity, own) in enumerate(hits.items())
    ]
    place = folder / model
    put(place / "predictions" / model / "quiz_0a1b2c-predictions.jsonl", lines)
    put(place / "requests" / model / "quiz_0a1b2c-requests.jsonl", [{"x": 1}])
    mean = sum(sum(own) / len(own) for own in hits.values()) / len(hits)
    task = {
        "task": "quiz", "metrics": {"accuracy": {"match": mean}}, "num_instances": len(hits),
        "primary_metric": "accuracy:match", "task_hash": "0a1b2c",
    }  # fmt: skip
    put(place / "metrics.json", {"timestamp": "2031-01-01T00:00:00", "config": {"model": model}, "tasks": [task]})
    return place


def lighteval_log(folder: Path, model: str, rows: Sequence[Mapping[str, Any]], task: str = "quiz|5") -> Path:
    file = folder / "details" / model / TIME / f"details_{task}_{TIME}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), file)
    results = {
        "config_general": {"model_config": {"model_name": model}},
        "results": {task: {"acc": 0.5, "acc_stderr": 0.1}, "all": {"acc": 0.5}},
        "versions": {task: 0},
    }
    put(folder / "results" / model / f"results_{TIME}.json", results)
    return file


def opencompass_log(folder: Path, model: str, dataset: str, content: Any) -> Path:
    put(folder / "predictions" / model / f"{dataset}.json", {"0": {"prediction": "1", "gold": "1"}})
    return put(folder / "results" / model / f"{dataset}.json", content)


def eee_line(name: str, identity: str, score: Any, model: str = "org/m-1", **more: Any) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0", "evaluation_id": "x", "model_id": model, "evaluation_name": name,
        "evaluation_result_id": name, "sample_id": identity, "sample_hash": doc_hash({"of": name + identity}),
        "interaction_type": "single_turn", "input": {"raw": "", "reference": []}, "output": {"raw": []},
        "answer_attribution": [], "evaluation": {"score": score, "is_correct": score == 1.0},
    } | more  # fmt: skip


def eee_log(
    folder: Path, uuid: str, results: Sequence[Mapping[str, Any]], lines: Sequence[Any], model: str = "org/m-1"
) -> Path:
    record = {
        "schema_version": "0.3.0", "evaluation_id": "x", "retrieved_timestamp": "1930000000",
        "model_info": {"name": model, "id": model}, "evaluation_results": [dict(result) for result in results],
    }  # fmt: skip
    put(folder / f"{uuid}.json", record)
    return put(folder / f"{uuid}_samples.jsonl", list(lines))


def eee_result(name: str, score: float, metric: str = "accuracy", **config: Any) -> dict[str, Any]:
    return {
        "evaluation_name": name,
        "evaluation_result_id": config.pop("result_id", name),
        "source_data": {"dataset_name": "one/set", "source_type": "other"},
        "metric_config": {"metric_id": metric, "lower_is_better": False, "max_score": 1.0} | config,
        "score_details": {"score": score},
    }


def rates(ladder: Any, benchmark: str, model: str) -> dict[str, float]:
    """Pass rates by question."""
    items = ladder.items[(ladder.items["benchmark"] == benchmark) & (ladder.items["model"] == model)]
    return dict(zip(items["question_id"], items["n_correct"] / items["n_trials"], strict=True))


def noted(ladder: Any, *texts: str) -> bool:
    """Whether one note holds all the texts."""
    return any(all(text in note for text in texts) for note in ladder.notes)
