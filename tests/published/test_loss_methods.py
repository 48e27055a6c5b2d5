from dataclasses import replace

import numpy as np
import pytest
import reference_laws
from synthetic import FLOPS, item_ladder, loss_ladder, score_ladder

from bayes_cod import laws
from bayes_cod.errors import InputError
from bayes_cod.ladder import Target
from bayes_cod.published import make
from bayes_cod.published.flp import FLP

N = np.tile([1e8, 3e8, 1e9], 4)
D = np.repeat([2e9, 1e10, 4e10, 1.6e11], 3) * (N / 1e8) ** 0.5
C = 6 * N * D
ORDER = np.argsort(C)
N, D, C = N[ORDER], D[ORDER], C[ORDER]
TARGET = Target("target", 6 * 7e9 * 2e12, params=7e9, tokens=2e12)


def along_training(loss: np.ndarray, to_score, steps: int = 5) -> dict[str, np.ndarray]:
    """Checkpoints whose loss falls to the final one."""
    fall = loss.reshape(len(loss), 1, -1) * np.linspace(1.4, 1.02, steps)[None, :, None]
    return {"checkpoint_loss": fall, "checkpoint_score": to_score(fall[:, :, 0])}


def test_flp_with_checkpoints_and_points_below_the_filter() -> None:
    loss = 8.0 * (FLOPS / 1e19) ** -0.12

    def to_score(at: np.ndarray) -> np.ndarray:
        return np.maximum(0.25, 1.3 - 0.2 * at)  # a line that emerges from chance

    ladder = loss_ladder(loss, to_score(loss), chance=0.25, **along_training(loss, to_score))
    target = Target("target", 3.8e24)
    expected = 1.3 - 0.2 * 8.0 * (3.8e24 / 1e19) ** -0.12
    assert make("flp", 0).fit(ladder).points([target])[0, 0] == pytest.approx(expected, abs=1e-9)


def test_flp_uses_every_checkpoint_where_none_has_emerged() -> None:
    loss = 8.0 * (FLOPS / 1e19) ** -0.12
    score = 0.27 - 0.002 * loss
    points = make("flp", 0).fit(loss_ladder(loss, score, chance=0.25)).points([Target("t", 3.8e24)])
    assert points[0, 0] == pytest.approx(0.27 - 0.002 * 8.0 * (3.8e24 / 1e19) ** -0.12, abs=1e-9)


def test_flp_takes_the_geometric_mean_of_the_domains_or_those_asked_for() -> None:
    loss = np.stack([8.0 * (FLOPS / 1e19) ** -0.12, 3.0 * (FLOPS / 1e19) ** -0.3], axis=1)
    mean = np.sqrt(loss.prod(axis=1))
    ladder = loss_ladder(loss, 0.9 - 0.1 * mean, domains=["web", "code"])
    expected = 0.9 - 0.1 * np.sqrt(24.0 * (3.8e24 / 1e19) ** -0.42)
    assert make("flp", 0).fit(ladder).points([Target("t", 3.8e24)])[0, 0] == pytest.approx(expected, abs=1e-9)
    one = FLP(domains=["code"]).fit(ladder)
    np.testing.assert_allclose(one.problems_[0].loss[:, 0], loss[:, 1])
    with pytest.raises(InputError, match="unknown loss domain 'books'; the losses table has: code, web"):
        FLP(domains=["books"]).fit(ladder)


def test_olmo_two_step_on_a_task_loss() -> None:
    def law(n: np.ndarray, d: np.ndarray) -> np.ndarray:
        return laws.params_tokens_loss(n / 1e9, d / 1e10, 0.5, 0.25, 0.35, 0.3, 0.3)

    def to_score(at: np.ndarray) -> np.ndarray:
        return laws.sigmoid_map(at, -0.75, 4.0, 1.0, 1.0)

    ladder = loss_ladder(law(N, D), to_score(law(N, D)), flops=C, params=N, tokens=D, task_loss=True, chance=0.25)
    expected = float(to_score(law(np.array([7e9]), np.array([2e12])))[0])
    assert make("olmo-two-step", 0).fit(ladder).points([TARGET])[0, 0] == pytest.approx(expected, abs=0.01)
    law_fit = make("olmo-two-step", 0).loss_law(make("olmo-two-step", 0).problems(ladder)[0], None)
    assert law_fit(np.array([TARGET.flops]), np.array([7e9]), np.array([2e12]))[0] == pytest.approx(
        law(7e9, 2e12), rel=2e-3
    )


