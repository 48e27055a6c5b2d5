"""Every prior of Bayesian FLP-M in one place, each with its reason.

All values are data of the compiled densities, so changing one needs no new compilation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_cod.models.common.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class LossPriors(Hyperparameters):
    """Priors of the domain-loss stage (hyperparameters of the named distributions).

    Attributes
    ----------
    level_mean, level_sd, level_spread, level_beyond
        Log loss of a model of 1e8 parameters and 2e10 tokens on the runs' mean mixture: typical value, its uncertainty
        (tokens are not of one length everywhere), spread over domains, Normal. Learnt from ladders of 2e7 to 2e8
        parameters: 1.4 to 5 nats per token. So what lies beyond small runs is no loss that nobody has seen. The last:
        uncertainty a natural log of size or tokens beyond the two decades that the law carries it.
    size_mean, data_mean, term_sd, term_spread
        Logits of the shares of the loss that size and data remove, against what nothing removes, for the same model:
        typical value, its uncertainty, spread over domains, Normal. The law carries them to the reference with its
        usual exponents, at most two decades, the less sure the further. Learnt from the same ladders: of one family and
        mixture a decade of size removes 10 to 28 % of a domain's loss, 15 % as a rule.
    alpha, beta, eta, kappa
        Log of the typical exponent of size, of the mixture, of tokens against that of the mixture, and of size in the
        data term. That of size was 0.1 to 0.3 on the ladders named above, that of tokens 0.6 to 1.6 times that of the
        mixture (domains one standard deviation off), as if tokens worth something counted. The last was 0.02 to 0.06;
        where the data term is nearly all of the loss, as in very small models, it alone says what size removes and must
        be larger.
    exponent_sd, eta_sd
        Uncertainty of the log of a typical exponent, Normal; of that of tokens against that of the mixture, less. Very
        small models, and runs of one size, may lie far from the ladders that the values were learnt from.
    exponent_spread
        Spread of a domain's log exponents around the typical one, fixed: few sizes and mixtures determine them poorly,
        and learning the spread as well would give a funnel. What size removes varies by a fifth to a third over the
        domains of a ladder.
    rho_mean, rho_sd, rho_spread
        Logit of the substitution parameter: typical value and spread of training domains. Between a fixed rate of
        exchange and a product of powers.
    transfer_source, transfer_own, transfer_spread
        Log worth of a training domain: sd of its worth to all validation domains; bonus where the validation domain
        bears its name; sd of what is left.
    scale_loss, scale_run, scale_size
        Log noise per unit of log loss above the reference, per unit of the runs' covariates (log of the effective
        number of domains, log of the tokens still to come), and per unit of log size; Normal with mean 0. Runs far from
        the usual mixture scatter more, and so do runs of a size at which much emerges.
    signal, signal_sd
        Variance of smooth departures from the law against that of noise, LogNormal. Small unless the runs say
        otherwise, as hundreds of them do: departures also vary with size, and a few tens of runs would leave so much to
        them that exponents stay at their prior.
    noise
        Typical noise of the log loss (inverse Wishart, `noise_df` degrees of freedom above the smallest allowed).
    noise_df
        Few, so that some tens of runs overrule it.
    noise_shape
        Runs that the normal weighs as much as when a new run's noise is drawn (concentration of a Dirichlet process): a
        few runs end far off in all domains, and most scatter less than a normal of the same variance.
    """

    level_mean: float = 1.2
    level_sd: float = 0.4
    level_spread: float = 0.35
    level_beyond: float = 0.3
    size_mean: float = -0.3
    data_mean: float = 0.3
    term_sd: float = 0.5
    term_spread: float = 0.35
    alpha: float = float(np.log(0.22))
    beta: float = float(np.log(0.3))
    eta: float = -0.1
    kappa: float = float(np.log(0.07))
    exponent_sd: float = 0.6
    eta_sd: float = 0.4
    exponent_spread: float = 0.35
    rho_mean: float = 0.3
    rho_sd: float = 0.7
    rho_spread: float = 0.5
    transfer_source: float = 1.0
    transfer_own: float = 2.5
    transfer_spread: float = 1.3
    scale_loss: float = 1.5
    scale_run: float = 0.4
    scale_size: float = 0.3
    signal: float = -2.0
    signal_sd: float = 0.7
    noise: float = 0.015
    noise_df: float = 4.0
    noise_shape: float = 30.0

    def noise_scatter(self, domains: int) -> NDArray[np.float64]:
        """Scatter that the prior of the noise adds to the runs' ``(domain, domain)``."""
        return np.asarray(self.noise_df * self.noise**2 * np.eye(domains))


@dataclass(frozen=True)
class ScorePriors(Hyperparameters):
    """Priors of the score stage. Losses enter as falls below the runs' median in robust standard deviations.

    Attributes
    ----------
    level_mean, level_sd
        Logit at the runs' median loss at the largest size, Normal: mostly not learnt yet, sometimes mostly right.
    slope, slope_sd, slope_spread
        Log slope of the logit in one domain's loss: typical value, its uncertainty, spread over tasks and domains,
        Normal. A task leans on one or two domains, so slopes spread over two orders of magnitude.
    pace, pace_sd, pace_spread
        Log standard deviation of the walk of a task's logit along size, per square root of a decade of compute: at the
        same losses a larger model need not score the same, and tasks emerge. Typical value, its uncertainty, spread
        over tasks, Normal.
    luck, luck_sd, luck_spread
        Log scatter of a run's logit around the map, Student-t: typical value, its uncertainty, spread over tasks,
        Normal. Seeds differ by half a logit to two while a task is being learnt.
    evaluation
        Scatter of a score that does not come from the logit, fixed (fraction).
    """

    level_mean: float = -4.0
    level_sd: float = 3.0
    slope: float = 0.0
    slope_sd: float = 0.7
    slope_spread: float = 1.0
    pace: float = 0.0
    pace_sd: float = 0.5
    pace_spread: float = 0.5
    luck: float = float(np.log(0.7))
    luck_sd: float = 0.6
    luck_spread: float = 0.4
    evaluation: float = 0.003
