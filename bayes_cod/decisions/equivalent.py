"""How much a forecast is worth beside a direct evaluation, and how much of it is disagreement between laws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bayes_cod.decisions.utility import FloatArray


def equivalent_questions(draws: FloatArray) -> FloatArray:
    r"""Questions of a direct evaluation that would tell as much about a score as the forecast does.

    .. math:: n = E[p (1 - p)] \, / \, \mathrm{Var}[p]

    so that a model evaluated on ``n`` questions drawn at random, once each, has the forecast's standard error.

    Parameters
    ----------
    draws
        Scores ``(sample, ...)``, fractions.

    Returns
    -------
    array
        ``(...)``; infinite where the draws do not vary.

    Examples
    --------
    >>> import numpy as np
    >>> round(float(equivalent_questions(np.array([0.4, 0.6]))))
    24
    """
    spread = draws.var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(spread > 0, (draws * (1 - draws)).mean(axis=0) / spread, np.inf)
    return np.asarray(found)


def between_share(draws: FloatArray, laws: NDArray[np.generic]) -> FloatArray:
    """Share of the draws' variance that lies between laws: what is left of it if each law is known exactly.

    Parameters
    ----------
    draws
        ``(sample, ...)``.
    laws
        Which law each draw comes from ``(sample,)``.

    Returns
    -------
    array
        ``(...)``, in [0, 1]; 0 where the draws do not vary.
    """
    total = draws.var(axis=0)
    names, counts = np.unique(laws, return_counts=True)
    means = np.stack([draws[laws == name].mean(axis=0) for name in names])
    share = counts.reshape((-1,) + (1,) * (draws.ndim - 1)) / len(draws)
    between = (share * (means - draws.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(np.where(total > 0, between / np.where(total > 0, total, 1.0), 0.0))
