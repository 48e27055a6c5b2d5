"""Where runs stand on a ladder's axis: decades of equivalent or of nominal compute from the last rung."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod import laws
from bayes_cod.ladder import Target

type FloatArray = NDArray[np.float64]

CLOSEST = 0.02
"""Decades that a larger run is put ahead of the last rung at least, whatever its size and tokens."""


@dataclass(frozen=True)
class Axis:
    """The axis of one ladder.

    Attributes
    ----------
    kind
        "equivalent": size and tokens of all rungs are known, see `laws.equivalent_compute`; "nominal": training FLOPs.
    order
        Places of the rungs in increasing order on the axis, shape ``(rung,)``.
    rungs
        Decades of the rungs in that order, shape ``(rung,)``; the last is 0.
    log_flops, log_params
        Their compute and active parameters, log10, shape ``(rung,)``; `log_params` is None on the nominal axis.
    origin
        log10 of the last rung's compute on the axis.
    """

    kind: Literal["equivalent", "nominal"]
    order: NDArray[np.int64]
    rungs: FloatArray
    log_flops: FloatArray
    log_params: FloatArray | None
    origin: float

    @classmethod
    def of(cls, rungs: pd.DataFrame) -> Self:
        """From a ladder's rungs: flops, params [, params_active], tokens."""
        flops = rungs["flops"].to_numpy(dtype=float)
        params = _active(rungs)
        tokens = rungs["tokens"].to_numpy(dtype=float) if "tokens" in rungs else np.full(len(rungs), np.nan)
        known = bool(np.isfinite(params).all() and np.isfinite(tokens).all())
        place = np.log10(laws.equivalent_compute(params, tokens) if known else flops)
        order = np.argsort(place, kind="stable")
        place = place[order]
        return cls(
            "equivalent" if known else "nominal",
            order,
            place - place[-1],
            np.log10(flops[order]),
            np.log10(params[order]) if known else None,
            float(place[-1]),
        )

    def of_flops(self, flops: FloatArray) -> FloatArray:
        """Decades of runs of which only the compute is known: their size lies on the rungs' line in log compute."""
        log_flops = np.log10(np.asarray(flops, dtype=float))
        if self.log_params is None:
            return np.asarray(log_flops - self.origin)
        slope = 0.5
        if np.ptp(self.log_flops) > 1e-6:
            slope = float(np.polyfit(self.log_flops, self.log_params, 1)[0])
        log_params = self.log_params[-1] + slope * (log_flops - self.log_flops[-1])
        return np.asarray(self._equivalent(log_params, log_flops - np.log10(6.0) - log_params))

    def of_targets(self, targets: Sequence[Target]) -> FloatArray:
        """Decades of targets, by their size and tokens where these are known; shape ``(target,)``."""
        found = self.of_flops(np.array([target.flops for target in targets]))
        for place, target in enumerate(targets):
            if self.kind == "equivalent" and target.params and target.tokens:
                # flops are those of the active parameters, which a table need not list for a target
                active = min(target.params, target.flops / 6.0 / target.tokens)
                found[place] = self._equivalent(np.log10(active), np.log10(target.tokens))
            if target.flops > 10.0 ** self.log_flops.max() * (1 + 1e-9):
                found[place] = max(found[place], CLOSEST)
        return found

    def _equivalent(self, log_params: FloatArray | float, log_tokens: FloatArray | float) -> FloatArray:
        found = laws.equivalent_compute(10.0 ** np.asarray(log_params), 10.0 ** np.asarray(log_tokens))
        return np.asarray(np.log10(found) - self.origin)


def _active(rungs: pd.DataFrame) -> FloatArray:
    params = rungs["params"] if "params" in rungs else pd.Series(np.nan, index=rungs.index)
    if "params_active" in rungs:
        params = rungs["params_active"].fillna(params)
    return np.asarray(params.to_numpy(dtype=float))
