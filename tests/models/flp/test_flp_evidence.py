"""What Bayesian FLP is fitted on."""

from dataclasses import replace

import numpy as np
import pytest
from flp_ladders import BENCHMARKS, RATIOS, SIZES, loss_ladder, pool_ladder

from bayes_cod.errors import InputError
from bayes_cod.models.flp.evidence import EvidenceSettings, gather
from bayes_cod.models.flp.explain import emerged_elsewhere
from bayes_cod.models.flp.losses import loss_series
from bayes_cod.models.flp.progress import DECADES, Scale

N_RUNGS = len(SIZES) * len(RATIOS)


def test_final_models_come_first_and_weigh_one() -> None:
    evidence = gather(loss_ladder(), EvidenceSettings())
    assert evidence.n_rungs == N_RUNGS == len(evidence.run)
    assert (evidence.weight == 1).all() and (evidence.undecayed == 0).all()
    assert evidence.benchmarks == tuple(sorted(BENCHMARKS))
    assert np.all(np.diff(evidence.rungs["flops"]) >= 0)
    assert evidence.sized


def test_checkpoints_are_averaged_to_parts_that_weigh_one_run() -> None:
    evidence = gather(loss_ladder(checkpoints=9), EvidenceSettings(parts=3, weight=0.5))
    along = slice(N_RUNGS, None)
    assert len(evidence.run) == N_RUNGS * 4
    assert np.allclose(np.bincount(evidence.run[along], evidence.weight[along]), 0.5)
    assert (evidence.tokens[along] < evidence.tokens[evidence.run[along]]).all()
    assert (evidence.tokens[along] >= 0.2 * evidence.tokens[evidence.run[along]]).all()
    assert ((evidence.undecayed[along] > 0) & (evidence.undecayed[along] <= 1)).all()
    assert "checkpoints were averaged" in evidence.notes[0]


def test_the_learning_rate_is_used_where_it_is_recorded() -> None:
    ladder = loss_ladder(checkpoints=5)
    assert ladder.losses is not None
    constant = replace(ladder, losses=ladder.losses.assign(lr=1e-3))
    evidence = gather(constant, EvidenceSettings())
    assert (evidence.undecayed[N_RUNGS:] == 1).all()
    unknown = gather(replace(ladder, losses=ladder.losses.drop(columns="lr")), EvidenceSettings())
    assert (
        np.corrcoef(unknown.undecayed[N_RUNGS:], unknown.tokens[N_RUNGS:] / unknown.tokens[unknown.run[N_RUNGS:]])[0, 1]
        < -0.9
    )


def test_the_best_final_model_tells_what_is_left_unanswered() -> None:
    alone, pooled = (
        gather(loss_ladder(checkpoints=5), EvidenceSettings()),
        gather(loss_ladder(), EvidenceSettings(), pool_ladder()),
    )
    for evidence in (alone, pooled):
        final = evidence.score[: evidence.n_runs]
        assert evidence.unanswered == pytest.approx((1 - final.max(axis=0)) / (1 - evidence.chance))
    assert (pooled.unanswered < alone.unanswered).all()  # its models are larger


def test_rows_are_bounded() -> None:
    assert len(gather(loss_ladder(checkpoints=9), EvidenceSettings(parts=6, max_rows=24)).run) == 24
    assert len(gather(loss_ladder(checkpoints=9), EvidenceSettings(parts=0)).run) == N_RUNGS


def test_rungs_far_below_the_largest_are_left_out() -> None:
    ladder = loss_ladder(checkpoints=5)
    whole, near = (gather(ladder, EvidenceSettings(decades=decades, least_rungs=3)) for decades in (3.0, 1.3))
    assert whole.n_rungs == N_RUNGS and 3 < near.n_rungs < N_RUNGS
    finals = near.flops[: near.n_rungs]
    assert finals.min() >= finals.max() / 10**1.3 and set(near.run) == set(range(near.n_rungs))
    assert any(f"{N_RUNGS - near.n_rungs} rungs more than 1.3 decades below" in note for note in near.notes)
    few = gather(ladder, EvidenceSettings(decades=0.1, least_rungs=4))
    assert few.rungs["flops"].nunique() == 4


def test_domains_are_reduced_to_the_geometric_mean() -> None:
    ladder = loss_ladder()
    assert ladder.losses is not None
    second = ladder.losses.assign(domain="code", loss=ladder.losses["loss"] * 2, se=0.1)
    import pandas as pd

    both = replace(ladder, losses=pd.concat([ladder.losses.assign(se=0.1), second], ignore_index=True))
    (series,) = loss_series(both)
    (plain,) = loss_series(ladder)
    assert np.allclose(series.final["log_loss"], plain.final["log_loss"] + np.log(2) / 2)
    one, two = 0.1 / ladder.losses["loss"], 0.05 / ladder.losses["loss"]
    expected = np.sqrt(one**2 + two**2).to_numpy() / 2
    assert np.allclose(np.sort(series.final["se"]), np.sort(expected))


def test_task_loss_and_validation_loss_are_both_used() -> None:
    ladder = loss_ladder()
    assert ladder.scores is not None
    both = replace(ladder, scores=ladder.scores.assign(bpb=0.8))
    assert [series.name for series in loss_series(both)] == ["task", "validation"]
    alone = replace(ladder, losses=None, scores=ladder.scores.assign(ppl=12.0))
    (series,) = loss_series(alone)
    assert series.name == "perplexity" and np.allclose(series.final["log_loss"], np.log(np.log(12.0)))


def test_without_losses_the_error_says_what_to_add() -> None:
    with pytest.raises(InputError, match=r"needs a losses table .* or one of the columns bpb"):
        gather(replace(loss_ladder(), losses=None), EvidenceSettings())


