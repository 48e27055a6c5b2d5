"""Scaling laws: every law that a method fits, once.

The functions use only arithmetic operators and the two helpers `exp` and `log`, so that the same code
evaluates NumPy arrays, plain numbers and PyTensor variables. PyTensor is imported only when a
PyTensor variable is passed.

Arguments broadcast: give compute as ``[rung]`` and parameters as ``[cluster, 1]`` for a law per
cluster. Losses are natural-log losses or bits per byte, whichever the parameters were fitted to.
Scores, pass rates and chance are fractions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

type Numeric = Any
"""A number, a NumPy array or a PyTensor variable."""

PAPER_FLOPS_UNIT = 1e18
"""Compute unit, in FLOPs, in which the COD paper gives `a`."""


def _is_symbolic(value: Numeric) -> bool:
    return type(value).__module__.partition(".")[0] == "pytensor"


def exp(value: Numeric) -> Numeric:
    """Exponential of a number, array or symbolic variable."""
    if _is_symbolic(value):
        from pytensor import tensor

        return tensor.exp(value)
    return np.exp(value)


def log(value: Numeric) -> Numeric:
    """Natural logarithm of a number, array or symbolic variable."""
    if _is_symbolic(value):
        from pytensor import tensor

        return tensor.log(value)
    return np.log(value)


def sigmoid(value: Numeric) -> Numeric:
    """Logistic function 1 / (1 + exp(-value)), without overflow for large negative values."""
    if _is_symbolic(value):
        from pytensor import tensor

        return tensor.sigmoid(value)
    half = np.asarray(value, dtype=float) / 2
    return 0.5 * (1 + np.tanh(half))


def decades(flops: Numeric, reference_flops: Numeric) -> Numeric:
    """Compute in decades, ``log10(flops / reference_flops)``.

    Parameters
    ----------
    flops : [rung]
        Training compute in FLOPs.
    reference_flops : scalar
        Compute of the largest rung, in FLOPs.
    """
    return log(flops / reference_flops) / np.log(10.0)


# --- COD ---------------------------------------------------------------------------------------------


def cod_decades(x: Numeric, alpha: Numeric, beta: Numeric, c: Numeric, g: Numeric) -> Numeric:
    """Cluster law in decades, ``y = g + (1 - g) exp(-exp(alpha - beta x) - c)``.

    Parameters
    ----------
    x : [rung]
        Compute in decades from the largest rung (0 there, negative below, positive for a target).
    alpha : [cluster, 1] or scalar
        Log of the reducible loss at the largest rung.
    beta : [cluster, 1] or scalar
        Decline of the log loss per decade.
    c, g : [cluster, 1] or scalar
        As in `cod`.
    """
    return g + (1 - g) * exp(-exp(alpha - beta * x) - c)


def from_decades(
    alpha: Numeric, beta: Numeric, reference_flops: Numeric, unit: float = PAPER_FLOPS_UNIT
) -> tuple[Numeric, Numeric]:
    """Parameters (a, b) of `cod` from (alpha, beta) of `cod_decades`; inverse of `to_decades`."""
    b = beta / np.log(10.0)
    return exp(alpha + b * log(reference_flops / unit)), b


# --- loss laws ---------------------------------------------------------------------------------------


def power_law(compute: Numeric, a: Numeric, b: Numeric) -> Numeric:
    """Power law ``a C^-b``; with `b` > 0 it falls."""
    return a * exp(-b * log(compute))


def params_tokens_loss(
    params: Numeric, tokens: Numeric, e: Numeric, a: Numeric, alpha: Numeric, b: Numeric, beta: Numeric
) -> Numeric:
    """Loss from model size and data, ``L(N, D) = E + A N^-alpha + B D^-beta``.

    Parameters
    ----------
    params, tokens : [run]
        Parameters and training tokens, in any fixed unit that `a` and `b` refer to.
    e, a, alpha, b, beta : scalar
        Irreducible loss, and scale and exponent of either term.
    """
    return e + power_law(params, a, alpha) + power_law(tokens, b, beta)


CHINCHILLA = {"a": 482.01, "alpha": 0.3478, "b": 2085.43, "beta": 0.3658}
"""Coefficients of ``A N^-alpha + B D^-beta`` (parameters, tokens): Hoffmann et al. (2022), Approach 3, as refitted by
Besiroglu et al. (2024). Its irreducible loss of 1.8172 cancels here."""


def equivalent_compute(params: Numeric, tokens: Numeric) -> Numeric:
    """Compute whose best split into size and tokens reaches the loss of a run with these parameters and tokens.

    With ``C = 6 N D`` the least of ``A N^-alpha + B D^-beta`` is ``k (C / 6)^-gamma``, ``gamma = alpha beta / (alpha +
    beta)``: solved for C. A run of the best split has its own compute, every other run less: what was spent on a model
    too small for its data, or too large, counts only for what it brought.

    Parameters
    ----------
    params, tokens
        Parameters used per token, and training tokens.

    Returns
    -------
    FLOPs.

    Examples
    --------
    A model of 1e9 parameters and 20e9 tokens is near the best split of its ``6 N D = 1.2e20``; with a hundredth of the
    parameters and a hundred times the tokens it counts for far less.

    >>> [f"{equivalent_compute(n, d):.2g}" for n, d in ((1e9, 20e9), (1e7, 2e12))]
    ['1.2e+20', '5.9e+17']
    """
    a, alpha, b, beta = (CHINCHILLA[name] for name in ("a", "alpha", "b", "beta"))
    split = (alpha * a / (beta * b)) ** (1 / (alpha + beta))
    k = a * split**-alpha + b * split**beta
    gamma = alpha * beta / (alpha + beta)
    excess = power_law(params, a, alpha) + power_law(tokens, b, beta)
    return 6 * exp(log(k / excess) / gamma)


def _log1p_exp(value: Numeric) -> Numeric:
    if _is_symbolic(value):
        from pytensor import tensor

        return tensor.softplus(value)
    return np.maximum(value, 0.0) + np.log1p(np.exp(-np.abs(value)))  # twice as fast as logaddexp


# --- score laws --------------------------------------------------------------------------------------


def remove_chance(score: Numeric, chance: Numeric) -> Numeric:
    """Chance-corrected score, ``(Q - chance) / (1 - chance)``."""
    return (score - chance) / (1 - chance)


def remove_chance_inverse(corrected: Numeric, chance: Numeric) -> Numeric:
    """Score from the chance-corrected one, ``chance + (1 - chance) Q'``."""
    return chance + (1 - chance) * corrected


