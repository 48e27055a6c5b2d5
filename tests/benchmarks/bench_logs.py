"""How fast and in how much memory logs are read; run by hand, not by `make test`.

    python tests/benchmarks/bench_logs.py trials --rows 100_000_000
    python tests/benchmarks/bench_logs.py lm-eval --bytes 1_000_000_000

Each makes its input in a temporary folder, then measures a process of its own that does nothing but read.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BOUNDS = {"trials": (90.0, 2048), "lm-eval": (60.0, 1024)}
"""Seconds and MiB."""

COLUMNS = {"benchmark": "benchmark", "question_id": "question_id", "model": "model", "correct": "correct"}


def make_trials(folder: Path, rows: int, questions: int = 20_000, models: int = 20) -> None:
    """One row a trial, in Parquet files of five million."""
    random = np.random.default_rng(0)
    names = pa.array([f"benchmark-{i:02d}" for i in range(10)])
    ids = pa.array([f"question-{i:06d}" for i in range(questions)])
    sizes = pa.array([f"model-{i:02d}" for i in range(models)])
    for part, start in enumerate(range(0, rows, 5_000_000)):
        n = min(5_000_000, rows - start)
        question = random.integers(0, questions, n)
        table = pa.table(
            {
                "benchmark": names.take(pa.array(question % 10)),
                "question_id": ids.take(pa.array(question)),
                "model": sizes.take(pa.array(random.integers(0, models, n))),
                "correct": random.random(n) < 0.4,
            }
        )
        pq.write_table(table, folder / f"{part:03d}.parquet")


def make_samples(folder: Path, size: int, models: int = 4) -> None:
    """Multiple-choice samples of lm-evaluation-harness with prompts of several examples, split over models."""
    random = np.random.default_rng(0)
    words = [f"word{i}" for i in range(500)]
    for model in range(models):
        place = folder / f"org__m-{model}"
        place.mkdir()
        written, index = 0, 0
        with (place / "samples_quiz_2031-01-01T00-00-00.000000.jsonl").open("w") as file:
            while written < size / models:
                text = " ".join(words[i] for i in random.integers(0, 500, 60))
                doc = {"question": f"{index} {text}", "choices": ["a", "b", "c", "d"], "gold": index % 4}
                gold = random.random() < 0.3 + 0.1 * model
                pairs = [[str(-1.0 - float(i != index % 4) * (1 if gold else -1)), "False"] for i in range(4)]
                line = {
                    "doc_id": index,
                    "doc": doc,
                    "target": str(index % 4),
                    "arguments": {f"gen_args_{i}": {"arg_0": text, "arg_1": f" {'abcd'[i]}"} for i in range(4)},
                    "resps": [[pair] for pair in pairs],
                    "filtered_resps": pairs,
                    "filter": "none",
                    "metrics": ["acc", "acc_norm"],
                    "doc_hash": hashlib.sha256(f"{index}".encode()).hexdigest(),
                    "prompt_hash": hashlib.sha256(text.encode()).hexdigest(),
                    "target_hash": "0" * 64,
                    "acc": float(gold),
                    "acc_norm": float(gold),
                }
                written += file.write(json.dumps(line) + "\n")
                index += 1


def read(kind: str, folder: Path) -> None:
    """Read, and print seconds, MiB and what came out."""
    start, used = time.perf_counter(), time.process_time()
    if kind == "trials":
        from bayes_cod.readers.aggregate import aggregate_trials

        files = sorted(folder.glob("*.parquet"))
        n = aggregate_trials(files, folder / "items.out", COLUMNS, spill=folder, threads=2)
    else:
        from bayes_cod.readers.logs import read_logs

        items = read_logs(folder).items
        n = 0 if items is None else len(items)
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({"kind": kind, "seconds": round(seconds, 1), "cpu": round(cpu, 1), "mib": memory, "items": n}))


def main() -> None:
    """Make an input and measure its reading."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=list(BOUNDS))
    parser.add_argument("--rows", type=int, default=100_000_000)
    parser.add_argument("--bytes", type=int, default=1_000_000_000)
    parser.add_argument("--folder", type=Path, help="read this one, made before")
    given = parser.parse_args()
    if given.folder is not None:
        read(given.kind, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.kind == "trials":
            make_trials(folder, given.rows)
        else:
            make_samples(folder, given.bytes)
        command = [sys.executable, __file__, given.kind, "--folder", name]
        done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        seconds, mib = BOUNDS[given.kind]
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        done["input MB"] = round(size / 1e6)
        done["held"] = done["seconds"] < seconds and done["mib"] < mib
        print(json.dumps(done))


if __name__ == "__main__":
    main()
