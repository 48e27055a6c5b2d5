"""One step of iterated sampling-importance resampling, for all draws at once.

Of many candidates and the present value one is picked by its weight. Such a step leaves a distribution as it is,
whatever the candidates are drawn from; here that is a mixture of normals fitted to the present values, with wide tails.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import multivariate_t
from sklearn.mixture import GaussianMixture

from bayes_cod.models.common.categorical import draw_option

type FloatArray = NDArray[np.float64]

CANDIDATES = 32
NORMALS = 4
FITTED_DRAWS = 1000
LEAST_VARIANCE = 1e-3
TAIL_SHARE, TAIL_WIDTH, TAIL_FREEDOM = 0.2, 2.0, 4


class Conditional(Protocol):
    """Distribution of a few parameters in every draw, given all else there."""

    def to_sampled(self, own: FloatArray) -> FloatArray:
        """Parameters ``(sample, ..., own)`` in the coordinates of candidates, which hang little on all else."""

    def from_sampled(self, moved: FloatArray) -> FloatArray:
        """The way back from `to_sampled`; volumes stay."""

    def log_density(self, own: FloatArray) -> FloatArray:
        """Log density up to a constant of each sample ``(sample, candidate)``, of ``(sample, candidate, own)``."""


def pick(own: FloatArray, conditional: Conditional, rng: np.random.Generator) -> FloatArray:
    """One step from ``own`` ``(sample, own)``."""
    size = own.shape[1]
    moved = conditional.to_sampled(own)
    middle, unit = moved.mean(axis=0), moved.std(axis=0) + LEAST_VARIANCE
    present = (moved - middle) / unit
    fitted = present[rng.permutation(len(present))[:FITTED_DRAWS]]
    bulk = GaussianMixture(NORMALS, reg_covar=LEAST_VARIANCE, random_state=int(rng.integers(2**31))).fit(fitted)
    width = TAIL_WIDTH**2 * (np.atleast_2d(np.cov(present.T)) + LEAST_VARIANCE * np.eye(size))
    tails = multivariate_t(np.zeros(size), width, df=TAIL_FREEDOM, seed=rng)
    count = len(own) * (CANDIDATES - 1)
    new = rng.permutation(bulk.sample(count)[0])
    far = rng.random(count) < TAIL_SHARE
    new[far] = np.reshape(tails.rvs(int(far.sum())), (-1, size))
    candidates = np.concatenate([present[:, None], new.reshape(len(own), -1, size)], axis=1)
    each = candidates.reshape(-1, size)
    proposed = np.logaddexp(
        np.log1p(-TAIL_SHARE) + bulk.score_samples(each), np.log(TAIL_SHARE) + tails.logpdf(each)
    ).reshape(candidates.shape[:2])
    values = conditional.from_sampled(middle + unit * candidates)
    log_weight = conditional.log_density(values) - proposed
    return np.asarray(values[np.arange(len(own)), draw_option(softmax(log_weight, axis=1), rng)])
