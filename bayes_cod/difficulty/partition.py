"""Quality of a partition of questions into clusters, and counts aggregated by cluster."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bayes_cod.difficulty.meanshift import OUTLIER, check_vectors
from bayes_cod.difficulty.vectors import FloatArray, IntArray, TrialCounts
from bayes_cod.errors import InputError


@dataclass(frozen=True)
class PartitionQuality:
    """How tight and how complete a partition is.

    Attributes
    ----------
    n_clusters : int
    intra_average_distance : float
        Mean Euclidean distance of the labelled questions to the mean of their cluster (IAD); NaN
        if nothing is labelled.
    outlier_rate : float
        Share of all questions that belong to no cluster, a fraction.
    radius : float [cluster]
        Largest distance of a member to the mean of its cluster.
    size : int [cluster]
        Questions in each cluster.
    """

    n_clusters: int
    intra_average_distance: float
    outlier_rate: float
    radius: FloatArray
    size: IntArray


@dataclass(frozen=True)
class ClusterCounts:
    """TrialCounts and mean pass rates of clusters.

    Attributes
    ----------
    n_correct, n_trials : int [cluster, rung]
        Passes and trials summed over the members.
    score : float [cluster, rung]
        Mean over the members of their pass rates, the unweighted mean that a benchmark reports;
        members without a trial at a rung are left out there, NaN if there are none.
    size : int [cluster]
        Questions in each cluster.
    weights : float [cluster]
        Share of the benchmark's questions, outliers included in the total; they need not sum to 1.
    labels : int [cluster]
        The label of each row.
    """

    n_correct: IntArray
    n_trials: IntArray
    score: FloatArray
    size: IntArray
    weights: FloatArray
    labels: IntArray


def _check_labels(labels: npt.ArrayLike, n_questions: int) -> IntArray:
    checked = np.asarray(labels)
    if checked.shape != (n_questions,):
        raise InputError(f"expected {n_questions} labels, one a question, got shape {checked.shape}.")
    return checked.astype(np.int64)


def partition_quality(vectors: npt.ArrayLike, labels: npt.ArrayLike) -> PartitionQuality:
    """Tightness, radius and outlier rate of a partition.

    Parameters
    ----------
    vectors : [question, rung]
        Difficulty vectors.
    labels : int [question]
        Cluster of each question, -1 for none.

    Raises
    ------
    InputError
        If there is not one label a question.
    """
    points = check_vectors(vectors)
    membership = _check_labels(labels, len(points))
    names = np.unique(membership[membership != OUTLIER])
    distances = [_distance_to_mean(points[membership == name]) for name in names]
    return PartitionQuality(
        n_clusters=len(names),
        intra_average_distance=float(np.concatenate(distances).mean()) if distances else float("nan"),
        outlier_rate=float(np.mean(membership == OUTLIER)),
        radius=np.array([d.max() for d in distances]),
        size=np.array([len(d) for d in distances], dtype=np.int64),
    )


def _distance_to_mean(members: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(members - members.mean(axis=0), axis=1))


def aggregate_counts(counts: TrialCounts, labels: npt.ArrayLike) -> ClusterCounts:
    """TrialCounts of the questions of each cluster, added up; outliers are left out.

    Parameters
    ----------
    counts : TrialCounts [question, rung]
    labels : int [question]
        Cluster of each question, -1 for none.

    Raises
    ------
    InputError
        If there is not one label a question.
    """
    membership = _check_labels(labels, len(counts.n_trials))
    names = np.unique(membership[membership != OUTLIER])
    indicator = (membership[None, :] == names[:, None]).astype(np.int64)
    tried = counts.n_trials > 0
    rate_sum = indicator @ np.nan_to_num(counts.pass_rates)
    n_tried = indicator @ tried.astype(np.int64)
    score = np.full(n_tried.shape, np.nan)
    np.divide(rate_sum, n_tried, out=score, where=n_tried > 0)
    size = indicator.sum(axis=1)
    return ClusterCounts(
        n_correct=indicator @ counts.n_correct,
        n_trials=indicator @ counts.n_trials,
        score=score,
        size=size,
        weights=size / max(len(membership), 1),
        labels=names,
    )
