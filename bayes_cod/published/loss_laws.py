"""First stages of the loss-based methods: from compute, or size and tokens, to loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, nnls
from scipy.special import huber

from bayes_cod.errors import InputError
from bayes_cod.ladder import Target
from bayes_cod.published.fitting import minimise_on_grid
from bayes_cod.published.least_squares import solve_together
from bayes_cod.published.problems import FloatArray, IntArray, LossProblem

HUBER_DELTA = 1e-3
"""Residual in log loss from which the OLMo ladder's fit counts errors linearly."""


@dataclass(frozen=True)
class LossLaw:
    """A fitted law.

    Attributes
    ----------
    curve
        Loss from (flops, params, tokens), [run] each.
    theta : [parameter], optional
        Parameters, where a refit can start from them.
    """

    curve: Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
    theta: FloatArray | None = None

    def __call__(self, flops: FloatArray, params: FloatArray, tokens: FloatArray) -> FloatArray:
        """Loss of runs, [run]."""
        return self.curve(flops, params, tokens)


def fit_power_law(flops: FloatArray, loss: FloatArray) -> LossLaw:
    """``log L`` linear in ``log C``, ordinary least squares: ``L = (C / C_N)^alpha`` without irreducible term."""
    reference = float(flops[-1])
    x = np.log(flops / reference)
    slope, level = np.polyfit(x, np.log(loss), 1) if np.ptp(x) > 0 else (0.0, float(np.log(loss).mean()))
    return LossLaw(lambda c, n, d: np.asarray(np.exp(level + slope * np.log(c / reference))))


def fit_line_in_log_compute(flops: FloatArray, loss: FloatArray) -> LossLaw:
    """Loss linear in ``log C``, as Llama 3's first stage has it; never below half the smallest loss."""
    reference = float(flops[-1])
    slope, level = np.polyfit(np.log(flops / reference), loss, 1)
    floor = 0.5 * float(loss.min())
    return LossLaw(lambda c, n, d: np.asarray(np.maximum(level + slope * np.log(c / reference), floor)))


def fit_params_tokens(
    params: FloatArray, tokens: FloatArray, loss: FloatArray, start: FloatArray | None = None
) -> LossLaw:
    """``L = E + A N^-alpha + B D^-beta``, all non-negative; Huber loss of log L.

    Least squares in log L from six starts, then L-BFGS-B on the Huber loss from the two best ends of it. Size and
    tokens are measured in units of their geometric means, so that A and B are of the order of the loss.

    Parameters
    ----------
    params, tokens, loss : [run]
        Final models.
    start : [parameter], optional
        `LossLaw.theta` of a fit to the same runs and slightly other losses; the search begins there alone.
    """
    n0, d0 = (float(np.exp(np.log(v).mean())) for v in (params, tokens))
    log_n, log_d, log_loss = np.log(params / n0), np.log(tokens / d0), np.log(loss)
    least = float(loss.min())

    def predict(theta: FloatArray, ln: FloatArray, ld: FloatArray) -> FloatArray:
        e, a, alpha, b, beta = theta
        return np.asarray(e + a * np.exp(-alpha * ln) + b * np.exp(-beta * ld))

    def model(theta: FloatArray, which: IntArray) -> tuple[FloatArray, FloatArray]:
        """Residuals of log L [problem, run] and their derivative [problem, run, parameter]."""
        e, a, alpha, b, beta = theta.T[:, :, None]
        term_n, term_d = np.exp(-alpha * log_n), np.exp(-beta * log_d)
        value = np.maximum(e + a * term_n + b * term_d, 1e-9)
        columns = [np.ones_like(value), term_n, -a * log_n * term_n, term_d, -b * log_d * term_d]
        return np.log(value) - log_loss, np.stack(columns, axis=2) / value[:, :, None]

    def objective(theta: FloatArray) -> tuple[float, FloatArray]:
        residual, derivative = (part[0] for part in model(theta[None], np.zeros(1, dtype=np.int64)))
        # scaled so that the optimiser's stopping rules, which are absolute, see numbers near 1
        scale = 1 / HUBER_DELTA**2
        gradient = np.clip(residual, -HUBER_DELTA, HUBER_DELTA) @ derivative
        return float(huber(HUBER_DELTA, residual).sum() * scale), gradient * scale

    bounds = [(0.0, least), (0.0, 10 * least), (0.0, 2.0), (0.0, 10 * least), (0.0, 2.0)]
    lower, upper = np.array(bounds).T
    if start is None:
        starts = []
        for share in (0.2, 0.5, 0.8):
            rest = (1 - share) * float(loss.mean())
            starts += [[share * least, rest / 2, exponent, rest / 2, exponent] for exponent in (0.2, 0.5)]
        begin = np.clip(np.array(starts), lower + 1e-9, upper - 1e-9)
    else:
        begin = np.clip(start[None], lower, upper)
    ends, _ = solve_together(model, begin, lower, upper)
    ends = ends[np.argsort([objective(end)[0] for end in ends], kind="stable")[:2]]
    found = [
        minimize(objective, end, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 2000, "ftol": 1e-12})
        for end in ends
    ]
    theta = np.asarray(min(found, key=lambda fit: float(fit.fun)).x, dtype=float)
    return LossLaw(lambda c, n, d: predict(theta, np.log(n / n0), np.log(d / d0)), theta)


