"""Which mixture a planned run should use: posterior over the best, gain, regret, and what rests on extrapolation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayes_cod.decisions.simplex import Limits, allowed, candidates, inside_hull
from bayes_cod.errors import InputError
from bayes_cod.models.flpm.evidence import LossEvidence, Points, check_mixture
from bayes_cod.models.flpm.forecaster import BayesianFLPM
from bayes_cod.models.flpm.losses import MixtureLosses

type FloatArray = NDArray[np.float64]

DEFAULT_CANDIDATES = 500
INTERVAL = (0.05, 0.95)
DRAWS = 800
"""Draws that candidates are compared on: a probability of being the best is exact to 0.02, at a quarter of the time."""


@dataclass(frozen=True)
class Goal:
    """What is to be made large.

    Attributes
    ----------
    weights
        Weight of each benchmark (or, with `losses`, of each validation domain), summing to 1.
    losses
        Whether the goal is the weighted mean loss, made small, instead of the weighted mean score.
    """

    weights: Mapping[str, float]
    losses: bool = False

    @classmethod
    def of(cls, weights: Mapping[str, float], known: tuple[str, ...], *, losses: bool) -> Goal:
        """Check weights and let them sum to 1; all names alike where none is given.

        Raises
        ------
        InputError
            For an unknown name, or weights that are negative or all 0.
        """
        kind = "validation domain" if losses else "benchmark"
        given = dict(weights) or dict.fromkeys(known, 1.0)
        for name, weight in given.items():
            if name not in known:
                raise InputError(f"unknown {kind} '{name}'; the runs have: {', '.join(known)}")
            if not np.isfinite(weight) or weight < 0:
                raise InputError(f"the weight of '{name}' is {weight!r}; give a number of at least 0")
        total = sum(given.values())
        if total <= 0:
            raise InputError(f"all weights are 0; give at least one {kind} a weight above 0")
        return cls({name: weight / total for name, weight in given.items()}, losses)


@dataclass(frozen=True)
class Decision:
    """What is known about the best mixture.

    Attributes
    ----------
    table
        One row a candidate, best expected value first: share_<domain>, mean, sd, q05, q50, q95 of the latent value,
        p_best, p_beats_current, gain (expected, over the current mixture), regret (expected), regret_q05, regret_q95
        (of what a run on the best mixture has more than a run on this one, both with their luck, at least 0),
        extrapolates, and kind ("current", "tried" or "candidate"). Values are fractions for scores, nats for losses
        (whose sign is turned: larger is better throughout; columns hold the loss itself only in `mean`, `sd`, `q*`).
    goal
        What was made large.
    sources
        Training domains.
    current
        Shares of the mixture in use, if given ``(source,)``.
    values
        Draws of the latent value ``(sample, candidate)`` in the order of the table, larger is better.
    notes
        What a reader must know.
    """

    table: pd.DataFrame
    goal: Goal
    sources: tuple[str, ...]
    current: FloatArray | None
    values: FloatArray
    notes: tuple[str, ...]

    @property
    def shares(self) -> FloatArray:
        """Mixtures of the table ``(candidate, source)``."""
        return self.table[[f"share_{name}" for name in self.sources]].to_numpy(dtype=float)

    @property
    def best(self) -> pd.Series:
        """Candidate with the best expected value: the one with the least expected regret."""
        return self.table.iloc[0]


def decide_mixture(
    model: BayesianFLPM | MixtureLosses,
    goal: Goal,
    *,
    params: float,
    tokens: float,
    limits: Limits | None = None,
    current: Mapping[str, float] | None = None,
    count: int = DEFAULT_CANDIDATES,
    seed: int = 0,
    inside: bool = False,
) -> Decision:
    """Compare mixtures for a planned run.

    All candidates are drawn jointly, so that what they share (the level, the law, departures of like mixtures) cancels
    in comparisons. Regret of a mixture is what the best candidate of the same draw has more than it. Which candidate
    is best is a matter of the mean over a run's luck; the interval of the regret has the luck of both runs in it.

    Parameters
    ----------
    model
        Fitted; `MixtureLosses` suffices for a goal in losses.
    goal
        From `Goal.of`.
    params, tokens
        Size and training tokens of the run.
    limits
        What a mixture may be.
    current
        Mixture in use, to compare with; it need not keep the limits.
    count
        Candidates, about.
    seed
        Of the candidates.
    inside
        Leave out candidates outside the blends of tried mixtures.

    Returns
    -------
    Decision

    Raises
    ------
    InputError
        For limits that no mixture meets, an unusable current mixture, or sizes that are not above 0.
    """
    for name, value in (("params", params), ("tokens", tokens)):
        if not np.isfinite(value) or value <= 0:
            raise InputError(f"{name} of the planned run is {value!r}; give a number above 0")
    stage = model.losses if isinstance(model, BayesianFLPM) else model
    if not goal.losses and not isinstance(model, BayesianFLPM):
        raise InputError("a goal in benchmark scores needs a model with a score stage; choose a goal in losses")
    evidence = stage.evidence
    if not evidence.points.shares.shape[1] > 1:
        raise InputError(f"there is one training domain, '{evidence.sources[0]}': nothing to choose from")
    low, high = (limits or Limits()).bounds(evidence.sources, tokens)
    tried = evidence.points.shares
    shares = candidates(low, high, count, tried, seed)
    hull = inside_hull(shares, tried)
    if inside:
        shares, hull = shares[hull], hull[hull]
        if not len(shares):
            raise InputError(
                "no candidate within the limits is a blend of tried mixtures; drop `inside` or loosen them"
            )
    own = None if current is None else check_mixture(dict(current), evidence, "current")
    if own is not None:
        shares = np.concatenate([own[None], shares])
        hull = np.concatenate([inside_hull(own[None], tried), hull])
    values, of_runs = _values(model, stage, goal, _planned(evidence, shares, params, tokens))
    return _decision(values, of_runs, shares, hull, own, allowed(shares, low, high), goal, evidence)


def _planned(evidence: LossEvidence, shares: FloatArray, params: float, tokens: float) -> Points:
    count = len(shares)
    sizes = (params, tokens)
    if evidence.by_compute:
        sizes = (float(np.sqrt(6 * params * tokens)),) * 2
    log_params, log_tokens = (np.full(count, np.log(size)) for size in sizes)
    return Points(shares, log_params, log_tokens, np.zeros(count), np.arange(count))


def _values(
    model: BayesianFLPM | MixtureLosses, stage: MixtureLosses, goal: Goal, points: Points
) -> tuple[FloatArray, FloatArray]:
    """Draws of what each mixture is worth, without and with a run's luck ``(sample, candidate)``; larger is better."""
    if goal.losses:
        losses = stage.forecast(points, joint=True, most=DRAWS)
        names, draws, sign = stage.evidence.domains, (np.exp(losses.latent), np.exp(losses.observed)), -1.0
    else:
        assert isinstance(model, BayesianFLPM)
        made = model.predict(points, joint=True, most=DRAWS)
        names, draws, sign = model.scores.evidence.benchmarks, (made.latent, made.observed), 1.0
    weights = np.array([goal.weights.get(name, 0.0) for name in names])
    latent, observed = (np.asarray(sign * (part @ weights)) for part in draws)
    return latent, observed


