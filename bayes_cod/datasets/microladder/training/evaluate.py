"""Held-out losses and pass probabilities of a model."""

from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from model import Transformer
from numpy.typing import NDArray
from questions import DOMAINS, END_OF_LINE, benchmarks
from text import encode, held_out_windows
from torch import Tensor


@cache
def question_tensors(benchmark: str) -> tuple[Tensor, Tensor]:
    """Codes of a benchmark's lines, padded, and the mask of answer characters.

    A line is a newline, the prompt, the answer and the closing newline. The
    mask covers the targets that belong to the answer and the closing newline.
    """
    lines, masks = [], []
    for question in benchmarks()[benchmark]:
        lines.append(END_OF_LINE + question.prompt + question.answer + END_OF_LINE)
        masks.append([0] * len(question.prompt) + [1] * (len(question.answer) + 1))
    longest = max(map(len, lines))
    codes = np.stack([encode(line.ljust(longest, END_OF_LINE)) for line in lines])
    mask = torch.tensor([row + [0] * (longest - 1 - len(row)) for row in masks])
    return torch.from_numpy(codes.astype(np.int64)), mask.double()


@torch.no_grad()
def log_probabilities(model: Transformer, benchmark: str) -> NDArray[np.float64]:
    """Log-probability of each right answer, with its closing newline.

    Its exponential is the exact probability that an answer sampled at
    temperature one is right.
    """
    codes, mask = question_tensors(benchmark)
    scores = F.log_softmax(model(codes[:, :-1]).double(), dim=-1)
    picked = scores.gather(-1, codes[:, 1:, None]).squeeze(-1)
    return (picked * mask).sum(dim=1).numpy()


@torch.no_grad()
def held_out_loss(model: Transformer, domain: str) -> float:
    """Mean loss on a domain's held-out text, in nats per character."""
    codes = torch.from_numpy(held_out_windows(domain).astype(np.int64))
    logits = model(codes[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), codes[:, 1:].flatten()).item()


def measure(model: Transformer) -> tuple[dict[str, float], dict[str, NDArray[np.float64]]]:
    """Losses by domain and log-probabilities of the answers by benchmark."""
    losses = {domain: held_out_loss(model, domain) for domain in DOMAINS}
    return losses, {name: log_probabilities(model, name) for name in benchmarks()}
