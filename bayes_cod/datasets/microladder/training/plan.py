"""The runs of the micro ladder: names, sizes, tokens, seeds, schedules, mixtures."""

import math
from dataclasses import dataclass

from compute import flops_per_token, matmul_params, total_params
from questions import DOMAINS
from text import CONTEXT, VOCABULARY

LAYERS = 2
HEADS = 2
TOKENS_PER_PARAMETER = 200
WARMUP = 0.05
FINAL_RATE = 0.1

RUNGS = (12, 16, 20, 24, 32, 40, 48, 60, 72, 88)
TARGETS = (104, 128)
SEEDS_UP_TO = {0: 128, 1: 88, 2: 60}  # largest width trained with each seed
CONSTANT_WIDTHS = (16, 24, 32, 40)
GRID_WIDTHS = (12, 16, 24, 32)
GRID_TOKENS_PER_PARAMETER = (50, 800)
MIXTURE_WIDTHS = (12, 16, 24)
HOLDOUT_WIDTH = 40

DEFAULT_MIXTURE = "default"
MIXTURES: dict[str, tuple[float, float, float]] = {
    DEFAULT_MIXTURE: (0.40, 0.30, 0.30),
    "pure-a": (0.98, 0.01, 0.01),
    "pure-s": (0.01, 0.98, 0.01),
    "pure-l": (0.01, 0.01, 0.98),
    "heavy-a": (0.80, 0.10, 0.10),
    "heavy-s": (0.10, 0.80, 0.10),
    "heavy-l": (0.10, 0.10, 0.80),
    "half-a": (0.50, 0.25, 0.25),
    "half-s": (0.25, 0.50, 0.25),
    "half-l": (0.25, 0.25, 0.50),
    "pair-as": (0.49, 0.49, 0.02),
    "pair-al": (0.49, 0.02, 0.49),
    "pair-sl": (0.02, 0.49, 0.49),
    "lean-a": (0.10, 0.45, 0.45),
    "lean-s": (0.45, 0.10, 0.45),
    "lean-l": (0.45, 0.45, 0.10),
}
HOLDOUT_MIXTURES: dict[str, tuple[float, float, float]] = {
    "unseen-1": (0.60, 0.30, 0.10),
    "unseen-2": (0.10, 0.60, 0.30),
    "unseen-3": (0.30, 0.10, 0.60),
    "unseen-4": (0.70, 0.05, 0.25),
    "unseen-5": (0.25, 0.70, 0.05),
    "unseen-6": (0.05, 0.25, 0.70),
}


@dataclass(frozen=True)
class Run:
    """One training run.

    Parameters
    ----------
    name : str
        Unique name of the trained model.
    part : str
        ``main``, ``constant_lr``, ``grid`` or ``mixtures``.
    split : str
        ``ladder``, ``target`` or ``holdout``.
    family : str
        Models that one scaling curve goes through.
    width, tokens, seed, layers : int
        Shape of the model, training tokens, and seed of weights and text.
    schedule : str
        ``cosine`` or ``constant``, both after a linear warm-up.
    mixture : str
        Name of the mixture of domains.
    weights : tuple of float
        Weights of the domains, in the order of ``DOMAINS``.
    """

    name: str
    part: str
    split: str
    family: str
    width: int
    tokens: int
    seed: int
    schedule: str
    mixture: str
    weights: tuple[float, ...]
    layers: int

    @property
    def params(self) -> int:
        """Weights of the model, with the input embedding."""
        return total_params(self.width, self.layers, VOCABULARY)

    @property
    def flops_per_token(self) -> int:
        """Training FLOPs per token."""
        return flops_per_token(self.width, self.layers, VOCABULARY, CONTEXT)

    @property
    def batch(self) -> int:
        """Windows per step: half the square root of the run's tokens, in tokens."""
        return max(1, round(math.sqrt(self.tokens) / (2 * CONTEXT)))

    @property
    def steps(self) -> int:
        """Optimiser steps of the run."""
        return round(self.tokens / (self.batch * CONTEXT))

    @property
    def peak_rate(self) -> float:
        """Peak learning rate, falling with width."""
        return 0.017 * (16 / self.width) ** 0.7

    @property
    def domain_weights(self) -> dict[str, float]:
        """Weight of each domain by name."""
        return dict(zip(DOMAINS, self.weights, strict=True))

    @property
    def rung(self) -> int:
        """Place of the width among the main widths, the targets last; -1 if new."""
        widths = (*RUNGS, *TARGETS)
        return widths.index(self.width) if self.width in widths else -1


