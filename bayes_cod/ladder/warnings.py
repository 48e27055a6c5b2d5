"""What looks wrong in a ladder although it can be read: compute, names, families, answers of another model, groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import gammaln

from bayes_cod.ladder.ladder import SETTING, Ladder
from bayes_cod.ladder.naming import alike, some, stem
from bayes_cod.ladder.shared import incomplete

CONTRADICTION = 4.0
"""Ratio of the compute given to 6 x params x tokens from which one of them is doubted."""
UNLIKELY = 1e-6
"""Probability that two models answer alike by chance, below which one is doubted."""
BETWEEN = (0.1, 0.9)
"""Scores between which the agreement of single trials tells something."""
FEWEST_SAME = 8
"""Questions (or scores) that two models must share before they are compared."""
ROUNDING = 2e-3
_AVERAGES = frozenset({"average", "avg", "mean", "overall", "all", "total", "macro_avg", "macro_average"})


def ladder_warnings(ladder: Ladder) -> tuple[str, ...]:
    """What looks wrong in a ladder, worst first.

    Parameters
    ----------
    ladder
        All of one, or the part that a forecast starts from.

    Returns
    -------
    tuple of str
        One line each.
    """
    found = [
        *_contradictory(ladder),
        *(str(case) for case in incomplete(ladder)),
        *_missing_benchmarks(ladder),
        *_identical(ladder),
        *_mixed_families(ladder),
        *_alike(ladder),
        *_groups(ladder),
    ]
    return tuple(dict.fromkeys(found))


def targets_without_compute(ladder: Ladder) -> list[str]:
    """Listed models without results and without compute: they can't be forecast by name."""
    models = ladder.models
    return [str(name) for name in models.loc[models["flops"].isna() & ~models["model"].isin(ladder.evaluated), "model"]]


def _contradictory(ladder: Ladder) -> Iterator[str]:
    models = ladder.models
    if not {"params", "tokens"} <= set(models.columns):
        return
    size = models["params"].astype(float)
    active = models["params_active"].astype(float) if "params_active" in models else size
    nominal = 6 * active.fillna(size) * models["tokens"].astype(float)
    ratio = models["flops"].astype(float) / nominal
    table = models.assign(nominal=nominal, ratio=ratio)
    off = table[(ratio > CONTRADICTION) | (ratio < 1 / CONTRADICTION)]
    for row in off.head(6).to_dict("records"):
        yield (
            f"{row['model']} has {row['flops']:.3g} FLOPs, but 6 x params x tokens is {row['nominal']:.3g} "
            f"({_times(row['ratio'])}); check its flops, params and tokens"
        )
    if len(off) > 6:
        yield f"{len(off) - 6} more models have FLOPs that contradict 6 x params x tokens"


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times as much" if ratio > 1 else f"{1 / ratio:.3g} times less"


def _missing_benchmarks(ladder: Ladder) -> Iterator[str]:
    """Benchmarks that some rungs of a family have no result on, inside the range of those that have."""
    rungs = ladder.rungs()
    scores = ladder.observed_scores
    have = set(zip(scores["model"], scores["benchmark"], strict=True))
    lacking: dict[tuple[str, ...], list[str]] = {}
    for _, own in rungs.groupby("family", sort=False):
        names = [str(name) for name in own["model"]]
        for benchmark in ladder.benchmark_names:
            present = [name for name in names if (name, benchmark) in have]
            missing = tuple(name for name in names if (name, benchmark) not in have)
            if present and missing and len(present) > 1:
                lacking.setdefault(missing, []).append(benchmark)
    for shown, (missing, benchmarks) in enumerate(lacking.items()):
        if shown == 5:
            yield f"{len(lacking) - 5} more groups of rungs lack some benchmark"
            return
        yield f"{some(benchmarks)}: no result of {some(missing)}; forecast from the other rungs"


def _identical(ladder: Ladder) -> Iterator[str]:
    """Pairs of rungs with the same answers, as when one model's cache is served to another."""
    rungs = ladder.rungs()
    if ladder.items is None:
        yield from _identical_scores(ladder, rungs)
        return
    evaluated: dict[str, set[str]] = {}
    for name, rows in ladder.items_by_benchmark.items():
        evaluated[name] = {str(model) for model in rows["model"].unique()}
    for _, own in rungs.groupby("family", sort=False):
        for benchmark, answering in evaluated.items():
            models = [str(name) for name in own["model"] if str(name) in answering]
            if len(models) > 1:
                yield from _same_answers(ladder, benchmark, models)


def _same_answers(ladder: Ladder, benchmark: str, models: Sequence[str]) -> Iterator[str]:
    counts = ladder.counts(benchmark, models, common=False)
    trials, correct = counts.n_trials, counts.n_correct
    rate = (correct.sum(axis=1) + 0.5) / (trials.sum(axis=1) + 1)  # shape (question,)
    for first, second in combinations(range(len(models)), 2):
        both = (trials[:, first] > 0) & (trials[:, second] > 0)
        same = (trials[both, first] == trials[both, second]) & (correct[both, first] == correct[both, second])
        if both.sum() < FEWEST_SAME or not same.all():
            continue
        telling = _telling(trials[both, first], correct[both, first])
        if _log_chance_of_agreement(trials[both, first][telling], rate[both][telling]) < np.log(UNLIKELY):
            most = int(trials[both, first].max())
            yield (
                f"{models[first]} and {models[second]} agree on all {int(both.sum())} questions of {benchmark} "
                f"({most} trials each), which does not happen by chance; are these the answers of one model?"
            )


