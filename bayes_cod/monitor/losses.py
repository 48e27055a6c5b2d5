r"""Where the loss goes from here: a law along one run, learnt from what was seen of it.

.. math:: L = E + A\,(t / t_0)^{-\alpha} + \gamma\,(\ell - 1) + d + \varepsilon

over tokens :math:`t`, with :math:`\ell` the learning rate as a share of its peak (which is how the fall of the loss
during decay is told apart from the law's own), a random walk :math:`d` in log tokens for what the law misses, and
noise. Given the exponent, the clock, the pace of the walk and the noise the model is linear and normal, so a Kalman
filter is exact; these four lie on a grid, and each cell counts by how well it has predicted, lately above all (dynamic
model averaging, Raftery et al., 2010): the first steps of a run follow another law than the rest.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp
from scipy.stats import norm

from bayes_cod.decisions.utility import FloatArray
from bayes_cod.errors import InputError

EXPONENTS = (0.08, 0.15, 0.25, 0.4, 0.65, 1.0)
PACES = (0.003, 0.01, 0.03, 0.1)
"""Standard deviations of the walk over a factor e of tokens, in nats."""
NOISES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
LEVEL_SD = 10.0
"""Of E and A, in nats."""
DECAY_MEAN, DECAY_SD = 0.08, 0.06
"""What full decay of the learning rate brings, in nats."""
REMEMBERED = 0.95
"""What a cell's earlier predictions count for, one point on."""
FEWEST = 8


class LossLaw:
    """Filter of one loss along one run.

    Parameters
    ----------
    first, gap
        Tokens of the first point, and between points.
    """

    def __init__(self, first: float, gap: float) -> None:
        self.first = first
        # a run that goes on from a checkpoint has a clock of its own, besides that of all its tokens
        clocks = (0.0, first - gap) if first > 2 * gap else (0.0,)
        cells = np.array(list(product(EXPONENTS, PACES, NOISES, clocks)))
        self.exponent, self.pace, self.noise, self.zero = cells.T
        self.log_weight = np.full(len(cells), -np.log(len(cells)))
        self.mean = np.tile([0.0, 0.0, DECAY_MEAN, 0.0], (len(cells), 1))
        sds = np.array([LEVEL_SD, LEVEL_SD, DECAY_SD, 0.0])
        self.covariance = np.broadcast_to(np.diag(sds**2), (len(cells), 4, 4)).copy()
        self.last = first

    def _ahead(self, tokens: float, rate: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Design ``(cell, state)``, and covariance of the state at more tokens; centre of the loss there."""
        shrunk = ((tokens - self.zero) / (self.first - self.zero)) ** -self.exponent
        ones = np.ones_like(shrunk)
        design = np.column_stack([ones, shrunk, (rate - 1.0) * ones, ones])
        covariance = self.covariance.copy()
        covariance[:, 3, 3] += self.pace**2 * np.log((tokens - self.zero) / (self.last - self.zero))
        return design, covariance, np.einsum("ci,ci->c", design, self.mean)

    def predict(self, tokens: float, rate: float = 1.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Normal prediction of each cell for a loss in nats: weights, centres, standard deviations ``(cell,)``."""
        design, covariance, centre = self._ahead(tokens, rate)
        spread = np.einsum("ci,cij,cj->c", design, covariance, design) + self.noise**2
        return np.exp(self.log_weight), centre, np.sqrt(spread)

    def draws(self, tokens: float, rate: float, count: int, rng: np.random.Generator) -> FloatArray:
        """Draws of the loss at some tokens, given all points taken so far ``(draw,)``."""
        weights, centre, scale = self.predict(tokens, rate)
        cell = rng.choice(len(weights), size=count, p=weights / weights.sum())
        return np.asarray(rng.normal(centre[cell], scale[cell]))

    def update(self, tokens: float, loss: float, rate: float = 1.0) -> None:
        """Take a point.

        Parameters
        ----------
        tokens
            More than those of the last point, the first time as many.
        loss
            Nats a token.
        rate
            Learning rate as a share of its peak.
        """
        design, covariance, centre = self._ahead(tokens, rate)
        reach = np.einsum("cij,cj->ci", covariance, design)
        spread = np.einsum("ci,ci->c", design, reach) + self.noise**2
        gain = reach / spread[:, None]
        self.mean = self.mean + gain * (loss - centre)[:, None]
        self.covariance = covariance - np.einsum("ci,cj->cij", gain, reach)
        self.log_weight = REMEMBERED * self.log_weight + norm.logpdf(loss, centre, np.sqrt(spread))
        self.log_weight -= float(logsumexp(self.log_weight))
        self.last = tokens


def learn_law(
    tokens: FloatArray, losses: FloatArray, rates: FloatArray | None = None, left_out: NDArray[np.bool_] | None = None
) -> LossLaw:
    """Learn the law along a run.

    Parameters
    ----------
    tokens, losses
        ``(point,)``, tokens increasing, losses in nats.
    rates
        Learning rate as a share of its peak ``(point,)``; None: constant.
    left_out
        Points that tell nothing about the law, such as spikes ``(point,)``.

    Raises
    ------
    InputError
        For fewer than 8 points.
    """
    if len(tokens) < FEWEST:
        raise InputError(f"{len(tokens)} points are too few to learn a loss curve from; give at least {FEWEST}")
    rates = np.ones(len(tokens)) if rates is None else rates
    law = LossLaw(float(tokens[0]), float(np.median(np.diff(tokens))))
    for place, (at, loss, rate) in enumerate(zip(tokens, losses, rates, strict=True)):
        if left_out is None or not left_out[place]:
            law.update(float(at), float(loss), float(rate))
    return law
