"""Decisions on mixtures, with draws that are made up: identities of gain, probability and regret."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bayes_cod.decisions.mixture import Decision, Goal, decide_mixture
from bayes_cod.decisions.simplex import Limits
from bayes_cod.errors import InputError
from bayes_cod.models.flpm.evidence import LossEvidence, Points
from bayes_cod.models.flpm.losses import MixtureLosses
from bayes_cod.models.flpm.losses.predict import Losses
from bayes_cod.plots.mixture import plot_mixtures

SOURCES = ("code", "web")


class MadeUp(MixtureLosses):
    """Losses on 'a' fall in code, on 'b' in web, with an uncertain weight of code."""

    def __init__(self, sources: tuple[str, ...] = SOURCES, luck: float = 0.0) -> None:
        super().__init__(0)
        self.luck = luck
        shares = np.random.default_rng(0).dirichlet(np.full(len(sources), 2.0), 12)
        count = len(shares)
        points = Points(shares, np.full(count, 16.0), np.full(count, 19.0), np.zeros(count), np.arange(count))
        self.made = LossEvidence(
            tuple(f"m{i}" for i in range(count)), points, np.zeros((count, 2)), ("a", "b"), sources, False
        )

    @property
    def evidence(self) -> LossEvidence:
        return self.made

    def forecast(self, points: Points, *, joint: bool = False, most: int | None = None) -> Losses:
        assert joint, "candidates are compared jointly"
        slope = np.random.default_rng(1).normal(1.0, 0.2, (400, 1))
        a = 2.0 - slope * points.shares[None, :, 0].repeat(400, axis=0) + 0.8 * points.shares[None, :, 0] ** 2
        b = np.broadcast_to(1.0 + 0.2 * points.shares[None, :, 0], a.shape)
        losses = np.log(np.stack([a, b], axis=2))
        return Losses(losses + self.luck * np.random.default_rng(2).standard_normal(losses.shape), losses)


def decided(luck: float = 0.0, **settings: object) -> Decision:
    goal = Goal.of({}, ("a", "b"), losses=True)
    choices: dict[str, object] = {"params": 1e8, "tokens": 2e9, "current": {"code": 0.1, "web": 0.9}, "count": 80}
    return decide_mixture(MadeUp(luck=luck), goal, **(choices | settings))  # type: ignore[arg-type]


def test_the_best_expected_mixture_is_found_and_has_the_least_regret() -> None:
    made = decided()
    assert made.best["share_code"] == pytest.approx(0.5, abs=0.03)  # minimum of -x + 0.8 x² + 0.2 x
    assert made.best["regret"] == made.table["regret"].min()
    assert (made.table["regret_q05"] >= -1e-12).all()
    assert made.table["p_best"].sum() == pytest.approx(1.0)


def test_gain_and_regret_are_two_sides_of_one_difference() -> None:
    made = decided()
    own = made.table[made.table["kind"] == "current"].iloc[0]
    np.testing.assert_allclose(made.table["gain"] + made.table["regret"], own["regret"], atol=1e-9)
    assert own["gain"] == 0
    assert 0.5 < made.best["p_beats_current"] <= 1


def test_luck_widens_the_regret_and_not_the_choice() -> None:
    plain, lucky = decided(), decided(luck=0.1)
    np.testing.assert_array_equal(plain.shares, lucky.shares)
    np.testing.assert_array_equal(plain.table["regret"], lucky.table["regret"])
    np.testing.assert_allclose(plain.table["regret_q95"], np.quantile(_regret(plain), 0.95, axis=0))
    assert (lucky.table["regret_q95"] > plain.table["regret_q95"]).all()


def _regret(made: Decision) -> np.ndarray:
    return made.values.max(axis=1)[:, None] - made.values


def test_limits_bind_and_the_current_mixture_may_break_them() -> None:
    made = decided(limits=Limits({"code": 0.2}, {"code": 0.3}))
    assert made.best["share_code"] == pytest.approx(0.3, abs=0.01)
    assert any("does not keep the limits" in note for note in made.notes)
    assert made.table[made.table["kind"] == "current"]["p_best"].item() == 0


def test_extrapolation_is_marked_and_can_be_left_out() -> None:
    made = decided()
    lowest = MadeUp().made.points.shares[:, 0].min()
    outside = made.table["share_code"] < lowest - 1e-6
    assert made.table.loc[outside, "extrapolates"].all()
    assert not decided(inside=True, current=None).table["extrapolates"].any()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"params": 0.0}, "params of the planned run"),
        ({"tokens": float("nan")}, "tokens of the planned run"),
        ({"current": {"maths": 1.0}}, "'maths'"),
        ({"current": {"code": 0.3}}, r"sums to 0\.3"),
        ({"limits": Limits({"code": 0.9}, {}, {"code": 1.0})}, "no mixture meets the limits"),
    ],
)
def test_unusable_choices(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        decided(**settings)


def test_goals() -> None:
    assert Goal.of({"a": 3, "b": 1}, ("a", "b"), losses=True).weights == {"a": 0.75, "b": 0.25}
    for weights, message in (({"c": 1.0}, "unknown"), ({"a": -1.0}, "at least 0"), ({"a": 0.0}, "all weights are 0")):
        with pytest.raises(InputError, match=message):
            Goal.of(weights, ("a", "b"), losses=False)
    with pytest.raises(InputError, match="score stage"):
        decide_mixture(MadeUp(), Goal.of({}, ("a",), losses=False), params=1e8, tokens=1e9)
    with pytest.raises(InputError, match="nothing to choose"):
        decide_mixture(MadeUp(("only",)), Goal.of({}, ("a",), losses=True), params=1e8, tokens=1e9)


@pytest.mark.parametrize("n_source", [2, 3, 6])
def test_pictures(n_source: int, tmp_path: Path) -> None:
    sources = tuple(f"domain {index}" for index in range(n_source))
    shares = np.random.default_rng(0).dirichlet(np.ones(n_source), 60)
    mean = shares[:, 0]
    figure = plot_mixtures(
        shares,
        mean,
        mean - 0.1,
        mean + 0.1,
        sources=sources,
        extrapolates=mean > np.quantile(mean, 0.8),
        tried=shares[:5],
        best=shares[int(mean.argmax())],
        current=shares[0],
        label="expected score (points)",
        scale=100,
    )
    file = tmp_path / "picture.png"
    figure.savefig(file)
    assert file.stat().st_size > 5000
    texts = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert {"best expected", "current", "faint: extrapolation"} <= set(texts)
