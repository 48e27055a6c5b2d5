"""What a forecast is explained by, as data: curves, clusters, maps, losses, weights and checks."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

POSTERIOR = "posterior"
ROW = "row"
GRID = 41
BEYOND = 0.5
"""Decades beyond the last target that curves go on for, so that decisions can look past it."""
MOST_SAMPLES = 1000
"""Draws of a curve that are kept at most: enough for pictures and for decisions along compute."""


@dataclass(frozen=True)
class Explanation:
    """Everything that stands behind a forecast; a part that a method does not have is None.

    Attributes
    ----------
    curves
        `latent` and, where the method has it, `observed` score along compute over ``(sample, flops, benchmark)``,
        fractions; one sample is one joint draw.
    clusters
        benchmark, cluster, n_questions, p_law, p_flat, p_irregular, kind.
    cluster_curves
        `pass_rate` over ``(sample, flops, cluster)``, fractions; coordinates `benchmark` and `cluster` over
        ``cluster`` name the rows of `clusters`.
    cluster_observations
        benchmark, cluster, model, flops, pass_rate of every cluster and rung.
    members
        benchmark, question_id, cluster.
    subset_map
        `full` over ``(sample, subset, benchmark)``: the latent score on all questions against that on the predictable
        subset, fractions.
    loss_table
        series, model, flops, is_target, loss, median, low90, high90 of rungs and targets.
    score_map
        `score` over ``(sample, loss, benchmark)``: latent score against loss, fractions.
    map_observations
        benchmark, loss, score, is_final of what the score map was fitted to.
    emergence
        benchmark, loss, low90, high90, p_emerged: where each benchmark leaves its floor.
    domain_losses
        target, domain, kind (observed or latent), mean, sd and quantiles q025 ... q975 of validation losses.
    prior_sensitivity
        target, benchmark, prior, sensitivity, and at half and twice the prior's weight: median_half, median_twice,
        width_half, width_twice (changes, fractions), pareto_k_half, pareto_k_twice.
    rung_check
        benchmark, model, kind ("fit" or "step"), seen, median, low90, high90 (fractions), pit.
    posterior
        Posterior draws in ArviZ's groups (`posterior`, `sample_stats`, `observed_data`, `posterior_predictive` as far
        as the model has them), with named dimensions.
    """

    curves: xr.Dataset | None = None
    clusters: pd.DataFrame | None = None
    cluster_curves: xr.Dataset | None = None
    cluster_observations: pd.DataFrame | None = None
    members: pd.DataFrame | None = None
    subset_map: xr.Dataset | None = None
    loss_table: pd.DataFrame | None = None
    score_map: xr.Dataset | None = None
    map_observations: pd.DataFrame | None = None
    emergence: pd.DataFrame | None = None
    domain_losses: pd.DataFrame | None = None
    prior_sensitivity: pd.DataFrame | None = None
    rung_check: pd.DataFrame | None = None
    posterior: xr.DataTree | None = None

    def nodes(self) -> dict[str, xr.Dataset]:
        """Its parts but the posterior, one dataset each; a table's columns lie along the dimension ``row``."""
        found: dict[str, xr.Dataset] = {}
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, pd.DataFrame):
                found[field.name] = table_to_dataset(part)
            elif isinstance(part, xr.Dataset):
                found[field.name] = part
        return found

    @classmethod
    def of(cls, nodes: dict[str, xr.Dataset], posterior: xr.DataTree | None = None) -> Explanation:
        """The inverse of `nodes`; parts of unknown name are left out."""
        known = {field.name for field in fields(cls)} - {POSTERIOR}
        parts: dict[str, Any] = {
            name: dataset_to_table(dataset) if ROW in dataset.dims or not dataset.sizes else dataset
            for name, dataset in nodes.items()
            if name in known
        }
        return cls(**parts, posterior=posterior)


def table_to_dataset(table: pd.DataFrame) -> xr.Dataset:
    """A table as a dataset: each column an array over ``row``, text as text, missing text as an empty string."""
    columns = {}
    for name in table.columns:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            array = values.to_numpy()
            array = array.astype(np.int8) if array.dtype == bool else array
            columns[str(name)] = (ROW, array, {"bool": 1} if pd.api.types.is_bool_dtype(values) else {})
        else:
            columns[str(name)] = (ROW, values.fillna("").astype(str).to_numpy(dtype=object), {})
    return xr.Dataset(columns, coords={ROW: np.arange(len(table))})


def dataset_to_table(dataset: xr.Dataset) -> pd.DataFrame:
    """The inverse of `table_to_dataset`."""
    columns = {}
    for name, variable in dataset.data_vars.items():
        values = variable.values
        if values.dtype.kind in "OUTS":
            values = np.array([str(value) for value in values], dtype=object)
        columns[str(name)] = values.astype(bool) if variable.attrs.get("bool") else values
    return pd.DataFrame(columns)


def compute_grid(rungs: ArrayLike, targets: ArrayLike, points: int = GRID) -> NDArray[np.float64]:
    """Compute along which curves are given, in FLOPs: from the smallest rung to half a decade beyond the last target.

    Parameters
    ----------
    rungs, targets
        Compute in FLOPs.
    points
        Steps of equal ratio; every rung and target has a point of its own besides.
    """
    seen, ahead = np.asarray(rungs, dtype=float), np.asarray(targets, dtype=float)
    low, high = float(seen.min()), float(max(seen.max(), ahead.max(initial=0.0))) * 10**BEYOND
    return np.unique(np.concatenate([np.geomspace(low, high, points), seen, ahead]))


def thinned(array: np.ndarray, most: int = MOST_SAMPLES) -> np.ndarray:
    """Every k-th joint draw along the first axis, so that at most `most` are left."""
    return array[:: max(1, -(-len(array) // most))]
