"""Progress: losses and compute in steps of `DECADES` of compute, 0 at the mean of the final rungs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.flp.evidence import Evidence

type FloatArray = NDArray[np.float64]

DECADES = 0.7
"""Unit of progress: what compute, and losses at the rate of the final rungs, change over so many decades.

It is the standard deviation of log compute on the ladder that priors were set on. With that of each ladder as its unit
they would mean something else on a narrow ladder, where a decade ahead may be ten units.
"""
_UNIT = float(DECADES * np.log(10))
LEAST_SPREAD = 1e-3
BENDS = 10
"""Pieces of the loss's common departure from its law, over all compute of the ladder and its pool."""


@dataclass(frozen=True)
class Scale:
    """Origin and unit of a ladder's losses, compute, size and tokens.

    Attributes
    ----------
    log_loss
        Log loss of the last rung ``(series,)``.
    mean_log_loss, loss_unit
        Mean of log loss over the final rungs, and how far a unit of progress takes it ``(series,)``.
    mean_log_flops
        Mean of log compute over the final rungs.
    log_flops
        Log compute of the last rung.
    log_size, log_tokens
        Log size and tokens of the last rung; where these are not known, log compute and 0.
    sized
        Whether size and tokens are known.
    bends
        Where the pieces of the loss's departure from its law begin and end, in decades of compute beyond the last rung
        ``(piece + 1,)``; empty without pooled families, where there is none.
    """

    log_loss: FloatArray
    mean_log_loss: FloatArray
    loss_unit: FloatArray
    log_flops: float
    mean_log_flops: float
    log_size: float
    log_tokens: float
    sized: bool
    bends: FloatArray

    @classmethod
    def of(cls, evidence: Evidence) -> Scale:
        """From a ladder's final rungs."""
        n = evidence.n_rungs
        final, log_flops = evidence.log_loss[:n], np.log(evidence.flops[:n])
        sized = evidence.sized
        decades = np.log10(evidence.flops / evidence.flops[n - 1])
        spread = max(float(log_flops.std()), LEAST_SPREAD)
        return cls(
            log_loss=final[-1],
            mean_log_loss=final.mean(axis=0),
            loss_unit=np.maximum(final.std(axis=0), LEAST_SPREAD) * _UNIT / spread,
            log_flops=float(log_flops[-1]),
            mean_log_flops=float(log_flops.mean()),
            log_size=float(np.log(evidence.params[n - 1])) if sized else float(log_flops[-1]),
            log_tokens=float(np.log(evidence.tokens[n - 1])) if sized else 0.0,
            sized=sized,
            bends=np.linspace(decades.min(), decades.max(), BENDS + 1) if evidence.n_pooled else np.zeros(0),
        )

    def progress(self, log_loss: FloatArray, flops: FloatArray) -> FloatArray:
        """Progress in every loss series, then in log compute.

        Parameters
        ----------
        log_loss
            ``(..., row, series)``.
        flops
            ``(row,)``.

        Returns
        -------
        array
            ``(..., row, series + 1)``.
        """
        of_loss = (self.mean_log_loss - log_loss) / self.loss_unit
        of_compute = (np.log(flops) - self.mean_log_flops) / _UNIT
        of_compute = np.broadcast_to(of_compute[:, None], (*of_loss.shape[:-1], 1))
        return np.concatenate([of_loss, of_compute], axis=-1)

    def behind(self, log_loss: FloatArray, flops: FloatArray, family: NDArray[np.int64]) -> FloatArray:
        """How far rows lie from the ladder's furthest row, in mean progress ``(row,)``; all parts of it count alike.

        Rows of pooled families (`family` > 0) may lie ahead of it; that is as far away.
        """
        mean = np.nan_to_num(self.progress(log_loss, flops)).mean(axis=-1)
        return np.asarray(np.abs(mean[family == 0].max() - mean))

    def size_and_tokens(
        self, flops: FloatArray, params: FloatArray, tokens: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Log size and log tokens relative to the last rung; log compute and 0 where they are not known."""
        if not self.sized:
            return np.log(flops) - self.log_size, np.zeros(len(flops))
        return np.log(params) - self.log_size, np.log(tokens) - self.log_tokens

    def decades(self, flops: FloatArray) -> FloatArray:
        """Decades of compute beyond the last rung."""
        return np.asarray((np.log(flops) - self.log_flops) / np.log(10))

    def bent(self, flops: FloatArray) -> FloatArray:
        """What one step of unit size per root decade in each piece moves the log loss by ``(row, piece)``.

        Nothing at the last rung; the departure there is part of the level.
        """
        if not len(self.bends):
            return np.zeros((len(flops), 0))
        start, width = self.bends[:-1], np.diff(self.bends)
        done, at_last = (np.clip((x - start) / width, 0, 1) for x in (self.decades(flops)[:, None], 0.0))
        return np.asarray(np.sqrt(width) * (done - at_last))
