"""Splits of a ladder for back-tests: training sets up to a cut, and the larger models to forecast from each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder.ladder import Ladder
from bayes_cod.ladder.pool import rungs_on
from bayes_cod.ladder.target import Target
from bayes_cod.scoring.proper import decades

CutBy = Literal["flops", "params"]
"""What orders the models of a family: training compute, or size (for grids of size and tokens)."""


@dataclass(frozen=True)
class Split:
    """One training set of the back-test and the cells that belong to it.

    Attributes
    ----------
    family
        Family to forecast.
    cut
        Name of the largest rung that is used.
    benchmarks
        Benchmarks of the training set.
    targets
        Larger models to forecast, by compute.
    models
        Models up to the cut.
    cells
        One row a cell: ladder, family, cut, target, benchmark, cut_flops, flops, decades, n_rungs, truth (a fraction).
    """

    family: str
    cut: str
    models: tuple[str, ...]
    benchmarks: tuple[str, ...]
    targets: tuple[Target, ...]
    cells: pd.DataFrame


def split_ladder(
    ladder: Ladder,
    *,
    families: Sequence[str] | None = None,
    min_rungs: int = 3,
    max_decades: float | None = None,
    cut_by: CutBy = "flops",
) -> list[Split]:
    """All training sets of an expanding-scale back-test.

    A benchmark takes part in a cut if at least `min_rungs` rungs of different compute up to the cut answered it,
    the rung at the cut among them; a larger model is a target on the benchmarks that it answered.

    Parameters
    ----------
    ladder
        Ladder with one or more families.
    families
        Families to forecast; all where not given.
    min_rungs
        Fewest rungs of different compute below a forecast.
    max_decades
        Farthest target, in decades from the cut; any distance where not given.
    cut_by
        "flops": a cut keeps all models of no more compute; "params": all models of no larger size, whatever they were
        trained on, and larger sizes are targets, also those of less compute than the largest rung.

    Returns
    -------
    list of Split
        By family (in the order asked for, or alphabetical) and cut.

    Raises
    ------
    InputError
        For an unknown family, a family asked for that has no cell, or no cell at all.
    """
    if min_rungs < 1:
        raise InputError(f"`min_rungs` is {min_rungs}; expected 1 or more")
    if max_decades is not None and not max_decades > 0:
        raise InputError(f"`max_decades` is {max_decades}; expected a distance above 0")
    if cut_by not in ("flops", "params"):
        raise InputError(f"`cut_by` is '{cut_by}'; expected 'flops' or 'params'")
    found: list[Split] = []
    for family in dict.fromkeys(families) if families else sorted(ladder.families):
        own = _split_family(ladder, family, min_rungs, max_decades, cut_by)
        if not own and families:
            raise InputError(f"family '{family}' {_why_none(ladder, family, min_rungs, max_decades)}")
        found += own
    if not found:
        detail = f", at most {max_decades:g} decades away" if max_decades is not None else ""
        raise InputError(
            f"no family of ladder '{ladder.name}' has {min_rungs} rungs of different compute and a larger evaluated "
            f"model{detail} on one benchmark; lower `min_rungs` or add models"
        )
    return found


def _split_family(ladder: Ladder, family: str, min_rungs: int, max_decades: float | None, cut_by: CutBy) -> list[Split]:
    rungs = ladder.rungs(family)
    if cut_by == "params":
        rungs = rungs[rungs["params"].notna()].sort_values(["params", "flops", "model"], ignore_index=True)
    answered = ladder.observed_scores
    own = answered[answered["model"].isin(set(rungs["model"]))]
    wide = own.pivot_table(index="model", columns="benchmark", values="score").reindex(rungs["model"])
    flops = rungs["flops"].to_numpy(dtype=float)
    levels = _levels(rungs[cut_by].to_numpy(dtype=float))
    order = np.argsort(flops, kind="stable")
    compute = np.empty_like(levels)
    compute[order] = _levels(flops[order])
    fits = []
    for level in range(levels.max(initial=-1) + 1):
        at, below, above = levels == level, levels <= level, levels > level
        cut_flops = float(flops[below].max())
        if max_decades is not None:
            above &= decades(flops, cut_flops) <= max_decades
        eligible = [
            benchmark
            for benchmark in wide.columns
            if wide.loc[at, benchmark].notna().any()
            and len(set(compute[below & wide[benchmark].notna().to_numpy()])) >= min_rungs
        ]
        rows = [
            {
                "ladder": ladder.name,
                "family": family,
                "cut": str(rungs["model"][at].iloc[-1]),
                "target": str(name),
                "benchmark": str(benchmark),
                "cut_flops": cut_flops,
                "flops": float(target_flops),
                "decades": float(decades(target_flops, cut_flops)),
                "n_rungs": int((below & wide[benchmark].notna().to_numpy()).sum()),
                "truth": float(wide.loc[name, benchmark]),
            }
            for name, target_flops in zip(rungs["model"][above], flops[above], strict=True)
            for benchmark in eligible
            if pd.notna(wide.loc[name, benchmark])
        ]
        if rows:
            cells = pd.DataFrame(rows)
            targets = tuple(ladder.target(name) for name in cells["target"].unique())
            models = tuple(str(name) for name in rungs["model"][below])
            fits.append(Split(family, str(cells["cut"].iloc[0]), models, tuple(map(str, eligible)), targets, cells))
    return fits


def _levels(ordered: np.ndarray) -> np.ndarray:
    """Number of the distinct compute or size, from 0; equal to the tolerance with which a ladder is cut."""
    return (
        np.cumsum(np.diff(ordered, prepend=ordered[:1]) > ordered * 1e-9) if len(ordered) else np.array([], dtype=int)
    )


def _why_none(ladder: Ladder, family: str, min_rungs: int, max_decades: float | None) -> str:
    n_levels = int(_levels(ladder.rungs(family)["flops"].to_numpy(dtype=float)).max(initial=-1)) + 1
    if n_levels < min_rungs + 1:
        return (
            f"has {n_levels} evaluated model(s) of different, known compute; a back-test with `min_rungs` {min_rungs} "
            f"needs {min_rungs + 1}"
        )
    near = f" within {max_decades:g} decades" if max_decades is not None else ""
    return (
        f"has no benchmark that {min_rungs} rungs of different compute and a larger model{near} all answered; "
        "lower `min_rungs` or raise `max_decades`"
    )


@dataclass
class View:
    """What jobs on one family are cut from.

    Attributes
    ----------
    own
        The family's models with all results; every job sees only what lies below its cut.
    pool
        Other families' models with all results.
    """

    own: Ladder
    pool: Ladder | None
    _last: tuple[str, tuple[str, ...], Ladder, Ladder | None] | None = field(default=None, repr=False)

    def of(self, split: Split) -> tuple[Ladder, Ladder | None]:
        """Training set and pool of a cut; the last one asked for is kept, as jobs of one cut follow one another."""
        if self._last is None or self._last[:2] != (split.cut, split.benchmarks):
            training = _up_to_cut(self.own, split)
            others = None if self.pool is None else rungs_on(self.pool, split.benchmarks)
            self._last = (split.cut, split.benchmarks, training, others)
        return self._last[2:]


def _up_to_cut(own: Ladder, split: Split) -> Ladder:
    """Results of the models up to the cut; larger models stay listed, as planned runs would be."""
    listed = own.select(benchmarks=split.benchmarks)
    seen = own.select(models=split.models, benchmarks=split.benchmarks)
    return replace(seen, models=listed.models, mixtures=listed.mixtures)
