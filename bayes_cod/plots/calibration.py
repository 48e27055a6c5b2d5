"""Plot of a calibration by simulation: how far ranks are from uniform."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import binom, norm

from bayes_cod.evaluation.calibration import envelope
from bayes_cod.plots.style import BLUE, GREY, WIDTH, style

COLUMNS = 4
POINTS = 200


@style()
def plot_ranks(ranks: pd.DataFrame, probability: float = 0.99) -> Figure:
    """Empirical distribution function of each quantity's ranks less the uniform, with the simultaneous envelope.

    Parameters
    ----------
    ranks
        One row a simulation, one column a quantity, fractions in (0, 1).
    probability
        Probability that all quantities of a calibrated model stay inside.

    Returns
    -------
    matplotlib.figure.Figure
    """
    n, quantities = ranks.shape
    at = np.linspace(0, 1, POINTS)
    tail = norm.sf(envelope(n, quantities, probability))
    low, high = (binom.ppf(level, n, at) / n - at for level in (tail, 1 - tail))
    rows = -(-quantities // COLUMNS)
    figure = Figure(figsize=(WIDTH, 0.35 * WIDTH * rows / 1.6), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes, name in zip(grid.ravel(), ranks.columns, strict=False):
        below = np.searchsorted(np.sort(ranks[name].to_numpy()), at, side="right") / n
        axes.fill_between(at, low, high, color=GREY, alpha=0.3, lw=0)
        axes.axhline(0, color=GREY, lw=0.8, ls="--")
        axes.plot(at, below - at, color=BLUE, lw=1.2)
        axes.set_title(str(name), fontsize="small")
    for axes in grid.ravel()[quantities:]:
        axes.set_axis_off()
    figure.supxlabel("rank of the truth among the draws (fraction)")
    figure.supylabel("share of ranks below it, less the uniform's")
    return figure