def test_gadre() -> None:
    m = D / N

    def law(c: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        return reference_laws.overtraining_loss(c / 1e20, ratio / 100, 1.8, 0.5, 0.4, 0.12)

    def to_score(at: np.ndarray) -> np.ndarray:
        return 1 - laws.exponential_map(at, 0.85, 8.0, 1.3)

    loss = law(C, m)
    ladder = loss_ladder(loss, to_score(loss), flops=C, params=N, tokens=D)
    expected = float(to_score(law(np.array([TARGET.flops]), np.array([2e12 / 7e9])))[0])
    assert make("gadre", 0).fit(ladder).points([TARGET])[0, 0] == pytest.approx(expected, abs=1e-3)


def test_gadre_without_sizes_is_a_power_law_with_floor() -> None:
    loss = reference_laws.power_law_with_floor(FLOPS / 1e20, 1.2, 0.2, 1.7)
    score = 1 - laws.exponential_map(loss, 0.9, 6.0, 1.2)
    target = Target("t", 3.8e24)
    truth = reference_laws.power_law_with_floor(3.8e4, 1.2, 0.2, 1.7)
    expected = 1 - laws.exponential_map(truth, 0.9, 6.0, 1.2)
    assert make("gadre", 0).fit(loss_ladder(loss, score)).points([target])[0, 0] == pytest.approx(expected, abs=1e-3)


def test_llama3() -> None:
    loss = 1.6 - 0.1 * np.log(FLOPS / FLOPS[0])

    def to_score(at: np.ndarray) -> np.ndarray:
        return laws.sigmoid_map(at, -0.7, 6.0, 1.1, 0.95)

    target = Target("t", 1e24)
    expected = to_score(1.6 - 0.1 * np.log(1e24 / FLOPS[0]))
    ladder = loss_ladder(loss, to_score(loss), task_loss=True, chance=0.25)
    assert make("llama3", 0).fit(ladder).points([target])[0, 0] == pytest.approx(expected, abs=1e-3)


def mixture_ladder():
    rng = np.random.default_rng(0)
    flops = np.sort(10 ** rng.uniform(18, 21, 24))
    shares = rng.choice([0.1, 0.3, 0.5, 0.7], 24)
    mixtures = np.stack([1 - shares, shares], axis=1)

    def law(c: np.ndarray, mix: np.ndarray) -> np.ndarray:
        total, parts = np.log(c / 1e20), np.log(c[:, None] / 1e20 * mix)
        web = reference_laws.domain_loss(total, parts, 0.9, -0.03, np.array([-0.06, -0.01]))
        code = reference_laws.domain_loss(total, parts, 0.4, -0.03, np.array([-0.01, -0.08]))
        return np.stack([web, code], axis=1)

    def to_score(loss: np.ndarray) -> np.ndarray:
        return 1.1 - 0.2 * loss[:, 0] - 0.1 * loss[:, 1]

    return flops, mixtures, law, to_score


def test_flpm_recovers_domain_laws_and_their_map() -> None:
    flops, mixtures, law, to_score = mixture_ladder()
    loss = law(flops, mixtures)
    ladder = loss_ladder(loss, to_score(loss), flops=flops, domains=["code", "web"][::-1], mixtures=mixtures)
    method = make("flpm", 0).fit(ladder)
    problem, solution = method.problems_[0], method.solutions_[0]
    np.testing.assert_allclose(solution.fitted_log_loss, np.log(problem.loss), atol=1e-4)
    mix = np.array([[0.6, 0.4]])
    expected = float(to_score(law(np.array([3e21]), mix))[0])
    target = Target("t", 3e21, mixture={"train0": 0.6, "train1": 0.4})
    # the law is exact; the network extrapolates half a decade
    assert method.points([target])[0, 0] == pytest.approx(expected, abs=0.02)


def test_flpm_asks_for_the_targets_mixture() -> None:
    flops, mixtures, law, to_score = mixture_ladder()
    loss = law(flops, mixtures)
    method = make("flpm", 0).fit(loss_ladder(loss, to_score(loss), flops=flops, domains=["a", "b"], mixtures=mixtures))
    with pytest.raises(InputError, match=r"needs the mixture of target 't'.*train0, train1"):
        method.points([Target("t", 3e21)])
    with pytest.raises(InputError, match="'books', which no rung was trained on"):
        method.points([Target("t", 3e21, mixture={"books": 1.0})])


def test_flpm_without_mixtures_uses_total_compute() -> None:
    loss = np.stack([8.0 * (FLOPS / 1e19) ** -0.12, 3.0 * (FLOPS / 1e19) ** -0.2], axis=1)
    method = make("flpm", 0).fit(loss_ladder(loss, 0.9 - 0.1 * loss[:, 0], domains=["a", "b"]))
    np.testing.assert_allclose(np.exp(method.solutions_[0].fitted_log_loss), loss, rtol=1e-4)
    assert 0 <= method.points([Target("t", 3.8e24)])[0, 0] <= 1


def test_final_scores_come_from_the_counts_where_there_are_any() -> None:
    loss = 1.6 - 0.1 * np.log(FLOPS / FLOPS[0])
    scores = loss_ladder(loss, np.full(8, 0.5), task_loss=True, **along_training(loss, lambda at: 0.8 - 0.2 * at))
    items = item_ladder(np.tile(np.linspace(0.1, 0.8, 8), (5, 1)))
    both = replace(scores, items=items.items)
    problem = make("llama3", 0).problems(both)[0]
    np.testing.assert_allclose(problem.score, np.linspace(0.1, 0.8, 8))
    np.testing.assert_allclose(problem.loss[:, 0], loss)
    assert len(problem.checkpoint_score) == 8 * 6
    np.testing.assert_allclose(problem.checkpoint_score[problem.checkpoint_progress == 1], problem.score)


@pytest.mark.parametrize("method", ["flp", "flpm", "olmo-two-step", "gadre", "llama3"])
def test_missing_losses_are_named(method: str) -> None:
    with pytest.raises(InputError, match=f"'{method}' needs a losses table"):
        make(method, 0).fit(score_ladder({"b": np.linspace(0.1, 0.6, 8)}))


def test_missing_sizes_are_named() -> None:
    loss = 8.0 * (FLOPS / 1e19) ** -0.12
    with pytest.raises(InputError, match=r"'olmo-two-step' needs the column 'params'.*'m0'"):
        make("olmo-two-step", 0).fit(loss_ladder(loss, 0.9 - 0.1 * loss))
    ladder = loss_ladder(np.linspace(1.5, 0.9, 12), np.linspace(0.3, 0.6, 12), flops=C, params=N, tokens=D)
    with pytest.raises(InputError, match="needs params and tokens of the target 't'"):
        make("olmo-two-step", 0).fit(ladder).points([Target("t", 1e23)])
