"""Answers to what people ask of a forecast before they pay: how much compute, which run next, how many trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.decisions.basis import Basis
from bayes_cod.decisions.compute import LeastCompute, least_compute, probability_along, split_of_ladder
from bayes_cod.decisions.information import evsi
from bayes_cod.decisions.next_run import Curves, judge, simulate
from bayes_cod.decisions.runs import CandidateRun
from bayes_cod.decisions.trials import TRIALS, benchmarks_worth, questions_worth, trials_worth
from bayes_cod.decisions.utility import FloatArray, Price, Requirement
from bayes_cod.errors import InputError

QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
CANDIDATES = 8
LARGEST_SHARE = 0.3
SEEDS = (1, 2)


@dataclass(frozen=True)
class Answer:
    """What a decision command shows and writes.

    Attributes
    ----------
    table
        The table to be written as CSV.
    summary
        Everything as JSON holds it.
    words
        Sentences.
    notes
        What a reader must know.
    further
        Further tables by name.
    """

    table: pd.DataFrame
    summary: dict[str, Any]
    words: tuple[str, ...]
    notes: tuple[str, ...] = ()
    further: Mapping[str, pd.DataFrame] = field(default_factory=dict)


# ---------------------------------------------------------------- compute


def answer_compute(
    basis: Basis,
    requirements: Sequence[Requirement],
    confidence: float,
    *,
    price: Price | None = None,
    budget: float | None = None,
    seed: int = 0,
) -> Answer:
    """How much compute is enough.

    Parameters
    ----------
    basis
        From `basis_of`.
    requirements
        To be met together.
    confidence
        Probability with which they must be met.
    price
        What compute costs, if that is to be told.
    budget
        Compute in FLOPs that must not be exceeded, if there is one.
    seed
        Of the resampling that says how exact the answer is.

    Returns
    -------
    Answer
        Its table has, along compute: flops, probability (of all requirements, observed scores of one run), latent (of
        the latent scores), one column a requirement (alone), params, tokens (as the ladder goes on, where known),
        cost, hours.
    """
    curves = basis.curves
    found = least_compute(
        curves.flops, curves.observed, curves.latent, basis.benchmarks, requirements, confidence, seed
    )
    table = pd.DataFrame(
        {
            "flops": curves.flops,
            "probability": probability_along(curves.observed, basis.benchmarks, requirements),
            "latent": probability_along(curves.latent, basis.benchmarks, requirements),
            **{
                str(requirement): probability_along(curves.observed, basis.benchmarks, [requirement])
                for requirement in requirements
            },
        }
    )
    splits = _splits(basis, curves.flops)
    if splits is not None:
        table["params"], table["tokens"] = splits
    if price is not None:
        table["cost"], table["hours"] = price.cost(curves.flops), price.hours(curves.flops)
    summary = {
        "requirements": [str(requirement) for requirement in requirements],
        "confidence": confidence,
        "least_compute": _with_cost(basis, found.flops, price),
        "least_compute_draws_90": [found.low, found.high],
        "enough_at_smallest_rung": found.below,
        "needed_by_trend": {name: _needed(found.needed, level) for name, level in QUANTILES.items()},
        "p_trend_reaches_on_grid": float(np.isfinite(found.needed).mean()),
        "grid": [float(curves.flops[0]), float(curves.flops[-1])],
        "target": {"name": basis.target.name, "probability": _at(table, basis.target.flops)},
    }
    if budget is not None:
        summary["budget"] = {"probability": _at(table, budget), **_with_cost(basis, budget, price)}
    return Answer(table, summary, _compute_words(basis, requirements, confidence, found, summary, budget), basis.notes)


def _splits(basis: Basis, flops: FloatArray) -> tuple[list[float], list[float]] | None:
    rungs = basis.record.rungs
    if not np.isfinite(rungs["params"].to_numpy(dtype=float)).all():
        return None
    made = [split_of_ladder(float(value), basis.rung_flops, rungs["params"].to_numpy(dtype=float)) for value in flops]
    return [params for params, _ in made], [tokens for _, tokens in made]


def _with_cost(basis: Basis, flops: float, price: Price | None) -> dict[str, float]:
    told = {"flops": flops, "decades": float(np.log10(flops / basis.record.last_flops))}
    if np.isfinite(flops):
        splits = _splits(basis, np.array([flops]))
        if splits is not None:
            told |= {"params": splits[0][0], "tokens": splits[1][0]}
        if price is not None:
            told |= {"cost": float(price.cost(flops)), "hours": float(price.hours(flops))}
    return told


def _needed(needed: FloatArray, level: float) -> float:
    return float(np.quantile(needed, level, method="inverted_cdf"))


def _at(table: pd.DataFrame, flops: float) -> float:
    """Probability at one compute, linear in its logarithm; NaN off the grid."""
    x, y = np.log10(table["flops"].to_numpy()), table["probability"].to_numpy()
    return float(np.interp(np.log10(flops), x, y, left=np.nan, right=np.nan))


def _compute_words(
    basis: Basis,
    requirements: Sequence[Requirement],
    confidence: float,
    found: LeastCompute,
    summary: Mapping[str, Any],
    budget: float | None,
) -> tuple[str, ...]:
    aim = " and ".join(str(requirement) for requirement in requirements)
    words = []
    if np.isnan(found.flops):
        words.append(
            f"{aim} is nowhere reached with {confidence:.0%} up to {basis.curves.flops[-1]:.3g} FLOPs: forecast a "
            f"larger "
            "target, or ask for less."
        )
    elif found.below:
        words.append(f"{aim} is reached with {confidence:.0%} by the smallest rung already ({found.flops:.3g} FLOPs).")
    else:
        least = summary["least_compute"]
        cost = f", cost {least['cost']:,.0f}, {least['hours']:,.0f} hours" if "cost" in least else ""
        size = f", {least['params']:.3g} parameters and {least['tokens']:.3g} tokens" if "params" in least else ""
        words.append(
            f"{aim} with {confidence:.0%}: {found.flops:.3g} FLOPs ({least['decades']:+.2f} decades from the largest "
            f"rung{size}{cost}); by the number of draws between {found.low:.3g} and {found.high:.3g}."
        )
    trend = summary["needed_by_trend"]
    words.append(
        f"The trend gets there at {_or_never(trend['q50'])} FLOPs (50 % from {_or_never(trend['q25'])} to "
        f"{_or_never(trend['q75'])}); the rest is the luck of the one run."
    )
    if budget is not None:
        probability = summary["budget"]["probability"]
        words.append(f"With {budget:.3g} FLOPs the probability is {probability:.0%}.")
    return tuple(words)


def _or_never(flops: float) -> str:
    return f"{flops:.3g}" if np.isfinite(flops) else "more than the grid's"


# ---------------------------------------------------------------- next run


def default_candidates(basis: Basis, largest: float | None = None) -> list[CandidateRun]:
    """Runs to compare where none are named: from the smallest rung up to a budget, one and two seeds each.

    Parameters
    ----------
    basis
        From `basis_of`.
    largest
        Most compute of one run; None: three tenths of the target's, or the largest rung's if that is more.
    """
    top = largest if largest is not None else max(LARGEST_SHARE * basis.target.flops, basis.record.last_flops)
    low = float(basis.curves.flops[0])
    top = min(top, float(basis.curves.flops[-1]))
    if top < low:
        raise InputError(f"a run of {top:.3g} FLOPs is smaller than the smallest rung ({low:.3g}); allow more")
    places = np.geomspace(max(low, 1e-3 * top), top, CANDIDATES)
    return [
        CandidateRun(float(flops), seeds)
        for flops in places
        for seeds in SEEDS
        if seeds == 1 or largest is None or seeds * flops <= largest * (1 + 1e-9)
    ]


def answer_next_run(
    basis: Basis,
    runs: Sequence[CandidateRun],
    weights: Mapping[str, float],
    *,
    utilities: FloatArray | None = None,
    cost_per_flop: float = 0.0,
    seed: int = 0,
    simulations: int = 100,
) -> Answer:
    """Which run to train next.

    Parameters
    ----------
    basis
        From `basis_of`.
    runs
        Candidates.
    weights
        How much each benchmark's interval counts; empty: all alike.
    utilities
        Of plans on the basis's draws ``(sample, plan)``, for the value of what the run would tell; None: not asked.
    cost_per_flop
        Price of a FLOP in the utilities' currency.
    seed, simulations
        Of the simulated runs.

    Returns
    -------
    Answer
        Its table is that of `judge`, the largest narrowing per FLOP first, with `evsi` and `net` (less the run's cost)
        where utilities were given.
    """
    if not runs:
        raise InputError("no candidate run was given")
    share = basis.weights(dict(weights))
    table = judge(
        basis.curves,
        runs,
        weights=share,
        rungs=basis.rung_flops,
        seed=seed,
        simulations=simulations,
    )
    if utilities is not None:
        table["evsi"] = [_evsi(basis.curves, run, utilities, seed) for run in runs]
        table["net"] = table["evsi"] - cost_per_flop * table["cost"]
    table = table.sort_values("per_percent", ascending=False, kind="stable", ignore_index=True)
    best, most = table.iloc[0], table.sort_values("narrowing", ascending=False).iloc[0]
    words = [
        f"Most for each FLOP: {_run(best)}; the target's 90 % interval, on average {100 * best['width_now']:.1f} "
        f"points wide, "
        f"would be {100 * best['width_after']:.1f}.",
        f"Most in all: {_run(most)}, to {100 * most['width_after']:.1f} points.",
    ]
    agree = float(table["gaussian"].rank().corr(table["regression"].rank())) if len(table) > 2 else np.nan
    if np.isfinite(agree):
        words.append(
            f"The normal and the regression estimate rank the candidates alike to {agree:.2f} (1: the same order)."
        )
    notes = list(basis.notes)
    if "unreliable" in table and (table["unreliable"] > 0.2).any():
        notes.append(
            "reweighting can't be relied on for some candidates (Pareto k above 0.7): their runs say more than the "
            "draws can resolve"
        )
    if utilities is not None:
        dear = table.sort_values("net", ascending=False).iloc[0]
        words.append(f"For the plans, worth most after its cost: {_run(dear)} ({dear['net']:,.3g}).")
    summary = {
        "target": basis.target.name,
        "weights": dict(zip(basis.benchmarks, map(float, share / share.sum()), strict=True)),
        "best_per_flop": best.to_dict(),
        "largest_narrowing": most.to_dict(),
        "candidates": table.to_dict("records"),
    }
    return Answer(table, summary, tuple(words), tuple(notes))


def _evsi(curves: Curves, run: CandidateRun, utilities: FloatArray, seed: int) -> float:
    made = simulate(curves, run, np.random.default_rng([seed, 7]))
    centred = made.scores - made.scores.mean(axis=0)
    spread = np.where(centred.std(axis=0) > 0, centred.std(axis=0), 1.0)
    _, _, directions = np.linalg.svd(centred / spread, full_matrices=False)
    return evsi(utilities, (centred / spread) @ directions[: min(5, len(directions))].T, seed)


def _run(row: pd.Series) -> str:
    seeds = int(row["seeds"])
    many = f"{seeds} seeds of " if seeds > 1 else "one run of "
    return f"{many}{row['flops']:.3g} FLOPs ({100 * row['share_of_target']:.3g} % of the target's compute)"


# ---------------------------------------------------------------- trials


def answer_trials(
    basis: Basis, weights: Mapping[str, float], *, run_flops: float | None = None, trials: Sequence[float] = TRIALS
) -> Answer:
    """How many trials, which benchmarks, which questions.

    Parameters
    ----------
    basis
        From `basis_of`.
    weights
        How much each benchmark's forecast counts; empty: all alike.
    run_flops
        Compute of the run to be evaluated next; None: as large as the largest rung.
    trials
        Trials a question to compare.

    Returns
    -------
    Answer
        Its table is that of `benchmarks_worth`; further tables `trials` and, where the method has clusters,
        `questions`.
    """
    share = basis.weights(dict(weights))
    run = CandidateRun(basis.record.last_flops if run_flops is None else run_flops)
    order = benchmarks_worth(basis.curves, basis.benchmarks, run, share)
    further = {"trials": trials_worth(basis.curves, basis.benchmarks, basis.rung_flops, trials)}
    clusters, curves = basis.record.explanation.clusters, basis.record.explanation.cluster_curves
    if clusters is not None and not clusters.empty and curves is not None:
        score = basis.record.forecast.draws["score"].sel(target=basis.target.name)
        further["questions"] = questions_worth(
            clusters, curves, basis.target.flops, basis.record.last_flops, score.transpose("sample", "benchmark")
        )
    total = float(order["narrowing"].sum())
    enough = order[order["narrowing"].cumsum() >= 0.9 * total].iloc[0] if total > 0 else order.iloc[0]
    words = [
        f"Of what a run of {run.flops:.3g} FLOPs would tell about {basis.target.name}, nine tenths come from "
        f"{int(enough['order'])} of {len(order)} benchmarks: "
        f"{', '.join(order['benchmark'].head(int(enough['order'])))}."
    ]
    made = further["trials"]
    if made.empty:
        words.append("How many questions and trials the scores have is unknown, so nothing can be said about trials.")
    else:
        now = made[made["trials"] >= made["has"]].groupby("benchmark").first()
        worst = str(now["share_of_variance"].idxmax())
        words.append(
            f"The noise of trials is largest for {worst}: {now['share_of_variance'].max():.0%} of the variance "
            f"of the "
            "target's forecast score."
        )
    summary = {
        "target": basis.target.name,
        "run_flops": run.flops,
        "benchmarks": order.to_dict("records"),
        **{name: table.to_dict("records") for name, table in further.items()},
    }
    return Answer(order, summary, tuple(words), basis.notes, further)
