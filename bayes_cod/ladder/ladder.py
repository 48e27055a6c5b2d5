"""The `Ladder`: validated tables of a family's (or several families') models and what they scored.

Everything downstream starts from a ladder and never from files. Selections return new ladders; nothing is
changed in place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from typing import cast

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.counts import Counts
from bayes_cod.ladder.naming import some
from bayes_cod.ladder.target import Target

SETTING = "@"


@dataclass(frozen=True, repr=False)
class Ladder:
    """Models ordered by training compute, with their results.

    Attributes
    ----------
    name
        Where it came from.
    models
        One row a model: model, family, flops, params, tokens, is_final and whatever the source adds; sorted by
        family and compute. Compute is NaN where it was never disclosed.
    benchmarks
        benchmark, chance (NaN where unknown).
    items
        benchmark, question_id, model, n_trials, n_correct [, checkpoint].
    scores
        model, benchmark, score, is_final [, tokens, flops, step, n_questions, bpb, ...].
    losses
        model, domain, loss, is_final [, tokens, flops, step, se, ...].
    mixtures
        model, domain, weight (weights of a model sum to 1).
    questions
        benchmark, question_id and whatever the source tells about a question.
    notes
        What the reader decided and a user should know.
    sources
        What each file gave: file, table ("–" where it was not read), rows, remark.
    """

    name: str
    models: pd.DataFrame
    benchmarks: pd.DataFrame
    items: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    losses: pd.DataFrame | None = None
    mixtures: pd.DataFrame | None = None
    questions: pd.DataFrame | None = None
    notes: tuple[str, ...] = ()
    sources: pd.DataFrame | None = None

    # ---------------------------------------------------------------- what there is

    @property
    def families(self) -> list[str]:
        """Families, largest first by number of models."""
        return [str(name) for name in self.models["family"].value_counts().index]

    @cached_property
    def evaluated(self) -> frozenset[str]:
        """Models with any result at question or benchmark level."""
        found: set[str] = set()
        for frame in (self.items, self.scores):
            if frame is not None:
                found |= set(frame["model"].unique())
        if not found and self.losses is not None:
            found |= set(self.losses["model"].unique())
        return frozenset(found)

    @cached_property
    def benchmark_names(self) -> list[str]:
        """Benchmarks with results, in alphabetical order."""
        frame = self.items if self.items is not None else self.scores
        return [] if frame is None else sorted(str(name) for name in frame["benchmark"].unique())

    def chance(self, benchmark: str) -> float:
        """Score of a random guesser on a benchmark; NaN where unknown."""
        found = self.benchmarks.loc[self.benchmarks["benchmark"] == benchmark, "chance"]
        return float(found.iloc[0]) if len(found) else float("nan")

    def rungs(self, family: str | None = None) -> pd.DataFrame:
        """Models that can serve as rungs: evaluated, final, compute known; by compute.

        Parameters
        ----------
        family
            Keep one family; all where not given.

        Returns
        -------
        pandas.DataFrame
            Rows of `models` in increasing order of compute.
        """
        models = self.models
        usable = models["model"].isin(self.evaluated) & models["is_final"] & models["flops"].notna()
        if family is not None:
            self._check_family(family)
            usable &= models["family"] == family
        return models[usable].sort_values(["flops", "model"], ignore_index=True)

    @cached_property
    def observed_scores(self) -> pd.DataFrame:
        """Final score of every model and benchmark.

        Returns
        -------
        pandas.DataFrame
            model, benchmark, score (mean pass rate as a fraction), n_questions, n_trials (mean per question;
            1 where only scores are known), chance.
        """
        if self.items is None:
            return self._scores_as_observed()
        items = self.final_items
        rate = items["n_correct"].to_numpy() / items["n_trials"].to_numpy()
        grouped = items.assign(rate=rate).groupby(["model", "benchmark"], sort=True, observed=True)
        table = grouped.agg(
            score=("rate", "mean"), n_questions=("rate", "size"), n_trials=("n_trials", "mean")
        ).reset_index()
        return table.assign(chance=table["benchmark"].map(self._chance_by_name()))

    def _scores_as_observed(self) -> pd.DataFrame:
        if self.scores is None:
            return pd.DataFrame(columns=["model", "benchmark", "score", "n_questions", "n_trials", "chance"])
        final = self.scores[self.scores["is_final"]]
        table = final.groupby(["model", "benchmark"], as_index=False).agg(score=("score", "mean"))
        sizes = np.full(len(table), np.nan)
        if "n_questions" in final:
            sizes = final.groupby(["model", "benchmark"])["n_questions"].first().to_numpy()
        table = table.assign(n_questions=sizes, n_trials=1.0)
        return table.assign(chance=table["benchmark"].map(self._chance_by_name()))

    def _chance_by_name(self) -> pd.Series:
        return self.benchmarks.set_index("benchmark")["chance"]

    def truth(self, model: str, benchmark: str) -> float:
        """Observed score of a model on a benchmark; NaN where it was not evaluated."""
        table = self._score_lookup
        return float(table.get((model, benchmark), np.nan))

    @cached_property
    def _score_lookup(self) -> dict[tuple[str, str], float]:
        table = self.observed_scores
        return dict(zip(zip(table["model"], table["benchmark"], strict=True), table["score"], strict=True))

    def counts(self, benchmark: str, models: Sequence[str], *, common: bool = True) -> Counts:
        """Question-level counts of some models on one benchmark.

        Parameters
        ----------
        benchmark
            A benchmark of `items`.
        models
            Models, in the order of the result's last axis.
        common
            Keep only questions that every one of the models answered.

        Returns
        -------
        Counts
        """
        if self.items is None:
            raise InputError(
                f"ladder '{self.name}' has no items table (benchmark, question_id, model, n_trials, n_correct), "
                "which this method needs; add one or choose a method that works on scores or losses"
            )
        rows = self.items_by_benchmark.get(benchmark)
        if rows is None:
            raise self._unknown_benchmark(benchmark)
        index = {name: position for position, name in enumerate(models)}
        chosen = rows[rows["model"].isin(index)]
        codes, questions = pd.factorize(chosen["question_id"], sort=True)
        columns = chosen["model"].map(index).to_numpy(dtype=np.int64)
        n_trials = np.zeros((len(questions), len(index)), dtype=np.int64)
        n_correct = np.zeros_like(n_trials)
        n_trials[codes, columns] = chosen["n_trials"].to_numpy()
        n_correct[codes, columns] = chosen["n_correct"].to_numpy()
        keep = (n_trials > 0).all(axis=1) if common else np.ones(len(questions), dtype=bool)
        return Counts(
            benchmark,
            np.asarray(questions, dtype=str)[keep],
            tuple(models),
            n_trials[keep],
            n_correct[keep],
            self.chance(benchmark),
        )

    @cached_property
    def final_items(self) -> pd.DataFrame:
        """Items without those of neighbouring checkpoints, where rows of the final model tell themselves apart."""
        assert self.items is not None
        if "checkpoint" not in self.items or not self.items["checkpoint"].isna().any():
            return self.items
        return self.items[self.items["checkpoint"].isna()]

    @cached_property
    def items_by_benchmark(self) -> dict[str, pd.DataFrame]:
        """Final items of every benchmark."""
        return {str(name): rows for name, rows in self.final_items.groupby("benchmark", sort=True, observed=True)}

    # ---------------------------------------------------------------- selections

    def select(
        self,
        *,
        family: str | None = None,
        models: Sequence[str] | None = None,
        cut: str | float | None = None,
        benchmarks: Sequence[str] | None = None,
    ) -> Ladder:
        """Keep part of a ladder.

        Parameters
        ----------
        family
            Keep one family.
        models
            Keep these models.
        cut
            Largest rung kept: a model's name, or FLOPs. Results of larger models are removed, their rows in
            `models` stay, so that they can be targets.
        benchmarks
            Keep these benchmarks; a name without a setting keeps all its settings (see `match_benchmarks`).

        Returns
        -------
        Ladder

        Raises
        ------
        InputError
            For an unknown family, model or benchmark, with the names that exist.
        """
        listed = self.models
        if family is not None:
            self._check_family(family)
            listed = listed[listed["family"] == family]
        if models is not None:
            for name in models:
                self.check_model(name)
            listed = listed[listed["model"].isin(list(models))]
        answering = listed
        if cut is not None:
            limit = self.cut_flops(cut)
            answering = listed[listed["flops"] <= limit * (1 + 1e-9)]
        names = set(answering["model"])
        kept = None if benchmarks is None else set(self.match_benchmarks(benchmarks))

        def results(frame: pd.DataFrame | None) -> pd.DataFrame | None:
            if frame is None:
                return None
            mask = frame["model"].isin(names)
            if kept is not None and "benchmark" in frame:
                mask &= frame["benchmark"].isin(kept)
            return frame[mask].reset_index(drop=True)

        return replace(
            self,
            models=listed.reset_index(drop=True),
            benchmarks=self.benchmarks
            if kept is None
            else self.benchmarks[self.benchmarks["benchmark"].isin(kept)].reset_index(drop=True),
            items=results(self.items),
            scores=results(self.scores),
            losses=results(self.losses),
            mixtures=None
            if self.mixtures is None
            else self.mixtures[self.mixtures["model"].isin(set(listed["model"]))].reset_index(drop=True),
        )

    def match_benchmarks(self, names: Sequence[str], setting: str | None = None) -> list[str]:
        """Full names of benchmarks asked for.

        `math500_cot` finds every setting of it (`math500_cot@lowk_temp1`, ...); `setting` keeps one.

        Raises
        ------
        InputError
            For a name that matches nothing, with the names that exist.
        """
        found: list[str] = []
        for name in names or self.benchmark_names:
            exact = [have for have in self.benchmark_names if have == name]
            matches = exact or [have for have in self.benchmark_names if have.split(SETTING)[0] == name]
            if not matches:
                raise self._unknown_benchmark(name)
            found += [match for match in matches if match not in found]
        if setting is not None:
            kept = [name for name in found if name.partition(SETTING)[2] == setting]
            if not kept:
                have = sorted({name.partition(SETTING)[2] for name in found} - {""})
                raise InputError(
                    f"no benchmark has the setting '{setting}'; the settings are: {', '.join(have) or 'none'}"
                )
            found = kept
        return found

    def target(self, name: str) -> Target:
        """A listed model as a target.

        Raises
        ------
        InputError
            If the model is unknown or its compute undisclosed.
        """
        self.check_model(name)
        row = self.models[self.models["model"] == name].iloc[0]
        if pd.isna(row["flops"]):
            raise InputError(
                f"the compute of '{name}' is not known, so it can't be a target by name; fill in its flops, or params "
                "and tokens, or give `target_flops`"
            )
        mixture = None
        if self.mixtures is not None:
            own = self.mixtures[self.mixtures["model"] == name]
            mixture = dict(zip(own["domain"], own["weight"].astype(float), strict=True)) or None
        return Target(
            name=name,
            flops=float(row["flops"]),
            family=str(row["family"]),
            params=_optional(row["params"]),
            tokens=_optional(row["tokens"]),
            mixture=mixture,
        )

    def larger_models(self, family: str, above: float) -> list[Target]:
        """Final models of a family with known compute above `above` FLOPs, by compute."""
        models = self.models
        larger = models[(models["family"] == family) & models["is_final"] & (models["flops"] > above * (1 + 1e-9))]
        return [self.target(str(name)) for name in larger.sort_values("flops")["model"]]

    def check_model(self, name: str) -> None:
        """Raise `InputError` with near names unless the model is listed."""
        if name not in set(self.models["model"]):
            known = list(self.models["model"])
            raise InputError(f"unknown model '{name}'; the ladder lists: {some(known, 12)}")

    def data_hash(self) -> str:
        """SHA-256 of all tables, so that a result can name its data."""
        digest = hashlib.sha256()
        for frame in (self.models, self.benchmarks, self.items, self.scores, self.losses, self.mixtures):
            if frame is not None:
                digest.update(pd.util.hash_pandas_object(frame.astype(str), index=False).to_numpy().tobytes())
        return digest.hexdigest()

    def cut_flops(self, cut: str | float) -> float:
        """Compute in FLOPs of a cut given as a model's name or as FLOPs."""
        if not isinstance(cut, str):
            return float(cut)
        self.check_model(cut)
        flops = float(cast(float, self.models.loc[self.models["model"] == cut, "flops"].iloc[0]))
        if np.isnan(flops):
            raise InputError(f"the compute of '{cut}' is not known, so it can't be the cut")
        return flops

    # ---------------------------------------------------------------- displays

    def __repr__(self) -> str:
        return "\n  ".join(lines(self))

    def _repr_html_(self) -> str:
        first, *rest = (escape(line) for line in lines(self))
        return f"<p><b>{first}</b><br>{'<br>'.join(rest)}</p>"

    def _check_family(self, family: str) -> None:
        if family not in self.families:
            raise InputError(f"unknown family '{family}'; the ladder has: {', '.join(self.families)}")

    def _unknown_benchmark(self, name: str) -> InputError:
        have = self.benchmark_names
        return InputError(f"unknown benchmark '{name}'; the ladder has: {some(have, 20) or 'none'}")


def _optional(value: object) -> float | None:
    return None if pd.isna(value) else float(cast(float, value))  # type: ignore[call-overload]


def lines(ladder: Ladder) -> list[str]:
    """A ladder in a few lines: models, tables, families, notes."""
    rungs = ladder.rungs()
    counts = rungs["family"].value_counts()
    tables = {"items": ladder.items, "scores": ladder.scores, "losses": ladder.losses, "mixtures": ladder.mixtures}
    have = ", ".join(f"{name} ({len(frame):,} rows)" for name, frame in tables.items() if frame is not None)
    families = some([f"{name} ({count})" for name, count in counts.items()], 6)
    return [
        f"Ladder '{ladder.name}': {len(ladder.models)} models, {len(rungs)} of them rungs, "
        f"{len(ladder.benchmark_names)} benchmarks",
        f"tables: {have or 'none'}",
        f"families (rungs): {families or 'none has any'}",
        *([f"notes: {len(ladder.notes)} (see .notes)"] if ladder.notes else []),
    ]
