"""COD, clustering on difficulty: a law per cluster of questions, a filter, and a map to all questions.

Xu et al., "Unveiling downstream performance scaling of LLMs: a clustering-based perspective".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from bayes_cod import laws
from bayes_cod.difficulty import (
    ClusterCounts,
    Clusterer,
    DifficultyKMeans,
    ImprovedMeanShift,
    TrialCounts,
    aggregate_counts,
    refit,
)
from bayes_cod.errors import InputError
from bayes_cod.ladder import Target
from bayes_cod.published.base import ItemMethod
from bayes_cod.published.fitting import MIN_RUNGS_FOR_CEILING, LawFit, chance_level, fit_laws
from bayes_cod.published.mapping import RMSE_THRESHOLD, Map, quartic_map, spline_map
from bayes_cod.published.problems import FloatArray, ItemProblem, Solution

MapKind = Literal["spline", "quartic", "none"]

PAPER_SMALLEST_RUNG = 40.0
"""Compute of the paper's smallest rung in the paper's unit: 3.99e19 FLOPs / 1e18."""
FEW_TRIALS = 10
"""Trials a question below which the facts carry a warning."""

MIN_RUNGS_FOR_FREE_CHANCE = 5
"""Rungs from which g is fitted; with fewer it is fixed."""


@dataclass(frozen=True)
class Filter:
    """Which clusters extrapolate: ``a > min_a``, ``b > min_b`` and ``0 <= c < max_c``.

    Attributes
    ----------
    min_a, min_b, max_c
        The paper's thresholds.
    unit : float, optional
        Compute in FLOPs that `a` refers to. `a` scales as unit ** -b, so the threshold means nothing without it.
        If not given, the unit in which the ladder's smallest rung has 40, as it has in the paper, where the unit is
        1e18 FLOPs: the filter then asks the same of the first rung's reducible loss, a 40^-b, on every ladder.
    """

    min_a: float = 1.0
    min_b: float = 0.1
    max_c: float = 1.0
    unit: float | None = None

    def unit_for(self, smallest_flops: float) -> float:
        """Compute unit in FLOPs on a ladder whose smallest rung took `smallest_flops`."""
        return smallest_flops / PAPER_SMALLEST_RUNG if self.unit is None else self.unit

    def keeps(self, fit: LawFit, flops: FloatArray) -> bool:
        """Whether a cluster with this law extrapolates.

        Parameters
        ----------
        fit
            The law in decades from the largest rung.
        flops : [rung]
            Compute of the rungs in FLOPs, increasing.
        """
        a, b = laws.from_decades(fit.alpha, fit.beta, flops[-1], self.unit_for(float(flops[0])))
        return bool(a > self.min_a and b > self.min_b and 0 <= fit.c < self.max_c)


class COD(ItemMethod):
    """COD in the paper's form.

    Cluster laws are fitted by bounded least squares to the clusters' mean pass rates. The law has four parameters;
    with four rungs g is fixed at the benchmark's chance, with three or fewer g = c = 0, because fewer points can't
    determine more. Where no cluster passes the filter, the whole benchmark is treated as one cluster and no map is
    applied; the facts say so.

    Parameters
    ----------
    clusterer
        Estimator of difficulty clusters; `ImprovedMeanShift` if not given.
    mapping
        "spline" (cubic smoothing spline, the published version), "quartic" (monotone polynomial, the earlier
        version) or "none": the score is then the mean over all questions, those outside the predictable subset
        at their last rung's pass rate.
    filter
        Thresholds on the fitted parameters; None keeps every cluster.
    anchor
        Model of the pool that informs the map, for example another family's strong model.
    rmse
        In-sample error below which the spline is accepted.
    name
        Name in tables.
    smooth
        Pool every rung's counts with those of its neighbouring checkpoints, where the items table lists them, as the
        paper does with the previous and the next one.
    """

    def __init__(
        self,
        clusterer: Clusterer | None = None,
        mapping: MapKind = "spline",
        filter: Filter | None = Filter(),
        anchor: str | None = None,
        rmse: float = RMSE_THRESHOLD,
        name: str = "cod",
        *,
        smooth: bool = False,
    ) -> None:
        if mapping not in ("spline", "quartic", "none"):
            raise InputError(f"mapping must be 'spline', 'quartic' or 'none', got '{mapping}'")
        self.clusterer: Clusterer = ImprovedMeanShift() if clusterer is None else clusterer
        self.mapping: MapKind = mapping
        self.filter = filter
        self.anchor = anchor
        self.rmse = rmse
        self.name = name
        self.smooth = smooth

    def solve_many(self, problems: Sequence[ItemProblem], start: Solution | None = None) -> list[Solution]:
        """Cluster the questions, fit a law per cluster, keep those that extrapolate, and fit the map."""
        before = None if start is None else start.state
        clusterers = [refit(self.clusterer, before).fit(problem.pass_rates) for problem in problems]
        clusters = [
            aggregate_counts(TrialCounts(problem.n_correct, problem.n_trials), clusterer.labels_)
            for problem, clusterer in zip(problems, clusterers, strict=True)
        ]
        # the last row of each problem is the whole benchmark, the law that is left where no cluster extrapolates
        rows = [np.vstack([found.score, problem.score]) for problem, found in zip(problems, clusters, strict=True)]
        fits = fit_cluster_laws(problems[0], np.concatenate(rows))
        ends = np.cumsum([len(scores) for scores in rows])
        by_problem = [fits[end - len(scores) : end] for scores, end in zip(rows, ends, strict=True)]
        return [
            # of the replicates nobody asks where a refit may start, and there are many
            replace(self._finish(*parts), state=parts[1] if start is None else None)
            for parts in zip(problems, clusterers, clusters, by_problem, strict=True)
        ]

    def _finish(
        self, problem: ItemProblem, clusterer: Clusterer, clusters: ClusterCounts, fits_and_whole: Sequence[LawFit]
    ) -> Solution:
        """Filter and map; the last law is that of the whole benchmark."""
        labels = clusterer.labels_
        *fits, whole = fits_and_whole
        kept = [i for i, fit in enumerate(fits) if self.filter is None or self.filter.keeps(fit, problem.flops)]
        if not kept:
            return _one_cluster(problem, clusterer, whole, len(fits))
        members = np.isin(labels, clusters.labels[kept])
        weights = clusters.size[kept] / clusters.size[kept].sum()
        laws_kept = [fits[i] for i in kept]

        def subset_score(x: FloatArray) -> FloatArray:
            return np.asarray(weights @ np.array([law(x) for law in laws_kept]))

        to_full = self._map(problem, members)
        largest = float(problem.flops[-1])  # the closure must not hold the counts: a bootstrap keeps hundreds
        return Solution(
            predict=lambda target: float(to_full(subset_score(_x(target, largest)))[0]),
            fitted=to_full(subset_score(problem.x)),
            n_params=min(max(law.n_params for law in laws_kept), len(problem) - 1),
            facts=_facts(problem, clusterer, float(members.mean()), len(fits), len(kept)),
        )

    def _map(self, problem: ItemProblem, members: np.ndarray) -> Map:
        rates = problem.pass_rates
        if self.mapping == "none":
            rest = float(rates[~members, -1].sum()) / len(rates)
            share = float(members.mean())
            return lambda score: np.asarray(share * np.asarray(score) + rest)
        subset, full = rates[members].mean(axis=0), problem.score
        if problem.anchor is not None and np.isfinite(problem.anchor[members]).any():
            subset = np.append(subset, np.nanmean(problem.anchor[members]))
            full = np.append(full, np.nanmean(problem.anchor))
        if self.mapping == "quartic":
            return quartic_map(subset, full)
        return spline_map(subset, full, self.rmse)


def _one_cluster(problem: ItemProblem, clusterer: Clusterer, law: LawFit, n_clusters: int) -> Solution:
    largest = float(problem.flops[-1])
    return Solution(
        predict=lambda target: float(law(_x(target, largest))[0]),
        fitted=law(problem.x),
        n_params=law.n_params,
        facts=_facts(problem, clusterer, 0.0, n_clusters, 0)
        | {"fallback": "no cluster passes the filter: one law for the whole benchmark"},
    )


def _facts(
    problem: ItemProblem, clusterer: Clusterer, share: float, n_clusters: int, n_extrapolated: int
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "predictable_share": share,
        "n_clusters": n_clusters,
        "n_extrapolated": n_extrapolated,
    }
    if getattr(clusterer, "sampled_", False):
        facts["sampled"] = "clusters were sought from a sample of the questions, of which there are many different ones"
    trials = float(np.median(problem.n_trials))
    if trials < FEW_TRIALS:
        facts["warning"] = (
            f"{trials:g} trials a question: the clusters are made of noise, and the same draws are fitted again; "
            "the paper has 100"
        )
    return facts


def _x(target: Target, largest: float) -> FloatArray:
    """Compute of a target in decades from the largest rung, as an array of length 1."""
    return np.array([laws.decades(target.flops, largest)])


def fit_cluster_laws(problem: ItemProblem, score: FloatArray) -> list[LawFit]:
    """Laws of clusters, as many parameters free as the rungs can determine.

    Parameters
    ----------
    problem
        Gives compute and chance.
    score : [cluster, rung]
        Mean pass rates.
    """
    return fit_laws(
        problem.x,
        score,
        free_c=len(problem) >= MIN_RUNGS_FOR_CEILING,
        chance=None if len(problem) >= MIN_RUNGS_FOR_FREE_CHANCE else chance_level(problem),
    )


def cod_without_mapping(seed: int = 0, name: str = "cod-nomap") -> COD:
    """COD without filter and map, on KMeans clusters: the paper's ablation."""
    return COD(clusterer=DifficultyKMeans(random_state=seed), mapping="none", filter=None, name=name)
