"""Forecast a large language model's benchmark scores from a ladder of small models, with intervals.

>>> import bayes_cod as bc
>>> ladder = bc.read("microladder")

then ``bc.forecast(ladder, ...)``, ``bc.backtest(ladder, ...)``, and ``bc.load(folder)`` for a saved forecast. Names are
imported when they are first used, so that ``import bayes_cod`` takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bayes_cod.caches import use_writable_caches

__version__ = "0.1.0"

use_writable_caches()  # before anything imports a library that looks for its cache

if TYPE_CHECKING:
    from bayes_cod.errors import BayesCodError, GateError, InputError
    from bayes_cod.face import backtest, forecast, from_frames, load, read, request
    from bayes_cod.forecasts import Forecast
    from bayes_cod.ladder import Ladder, Target
    from bayes_cod.results import Result

_WHERE = {
    "BayesCodError": "bayes_cod.errors",
    "GateError": "bayes_cod.errors",
    "InputError": "bayes_cod.errors",
    "Forecast": "bayes_cod.forecasts",
    "Ladder": "bayes_cod.ladder",
    "Target": "bayes_cod.ladder",
    "Result": "bayes_cod.results",
    "backtest": "bayes_cod.face",
    "forecast": "bayes_cod.face",
    "from_frames": "bayes_cod.face",
    "load": "bayes_cod.face",
    "read": "bayes_cod.face",
    "request": "bayes_cod.face",
}

__all__ = [
    "BayesCodError",
    "Forecast",
    "GateError",
    "InputError",
    "Ladder",
    "Result",
    "Target",
    "backtest",
    "forecast",
    "from_frames",
    "load",
    "read",
    "request",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(import_module(_WHERE[name]), name)
    raise AttributeError(f"module 'bayes_cod' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
