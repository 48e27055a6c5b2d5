"""The domain-loss stage: fitted to a ladder's runs, it forecasts the losses of runs on other mixtures and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, Points, gather_losses, target_points
from bayes_cod.models.flpm.losses import outlying
from bayes_cod.models.flpm.losses.density import LossDensity
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import Relative
from bayes_cod.models.flpm.losses.predict import LossDraws, Losses, draw, law, of_parameters, predict
from bayes_cod.models.flpm.posterior import Whitening, find_mode, until_passed
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.sampling import Gate, SamplerSettings

LOSS_SAMPLER = SamplerSettings(draws=400, tune=150, chains=4, target_accept=0.9, retry_accept=0.97)
PILOT = SamplerSettings(draws=24, tune=100, chains=2, target_accept=0.8, max_depth=5)
PILOT_PLACES = 8
"""Draws of the pilot whose mean curvature whitens the posterior."""

FAR_MIXTURE = 0.5
"""Share of the variance of departures left open from which on a mixture counts as extrapolation."""


def _pilot_of(sampler: SamplerSettings) -> SamplerSettings:
    """The pilot with the chains and cores of the fit, at most two."""
    return replace(PILOT, chains=min(sampler.chains, PILOT.chains), cores=sampler.cores)


@dataclass(frozen=True)
class _Fit:
    evidence: LossEvidence
    features: Features
    draws: LossDraws
    tree: xr.DataTree
    gate: Gate


class MixtureLosses:
    """Losses of validation domains from mixture, size and tokens, jointly over domains.

    Parameters
    ----------
    seed
        Seed of the sampler and of the luck ahead.
    priors, settings, sampler
        See `LossPriors`, `LossSettings`, `SamplerSettings`.
    retry
        Whether a failed gate is followed by one longer try.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: LossPriors | None = None,
        settings: LossSettings | None = None,
        sampler: SamplerSettings | None = None,
        retry: bool = True,
    ) -> None:
        self.seed = seed
        self.retry = retry
        self.priors = priors or LossPriors()
        self.settings = settings or LossSettings()
        self.sampler = sampler or LOSS_SAMPLER
        self._fit: _Fit | None = None

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Sample the posterior given the losses of a ladder's runs.

        Raises
        ------
        InputError
            Without losses or mixtures.
        """
        return self.fit_evidence(gather_losses(ladder, self.settings, pool))

    def fit_evidence(self, evidence: LossEvidence) -> Self:
        """Sample the posterior given evidence."""
        density = LossDensity(evidence, Features.of(evidence.points), self.priors)
        mode = find_mode(density, density.start())
        spread = self._spreads(evidence, density.parameters(mode[None]))
        evidence = replace(evidence, notes=(*evidence.notes, *outlying.named(evidence, spread)))
        features = Features.of(evidence.points, spread)
        density = LossDensity(evidence, features, self.priors)

        def complete(tree: xr.DataTree, named: dict[str, NDArray[np.float64]]) -> tuple[_Fit, Gate]:
            draws = draw(named, evidence, features, self.priors, self.seed)
            gate = self._judge(evidence, features, draws, tree, evidence.reference, ["reference"])
            return _Fit(evidence, features, draws, tree, gate), gate

        whitening = Whitening.piloted(density, mode, _pilot_of(self.sampler), PILOT_PLACES, self.seed)
        self._fit = until_passed(density, whitening, self.sampler, self.seed, complete, retry=self.retry)
        return self

    def _spreads(self, evidence: LossEvidence, at_mode: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        one = of_parameters(at_mode)
        mean, scale = law(one, 0, Relative.of(evidence.points, evidence.reference))
        return outlying.spreads(evidence, mean, scale, float(one.signal[0]), self.priors)

    def _judge(
        self,
        evidence: LossEvidence,
        features: Features,
        draws: LossDraws,
        tree: xr.DataTree,
        points: Points,
        labels: Sequence[str],
    ) -> Gate:
        latent = predict(draws, evidence, features, points, self.seed).latent
        return sampling.gate(sampling.by_label("log loss", evidence.domains, labels, latent, tree), tree)

    def _fitted(self) -> _Fit:
        if self._fit is None:
            raise BayesCodError("this model is not fitted yet; call fit(ladder) first")
        return self._fit

    @property
    def evidence(self) -> LossEvidence:
        """What the fit rests on."""
        return self._fitted().evidence

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws and sampler statistics."""
        return self._fitted().tree

    @property
    def draws(self) -> LossDraws:
        """Posterior draws with what the sampler integrated out."""
        return self._fitted().draws

    @property
    def gate(self) -> Gate:
        """Diagnostics of the losses at the reference, and of every target forecast last."""
        return self._fitted().gate

    def points(self, targets: Sequence[Target]) -> tuple[Points, tuple[str, ...]]:
        """Targets as points, and what was assumed about them."""
        if not targets:
            raise InputError("no target was given; name one, or give its compute and mixture")
        return target_points(targets, self.evidence)

    def forecast(self, points: Points, *, joint: bool = False, most: int | None = None) -> Losses:
        """Draws of the log losses of new runs, at most so many; see `predict.predict`."""
        fit = self._fitted()
        return predict(fit.draws.thinned(most), fit.evidence, fit.features, points, self.seed, joint=joint)

    def judge(self, points: Points, labels: Sequence[str]) -> Gate:
        """Diagnostics of the latent losses of some points."""
        fit = self._fitted()
        return self._judge(fit.evidence, fit.features, fit.draws, fit.tree, points, labels)

    def left_open(self, points: Points) -> NDArray[np.float64]:
        """Share of the variance of departures that the runs leave open at each point, in [0, 1]."""
        return self._fitted().features.left_open(points)
