"""Figures of the micro ladder show every run, seed and target, and name their units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from bayes_cod import InputError
from bayes_cod.datasets import microladder
from bayes_cod.ladder import Ladder
from bayes_cod.plots import style
from bayes_cod.plots.microladder import plot_losses, plot_scores, plot_spread


@pytest.fixture(scope="module")
def ladder() -> Ladder:
    return microladder("main")


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_scores_show_every_seed_and_target(ladder: Ladder) -> None:
    figure = plot_scores(ladder)
    assert ladder.benchmarks is not None
    assert len(figure.axes) == len(ladder.benchmarks)
    assert labels(figure) == ["seed 0", "seed 1", "seed 2", "targets", "chance"]
    assert figure.get_supxlabel() == "training compute (FLOPs)"
    assert figure.get_supylabel() == "score (points)"
    axes = next(axes for axes in figure.axes if axes.get_title("left").startswith("add_long"))
    markers = [line for line in axes.lines if line.get_linestyle() == "None"]
    assert sum(len(np.asarray(line.get_xdata())) for line in markers) == len(ladder.models)
    targets = [line for line in markers if line.get_marker() == "D"]
    drawn = sorted(float(value) for line in targets for value in np.asarray(line.get_ydata()))
    names = ladder.models.loc[ladder.models["split"] == "target", "model"]
    assert drawn == pytest.approx(sorted(ladder.truth(str(name), "add_long") for name in names))


def test_losses_have_a_line_a_run() -> None:
    ladder = microladder("checkpoints")
    figure = plot_losses(ladder)
    assert [axes.get_title("left") for axes in figure.axes] == ["arithmetic", "logic", "strings"]
    assert figure.axes[0].get_ylabel() == "held-out loss (nats a character)"
    assert figure.get_supxlabel() == "compute spent so far (FLOPs)"
    for axes in figure.axes:
        runs = [line for line in axes.lines if line.get_marker() == "None"]
        assert len(runs) == len(ladder.models)
        assert all(len(np.asarray(line.get_xdata())) > 2 for line in runs)
    assert len(labels(figure)) == ladder.models["width"].nunique()
    assert [text for text in labels(figure) if "target" in text] == ["width 104, target", "width 128, target"]


def test_spread_leaves_out_single_seeds_and_marks_targets() -> None:
    spread = pd.DataFrame(
        {
            "width": [12, 16, 20],
            "flops": [1e10, 1e11, 1e12],
            "seeds": [3, 1, 2],
            "loss_sd": [0.1, np.nan, 0.2],
            "loss_range": [0.2, np.nan, 0.3],
            "score_sd": [0.3, np.nan, 0.4],
            "score_range": [0.5, np.nan, 0.6],
        }
    )
    figure = plot_spread(spread, {20})
    assert figure.axes[0].get_ylabel() == "spread between seeds (decades)"
    assert any(text.startswith("target") for text in labels(figure))
    filled = [line for line in figure.axes[1].lines if to_rgb(line.get_color()) != to_rgb(style.PAPER)]
    assert [float(value) for line in filled for value in np.asarray(line.get_ydata())] == [0.3, 0.4]
    assert not any(text.startswith("target") for text in labels(plot_spread(spread)))


def test_nothing_to_draw_is_an_input_error() -> None:
    columns = ["width", "flops", "seeds", "loss_sd", "loss_range", "score_sd", "score_range"]
    with pytest.raises(InputError, match="several seeds"):
        plot_spread(pd.DataFrame(columns=columns))
