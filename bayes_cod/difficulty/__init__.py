"""Difficulty vectors, clusterers of questions, and the quality of their partitions."""

from bayes_cod.difficulty.clusterers import (
    Clusterer,
    DifficultyDBSCAN,
    DifficultyKMeans,
    DifficultyMeanShift,
    ImprovedKMeans,
    refit,
)
from bayes_cod.difficulty.meanshift import OUTLIER, ImprovedMeanShift
from bayes_cod.difficulty.partition import (
    ClusterCounts,
    PartitionQuality,
    aggregate_counts,
    partition_quality,
)
from bayes_cod.difficulty.vectors import (
    TrialCounts,
    TrialSplit,
    fill_missing,
    smooth_checkpoints,
    split_trials,
    zero_mask,
)

__all__ = [
    "OUTLIER",
    "ClusterCounts",
    "Clusterer",
    "TrialCounts",
    "DifficultyDBSCAN",
    "DifficultyKMeans",
    "DifficultyMeanShift",
    "ImprovedKMeans",
    "ImprovedMeanShift",
    "PartitionQuality",
    "TrialSplit",
    "aggregate_counts",
    "fill_missing",
    "partition_quality",
    "refit",
    "smooth_checkpoints",
    "split_trials",
    "zero_mask",
]
