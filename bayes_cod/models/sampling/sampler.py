"""Sampling with nutpie: a compiled model refitted on new data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nutpie
import xarray as xr
from numpy.typing import NDArray

from bayes_cod import progress
from bayes_cod.models.sampling.compiled import Compiled
from bayes_cod.models.sampling.settings import SamplerSettings
from bayes_cod.threads import one_thread


def sample(
    compiled: Compiled,
    data: Mapping[str, NDArray[Any]],
    settings: SamplerSettings,
    seed: int,
    *,
    retry: bool = False,
) -> xr.DataTree:
    """Draw from the posterior.

    Parameters
    ----------
    compiled
        From `CompiledModels.get`.
    data
        New values of the model's `pm.Data` containers, of the shapes it was compiled for.
    settings, seed
        The same seed gives the same draws.
    retry
        Sample with `retry_accept` and `retry_times` the draws.

    Returns
    -------
    xarray.DataTree
        Groups `posterior` (chain, draw, ...) and `sample_stats`.
    """
    tree = run(compiled.with_data(data), settings, seed, retry=retry)
    tree["posterior"] = xr.DataTree(compiled.deterministics.complete(tree["posterior"].to_dataset(), data))
    return tree


def run(model: Any, settings: SamplerSettings, seed: int, *, retry: bool = False) -> xr.DataTree:
    """Draw from any model of nutpie's; see `sample`."""
    longer = settings.retry_times if retry else 1
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        running = nutpie.sample(
            model,
            draws=settings.draws * longer,
            tune=settings.tune * min(longer, 2),
            chains=settings.chains,
            cores=settings.cores,
            seed=seed,
            adaptation=settings.mass_matrix(model.n_dim),
            maxdepth=settings.max_depth,
            target_accept=settings.retry_accept if retry else settings.target_accept,
            save_warmup=False,
            progress_bar=False,
            progress_callback=_reporter(),
            blocking=False,
        )
        try:
            tree: xr.DataTree = running.wait()
            return tree
        except BaseException:  # an interrupt, too: nutpie by itself would go on with the draws there are
            running.cancel()
            raise


def _reporter() -> Callable[[Sequence[Any]], None] | None:
    """What nutpie calls with its chains' progress; None where no one listens."""
    listener = progress.listener()
    if listener is None:
        return None

    def report(chains: Sequence[Any]) -> None:
        listener(sum(chain.finished_draws for chain in chains) / max(sum(chain.total_draws for chain in chains), 1))

    return report
