"""Losses alone, for ladders without mixtures: those of larger models from size and tokens, or compute.

Losses of final models lie around the law of `law` with Student-t luck, and may drift from it beyond the largest rung.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling
from bayes_cod.models.flp import law
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather_losses
from bayes_cod.models.flp.predict import Points
from bayes_cod.models.flp.priors import LawPriors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

type FloatArray = NDArray[np.float64]

SAMPLER = SamplerSettings(draws=1000, tune=1000, chains=2, target_accept=0.995, adaptation="low_rank")
_models = CompiledModels()


ANY_RUNS = 2
"""Runs of the placeholders that a graph is built with; data of any number of rows take their place."""


@dataclass(frozen=True)
class AlonePriors(LawPriors):
    """Priors of losses alone.

    Attributes
    ----------
    scale, scale_sd
        Log of the scale of a run's luck and the noise of its evaluation together, on log loss, Student-t with 3 degrees
        of freedom: seeds move a loss by some tenths of a per cent, misfit of the law by a per cent or two, and where
        the law does not hold at all by far more.
    drift
        What runs beyond the largest rung may depart from the law by, in log loss per root decade of compute, fixed: no
        rung says it. Set on Delphi, whose smaller budgets forecast its larger ones.
    """

    scale: float = float(np.log(0.011))
    scale_sd: float = 0.7
    drift: float = 0.007


def arrays(evidence: Evidence, scale: Scale) -> dict[str, NDArray[Any]]:
    """Values of the graph's `pm.Data` containers, by name."""
    size, tokens = scale.size_and_tokens(evidence.flops, evidence.params, evidence.tokens)
    return {
        "size": size,
        "tokens": tokens,
        "log_loss": evidence.log_loss,
        "se": evidence.log_loss_se,
        "reference": scale.log_loss.copy(),
    }


def build(n_series: int, priors: AlonePriors) -> pm.Model:
    """The graph, with placeholder data.

    Parameters
    ----------
    n_series
        Loss series.
    priors
        Constants of the compiled graph.
    """
    per_run, per_value = np.zeros(ANY_RUNS), np.zeros((ANY_RUNS, n_series))
    with pm.Model(coords=law.coordinates(n_series)) as model:
        size, tokens = pm.Data("size", per_run), pm.Data("tokens", per_run)
        observed, se = pm.Data("log_loss", per_value), pm.Data("se", per_value)
        reference = pm.Data("reference", np.zeros(n_series))
        free = law.free_variables()
        log_scale = pm.StudentT(
            "log_scale", nu=law.SCALE_DEGREES, mu=priors.scale, sigma=priors.scale_sd, dims="series"
        )
        mean = law.log_loss(law.parameters(free, priors, pt), size, tokens, reference, pt)
        sigma = pt.sqrt(pt.exp(log_scale) ** 2 + se**2)
        pm.StudentT("losses", nu=law.DEGREES, mu=mean, sigma=sigma, observed=observed)
    return model


def drift(priors: AlonePriors, scale: Scale, flops: FloatArray, shape: tuple[int, int], seed: list[int]) -> FloatArray:
    """Departures from the law beyond the largest rung ``(sample, point, series)``, of all points in one direction.

    Parameters
    ----------
    priors, scale
        See `AlonePriors` and `Scale`.
    flops
        Compute of the points ``(point,)``.
    shape
        Samples and series.
    seed
        Of the random numbers.
    """
    ahead = np.sqrt(np.maximum(scale.decades(flops), 0.0))
    towards = np.random.default_rng(seed).standard_normal((shape[0], 1, shape[1]))
    return np.asarray(priors.drift * towards * ahead[:, None])


def luck(scale: FloatArray, n_point: int, rng: np.random.Generator) -> FloatArray:
    """A run's own luck on log loss, the noise of its evaluation included ``(sample, point, series)``.

    Parameters
    ----------
    scale
        Of luck, by draw ``(sample, series)``.
    n_point
        Number of runs.
    rng
        Of the random numbers.
    """
    n_sample, n_series = scale.shape
    return np.asarray(scale[:, None] * rng.standard_t(law.DEGREES, (n_sample, n_point, n_series)))


@dataclass(frozen=True)
class _Fit:
    evidence: Evidence
    scale: Scale
    tree: xr.DataTree


