"""Conditional means by regression: smooth in each quantity, predicted where not fitted."""

from __future__ import annotations

import numpy as np

from bayes_cod.decisions.utility import FloatArray

PARTS = 5
KNOTS = 6
PENALTIES = np.logspace(-4, 4, 9)


def regressed(values: FloatArray, on: FloatArray, seed: int = 0) -> FloatArray:
    r"""Estimate :math:`E[v \mid \phi]` at every draw.

    An additive cubic spline with a ridge penalty, fitted to four fifths of the draws and predicted in the fifth, so
    that a quantity that says nothing explains nothing (a fit would explain some of its own noise).

    Parameters
    ----------
    values
        ``(sample,)``.
    on
        ``(sample, quantity)``.
    seed
        Of the split of the draws.

    Returns
    -------
    array
        ``(sample,)``.
    """
    if np.ptp(values) == 0:
        return np.array(values, dtype=float)
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer, StandardScaler

    varying = on[:, np.ptp(on, axis=0) > 0]
    if not varying.shape[1]:
        return np.full(len(values), values.mean())
    model = make_pipeline(
        StandardScaler(),
        SplineTransformer(n_knots=KNOTS, knots="quantile", extrapolation="linear"),
        RidgeCV(alphas=PENALTIES),
    )
    parts = KFold(PARTS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(model, varying, values, cv=parts), dtype=float)


def explained_share(values: FloatArray, on: FloatArray, seed: int = 0) -> float:
    """Share of the variance of `values` that `on` explains where it was not fitted, in [0, 1]."""
    spread = float(np.var(values))
    if spread == 0:
        return 0.0
    left = float(np.mean((values - regressed(values, on, seed)) ** 2))
    return float(np.clip(1 - left / spread, 0.0, 1.0))
