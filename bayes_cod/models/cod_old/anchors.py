"""Models of other families, such as a stronger one that has been evaluated, that inform the map from subset to rest.

An anchor says nothing of growth; it says what the rest scores where the subset scores higher than any rung (the
paper's anchor points are used so too).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.cod.arrays import MOST_ANCHORS
from bayes_cod.models.cod.grouping import Anchor, Evidence


def with_anchors(evidence: Evidence, anchors: Ladder) -> Evidence:
    """Add the scores of some models on subset and rest to the evidence.

    Parameters
    ----------
    evidence
        Of the ladder to forecast.
    anchors
        Items of the anchors, all models in it. An anchor that has not answered questions of a benchmark's subset and
        of its rest is not used there.

    Returns
    -------
    Evidence
        With `anchors`; what was and was not used stands in its notes.

    Raises
    ------
    InputError
        Without items, for a rung among the anchors, more than `MOST_ANCHORS`, or none with a benchmark of the ladder.
    """
    names = [str(name) for name in anchors.models["model"]]
    if rungs := sorted(set(names) & set(evidence.rungs["model"].astype(str))):
        raise InputError(f"'{rungs[0]}' is a rung of the ladder; an anchor must be another model, so leave it out")
    if not 1 <= len(names) <= MOST_ANCHORS:
        raise InputError(f"{len(names)} anchors were given; give 1 to {MOST_ANCHORS} models")
    if not evidence.rest:
        note = "anchors are not used: no benchmark has a rest that goes through the map"
        return replace(evidence, notes=(*evidence.notes, note))
    found = [
        anchor
        for rest in evidence.rest
        if rest.benchmark in anchors.benchmark_names
        for name in names
        if (anchor := _anchor(evidence, anchors, rest.benchmark, rest.questions, name)) is not None
    ]
    if not found:
        benchmarks = ", ".join(rest.benchmark for rest in evidence.rest)
        raise InputError(
            f"no anchor ({', '.join(names)}) has answered questions of the ladder's subset and rest on: {benchmarks}"
        )
    told = "; ".join(f"{anchor.model} on {anchor.benchmark}" for anchor in found)
    return replace(evidence, anchors=tuple(found), notes=(*evidence.notes, f"anchors of the map: {told}"))


def _anchor(evidence: Evidence, anchors: Ladder, benchmark: str, outside: tuple[str, ...], name: str) -> Anchor | None:
    counts = anchors.counts(benchmark, [name])
    inside = [q for group in evidence.groups if group.benchmark == benchmark for q in group.questions]
    subset, rest = (np.isin(counts.questions, list(questions)) for questions in (inside, outside))
    if not subset.any() or not rest.any():
        return None
    rate = counts.n_correct[:, 0] / counts.n_trials[:, 0]
    trials = int(counts.n_trials[rest].sum())
    return Anchor(benchmark, name, float(rate[subset].mean()), trials, int(np.rint(rate[rest].mean() * trials)))
