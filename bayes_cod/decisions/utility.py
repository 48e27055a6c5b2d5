"""What scores are worth: thresholds to reach, weighted means, and money.

Scores are fractions with the benchmark as their last dimension. A requirement is a weighted mean of benchmarks that
must reach a threshold; several of them are to be met together. Worth is in a currency of the user's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bayes_cod.errors import InputError

type FloatArray = NDArray[np.float64]
type BoolArray = NDArray[np.bool_]

_AS_WRITTEN = "gsm8k>=0.8, mean(gsm8k,mmlu)>=0.7 or 0.3*gsm8k+0.7*mmlu>=0.75"


@dataclass(frozen=True)
class Requirement:
    """A weighted mean of benchmark scores that must reach a threshold.

    Attributes
    ----------
    weights
        Weight of each benchmark, summing to 1; one benchmark alone has the weight 1.
    at_least
        The threshold, a fraction.
    """

    weights: Mapping[str, float]
    at_least: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``gsm8k>=0.8``, ``mean(gsm8k,mmlu)>=0.7`` or ``0.3*gsm8k+0.7*mmlu>=0.75`` (weights as they stand).

        Raises
        ------
        InputError
            For a text of another form, weights that do not sum to 1, or a threshold that is no fraction.

        Examples
        --------
        >>> str(Requirement.parse("mean(gsm8k, mmlu) >= 0.7"))
        'mean(gsm8k,mmlu)>=0.7'
        """
        left, separator, right = text.rpartition(">=")
        try:
            at_least = float(right)
        except ValueError:
            separator, at_least = "", 0.0
        left = left.strip()
        if not separator or not left:
            raise InputError(f"the requirement is '{text}'; write {_AS_WRITTEN}")
        if not 0 <= at_least <= 1:
            raise InputError(f"the requirement '{text}' asks for {at_least:g}; scores are fractions, so 80 % is 0.8")
        return cls(_weights(left, text), at_least)

    def __str__(self) -> str:
        names = list(self.weights)
        if len(names) == 1:
            left = names[0]
        elif len(set(self.weights.values())) == 1:
            left = f"mean({','.join(names)})"
        else:
            left = "+".join(f"{weight:g}*{name}" for name, weight in self.weights.items())
        return f"{left}>={self.at_least:g}"

    def margin(self, scores: FloatArray, benchmarks: Sequence[str]) -> FloatArray:
        """How far scores lie above the threshold.

        Parameters
        ----------
        scores
            ``(..., benchmark)``, fractions.
        benchmarks
            Names along the last dimension.

        Returns
        -------
        array
            ``(...)``, fractions.

        Raises
        ------
        InputError
            For a benchmark that the scores lack.
        """
        return weighted_mean(scores, benchmarks, self.weights) - self.at_least


def _weights(text: str, whole: str) -> dict[str, float]:
    found: dict[str, float] = {}
    mean = re.fullmatch(r"mean\((.+)\)", text)
    if mean:
        parts = [("", name) for name in mean.group(1).split(",")]
    elif "*" in text:
        parts = [(factor, name) for factor, _, name in (part.partition("*") for part in _terms(text))]
    else:
        parts = [("", text)]
    for factor, name in parts:
        name = name.strip()
        try:
            weight = float(factor) if factor else 1.0 / len(parts)
        except ValueError:
            name = ""
        if not name:
            raise InputError(f"the requirement is '{whole}'; write {_AS_WRITTEN}")
        if name in found:
            raise InputError(f"the requirement '{whole}' names '{name}' twice; name it once")
        found[name] = weight
    if abs(sum(found.values()) - 1) > 1e-6 or min(found.values()) < 0:
        raise InputError(f"the weights of the requirement '{whole}' sum to {sum(found.values()):g}; let them sum to 1")
    return found


def _terms(text: str) -> list[str]:
    """Terms of a sum: split before a number and a star, so that a benchmark's own name may hold a plus."""
    return re.split(r"\+(?=\s*[0-9.]+\s*\*)", text)


def weighted_mean(scores: FloatArray, benchmarks: Sequence[str], weights: Mapping[str, float]) -> FloatArray:
    """Weighted mean over the last dimension; weights need not sum to 1, and benchmarks without a weight have none.

    Raises
    ------
    InputError
        For a benchmark that the scores lack.
    """
    known = list(benchmarks)
    for name in weights:
        if name not in known:
            raise InputError(f"unknown benchmark '{name}'; the forecast has: {', '.join(known)}")
    columns = [known.index(name) for name in weights]
    share = np.array(list(weights.values())) / sum(weights.values())
    return np.asarray(scores[..., columns] @ share)


def joint_margin(scores: FloatArray, benchmarks: Sequence[str], requirements: Sequence[Requirement]) -> FloatArray:
    """The smallest of all requirements' margins ``(...)``: at least 0 where all are met."""
    if not requirements:
        raise InputError("no requirement was given; say what is to be reached, for example gsm8k>=0.8")
    return np.asarray(
        np.min([requirement.margin(scores, benchmarks) for requirement in requirements], axis=0), dtype=float
    )


@dataclass(frozen=True)
class Reward:
    """A sum paid where all of some requirements are met."""

    requirements: tuple[Requirement, ...]
    worth: float


@dataclass(frozen=True)
class Worth:
    """What a run's scores are worth, in one currency.

    Attributes
    ----------
    weights
        Weight of each benchmark in the mean score that is paid for; empty: all alike.
    per_point
        Worth of one point (a hundredth) of that mean.
    rewards
        Sums paid for thresholds.
    """

    weights: Mapping[str, float] = field(default_factory=dict)
    per_point: float = 1.0
    rewards: tuple[Reward, ...] = ()

    def of(self, scores: FloatArray, benchmarks: Sequence[str]) -> FloatArray:
        """Worth of scores ``(..., benchmark)`` as fractions: ``(...)``, in the currency.

        Raises
        ------
        InputError
            For a benchmark that the scores lack.
        """
        weights = dict(self.weights) or dict.fromkeys(benchmarks, 1.0)
        total = 100.0 * self.per_point * weighted_mean(scores, benchmarks, weights)
        for reward in self.rewards:
            met = joint_margin(scores, benchmarks, reward.requirements) >= 0
            total = total + reward.worth * met.astype(float)
        return np.asarray(total)


@dataclass(frozen=True)
class Price:
    """What compute costs.

    Attributes
    ----------
    per_hour
        Price of one device for an hour.
    throughput
        FLOPs that a device does a second in training, as measured (utilisation is in it).
    devices
        Devices in use at once; they decide the time, not the cost.
    """

    per_hour: float
    throughput: float
    devices: int = 1

    def __post_init__(self) -> None:
        for name in ("per_hour", "throughput", "devices"):
            value = getattr(self, name)
            if not np.isfinite(value) or value < 0 or (value == 0 and name != "per_hour"):
                raise InputError(f"{name} is {value!r}; give a number above 0")

    def cost(self, flops: FloatArray | float) -> FloatArray:
        """Cost of compute in FLOPs, in the price's currency."""
        return np.asarray(np.asarray(flops) / self.throughput / 3600.0 * self.per_hour)

    def hours(self, flops: FloatArray | float) -> FloatArray:
        """Hours that the devices take for compute in FLOPs."""
        return np.asarray(np.asarray(flops) / self.throughput / 3600.0 / self.devices)
