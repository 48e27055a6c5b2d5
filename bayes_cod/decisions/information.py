"""Value of information: of knowing everything, of knowing some quantities, and of data not yet gathered.

Draws of utilities are ``(sample, choice)``, on the same draws for all choices; the value of a decision now is the
largest mean. Every function returns a number of at least 0, in the unit of the utilities.

References
----------
Strong, M., Oakley, J. and Brennan, A. (2014). Estimating multiparameter partial expected value of perfect information
from a probabilistic sensitivity analysis sample. Medical Decision Making 34, 311-326. The same with Breeze, P. (2015)
for sample information: 35, 570-583.
"""

from __future__ import annotations

import numpy as np

from bayes_cod.decisions.regression import regressed
from bayes_cod.decisions.utility import FloatArray


def evpi(utilities: FloatArray) -> float:
    r"""Expected value of perfect information, :math:`E[\max_d u_d] - \max_d E[u_d]`.

    Parameters
    ----------
    utilities
        ``(sample, choice)``, in one currency.

    Returns
    -------
    float
        In that currency, at least 0.

    Examples
    --------
    Two choices, each the better one in half of the draws by 2:

    >>> import numpy as np
    >>> evpi(np.array([[2.0, 0.0], [0.0, 2.0]]))
    1.0
    """
    return float(utilities.max(axis=1).mean() - utilities.mean(axis=0).max())


def evppi(utilities: FloatArray, known: FloatArray, seed: int = 0) -> float:
    r"""Expected value of knowing some quantities, :math:`E[\max_d E[u_d \mid \phi]] - \max_d E[u_d]`.

    The conditional means are regressions of the utilities on the quantities, predicted where they were not fitted.

    Parameters
    ----------
    utilities
        ``(sample, choice)``.
    known
        The quantities on the same draws ``(sample, quantity)``.
    seed
        Of the split into parts that are fitted and predicted in turn.
    """
    return _value_of(_conditional(utilities, known, seed))


def evsi(utilities: FloatArray, simulated: FloatArray, seed: int = 0) -> float:
    r"""Expected value of sample information, by regression on simulated data.

    .. math:: E_y[\max_d E[u_d \mid y]] - \max_d E[u_d]

    Parameters
    ----------
    utilities
        ``(sample, choice)``.
    simulated
        One data set simulated from each draw, or what it is summed up by ``(sample, statistic)``.
    seed
        Of the split.
    """
    return _value_of(_conditional(utilities, simulated, seed))


def evsi_reweighted(utilities: FloatArray, weights: FloatArray) -> float:
    """Expected value of sample information, by reweighting the draws to each of some simulated data sets.

    Parameters
    ----------
    utilities
        ``(sample, choice)``.
    weights
        Of the draws given each data set ``(data_set, sample)``, rows summing to 1.
    """
    return _value_of(np.asarray(weights @ utilities))


def _conditional(utilities: FloatArray, on: FloatArray, seed: int) -> FloatArray:
    """Conditional means ``(sample, choice)``, of differences from the first choice: what is shared can't be decided."""
    difference = utilities - utilities[:, :1]
    return np.column_stack([regressed(difference[:, choice], on, seed) for choice in range(utilities.shape[1])])


def _value_of(conditional: FloatArray) -> float:
    return float(max(conditional.max(axis=1).mean() - conditional.mean(axis=0).max(), 0.0))
