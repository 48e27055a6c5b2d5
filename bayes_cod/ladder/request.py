"""What to forecast from what: every choice of the user checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.ladder.naming import some
from bayes_cod.ladder.pool import Pool, rungs_on
from bayes_cod.ladder.shared import Incomplete, comparable, incomplete, on_shared_questions, without_partial
from bayes_cod.ladder.warnings import ladder_warnings

FEWEST_RUNGS = 2
SAME_COMPUTE = 1e-9


@dataclass(frozen=True)
class Request:
    """A forecast that can be made.

    Attributes
    ----------
    source
        The ladder as it was read, with the results of larger models too (the truth, where known).
    ladder
        What a method may see: one family, results up to the largest rung, the benchmarks asked for.
    pool
        Other families, for methods that learn from them.
    targets
        Models to forecast, by compute.
    notes
        What was decided and the user should know.
    """

    source: Ladder
    ladder: Ladder
    pool: Ladder | None
    targets: tuple[Target, ...]
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """Family whose ladder is continued."""
        return self.ladder.families[0]

    @property
    def rungs(self) -> pd.DataFrame:
        """Rows of the models that the forecast starts from, by compute."""
        return self.ladder.rungs()

    @property
    def benchmarks(self) -> list[str]:
        """Benchmarks to forecast."""
        return self.ladder.benchmark_names

    @property
    def last_flops(self) -> float:
        """Compute of the largest rung in FLOPs."""
        return float(self.rungs["flops"].max())

    def decades(self, target: Target) -> float:
        """Extrapolation distance: log10 of the target's compute over the largest rung's."""
        return float(np.log10(target.flops / self.last_flops))

    @property
    def truth(self) -> pd.DataFrame:
        """Observed scores of the targets where they are known: target, benchmark, score (fraction)."""
        rows = [
            {"target": target.name, "benchmark": name, "score": self.source.truth(target.name, name)}
            for target in self.targets
            for name in self.benchmarks
        ]
        return pd.DataFrame(rows, columns=["target", "benchmark", "score"]).dropna(ignore_index=True)


def make_request(
    ladder: Ladder,
    *,
    family: str | None = None,
    targets: Sequence[str] = (),
    target_flops: Sequence[float] = (),
    target_params: Sequence[float] = (),
    target_tokens: Sequence[float] = (),
    benchmarks: Sequence[str] = (),
    setting: str | None = None,
    cut: str | float | None = None,
    pool: Pool = None,
) -> Request:
    """Check a user's choices and fill in what was left open.

    Parameters
    ----------
    ladder
        As read.
    family
        Family to continue. Left open: the targets' family, or the only family with at least two rungs.
    targets
        Names of listed models. Together with as many `target_flops`, the names of new models or of models
        whose compute was never disclosed. Left open, with no `target_flops` either: every listed larger model
        of the family that has compute but no results.
    target_flops
        Training compute of targets in FLOPs.
    target_params, target_tokens
        Size and training tokens of the targets given by `target_flops`, one each. Both given without `target_flops`:
        the targets, of 6 x params x tokens FLOPs.
    benchmarks, setting
        Benchmarks to forecast; a name without a sampling setting means all its settings. Left open: all.
    cut
        Largest rung used (a name, or FLOPs). Left open: the largest rung below the smallest target.
    pool
        Other families to learn from: a ladder, ``"others"`` (this ladder's other families) or None.

    Returns
    -------
    Request

    Raises
    ------
    InputError
        For anything that cannot be forecast, with what to do about it.
    """
    if not ladder.benchmark_names:
        raise InputError(
            f"ladder '{ladder.name}' holds no benchmark results; add an items table (benchmark, question_id, model, "
            "n_trials, n_correct) or a scores table (model, benchmark, score)"
        )
    target_flops, target_params, target_tokens = _sizes(target_flops, target_params, target_tokens)
    family = _family(ladder, family, targets, new=bool(target_flops))
    rungs = ladder.rungs(family)
    if cut is not None:
        rungs = rungs[rungs["flops"] <= ladder.cut_flops(cut) * (1 + SAME_COMPUTE)]
    if rungs.empty:
        raise _too_few(ladder, family, rungs)
    chosen = _targets(ladder, family, targets, target_flops, target_params, target_tokens)
    if not chosen:
        chosen = _unevaluated(ladder, family, rungs)
    used, notes = _rungs_below(rungs, chosen, family, cut_given=cut is not None)
    if used["flops"].nunique() < FEWEST_RUNGS:
        raise _too_few(ladder, family, used)
    visible = ladder.select(family=family, cut=float(used["flops"].max()))
    rungs_used = [str(name) for name in used["model"]]
    cases = incomplete(visible, rungs_used)
    visible, ladder = (on_shared_questions(part, cases) for part in (visible, ladder))
    ladder, partial = without_partial(ladder, _names(chosen), visible.select(models=rungs_used))
    kept, dropped = _benchmarks(
        visible, benchmarks, setting, rungs_used, [case for case in cases if not case.questions]
    )
    notes += tuple(str(case) for case in cases if case.benchmark in kept or not case.questions)
    if dropped:
        notes += (f"{some(dropped, 8)}: fewer than {FEWEST_RUNGS} rungs have results, so not forecast",)
    if only := _scores_alone(ladder):
        notes += (f"{some(only, 8)}: scores without questions stand beside questions of other benchmarks; left out",)
    suspicious = ladder_warnings(visible.select(models=rungs_used, benchmarks=kept))
    others = ladder if pool == "others" else pool
    own = {*ladder.models.loc[ladder.models["family"] == family, "model"], *_names(chosen)}
    return Request(
        source=ladder,
        ladder=visible.select(benchmarks=kept),
        pool=None if others is None else rungs_on(comparable(others), kept, own),
        targets=tuple(sorted(chosen, key=lambda target: (target.flops, target.name))),
        notes=tuple(dict.fromkeys([*notes, *partial, *suspicious])),
    )


def _scores_alone(ladder: Ladder) -> list[str]:
    """Benchmarks that a ladder with questions knows by their scores alone."""
    if ladder.items is None or ladder.scores is None:
        return []
    return sorted({str(name) for name in ladder.scores["benchmark"].unique()} - set(ladder.benchmark_names))


def _names(targets: Sequence[Target]) -> list[str]:
    return [target.name for target in targets]


def _family(ladder: Ladder, family: str | None, targets: Sequence[str], *, new: bool) -> str:
    if family is not None:
        ladder.rungs(family)  # refuses an unknown family
        return family
    listed = ladder.models.set_index("model")["family"]
    if not new:
        for name in targets:
            ladder.check_model(name)
    own = sorted({str(listed[name]) for name in targets if name in listed.index})
    if len(own) == 1:
        return own[0]
    if len(own) > 1:
        raise InputError(f"the targets belong to several families ({', '.join(own)}); forecast one `family` at a time")
    counts = ladder.rungs()["family"].value_counts()
    able = [str(name) for name in counts.index[counts >= FEWEST_RUNGS]]
    if len(able) == 1:
        return able[0]
    if not able:
        raise InputError(
            f"no family has {FEWEST_RUNGS} rungs (models with results and known compute): "
            f"{some([f'{name} has {count}' for name, count in counts.items()], 8) or 'none has any'}"
        )
    raise InputError(f"several families could be forecast; choose one with `family`: {', '.join(able)}")


def _sizes(
    flops: Sequence[float], params: Sequence[float], tokens: Sequence[float]
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Compute filled in from size and tokens where it was left open."""
    for values, option in ((params, "`target_params`"), (tokens, "`target_tokens`")):
        for value in values:
            if not np.isfinite(value) or value <= 0:
                raise InputError(f"{option} is {value!r}; give a number above 0")
    if not flops and (params or tokens):
        if len(params) != len(tokens):
            raise InputError(
                f"{len(params)} `target_params` and {len(tokens)} `target_tokens` were given without `target_flops`; "
                "give both for every target"
            )
        flops = [6.0 * n * d for n, d in zip(params, tokens, strict=True)]
    for values, option in ((params, "`target_params`"), (tokens, "`target_tokens`")):
        if values and len(values) != len(flops):
            raise InputError(f"{len(values)} {option} and {len(flops)} `target_flops` were given; give one for each")
    return flops, params, tokens


def _targets(
    ladder: Ladder,
    family: str,
    names: Sequence[str],
    flops: Sequence[float],
    params: Sequence[float],
    tokens: Sequence[float],
) -> list[Target]:
    repeated = [name for name in names if list(names).count(name) > 1]
    if repeated:
        raise InputError(f"the target '{repeated[0]}' was given twice; give it once")
    unknown: list[float | None] = [None] * len(flops)
    sizes = list(zip(params or unknown, tokens or unknown, strict=True))
    if names and flops:
        if len(names) != len(flops):
            raise InputError(
                f"{len(names)} `target` and {len(flops)} `target_flops` were given; give one compute for each name, "
                "or only one of the two"
            )
        return [
            _named_with_flops(ladder, family, name, value, *size)
            for name, value, size in zip(names, flops, sizes, strict=True)
        ]
    if flops:
        return [
            Target(_sized_name(value, *size), value, family, *size) for value, size in zip(flops, sizes, strict=True)
        ]
    found = [ladder.target(name) for name in names]
    for target in found:
        _check_family(target, family)
    return found


def _sized_name(flops: float, params: float | None, tokens: float | None) -> str:
    known = params is not None and tokens is not None
    return f"{params:.4g} params, {tokens:.4g} tokens" if known else f"{flops:.4g} FLOPs"


def _named_with_flops(
    ladder: Ladder, family: str, name: str, flops: float, params: float | None, tokens: float | None
) -> Target:
    if name not in set(ladder.models["model"]):
        return Target(name, flops, family, params, tokens)
    row = ladder.models[ladder.models["model"] == name].iloc[0]
    known = float(row["flops"])
    if np.isfinite(known) and abs(flops / known - 1) > 0.01:
        raise InputError(f"'{name}' has {known:.4g} FLOPs in the ladder and {flops:.4g} in `target_flops`; give one")
    target = Target(name, flops, str(row["family"]), params, tokens)
    _check_family(target, family)
    return target


def _check_family(target: Target, family: str) -> None:
    if target.family != family:
        raise InputError(
            f"target '{target.name}' is of the family '{target.family}', not '{family}'; give `family` {target.family} "
            "or its compute alone with `target_flops`"
        )


def _unevaluated(ladder: Ladder, family: str, rungs: pd.DataFrame) -> list[Target]:
    larger = ladder.larger_models(family, float(rungs["flops"].max()))
    found = [target for target in larger if target.name not in ladder.evaluated]
    if not found:
        raise InputError(
            f"the family '{family}' lists no larger model without results; say what to forecast with `target` "
            "or `target_flops`"
        )
    return found


def _rungs_below(
    rungs: pd.DataFrame, targets: Sequence[Target], family: str, *, cut_given: bool
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rungs smaller than the smallest target; larger ones are set aside unless a cut says to use them."""
    own = rungs["model"].isin(_names(targets))
    smallest = min(targets, key=lambda target: target.flops)
    below = rungs["flops"] < smallest.flops * (1 - SAME_COMPUTE)
    larger = rungs[~below & ~own]
    if len(larger) and cut_given:
        raise InputError(
            f"the target '{smallest.name}' ({smallest.flops:.4g} FLOPs) is not larger than the rung "
            f"'{larger['model'].iloc[-1]}' ({larger['flops'].iloc[-1]:.4g}); give a smaller `cut` or a larger target"
        )
    if not below.any():
        raise InputError(
            f"the target '{smallest.name}' ({smallest.flops:.4g} FLOPs) is not larger than the smallest rung of "
            f"'{family}' ({float(rungs['flops'].min()):.4g}); forecasts run from smaller models to larger ones"
        )
    notes: tuple[str, ...] = ()
    if len(larger):
        notes = (f"rungs no smaller than the smallest target were set aside: {some(list(larger['model']), 8)}",)
    return rungs[below], notes


def _too_few(ladder: Ladder, family: str, used: pd.DataFrame) -> InputError:
    own = ladder.models[ladder.models["family"] == family]
    nameless = own[own["model"].isin(ladder.evaluated) & own["flops"].isna()]["model"]
    hint = f"; compute is missing for {some(list(nameless), 8)}" if len(nameless) else ""
    have = "no rung" if used.empty else f"only 1 rung ('{used['model'].iloc[0]}') below the target"
    if len(used) > 1:
        have = f"{len(used)} rungs of one and the same compute"
    return InputError(
        f"the family '{family}' has {have}; a forecast needs at least {FEWEST_RUNGS} models with "
        f"results and known compute{hint}"
    )


def _benchmarks(
    visible: Ladder, names: Sequence[str], setting: str | None, rungs: list[str], lost: Sequence[Incomplete] = ()
) -> tuple[list[str], list[str]]:
    gone = {case.benchmark: str(case) for case in lost}
    asked = [name for name in names if name not in gone]
    if gone and (not visible.benchmark_names or (names and not asked)):
        raise InputError("; ".join(list(gone.values())[:3]))
    matched = visible.match_benchmarks(asked, setting)
    scores = visible.observed_scores
    counts = scores[scores["model"].isin(rungs)].groupby("benchmark", observed=True)["model"].nunique()
    kept = [name for name in matched if int(counts.get(name, 0)) >= FEWEST_RUNGS]
    if not kept:
        raise InputError(
            f"no benchmark asked for has results of {FEWEST_RUNGS} rungs: "
            f"{some([f'{name} has {int(counts.get(name, 0))}' for name in matched], 8)}"
        )
    return kept, [name for name in matched if name not in kept]
