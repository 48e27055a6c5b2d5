"""How scores scatter around their curve: Student-t, in the graph, in the redraw, ahead and in simulated ladders.

Shapes broadcast; the module is NumPy or PyTensor.
"""

from __future__ import annotations

from typing import Any

from bayes_cod import laws

TAIL_DEGREES = 5


def log_student_t(deviation: Any, variance: Any, module: Any) -> Any:
    """Log density without its constant; `variance` is the scale squared."""
    with_tails = module.log(variance + deviation**2 / TAIL_DEGREES)
    return 0.5 * (TAIL_DEGREES * module.log(variance) - (TAIL_DEGREES + 1) * with_tails)


def variance_at(mean: Any, scatter: Any, least: Any, module: Any) -> Any:
    """Variance of scores around a mean: that of a binomial, at least that of half a question, times the dispersion.

    Parameters
    ----------
    mean
        Score that is expected, a fraction.
    scatter, least
        Standard deviation over the root of p (1 - p), and the least p (1 - p).
    module
        NumPy or PyTensor.
    """
    return scatter**2 * module.maximum(mean * (1 - mean), least)


def mean_and_variance(
    eta: Any, floor: Any, top: Any, scatter: Any, least: Any, walk: Any, skew: Any, module: Any
) -> tuple[Any, Any]:
    """Expected score and its variance around that.

    What a benchmark's own walk adds between a row and the furthest one is part of the row's variance.

    Parameters
    ----------
    eta, floor, top
        Place on the curve and its ends.
    scatter, least
        See `variance_at`.
    walk
        Standard deviation on eta of what the walk adds.
    skew
        Shape of the curve.
    module
        NumPy or PyTensor.
    """
    share, slope = laws.skewed_sigmoid_and_slope(eta, skew)
    mean = floor + (top - floor) * share
    drift = walk * (top - floor) * slope
    return mean, variance_at(mean, scatter, least, module) + drift**2


def log_density_of(
    score: Any, eta: Any, floor: Any, top: Any, scatter: Any, least: Any, walk: Any, skew: Any, module: Any
) -> Any:
    """Log density of scores, up to a constant; see `mean_and_variance`."""
    mean, variance = mean_and_variance(eta, floor, top, scatter, least, walk, skew, module)
    return log_student_t(score - mean, variance, module)
