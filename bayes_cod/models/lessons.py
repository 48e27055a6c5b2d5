"""Families of ladders that a prior may be learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.learnt_prior import LeftOut, Source
from bayes_cod.sampling import SamplerSettings

FEWEST_RUNGS = 3


@dataclass(frozen=True)
class Lesson:
    """One family to learn from: its rungs at full length."""

    family: str
    source: str
    ladder: Ladder


def lessons(
    ladders: Sequence[Ladder],
    families: Sequence[str] = (),
    benchmarks: Sequence[str] = (),
    *,
    fewest_rungs: int = FEWEST_RUNGS,
) -> tuple[list[Lesson], list[LeftOut]]:
    """Families of some ladders that may teach a prior, and those with too few rungs.

    Parameters
    ----------
    ladders
        As read.
    families, benchmarks
        Those to learn from; all where not given. A ladder without any of them is left out.
    fewest_rungs
        Rungs of different compute that a family needs.

    Raises
    ------
    InputError
        For a family or benchmark that no ladder has, or a model that would be counted twice.
    """
    for kind, asked, have in (
        ("family", families, {name for ladder in ladders for name in ladder.families}),
        ("benchmark", benchmarks, {b for ladder in ladders for name in ladder.benchmark_names for b in _names(name)}),
    ):
        for name in asked:
            if name not in have:
                raise InputError(f"unknown {kind} '{name}'; the ladders have: {', '.join(sorted(have)[:20]) or 'none'}")
    found: list[Lesson] = []
    left_out: list[LeftOut] = []
    seen: dict[str, str] = {}
    for ladder in ladders:
        wanted = [name for name in benchmarks if any(name in _names(have) for have in ladder.benchmark_names)]
        if benchmarks and not wanted:
            continue
        kept = ladder.select(benchmarks=wanted) if wanted else ladder
        for family in sorted(set(ladder.families) & set(families or ladder.families)):
            rungs = kept.rungs(family)
            models = [str(name) for name in rungs["model"]]
            if (n := rungs["flops"].nunique()) < fewest_rungs:
                reason = f"{n} of the {fewest_rungs} rungs of different compute that are needed"
                left_out.append(LeftOut(family, ladder.name, reason))
                continue
            for model in models:
                if model in seen:
                    raise InputError(
                        f"the model '{model}' is in {seen[model]} and in {ladder.name}; its results would count "
                        "twice, so give it in one ladder"
                    )
                seen[model] = ladder.name
            found.append(Lesson(family, ladder.name, kept.select(family=family, models=models)))
    return found, left_out


def _names(benchmark: str) -> tuple[str, str]:
    """A benchmark's full name and that without its setting."""
    return benchmark, benchmark.split("@")[0]


def check_taught(sources: Sequence[Source], left_out: Sequence[LeftOut]) -> None:
    """Refuse to make a prior from no family, with the reasons of those left out."""
    if not sources:
        reasons = "; ".join(f"{one.family} of {one.ladder}: {one.reason}" for one in left_out)
        raise InputError(f"no family could teach a prior: {reasons or 'none was given'}")


def settings_of(seed: int, sampler: SamplerSettings | None, benchmarks: Sequence[str]) -> dict[str, Any]:
    """How a prior was learnt, as its file says it."""
    return {
        "seed": seed,
        "sampler": asdict(sampler or SamplerSettings()),
        "benchmarks": list(benchmarks) or "all",
    }
