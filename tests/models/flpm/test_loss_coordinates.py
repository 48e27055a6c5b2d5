"""The sampler's coordinates of the domain-loss stage: another way to say the same law, with its density."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytensor.tensor as pt
import pytest

from bayes_cod import laws
from bayes_cod.ladder import Ladder
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, gather_losses
from bayes_cod.models.flpm.losses import graph
from bayes_cod.models.flpm.losses.coordinates import law_at_runs, of_normals, start
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import EXPONENTS, LossShape, anchor_above, level_sd, parameters
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.flpm.whitening import split

H = asdict(LossPriors())
STEP = 1e-5


@pytest.fixture(scope="module")
def evidence(ladder: Ladder) -> LossEvidence:
    return gather_losses(ladder, LossSettings())


def prepared(evidence: LossEvidence) -> tuple[dict[str, Any], LossShape]:
    features = Features.of(evidence.points)
    return graph.arrays(evidence, features, LossPriors()), LossShape.of(evidence, features)


def of_one_size(evidence: LossEvidence) -> LossEvidence:
    same = np.full(len(evidence.points), evidence.points.log_params[0])
    return replace(evidence, points=replace(evidence.points, log_params=same))


def normals_behind(coordinates: np.ndarray, data: dict[str, Any], shape: LossShape) -> np.ndarray:
    """Standard normals that give the law of some coordinates, found from its parameters one by one."""
    made = law_at_runs(coordinates, data, H, shape, np).parameters
    parts = split(coordinates.copy(), shape.blocks)
    at_anchor = made["level"] + anchor_above(made, data["place"]) - level_sd(H, data["place"]) * parts["level_typical"]
    parts["level"][:] = (at_anchor - H["level_mean"]) / H["level_spread"]
    for name in EXPONENTS:
        log_value = np.log(made[name] / made["beta"]) if name == "eta" else np.log(made[name])
        sd = H["eta_sd" if name == "eta" else "exponent_sd"]
        parts[name][:] = (log_value - H[name] - sd * parts[f"{name}_typical"]) / H["exponent_spread"]
    usual = np.exp([H["alpha"], H["beta"] + H["eta"]]) * data["place"][:2]
    for index, name in enumerate(("size", "data")):
        log_term = np.log(made["terms"][index + 1] / made["terms"][0]) + usual[index] - H[f"{name}_mean"]
        log_term -= np.hypot(H["term_sd"], usual[index] * H["exponent_sd"]) * parts[f"{name}_typical"]
        parts[name][:] = log_term / np.hypot(H["term_spread"], usual[index] * H["exponent_spread"])
    return np.concatenate([parts[name].reshape(-1) for name in shape.blocks])


def test_numpy_and_pytensor_agree(evidence: LossEvidence) -> None:
    data, shape = prepared(evidence)
    at = of_normals(np.random.default_rng(0).standard_normal(shape.normals), data, H, shape)
    plain = law_at_runs(at, data, H, shape, np)
    symbolic = law_at_runs(pt.as_tensor(at), {name: pt.as_tensor(value) for name, value in data.items()}, H, shape, pt)
    np.testing.assert_allclose(symbolic.log_prior.eval(mode="FAST_COMPILE"), plain.log_prior, rtol=1e-10)
    np.testing.assert_allclose(symbolic.above.eval(mode="FAST_COMPILE"), plain.above, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_there_and_back(evidence: LossEvidence, seed: int) -> None:
    data, shape = prepared(evidence)
    normals = np.random.default_rng(seed).standard_normal(shape.normals)
    found = law_at_runs(of_normals(normals, data, H, shape), data, H, shape, np)
    asked = parameters(normals, H, shape, data["own"], data["place"], np)
    for name in asked.keys() - {"level"}:
        np.testing.assert_allclose(found.parameters[name], asked[name], rtol=1e-8, err_msg=name)
    mean = found.parameters["level"] + found.above.mean(axis=0)
    level = split(normals, shape.blocks)["level"]
    np.testing.assert_allclose(mean, H["level_mean"] + H["level_spread"] * level)  # counts as that at the runs' mean


def test_the_density_is_that_of_the_standard_normals(evidence: LossEvidence) -> None:
    data, shape = prepared(evidence)
    constants = []
    for seed in range(4):
        at = of_normals(np.random.default_rng(seed).standard_normal(shape.normals), data, H, shape)
        columns = [
            (normals_behind(at + step, data, shape) - normals_behind(at - step, data, shape)) / (2 * STEP)
            for step in STEP * np.eye(shape.normals)
        ]
        normals = normals_behind(at, data, shape)
        density = np.linalg.slogdet(np.array(columns))[1] - 0.5 * (normals**2).sum()
        constants.append(density - law_at_runs(at, data, H, shape, np).log_prior)
    np.testing.assert_allclose(constants, constants[0], atol=1e-5)


def test_coordinates_are_what_they_are_named_after(evidence: LossEvidence) -> None:
    data, shape = prepared(evidence)
    at = of_normals(np.random.default_rng(1).standard_normal(shape.normals), data, H, shape)
    made, parts = law_at_runs(at, data, H, shape, np).parameters, split(at, shape.blocks)
    pooled = laws.log_pooled_shares(data["log_shares"], made["log_transfer"], made["rho"])
    pooled -= laws.log_pooled_shares(data["reference_log_shares"][None], made["log_transfer"], made["rho"])
    terms = np.array(
        [
            [
                made["terms"][0],
                made["terms"][1] * np.exp(-made["alpha"] * size),
                made["terms"][2] * np.exp(-made["kappa"] * size - made["beta"] * pooled.mean(axis=0)),
            ]
            for size in (data["log_params"].min(), data["log_params"].max())
        ]
    )
    small, large = terms.sum(axis=1)
    data_share = terms[1, 2] / large
    np.testing.assert_allclose(np.exp(parts["size"]), small / large - 1)
    np.testing.assert_allclose(np.exp(-np.exp(parts["data"])), 1 - data_share)
    np.testing.assert_allclose(np.exp(parts["beta"]), data_share * made["beta"])


def test_the_start_has_the_levels_of_the_runs(evidence: LossEvidence) -> None:
    for runs in (evidence, of_one_size(evidence)):
        data, shape = prepared(runs)
        found = law_at_runs(start(runs, data, H, shape), data, H, shape, np)
        mean = (found.parameters["level"] + found.above).mean(axis=0)
        np.testing.assert_allclose(mean, evidence.log_loss.mean(axis=0))
        np.testing.assert_allclose(found.parameters["terms"].sum(axis=0), 1.0)


def test_runs_of_one_size_keep_standard_normals(evidence: LossEvidence) -> None:
    data, shape = prepared(of_one_size(evidence))
    assert not shape.sized
    normals = np.random.default_rng(0).standard_normal(shape.normals)
    np.testing.assert_array_equal(of_normals(normals, data, H, shape), normals)
    found = law_at_runs(normals, data, H, shape, np)
    parts = split(normals.copy(), shape.blocks)
    behind = (found.parameters["level"] + anchor_above(found.parameters, data["place"]) - H["level_mean"]) / H[
        "level_spread"
    ]
    parts["level"][:] = behind - level_sd(H, data["place"]) / H["level_spread"] * parts["level_typical"]
    density = -0.5 * sum((part**2).sum() for part in parts.values())
    np.testing.assert_allclose(found.log_prior, density)
