"""Joint draws of a mixture of forecasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bayes_cod.forecasts.forecast import Forecast

type FloatArray = NDArray[np.float64]


def mix(
    forecasts: Sequence[Forecast], weights: FloatArray, benchmarks: Sequence[str], draws: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Draw from a mixture of forecasts of the same targets.

    Every joint draw is one joint draw of one member, with all its targets and benchmarks; members have their share of
    the draws, rounded. Where a member has no finite forecast of a benchmark, the benchmark's scores come from a draw of
    another member, which breaks the joint draw there.

    Parameters
    ----------
    forecasts
        Of the members.
    weights
        ``(member,)``, summing to 1.
    benchmarks
        Benchmarks of the result.
    draws
        Number of joint draws.
    seed
        Of the choice and order of draws.

    Returns
    -------
    observed, latent : numpy.ndarray
        Shape ``(sample, target, benchmark)``, fractions; NaN for a benchmark that no member forecasts.
    """
    rng = np.random.default_rng([seed, 11])
    scores = [
        np.stack([_aligned(forecast, kind, benchmarks) for kind in ("score", "latent")])[:, rows]
        for forecast, count in zip(forecasts, shares(weights, draws), strict=True)
        for rows in [_rows(int(forecast.draws.sizes["sample"]), count, rng)]
    ]
    both = np.concatenate(scores, axis=1)
    finite = np.isfinite(both).all(axis=(0, 2))
    for place in np.flatnonzero(~finite.all(axis=0) & finite.any(axis=0)):
        lacking, having = np.flatnonzero(~finite[:, place]), np.flatnonzero(finite[:, place])
        both[:, lacking, :, place] = both[:, rng.choice(having, len(lacking)), :, place]
    observed, latent = both[:, rng.permutation(draws)]
    return observed, latent


def shares(weights: FloatArray, draws: int) -> list[int]:
    """Draws of each member: its share, rounded down, and the rest to the largest remainders."""
    exact = weights * draws
    counts = np.floor(exact).astype(int)
    for place in np.argsort(counts - exact, kind="stable")[: draws - counts.sum()]:
        counts[place] += 1
    return [int(count) for count in counts]


def _aligned(forecast: Forecast, kind: str, benchmarks: Sequence[str]) -> FloatArray:
    """Draws ``(sample, target, benchmark)`` with NaN for benchmarks that the forecast lacks."""
    array = forecast.draws[kind].transpose("sample", "target", "benchmark")
    return np.asarray(array.reindex(benchmark=list(benchmarks)).to_numpy(), dtype=float)


def _rows(available: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows to take: all of them as often as they fit, then some at random without replacement."""
    whole, rest = divmod(count, available)
    return np.concatenate([np.tile(np.arange(available), whole), rng.permutation(available)[:rest]])
