"""The score stage's posterior drawn on from the sampler's draws, one part at a time.

The floor, height, slope and scatter of a benchmark near chance have two modes: a rise that is just seen, and a floor
above which its height may be anything. Chains of the sampler seldom cross from one to the other, and what they share,
the spread of the slopes and where the runs stand, stays with the modes they are in. So after sampling these parts are
drawn in turns, each from its distribution given all else (Gibbs sampling): every benchmark's own parameters, means and
spreads of the benchmarks, and every run. That leaves the posterior as it is.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.models.flp.conditionals import OWN, Common, Curves, OfBenchmark, OfRun
from bayes_cod.models.flp.predict import flat
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.resampling import pick

type FloatArray = NDArray[np.float64]

SAMPLER_ONLY = ("height_at_anchor", "slope_z", "slope_typical", "run_moved", "family_height_z")
OF_GROUP = ("slope_mean", "slope_spread", "dispersion_mean")
ROUNDS = 2


def redraw(
    posterior: xr.Dataset,
    data: Mapping[str, NDArray[Any]],
    n_benchmark: int,
    priors: Priors,
    seed: Sequence[int],
    cores: int | None = None,
    rounds: int = ROUNDS,
) -> xr.Dataset:
    """Draws of the score stage with benchmarks, what they have in common, and runs redrawn.

    Parameters
    ----------
    posterior
        Draws of the score stage (chain, draw, ...), from the sampler or from here.
    data
        What it was sampled with; see `graph.of_stage`.
    n_benchmark
        Number of benchmarks; entries beyond are padding and stay.
    priors
        Of the fit.
    seed
        The same seed gives the same draws.
    cores
        Threads, a benchmark or run at a time each; one a processor core where not given. Draws do not depend on it.
    rounds
        How often every part is drawn.

    Returns
    -------
    xarray.Dataset
        With new height, log_slope, floor, dispersion, family_height, family_height_sd, slope_mean, slope_spread,
        dispersion_mean and run_progress, and with kind (of `KINDS`) and top; what only the sampler moves in is left
        out.
    """
    drawn = {str(name): flat(posterior, str(name)) for name in posterior}
    common = Common.of(drawn, data)
    own = own_parameters(drawn, common, n_benchmark)
    kind = np.zeros(own.shape[:2], dtype=np.int64)
    n_run = int(common.there.sum())
    of_benchmark, of_run = (
        [np.random.default_rng([*seed, part, number]) for number in range(count)]
        for part, count in ((31, n_benchmark), (41, n_run))
    )
    of_group = np.random.default_rng([*seed, 37])

    def renew_benchmark(column: int) -> None:
        conditional = OfBenchmark(common, data, priors, column)
        own[:, column] = pick(own[:, column], conditional, of_benchmark[column])
        kind[:, column] = conditional.kinds(own[:, column], of_benchmark[column])

    def renew_run(run: int) -> None:
        conditional = OfRun(common, curves, data, run)
        reached[:, run] = pick(reached[:, [run]], conditional, of_run[run])[:, 0]

    with ThreadPoolExecutor(cores or os.cpu_count()) as threads:

        def each(renew: Callable[[int], None], count: int) -> None:
            deque(threads.map(renew, range(count)), maxlen=0)

        for _ in range(rounds):
            each(renew_benchmark, n_benchmark)
            common = common.with_group(own, priors, of_group)
            curves, reached = Curves.of(own, kind, data, priors), common.reached.copy()
            each(renew_run, n_run)
            common = common.moved_to(reached)
    return _in_place(posterior, common, curves, own, kind)


def own_parameters(drawn: Mapping[str, FloatArray], common: Common, n_benchmark: int) -> FloatArray:
    """Benchmarks' own parameters ``(sample, benchmark, own)`` from draws ``(sample, ...)``."""
    own = [drawn[name][:, :n_benchmark] for name in OWN]
    if common.family.any():
        own += list(np.moveaxis(drawn["family_height"][:, 1 : 1 + common.family.max(), :n_benchmark], 1, 0))
    return np.stack(own, axis=-1)


def _in_place(
    posterior: xr.Dataset, common: Common, curves: Curves, own: FloatArray, kind: NDArray[np.int64]
) -> xr.Dataset:
    """The posterior with what was redrawn in place of what it had; padding stays."""
    n_benchmark = own.shape[1]

    def benchmarks(name: str, values: NDArray[Any]) -> tuple[Any, NDArray[Any]]:
        like = posterior["height"]
        full = posterior[name].values.copy() if name in posterior else np.zeros(like.shape, dtype=values.dtype)
        full[..., :n_benchmark] = values.reshape(*like.shape[:2], n_benchmark)
        return like.dims, full

    def shaped(name: str, values: FloatArray) -> tuple[Any, FloatArray]:
        return posterior[name].dims, values.reshape(posterior[name].shape)

    new = {name: benchmarks(name, own[..., place]) for place, name in enumerate(OWN)}
    new |= {"floor": benchmarks("floor", curves.floor), "top": benchmarks("top", curves.top)}
    new["kind"] = benchmarks("kind", kind)
    new |= {name: shaped(name, getattr(common, name)) for name in OF_GROUP}
    new["run_progress"] = shaped("run_progress", common.reached)
    n_family = own.shape[-1] - len(OWN)
    if n_family:
        before = posterior["family_height"]
        heights = before.values.copy()
        of_family = np.moveaxis(own[..., len(OWN) :], -1, 1)
        heights[:, :, 1 : 1 + n_family, :n_benchmark] = of_family.reshape(*before.shape[:2], n_family, n_benchmark)
        new["family_height"] = (before.dims, heights)
        new["family_height_sd"] = shaped("family_height_sd", common.family_height_sd)
    return posterior.assign(new).drop_vars(SAMPLER_ONLY, errors="ignore")  # some are there only with a pool
