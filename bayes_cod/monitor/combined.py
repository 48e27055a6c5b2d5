"""One alarm for all that is observed of a run: the e-processes of its scores and of each loss, put together.

Capital is divided among them, as among bets: whatever begins to be watched is given its share of what there is then,
and what is not watched yet, or never, has none. Who gets what is settled before a residual is seen, so the sum is an
e-process itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp

from bayes_cod.decisions.utility import FloatArray
from bayes_cod.monitor.alarm import Direction, log_e_process, watch
from bayes_cod.monitor.scores import together

SCORES = "scores"


@dataclass(frozen=True)
class Combined:
    """Where the alarm stands.

    Attributes
    ----------
    log_value
        Logarithm of the e-process after each observation ``(point,)``.
    raised_at, since
        Tokens at which it was raised, and at which trouble most probably began; None while it was not.
    series
        What raised it: "scores", or the loss whose own e-process is largest.
    p_value
        Anytime-valid p-value.
    """

    log_value: FloatArray
    raised_at: float | None
    since: float | None
    series: str | None
    p_value: float


def combine(points: pd.DataFrame, level: float, direction: Direction) -> Combined:
    """The e-process of all series, in the order of tokens.

    Residuals of benchmarks at one checkpoint count as one.

    Parameters
    ----------
    points
        kind, series, tokens, residual (NaN where nothing was expected), by tokens.
    level
        False-alarm rate.
    direction
        See `bayes_cod.monitor.alarm.log_ratios`.

    Raises
    ------
    InputError
        For a level outside (0, 1) or an unknown direction.
    """
    watch(np.zeros(0), level, direction)
    group = np.where(points["kind"] == "score", SCORES, points["series"].astype(str))
    names = list(dict.fromkeys(group))
    residual, tokens = (points[name].to_numpy(dtype=float) for name in ("residual", "tokens"))
    steps, begins = np.zeros((len(names), len(points))), np.full(len(names), len(points))
    lanes: list[tuple[FloatArray, FloatArray]] = []
    for row, name in enumerate(names):
        places = np.flatnonzero((group == name) & np.isfinite(residual))
        begins[row] = places[0] if len(places) else len(points)
        at, checkpoint = np.unique(tokens[places], return_inverse=True)
        found = together(residual[places], checkpoint) if len(places) else np.zeros(0)
        last = places[len(places) - 1 - np.unique(checkpoint[::-1], return_index=True)[1]] if len(places) else places
        steps[row, last] = np.diff(log_e_process(found, direction), prepend=0.0)
        lanes.append((at, found))
    values, log_value = np.cumsum(steps, axis=1), _together(steps, begins)
    p_value = float(min(1.0, np.exp(-log_value.max(initial=0.0))))
    above = np.flatnonzero(log_value >= -np.log(level))
    if not len(above):
        return Combined(log_value, None, None, None, p_value)
    first = int(above[0])
    loudest = int(np.argmax(values[:, first]))
    at, found = lanes[loudest]
    seen = at <= tokens[first]
    own = watch(found[seen], min(0.999, max(level, float(np.exp(-values[loudest, first]))) * (1 + 1e-9)), direction)
    since = float(at[own.since]) if own.since is not None else float(tokens[first])
    return Combined(log_value, float(tokens[first]), since, names[loudest], p_value)


def _together(steps: FloatArray, begins: NDArray[np.int64]) -> FloatArray:
    """Logarithm of the capital of all series after each point ``(point,)``.

    Parameters
    ----------
    steps
        What each point adds to the logarithm of each series' own e-process ``(series, point)``.
    begins
        First point of each series at which it is watched ``(series,)``; beyond the last point: never.
    """
    capital, found = np.full(len(steps), -np.inf), np.zeros(steps.shape[1])
    for point in range(steps.shape[1]):
        new, before = begins == point, begins < point
        if new.any():
            count = int((new | before).sum())
            total = float(logsumexp(capital)) if before.any() else 0.0
            capital[before] += np.log(max(int(before.sum()), 1) / count)
            capital[new] = total - np.log(count)
        capital += steps[:, point]
        found[point] = logsumexp(capital) if (new | before).any() else 0.0
    return found
