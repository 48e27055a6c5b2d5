"""What new runs differ by: shaped as what each run seen differs by from the forecast of all others.

Empirical Bayes: in the fit noise is normal; its shape is put on afterwards, draw by draw.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve

from bayes_cod.models.flpm.losses.features import Features

type FloatArray = NDArray[np.float64]


def left_out(residual: FloatArray, features: Features, signal: float) -> FloatArray:
    """What each run differs by from what the others say of it, in standard deviations ``(run, domain)``.

    Parameters
    ----------
    residual
        Of the law, in units of the noise's scale and the run's spread ``(run, domain)``, of covariance I + signal K.
    features
        Of the runs.
    signal
        Variance of departures against that of noise.
    """
    known = features.vectors * (signal * features.values / (1 + signal * features.values))
    precision = 1 - (known * features.vectors).sum(axis=1)
    return np.asarray((residual - known @ (features.vectors.T @ residual)) / np.sqrt(precision)[:, None])


def shaped(
    seen: FloatArray, spread: FloatArray, factor: FloatArray, normal: float, rows: int, rng: np.random.Generator
) -> FloatArray:
    """Noise that a new run may have ``(row, domain)``: of a Dirichlet process around the normal, given the runs.

    Parameters
    ----------
    seen
        What the runs differ by, see `left_out`, times their spread ``(run, domain)``.
    spread
        How much each run scatters against most; the normal is that of a run drawn at random ``(run,)``.
    factor
        Cholesky factor of the noise's covariance ``(domain, domain)``.
    normal
        How many runs the normal weighs as much as.
    rows, rng
        How many rows, and the source of chance.
    """
    drawn = rng.standard_normal((rows, len(factor))) @ factor.T * rng.choice(spread, rows)[:, None]
    own = rng.random(rows) < len(seen) / (len(seen) + normal)
    drawn[own] = seen[rng.integers(len(seen), size=int(own.sum()))]
    return np.asarray(drawn)


def new_runs(
    variance: FloatArray, noise: float, luck: FloatArray, normals: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What new runs differ by from what the others say of them, without and with their noise, ``(point, domain)``.

    What the runs tell of is how much a run differs from the others in all, its departure and its noise, so it is that
    which has the shape of `luck`. Which part of it is the departure is drawn by Matheron's rule: a normal departure and
    a normal noise, moved by what their sum lacks.

    Parameters
    ----------
    variance
        Of departures ``(point,)``, in units of the noise's.
    noise
        Variance of the noise in the same unit.
    luck
        A row of noise a point, ``(point, domain)``.
    normals
        Normal, with the domains' covariance ``(2, point, domain)``.
    """
    variance = variance[:, None]
    departure = np.sqrt(variance) * normals[0]
    total = departure + np.sqrt(noise) * normals[1]
    made = np.sqrt(variance + noise) * luck
    return departure + variance / (variance + noise) * (made - total), made


def new_runs_jointly(
    factor: FloatArray, noise: float, luck: FloatArray, normals: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The same with departures of several points drawn together.

    Parameters
    ----------
    factor
        Of the covariance of departures ``(point, direction)``, in units of the noise's.
    noise, luck
        See `new_runs`.
    normals
        Normal, with the domains' covariance ``(direction + point, domain)``.
    """
    departure = factor @ normals[: factor.shape[1]]
    total = departure + np.sqrt(noise) * normals[factor.shape[1] :]
    covariance = factor @ factor.T
    root = np.linalg.cholesky(covariance + noise * np.eye(len(luck)))
    made = root @ luck
    return departure + covariance @ cho_solve((root, True), made - total), made