def _decision(
    values: FloatArray,
    of_runs: FloatArray,
    shares: FloatArray,
    hull: NDArray[np.bool_],
    own: FloatArray | None,
    keeps: NDArray[np.bool_],
    goal: Goal,
    evidence: LossEvidence,
) -> Decision:
    choosable = keeps.copy()
    if not choosable.any():
        choosable[:] = True
    best = np.where(choosable[None, :], values, -np.inf)
    winner = best.argmax(axis=1)
    regret = best.max(axis=1)[:, None] - values
    sign = -1.0 if goal.losses else 1.0
    worth = sign * values
    table = pd.DataFrame({f"share_{name}": shares[:, column] for column, name in enumerate(evidence.sources)})
    table["mean"], table["sd"] = worth.mean(axis=0), worth.std(axis=0)
    for name, level in (("q05", 0.05), ("q50", 0.5), ("q95", 0.95)):
        table[name] = np.quantile(worth, level, axis=0)
    table["p_best"] = np.bincount(winner, minlength=len(shares)) / len(values)
    table["p_beats_current"] = np.nan if own is None else (values > values[:, :1]).mean(axis=0)
    table["gain"] = np.nan if own is None else (values - values[:, :1]).mean(axis=0)
    table["regret"] = regret.mean(axis=0)
    lost = np.maximum(np.take_along_axis(of_runs, winner[:, None], axis=1) - of_runs, 0.0)
    table["regret_q05"], table["regret_q95"] = np.quantile(lost, INTERVAL, axis=0)
    table["extrapolates"] = ~hull
    was_tried = (np.abs(shares[:, None, :] - evidence.points.shares[None]).max(axis=2) < 1e-4).any(axis=1)
    table["kind"] = np.where(was_tried, "tried", "candidate")
    if own is not None:
        table.loc[0, "kind"] = "current"
    table["allowed"] = keeps
    order = np.lexsort((-values.mean(axis=0), ~choosable))
    notes = list(evidence.notes)
    first = int(order[0])
    if not hull[first]:
        notes.append(
            "the best mixture lies outside the blends of tried ones: its value is an extrapolation; try it in a small "
            "run, or choose `inside`"
        )
    if own is not None and not keeps[0]:
        notes.append("the current mixture does not keep the limits; it is compared with, but not chosen")
    return Decision(
        table.iloc[order].reset_index(drop=True), goal, evidence.sources, own, values[:, order], tuple(notes)
    )
