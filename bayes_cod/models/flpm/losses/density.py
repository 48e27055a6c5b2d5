"""The posterior density of the domain-loss stage and its gradient, both written out.

What is normal and conjugate is integrated out: departures from the law and the covariance of the domains' noise. Only
the law's parameters, a scale of noise and one ratio of variances are sampled; `predict` draws the rest exactly.

The sampler moves in coordinates of what runs of several sizes tell. They tell the loss of a domain at a small and at a
large size, and the slope in the mixture at both, within a few hundredths. How irreducible loss, size term and data term
add up to these stays open, on ridges that are thin and bent in the parameters of the law and nearly straight in these
coordinates: at the largest size, the reference's tokens and the runs' usual mixture let ``L`` be the loss of a domain
and ``sigma`` the data term's share of it. From the smallest size, a factor ``exp(lambda)`` away, the loss falls by
``F L``, of which the share ``p`` is the size term's. Then

    kappa = log(1 + (1 - p) F / sigma) / lambda,
    alpha = log(1 + p F / (1 - sigma)) / lambda + excess,    excess > 0,

the excess being 0 where no loss is irreducible. In the place of a domain's standard normals are "size" ``log F``,
"kappa" ``v`` with ``-log(1 - p) = BEND log(1 + exp(v / BEND))``, "data" the log of ``-log(1 - sigma)``, "alpha" the log
of the excess and "beta" ``log(sigma beta)``; the determinant of their derivative is in the density. "level" is that at
the runs' mean, in units of its prior. All others are standard normals; of runs of one size all but the level are.
"""

# numba's functions are typed for what it compiles, not for Python.
# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from bayes_cod.models.flpm.evidence import LossEvidence
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import ROWS, Relative, blocks, law_priors, place
from bayes_cod.models.flpm.posterior import FloatArray, count, split
from bayes_cod.models.flpm.priors import LossPriors

BEND = 0.05
"""Share of the fall above which the size term counts as it is, and below which by its logarithm."""

SCALE_RANGE = 0.8
"""Log loss above or below the reference beyond which the noise hardly changes any further."""

_compiled = numba.njit(cache=True, nogil=True, error_model="numpy")


