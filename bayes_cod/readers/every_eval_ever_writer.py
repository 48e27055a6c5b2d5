"""A ladder's results as Every Eval Ever records (schema 0.3.0): an aggregate file and one of samples for each model."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.errors import cannot_write
from bayes_cod.ladder import Ladder

SCHEMA_VERSION = "0.3.0"
_SOURCE = "bayes_cod"
_UNKNOWN = {"deployment_type": "unknown", "model_availability": "unknown"}


def write_every_eval_ever(ladder: Ladder, folder: Path, *, retrieved: int, version: str) -> list[Path]:
    """Write a ladder's items and scores: all files are complete before the first appears.

    A question is one line with its pass rate as the score; ``metadata`` keeps the counts (``n_trials``, ``n_correct``),
    so that reading the files again gives the same items. Questions' texts are not part of a ladder and stay empty.

    Parameters
    ----------
    ladder
        Its items, and scores of benchmarks without items.
    folder
        Where ``data/bayes_cod/<developer>/<model>/<uuid>.json`` and ``<uuid>_samples.jsonl`` go.
    retrieved
        Time of the record in seconds since 1970.
    version
        Version of this package.

    Returns
    -------
    list[Path]
        Files written.

    Raises
    ------
    InputError
        If the folder can't be written to.
    """
    written: list[Path] = []
    items = ladder.items
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".part", dir=folder) as name:
            part = Path(name)
            for model in sorted(ladder.evaluated):
                own = items[items["model"] == model] if items is not None else pd.DataFrame(columns=["benchmark"])
                scores = ladder.scores[ladder.scores["model"] == model] if ladder.scores is not None else own.iloc[:0]
                written += _write_model(model, own, scores, part, retrieved, version)
            for file in written:
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (part / file).replace(folder / file)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return [folder / file for file in written]


def _write_model(
    model: str, items: pd.DataFrame, scores: pd.DataFrame, folder: Path, retrieved: int, version: str
) -> list[Path]:
    identity = model if "/" in model else f"unknown/{model}"
    developer, _, short = identity.partition("/")
    evaluation = f"{_SOURCE}/{_safe(identity.replace('/', '_'))}/{retrieved}"
    lines = [_sample(row, evaluation, model) for row in _rows(items)]
    samples = "".join(json.dumps(line, ensure_ascii=True) + "\n" for line in lines)
    name = str(uuid.UUID(bytes=hashlib.sha256(f"{evaluation}\0{samples}".encode()).digest()[:16], version=4))
    place = Path("data") / _SOURCE / _safe(developer) / _safe(short)
    results = [_of_items(str(benchmark), own) for benchmark, own in items.groupby("benchmark", sort=True)]
    known = set(items["benchmark"].astype(str))
    results += [_of_score(row) for row in _rows(scores) if str(row["benchmark"]) not in known]
    record: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        "retrieved_timestamp": str(retrieved),
        "source_metadata": {
            "source_name": _SOURCE,
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": _SOURCE, "version": version},
        "model_info": {"name": short, "id": model, "developer": developer, "additional_details": _UNKNOWN},
        "evaluation_results": results,
    }
    target = folder / place
    target.mkdir(parents=True, exist_ok=True)
    written = []
    if lines:
        record["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": (place / f"{name}_samples.jsonl").as_posix(),
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(samples.encode()).hexdigest(),
            "total_rows": len(lines),
        }
        (target / f"{name}_samples.jsonl").write_text(samples, encoding="utf-8")
        written.append(place / f"{name}_samples.jsonl")
    (target / f"{name}.json").write_text(json.dumps(record, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return [*written, place / f"{name}.json"]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _safe(name: str) -> str:
    """A part of a path: letters, digits and ``. _ -``, never a step upwards."""
    cleaned = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100]
    return cleaned if cleaned.strip(".") else f"_{cleaned}"


def _sample(row: dict[str, Any], evaluation: str, model: str) -> dict[str, Any]:
    trials, passes = int(row["n_trials"]), int(row["n_correct"])
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": evaluation,
        "model_id": model,
        "evaluation_name": str(row["benchmark"]),
        "evaluation_result_id": str(row["benchmark"]),
        "sample_id": str(row["question_id"]),
        "interaction_type": "single_turn",
        "input": {"raw": "", "reference": []},
        "output": {"raw": []},
        "answer_attribution": [],
        "evaluation": {"score": passes / trials, "is_correct": passes == trials},
        "metadata": {"n_trials": str(trials), "n_correct": str(passes)},
    }


def _of_items(benchmark: str, items: pd.DataFrame) -> dict[str, Any]:
    rates = items["n_correct"].to_numpy(dtype=float) / items["n_trials"].to_numpy(dtype=float)
    error = float(rates.std(ddof=1) / np.sqrt(len(rates))) if len(rates) > 1 else None
    uncertainty: dict[str, Any] = {"num_samples": len(rates)}
    if error is not None:
        uncertainty["standard_error"] = {"value": error, "method": "analytic"}
    return _result(benchmark, float(rates.mean())) | {
        "score_details": {"score": float(rates.mean()), "uncertainty": uncertainty}
    }


def _of_score(row: dict[str, Any]) -> dict[str, Any]:
    result = _result(str(row["benchmark"]), float(row["score"]))
    questions = row.get("n_questions")
    if questions is not None and np.isfinite(questions):
        result["score_details"]["uncertainty"] = {"num_samples": int(questions)}
    return result


def _result(benchmark: str, score: float) -> dict[str, Any]:
    return {
        "evaluation_result_id": benchmark,
        "evaluation_name": benchmark,
        "source_data": {"dataset_name": benchmark.partition("@")[0], "source_type": "other"},
        "metric_config": {
            "metric_id": "accuracy",
            "metric_unit": "proportion",
            "lower_is_better": False,
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {"score": score},
    }
