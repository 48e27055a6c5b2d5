"""How far along a large run is: on the forecast's compute axis, and in the decay of its learning rate."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bayes_cod import laws
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

type Schedule = Literal["cosine", "linear", "constant"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "linear", "constant")


def place_of(tokens: FloatArray, target_flops: float, target_tokens: float, params: float | None) -> FloatArray:
    """Compute at which the ladder's curve is as far as a large run after some tokens ``(point,)``, in FLOPs.

    An early checkpoint of a large model has spent its compute on size more than on data. With the model's size known
    it is put at the compute whose best split of size and tokens would be as far (`laws.equivalent_compute`), measured
    from the run's end; without it, at the share of the compute that is spent.

    Parameters
    ----------
    tokens
        Of the checkpoints ``(point,)``.
    target_flops, target_tokens
        Compute and tokens of the whole run.
    params
        Its parameters, if known.
    """
    if params is None:
        share = tokens / target_tokens
    else:
        share = np.asarray(laws.equivalent_compute(params, tokens)) / laws.equivalent_compute(params, target_tokens)
    return np.asarray(target_flops * share)


def rate_left(progress: FloatArray, schedule: Schedule) -> FloatArray:
    """Learning rate as a share of its peak, less what is left of it at the end, at shares of the run ``(point,)``.

    Raises
    ------
    InputError
        For an unknown schedule.
    """
    if schedule == "cosine":
        return np.asarray(0.5 * (1 + np.cos(np.pi * np.clip(progress, 0, 1))))
    if schedule == "linear":
        return np.asarray(1 - np.clip(progress, 0, 1))
    if schedule == "constant":
        return np.zeros_like(progress)
    raise InputError(f"the schedule is '{schedule}'; choose one of {', '.join(SCHEDULES)}")


def shown_rate(rate: FloatArray) -> FloatArray:
    """The same from a learning rate as it was logged ``(point,)``, in any unit: over its largest so far.

    A rate that still rises (warm-up) counts as not decayed.
    """
    return np.asarray(rate / np.maximum.accumulate(rate))
