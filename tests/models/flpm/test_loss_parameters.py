"""Where the priors of level and terms lie, and how sure they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, gather_losses
from bayes_cod.models.flpm.losses.parameters import ANCHOR_PARAMS, ANCHOR_TOKENS, FURTHEST, law_priors, place
from bayes_cod.models.flpm.priors import LossPriors

PRIORS = LossPriors()


@pytest.fixture
def evidence(ladder: Ladder) -> LossEvidence:
    return gather_losses(ladder, LossSettings())


def test_small_models_lose_more_to_their_size(evidence: LossEvidence) -> None:

    def of_size(params: float) -> float:
        moved = np.full(len(evidence.points), np.log(params))
        there = replace(evidence, points=replace(evidence.points, log_params=moved))
        return float(np.exp(law_priors(PRIORS, place(there))[1, 0]))

    ratio = of_size(ANCHOR_PARAMS / 10) / of_size(ANCHOR_PARAMS)
    np.testing.assert_allclose(ratio, 10 ** np.exp(PRIORS.alpha))  # as the law says
    assert of_size(1.0) == of_size(ANCHOR_PARAMS * np.exp(-FURTHEST))  # but not for ever


def test_compute_alone_has_no_place(evidence: LossEvidence) -> None:
    np.testing.assert_array_equal(place(replace(evidence, by_compute=True))[:2], 0.0)


def test_a_level_is_unsure_where_the_law_can_not_carry_it(evidence: LossEvidence) -> None:

    def typical_sd(there: LossEvidence) -> float:
        return float(law_priors(PRIORS, place(there))[0, 1])

    def unsure(params: float, tokens: float = ANCHOR_TOKENS) -> float:
        n = len(evidence.points)
        moved = {"log_params": np.full(n, np.log(params)), "log_tokens": np.full(n, np.log(tokens))}
        return typical_sd(replace(evidence, points=replace(evidence.points, **moved)))

    edge = ANCHOR_PARAMS * np.exp(-FURTHEST)
    np.testing.assert_allclose([unsure(ANCHOR_PARAMS), unsure(edge)], PRIORS.level_sd)
    beyond = unsure(edge * np.exp(-2.0))
    np.testing.assert_allclose(beyond, np.hypot(PRIORS.level_sd, 2 * PRIORS.level_beyond))
    assert unsure(edge * np.exp(-2.0), ANCHOR_TOKENS * np.exp(-FURTHEST - 1)) > beyond
    assert typical_sd(replace(evidence, by_compute=True)) > beyond  # only compute known: the place is not
