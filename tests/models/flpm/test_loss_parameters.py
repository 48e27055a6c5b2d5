"""The law's parameters from standard normals: the same in NumPy and PyTensor, and where the prior of the terms lies."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytensor.tensor as pt

from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, gather_losses
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import (
    ANCHOR_PARAMS,
    ANCHOR_TOKENS,
    FURTHEST,
    LossShape,
    level_sd,
    parameters,
    place,
)
from bayes_cod.models.flpm.priors import LossPriors


def prepared(ladder: Ladder) -> tuple[LossEvidence, LossShape]:
    evidence = gather_losses(ladder, LossSettings())
    return evidence, LossShape.of(evidence, Features.of(evidence.points))


def test_numpy_and_pytensor_agree(ladder: Ladder) -> None:
    evidence, shape = prepared(ladder)
    normals = np.random.default_rng(0).standard_normal(shape.normals)
    given = (asdict(LossPriors()), shape, evidence.own, place(evidence))
    plain = parameters(normals, *given, np)
    symbolic = parameters(pt.as_tensor(normals), *given, pt)
    assert plain.keys() == symbolic.keys()
    for name, value in plain.items():
        np.testing.assert_allclose(symbolic[name].eval(mode="FAST_COMPILE"), value, rtol=1e-12)


def test_small_models_lose_more_to_their_size(ladder: Ladder) -> None:
    evidence, shape = prepared(ladder)
    h = asdict(LossPriors())

    def of_size(params: float) -> float:
        moved = np.full(len(evidence.points), np.log(params))
        there = replace(evidence, points=replace(evidence.points, log_params=moved))
        made = parameters(np.zeros(shape.normals), h, shape, there.own, place(there), np)
        return float(made["terms"][1, 0] / made["terms"][0, 0])

    ratio = of_size(ANCHOR_PARAMS / 10) / of_size(ANCHOR_PARAMS)
    np.testing.assert_allclose(ratio, 10 ** np.exp(h["alpha"]))  # as the law says
    assert of_size(1.0) == of_size(ANCHOR_PARAMS * np.exp(-FURTHEST))  # but not for ever


def test_compute_alone_has_no_place(ladder: Ladder) -> None:
    evidence, _ = prepared(ladder)
    np.testing.assert_array_equal(place(replace(evidence, by_compute=True))[:2], 0.0)


def test_a_level_is_unsure_where_the_law_can_not_carry_it(ladder: Ladder) -> None:
    evidence, _ = prepared(ladder)
    h = asdict(LossPriors())

    def unsure(params: float, tokens: float = ANCHOR_TOKENS) -> float:
        n = len(evidence.points)
        moved = {"log_params": np.full(n, np.log(params)), "log_tokens": np.full(n, np.log(tokens))}
        return float(level_sd(h, place(replace(evidence, points=replace(evidence.points, **moved)))))

    edge = ANCHOR_PARAMS * np.exp(-FURTHEST)
    np.testing.assert_allclose([unsure(ANCHOR_PARAMS), unsure(edge)], h["level_sd"])
    beyond = unsure(edge * np.exp(-2.0))
    np.testing.assert_allclose(beyond, np.hypot(h["level_sd"], 2 * h["level_beyond"]))
    assert unsure(edge * np.exp(-2.0), ANCHOR_TOKENS * np.exp(-FURTHEST - 1)) > beyond
    assert level_sd(h, place(replace(evidence, by_compute=True))) > beyond  # only compute known: the place is not
