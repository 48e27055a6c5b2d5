"""Train runs of the micro ladder and record their checkpoints.

All runs of the plan, by as many processes at once as wanted::

    python train.py --out RUNS

One run of the plan, or a rung of a new width::

    python train.py --out RUNS --name w12-s0
    python train.py --out RUNS --width 28 --seed 0

Finished runs are skipped, interrupted runs go on from their last saved state.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from evaluate import measure
from locks import locked
from model import Transformer
from numpy.typing import NDArray
from plan import (
    DEFAULT_MIXTURE,
    HEADS,
    HOLDOUT_MIXTURES,
    LAYERS,
    MIXTURES,
    Run,
    all_runs,
    checkpoint_steps,
    learning_rate,
    make_run,
)
from text import CONTEXT, VOCABULARY, training_windows
from torch import Tensor

SAVE_SECONDS = 60.0
STATE_FILE = "state.pt"
RECORD_FILE = "run.json"
ANSWERS_FILE = "answers.npz"
STEP_LOSSES_FILE = "step_losses.npy"


@dataclass
class Progress:
    """What a run has done so far.

    Parameters
    ----------
    step : int
        Optimiser steps done.
    seconds : float
        Wall time spent on them.
    step_losses : list of float
        Loss on the batch of every step, in nats per character.
    checkpoints : list of dict
        Step, tokens, learning rate and losses of every measured checkpoint.
    answers : dict of str to ndarray
        Log-probabilities of the right answers, by ``"step/benchmark"``.
    """

    step: int = 0
    seconds: float = 0.0
    step_losses: list[float] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, np.ndarray] = field(default_factory=dict)


def optimiser_for(model: Transformer, run: Run) -> torch.optim.AdamW:
    """AdamW with weight decay on the matrices of the blocks alone."""
    groups = [
        {"params": list(model.blocks.parameters()), "weight_decay": 0.1},
        {"params": [model.embed.weight, model.head.weight], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=run.peak_rate, betas=(0.9, 0.98), fused=True)


def record(run: Run, model: Transformer, progress: Progress, rate: float) -> None:
    """Measure the model and add the checkpoint to the run's progress, with the learning rate of its last step."""
    losses, answers = measure(model)
    step = progress.step
    progress.checkpoints.append(
        {
            "step": step,
            "tokens": step * run.batch * CONTEXT,
            "lr": rate,
            "losses": losses,
        }
    )
    progress.answers |= {f"{step}/{name}": values for name, values in answers.items()}


def save_state(path: Path, model: Transformer, optimiser: torch.optim.Optimizer, progress: Progress) -> None:
    """Write everything needed to go on with a run, atomically."""
    state = {
        "model": model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "progress": vars(progress),
    }
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_state(path: Path, model: Transformer, optimiser: torch.optim.Optimizer) -> Progress:
    """Restore a saved run, or start a new one if there is none."""
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=False)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return Progress(**state["progress"])


def write_results(folder: Path, run: Run, progress: Progress) -> None:
    """Write a finished run; its record comes last and marks it as complete."""
    np.savez_compressed(folder / ANSWERS_FILE, **progress.answers)
    np.save(folder / STEP_LOSSES_FILE, np.array(progress.step_losses, dtype=np.float32))
    contents = {
        "run": vars(run),
        "steps": run.steps,
        "batch": run.batch,
        "lr_peak": run.peak_rate,
        "params": run.params,
        "flops_per_token": run.flops_per_token,
        "wall_seconds": round(progress.seconds, 1),
        "checkpoints": progress.checkpoints,
    }
    temporary = folder / "run.tmp"
    temporary.write_text(json.dumps(contents, indent=1))
    temporary.replace(folder / RECORD_FILE)
    (folder / STATE_FILE).unlink(missing_ok=True)


def all_windows(run: Run) -> NDArray[np.uint8]:
    """Training text of the whole run, in the order of its steps."""
    return training_windows(run.domain_weights, run.seed, run.steps * run.batch)


def train(
    run: Run,
    folder: Path,
    rate_of: Callable[[Run, int], float] = learning_rate,
    text_of: Callable[[Run], NDArray[np.uint8]] = all_windows,
    measured_of: Callable[[Run], Iterable[int]] = checkpoint_steps,
) -> None:
    """Train one run and write its results.

    Parameters
    ----------
    run : Run
        What to train.
    folder : Path
        Folder of the run's files.
    rate_of, text_of, measured_of : callable
        Learning rate of a step, text of all steps, and steps measured; by default those of the plan.
    """
    torch.compiler.reset()
    torch.manual_seed(run.seed)
    model = Transformer(VOCABULARY, run.width, run.layers, HEADS, CONTEXT)
    optimiser = optimiser_for(model, run)
    progress = load_state(folder / STATE_FILE, model, optimiser)
    started = saved = time.monotonic() - progress.seconds
    windows = text_of(run)
    measured = set(measured_of(run))

    @torch.compile(dynamic=False)
    def loss_of(codes: Tensor) -> Tensor:
        logits = model(codes[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), codes[:, 1:].flatten())

    while progress.step < run.steps:
        rate = rate_of(run, progress.step)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = windows[progress.step * run.batch : (progress.step + 1) * run.batch]
        loss = loss_of(torch.from_numpy(rows.astype(np.int64)))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()
        progress.step += 1
        progress.step_losses.append(loss.item())
        progress.seconds = time.monotonic() - started
        if progress.step in measured:
            record(run, model, progress, rate)
        if time.monotonic() - saved > SAVE_SECONDS:
            save_state(folder / STATE_FILE, model, optimiser, progress)
            saved = time.monotonic()
    progress.seconds = time.monotonic() - started
    write_results(folder, run, progress)
    last = progress.checkpoints[-1]["losses"]
    shown = " ".join(f"{domain}={loss:.4f}" for domain, loss in last.items())
    print(f"{run.name}: {progress.seconds:.0f} s, {shown}", flush=True)


def new_run(options: argparse.Namespace) -> Run:
    """Run described by the command line instead of the plan."""
    part = "main"
    if options.mixture != DEFAULT_MIXTURE:
        part = "mixtures"
    elif options.schedule == "constant":
        part = "constant_lr"
    elif options.tokens is not None:
        part = "grid"
    return make_run(
        options.width,
        part,
        seed=options.seed,
        layers=options.layers,
        tokens=options.tokens,
        schedule=options.schedule,
        mixture=options.mixture,
    )


def wanted_runs(options: argparse.Namespace) -> list[Run]:
    """Runs that the command line asks for."""
    if options.width is not None:
        return [new_run(options)]
    if not options.name:
        return all_runs()
    planned = {run.name: run for run in all_runs()}
    return [planned[name] for name in options.name]


def parse_options() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of all runs")
    parser.add_argument("--name", nargs="*", help="planned runs to train (all)")
    parser.add_argument("--width", type=int, help="train a new run of this width")
    parser.add_argument("--layers", type=int, default=LAYERS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, help="(200 per matrix parameter)")
    parser.add_argument("--schedule", choices=("cosine", "constant"), default="cosine")
    parser.add_argument("--mixture", choices=(*MIXTURES, *HOLDOUT_MIXTURES), default=DEFAULT_MIXTURE)
    return parser.parse_args()


def main() -> None:
    """Train the wanted runs one after another on one thread."""
    options = parse_options()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for run in wanted_runs(options):
        folder = options.out / run.name
        with locked(folder) as free:
            if free and not (folder / RECORD_FILE).exists():
                train(run, folder)


if __name__ == "__main__":
    main()
