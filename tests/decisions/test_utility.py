"""Requirements as they are written, worth and price."""

from __future__ import annotations

import numpy as np
import pytest

from bayes_cod.decisions.utility import Price, Requirement, Reward, Worth, joint_margin
from bayes_cod.errors import InputError

NAMES = ["gsm8k", "mmlu+cot", "hellaswag"]
SCORES = np.array([[0.8, 0.6, 0.9], [0.5, 0.7, 0.4]])


@pytest.mark.parametrize(
    ("text", "margin"),
    [
        ("gsm8k>=0.7", [0.1, -0.2]),
        ("mean(gsm8k, mmlu+cot) >= 0.6", [0.1, 0.0]),
        ("0.25*gsm8k+0.75*mmlu+cot>=0.65", [0.0, 0.0]),
        ("mmlu+cot>=0.65", [-0.05, 0.05]),
    ],
)
def test_requirements_as_written(text: str, margin: list[float]) -> None:
    requirement = Requirement.parse(text)
    np.testing.assert_allclose(requirement.margin(SCORES, NAMES), margin, atol=1e-12)
    np.testing.assert_allclose(Requirement.parse(str(requirement)).margin(SCORES, NAMES), margin, atol=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gsm8k", "write gsm8k>=0.8"),
        ("gsm8k>=80", "80 % is 0.8"),
        (">=0.5", "write gsm8k>=0.8"),
        ("gsm8k>=high", "write gsm8k>=0.8"),
        ("0.5*gsm8k+0.2*mmlu>=0.5", "sum to 0.7"),
        ("mean(gsm8k,gsm8k)>=0.5", "twice"),
    ],
)
def test_unusable_requirements(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Requirement.parse(text)


def test_unknown_benchmarks_and_no_requirement() -> None:
    with pytest.raises(InputError, match=r"unknown benchmark 'arc'.*gsm8k"):
        Requirement.parse("arc>=0.5").margin(SCORES, NAMES)
    with pytest.raises(InputError, match="no requirement"):
        joint_margin(SCORES, NAMES, [])


def test_joint_margin_is_that_of_the_requirement_met_least() -> None:
    both = [Requirement.parse("gsm8k>=0.7"), Requirement.parse("hellaswag>=0.85")]
    np.testing.assert_allclose(joint_margin(SCORES, NAMES, both), [0.05, -0.45])


def test_worth_adds_points_and_rewards() -> None:
    worth = Worth({"gsm8k": 2.0, "hellaswag": 2.0}, 10.0, (Reward((Requirement.parse("gsm8k>=0.7"),), 500.0),))
    np.testing.assert_allclose(worth.of(SCORES, NAMES), [850.0 + 500.0, 450.0])
    np.testing.assert_allclose(Worth().of(SCORES, NAMES), 100 * SCORES.mean(axis=1))


def test_price() -> None:
    price = Price(per_hour=2.0, throughput=4e14, devices=100)
    assert float(price.cost(3.6e3 * 4e14 * 50)) == pytest.approx(100.0)
    assert float(price.hours(3.6e3 * 4e14 * 50)) == pytest.approx(0.5)
    with pytest.raises(InputError, match="throughput is 0"):
        Price(2.0, 0.0)
