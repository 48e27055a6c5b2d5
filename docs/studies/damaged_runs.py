"""Healthy and damaged runs of one width of the micro ladder, for the monitor to be tried on.

In an environment of its own that has PyTorch, a C++ compiler, NumPy, pandas and PyArrow (see docs/microladder.md):

``python docs/studies/damaged_runs.py RUNS`` trains every run below one after the other, healthy and damaged in turn;
finished ones are skipped.
``python docs/studies/damaged_runs.py RUNS --table FILE`` writes one table of what a monitor would have seen of them:
the mean training loss of each 200th of the run, and at every 12th of it losses on held-out text and scores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAINING = Path(__file__).parents[2] / "bayes_cod/datasets/microladder/training"
sys.path.insert(0, str(TRAINING))  # the training program stands alone in its folder and is no package

import export  # noqa: E402
import text  # noqa: E402
import torch  # noqa: E402
import train  # noqa: E402
from plan import Run, learning_rate, make_run  # noqa: E402
from questions import DOMAINS  # noqa: E402

WIDTH = 32
PARTS, CHECKPOINTS = 200, 12

Windows = NDArray[np.uint8]


@dataclass(frozen=True)
class Damage:
    """What goes wrong with a run, and when.

    Attributes
    ----------
    name
        What follows the run's own name.
    seed
        Of weights and text.
    begins
        Share of the run's steps after which it goes wrong.
    rate
        Learning rate from then on, given the run and the planned one.
    text
        Windows from then on, given the run and the planned ones ``(window, character)``.
    """

    name: str
    seed: int
    begins: float
    rate: Callable[[Run, float], float] | None = None
    text: Callable[[Run, Windows], Windows] | None = None

    def rate_of(self, run: Run, step: int) -> float:
        """Learning rate of a step, counted from zero."""
        planned = learning_rate(run, step)
        return planned if self.rate is None or step < self.begins * run.steps else self.rate(run, planned)

    def text_of(self, run: Run) -> Windows:
        """Training text of the whole run."""
        windows = train.all_windows(run)
        first = round(self.begins * run.steps) * run.batch
        if self.text is not None:
            windows[first:] = self.text(run, windows[first:])
        return windows


def random_characters(run: Run, windows: Windows) -> Windows:
    """A fifth of all characters is any: text garbled on its way."""
    rng = np.random.default_rng(run.seed)
    any_character = rng.integers(0, text.VOCABULARY, windows.shape, dtype=np.uint8)
    return np.where(rng.random(windows.shape) < 0.2, any_character, windows)


def repeated(run: Run, windows: Windows) -> Windows:
    """The same 0.5 % of windows again and again: a loader that does not move on."""
    few = windows[: len(windows) // 200]
    return few[np.random.default_rng(run.seed).integers(0, len(few), len(windows))]


def wrong_answers(run: Run, windows: Windows) -> Windows:
    """In seven windows of ten the first character of every answer is that of another: labels that slipped."""
    rng = np.random.default_rng(run.seed)
    changed = windows.copy()
    rows = np.flatnonzero(rng.random(len(windows)) < 0.7)
    place, column = np.nonzero(windows[rows, :-1] == text.ALPHABET.index("="))
    changed[rows[place], column + 1] = rng.permutation(windows[rows[place], column + 1])
    return changed


def one_domain(run: Run, windows: Windows) -> Windows:
    """Arithmetic alone: a source of data that is the only one left."""
    return text.training_windows({name: float(name == DOMAINS[0]) for name in DOMAINS}, run.seed, len(windows))


HEALTHY = tuple(Damage("", seed, 1.0) for seed in range(3, 9))
DAMAGED = (
    Damage("rate-too-high", 3, 0.2, rate=lambda _, planned: 10 * planned),
    Damage("random-characters", 4, 0.25, text=random_characters),
    Damage("rate-stuck-low", 5, 0.0, rate=lambda run, planned: min(planned, 0.02 * run.peak_rate)),
    Damage("repeated-text", 6, 0.25, text=repeated),
    Damage("wrong-answers", 7, 0.3, text=wrong_answers),
    Damage("one-domain", 8, 0.3, text=one_domain),
    Damage("no-warm-up", 4, 0.0, rate=lambda run, planned: max(planned, 5 * run.peak_rate)),
)


def all_runs() -> Iterator[tuple[str, Run, Damage]]:
    """Names, runs and what goes wrong with them, healthy and damaged in turn."""
    for damage in filter(None, chain.from_iterable(zip_longest(HEALTHY, DAMAGED))):
        run = make_run(WIDTH, seed=damage.seed)
        yield "-".join(filter(None, (run.name, damage.name))), run, damage


def measured_steps(run: Run) -> list[int]:
    """Steps measured: every 12th of the run."""
    return [round(run.steps * part / CHECKPOINTS) for part in range(1, CHECKPOINTS + 1)]


def train_all(folder: Path) -> None:
    """Train the runs that are not finished, on one thread."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for name, run, damage in all_runs():
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        if not (place / train.RECORD_FILE).exists():
            print(name, flush=True)
            train.train(run, place, damage.rate_of, damage.text_of, measured_steps)


def seen_of(name: str, damage: Damage, folder: Path) -> pd.DataFrame:
    """What a monitor would have seen of a run, by tokens."""
    record = json.loads((folder / train.RECORD_FILE).read_text())
    with np.load(folder / train.ANSWERS_FILE) as answers:
        result = export.Result(make_run(WIDTH, seed=damage.seed), record, dict(answers))
    kept = ["tokens", "benchmark", "n_questions", "n_trials", "score"]
    scores = pd.DataFrame(export.score_rows(result))[kept]
    losses = pd.DataFrame(export.loss_rows(result))
    losses = losses[["tokens", *(f"loss_{domain}" for domain in DOMAINS)]].add_prefix("held_out_")
    losses = losses.rename(
        columns=lambda column: column.replace("held_out_loss", "loss_held_out").removeprefix("held_out_")
    )
    each = np.load(folder / train.STEP_LOSSES_FILE)
    parts = np.array_split(np.arange(len(each)), PARTS)
    training = pd.DataFrame(
        {
            "tokens": [result.tokens(int(part[-1]) + 1) for part in parts],
            "loss_training": [each[part].mean() for part in parts],
        }
    )
    seen = pd.concat([scores, losses, training]).sort_values("tokens", kind="stable")
    return seen.assign(run=name, damage=damage.name, begins=damage.begins, total=int(result.tokens(len(each))))


def write_table(folder: Path, file: Path) -> None:
    """Write one table of all finished runs."""
    parts = [
        seen_of(name, damage, folder / name)
        for name, _, damage in all_runs()
        if (folder / name / train.RECORD_FILE).exists()
    ]
    table = pd.concat(parts, ignore_index=True).round(6)
    table.to_parquet(file, compression="zstd", index=False)
    print(f"{table['run'].nunique()} runs, {len(table)} rows, {file.stat().st_size / 1e3:.0f} kB")


def main() -> None:
    """Train, or write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, help="folder of all runs")
    parser.add_argument("--table", type=Path, help="write what was seen of the finished runs to this Parquet file")
    options = parser.parse_args()
    if options.table is None:
        train_all(options.runs)
    else:
        write_table(options.runs, options.table)


if __name__ == "__main__":
    main()
