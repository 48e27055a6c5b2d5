"""What a report shows of Bayesian FLP: losses along compute, scores along loss, and where benchmarks emerge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.predict import Draws, Scores, score_curve
from bayes_cod.models.flp.progress import Scale

type FloatArray = NDArray[np.float64]

EMERGED = 0.05
"""Score above the floor, a fraction, from which a benchmark counts as emerged (five points)."""

GRID = 41
MARGIN = 0.4


def loss_table(
    evidence: Evidence, fitted: FloatArray, names: Sequence[str], scores: Scores, flops: FloatArray
) -> pd.DataFrame:
    """Losses of rungs and targets beside those of the law.

    Parameters
    ----------
    evidence
        A ladder's.
    fitted
        Log loss of the law at the rungs ``(sample, rung, series)``.
    names, scores, flops
        The targets, what was forecast for them and their compute.

    Returns
    -------
    pandas.DataFrame
        series, model, flops, is_target, loss (NaN for a target), median, low90, high90 (of the law at rungs, of the
        observed loss at targets).
    """
    rows = []
    for j, series in enumerate(evidence.series):
        for r, model in enumerate(evidence.rungs["model"]):
            low, mid, high = np.exp(np.quantile(fitted[:, r, j], [0.05, 0.5, 0.95]))
            seen = float(np.exp(evidence.log_loss[r, j]))
            rows.append((series, str(model), float(evidence.flops[r]), False, seen, mid, low, high))
        for t, name in enumerate(names):
            low, mid, high = np.exp(np.quantile(scores.log_loss[:, t, j], [0.05, 0.5, 0.95]))
            rows.append((series, name, float(flops[t]), True, np.nan, mid, low, high))
    columns = ["series", "model", "flops", "is_target", "loss", "median", "low90", "high90"]
    return pd.DataFrame(rows, columns=columns)


def loss_of_progress(scale: Scale, position: FloatArray) -> FloatArray:
    """Loss of the first series at a progress, all parts of progress moving together."""
    return np.asarray(np.exp(scale.mean_log_loss[0] - position * scale.loss_unit[0]))


def score_map(evidence: Evidence, draws: Draws, scale: Scale, furthest: float) -> xr.Dataset:
    """Latent score against loss, `score[sample, loss, benchmark]`, from the least progress to beyond `furthest`.

    Parameters
    ----------
    evidence, draws, scale
        A fit.
    furthest
        Progress of the furthest target.
    """
    lowest = float(scale.progress(evidence.log_loss, evidence.flops)[: evidence.n_rungs].min())
    grid = np.linspace(lowest - MARGIN, furthest + MARGIN, GRID)
    position = np.broadcast_to(grid, (len(draws), GRID))
    return xr.Dataset(
        {"score": (("sample", "loss", "benchmark"), score_curve(draws, position))},
        coords={"loss": loss_of_progress(scale, grid), "benchmark": list(evidence.benchmarks)},
    )


def observations(evidence: Evidence) -> pd.DataFrame:
    """The ladder's own losses and scores the map was fitted to: benchmark, loss (first series), score, is_final."""
    own = evidence.family == 0
    n_row, n_benchmark = int(own.sum()), len(evidence.benchmarks)
    table = pd.DataFrame(
        {
            "benchmark": np.tile(np.array(evidence.benchmarks), n_row),
            "loss": np.repeat(np.exp(evidence.log_loss[own, 0]), n_benchmark),
            "score": evidence.score[own].ravel(),
            "is_final": np.repeat(np.arange(n_row) < evidence.n_rungs, n_benchmark),
        }
    )
    return table.dropna(ignore_index=True)


def emerged_elsewhere(evidence: Evidence) -> set[str]:
    """Benchmarks on which a model of a pooled family scores `EMERGED` above chance."""
    beyond = evidence.score[evidence.family > 0] > evidence.chance + EMERGED  # NaN, as unknown scores are, is not
    return {name for name, is_beyond in zip(evidence.benchmarks, beyond.any(axis=0), strict=True) if is_beyond}


def emergence(evidence: Evidence, draws: Draws, scale: Scale) -> pd.DataFrame:
    """Loss at which a benchmark's latent score is `EMERGED` above its floor.

    The floor is a parameter, and no point is left out for lying below a threshold, so the point is latent: a
    posterior, also where all rungs are on one side of it.

    Returns
    -------
    pandas.DataFrame
        benchmark, loss (median), low90, high90 (of the loss of the first series), p_emerged (probability that the last
        rung is beyond it).
    """
    made, skew = draws.of_score, draws.priors.skew
    share = np.clip(EMERGED / (made["top"] - made["floor"]), 1e-6, 1 - 1e-6)
    eta = np.log(skew) - np.log(np.expm1(-skew * np.log(share)))
    position = (eta - made["height"]) / made["slope"]
    loss = loss_of_progress(scale, np.clip(position, -50, 50))
    low, mid, high = np.quantile(loss, [0.05, 0.5, 0.95], axis=0)
    emerged = (position <= draws.furthest[:, None]).mean(axis=0)
    return pd.DataFrame(
        {"benchmark": list(evidence.benchmarks), "loss": mid, "low90": low, "high90": high, "p_emerged": emerged}
    )
