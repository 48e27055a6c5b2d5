"""From a ladder's question-level counts to what Bayesian COD is fitted on: groups of questions.

Clusters come from one half of the trials, counts from the other, so that no noise is used twice. Questions outside all
clusters (outliers and questions never passed) form the rest of a benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.difficulty.meanshift import ImprovedMeanShift
from bayes_cod.difficulty.spread import difficulty_spread
from bayes_cod.difficulty.vectors import TrialCounts, fill_missing, split_trials, zero_mask
from bayes_cod.errors import InputError
from bayes_cod.ladder import Counts, Ladder

type FloatArray = NDArray[np.float64]
type Rest = Literal["map", "law"]
type Clusters = Literal["describe", "model", "none"]

REST = "rest"
WHOLE = "all"

SPREAD_BELOW = 0.75
SPREAD_ERROR = 0.5
"""How much questions differ is read off the last rung with a lower score and a smaller standard error."""


@dataclass(frozen=True)
class GroupingSettings:
    """How questions are grouped.

    Attributes
    ----------
    clusters
        "describe": one group a benchmark is forecast, and clusters are described along its path; "model": each cluster
        has a curve of its own in the model and the rest goes through the map; "none": no clusters.
    min_trials
        Trials a question that clustering needs on average (half of them form the clusters).
    min_questions
        Questions a benchmark needs to be clustered.
    min_size, quantile
        Smallest cluster and bandwidth quantile of the improved MeanShift.
    max_clusters
        Clusters kept, largest first; questions of the others join the rest.
    rest
        What forecasts the rest: the map from the subset, or a law of its own in bands of difficulty.
    """

    clusters: Clusters = "describe"
    min_trials: float = 8.0
    min_questions: int = 100
    min_size: int = 10
    quantile: float = 0.1
    max_clusters: int = 6
    rest: Rest = "map"


@dataclass(frozen=True)
class Group:
    """Questions that move together.

    Attributes
    ----------
    benchmark
        Its benchmark.
    name
        `all`, `cluster <i>` (by falling pass rate at the last rung) or a band of the rest.
    questions
        Their ids.
    weight
        Share of the benchmark's questions.
    n_trials, n_correct
        Counts ``(rung,)`` of the fitting half; 0 trials where a rung was not evaluated.
    """

    benchmark: str
    name: str
    questions: tuple[str, ...]
    weight: float
    n_trials: NDArray[np.int64]
    n_correct: NDArray[np.int64]


@dataclass(frozen=True)
class Anchor:
    """A model of another family on one benchmark.

    Attributes
    ----------
    benchmark, model
        Their names.
    subset
        Its score on the questions in groups, a fraction.
    n_trials, n_correct
        Its counts on the rest.
    """

    benchmark: str
    model: str
    subset: float
    n_trials: int
    n_correct: int


@dataclass(frozen=True)
class Evidence:
    """Everything a fit takes from a ladder.

    Attributes
    ----------
    rungs
        The rungs, by compute.
    decades
        log10 compute from the last rung ``(rung,)``, the last is 0.
    benchmarks
        Their names.
    chance
        Chance levels ``(benchmark,)``, NaN where unknown.
    groups
        Groups with a law of their own.
    rest
        One group a benchmark whose score goes through the map; empty ones are absent.
    described
        Clusters and rests that are described along their benchmark's path and not forecast themselves.
    n_questions, n_trials
        Questions ``(benchmark,)`` and mean trials a question, for the noise of an evaluation.
    notes
        What was decided, for the report.
    anchors
        Models of other families that inform the map.
    spread
        Variance of the questions' difficulty on the logit ``(benchmark,)``, NaN where the trials do not tell; None
        where it was not looked for.
    """

    rungs: pd.DataFrame
    decades: FloatArray
    benchmarks: tuple[str, ...]
    chance: FloatArray
    groups: tuple[Group, ...]
    rest: tuple[Group, ...]
    described: tuple[Group, ...]
    n_questions: NDArray[np.int64]
    n_trials: FloatArray
    notes: tuple[str, ...]
    anchors: tuple[Anchor, ...] = ()
    spread: FloatArray | None = None

    def benchmark_index(self, groups: tuple[Group, ...]) -> NDArray[np.int32]:
        """Index of each group's benchmark ``(group,)``."""
        return np.array([self.benchmarks.index(group.benchmark) for group in groups], dtype=np.int32)


