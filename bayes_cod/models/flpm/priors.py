"""Every prior of Bayesian FLP-M in one place, each with its reason.

All values are data of the compiled model, so changing one needs no new compilation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayes_cod.models.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class LossPriors(Hyperparameters):
    """Priors of the domain-loss stage (hyperparameters of the named distributions).

    Attributes
    ----------
    level_mean, level_sd
        Log loss at the reference (mean mixture, mean size and tokens), Normal: 1.5 to 8 nats per token.
    size_mean, data_mean, term_sd
        Logits of the shares of the reference loss that size and data remove, against what nothing removes; Normal.
        The published law of Hoffmann et al. has 25 to 60 % of the loss in these two terms from 1e9 FLOPs a token down
        to 1e7; one model family can lie anywhere between.
    alpha, beta, eta, kappa
        Log of the typical exponent of size, mixture, tokens and of size in the data term. Exponents of size and
        tokens in published laws lie between 0.2 and 0.5; the mixture's is smaller, since data of another domain help
        too; models of any size gain from data of the right kind, so the last is near 0.
    exponent_sd
        Uncertainty of the log of a typical exponent, Normal.
    exponent_spread
        Spread of a domain's log exponents around the typical one, fixed: few sizes and mixtures determine them poorly,
        and learning the spread as well would give a funnel.
    rho_mean, rho_sd, rho_spread
        Logit of the substitution parameter: typical value and spread of training domains. Between a fixed rate of
        exchange and a product of powers.
    transfer_source, transfer_own, transfer_spread
        Log worth of a training domain: sd of its worth to all validation domains; bonus where the validation domain
        bears its name; sd of what is left.
    scale_loss, scale_run
        Log noise per unit of log loss above the reference, and per unit of the runs' covariates (log of the effective
        number of domains, log of the tokens still to come); Normal with mean 0. Runs far from the usual mixture
        scatter more.
    signal, signal_sd
        Variance of smooth departures from the law against that of noise, LogNormal.
    noise
        Typical noise of the log loss (inverse Wishart, `noise_df` degrees of freedom above the smallest allowed).
    noise_df
        Few, so that some tens of runs overrule it.
    """

    level_mean: float = 1.25
    level_sd: float = 0.75
    size_mean: float = -1.0
    data_mean: float = -1.25
    term_sd: float = 0.6
    term_spread: float = 0.5
    alpha: float = float(np.log(0.28))
    beta: float = float(np.log(0.35))
    eta: float = float(np.log(0.28))
    kappa: float = float(np.log(0.03))
    exponent_sd: float = 0.3
    exponent_spread: float = 0.4
    rho_mean: float = 0.3
    rho_sd: float = 0.7
    rho_spread: float = 0.5
    transfer_source: float = 1.0
    transfer_own: float = 2.5
    transfer_spread: float = 1.3
    scale_loss: float = 1.5
    scale_run: float = 0.4
    signal: float = 0.0
    signal_sd: float = 1.0
    noise: float = 0.015
    noise_df: float = 4.0


@dataclass(frozen=True)
class ScorePriors(Hyperparameters):
    """Priors of the score stage. Losses enter as standardised falls of log loss, scores as logits from floor to top.

    Attributes
    ----------
    level_mean, level_sd
        Logit at the mean loss, Normal: from almost never to mostly right; most tasks start low.
    slope_mean, slope_typical_sd, slope_sd
        Log slope of the logit in one domain's loss: typical value, its uncertainty, spread over tasks and domains,
        Normal. A task leans on one or two domains, so slopes spread over two orders of magnitude.
    inner_mean, inner_other, inner_sd
        Log of the network's inner weights: on a unit's own domain, on the others, and their spread, Normal.
    threshold_sd
        Where the network's units bend, in standard deviations of log loss, Normal.
    outer_mean
        Log slope of a task in the network's units, Normal with the spread `slope_sd`.
    size_sd
        Move of a task's logit per decade of compute at equal losses, Normal with mean 0: at the same loss a larger
        model need not score the same.
    luck, luck_sd
        Scatter of a run's logit around the curve, Student-t, LogNormal (log mean, log sd of a task). Seeds differ by
        half a logit while a task is being learnt.
    floor
        Score of a model that knows nothing on open questions, Beta(1, floor): a few per cent at most.
    below_chance
        Multiplier of the chance level, Beta(below_chance, 1.2): weak models lose answers to the format.
    ceiling
        Share of questions that stay unanswered, Beta(1, ceiling).
    evaluation
        Scatter of a score that does not come from the logit, fixed (fraction).
    """

    level_mean: float = -1.5
    level_sd: float = 2.0
    slope_mean: float = float(np.log(0.3))
    slope_typical_sd: float = 0.5
    slope_sd: float = 1.3
    inner_mean: float = 0.0
    inner_other: float = -2.0
    inner_sd: float = 0.7
    threshold_sd: float = 1.5
    outer_mean: float = float(np.log(0.4))
    size_sd: float = 0.5
    luck: float = float(np.log(0.5))
    luck_sd: float = 0.6
    floor: float = 60.0
    below_chance: float = 12.0
    ceiling: float = 20.0
    evaluation: float = 0.003
