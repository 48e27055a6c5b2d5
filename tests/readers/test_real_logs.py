"""Real and synthetic logs beside the repository, and logs that harnesses write themselves where they are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import run
from log_makers import noted, put

from bayes_cod.readers.logs import READERS, read_logs, survey


@pytest.fixture
def logs(shared: Path) -> Path:
    folder = shared / "data" / "eval_logs"
    if not folder.is_dir():
        pytest.skip("the example logs are not here")
    return folder


COUNTS = {
    "lm_eval": {
        ("toy_add_gen", "toy/noisy-100M"): (12, 48),
        ("toy_add_gen", "toy/noisy-10M"): (12, 48),
        ("toy_add_mc", "toy/noisy-10M"): (12, 12),
    },
    "inspect": {
        ("toy_add", "mockllm/noisy-10M"): (8, 32),
        ("toy_add", "mockllm/noisy-100M"): (8, 32),
        ("inspect_evals/arc_easy", "ollama/qwen2.5:0.5b"): (3, 3),
        ("inspect_evals/pubmedqa", "openai/azure/gpt-4o-mini"): (2, 2),
    },
    "helm": {
        ("commonsense:dataset=hellaswag", "eleutherai/pythia-1b-v0"): (10, 10),
        ("mmlu:subject=philosophy", "openai/gpt2"): (10, 10),
    },
    "every_eval_ever": {("demo-source.demo_bench", "demo-org/demo-model"): (1, 1)},
    "olmes_synthetic": {("toy_add_mc", "toy-10M"): (12, 12), ("toy_add_mc", "toy-100M"): (12, 12)},
    "olmo_eval_synthetic": {("toy_add", "toy-10M"): (12, 48), ("toy_add", "toy-100M"): (12, 48)},
    "lighteval_synthetic": {("toy_add", "toy-10M"): (12, 12), ("toy_add", "toy-100M"): (12, 12)},
    "opencompass_synthetic": {("toy_add", "toy-10M"): (12, 12), ("toy_add", "toy-100M"): (12, 12)},
}
"""Questions and trials by folder, benchmark and model."""


@pytest.mark.parametrize("folder", COUNTS)
def test_counts_are_those_of_the_formats(folder: str, logs: Path) -> None:
    items = read_logs(logs / folder).items
    assert items is not None
    found = items.groupby(["benchmark", "model"]).agg(questions=("question_id", "size"), trials=("n_trials", "sum"))
    for key, expected in COUNTS[folder].items():
        assert tuple(found.loc[key]) == expected, key


def test_all_formats_in_one_folder(logs: Path) -> None:
    ladder = read_logs(logs)
    assert {job.reader.name for job in survey(logs).jobs} == {reader.name for reader in READERS}
    assert noted(ladder, "toy-10M on toy_add", "run more than once"), "three harnesses ran a task of this name"


def test_a_forecast_from_the_logs_of_four_models(tmp_path: Path, logs: Path) -> None:
    rows = "".join(f"noisy-{n}M,noisy,{n}M,{20 * n}M\n" for n in (10, 30, 100, 300, 3000))
    put(tmp_path / "models.csv", "model,family,params,tokens\n" + rows)
    asked = ("--models", tmp_path / "models.csv", "--target", "noisy-3000M", "--method", "exponential")
    code, text, error = run("forecast", logs / "lm_eval", *asked, "--out", tmp_path / "out")
    assert code == 0, error
    assert "every repeated answer counts" in text and (tmp_path / "out" / "report.html").is_file()


LM_EVAL = """
import sys
from lm_eval import simple_evaluate
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker

class Fake(LM):
    def loglikelihood(self, requests):
        return [(-float(len(r.args[1])) - 0.1 * i % 3, False) for i, r in enumerate(requests)]
    def loglikelihood_rolling(self, requests):
        raise NotImplementedError
    def generate_until(self, requests):
        return [["it is 7", "it is 8"][i % 2] for i, r in enumerate(requests)]

task = {
    "task": "made_up", "dataset_path": "json", "dataset_kwargs": {"data_files": {"test": sys.argv[1]}},
    "test_split": "test", "output_type": "multiple_choice", "doc_to_text": "{{question}}", "doc_to_target": "{{gold}}",
    "doc_to_choice": "{{choices}}", "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
results = simple_evaluate(model=Fake(), tasks=[task], log_samples=True, bootstrap_iters=0)
samples = results.pop("samples")
tracker = EvaluationTracker(output_path=sys.argv[2])
tracker.general_config_tracker.model_name = "org/fake"
tracker.general_config_tracker.model_name_sanitized = "org__fake"
tracker.save_results_aggregated(results=results, samples=samples)
tracker.save_results_samples(task_name="made_up", samples=samples["made_up"])
"""

INSPECT = """
import sys
from inspect_ai import Epochs, Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate

outputs = [ModelOutput.from_content("mockllm/fake", text) for text in ["7", "8"] * 10]
task = Task(
    dataset=MemoryDataset([Sample(id=f"q{i}", input="3 + 4?", target="7") for i in range(4)], name="made_up"),
    solver=generate(), scorer=match(), epochs=Epochs(3), name="made_up",
)
for form in ("eval", "json"):
    model = get_model("mockllm/fake", custom_outputs=list(outputs), memoize=False)
    eval(task, model=model, log_dir=f"{sys.argv[1]}/{form}", log_format=form, display="none")
"""


def _write(package: str, script: str, *arguments: object) -> None:
    pytest.importorskip(package, reason=f"{package} is not installed")
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, timeout=300)


@pytest.mark.slow
def test_what_lm_eval_writes_is_read(tmp_path: Path) -> None:
    rows = [{"question": f"what of {i}?", "choices": ["a", "bb", "ccc"], "gold": i % 3} for i in range(6)]
    data = put(tmp_path / "data.jsonl", rows)
    _write("lm_eval", LM_EVAL, data, tmp_path / "logs")
    ladder = read_logs(tmp_path / "logs")
    assert ladder.items is not None and len(ladder.items) == 6
    assert ladder.chance("made_up") == pytest.approx(1 / 3)
    assert ladder.scores is not None and ladder.scores["bpb"].notna().all()
    assert not noted(ladder, "the log states")


@pytest.mark.slow
def test_what_inspect_writes_is_read(tmp_path: Path) -> None:
    _write("inspect_ai", INSPECT, tmp_path / "logs")
    for form in ("eval", "json"):
        items = read_logs(tmp_path / "logs" / form).items
        assert items is not None
        assert items[["n_trials", "n_correct"]].sum().tolist() == [12, 6]
