"""What every command prints with: consoles, progress, numbers as people read them."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

WIDTH_OF_FILES = 160
LONGEST_ERROR = 900


def screen() -> Console:
    """Console for results (standard output)."""
    return Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES, highlight=False)


def errors() -> Console:
    """Console for errors and progress (standard error)."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_OF_FILES, highlight=False)


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Show what is being done and for how long, while it is being done; nothing where no one watches."""
    console = errors()
    if not console.is_terminal:
        yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(text, total=None)
        yield


def as_flags(message: str) -> str:
    """A message that names arguments as Python does, in backticks, with flags in their place."""
    return re.sub(r"`([a-z][a-z_]*)`", lambda found: "--" + found[1].replace("_", "-"), message)


def print_error(message: str) -> None:
    """Print one line on standard error; control characters are spelled out, so that input can't steer a terminal."""
    line = Text("error: ", style="bold red") + Text(one_line(as_flags(message)), style="default")
    errors().print(line, soft_wrap=True)


def one_line(message: str) -> str:
    """A message in one printable line of bounded length."""
    joined = " ".join(message.split())
    shown = "".join(c if unicodedata.category(c)[0] != "C" else f"\\x{ord(c):02x}" for c in joined)
    if len(shown) <= LONGEST_ERROR:
        return shown
    half = LONGEST_ERROR // 2
    return f"{shown[:half]} … {shown[-half:]}"


def points(fraction: float) -> str:
    """A score in points."""
    return "–" if np.isnan(fraction) else f"{100 * fraction:.1f}"


def flops(value: float) -> str:
    """Compute in FLOPs."""
    return "unknown" if np.isnan(value) else f"{value:.3g}"
