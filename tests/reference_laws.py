"""The papers' laws as they are written, for tests of the methods that fit them in other coordinates."""

from __future__ import annotations

import numpy as np

from bayes_cod.laws import PAPER_FLOPS_UNIT, Numeric, _log1p_exp, exp, log, power_law, remove_chance_inverse


def cod(compute: Numeric, a: Numeric, b: Numeric, c: Numeric, g: Numeric) -> Numeric:
    """Cluster law of COD (Eq. 4), ``y = g + (1 - g) exp(-a C^-b - c)``.

    Parameters
    ----------
    compute : [rung]
        Compute in the unit that `a` refers to (`PAPER_FLOPS_UNIT` in the paper).
    a, b : [cluster, 1] or scalar
        Scale and exponent of the power-law loss; `a` has unit compute ** b.
    c : [cluster, 1] or scalar
        Loss that no compute removes; the ceiling is ``g + (1 - g) exp(-c)``.
    g : [cluster, 1] or scalar
        Level of a random guesser, a fraction.

    Returns
    -------
    [cluster, rung]
        Expected score, a fraction.
    """
    return g + (1 - g) * exp(-power_law(compute, a, b) - c)


def to_decades(
    a: Numeric, b: Numeric, reference_flops: Numeric, unit: float = PAPER_FLOPS_UNIT
) -> tuple[Numeric, Numeric]:
    """Parameters (alpha, beta) of `cod_decades` from (a, b) of `cod`.

    ``alpha = log a - b log(C_ref / unit)``, ``beta = b log 10``.

    Parameters
    ----------
    a, b
        Parameters with compute measured in `unit`.
    reference_flops : scalar
        Compute of the largest rung, in FLOPs.
    unit : float
        Compute unit of `a`, in FLOPs.
    """
    return log(a) - b * log(reference_flops / unit), b * np.log(10.0)


def cod_f1(compute: Numeric, a: Numeric, b: Numeric, c: Numeric) -> Numeric:
    """Ablated law f1, ``exp(-a C^-b - c)``: no chance level."""
    return cod(compute, a, b, c, 0.0)


def cod_f2(compute: Numeric, a: Numeric, b: Numeric, g: Numeric) -> Numeric:
    """Ablated law f2, ``g + (1 - g) exp(-a C^-b)``: no ceiling."""
    return cod(compute, a, b, 0.0, g)


def cod_f3(compute: Numeric, a: Numeric, b: Numeric) -> Numeric:
    """Ablated law f3, ``exp(-a C^-b)``: neither chance nor ceiling."""
    return cod(compute, a, b, 0.0, 0.0)


def variance_correction(mean_loss: Numeric, var_loss: Numeric) -> Numeric:
    """Second-order gap between mean accuracy and exp(-mean loss), ``exp(-mu) sigma^2 / 2``.

    This is the right form of the variance term of COD's Theorem 1, so that
    ``E[exp(-L)] = exp(-mu) + variance_correction(mu, sigma^2) + o(sigma^2)``.
    The printed term ``sigma^2 / (2 mu)`` takes moments of L where the lemma needs those of exp(-L).
    """
    return exp(-mean_loss) * var_loss / 2


def power_law_with_floor(compute: Numeric, a: Numeric, b: Numeric, floor: Numeric) -> Numeric:
    """Power law with irreducible loss, ``floor + a C^-b``."""
    return floor + power_law(compute, a, b)


def overtraining_loss(
    compute: Numeric, tokens_per_param: Numeric, e: Numeric, a: Numeric, b: Numeric, eta: Numeric
) -> Numeric:
    """Gadre et al.'s loss, ``L(C, M) = E + (a M^eta + b M^-eta) C^-eta`` with ``M = D / N``."""
    m = log(tokens_per_param)
    return e + (a * exp(eta * m) + b * exp(-eta * m)) * exp(-eta * log(compute))


def broken_power_law(
    compute: Numeric,
    a: Numeric,
    b: Numeric,
    c0: Numeric,
    breaks: Numeric,
    slopes: Numeric,
    widths: Numeric,
) -> Numeric:
    """Broken neural scaling law, ``y = a + b C^-c0 prod_i (1 + (C / d_i)^(1 / f_i))^(-c_i f_i)``.

    Parameters
    ----------
    compute : [rung]
        Compute, same unit as `breaks`.
    a, b, c0 : scalar
        Limit, scale and first slope.
    breaks, slopes, widths : sequence over breaks
        Position d_i, change of slope c_i and width f_i of each break.
    """
    log_compute = log(compute)
    log_term = log(b) - c0 * log_compute
    for d, c, f in zip(breaks, slopes, widths, strict=True):
        log_term = log_term - c * f * _log1p_exp((log_compute - log(d)) / f)
    return a + exp(log_term)


def end_to_end_exponential(compute: Numeric, a: Numeric, b: Numeric, c: Numeric, g: Numeric) -> Numeric:
    """Exponential law of a whole benchmark, ``g + (1 - g) exp(-a C^-b - c)`` with known chance `g`.

    The form is that of `cod`; here it describes the benchmark's mean score, not a cluster's.
    """
    return cod(compute, a, b, c, g)


def direct_power_law(compute: Numeric, a: Numeric, b: Numeric, chance: Numeric) -> Numeric:
    """Direct power law on the log score, ``-log Q' = a C^-b``, ``Q' = (Q - chance) / (1 - chance)``."""
    return remove_chance_inverse(exp(-power_law(compute, a, b)), chance)


def domain_loss(
    log_total: Numeric, log_domains: Numeric, intercept: Numeric, a_total: Numeric, a_domains: Numeric
) -> Numeric:
    """FLP-M's domain loss, ``log L = k + a_1 log sum_d C_d + sum_d a_(d+1) log C_d``.

    Parameters
    ----------
    log_total : [run]
        Log of the compute over all domains.
    log_domains : [run, domain]
        Log of the compute spent on each domain.
    intercept, a_total : scalar
        Joint intercept (the constants K of the paper are not identified apart) and total exponent.
    a_domains : [domain]
        Exponent of each domain.

    Returns
    -------
    [run]
        Validation loss on one domain.
    """
    return exp(intercept + a_total * log_total + (log_domains * a_domains).sum(axis=-1))
