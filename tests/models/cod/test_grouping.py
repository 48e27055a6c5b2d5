"""Groups of questions: no trial used twice, nothing lost, and every benchmark on its own."""

from dataclasses import replace

import numpy as np
import pytest
from bayes_ladders import count_ladder, eta_law, law_rates

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder
from bayes_cod.models.cod import grouping
from bayes_cod.models.cod.grouping import REST, Evidence, GroupingSettings, gather
from bayes_cod.models.cod.priors import Priors

DECADES = np.array([-1.5, -1.0, -0.5, 0.0])
SETTINGS = GroupingSettings(clusters="model", min_questions=60)


def two_kinds(questions: int = 120, n_trials: int = 40, seed: int = 0) -> Ladder:
    """Per benchmark: half the questions easy, a third hard, the others never passed."""
    easy, hard = questions // 2, questions // 3
    level = np.repeat([1.5, 0.2, -30.0], [easy, hard, questions - easy - hard])
    rates = law_rates(level, 0.8, DECADES)
    return count_ladder({"first": rates, "second": rates}, DECADES, n_trials, seed)


@pytest.fixture(scope="module")
def ladder() -> Ladder:
    return two_kinds()


@pytest.fixture(scope="module")
def evidence(ladder: Ladder) -> Evidence:
    return gather(ladder, SETTINGS, seed=0)


def test_decades_end_at_the_last_rung(evidence: Evidence) -> None:
    np.testing.assert_allclose(evidence.decades, DECADES)
    assert evidence.benchmarks == ("first", "second")
    assert evidence.n_questions.tolist() == [120, 120] and evidence.n_trials.tolist() == [40.0, 40.0]


def test_clusters_are_found_in_order_of_ease(evidence: Evidence) -> None:
    groups = [group for group in evidence.groups if group.benchmark == "first"]
    assert len(groups) >= 2
    assert [group.name for group in groups] == [f"cluster {i + 1}" for i in range(len(groups))]
    last = [group.n_correct[-1] / group.n_trials[-1] for group in groups]
    assert last[0] > last[-1] + 0.2


def test_weights_of_groups_and_rest_sum_to_one_and_share_no_question(evidence: Evidence) -> None:
    for benchmark in evidence.benchmarks:
        parts = [group for group in (*evidence.groups, *evidence.rest) if group.benchmark == benchmark]
        assert sum(group.weight for group in parts) == pytest.approx(1)
        questions = [question for group in parts for question in group.questions]
        assert len(questions) == len(set(questions)) == 120
    assert {group.name for group in evidence.rest} == {REST}
    never = {f"q{i:04d}" for i in range(100, 120)}
    assert all(never <= set(group.questions) for group in evidence.rest)


