"""How far long work has come: whoever works says so, whoever shows it listens, and neither knows the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

type Listener = Callable[[float], None]
"""Called with the share that is done, 0 to 1, possibly from another thread."""

_LISTENER: ContextVar[Listener | None] = ContextVar("bayes_cod_progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a listener hear of the work done inside the ``with`` block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def listener() -> Listener | None:
    """Who listens, if anyone: to be asked before work is handed to another thread."""
    return _LISTENER.get()