class LossDensity:
    """Log density, up to a constant, of the coordinates given the runs' losses.

    Parameters
    ----------
    evidence, features, priors
        Of the fit.
    """

    def __init__(self, evidence: LossEvidence, features: Features, priors: LossPriors) -> None:
        at, anchor = Relative.of(evidence.points, evidence.reference), place(evidence)
        self.blocks = blocks(len(evidence.sources), len(evidence.domains))
        self.size = count(self.blocks)
        self._evidence, self._priors = evidence, priors
        self._scale_run = np.array([priors.scale_run, priors.scale_run, priors.scale_size])
        self._law = (
            evidence.sized,
            law_priors(priors, anchor),
            np.array(
                [priors.transfer_source, priors.transfer_spread, priors.rho_mean, priors.rho_sd, priors.rho_spread]
            ),
            priors.transfer_own * evidence.own,
            np.vstack([at.log_shares, at.reference_log_shares]),  # the last row is the anchor of the priors
            np.append(at.log_params, -anchor[0]),
            np.append(at.log_tokens, -anchor[1]),
        )
        self._noise = (
            evidence.log_loss,
            features.spread,
            np.ascontiguousarray(features.vectors),
            features.values,
            at.covariates * self._scale_run,
            np.array([priors.scale_loss, priors.signal, priors.signal_sd, priors.noise_df]),
            priors.noise_scatter(len(evidence.domains)),
        )

    def __call__(self, coordinates: FloatArray) -> tuple[float, FloatArray]:
        """Log density and gradient."""
        gradient = np.zeros(self.size)
        return _evaluate(coordinates, self._law, self._noise, gradient), gradient

    def start(self) -> FloatArray:
        """Coordinates to start the search for the mode from: usual ones, with levels at the runs' mean."""
        priors, log_loss, parts = self._priors, self._evidence.log_loss, split(np.zeros(self.size), self.blocks)
        parts["level"][:] = (log_loss.mean(axis=0) - priors.level_mean) / priors.level_spread
        if self._evidence.sized:
            apart = np.ptp(self._evidence.points.log_params)
            usual = {"size": np.log(np.expm1(0.07 * apart)), "data": -1.0, "alpha": -2.3, "beta": -2.4, "kappa": BEND}
            for row, name in enumerate(ROWS[1:]):
                parts["rows"][row] = usual.get(name, 0.0)
        return np.concatenate([part.ravel() for part in parts.values()])

    def parameters(self, draws: FloatArray) -> dict[str, FloatArray]:
        """Parameters of the law by name ``(sample, ...)`` from coordinates ``(sample, coordinate)``."""
        made, above = self._named(draws, *self._law)
        return made | {"level": made["level"] - above[:, :-1].mean(axis=1)}

    def parameters_of_normals(self, draws: FloatArray) -> dict[str, FloatArray]:
        """The same from standard normals of the prior in the place of all coordinates ``(sample, coordinate)``."""
        made, above = self._named(draws, False, *self._law[1:])
        typical = split(draws, self.blocks)["typical"][:, :1] * self._law[1][0, 1]
        return made | {"level": made["level"] + typical - above[:, -1]}

    def _named(self, draws: FloatArray, *law: Any) -> tuple[dict[str, FloatArray], FloatArray]:
        """Parameters, and the log loss of the runs and of the anchor above that at the reference."""
        made = [_forward(one, *law) for one in draws]
        rho, transfer, natural, above = (np.array([one[part] for one in made]) for part in (0, 1, 4, 8))
        weights = np.exp(np.insert(natural[:, :2], 0, 0.0, axis=1))
        parts, priors = split(draws, self.blocks), self._priors
        return {
            "level": priors.level_mean + priors.level_spread * parts["level"],
            "terms": weights / weights.sum(axis=1, keepdims=True),
            "exponents": np.exp(natural[:, [2, 3, 5, 4]]),
            "log_transfer": np.log(transfer),
            "rho": rho,
            "scale_loss": priors.scale_loss * parts["scale_loss"],
            "scale_run": self._scale_run * parts["scale_run"],
            "signal": np.exp(priors.signal + priors.signal_sd * parts["signal"]),
        }, above


@_compiled
def _softplus(x: Any) -> Any:
    """Log of 1 + exp(x)."""
    return max(x, 0.0) + np.log1p(np.exp(-abs(x)))


@_compiled
def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


@_compiled
def _to_natural(row: Any, usual: Any, small: Any, large: Any, back: Any) -> Any:
    """From coordinates to what the priors are of, for one domain.

    Parameters
    ----------
    row
        Coordinates size, data, alpha, beta, kappa.
    usual
        Log of what the runs' usual mixture is worth to the domain relative to the reference.
    small, large
        Log size of the smallest and the largest run relative to the reference.
    back
        Derivatives of the log density by the five results.

    Returns
    -------
    tuple
        Logs of the weights of size and data term against what nothing removes, of alpha, beta and kappa; the log
        determinant of their derivative; derivatives of the log density, determinant included, by row and by `usual`.
    """
    s, d, a, b, k = row
    apart, x, excess, bent = large - small, np.exp(d), np.exp(a), k / BEND
    log_data_share = np.log(-np.expm1(-x))
    left = BEND * _softplus(bent)
    log_size_share = np.log(-np.expm1(-left))
    grown, fallen = s - left - log_data_share, s + log_size_share
    kappa, alpha = _softplus(grown) / apart, _softplus(fallen + x) / apart + excess
    log_alpha, log_beta, log_kappa = np.log(alpha), b - log_data_share, np.log(kappa)
    lost, opened = np.log(-np.expm1(-alpha * apart)), np.log(-np.expm1(-excess * apart))
    of_usual = np.exp(log_beta) * usual
    log_size = fallen + alpha * small + x - opened
    log_data = log_data_share + kappa * large + of_usual + x - opened + lost
    determinant = a - log_alpha - opened + lost - _softplus(-grown) - log_kappa
    determinant += d - log_data_share - _softplus(-bent) - log_size_share

    by_size, by_data, by_alpha, by_beta, by_kappa = back
    at_alpha = (by_alpha - 1) / alpha + small * by_size + apart / np.expm1(alpha * apart) * (by_data + 1)
    at_kappa = (by_kappa - 1) / kappa + large * by_data
    through = _sigmoid(fallen + x) / apart * at_alpha
    at_fallen = by_size + through
    at_grown = _sigmoid(grown) / apart * at_kappa + _sigmoid(-grown)
    at_left = (at_fallen - 1) / np.expm1(left) - at_grown
    at_beta = by_beta + by_data * of_usual
    at_x = by_size + by_data + through + (by_data - at_grown - at_beta - 1) / np.expm1(x)
    at_excess = at_alpha - apart / np.expm1(excess * apart) * (by_size + by_data + 1)
    derived = (
        at_grown + at_fallen,
        1 + x * at_x,
        1 + excess * at_excess,
        at_beta,
        at_left * _sigmoid(bent) + _sigmoid(-bent) / BEND,
    )
    return (log_size, log_data, log_alpha, log_beta, log_kappa), determinant, derived, by_data * np.exp(log_beta)