def test_two_rungs_are_too_few() -> None:
    ladder = loss_ladder()
    few = ladder.select(models=list(ladder.models["model"][:2]))
    with pytest.raises(InputError, match="needs 3 rungs of different compute with losses and scores"):
        gather(few, EvidenceSettings())


def test_progress_counts_from_the_final_rungs_mean_in_steps_of_compute() -> None:
    evidence = gather(loss_ladder(checkpoints=5), EvidenceSettings())
    scale = Scale.of(evidence)
    final = scale.progress(evidence.log_loss, evidence.flops)[:N_RUNGS]
    decades = np.log10(evidence.flops[:N_RUNGS])
    assert np.allclose(final.mean(axis=0), 0) and np.allclose(final.std(axis=0), decades.std() / DECADES)
    assert np.ptp(final[:, 1]) == pytest.approx(np.ptp(decades) / DECADES)


def test_a_narrow_ladder_has_the_units_of_a_wide_one() -> None:
    ladder = loss_ladder()
    narrow = ladder.select(models=list(ladder.rungs()["model"])[3:])
    wide_unit, narrow_unit = (Scale.of(gather(each, EvidenceSettings())).loss_unit for each in (ladder, narrow))
    assert np.allclose(narrow_unit, wide_unit, rtol=0.3)  # standard deviations are far apart


def test_without_sizes_the_law_is_one_in_compute() -> None:
    evidence = gather(loss_ladder(sized=False), EvidenceSettings())
    size, tokens = Scale.of(evidence).size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    assert not evidence.sized and (tokens == 0).all()
    assert np.allclose(size, np.log(evidence.flops / evidence.flops[-1]))


def test_what_other_families_show_to_emerge() -> None:
    pool = pool_ladder()
    assert pool.scores is not None
    scores = pool.scores
    flat = scores["score"].mask(scores["benchmark"] == "late", scores["chance"] + 0.04)
    flat = flat.mask(scores["benchmark"] == "slow", np.nan)
    evidence = gather(loss_ladder(), EvidenceSettings(), replace(pool, scores=scores.assign(score=flat)))
    assert emerged_elsewhere(evidence) == {"steep", "even"}
    assert emerged_elsewhere(gather(loss_ladder(), EvidenceSettings())) == set()


def test_final_models_of_other_families_come_after_the_ladders_own() -> None:
    alone, evidence = (gather(loss_ladder(checkpoints=5), EvidenceSettings(), pool) for pool in (None, pool_ladder()))
    assert evidence.n_rungs == N_RUNGS and evidence.n_pooled == 2 and alone.n_pooled == 0
    assert evidence.n_runs == N_RUNGS + 8 + 6
    assert np.array_equal(evidence.run[: evidence.n_runs], np.arange(evidence.n_runs))
    assert np.array_equal(evidence.family[: evidence.n_runs], np.repeat([0, 1, 2], [N_RUNGS, 8, 6]))
    assert (evidence.family[evidence.n_runs :] == 0).all() and (evidence.run[evidence.n_runs :] < N_RUNGS).all()
    own = evidence.family == 0
    assert np.array_equal(evidence.score[own], alone.score) and np.array_equal(evidence.log_loss[own], alone.log_loss)
    assert any("pooled with older (8 models), sister (6 models)" in note for note in evidence.notes)
    scale, plain = Scale.of(evidence), Scale.of(alone)
    assert scale.log_flops == plain.log_flops and np.array_equal(scale.loss_unit, plain.loss_unit)
    behind = scale.behind(evidence.log_loss, evidence.flops, evidence.family)
    progress = scale.progress(evidence.log_loss, evidence.flops).mean(axis=1)
    assert np.allclose(behind, np.abs(progress - progress[own].max()))
    assert (progress[evidence.family > 0] > progress[own].max()).any()


def test_families_without_the_same_losses_are_left_out_and_named() -> None:
    pool = pool_ladder()
    assert pool.losses is not None
    other = pool.losses["model"].str.startswith("older")
    elsewhere = replace(pool, losses=pool.losses.assign(domain=pool.losses["domain"].mask(other, "code")))
    evidence = gather(loss_ladder(), EvidenceSettings(), elsewhere)
    assert evidence.n_pooled == 1 and evidence.n_runs == N_RUNGS + 6
    assert any("not used: older" in note for note in evidence.notes)
    unsized = replace(pool, models=pool.models.assign(params=np.nan))
    assert gather(loss_ladder(), EvidenceSettings(), unsized).n_pooled == 0
    assert gather(loss_ladder(sized=False), EvidenceSettings(), unsized).n_pooled == 2


def test_models_of_other_families_far_below_or_beyond_are_left_out() -> None:
    settings = EvidenceSettings(decades=1.0, least_rungs=3, decades_ahead=0.5)
    evidence = gather(loss_ladder(), settings, pool_ladder())
    away = np.log10(evidence.flops[evidence.family > 0] / evidence.rungs["flops"].max())
    assert 0 < len(away) < 14 and away.min() >= -1.0 and 0 < away.max() <= 0.5


def test_departures_of_losses_are_none_at_the_last_rung_and_grow_with_the_distance() -> None:
    scale = Scale.of(gather(loss_ladder(), EvidenceSettings(), pool_ladder()))
    last = np.exp(scale.log_flops)
    flops = last * 10**scale.bends
    spread = np.sqrt((scale.bent(flops) ** 2).sum(axis=1))
    assert np.allclose(scale.bent(np.array([last])), 0)
    assert np.allclose(spread, np.sqrt(np.abs(scale.decades(flops))), atol=0.2)
    beyond = scale.bent(np.array([flops[-1], 10 * flops[-1]]))
    assert np.allclose(beyond[0], beyond[1])
