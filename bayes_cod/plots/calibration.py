"""Plot of a calibration by simulation: how far ranks are from uniform."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from arviz_plots import plot_ecdf_pit
from matplotlib.figure import Figure

from bayes_cod.evaluation.calibration import judge
from bayes_cod.plots.style import BLUE, VERMILLION, WIDTH, style

COLUMNS = 4
ROW = 1.7
"""Height of a row of panels in inches."""


@style()
def plot_ranks(ranks: pd.DataFrame, probability: float = 0.99) -> Figure:
    """ArviZ's plot of each quantity's ranks: their distribution function less the uniform's.

    Points by which a quantity fails the test of uniformity (see `evaluation.calibration.judge`) are marked. Drawn are
    the simulations that have all quantities; p values are of all.

    Parameters
    ----------
    ranks
        One row a simulation, one column a quantity, fractions in (0, 1); NaN where a simulation has no such quantity.
    probability
        Probability that all quantities of a calibrated model pass.

    Returns
    -------
    matplotlib.figure.Figure
    """
    names = [str(name) for name in ranks.columns]
    columns = min(COLUMNS, len(names))
    rows = -(-len(names) // columns)
    whole = ranks.dropna()
    columns_of = zip(names, whole, strict=True)
    values = xr.Dataset({name: ("sample", whole[column].to_numpy()) for name, column in columns_of})
    drawn = plot_ecdf_pit(
        xr.DataTree.from_dict({"/prior_sbc": values.assign_coords(sample=np.arange(len(whole)))}),
        sample_dims=["sample"],
        method="pot_c",
        envelope_prob=float(probability ** (1 / len(names))),
        backend="matplotlib",
        col_wrap=columns,
        figure_kwargs={"figsize": (WIDTH * columns / COLUMNS, ROW * rows + 0.4), "layout": "constrained"},
        visuals={
            "ecdf_lines": {"color": BLUE, "width": 1.2},
            "suspicious_points": {"color": VERMILLION},
            "p_value_text": False,
            "xlabel": False,
            "ylabel": False,
        },
    )
    figure: Figure = drawn.viz["figure"].item()
    p_values = judge(ranks, probability).table["p_value"]
    reach = max(float(np.abs(line.get_ydata()).max()) for axes in figure.axes for line in axes.lines)
    for axes, p_value in zip(figure.axes, p_values, strict=False):
        axes.set_ylim(-1.15 * reach, 1.15 * reach)
        axes.annotate(f"p = {p_value:.2g}", (0.98, 0.03), xycoords="axes fraction", ha="right", fontsize=7)
    figure.supxlabel("rank of the truth among the draws (fraction)", fontsize=8)
    figure.supylabel("share of ranks below it, less the uniform's", fontsize=8)
    return figure