@_compiled
def _places(sources: Any, domains: Any) -> Any:
    """Where the blocks of coordinates end, in the order of `parameters.blocks`."""
    sizes = np.array([domains, 6 * domains, 7, sources, sources * domains, 1, sources, domains, 3, 1])
    return np.cumsum(sizes)


@_compiled
def _forward(
    c: Any, sized: Any, priors: Any, mixture: Any, bonus: Any, log_shares: Any, log_params: Any, log_tokens: Any
):
    """The law at the runs, and at the anchor as the last row.

    Returns
    -------
    tuple
        rho; transfer; powers of the shares; log of what mixtures are worth against the reference; logs of the terms'
        weights and of alpha, beta, kappa and eta ``(6, domain)``; what mixtures are worth; shares of size and data term
        in the loss, and its log above that at the reference, each ``(run + 1, domain)``.
    """
    sources, domains = bonus.shape
    runs = len(log_params) - 1
    ends = _places(sources, domains)
    rows, typical = c[ends[0] : ends[1]].reshape((6, domains)), c[ends[1] : ends[2]]
    source, transfer_z = c[ends[2] : ends[3]], c[ends[3] : ends[4]].reshape((sources, domains))
    rho = np.empty(sources)
    transfer, powers = np.empty((sources, domains)), np.empty((runs + 1, sources))
    for d in range(sources):
        rho[d] = _sigmoid(mixture[2] + mixture[3] * c[ends[4]] + mixture[4] * c[ends[5] + d])
        for v in range(domains):
            transfer[d, v] = np.exp(mixture[0] * source[d] + mixture[1] * transfer_z[d, v] + bonus[d, v])
        for n in range(runs + 1):
            powers[n, d] = np.exp(rho[d] * log_shares[n, d])
    pooled = powers @ transfer
    worth = np.log(pooled)
    worth -= worth[runs].copy()
    natural = np.empty((6, domains))
    small, large = log_params[:runs].min(), log_params[:runs].max()
    for v in range(domains):
        for row in range(6):
            natural[row, v] = (
                priors[row + 1, 0] + priors[row + 1, 1] * typical[row + 1] + priors[row + 1, 2] * rows[row, v]
            )
        if sized:
            usual, zero = worth[:runs, v].mean(), (0.0, 0.0, 0.0, 0.0, 0.0)
            row_v = (rows[0, v], rows[1, v], rows[2, v], rows[3, v], rows[4, v])
            found, _, _, _ = _to_natural(row_v, usual, small, large, zero)
            natural[0, v], natural[1, v], natural[2, v], natural[3, v], natural[4, v] = found
        natural[5, v] += natural[3, v]  # of tokens, given against that of the mixture
    size_share, data_share, above = np.empty_like(worth), np.empty_like(worth), np.empty_like(worth)
    exponents = np.exp(natural[2:])
    for v in range(domains):
        of_open = 1 / (1 + np.exp(natural[0, v]) + np.exp(natural[1, v]))
        log_size, log_data = natural[0, v] + np.log(of_open), natural[1, v] + np.log(of_open)
        for n in range(runs + 1):
            of_size = np.exp(log_size - exponents[0, v] * log_params[n])
            of_mixture = exponents[1, v] * worth[n, v] + exponents[3, v] * log_tokens[n]
            of_data = np.exp(log_data - exponents[2, v] * log_params[n] - of_mixture)
            whole = of_open + of_size + of_data
            size_share[n, v], data_share[n, v], above[n, v] = of_size / whole, of_data / whole, np.log(whole)
    return rho, transfer, powers, worth, natural, pooled, size_share, data_share, above