def gather(ladder: Ladder, settings: GroupingSettings, seed: int) -> Evidence:
    """Group the questions of every benchmark of a ladder.

    Parameters
    ----------
    ladder
        One family's rungs.
    settings, seed
        The seed splits the trials.

    Raises
    ------
    InputError
        With fewer than two rungs, or no benchmark with results at two rungs.
    """
    rungs = ladder.rungs()
    if len(rungs) < 2:
        have = ", ".join(rungs["model"]) or "none"
        raise InputError(
            f"a forecast needs at least two rungs with results and known compute; ladder '{ladder.name}' has {have}"
        )
    names = [str(name) for name in rungs["model"]]
    log_flops = np.log10(rungs["flops"].to_numpy(dtype=float))
    if log_flops[-1] - log_flops[0] < 1e-6:
        raise InputError("all rungs have the same compute; a forecast needs rungs of different compute")
    groups: list[Group] = []
    rest: list[Group] = []
    described: list[Group] = []
    kept: list[str] = []
    sizes: list[tuple[int, float]] = []
    notes: list[str] = []
    spread: list[float] = []
    for benchmark in ladder.benchmark_names:
        present = [name for name in names if not np.isnan(ladder.truth(name, benchmark))]
        if len(present) < 2:
            notes.append(f"{benchmark}: results at fewer than two rungs, not forecast")
            continue
        counts = ladder.counts(benchmark, present)
        if len(counts.questions) == 0:
            notes.append(f"{benchmark}: no question was answered by every rung, not forecast")
            continue
        columns = np.array([names.index(name) for name in present])
        # a stream of its own for each benchmark, so that its split does not depend on which others are chosen
        rng = np.random.default_rng([seed, *benchmark.encode()])
        make = _GroupMaker(counts, columns, len(names))
        clustered, outside, note = _group_benchmark(make, log_flops, settings, rng)
        if settings.clusters == "model" or clustered[0].name == WHOLE:
            groups += clustered
            rest += outside
        else:
            groups.append(make.whole())
            described += clustered + outside
        kept.append(benchmark)
        spread.append(_spread_while_low(make.trials))
        sizes.append((len(counts.questions), float(counts.n_trials.mean())))
        notes += note
    if not kept:
        raise InputError("no benchmark has results at two rungs; " + "; ".join(notes))
    return Evidence(
        rungs=rungs,
        decades=log_flops - log_flops[-1],
        benchmarks=tuple(kept),
        chance=np.array([ladder.chance(name) for name in kept]),
        groups=tuple(groups),
        rest=tuple(rest),
        described=tuple(described),
        n_questions=np.array([size for size, _ in sizes], dtype=np.int64),
        n_trials=np.array([trials for _, trials in sizes]),
        notes=tuple(notes),
        spread=np.array(spread),
    )


def _spread_while_low(trials: TrialCounts) -> float:
    """Variance of the questions' difficulty at the last rung that passes few and tells it; NaN without one."""
    variance, error = difficulty_spread(trials)
    score = np.nanmean(trials.pass_rates, axis=0)
    tells = np.flatnonzero((score < SPREAD_BELOW) & (error < SPREAD_ERROR))
    return max(float(variance[tells[-1]]), 0.0) if len(tells) else float("nan")


