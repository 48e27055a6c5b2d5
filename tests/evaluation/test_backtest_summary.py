"""Summaries, skill and paired comparisons of constructed cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import fake_method, small_ladder
from scipy import stats

from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest, best_baseline, common_cells, paired, summarise, summary_table
from bayes_cod.evaluation.cells import COLUMNS
from bayes_cod.scoring.standard_errors import clustered_mean, clustered_skill


def cells(crps: dict[str, list[float]], targets: list[str], cuts: list[str] | None = None) -> pd.DataFrame:
    """Cells of one benchmark a row: NaN is a refusal."""
    rows = [
        {
            "ladder": "l",
            "family": "f",
            "cut": cuts[i] if cuts else f"c{i}",
            "target": target,
            "benchmark": "b",
            "method": method,
            "n_rungs": 3,
            "decades": 0.4 if i % 2 else 1.2,
            "crps": score,
            "abs_error": score,
            "wis": score,
            "error": -score,
            "width_90": 4 * score,
            "pit": 0.5,
            "seconds": 2.0,
            "status": "refused" if np.isnan(score) else "ok",
            "reason": "",
            **{f"covered_{percent}": float(i != 0) for percent in (50, 80, 90, 95)},
        }
        for method, values in crps.items()
        for i, (target, score) in enumerate(zip(targets, values, strict=True))
    ]
    return pd.DataFrame(rows).reindex(columns=list(COLUMNS))


# ---------------------------------------------------------------- standard errors


def test_one_cell_a_cluster_is_the_usual_standard_error() -> None:
    values = np.random.default_rng(0).normal(size=17)
    estimate = clustered_mean(values, np.arange(17))
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.se == pytest.approx(stats.sem(values))
    low, high = estimate.interval(0.95)
    expected = stats.t.interval(0.95, 16, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_copies_of_a_cell_add_no_information() -> None:
    values = np.random.default_rng(1).normal(size=9)
    once = clustered_mean(values, np.arange(9))
    assert clustered_mean(np.repeat(values, 12), np.repeat(np.arange(9), 12)).se == pytest.approx(once.se)


def test_clustered_standard_error_by_hand() -> None:
    # sums of residuals by cluster: -1.5, -1.5 + 0.5 = -1, 2.5; se^2 = 3/2 (2.25 + 1 + 6.25) / 16
    estimate = clustered_mean([1.0, 1.0, 3.0, 5.0], ["a", "b", "b", "c"])
    assert estimate.value == 2.5 and estimate.n_clusters == 3
    assert estimate.se == pytest.approx(np.sqrt(1.5 * 9.5 / 16))


def test_missing_values_and_single_clusters() -> None:
    assert clustered_mean([1.0, np.nan, 3.0], ["a", "b", "c"]).value == 2.0
    assert np.isnan(clustered_mean([1.0, 3.0], ["a", "a"]).se)
    assert np.isnan(clustered_mean([1.0, 3.0], ["a", "a"]).interval()[0])
    assert np.isnan(clustered_mean([np.nan], ["a"]).value)


def test_clustered_standard_error_is_the_spread_over_repetitions() -> None:
    """Root mean square of 2000 estimated errors within 6 % of the spread; its own Monte-Carlo s.e. is below 2 %.

    False alarms below 1e-2.
    """
    rng = np.random.default_rng(2)
    label = np.repeat(np.arange(30), 5)
    draws = rng.normal(size=(2000, 30)).repeat(5, axis=1) + 0.5 * rng.normal(size=(2000, 150))
    found = [clustered_mean(row, label) for row in draws]
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean([estimate.se**2 for estimate in found])) == pytest.approx(spread, rel=0.06)


def test_skill_and_its_standard_error() -> None:
    rng = np.random.default_rng(3)
    base = rng.gamma(9.0, size=(1500, 40))
    own = 0.7 * base + 0.5 * rng.gamma(2.0, size=(1500, 40))
    label = np.arange(40)
    assert clustered_skill(base[0], base[0], label) == (0.0, 0.0, 40)
    found = [clustered_skill(s, b, label) for s, b in zip(own, base, strict=True)]
    assert found[0].value == pytest.approx(1 - own[0].mean() / base[0].mean())
    spread = np.std([estimate.value for estimate in found])
    assert np.sqrt(np.mean([estimate.se**2 for estimate in found])) == pytest.approx(spread, rel=0.08)


# ---------------------------------------------------------------- summaries


def test_a_summary_by_hand() -> None:
    table = cells({"a": [0.01, 0.02, 0.06], "b+bootstrap": [0.02, 0.04, 0.06]}, ["t", "t", "u"])
    rows = summarise(table).set_index("method")
    a = rows.loc["a"]
    assert a[["n_asked", "n_ok", "n_refused", "n_unusable", "n_cells", "n_targets"]].tolist() == [3, 3, 0, 0, 3, 2]
    assert a["abs_error_points"] == a["crps_points"] == a["wis_points"] == pytest.approx(3.0)
    assert a["bias_points"] == pytest.approx(-3.0) and a["width_90_points"] == pytest.approx(12.0)
    # residual sums -3 and 3 points in two clusters of three cells
    assert a["crps_points_se"] == pytest.approx(np.sqrt(2 * 18) / 3)
    assert a["coverage_90"] == pytest.approx(2 / 3)
    assert a["baseline"] == "b+bootstrap" and a["skill"] == pytest.approx(0.25)
    assert rows.loc["b+bootstrap", "skill"] == 0.0
    assert a["seconds_per_fit"] == 2.0


def test_differences_from_the_baseline_are_paired() -> None:
    hard = np.array([0.01, 0.01, 0.30, 0.30])  # what both methods share
    table = cells({"a": list(hard + 0.01), "b+bootstrap": list(hard)}, ["t", "t", "u", "u"])
    a = summarise(table).set_index("method").loc["a"]
    assert a["baseline"] == "b+bootstrap"
    for score in ("crps", "abs_error"):
        assert a[f"{score}_minus_baseline_points"] == pytest.approx(1.0)
        assert a[f"{score}_minus_baseline_points_se"] == pytest.approx(0.0, abs=1e-9)
        assert a[f"{score}_points_se"] > 10  # of the mean itself
    row = paired(table, "a", "b+bootstrap").iloc[0]
    assert row["difference_points"] == pytest.approx(a["crps_minus_baseline_points"])
    nothing = summarise(table, methods=["a"], baseline="b+bootstrap").iloc[0]
    assert np.isnan(nothing["crps_minus_baseline_points"]) and np.isnan(nothing["skill"])


def test_only_cells_that_all_answered_are_compared_and_the_others_counted() -> None:
    table = cells({"a": [0.01, 0.02, np.nan], "b": [0.03, 0.05, 0.9]}, ["t", "u", "v"])
    rows = summarise(table).set_index("method")
    assert rows["n_cells"].tolist() == [2, 2]
    assert rows["n_refused"].tolist() == [1, 0] and rows["n_ok"].tolist() == [2, 3]
    assert rows["crps_points"].tolist() == pytest.approx([1.5, 4.0])


def test_a_method_that_answers_too_little_does_not_take_cells_away() -> None:
    table = cells({"a": [0.01, np.nan, np.nan], "b": [0.03, 0.05, 0.01]}, ["t", "u", "v"])
    rows = summarise(table).set_index("method")
    assert rows["n_cells"].tolist() == [0, 3]
    assert rows.loc["a", "n_refused"] == 2 and np.isnan(rows.loc["a", "crps_points"])
    assert summarise(table, min_answered=0.0)["n_cells"].tolist() == [1, 1]
    assert set(common_cells(table)["method"]) == {"b"}
    assert common_cells(table, min_answered=0.0)["target"].tolist() == ["t", "t"]


def test_order_of_rows_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    table = cells({name: list(rng.uniform(size=12)) for name in ("a", "b", "c+conformal")}, list("ttuuvvwwxxyy"))
    shuffled = table.sample(frac=1, random_state=1)
    one, two = (summarise(t, ["decades_bin"]).sort_values(["decades_bin", "method"]) for t in (table, shuffled))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), two.reset_index(drop=True))


def test_groups() -> None:
    table = cells({"a": [0.01, 0.02, 0.06, 0.04]}, ["t", "t", "u", "u"])
    rows = summarise(table, ["decades_bin"]).set_index("decades_bin")
    assert rows["n_cells"].to_dict() == {"0.25 to 0.5": 2, "1 to 1.5": 2}
    assert rows.loc["0.25 to 0.5", "crps_points"] == pytest.approx(3.0)
    with pytest.raises(InputError, match="can't be grouped by 'size'"):
        summarise(table, ["size"])


def test_targets_within_the_rungs_compute_have_a_group() -> None:
    table = cells({"a": [0.01, 0.02], "b+conformal": [0.02, 0.03]}, ["t", "u"]).assign(decades=[-0.3, 0.0, -0.3, 0.0])
    rows = summary_table(table)
    by_distance = rows[rows["grouping"] == "decades_bin"]
    assert by_distance["group"].tolist() == ["within the rungs"] * 2
    assert by_distance["n_cells"].tolist() == [2, 2]


def test_summary_table_has_every_grouping() -> None:
    ladder = small_ladder()
    found = backtest(ladder, [fake_method("fake"), fake_method("point")])
    table = summary_table(found)
    assert list(table.columns[:3]) == ["grouping", "group", "method"]
    assert set(table["grouping"]) == {"all", "ladder", "family", "benchmark", "n_rungs", "decades_bin"}
    for _, part in table.groupby("grouping"):
        assert part.loc[part["method"] == "fake", "n_cells"].sum() == len(found) / 2
    assert table.loc[table["method"] == "point", "coverage_90"].isna().all()


def test_best_baseline() -> None:
    table = cells(
        {
            "bayes-cod": [0.001, 0.001],
            "line": [0.01, 0.01],
            "line+bootstrap": [0.03, 0.02],
            "exp+conformal": [0.02, 0.01],
            "idle+bootstrap": [np.nan, np.nan],
        },
        ["t", "u"],
    )
    assert best_baseline(table) == "exp+conformal"
    assert best_baseline(table[~table["method"].str.contains("+", regex=False)]) == "line"
    assert best_baseline(table, ["line+bootstrap", "idle+bootstrap"]) == "line+bootstrap"
    assert best_baseline(table[table["method"] == "bayes-cod"]) is None


def test_best_baseline_is_judged_on_cells_that_all_candidates_answered() -> None:
    table = cells({"a+bootstrap": [0.02, np.nan, 0.02], "b+bootstrap": [0.03, 0.9, 0.03]}, ["t", "u", "v"])
    assert best_baseline(table) == "a+bootstrap"
    table.loc[(table["method"] == "b+bootstrap") & (table["target"] != "u"), "crps"] = 0.01
    assert best_baseline(table) == "b+bootstrap"


# ---------------------------------------------------------------- paired comparison


def test_paired_comparison_by_hand() -> None:
    table = cells({"a": [0.01, 0.02, 0.05, np.nan], "b": [0.02, 0.04, 0.05, 0.3]}, ["t", "t", "u", "v"])
    (row,) = paired(table, "a", "b").to_dict("records")
    assert (row["n_cells"], row["n_targets"], row["n_left_out"]) == (3, 2, 1)
    assert row["difference_points"] == pytest.approx(-1.0)
    assert row["difference_points_se"] == pytest.approx(np.sqrt(2 * (1 + 1)) / 3)
    reach = stats.t.ppf(0.975, 1) * row["difference_points_se"]
    assert row["high_95_points"] == pytest.approx(-1 + reach)
    assert row["wins"] == pytest.approx((2 + 0.5) / 3)
    (back,) = paired(table, "b", "a").to_dict("records")
    assert back["difference_points"] == pytest.approx(1.0)


def test_paired_comparison_in_groups_and_without_common_cells() -> None:
    table = cells({"a": [0.01, np.nan, 0.05, np.nan], "b": [0.02, 0.04, 0.05, 0.3]}, ["t", "t", "u", "v"])
    rows = paired(table, "a", "b", by=["decades_bin"]).set_index("decades_bin")
    assert rows["n_cells"].to_dict() == {"0.25 to 0.5": 0, "1 to 1.5": 2}
    assert np.isnan(rows.loc["0.25 to 0.5", "difference_points"])
    with pytest.raises(InputError, match="method 'c' is not among the cells"):
        paired(table, "a", "c")


def test_cells_twice_are_refused() -> None:
    table = cells({"a": [0.1]}, ["t"])
    with pytest.raises(InputError, match="appears twice"):
        summarise(pd.concat([table, table]))
