"""A prior learnt from families with results: all are fitted in one model, and a new family's prior is read off it.

A family's mean slope, curvature, walk and noise are what all families have in common plus its own
(`graph.build`). What many families teach of the former narrows and moves the distribution of the sum for a family not
yet seen, which is what a forecast takes as its prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.forecasts.forecast import not_converged
from bayes_cod.ladder import Ladder
from bayes_cod.models import sampling
from bayes_cod.models.cod.forecaster import SAMPLER, fit_together
from bayes_cod.models.cod.graph import LEARNT_FAMILIES
from bayes_cod.models.cod.learnt_prior import LearntPrior, LeftOut, Source
from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import SamplerSettings

FEWEST_RUNGS = 3


def lessons(
    ladders: Sequence[Ladder], families: Sequence[str] = (), benchmarks: Sequence[str] = ()
) -> tuple[list[tuple[Ladder, Source]], list[LeftOut]]:
    """Families that can teach, and those that cannot, with the reason.

    Parameters
    ----------
    ladders
        Where to look.
    families, benchmarks
        Which to take; all where empty.

    Raises
    ------
    InputError
        For a family that no ladder has, or if none can teach.
    """
    known = {family for ladder in ladders for family in ladder.families}
    for name in families:
        if name not in known:
            raise InputError(f"unknown family '{name}'; the ladders have: {', '.join(sorted(known))}")
    found: list[tuple[Ladder, Source]] = []
    left_out: list[LeftOut] = []
    hashes: dict[str, str] = {}
    for ladder in ladders:
        chosen = ladder.select(benchmarks=list(benchmarks)) if benchmarks else ladder
        for family in sorted(set(chosen.families) & set(families or known)):
            own = chosen.select(family=family)
            rungs = own.rungs()
            different = rungs["flops"].nunique()
            if different < FEWEST_RUNGS:
                left_out.append(
                    LeftOut(family, ladder.name, f"{different} rungs of different compute; {FEWEST_RUNGS} are needed")
                )
                continue
            source = Source(
                family, ladder.name, own.data_hash(), tuple(rungs["model"].astype(str)), len(own.benchmark_names)
            )
            if source.sha256 in hashes:
                raise InputError(
                    f"the family '{family}' of {ladder.name} is '{hashes[source.sha256]}' again, so that its results "
                    "would count twice; name it once"
                )
            hashes[source.sha256] = family
            found.append((own, source))
    if not found:
        reasons = "; ".join(f"{one.family}: {one.reason}" for one in left_out) or "no family was found"
        raise InputError(f"no family can teach a prior ({reasons})")
    return found, left_out


def learn(
    found: Sequence[tuple[Ladder, Source]],
    left_out: Sequence[LeftOut] = (),
    *,
    seed: int = 0,
    sampler: SamplerSettings = SAMPLER,
    start: Priors | None = None,
) -> LearntPrior:
    """Fit families in one model and take the prior of a new family from it.

    Raises
    ------
    InputError
        If a family has no scores.
    GateError
        If the chains disagree on what is learnt.
    """
    start = start or Priors()
    seen = [observe(ladder, start) for ladder, _ in found]
    tree = fit_together(seen, start, sampler, seed)
    posterior = tree["posterior"].to_dataset()
    reported = {f"common {name}": np.asarray(posterior[f"z_{name}"].values) for name in LEARNT_FAMILIES}
    gate = sampling.gate(reported, tree)
    if not gate.passed:
        raise not_converged(sorted(gate.failed))
    settings = {"seed": seed, "sampler": asdict(sampler), "start": asdict(start)}
    return LearntPrior(updated(start, posterior), _sources(found, seen), tuple(left_out), settings)


def updated(start: Priors, posterior: Any) -> Priors:
    """The distribution of a new family's means given those that were fitted.

    With z what families have in common, standard normal before anything is seen, a mean is ``m + s (sqrt(q) z +
    sqrt(1 - q) own)``, q the share `common`: afterwards its mean is ``m + s sqrt(q) E[z]`` and its variance ``s^2 (q
    Var[z] + 1 - q)``, of which the first part is what pools have in common from now on.
    """
    values: dict[str, float] = {}
    left = []
    for name in LEARNT_FAMILIES:
        z = posterior[f"z_{name}"].values
        mean, sd = getattr(start, f"{name}_mean"), getattr(start, f"{name}_sd")
        variance = start.common * float(z.var()) + 1 - start.common
        values[f"{name}_mean"] = mean + sd * np.sqrt(start.common) * float(z.mean())
        values[f"{name}_sd"] = sd * float(np.sqrt(variance))
        left.append(start.common * float(z.var()) / variance)
    return replace(start, **values, common=float(np.clip(np.mean(left), 0.01, 0.99)))


def _sources(found: Sequence[tuple[Ladder, Source]], seen: Sequence[Observations]) -> tuple[Source, ...]:
    return tuple(
        replace(source, n_benchmarks=len(one.benchmarks)) for (_, source), one in zip(found, seen, strict=True)
    )
