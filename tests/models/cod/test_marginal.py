"""The likelihood with benchmarks summed out: against closed forms, and its derivatives against differences."""

from dataclasses import replace

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from hand_made import evidence
from scipy.stats import multivariate_normal, norm

from bayes_cod.models.cod.marginal import MarginalLikelihood, evaluate
from bayes_cod.models.cod.path_graph import OF_READINGS, PathShape, arrays, fixed_values, read
from bayes_cod.models.cod.priors import Priors

PRIORS = Priors()
COUNTS = np.array([[3, 2, 200, 500], [250, 253, 420, 700]])
NAMES = ("compute", "slope", "spread", "walk", "luck", "hazard", "level")


def problem(padded: bool = False):
    own = evidence(COUNTS)
    found = [
        [replace(one, by_hazard=i % 2 == 0) for i, one in enumerate(each)] for each in read(own, PRIORS)[0]
    ]  # as where other families tell of jumps
    tight = PathShape.tight(own, found)
    shape = PathShape(tight.readings + 5, tight.series + 3, 1, tight.rungs + 2) if padded else tight
    data = arrays([own], [found], shape, PRIORS)
    n = shape.series
    lead = shape.rungs - 4
    values = {
        "compute": np.concatenate([np.full(lead, -1.5), [-1.5, -0.9, -0.35, 0.05]])[None],
        "slope": np.array([1.1]),
        "spread": np.array([0.3]),
        "walk": np.linspace(0.05, 0.3, n),
        "luck": np.linspace(0.02, 0.1, n),
        "hazard": 0.3,
        "level": np.array([-0.4]),
    }
    if padded:
        values["walk"][:2], values["luck"][:2] = problem()[0]["walk"], problem()[0]["luck"]
    rest = (
        data["decades"],
        np.array(fixed_values(PRIORS.level_sd, PRIORS.jump_mean, PRIORS.jump_sd)),
        *(data[name] for name in OF_READINGS),
        data["family"],
    )
    return values, rest, found


def test_every_kind_of_reading_is_tried_here() -> None:
    ways = [one for each in problem()[2] for one in each]
    assert any(one.jump >= 0 for one in ways) and any(one.hidden >= 0 for one in ways)
    assert any(one.told.all() for one in ways) or any(one.told.sum() == 3 for one in ways)
    assert len({one.by_hazard for one in ways if one.jump >= 0}) == 2


def test_derivatives_agree_with_differences() -> None:
    values, rest, _ = problem()
    exact = evaluate(*values.values(), *rest)[1:8]
    for name, derivative in zip(NAMES, exact, strict=True):
        for index in np.ndindex(np.shape(values[name])):
            sides = []
            for step in (1e-6, -1e-6):
                moved = dict(values)
                if index:
                    moved[name] = values[name].copy()
                    moved[name][index] += step
                else:
                    moved[name] = values[name] + step
                sides.append(evaluate(*moved.values(), *rest)[0])
            assert np.asarray(derivative)[index] == pytest.approx((sides[0] - sides[1]) / 2e-6, rel=1e-5, abs=1e-5), (
                name
            )


def test_a_reading_has_the_density_of_its_normal() -> None:
    values, rest, found = problem()
    density = evaluate(*values.values(), *rest)[-1]
    decades, compute = rest[0][0], values["compute"][0]
    ways = [(b, one) for b, each in enumerate(found) for one in each]
    for row, (b, one) in enumerate(ways):
        before = np.arange(4) <= one.jump
        mean = values["level"][0] + values["slope"][0] * compute - PRIORS.jump_mean * before
        cov = PRIORS.level_sd**2 + values["spread"][0] * np.outer(compute, compute)
        cov = cov + values["walk"][b] * np.minimum(-decades[:, None], -decades[None, :])
        cov = cov + values["luck"][b] * np.eye(4) + PRIORS.jump_sd**2 * np.outer(before, before)
        told = np.flatnonzero(one.told)
        known = cov[np.ix_(told, told)] + np.diag(one.variance[told])
        by_hazard = one.jump >= 0 and one.by_hazard
        expected = one.log_weight - values["hazard"] * one.exposure + (np.log(values["hazard"]) if by_hazard else 0)
        if len(told):
            expected += multivariate_normal(mean[told], known).logpdf(one.eta[told])
        if one.hidden >= 0:
            toward = cov[one.hidden, told]
            centre = mean[one.hidden] + toward @ np.linalg.solve(known, one.eta[told] - mean[told])
            var = cov[one.hidden, one.hidden] - toward @ np.linalg.solve(known, toward)
            expected += norm.logcdf((one.hidden_below - centre) / np.sqrt(var))
        assert density[row] == pytest.approx(expected, rel=1e-8)


def test_readings_are_summed_by_benchmark() -> None:
    values, rest, found = problem()
    total, density = (lambda out: (out[0], out[-1]))(evaluate(*values.values(), *rest))
    split = np.split(density, [len(found[0])])
    assert total == pytest.approx(sum(np.logaddexp.reduce(part) for part in split))


def test_padding_changes_nothing() -> None:
    plain, padded = problem(), problem(padded=True)
    assert evaluate(*plain[0].values(), *plain[1])[0] == pytest.approx(evaluate(*padded[0].values(), *padded[1])[0])


def test_a_far_tail_stays_finite() -> None:
    values, rest, _ = problem()
    out = evaluate(*{**values, "level": np.array([80.0])}.values(), *rest)
    assert np.isfinite(out[0]) and all(np.isfinite(part).all() for part in out[1:8])


def test_the_operation_differentiates_in_a_graph() -> None:
    values, rest, _ = problem()
    level = pt.dvector("level")
    parameters = [pt.as_tensor_variable(value) for name, value in values.items() if name != "level"]
    value = MarginalLikelihood()(*parameters, level, *rest)[0]
    compiled = pytensor.function([level], [value, pytensor.grad(value, level)[0]], mode="FAST_COMPILE")
    exact = evaluate(*values.values(), *rest)
    got = compiled(values["level"])
    assert got[0] == pytest.approx(exact[0]) and got[1] == pytest.approx(exact[7][0])
