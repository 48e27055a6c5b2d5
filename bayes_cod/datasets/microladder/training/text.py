"""Characters, packed training text and held-out text of the micro ladder."""

from collections.abc import Mapping
from random import Random

import numpy as np
from numpy.typing import NDArray
from questions import DOMAINS, END_OF_LINE, draw_line

CONTEXT = 64
ALPHABET = END_OF_LINE + "!#&()*+,-0123456789:<=>?ABCDFT^|abcdefghijklnprs"
VOCABULARY = len(ALPHABET)
HELD_OUT_WINDOWS = 256
HELD_OUT_SEED = 7_919

_CODES = bytes.maketrans(ALPHABET.encode(), bytes(range(VOCABULARY)))


def encode(text: str) -> NDArray[np.uint8]:
    """Character codes of a text."""
    return np.frombuffer(text.encode().translate(_CODES), dtype=np.uint8)


def window(rng: Random, domain: str) -> str:
    """One window of a domain: a newline, then lines, the last one cut.

    A window has one character more than the context, since inputs and targets
    are shifted by one.
    """
    parts = [END_OF_LINE]
    missing = CONTEXT
    while missing > 0:
        line = draw_line(rng, domain)
        parts.append(line)
        missing -= len(line)
    return "".join(parts)[: CONTEXT + 1]


def training_windows(mixture: Mapping[str, float], seed: int, count: int) -> NDArray[np.uint8]:
    """Training text of a run.

    Each window is of one domain, so that a mixture weight is the expected share
    of the domain in the training tokens. A longer text starts with the shorter
    one of the same mixture and seed.

    Parameters
    ----------
    mixture : mapping of str to float
        Weight of each domain; the weights sum to one.
    seed : int
        Seed of the text, which fixes the order of all windows.
    count : int
        Number of windows.

    Returns
    -------
    ndarray of uint8, shape (count, CONTEXT + 1)
        Character codes.
    """
    rng = Random(f"text-{seed}")
    weights = [mixture[domain] for domain in DOMAINS]
    windows = np.empty((count, CONTEXT + 1), dtype=np.uint8)
    for row in windows:
        row[:] = encode(window(rng, rng.choices(DOMAINS, weights)[0]))
    return windows


def held_out_windows(domain: str) -> NDArray[np.uint8]:
    """Held-out text of a domain, the same for every run."""
    rng = Random(f"held-out-{HELD_OUT_SEED}-{domain}")
    return np.stack([encode(window(rng, domain)) for _ in range(HELD_OUT_WINDOWS)])