class LossLaw:
    """Losses of larger models from size and tokens (or compute, where these are not known).

    Parameters
    ----------
    seed
        Seed of the sampler and of the luck ahead.
    priors
        See `AlonePriors`.
    settings
        Which runs are used; all by default, however far below the largest.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: AlonePriors | None = None,
        settings: EvidenceSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        self.seed = seed
        self.priors = priors or AlonePriors()
        self.settings = settings or EvidenceSettings()
        self.sampler = replace(SAMPLER, **(sampling or {}))
        self._fit: _Fit | None = None

    def fit(self, ladder: Ladder) -> Self:
        """Sample the law's posterior given the losses of a ladder's final models.

        Raises
        ------
        InputError
            Without losses, or with fewer than three rungs of different compute that have them.
        """
        evidence = gather_losses(ladder, self.settings)
        scale = Scale.of(evidence)
        shape, priors = len(evidence.series), self.priors
        compiled = _models.get(("law", shape, priors), lambda: build(shape, priors))
        tree = sampling.sample(compiled, arrays(evidence, scale), self.sampler, self.seed)
        self._fit = _Fit(evidence, scale, tree)
        return self

    @property
    def _fitted(self) -> _Fit:
        if self._fit is None:
            raise BayesCodError("this law is not fitted yet; call fit(ladder) first")
        return self._fit

    @property
    def evidence(self) -> Evidence:
        """What was fitted."""
        return self._fitted.evidence

    def points(self, targets: Sequence[Target]) -> Points:
        """Where targets lie.

        Raises
        ------
        InputError
            Without a target, or without its size and tokens where the ladder's models have them.
        """
        if not targets:
            raise InputError("no target was given; name one")
        bare = [one.name for one in targets if one.params is None or one.tokens is None]
        if self.evidence.sized and bare:
            raise InputError(f"size and tokens of the target '{bare[0]}' are not known; give `params` and `tokens`")
        return Points.of(targets)

    def _latent(self, points: Points) -> FloatArray:
        """Log losses of the law ``(sample, point, series)``."""
        fit = self._fitted
        made = law.parameters(sampling.flat(fit.tree), self.priors, np)
        size, tokens = fit.scale.size_and_tokens(points.flops, points.params, points.tokens)
        return np.asarray(law.log_loss(made, size, tokens, fit.scale.log_loss, np))

    def judge(self, targets: Sequence[Target]) -> Gate:
        """The gate of the law's losses at targets, drift and luck not among them."""
        latent = self._latent(self.points(targets))
        labels = [f"target {one.name}" for one in targets]
        fit = self._fitted
        return sampling.gate(sampling.by_label("log loss", fit.evidence.series, labels, latent, fit.tree), fit.tree)

    def forecast(self, targets: Sequence[Target]) -> xr.Dataset:
        """Draws of log losses (sample, target, series): `latent`, with the drift, and `observed`, with luck too."""
        points = self.points(targets)
        latent = self._latent(points)
        shape = (len(latent), latent.shape[-1])
        latent = latent + drift(self.priors, self._fitted.scale, points.flops, shape, [self.seed, 5])
        scale = np.exp(sampling.flat(self._fitted.tree)["log_scale"])
        lucky = luck(scale, len(targets), np.random.default_rng([self.seed, 3]))
        dims = ("sample", "target", "series")
        coords = {"target": [one.name for one in targets], "series": list(self.evidence.series)}
        return xr.Dataset({"observed": (dims, latent + lucky), "latent": (dims, latent)}, coords)

    def table(self, targets: Sequence[Target]) -> pd.DataFrame:
        """Losses of targets.

        Returns
        -------
        pandas.DataFrame
            target, flops, params, tokens, domain (the loss series), kind (observed or latent), mean, sd and the
            quantiles q025 ... q975, in the unit of the losses.
        """
        rows: list[dict[str, Any]] = []
        for kind, log_losses in self.forecast(targets).items():
            for one in targets:
                for series in self.evidence.series:
                    losses = np.exp(log_losses.sel(target=one.name, series=series).to_numpy())
                    own = {"target": one.name, "flops": one.flops, "params": one.params, "tokens": one.tokens}
                    own |= {"domain": series, "kind": str(kind), "mean": losses.mean(), "sd": losses.std()}
                    rows.append(own | dict(zip(QUANTILE_COLUMNS, np.quantile(losses, QUANTILES), strict=True)))
        return pd.DataFrame(rows)
