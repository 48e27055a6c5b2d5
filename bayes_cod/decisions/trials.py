"""How many trials a question, which benchmarks, and which questions are worth paying for.

Judged by the 90 % interval of the target's score, with scores on the logit scale and draws taken as jointly normal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.decisions.next_run import Curves, gaussian_ratio, simulate
from bayes_cod.decisions.runs import CandidateRun, at_compute, run_noise, slope_of_scale, to_scale
from bayes_cod.decisions.utility import FloatArray

TRIALS = (1, 2, 4, 8, 16, 32, 64, 128)
SMALLEST = 1e-12


def trials_worth(
    curves: Curves, benchmarks: Sequence[str], rungs: FloatArray, trials: Sequence[float] = TRIALS
) -> pd.DataFrame:
    """What other numbers of trials a question would do, benchmark by benchmark.

    Evaluating the rungs again tells more about those runs, not about the luck that they were trained with: a score's
    noise is luck and trials, and only the latter falls. Where questions or trials are unknown there is no row.

    Parameters
    ----------
    curves
        What is known now.
    benchmarks
        Names.
    rungs
        Compute of the rungs that have been evaluated ``(rung,)``.
    trials
        Numbers to compare.

    Returns
    -------
    pandas.DataFrame
        benchmark, trials, has (trials a question now), questions, evaluations (questions x trials, of one model),
        trial_sd (of the target's score, fraction), share_of_variance (of the target's predictive variance that is due
        to that many trials), width_now, width_target (of the 90 % interval of the target's observed score if the
        target is evaluated with that many), width_rungs (if the rungs are; equal to width_now where they have as many).
    """
    evaluation, width = curves.evaluation, curves.width
    edge = evaluation.edge
    scaled = to_scale(curves.target, edge)
    noise_now = evaluation.trial_variance(curves.target).mean(axis=0)
    variance = curves.target.var(axis=0)
    rows = []
    for place, name in enumerate(benchmarks):
        questions, has = float(evaluation.n_questions[place]), float(evaluation.n_trials[place])
        if not np.isfinite(questions * has) or variance[place] <= 0:
            continue
        for count in trials:
            noise = evaluation.trial_variance(curves.target, count).mean(axis=0)[place]
            without = max(variance[place] - noise_now[place], 0.0)
            ratio = 1.0 if count <= has else _rungs_again(curves, scaled, place, rungs, count)
            rows.append(
                {
                    "benchmark": name,
                    "trials": count,
                    "has": has,
                    "questions": questions,
                    "evaluations": questions * count,
                    "trial_sd": np.sqrt(noise),
                    "share_of_variance": noise / (without + noise),
                    "width_now": width[place],
                    "width_target": width[place] * np.sqrt((without + noise) / variance[place]),
                    "width_rungs": width[place] * ratio,
                }
            )
    return pd.DataFrame(rows)


def _rungs_again(curves: Curves, scaled: FloatArray, place: int, rungs: FloatArray, trials: float) -> float:
    """Ratio of the target's spread after evaluating the rungs with more trials, to that before."""
    evaluation = curves.evaluation
    latents, noises = [], []
    for flops in rungs:
        observed, latent = (at_compute(part, curves.flops, float(flops)) for part in (curves.observed, curves.latent))
        before = float(run_noise(observed, latent, evaluation)[place, place])
        squared = slope_of_scale(latent, evaluation.edge)[:, place] ** 2
        falls = (evaluation.trial_variance(latent) - evaluation.trial_variance(latent, trials))[:, place]
        after = max(before - float((squared * falls).mean()), 0.05 * before)
        gained = 1 / after - 1 / before
        latents.append(to_scale(latent, evaluation.edge)[:, place])
        noises.append(1 / max(gained, SMALLEST))
    return float(gaussian_ratio(scaled[:, [place]], np.column_stack(latents), np.diag(noises))[0])


