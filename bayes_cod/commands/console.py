"""What every command prints with: consoles, progress, numbers as people read them."""

from __future__ import annotations

import codecs
import io
import math
import os
import re
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from bayes_cod import progress

WIDTH_OF_FILES = 160
SILENT = 2.0
"""Seconds after which work says that it is going on."""
LONGEST_ERROR = 900


_PLAIN = str.maketrans({"–": "-", "—": "-", "−": "-", "•": "*", "…": "...", "×": "x", "±": "+/-", "→": "->", "·": "."})


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What an output that has no such letter shows in its place."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return "".join(letter if ord(letter) < 128 else "?" for letter in text), error.end


codecs.register_error("bayes_cod.plain", _plain)


def print_what_fits() -> None:
    """Let standard output and error replace letters that their encoding has not, where it is not a Unicode one."""
    for stream in (sys.stdout, sys.stderr):
        encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace" if encoding.startswith("utf") else "bayes_cod.plain")


def give_up_output() -> None:
    """Send what is left for standard output nowhere, so that the end of the process does not fail on it again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


@dataclass(frozen=True)
class Output:
    """How a command answers.

    Attributes
    ----------
    json
        As one JSON document on standard output, and nothing else there.
    quiet
        Not at all, but for errors and files.
    """

    json: bool = False
    quiet: bool = False


PEOPLE = Output()
"""Tables and sentences, for people."""

_OUTPUT: ContextVar[Output] = ContextVar("bayes_cod_output", default=PEOPLE)


def choose_output(output: Output) -> None:
    """Set how the commands of this process answer from now on."""
    _OUTPUT.set(output)


def wants_json() -> bool:
    """Whether the answer is to be JSON."""
    return _OUTPUT.get().json


def screen() -> Console:
    """Console for results (standard output), which is silent where JSON or nothing was asked for."""
    output = _OUTPUT.get()
    width = None if sys.stdout.isatty() else WIDTH_OF_FILES
    return Console(width=width, highlight=False, quiet=output.json or output.quiet)


def errors() -> Console:
    """Console for errors and progress (standard error)."""
    return Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_OF_FILES, highlight=False)


def answer(document: Mapping[str, Any]) -> None:
    """Print an answer as JSON, where that was asked for; NaN, which JSON has not, becomes null."""
    if wants_json():
        from bayes_cod.results.files import as_json

        sys.stdout.write(as_json(document))


@contextmanager
def stage(text: str) -> Iterator[None]:
    """Show what is being done, for how long, and as far as it is known how long it will still take.

    Without a terminal one plain line is written once it takes longer than two seconds, and another at its end.
    """
    console = errors()
    if _OUTPUT.get().quiet:
        yield
    elif console.is_terminal:
        with _bar(console, text) as listener, progress.listening(listener):
            yield
    else:
        with _lines(console, text):
            yield


@contextmanager
def _bar(console: Console, text: str) -> Iterator[progress.Listener]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(text, total=None)

        def listener(share: float) -> None:
            bar.update(task, total=1.0, completed=share)

        yield listener


@contextmanager
def _lines(console: Console, text: str) -> Iterator[None]:
    start = time.monotonic()
    begun = threading.Timer(SILENT, lambda: console.print(f"{text} ...", markup=False, soft_wrap=True))
    begun.daemon = True
    begun.start()
    try:
        yield
    finally:
        begun.cancel()
    if (seconds := time.monotonic() - start) > SILENT:
        console.print(f"{text}: {seconds:.0f} s", markup=False, soft_wrap=True)


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
    return "–" if math.isnan(fraction) else f"{100 * fraction:.1f}"


def flops(value: float) -> str:
    """Compute in FLOPs."""
    return "unknown" if math.isnan(value) else f"{value:.3g}"