def _telling(trials: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Questions whose agreement tells anything, shape ``(question,)``: neither all wrong nor all right.

    Two weak models fail the same questions, two strong ones pass them. With one trial a question no single one tells,
    and all do where the score lies well between 0 and 1.
    """
    mixed = (correct > 0) & (correct < trials)
    single = trials == 1
    share = correct.sum() / trials.sum()
    return np.asarray(mixed | (single & (BETWEEN[0] < share < BETWEEN[1])))


def _log_chance_of_agreement(trials: np.ndarray, rate: np.ndarray) -> float:
    """Log probability that two models with the same pass rates count alike on all questions."""
    total = 0.0
    for n in np.unique(trials):
        own = rate[trials == n]
        k = np.arange(min(int(n), 1000) + 1)
        choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        log_pmf = choose + k * np.log(own)[:, None] + (n - k) * np.log1p(-own)[:, None]
        total += float(np.log(np.exp(2 * log_pmf).sum(axis=1)).sum())
    return total


def _identical_scores(ladder: Ladder, rungs: pd.DataFrame) -> Iterator[str]:
    table = ladder.observed_scores.pivot_table(index="model", columns="benchmark", values="score", observed=True)
    for _, own in rungs.groupby("family", sort=False):
        names = [str(name) for name in own["model"] if name in table.index]
        for first, second in combinations(names, 2):
            pair = table.loc[[first, second]].dropna(axis=1)
            fine = pair.shape[1] >= 3 and bool((pair.iloc[0] == pair.iloc[1]).all())
            if fine and pair.iloc[0].nunique() > 2:
                yield f"{first} and {second} have the same score on all {pair.shape[1]} benchmarks; is one a copy?"


def _mixed_families(ladder: Ladder) -> Iterator[str]:
    """Models of one family whose names begin in several ways, where nothing told the family."""
    for family in ladder.families:
        own = ladder.models[ladder.models["family"] == family]
        if family != "all" or len(own) < 4:
            continue
        stems: dict[str, list[str]] = {}
        for name in own["model"]:
            stems.setdefault(stem(str(name)).casefold(), []).append(str(name))
        groups = {key: names for key, names in stems.items() if len(names) > 1}
        if len(groups) > 1:
            shown = "; ".join(f"{some(names, 2)}" for names in list(groups.values())[:3])
            yield (
                f"models without a family bear {len(groups)} names ({shown}); one ladder of all would mix them: add a "
                "column family"
            )


def _alike(ladder: Ladder) -> Iterator[str]:
    kinds = (
        ("models", [str(name) for name in ladder.models["model"]]),
        ("families", ladder.families),
        ("benchmarks", ladder.benchmark_names),
    )
    for kind, names in kinds:
        for group in alike(names)[:3]:
            yield f"the {kind} {' and '.join(repr(name) for name in group[:3])} look alike; are they one?"


def _groups(ladder: Ladder) -> Iterator[str]:
    """Benchmarks that are the mean of others, so that a mean over all counts a question twice."""
    scores = ladder.observed_scores
    if scores["benchmark"].nunique() < 3:
        return
    table = scores.pivot_table(index="model", columns="benchmark", values="score", observed=True)
    sizes = scores.groupby("benchmark", observed=True)["n_questions"].max()
    names = [str(name) for name in table.columns]
    for name in names:
        parts = _parts(name, names)
        if len(parts) < 2:
            continue
        rows = table[[name, *parts]].dropna()
        if len(rows) and _is_mean(rows[name].to_numpy(), rows[parts].to_numpy(), sizes[parts].to_numpy(dtype=float)):
            yield (
                f"{name} is the mean of {some(parts)}; a mean over all benchmarks counts their questions twice, so "
                "forecast the group or its parts"
            )


def _parts(name: str, names: Sequence[str]) -> list[str]:
    """Benchmarks that may be a group's direct parts, by their names."""
    base, _, setting = name.partition(SETTING)
    same = [other for other in names if other != name and other.partition(SETTING)[2] == setting]
    if base.casefold() in _AVERAGES:
        return same
    inside = [other for other in same if _is_below(other, name)]
    return [other for other in inside if not any(_is_below(other, between) for between in inside)]


def _is_below(name: str, group: str) -> bool:
    base, above = name.partition(SETTING)[0], group.partition(SETTING)[0]
    return base != above and base.startswith(above) and base[len(above)] in "_-:/. "


def _is_mean(group: np.ndarray, parts: np.ndarray, sizes: np.ndarray) -> bool:
    means = [parts.mean(axis=1)]
    if np.isfinite(sizes).all() and sizes.sum() > 0:
        means.append(parts @ sizes / sizes.sum())
    return any(bool((np.abs(group - mean) <= ROUNDING).all()) for mean in means)
