"""Spread between seeds of the micro ladder, in decades of effective compute.

The effective compute of a model is the compute at which the ladder's trend
reaches what the model reached. The trend of a measure is its mean over seeds at
each rung, made monotone in compute and joined linearly in log compute; its end
segments are prolonged. ::

    python -m bayes_cod.datasets.microladder.spread
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
MEASURES = ("loss", "score")
SMALLEST_RISE = 1e-6


def monotone(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Closest rising sequence in least squares, by pooling adjacent violators."""
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((float(value), 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    rising: NDArray[np.float64] = np.concatenate([np.full(count, mean) for mean, count in pools])
    rising += SMALLEST_RISE * np.arange(rising.size)
    return rising


def effective_compute(
    log_flops: NDArray[np.float64],
    trend: NDArray[np.float64],
    reached: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log10 compute at which a rising trend reaches the given values.

    Parameters
    ----------
    log_flops, trend : ndarray
        Log10 compute of the rungs, rising, and the trend there, rising strictly.
    reached : ndarray
        Values of the measure that models reached.

    Returns
    -------
    ndarray
        Effective compute, in decades (log10 FLOPs).
    """
    segment = np.clip(np.searchsorted(trend, reached) - 1, 0, trend.size - 2)
    rise = trend[segment + 1] - trend[segment]
    share = (reached - trend[segment]) / rise
    decades: NDArray[np.float64] = np.diff(log_flops)[segment]
    return log_flops[segment] + share * decades


def reached_measures(models: pd.DataFrame, losses: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """What each main model reached at its last checkpoint; larger is better.

    ``loss`` is minus the log of the mean held-out loss over domains. ``score``
    is the mean over benchmarks of the score rescaled to 0 at chance and 1 at
    best, on the logit scale.
    """
    final_losses = losses[losses.is_final].set_index("model")
    mean_loss = final_losses.filter(like="loss_").mean(axis=1)
    final_scores = scores[scores.is_final]
    above = (final_scores.score - final_scores.chance) / (1 - final_scores.chance)
    mean_score = above.groupby(final_scores.model).mean().clip(1e-3, 1 - 1e-3)
    main = models[models.part == "main"].set_index("model")
    main = main[["width", "seed", "flops"]].assign(loss=-np.log(mean_loss), score=np.log(mean_score / (1 - mean_score)))
    return main.sort_values(["width", "seed"])


def spread_table(main: pd.DataFrame) -> pd.DataFrame:
    """Spread between seeds of each rung.

    Parameters
    ----------
    main : DataFrame
        Main models with the measures they reached.

    Returns
    -------
    DataFrame
        By width: compute, number of seeds, and for each measure the standard
        deviation and the range of effective compute, in decades, where there
        are several seeds.
    """
    rungs = main.groupby("width")
    log_flops = np.log10(rungs.flops.mean().to_numpy())
    table = rungs.agg(flops=("flops", "mean"), seeds=("seed", "size"))
    for measure in MEASURES:
        trend = monotone(rungs[measure].mean().to_numpy())
        effective = pd.Series(effective_compute(log_flops, trend, main[measure].to_numpy()), main.index).groupby(
            main["width"]
        )
        table[f"{measure}_sd"] = effective.std()
        table[f"{measure}_range"] = (effective.max() - effective.min()).where(effective.size() > 1)
    return table.reset_index()


def shipped_spread(data: Path = DATA) -> pd.DataFrame:
    """Spread between seeds of the shipped tables."""
    names = ("models", "losses", "scores")
    return spread_table(reached_measures(*(pd.read_parquet(data / f"{name}.parquet") for name in names)))


if __name__ == "__main__":
    print(shipped_spread().to_string(index=False))
