"""Clusters of a benchmark's questions by how difficult each rung finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_cod.difficulty import ImprovedMeanShift
from bayes_cod.difficulty.vectors import TrialCounts, fill_missing, split_trials, zero_mask
from bayes_cod.ladder import Counts, Ladder
from bayes_cod.models.cod.observations import Observations

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]

WHOLE, REST = "all questions", "rest"
MIN_TRIALS, MIN_QUESTIONS, MIN_SIZE, MAX_CLUSTERS = 4.0, 40, 10, 12
"""With fewer trials a question, or fewer questions, one cluster holds them all; at most so many, largest first."""


@dataclass(frozen=True)
class Cluster:
    """Questions of one benchmark, and how the rungs did on them.

    Attributes
    ----------
    benchmark, name
        Where it belongs; `REST` holds the questions that no rung solved or no cluster took in.
    questions
        Their ids; empty where only scores are known.
    weight
        Share of the benchmark's questions.
    n_trials, n_correct
        Trials of the half that did not make the clusters, shape ``(rung,)``; 0 where a rung did not answer.
    """

    benchmark: str
    name: str
    questions: tuple[str, ...]
    weight: float
    n_trials: IntArray
    n_correct: IntArray


def cluster_questions(ladder: Ladder, seen: Observations, seed: int) -> tuple[tuple[Cluster, ...], tuple[str, ...]]:
    """Clusters of all benchmarks of a ladder, and notes on those that have but one.

    Trials are split: one half makes the clusters, the other is what the model sees of them. Clusters made and judged by
    the same trials would show trends that are noise.
    """
    clusters: list[Cluster] = []
    alone: list[str] = []
    for place, benchmark in enumerate(seen.benchmarks):
        found = _of_benchmark(ladder, seen, place, np.random.default_rng([seed, *benchmark.encode()]))
        if not found:
            row = Cluster(benchmark, WHOLE, (), 1.0, seen.n_trials[place], seen.n_correct[place])
            found = [row]
            alone.append(benchmark)
        clusters += found
    notes: tuple[str, ...] = ()
    if alone and ladder.items is not None:
        notes = (f"too few questions or trials a question for clusters: {', '.join(alone)}; one cluster each",)
    return tuple(clusters), notes


def _of_benchmark(ladder: Ladder, seen: Observations, place: int, rng: np.random.Generator) -> list[Cluster]:
    answered = np.flatnonzero(seen.n_trials[place] > 0)
    if ladder.items is None or len(answered) < 2:
        return []
    counts = ladder.counts(seen.benchmarks[place], [str(seen.rungs["model"].iloc[i]) for i in answered])
    if len(counts.questions) < MIN_QUESTIONS or counts.n_trials.mean() < MIN_TRIALS:
        return []
    split = split_trials(TrialCounts.of(counts.n_correct, counts.n_trials), rng)
    vectors = split.clustering.pass_rates
    labels = np.full(len(vectors), -1)
    passed = ~zero_mask(vectors)
    if passed.sum() >= MIN_SIZE:
        filled = fill_missing(vectors[passed], seen.axis.rungs[answered])
        labels[passed] = ImprovedMeanShift(min_size=MIN_SIZE).fit_predict(filled)
    names, sizes = np.unique(labels[labels >= 0], return_counts=True)
    largest = names[np.argsort(-sizes, kind="stable")][:MAX_CLUSTERS]
    if len(largest) == 0:
        return []
    easiest_first = sorted(largest, key=lambda label: (-np.nanmean(vectors[labels == label, -1]), label))
    make = _maker(counts, split.fitting, answered, len(seen.rungs))
    found = [make(f"cluster {i + 1}", labels == label) for i, label in enumerate(easiest_first)]
    outside = ~np.isin(labels, largest)
    return [*found, make(REST, outside)] if outside.any() else found


def _maker(
    counts: Counts, half: TrialCounts, answered: IntArray, n_rungs: int
) -> Callable[[str, NDArray[np.bool_]], Cluster]:
    def make(name: str, members: NDArray[np.bool_]) -> Cluster:
        n_trials, n_correct = np.zeros(n_rungs, dtype=np.int64), np.zeros(n_rungs, dtype=np.int64)
        rates = np.nan_to_num(half.pass_rates[members]).mean(axis=0)  # a score is a mean over questions
        n_trials[answered] = half.n_trials[members].sum(axis=0)
        n_correct[answered] = np.rint(rates * n_trials[answered])
        ids = tuple(str(question) for question in counts.questions[members])
        return Cluster(counts.benchmark, name, ids, float(members.mean()), n_trials, n_correct)

    return make
