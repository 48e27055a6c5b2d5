"""The domain-loss stage: fitted to a ladder's runs, it forecasts the losses of runs on other mixtures and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Self

import xarray as xr

from bayes_cod.errors import InputError
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, Points, gather_losses, target_points
from bayes_cod.models.flpm.losses import outlying
from bayes_cod.models.flpm.losses.density import LossDensity
from bayes_cod.models.flpm.losses.features import Features
from bayes_cod.models.flpm.losses.parameters import Relative
from bayes_cod.models.flpm.losses.predict import LossDraws, Losses, draw, law, of_parameters, predict
from bayes_cod.models.flpm.posterior import Fit, FloatArray, Stage, find_mode
from bayes_cod.models.flpm.priors import LossPriors
from bayes_cod.models.sampling import Gate, SamplerSettings

LOSS_SAMPLER = SamplerSettings(draws=400, tune=150, chains=4, target_accept=0.9, retry_accept=0.97)

FAR_MIXTURE = 0.5
"""Share of the variance of departures left open from which on a mixture counts as extrapolation."""


class MixtureLosses(Stage[LossEvidence, LossDraws]):
    """Losses of validation domains from mixture, size and tokens, jointly over domains.

    Parameters
    ----------
    seed, sampler, retry
        See `Stage`.
    priors, settings
        See `LossPriors`, `LossSettings`.
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
        super().__init__(seed, sampler or LOSS_SAMPLER, retry=retry)
        self.priors = priors or LossPriors()
        self.settings = settings or LossSettings()
        self._features: Features | None = None

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

        def complete(tree: xr.DataTree, named: dict[str, FloatArray]) -> Fit[LossEvidence, LossDraws]:
            draws = draw(named, evidence, features, self.priors, self.seed)
            latent = predict(draws, evidence, features, evidence.reference, self.seed).latent
            return Fit(evidence, draws, tree, _judge(latent, ["reference"], evidence, tree))

        self._features = features
        self._sample(density, mode, complete)
        return self

    def _spreads(self, evidence: LossEvidence, at_mode: Mapping[str, FloatArray]) -> FloatArray:
        one = of_parameters(at_mode)
        mean, scale = law(one, 0, Relative.of(evidence.points, evidence.reference))
        return outlying.spreads(evidence, mean, scale, float(one.signal[0]), self.priors)

    def points(self, targets: Sequence[Target]) -> tuple[Points, tuple[str, ...]]:
        """Targets as points, and what was assumed about them."""
        if not targets:
            raise InputError("no target was given; name one, or give its compute and mixture")
        return target_points(targets, self.evidence)

    def forecast(self, points: Points, *, joint: bool = False, most: int | None = None) -> Losses:
        """Draws of the log losses of new runs, at most so many; see `predict.predict`."""
        draws, features = self.draws.thinned(most), self._features
        assert features is not None
        return predict(draws, self.evidence, features, points, self.seed, joint=joint)

    def judge(self, points: Points, labels: Sequence[str]) -> Gate:
        """Diagnostics of the latent losses of some points."""
        return _judge(self.forecast(points).latent, labels, self.evidence, self.posterior)

    def left_open(self, points: Points) -> FloatArray:
        """Share of the variance of departures that the runs leave open at each point, in [0, 1]."""
        self._fitted()
        assert self._features is not None
        return self._features.left_open(points)


def _judge(latent: FloatArray, labels: Sequence[str], evidence: LossEvidence, tree: xr.DataTree) -> Gate:
    return sampling.gate(sampling.by_label("log loss", evidence.domains, labels, latent, tree), tree)
