"""Cuts by size, for ladders of several token budgets a size."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import make_fake

from bayes_cod.errors import InputError
from bayes_cod.evaluation import backtest
from bayes_cod.forecasts import Method
from bayes_cod.ladder import Ladder
from bayes_cod.ladder.splits import split_ladder

SIZES, RATIOS = (1e8, 2e8, 4e8), (5.0, 20.0, 80.0)


def grid() -> Ladder:
    rows = [(f"{n:.0e}x{r:g}", "grid", n, n * r, 6 * n * n * r, True) for n in SIZES for r in RATIOS]
    models = pd.DataFrame(rows, columns=["model", "family", "params", "tokens", "flops", "is_final"])
    scores = models.assign(benchmark="one", score=np.linspace(0.2, 0.8, len(models)), n_questions=100)
    return Ladder(
        "grid",
        models.sort_values("flops", ignore_index=True),
        pd.DataFrame({"benchmark": ["one"], "chance": [0.0]}),
        scores=scores,
    )


def test_a_cut_by_size_keeps_all_runs_of_the_sizes_below() -> None:
    fits = {fit.models: fit for fit in split_ladder(grid(), cut_by="params")}
    assert [len(models) for models in fits] == [3, 6]
    first, second = fits.values()
    assert {target.params for target in first.targets} == {2e8, 4e8}
    assert {target.name for target in second.targets} == {"4e+08x5", "4e+08x20", "4e+08x80"}
    assert second.cut == "2e+08x80"


def test_a_larger_size_of_less_compute_is_a_target() -> None:
    (_, second) = split_ladder(grid(), cut_by="params")
    cells = second.cells.set_index("target")
    assert cells.loc["4e+08x5", "decades"] == pytest.approx(np.log10(4 * 5 / 80))
    assert cells.loc["4e+08x80", "decades"] == pytest.approx(np.log10(4))
    assert (cells["cut_flops"] == 6 * 2e8 * 2e8 * 80).all() and (cells["n_rungs"] == 6).all()


def test_no_result_of_a_larger_size_is_shown() -> None:
    seen: list[set[str]] = []

    def make(name: str, seed: int, **settings: Any) -> Any:
        made = make_fake(name, seed, **settings)
        fit = made.fit

        def watched(ladder: Ladder, **other: Any) -> Any:
            seen.append(set(ladder.scores["model"]) if ladder.scores is not None else set())
            assert len(ladder.models) == 9  # larger models stay listed
            return fit(ladder, **other)

        made.fit = watched
        return made

    cells = backtest(grid(), [Method("fake", make)], cut_by="params")
    assert [len(names) for names in seen if names] == [3, 6]
    assert (cells["status"] == "ok").all()


def test_another_order_is_refused() -> None:
    with pytest.raises(InputError, match="`cut_by` is 'tokens'; expected 'flops' or 'params'"):
        split_ladder(grid(), cut_by="tokens")  # type: ignore[arg-type]
