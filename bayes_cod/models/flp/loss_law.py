"""Losses alone, for ladders without mixtures: those of larger models from size and tokens, or compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts.forecast import QUANTILE_COLUMNS, QUANTILES
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling
from bayes_cod.models.flp import law
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather_losses
from bayes_cod.models.flp.law import LossPriors
from bayes_cod.models.flp.predict import Points, flat
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

type FloatArray = NDArray[np.float64]

SAMPLER = SamplerSettings(draws=1000, tune=1000, chains=2, target_accept=0.995, adaptation="low_rank")
_models = CompiledModels()


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
        See `LossPriors`.
    settings
        Which runs are used; all by default, however far below the largest.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: LossPriors | None = None,
        settings: EvidenceSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        self.seed = seed
        self.priors = priors or LossPriors()
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
        compiled = _models.get(("law", shape, priors), lambda: law.build(shape, priors))
        tree = sampling.sample(compiled, law.arrays(evidence, scale), self.sampler, self.seed)
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

    def _latent(self, points: Points) -> tuple[dict[str, FloatArray], FloatArray]:
        fit = self._fitted
        posterior = fit.tree["posterior"].to_dataset()
        made = law.parameters({str(name): flat(posterior, str(name)) for name in posterior}, self.priors, np)
        size, tokens = fit.scale.size_and_tokens(points.flops, points.params, points.tokens)
        return made, law.log_loss(made, size, tokens, fit.scale.log_loss, np)

    def judge(self, targets: Sequence[Target]) -> Gate:
        """The gate of the law's losses at targets, drift and luck not among them."""
        _, latent = self._latent(self.points(targets))
        labels = [f"target {one.name}" for one in targets]
        fit = self._fitted
        return sampling.gate(sampling.by_label("log loss", fit.evidence.series, labels, latent, fit.tree), fit.tree)

    def forecast(self, targets: Sequence[Target]) -> xr.Dataset:
        """Draws of log losses (sample, target, series): `latent`, with the drift, and `observed`, with luck too."""
        points = self.points(targets)
        made, latent = self._latent(points)
        shape = (len(latent), latent.shape[-1])
        latent = latent + law.drift(self.priors, self._fitted.scale, points.flops, shape, [self.seed, 5])
        lucky = law.luck(made, len(targets), np.random.default_rng([self.seed, 3]))
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