def benchmarks_worth(curves: Curves, benchmarks: Sequence[str], run: CandidateRun, weights: FloatArray) -> pd.DataFrame:
    """In which order benchmarks of a planned run tell most about the target, each beside those before it.

    Parameters
    ----------
    curves
        What is known now.
    benchmarks
        Names.
    run
        The run to be evaluated.
    weights
        How much each benchmark's forecast counts ``(benchmark,)``; one without weight may be worth running all the
        same, for what it tells about others.

    Returns
    -------
    pandas.DataFrame
        One row a benchmark, the most telling first: order, benchmark, questions, alone (ratio of the target's weighted
        mean width after evaluating the run on it alone, to that before), together (on it and all before it), narrowing
        (what it adds to those before, fraction of a score).
    """
    share = weights / weights.sum()
    width = curves.width
    now = float(share @ width)
    made = simulate(curves, run, np.random.default_rng(0))
    scaled = to_scale(curves.target, curves.evaluation.edge)

    def left(columns: list[int]) -> float:
        ratio = gaussian_ratio(scaled, made.latent[:, columns], made.noise[np.ix_(columns, columns)])
        return float(share @ (width * ratio)) / now

    waiting = list(range(len(benchmarks)))
    alone = {place: left([place]) for place in waiting}
    chosen: list[int] = []
    rows, before = [], 1.0
    while waiting:
        found = {place: left([*chosen, place]) if chosen else alone[place] for place in waiting}
        best = min(waiting, key=lambda place: found[place])
        chosen.append(best)
        waiting.remove(best)
        rows.append(
            {
                "order": len(chosen),
                "benchmark": benchmarks[best],
                "questions": float(curves.evaluation.n_questions[best]),
                "alone": alone[best],
                "together": found[best],
                "narrowing": max(before - found[best], 0.0) * now,
            }
        )
        before = min(before, found[best])
    return pd.DataFrame(rows)


def questions_worth(
    clusters: pd.DataFrame,
    cluster_curves: xr.Dataset,
    target_flops: float,
    last_rung_flops: float,
    target: xr.DataArray,
) -> pd.DataFrame:
    r"""Where trials are best spent among the clusters of a benchmark's questions.

    For a given number of evaluations a score's trial noise is least with trials a question in proportion to
    :math:`\sqrt{p (1 - p)}` (Neyman's allocation): questions that are always or never solved need few.

    Parameters
    ----------
    clusters
        benchmark, cluster, n_questions, kind.
    cluster_curves
        ``pass_rate[sample, flops, cluster]`` with the coordinates `benchmark` and `cluster` along its last dimension.
    target_flops, last_rung_flops
        Compute of the target and of the largest rung in FLOPs.
    target
        Observed scores of the target ``[sample, benchmark]``; used for how closely a cluster moves with its benchmark
        where it has as many draws as the curves.

    Returns
    -------
    pandas.DataFrame
        benchmark, cluster, kind, questions, pass_rate (expected, at the target), relative_trials (trials a question
        over the benchmark's mean), noise_ratio (of the benchmark: variance by trials so spent, over that of the same
        number spent evenly), correlation (of the cluster's pass rate at the largest rung with the target's score).
    """
    rate = cluster_curves["pass_rate"].transpose("sample", "flops", "cluster")
    flops = rate["flops"].values
    at_target = at_compute(rate.values, flops, target_flops)
    at_rung = at_compute(rate.values, flops, last_rung_flops)
    named = pd.DataFrame({"benchmark": rate["benchmark"].values, "cluster": rate["cluster"].values})
    named["pass_rate"] = at_target.mean(axis=0)
    named["deviation"] = np.sqrt((at_target * (1 - at_target)).mean(axis=0))
    paired = target.sizes["sample"] == len(at_rung)
    named["correlation"] = [
        _correlation(at_rung[:, place], target.sel(benchmark=row.benchmark).values) if paired else np.nan
        for place, row in enumerate(named.itertuples())
    ]
    table = clusters.merge(named, on=["benchmark", "cluster"], validate="one_to_one")
    weight = table["n_questions"].astype(float)
    mean = (weight * table["deviation"]).groupby(table["benchmark"]).transform("sum") / weight.groupby(
        table["benchmark"]
    ).transform("sum")
    even = (weight * table["deviation"] ** 2).groupby(table["benchmark"]).transform("sum") / weight.groupby(
        table["benchmark"]
    ).transform("sum")
    table["relative_trials"] = np.where(mean > 0, table["deviation"] / mean.where(mean > 0, 1.0), 1.0)
    table["noise_ratio"] = np.where(even > 0, mean**2 / even.where(even > 0, 1.0), 1.0)
    kept = ["benchmark", "cluster", "kind", "n_questions", "pass_rate", "relative_trials", "noise_ratio", "correlation"]
    return table[kept].rename(columns={"n_questions": "questions"})


def _correlation(first: FloatArray, second: FloatArray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