def learning_rate(run: Run, step: int) -> float:
    """Learning rate of a step, counted from zero."""
    warmup = max(1, round(WARMUP * run.steps))
    if step < warmup:
        return run.peak_rate * (step + 1) / warmup
    if run.schedule == "constant":
        return run.peak_rate
    progress = (step - warmup) / max(1, run.steps - warmup)
    cosine = (1 + math.cos(math.pi * progress)) / 2
    return run.peak_rate * (FINAL_RATE + (1 - FINAL_RATE) * cosine)


def checkpoint_steps(run: Run) -> tuple[int, ...]:
    """Steps measured: half octaves of tokens up to the end, and 96 % and 98 %."""
    fractions = [2 ** (-i / 2) for i in range(13)] + [0.96, 0.98]
    return tuple(sorted({round(fraction * run.steps) for fraction in fractions}))


def make_run(
    width: int,
    part: str = "main",
    split: str = "ladder",
    seed: int = 0,
    layers: int = LAYERS,
    tokens: int | None = None,
    schedule: str = "cosine",
    mixture: str = DEFAULT_MIXTURE,
) -> Run:
    """Name a run and the family it belongs to.

    Parameters
    ----------
    width, seed, layers : int
        Shape of the model, and seed of weights and text.
    part, split : str
        Part of the ladder, and use of the run within it.
    tokens : int, optional
        Training tokens; by default 200 for each matrix parameter.
    schedule, mixture : str
        Learning-rate schedule and name of the mixture.

    Returns
    -------
    Run
        The run, ready to train.
    """
    parameters = matmul_params(width, layers, VOCABULARY)
    if tokens is None:
        tokens = TOKENS_PER_PARAMETER * parameters
    ratio = round(tokens / parameters)
    name, family = {
        "main": (f"s{seed}", f"s{seed}"),
        "mixtures": (f"mix-{mixture}", f"mix-{mixture}"),
        "grid": (f"t{ratio}", f"grid-{ratio}"),
        "constant_lr": ("constant", "constant"),
    }[part]
    deeper = f"l{layers}" if layers != LAYERS else ""
    again = f"-s{seed}" if seed and part != "main" else ""
    return Run(
        name=f"w{width}{deeper}-{name}{again}",
        part=part,
        split=split,
        family=f"micro-{family}{again}{deeper and '-' + deeper}",
        width=width,
        tokens=tokens,
        seed=seed,
        schedule=schedule,
        mixture=mixture,
        weights=(MIXTURES | HOLDOUT_MIXTURES)[mixture],
        layers=layers,
    )


def main_runs() -> list[Run]:
    """Main part, seed by seed from small to large."""
    return [
        make_run(width, seed=seed, split="target" if width in TARGETS else "ladder")
        for seed, largest in SEEDS_UP_TO.items()
        for width in (*RUNGS, *TARGETS)
        if width <= largest
    ]


def mixture_runs() -> list[Run]:
    """Mixtures at the small widths, then the unseen ones at the larger width."""
    small = [make_run(width, "mixtures", mixture=mixture) for width in MIXTURE_WIDTHS for mixture in MIXTURES]
    unseen = [
        make_run(HOLDOUT_WIDTH, "mixtures", "holdout", mixture=mixture)
        for mixture in (DEFAULT_MIXTURE, *HOLDOUT_MIXTURES)
    ]
    return small + unseen


def grid_runs() -> list[Run]:
    """Other ratios of tokens to parameters."""
    return [
        make_run(width, "grid", tokens=ratio * matmul_params(width, LAYERS, VOCABULARY))
        for ratio in GRID_TOKENS_PER_PARAMETER
        for width in GRID_WIDTHS
    ]


def all_runs() -> list[Run]:
    """All runs of the shipped tables, in the order of training."""
    constant = [make_run(width, "constant_lr", schedule="constant") for width in CONSTANT_WIDTHS]
    return main_runs() + mixture_runs() + grid_runs() + constant
