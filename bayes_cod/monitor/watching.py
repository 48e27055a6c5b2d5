"""A large run watched: everything observed in its band, an alarm, and the forecast of the end as it is now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayes_cod.decisions.basis import Basis, basis_of
from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError
from bayes_cod.forecasts.record import Record
from bayes_cod.monitor.alarm import Direction
from bayes_cod.monitor.combined import combine
from bayes_cod.monitor.falling import LEARNING, follow
from bayes_cod.monitor.losses import FEWEST, learn_law
from bayes_cod.monitor.observed import Observed
from bayes_cod.monitor.progress import Schedule, place_of, rate_left, shown_rate
from bayes_cod.monitor.scores import Checkpoints, track, update

COLUMNS = ["kind", "series", "tokens", "seen", "q05", "q25", "q50", "q75", "q95", "position", "residual"]
QUANTILES = ["q05", "q25", "q50", "q75", "q95"]
LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
AHEAD = 25
LEARNT_SHARE, FEWEST_LEARNT = 0.1, 3
"""Share of a run that is enough to learn what is healthy, and points that are needed at least."""
DRAWS = 4000

type Refit = Callable[[Observed], Record]


@dataclass(frozen=True)
class Watched:
    """A run as far as it was observed.

    Attributes
    ----------
    points
        One row an observation, by tokens: kind (score or loss), series (benchmark, or name of the loss), tokens, seen,
        q05 ... q95 (scores: as forecast before the run; losses: as expected from those before), position (share of the
        band below), residual (positive: worse than expected given all before; NaN while learning), log_e (of the
        e-process so far).
    end
        One row a series: kind, series, before and now: median, low90, high90 at the end of the run; how ("reweighted",
        "moved", "refitted", or "law" for losses), pareto_k of the draws' weights, decay (what full decay of the
        learning rate is worth, in decades).
    ahead
        Losses from here to the end: series, tokens, q05 ... q95.
    level
        False-alarm rate of the alarm.
    alarm
        Tokens at which it was raised, or None.
    since
        Tokens at which trouble most probably began, or None.
    series
        What raised it: the series (or "scores") whose own e-process is largest.
    p_value
        Anytime-valid p-value.
    notes
        What a reader must know.
    draws
        Observed scores at the end as forecast now ``(sample, benchmark)``, each benchmark for itself, in the order of
        `end`; None without scores.
    """

    points: pd.DataFrame
    end: pd.DataFrame
    ahead: pd.DataFrame
    level: float
    alarm: float | None
    since: float | None
    series: str | None
    p_value: float
    notes: tuple[str, ...]
    draws: FloatArray | None = None

    def words(self) -> list[str]:
        """What is to be said, in sentences."""
        last = self.points.iloc[-1]
        watched = self.points["residual"].notna()
        found = []
        if self.alarm is not None:
            found.append(
                f"ALARM at {self.alarm:.4g} tokens ({self.series}): something is wrong with the run or the "
                f"forecast, since "
                f"about {self.since:.4g} tokens. On a healthy run it would ever be raised with at most "
                f"{self.level:.0%}."
            )
        else:
            found.append(
                f"No alarm up to {last['tokens']:.4g} tokens (false-alarm rate {self.level:.0%}; p = "
                f"{self.p_value:.2g})."
            )
        if watched.any():
            inside = self.points[watched]
            share = ((inside["seen"] >= inside["q05"]) & (inside["seen"] <= inside["q95"])).mean()
            found.append(f"{share:.0%} of {len(inside)} observations lie in their 90 % bands.")
        else:
            found.append("Too little was observed so far to expect anything.")
        for row in self.end.to_dict("records"):
            factor, unit = (100.0, "points") if row["kind"] == "score" else (1.0, "nats")
            before = (
                ""
                if np.isnan(row["before_median"])
                else f", before {factor * row['before_low90']:.3g} to {factor * row['before_high90']:.3g}"
            )
            found.append(
                f"{row['series']} at the end: {factor * row['median']:.3g} {unit} (90 %: "
                f"{factor * row['low90']:.3g} to "
                f"{factor * row['high90']:.3g}{before})."
            )
        return found

    def summary(self) -> dict[str, Any]:
        """Everything but the points, as JSON holds it."""
        return {
            "alarm": {
                "raised_at_tokens": self.alarm,
                "since_tokens": self.since,
                "series": self.series,
                "level": self.level,
                "p_value": self.p_value,
            },
            "end": self.end.to_dict("records"),
            "words": self.words(),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class _Part:
    """What one group of observations gives: rows of `Watched.points` and of `Watched.end`."""

    points: pd.DataFrame
    end: pd.DataFrame
    notes: tuple[str, ...] = ()
    draws: FloatArray | None = None


def watch_run(
    observed: Observed,
    record: Record | None = None,
    *,
    target: str | None = None,
    total_tokens: float | None = None,
    schedule: Schedule = "cosine",
    level: float = 0.05,
    direction: Direction = "worse",
    earlier: Observed | None = None,
    learning: int = LEARNING,
    refit: Refit | None = None,
    seed: int = 0,
) -> Watched:
    """Watch a run.

    Parameters
    ----------
    observed
        From `read_observed`.
    record
        The saved forecast of the run, needed for scores.
    target
        Which of its targets the run is; None: the largest.
    total_tokens
        Tokens of the whole run; None: those of the target, where known.
    schedule
        How the learning rate decays, where the file does not tell it.
    level
        Probability of ever raising an alarm on a healthy run.
    direction
        "worse": alarms for a run that is worse than forecast; "both": for one that is better too.
    earlier
        Losses of the run that this one goes on from, put before its own.
    learning
        Points of each loss that are taken to be healthy and learnt from alone.
    refit
        Makes the forecast anew from what was observed, where reweighting its draws can't be relied on; None: the draws
        are moved towards the last scores.
    seed
        Of everything drawn.

    Raises
    ------
    InputError
        If there are scores and no forecast, the whole run's tokens are unknown, or too little was observed.
    """
    parts: list[_Part] = []
    notes = list(observed.notes)
    if len(observed.scores):
        if record is None:
            raise InputError("scores can be watched with a saved forecast only; name its folder, or give losses alone")
        basis = basis_of(record, target)
        total_tokens = total_tokens or _tokens_of(basis)
        parts.append(_scores(observed, basis, total_tokens, schedule, refit, seed))
    elif record is not None:
        total_tokens = total_tokens or _tokens_of(basis_of(record, target), needed=False)
    ahead = []
    for name, rows in observed.losses.groupby("series", sort=False):
        before = None if earlier is None else earlier.losses[earlier.losses["series"] == name]
        made, coming = _losses(str(name), rows, before, total_tokens, schedule, learning, seed)
        parts.append(made)
        ahead.append(coming)
    if not parts:
        raise InputError("nothing was observed: every cell of scores and losses is empty")
    points = pd.concat([part.points for part in parts], ignore_index=True)
    points = points.sort_values("tokens", kind="stable", ignore_index=True)
    alarm = combine(points, level, direction)
    points["log_e"] = alarm.log_value
    for part in parts:
        notes += [note for note in part.notes if note not in notes]
    return Watched(
        points,
        pd.concat([part.end for part in parts], ignore_index=True),
        pd.concat(ahead, ignore_index=True) if ahead else pd.DataFrame(columns=["series", "tokens", *QUANTILES]),
        level,
        alarm.raised_at,
        alarm.since,
        alarm.series,
        alarm.p_value,
        tuple(notes),
        parts[0].draws,
    )


def _tokens_of(basis: Basis, needed: bool = True) -> float | None:
    target = basis.target
    if target.tokens:
        return float(target.tokens)
    if target.params:
        return float(target.flops / 6 / target.params)
    if needed:
        raise InputError(f"the tokens of '{target.name}' are unknown; give those of the whole run as `total_tokens`")
    return None


# ---------------------------------------------------------------- scores


def _scores(
    observed: Observed, basis: Basis, total: float | None, schedule: Schedule, refit: Refit | None, seed: int
) -> _Part:
    assert total is not None
    table, notes = observed.scores, list(basis.notes)
    unknown = sorted(set(table["benchmark"]) - set(basis.benchmarks))
    if unknown:
        notes.append(f"not forecast, so not watched: {', '.join(unknown)}")
        table = table[~table["benchmark"].isin(unknown)]
    if not len(table):
        raise InputError(f"no score is of a benchmark of the forecast, which has: {', '.join(basis.benchmarks)}")
    over = table["tokens"] > total * (1 + 1e-6)
    if over.any():
        raise InputError(
            f"a score at {table['tokens'].max():.4g} tokens lies beyond the run's end at {total:.4g}; give the "
            f"tokens of the "
            "whole run as `total_tokens`"
        )
    tokens = table["tokens"].to_numpy(dtype=float)
    place = place_of(tokens, basis.target.flops, total, basis.target.params)
    on = place >= basis.curves.flops[0]
    if not on.all():
        notes.append(f"{(~on).sum()} scores are earlier than the smallest rung reaches, so not watched")
        table, tokens, place = table[on], tokens[on], place[on]
    if not len(table):
        return _Part(pd.DataFrame(columns=COLUMNS), pd.DataFrame(), tuple(notes))
    known_rate = table["lr"].notna().all() and (table["lr"] > 0).all()
    rate = shown_rate(table["lr"].to_numpy(dtype=float)) if known_rate else rate_left(tokens / total, schedule)
    decays = bool(known_rate or schedule != "constant")
    if decays and not known_rate:
        notes.append(f"the file has no learning rate: it is taken to decay as a {schedule}")
    evaluation = basis.curves.evaluation
    index = np.array([basis.benchmarks.index(name) for name in table["benchmark"]])
    questions = table["n_questions"].to_numpy(dtype=float)
    trials = table["n_trials"].to_numpy(dtype=float)
    counts = np.where(np.isfinite(questions), questions, evaluation.n_questions[index])
    counts = counts * np.where(np.isfinite(trials), trials, evaluation.n_trials[index])
    seen = Checkpoints(place, rate, index, table["score"].to_numpy(dtype=float), counts)
    found = track(basis.curves, basis.latent, seen, decays=decays, seed=seed)
    points = pd.DataFrame(
        {
            "kind": "score",
            "series": table["benchmark"].to_numpy(),
            "tokens": tokens,
            "seen": seen.score,
            **dict(zip(QUANTILES, found.band, strict=True)),
            "position": found.position,
            "residual": found.residual,
        }
    )
    made = update(basis.curves, basis.latent, seen, found, seed)
    draws, how = made.draws, list(made.how)
    if "moved" in how and refit is not None:
        draws, how = basis_of(refit(observed), basis.target.name).curves.target, ["refitted"] * len(how)
    elif "moved" in how:
        names = [name for name, way in zip(basis.benchmarks, how, strict=True) if way == "moved"]
        notes.append(
            f"draws could not be reweighted (Pareto k above 0.7) for {', '.join(names)}: they are moved towards the "
            f"last "
            "scores, the more the nearer the end is"
        )
    before, now = (np.quantile(array, [0.05, 0.5, 0.95], axis=0) for array in (basis.curves.target, draws))
    end = pd.DataFrame(
        {
            "kind": "score",
            "series": basis.benchmarks,
            "before_low90": before[0],
            "before_median": before[1],
            "before_high90": before[2],
            "low90": now[0],
            "median": now[1],
            "high90": now[2],
            "how": how,
            "pareto_k": made.pareto_k,
            "decay": found.decay if decays else np.nan,
        }
    )
    return _Part(points, end, tuple(notes), draws)


# ---------------------------------------------------------------- losses


def _losses(
    name: str,
    own: pd.DataFrame,
    earlier: pd.DataFrame | None,
    total: float | None,
    schedule: Schedule,
    learning: int,
    seed: int,
) -> tuple[_Part, pd.DataFrame]:
    notes: list[str] = []
    table = own
    if earlier is not None and len(earlier):
        table = pd.concat([earlier[earlier["tokens"] < own["tokens"].min()], own], ignore_index=True)
    tokens, losses = (table[column].to_numpy(dtype=float) for column in ("tokens", "loss"))
    if total is not None:  # of a loss that is evaluated rarely twenty points may be most of the run
        learning = min(learning, max(FEWEST_LEARNT, int((tokens <= LEARNT_SHARE * total).sum())))
    if len(table) <= learning:
        notes.append(
            f"{name}: {len(table)} points, of which {learning} are needed to learn from: no alarm can be raised yet"
        )
    found = follow(tokens, losses, learning)
    # where a loss lies in its band; exact for a normal, which the band nearly is
    from scipy.special import ndtr

    points = pd.DataFrame(
        {
            "kind": "loss",
            "series": name,
            "tokens": tokens,
            "seen": losses,
            **dict(zip(QUANTILES, found.quantiles, strict=True)),
            "position": ndtr(found.residual),
            "residual": found.residual,
        }
    )
    points = points.tail(len(own))
    nothing = pd.DataFrame(columns=["series", "tokens", *QUANTILES])
    last = float(tokens[-1])
    if total is None or total <= last or len(table) < FEWEST:
        return _Part(points, pd.DataFrame(), tuple(notes)), nothing
    known_rate = bool(table["lr"].notna().all() and (table["lr"] > 0).all())
    rates = shown_rate(table["lr"].to_numpy(dtype=float)) if known_rate else rate_left(tokens / total, schedule)
    constant = not known_rate and schedule == "constant"
    law = learn_law(tokens, losses, np.ones(len(tokens)) if constant else rates, found.set_aside)
    grid = np.geomspace(last, total, AHEAD + 1)[1:]
    coming = np.ones(AHEAD) if constant else rate_left(grid / total, "cosine" if schedule == "constant" else schedule)
    coming = np.minimum(coming, 1.0 if constant else rates[-1])
    rng = np.random.default_rng(seed)
    bands = np.array(
        [np.quantile(law.draws(float(t), float(r), DRAWS, rng), LEVELS) for t, r in zip(grid, coming, strict=True)]
    )
    ahead = pd.DataFrame({"series": name, "tokens": grid, **dict(zip(QUANTILES, bands.T, strict=True))})
    end = pd.DataFrame(
        {
            "kind": "loss",
            "series": [name],
            "before_low90": np.nan,
            "before_median": np.nan,
            "before_high90": np.nan,
            "low90": bands[-1, 0],
            "median": bands[-1, 2],
            "high90": bands[-1, 4],
            "how": "law",
            "pareto_k": np.nan,
            "decay": np.nan,
        }
    )
    return _Part(points, end, tuple(notes)), ahead
