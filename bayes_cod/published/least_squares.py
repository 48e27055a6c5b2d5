"""Bounded nonlinear least squares for many small problems at once.

A bootstrap refits the same curve to hundreds of replicates of five to ten points each; one call a problem spends its
time in the calls. Here all problems take their Levenberg-Marquardt steps together, each with its own damping.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bayes_cod.published.problems import FloatArray, IntArray

type Model = Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]]
"""From parameters [problem, parameter] and the problems' numbers [problem] to residuals [problem, point] and their
Jacobian [problem, point, parameter]."""

_FIRST_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-12, 1e12
_EXACT = 1e-24
"""Sum of squares that counts as zero."""


def solve_together(
    model: Model,
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    max_steps: int = 200,
    tolerance: float = 1e-12,
) -> tuple[FloatArray, FloatArray]:
    """Minimise the sums of squares of many problems under box bounds.

    Levenberg-Marquardt with Marquardt's scaling. A parameter at a bound that the gradient pushes against is held there
    for the step, and steps are cut at the bounds. A problem rests when an accepted step moves no parameter and lowers
    the sum of squares by less than a relative `tolerance`, when no damping gives a better point, or after `max_steps`.

    Parameters
    ----------
    model
        Residuals and Jacobian.
    start : [problem, parameter]
        Where each problem starts; moved into the bounds.
    lower, upper : [parameter] or [problem, parameter]
        Bounds.
    max_steps
        Steps tried at most.
    tolerance
        Relative change of the parameters and of the sum of squares that ends a problem.

    Returns
    -------
    theta : [problem, parameter]
        Where each problem came to rest.
    rss : [problem]
        Its residual sum of squares.
    """
    theta = np.clip(start, lower, upper)
    low, high = np.broadcast_to(lower, theta.shape), np.broadcast_to(upper, theta.shape)
    which = np.arange(len(theta))
    residual, jacobian = model(theta, which)
    rss = np.einsum("ij,ij->i", residual, residual)
    best, best_rss = theta.copy(), rss.copy()
    damping = np.full(len(theta), _FIRST_DAMPING)
    for _ in range(max_steps):
        going = (rss > _EXACT) & (damping < _MOST_DAMPING)
        if not going.all():
            which, theta, rss, damping = which[going], theta[going], rss[going], damping[going]
            residual, jacobian = residual[going], jacobian[going]
        if not len(which):
            break
        trial = np.clip(
            theta + _step(theta, residual, jacobian, damping, low[which], high[which]), low[which], high[which]
        )
        trial_residual, trial_jacobian = model(trial, which)
        trial_rss = np.einsum("ij,ij->i", trial_residual, trial_residual)
        better = trial_rss < rss
        moved = np.abs(trial - theta).max(axis=1) > tolerance * (1 + np.abs(theta).max(axis=1))
        rests = np.where(better, (rss - trial_rss <= tolerance * rss) & (damping <= 1.0), False) | ~moved
        damping = np.where(better, np.maximum(damping / 5, _LEAST_DAMPING), damping * 4)
        theta = np.where(better[:, None], trial, theta)
        residual = np.where(better[:, None], trial_residual, residual)
        jacobian = np.where(better[:, None, None], trial_jacobian, jacobian)
        rss = np.where(better, trial_rss, rss)
        best[which], best_rss[which] = theta, rss
        damping = np.where(rests, _MOST_DAMPING, damping)
    return best, best_rss


def _step(
    theta: FloatArray,
    residual: FloatArray,
    jacobian: FloatArray,
    damping: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> FloatArray:
    """Damped Gauss-Newton steps [problem, parameter] with the parameters that press on a bound held."""
    transposed = jacobian.transpose(0, 2, 1)
    gradient = (transposed @ residual[:, :, None])[:, :, 0]
    normal = transposed @ jacobian
    held = ((theta <= low) & (gradient > 0)) | ((theta >= high) & (gradient < 0))
    gradient = np.where(held, 0.0, gradient)
    normal = np.where(held[:, :, None] | held[:, None, :], 0.0, normal)
    size = theta.shape[1]
    diagonal = np.einsum("ijj->ij", normal)
    # a parameter without influence, or one that is held, must not make the system singular
    scale = np.maximum(diagonal, 1e-12 * np.maximum(diagonal.max(axis=1, keepdims=True), 1e-200))
    scale = np.where(held, 1.0, scale)
    damped = normal + (damping[:, None] * scale + 1e-15 * scale + held)[:, :, None] * np.eye(size)
    return np.asarray(-np.linalg.solve(damped, gradient[:, :, None])[:, :, 0])
