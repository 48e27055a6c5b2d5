"""How scores scatter around their curve: Student-t, in the graph, in the draws made anew, ahead and in made ladders.

Shapes broadcast; the module is NumPy or PyTensor.
"""

from __future__ import annotations

from typing import Any

from bayes_cod import laws

TAIL_DEGREES = 5.0


def log_student_t(deviation: Any, scale: Any, module: Any) -> Any:
    """Log density without its constant."""
    return -module.log(scale) - 0.5 * (TAIL_DEGREES + 1) * module.log1p((deviation / scale) ** 2 / TAIL_DEGREES)


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


def drift_at(eta: Any, floor: Any, top: Any, walk: Any, skew: Any) -> Any:
    """What a walk of standard deviation `walk` on eta moves a score by."""
    return walk * (top - floor) * laws.skewed_sigmoid_slope(eta, skew)


def log_density_of(
    score: Any, eta: Any, floor: Any, top: Any, scatter: Any, least: Any, walk: Any, skew: Any, module: Any
) -> Any:
    """Log density of scores, up to a constant.

    What a benchmark's own walk adds between a row and the furthest one is part of the row's variance.

    Parameters
    ----------
    score, eta, floor, top
        Score, place on the curve and its ends.
    scatter, least
        See `variance_at`.
    walk
        Standard deviation on eta of what the walk adds.
    skew
        Shape of the curve.
    module
        NumPy or PyTensor.
    """
    mean = floor + (top - floor) * laws.skewed_sigmoid(eta, skew)
    variance = variance_at(mean, scatter, least, module) + drift_at(eta, floor, top, walk, skew) ** 2
    return log_student_t(score - mean, module.sqrt(variance), module)