@dataclass(frozen=True)
class _GroupMaker:
    """Makes groups of a benchmark's questions; `columns` are the rungs that answered it."""

    counts: Counts
    columns: NDArray[np.int64]
    n_rungs: int

    @property
    def trials(self) -> TrialCounts:
        return TrialCounts.of(self.counts.n_correct, self.counts.n_trials)

    def whole(self) -> Group:
        return self.group(WHOLE, np.ones(len(self.counts.questions), dtype=bool), self.trials)

    def group(self, name: str, members: NDArray[np.bool_], half: TrialCounts) -> Group:
        n_trials, n_correct = np.zeros(self.n_rungs, dtype=np.int64), np.zeros(self.n_rungs, dtype=np.int64)
        rates = np.nan_to_num(half.pass_rates[members]).mean(axis=0)  # a score is the mean over questions
        n_trials[self.columns] = half.n_trials[members].sum(axis=0)
        n_correct[self.columns] = np.rint(rates * n_trials[self.columns])
        weight = float(members.mean())
        ids = tuple(str(question) for question in self.counts.questions[members])
        return Group(self.counts.benchmark, name, ids, weight, n_trials, n_correct)


def _group_benchmark(
    make: _GroupMaker, log_flops: FloatArray, settings: GroupingSettings, rng: np.random.Generator
) -> tuple[list[Group], list[Group], list[str]]:
    counts, whole, group = make.counts, make.trials, make.group
    every = np.ones(len(counts.questions), dtype=bool)
    enough = counts.n_trials.mean() >= settings.min_trials and len(every) >= settings.min_questions
    if settings.clusters == "none" or not enough:
        note = []
        if settings.clusters != "none":
            note = [
                f"{counts.benchmark}: {len(every)} questions with {counts.n_trials.mean():.3g} trials each do not bear "
                "clustering on one half of the trials; one group of all questions"
            ]
        return [make.whole()], [], note
    split = split_trials(whole, rng)
    vectors = split.clustering.pass_rates
    labels = np.full(len(every), -1)
    passed = ~zero_mask(vectors)
    if passed.sum() >= settings.min_size:
        filled = fill_missing(vectors[passed], log_flops[make.columns])
        labels[passed] = ImprovedMeanShift(quantile=settings.quantile, min_size=settings.min_size).fit_predict(filled)
    found, sizes = np.unique(labels[labels >= 0], return_counts=True)
    if len(found) == 0:
        note = [f"{counts.benchmark}: no cluster of at least {settings.min_size} questions; one group of all questions"]
        return [make.whole()], [], note
    largest = found[np.argsort(-sizes, kind="stable")][: settings.max_clusters]
    last_rate = {label: np.nanmean(vectors[labels == label, -1]) for label in largest}
    ordered = sorted(largest, key=lambda label: (-last_rate[label], label))
    clusters = [group(f"cluster {i + 1}", labels == label, split.fitting) for i, label in enumerate(ordered)]
    outside = ~np.isin(labels, largest)
    if not outside.any():
        return clusters, [], []
    if settings.rest == "map":
        return clusters, [group(REST, outside, split.fitting)], []
    bands = _bands(vectors, outside, settings.min_size)
    return clusters + [group(f"{REST} {i + 1}", band, split.fitting) for i, band in enumerate(bands)], [], []


def _bands(vectors: FloatArray, outside: NDArray[np.bool_], min_size: int) -> list[NDArray[np.bool_]]:
    """The rest in bands of difficulty: never passed, and thirds of the others by mean pass rate."""
    mean = np.nan_to_num(np.nanmean(vectors, axis=1))
    never = outside & (mean == 0)
    some = outside & ~never
    bands = [never] if never.any() else []
    if some.sum() < 3 * min_size:
        return bands + ([some] if some.any() else [])
    edges = np.quantile(mean[some], [1 / 3, 2 / 3])
    third = np.digitize(mean, edges)
    return bands + [band for band in (some & (third == i) for i in range(3)) if band.any()]