def sigmoid_of_log_compute(x: Numeric, low: Numeric, high: Numeric, slope: Numeric, mid: Numeric) -> Numeric:
    """Sigmoid in log compute, ``low + (high - low) / (1 + exp(-slope (x - mid)))``.

    Parameters
    ----------
    x : [rung]
        Compute in decades.
    low, high : scalar
        Floor (chance) and ceiling, fractions.
    slope : scalar
        Steepness per decade.
    mid : scalar
        Point of inflexion, decades.
    """
    return low + (high - low) * sigmoid(slope * (x - mid))


# --- loss to score -----------------------------------------------------------------------------------


def skewed_sigmoid(eta: Numeric, skew: Numeric) -> Numeric:
    """Sigmoid between 0 and 1 with a shape: ``(1 + s exp(-eta))^(-1/s)``.

    Parameters
    ----------
    eta
        Any real number.
    skew
        s in (0, 1]: 1 is the logistic sigmoid, s -> 0 the Gompertz curve ``exp(-exp(-eta))``, which is the cluster law
        without floor and ceiling and, where eta is linear in log compute, the power law of ``-log(score)``.
    """
    return skewed_sigmoid_and_slope(eta, skew)[0]


def skewed_sigmoid_and_slope(eta: Numeric, skew: Numeric) -> tuple[Numeric, Numeric]:
    """`skewed_sigmoid` and its derivative by eta, ``F(eta) sigmoid(log s - eta) / s``, from one logarithm."""
    below = log(skew) - eta
    depth = _log1p_exp(below)
    share = exp(-depth / skew)
    return share, share * exp(below - depth) / skew


def linear_map(loss: Numeric, w0: Numeric, w1: Numeric) -> Numeric:
    """FLP's line from loss to score, ``w0 + w1 L`` (w1 < 0)."""
    return w0 + w1 * loss


def sigmoid_map(loss: Numeric, a: Numeric, k: Numeric, loss0: Numeric, b: Numeric) -> Numeric:
    """Sigmoid from loss to score, ``a / (1 + exp(-k (L - L0))) + b`` (a k < 0: score falls with loss)."""
    return a * sigmoid(k * (loss - loss0)) + b


def exponential_map(loss: Numeric, eps: Numeric, k: Numeric, gamma: Numeric) -> Numeric:
    """Gadre et al.'s map from loss to *error*, ``eps - k exp(-gamma L)``; the score is 1 minus it."""
    return eps - k * exp(-gamma * loss)


def log_pooled_shares(log_shares: Numeric, log_transfer: Numeric, rho: Numeric) -> Numeric:
    """Log of what a mixture is worth to each validation domain: ``log sum_d t_dv w_d**rho_d``.

    A sum with constant elasticity of substitution. At rho = 1 a token of one training domain replaces tokens of
    another at a fixed rate; the smaller rho, the sooner more of the same domain stops to help. A power of the sum
    approaches FLP-M's product of powers of the shares as rho goes to 0.

    Parameters
    ----------
    log_shares
        Log shares of the training domains ``[point, source]``.
    log_transfer
        Log of the worth t of each training domain to each validation domain ``[source, domain]``.
    rho
        ``[source]`` in (0, 1).

    Returns
    -------
    Numeric
        ``[point, domain]``.
    """
    return log(exp(rho * log_shares) @ exp(log_transfer))


def log_mixture_loss(
    pooled: Numeric, log_params: Numeric, log_tokens: Numeric, terms: Numeric, exponents: Numeric
) -> Numeric:
    """Log loss of a validation domain relative to its loss at a reference, from mixture, size and tokens.

    ``L / L_ref = pi_E + pi_A N**-alpha + pi_B q**-beta T**-eta N**-kappa``, the three shares of the reference loss
    summing to 1: what no training removes, what size removes, and what data of the right kind remove. With beta = eta
    and kappa = 0 the last term is a power of the tokens worth something to the domain; with pi_E = pi_A = 0 and
    rho -> 0 it is the power-law product of FLP-M.

    Parameters
    ----------
    pooled
        Log of q, `log_pooled_shares` minus its value at the reference mixture.
    log_params, log_tokens
        Logs of N and T relative to the reference.
    terms
        pi_E, pi_A, pi_B.
    exponents
        alpha, beta, eta, kappa.
    """
    irreducible, of_size, of_data = terms
    alpha, beta, eta, kappa = exponents
    data = exp(-beta * pooled - eta * log_tokens - kappa * log_params)
    return log(irreducible + of_size * exp(-alpha * log_params) + of_data * data)