def fit_overtraining(flops: FloatArray, params: FloatArray, tokens: FloatArray, loss: FloatArray) -> LossLaw:
    """``L = E + (a M^eta + b M^-eta) C^-eta``, ``M = D / N``, by least squares with E, a, b >= 0.

    Given eta the law is linear in the rest, so only eta is searched. Where M does not vary, a and b can't be told
    apart: one coefficient is fitted.
    """
    c0 = float(flops[-1])
    ratio = tokens / params
    known = bool(np.isfinite(ratio).all())
    m0 = float(np.exp(np.log(ratio).mean())) if known else 1.0
    varies = known and bool(np.ptp(np.log(ratio)) > 0.05)

    def design(eta: float, c: FloatArray, m: FloatArray) -> FloatArray:
        falling = (c / c0) ** -eta
        ones = np.ones_like(falling)
        if not varies:
            return np.stack([ones, falling], axis=1)
        return np.stack([ones, falling * (m / m0) ** eta, falling * (m / m0) ** -eta], axis=1)

    def solve(eta: float) -> tuple[FloatArray, float]:
        coefficients, norm = nnls(design(eta, flops, ratio), loss)
        return coefficients, float(norm)

    eta = minimise_on_grid(lambda value: solve(value)[1], np.geomspace(0.01, 2.0, 40))
    coefficients = solve(eta)[0]
    return LossLaw(lambda c, n, d: np.asarray(design(eta, c, d / n) @ coefficients))


def run_columns(problem: LossProblem, method: str) -> tuple[FloatArray, FloatArray]:
    """Size and tokens of the rungs.

    Raises
    ------
    InputError
        If any is missing.
    """
    for name, values in (("params", problem.params), ("tokens", problem.tokens)):
        if not np.isfinite(values).all():
            model = problem.models[int(np.argmin(np.isfinite(values)))]
            raise InputError(
                f"the method '{method}' needs the column '{name}' of the models table, which is missing for "
                f"'{model}'; add it or choose a method that works on compute alone"
            )
    return problem.params, problem.tokens


def target_columns(target: Target, needed: bool, method: str) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Compute, size and tokens of a target as arrays of length 1.

    Raises
    ------
    InputError
        If size or tokens are `needed` and not known.
    """
    if needed and (target.params is None or target.tokens is None):
        raise InputError(
            f"the method '{method}' needs params and tokens of the target '{target.name}'; list it in the models table "
            "with both, or choose a method that works on compute alone"
        )
    params = np.nan if target.params is None else target.params
    tokens = np.nan if target.tokens is None else target.tokens
    return np.array([target.flops]), np.array([params]), np.array([tokens])
