"""Turn the records of finished runs into the shipped Parquet tables.

::

    python export.py --runs RUNS --data DATA

Only finished runs are exported; runs outside the plan are kept too.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from plan import Run, all_runs
from questions import DOMAINS, TASKS, benchmarks
from text import CONTEXT
from trials import TRIALS, draw_passes

ANSWERS_FILE = "answers.npz"
RECORD_FILE = "run.json"
NEIGHBOURS = 2
ANSWER_CHARACTERS = {
    name: np.array([len(question.answer) + 1 for question in questions]) for name, questions in benchmarks().items()
}


@dataclass(frozen=True)
class Result:
    """A finished run.

    Parameters
    ----------
    run : Run
        What was trained.
    record : dict
        Contents of the run's record.
    answers : dict of str to ndarray
        Log-probabilities of the right answers, by ``"step/benchmark"``.
    """

    run: Run
    record: dict[str, Any]
    answers: dict[str, np.ndarray]

    @property
    def steps(self) -> list[int]:
        """Measured steps, the last one being the end of the run."""
        return [checkpoint["step"] for checkpoint in self.record["checkpoints"]]

    def tokens(self, step: int) -> int:
        """Training tokens up to a step."""
        return step * self.record["batch"] * CONTEXT

    def passes(self, step: int, benchmark: str) -> np.ndarray:
        """Passes out of 100 trials of each question at a step."""
        probabilities = np.exp(self.answers[f"{step}/{benchmark}"])
        return draw_passes(probabilities, self.run.name, step, benchmark)


def load_results(folder: Path) -> list[Result]:
    """Finished runs in the order of the plan, then the others by name; the plan says what a planned run is for."""
    planned = {run.name: run for run in all_runs()}
    order = {name: place for place, name in enumerate(planned)}
    results = []
    for path in folder.glob(f"*/{RECORD_FILE}"):
        record = json.loads(path.read_text())
        run = planned.get(path.parent.name) or Run(**record["run"] | {"weights": tuple(record["run"]["weights"])})
        with np.load(path.parent / ANSWERS_FILE) as archive:
            results.append(Result(run, record, dict(archive)))
    return sorted(results, key=lambda r: (order.get(r.run.name, len(order)), r.run.name))


def model_row(result: Result) -> dict[str, Any]:
    """Row of a run in the table of models."""
    run, record = result.run, result.record
    tokens = result.tokens(result.steps[-1])
    return {
        "model": run.name,
        "family": run.family,
        "part": run.part,
        "split": run.split,
        "rung": run.rung,
        "seed": run.seed,
        "width": run.width,
        "layers": run.layers,
        "params": record["params"],
        "tokens": tokens,
        "flops": float(tokens * record["flops_per_token"]),
        "flops_per_token": record["flops_per_token"],
        "context": CONTEXT,
        "schedule": run.schedule,
        "lr_peak": record["lr_peak"],
        "mixture": run.mixture,
        **{f"mix_{domain}": run.domain_weights[domain] for domain in DOMAINS},
        "wall_seconds": record["wall_seconds"],
    }


def loss_rows(result: Result) -> Iterator[dict[str, Any]]:
    """Rows of a run in the table of losses, one per checkpoint."""
    for checkpoint in result.record["checkpoints"]:
        yield {
            **checkpoint_columns(result, checkpoint["step"]),
            "lr": checkpoint["lr"],
            **{f"loss_{domain}": checkpoint["losses"][domain] for domain in DOMAINS},
        }


def checkpoint_columns(result: Result, step: int) -> dict[str, Any]:
    """Columns that tell one checkpoint from another."""
    tokens = result.tokens(step)
    return {
        "model": result.run.name,
        "step": step,
        "tokens": tokens,
        "flops": float(tokens * result.record["flops_per_token"]),
        "is_final": step == result.steps[-1],
    }


def score_rows(result: Result) -> Iterator[dict[str, Any]]:
    """Rows of a run in the table of scores, one per checkpoint and benchmark."""
    for step in result.steps:
        for task in TASKS:
            passes = result.passes(step, task.name)
            nats = -result.answers[f"{step}/{task.name}"].sum()
            trials = TRIALS * passes.size
            yield {
                **checkpoint_columns(result, step),
                "benchmark": task.name,
                "n_questions": passes.size,
                "n_trials": trials,
                "n_correct": passes.sum(),
                "score": passes.sum() / trials,
                "chance": task.chance,
                "bpb": nats / np.log(2) / ANSWER_CHARACTERS[task.name].sum(),
            }


def item_frame(result: Result, step: int) -> pd.DataFrame:
    """Passes of every question of a run at one step."""
    frames = [
        pd.DataFrame(
            {
                "benchmark": name,
                "question_id": [question.question_id for question in questions],
                "model": result.run.name,
                "step": step,
                "n_trials": TRIALS,
                "n_correct": result.passes(step, name),
            }
        )
        for name, questions in benchmarks().items()
    ]
    return pd.concat(frames, ignore_index=True)


def compact(frame: pd.DataFrame) -> pd.DataFrame:
    """Store names as categories and counts as small integers."""
    names = ["benchmark", "question_id", "model"]
    counts = {"n_trials": "int16", "n_correct": "int16"}
    if "step" in frame:
        counts["step"] = "int32"
    return frame.astype(counts | dict.fromkeys(names, "category"))


def final_items(results: list[Result]) -> pd.DataFrame:
    """Passes of every question of these runs at their last checkpoint."""
    frames = [item_frame(result, result.steps[-1]) for result in results]
    return compact(pd.concat(frames).drop(columns="step"))


def question_tables() -> dict[str, pd.DataFrame]:
    """Tables that do not depend on any run."""
    rows = [
        {
            "benchmark": task.name,
            "domain": task.domain,
            "chance": task.chance,
            "n_questions": len(benchmarks()[task.name]),
            "description": task.description,
        }
        for task in TASKS
    ]
    asked = [
        {
            "benchmark": question.benchmark,
            "question_id": question.question_id,
            "prompt": question.prompt,
            "answer": question.answer,
            "difficulty": question.level,
        }
        for questions in benchmarks().values()
        for question in questions
    ]
    return {"benchmarks": pd.DataFrame(rows), "questions": pd.DataFrame(asked)}


def result_tables(results: list[Result]) -> dict[str, pd.DataFrame]:
    """Tables of the finished runs.

    Parameters
    ----------
    results : list of Result
        Finished runs, at least one of them of the main part.

    Returns
    -------
    dict of str to DataFrame
        Tables by the name of their file.
    """
    main = [result for result in results if result.run.part == "main"]
    other = [result for result in results if result.run.part != "main"]
    neighbours = [
        item_frame(result, step).assign(checkpoint=step / result.steps[-1])
        for result in main
        for step in result.steps[-1 - NEIGHBOURS : -1]
    ]
    tables = {
        "models": pd.DataFrame(map(model_row, results)),
        "losses": pd.DataFrame(row for result in results for row in loss_rows(result)),
        "scores": pd.DataFrame(row for result in results for row in score_rows(result)),
        "items": final_items(main),
        "items_neighbours": compact(pd.concat(neighbours)),
    }
    return tables | ({"items_other": final_items(other)} if other else {})


def write_tables(tables: dict[str, pd.DataFrame], folder: Path) -> None:
    """Write each table by way of a temporary file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        temporary = folder / f".{name}.tmp"
        table.to_parquet(temporary, compression="zstd", compression_level=19, index=False)
        temporary.replace(folder / f"{name}.parquet")


def main() -> None:
    """Export all finished runs of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    options = parser.parse_args()
    results = load_results(options.runs)
    write_tables(question_tables() | result_tables(results), options.data)
    print(f"exported {len(results)} runs to {options.data}")


if __name__ == "__main__":
    main()