def test_halves_of_the_trials_are_disjoint(ladder: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    original = grouping.split_trials

    def spy(counts: grouping.TrialCounts, rng: np.random.Generator) -> object:
        split = original(counts, rng)
        kept.append((counts, split))
        return split

    monkeypatch.setattr(grouping, "split_trials", spy)
    evidence = gather(ladder, SETTINGS, seed=0)
    assert len(kept) == 2
    for benchmark, (counts, split) in zip(evidence.benchmarks, kept, strict=True):
        assert not split.shared_noise
        np.testing.assert_array_equal(split.clustering.n_trials + split.fitting.n_trials, counts.n_trials)
        np.testing.assert_array_equal(split.clustering.n_correct + split.fitting.n_correct, counts.n_correct)
        parts = [group for group in (*evidence.groups, *evidence.rest) if group.benchmark == benchmark]
        np.testing.assert_array_equal(sum(group.n_trials for group in parts), split.fitting.n_trials.sum(axis=0))
        np.testing.assert_array_equal(sum(group.n_correct for group in parts), split.fitting.n_correct.sum(axis=0))


def test_too_few_trials_make_one_group_with_a_note() -> None:
    evidence = gather(two_kinds(n_trials=3), SETTINGS, seed=0)
    assert [(group.benchmark, group.name, group.weight) for group in evidence.groups] == [
        ("first", "all", 1.0),
        ("second", "all", 1.0),
    ]
    assert evidence.rest == ()
    assert len(evidence.notes) == 2 and all("one group of all questions" in note for note in evidence.notes)
    assert evidence.groups[0].n_trials.tolist() == [360] * 4  # every trial counts where none formed a cluster


def test_too_few_questions_make_one_group_with_a_note() -> None:
    evidence = gather(two_kinds(questions=48), SETTINGS, seed=0)
    assert [group.name for group in evidence.groups] == ["all", "all"]
    assert "48 questions" in evidence.notes[0]


def test_clusters_can_be_switched_off_without_a_note(ladder: Ladder) -> None:
    evidence = gather(ladder, GroupingSettings(clusters="none"), seed=0)
    assert [group.name for group in evidence.groups] == ["all", "all"] and evidence.notes == ()


def test_described_clusters_leave_the_forecast_to_all_questions_and_all_trials(ladder: Ladder) -> None:
    modelled = gather(ladder, SETTINGS, seed=0)
    described = gather(ladder, replace(SETTINGS, clusters="describe"), seed=0)
    assert [group.name for group in described.groups] == ["all", "all"] and described.rest == ()
    assert described.groups[0].n_trials.tolist() == [120 * 40] * len(DECADES)
    names = sorted((group.benchmark, group.name) for group in described.described)
    assert names == sorted((group.benchmark, group.name) for group in (*modelled.groups, *modelled.rest))
    assert modelled.described == ()


def test_rest_can_follow_laws_of_its_own(ladder: Ladder) -> None:
    evidence = gather(ladder, GroupingSettings(clusters="model", min_questions=60, rest="law"), seed=0)
    names = [group.name for group in evidence.groups if group.benchmark == "first"]
    assert evidence.rest == () and f"{REST} 1" in names
    weights = [group.weight for group in evidence.groups if group.benchmark == "first"]
    assert sum(weights) == pytest.approx(1)


def test_fewer_clusters_keep_the_largest(ladder: Ladder) -> None:
    evidence = gather(ladder, GroupingSettings(clusters="model", min_questions=60, max_clusters=1), seed=0)
    (group,) = (group for group in evidence.groups if group.benchmark == "first")
    every = [group for group in gather(ladder, SETTINGS, seed=0).groups if group.benchmark == "first"]
    assert len(group.questions) == max(len(other.questions) for other in every)


def test_one_rung_is_not_enough(ladder: Ladder) -> None:
    with pytest.raises(InputError, match="at least two rungs"):
        gather(ladder.select(models=["m0"]), SETTINGS, seed=0)


def test_rungs_of_equal_compute_are_not_enough() -> None:
    rates = eta_law(np.zeros((5, 2)))
    with pytest.raises(InputError, match="same compute"):
        gather(count_ladder({"first": rates}, np.zeros(2)), SETTINGS, seed=0)


def same(one: Evidence, two: Evidence, benchmark: str) -> bool:
    parts = [[group for group in (*found.groups, *found.rest) if group.benchmark == benchmark] for found in (one, two)]
    return len(parts[0]) == len(parts[1]) and all(
        a.questions == b.questions and (a.n_correct == b.n_correct).all() for a, b in zip(*parts, strict=True)
    )


def test_the_same_seed_gives_the_same_groups(ladder: Ladder, evidence: Evidence) -> None:
    again, other = gather(ladder, SETTINGS, seed=0), gather(ladder, SETTINGS, seed=1)
    assert all(same(evidence, again, name) for name in evidence.benchmarks)
    assert not all(same(evidence, other, name) for name in evidence.benchmarks)


def test_a_split_does_not_depend_on_the_other_benchmarks(ladder: Ladder, evidence: Evidence) -> None:
    alone = gather(ladder.select(benchmarks=["second"]), SETTINGS, seed=0)
    assert alone.benchmarks == ("second",)
    assert same(evidence, alone, "second")


def spread_of(sd: float, *, n_trials: int = 40) -> float:
    level = -1 + sd * np.random.default_rng(0).standard_normal(300)
    ladder = count_ladder({"one": law_rates(level, 0.8, DECADES)}, DECADES, n_trials, 0)
    found = gather(ladder, GroupingSettings(clusters="none"), seed=0).spread
    assert found is not None
    return float(found[0])


def test_questions_that_differ_are_told_from_copies_of_one_skill() -> None:
    assert spread_of(0.1) < 0.2 and spread_of(2.0) > 1
    assert np.isnan(spread_of(0.1, n_trials=1))


def test_benchmarks_of_many_skills_rarely_jump() -> None:
    priors = Priors()
    immune = [priors.for_spread(spread).immune for spread in (float("nan"), 0.0, priors.wide_spread, 50.0)]
    assert immune == pytest.approx([priors.immune, priors.immune, 0.5 * (0.1 + 0.9), priors.immune_spread], abs=1e-4)