@_compiled
def _evaluate(c: Any, law: Any, noise: Any, gradient: Any) -> Any:
    """Log density; the gradient is filled in."""
    sized, priors, mixture, bonus, log_shares, log_params, log_tokens = law
    log_loss, spread, vectors, values, covariates, scales, prior_scatter = noise
    rho, transfer, powers, worth, natural, pooled, size_share, data_share, above = _forward(
        c, sized, priors, mixture, bonus, log_shares, log_params, log_tokens
    )
    runs, domains = log_loss.shape
    sources = len(rho)
    ends = _places(sources, domains)
    level, rows, typical = c[: ends[0]], c[ends[0] : ends[1]].reshape((6, domains)), c[ends[1] : ends[2]]
    scale_loss, scale_run = scales[0] * c[ends[6] : ends[7]], c[ends[7] : ends[8]]
    signal = np.exp(scales[1] + scales[2] * c[ends[8]])
    value = 0.0

    # residuals in units of the noise, and its covariance integrated out
    mean_above = np.empty(domains)
    for v in range(domains):
        mean_above[v] = above[:runs, v].mean()
    of_run = covariates @ scale_run
    residual, inverse, bent = np.empty((runs, domains)), np.empty((runs, domains)), np.empty((runs, domains))
    for n in range(runs):
        for v in range(domains):
            bent[n, v] = np.tanh(above[n, v] / SCALE_RANGE)
            log_scale = scale_loss[v] * SCALE_RANGE * bent[n, v] + of_run[n]
            mean = priors[0, 0] + priors[0, 2] * level[v] + above[n, v] - mean_above[v]
            inverse[n, v] = np.exp(-log_scale) / spread[n]
            residual[n, v] = (log_loss[n, v] - mean) * inverse[n, v]
            value -= log_scale
    known = vectors.T @ residual
    shrunk = known.copy()
    for f in range(len(values)):
        shrunk[f] *= signal * values[f] / (1 + signal * values[f])
        value -= 0.5 * domains * np.log1p(signal * values[f])
    scatter = residual.T @ residual - known.T @ shrunk + prior_scatter
    freedom = domains - 1 + scales[3] + runs
    if not np.isfinite(scatter).all():  # NumPy's functions for matrices would raise
        return -np.inf
    sign, log_determinant = np.linalg.slogdet(scatter)
    if not (sign > 0 and np.isfinite(log_determinant)):
        return -np.inf
    value -= 0.5 * freedom * log_determinant
    precision = np.linalg.inv(scatter)
    by_residual = -freedom * ((residual - vectors @ shrunk) @ precision)
    weighted, by_signal = known @ precision, 0.0
    for f in range(len(values)):
        width = 1 + signal * values[f]
        by_signal += values[f] / width * 0.5 * (freedom * (weighted[f] * known[f]).sum() / width - domains)
    gradient[ends[8]] = scales[2] * signal * by_signal - c[ends[8]]

    # back to what the law makes of the runs, row `runs` being the anchor of the level's prior
    by_above, by_scale_run = np.zeros((runs + 1, domains)), np.zeros(runs)
    for v in range(domains):
        lifted = level[v] + (above[runs, v] - mean_above[v] - priors[0, 1] * typical[0]) / priors[0, 2]
        value -= 0.5 * lifted**2
        by_mean = by_scale_loss = 0.0
        for n in range(runs):
            of_mean = -by_residual[n, v] * inverse[n, v]
            of_scale = -by_residual[n, v] * residual[n, v] - 1
            by_mean += of_mean
            by_scale_loss += of_scale * SCALE_RANGE * bent[n, v]
            by_scale_run[n] += of_scale
            by_above[n, v] = of_mean + of_scale * scale_loss[v] * (1 - bent[n, v] ** 2)
        gradient[v] = priors[0, 2] * by_mean - lifted
        gradient[ends[1]] += lifted * priors[0, 1] / priors[0, 2]
        gradient[ends[6] + v] = scales[0] * by_scale_loss - c[ends[6] + v]
        by_above[:runs, v] -= (by_mean - lifted / priors[0, 2]) / runs
        by_above[runs, v] = -lifted / priors[0, 2]
    gradient[ends[7] : ends[8]] = by_scale_run @ covariates - scale_run

    # back through the law
    exponents = np.exp(natural[2:])
    by_worth = np.empty((runs + 1, domains))
    small, large = log_params[:runs].min(), log_params[:runs].max()
    for v in range(domains):
        by = np.zeros(6)
        for n in range(runs + 1):
            size, data = by_above[n, v] * size_share[n, v], by_above[n, v] * data_share[n, v]
            by[0] += size
            by[1] += data
            by[2] -= log_params[n] * size
            by[3] -= worth[n, v] * data
            by[4] -= log_params[n] * data
            by[5] -= log_tokens[n] * data
            by_worth[n, v] = -exponents[1, v] * data
        by[2:] *= exponents[:, v]
        weights = np.exp(natural[:2, v])
        by[:2] -= weights / (1 + weights.sum()) * by_above[:, v].sum()
        by[3] += by[5]
        for row in range(6):
            sd, own = priors[row + 1, 1], priors[row + 1, 2]
            z = rows[row, v]
            if sized and row < 5:
                z = (natural[row, v] - priors[row + 1, 0] - sd * typical[row + 1]) / own
                by[row] -= z / own
                gradient[ends[1] + row + 1] += sd / own * z
            else:
                gradient[ends[0] + row * domains + v] = own * by[row] - z
                gradient[ends[1] + row + 1] += sd * by[row]
            value -= 0.5 * z**2
        if sized:
            row_v = (rows[0, v], rows[1, v], rows[2, v], rows[3, v], rows[4, v])
            back = (by[0], by[1], by[2], by[3], by[4])
            _, determinant, derived, by_usual = _to_natural(row_v, worth[:runs, v].mean(), small, large, back)
            value += determinant
            for row in range(5):
                gradient[ends[0] + row * domains + v] = derived[row]
            by_worth[:runs, v] += by_usual / runs
        by_worth[runs, v] = -by_worth[:runs, v].sum()
    gradient[ends[1] : ends[2]] -= typical
    by_pooled = by_worth / pooled
    by_transfer = (powers.T @ by_pooled) * transfer
    by_powers = by_pooled @ transfer.T
    for d in range(sources):
        by_rho = 0.0
        for n in range(runs + 1):
            by_rho += by_powers[n, d] * powers[n, d] * log_shares[n, d]
        by_rho *= rho[d] * (1 - rho[d])
        gradient[ends[4]] += mixture[3] * by_rho
        gradient[ends[5] + d] = mixture[4] * by_rho - c[ends[5] + d]
        gradient[ends[2] + d] = mixture[0] * by_transfer[d].sum() - c[ends[2] + d]
        for v in range(domains):
            at = ends[3] + d * domains + v
            gradient[at] = mixture[1] * by_transfer[d, v] - c[at]
    gradient[ends[4]] -= c[ends[4]]
    normal = c[ends[1] :]
    return value - 0.5 * (normal * normal).sum()
