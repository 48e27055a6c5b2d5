"""Pictures of forecasts, curves and clusters; every function returns the figure and shows nothing."""

from bayes_cod.plots.clusters import plot_classes, plot_clusters
from bayes_cod.plots.compare import plot_compare
from bayes_cod.plots.curves import plot_curves
from bayes_cod.plots.forecast import plot_forecast
from bayes_cod.plots.losses import plot_losses, plot_score_map
from bayes_cod.plots.prior import plot_prior_curves
from bayes_cod.plots.subset import plot_subset_map

__all__ = [
    "plot_classes",
    "plot_clusters",
    "plot_compare",
    "plot_curves",
    "plot_forecast",
    "plot_losses",
    "plot_prior_curves",
    "plot_score_map",
    "plot_subset_map",
]
