"""Bayesian FLP-M: the forecaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Explanation, Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flpm.evidence import LossSettings, Points
from bayes_cod.models.flpm.losses import FAR_MIXTURE, MixtureLosses
from bayes_cod.models.flpm.losses.table import loss_table
from bayes_cod.models.flpm.priors import LossPriors, ScorePriors
from bayes_cod.models.flpm.scores import ScoreStage
from bayes_cod.models.flpm.scores.evidence import gather_scores
from bayes_cod.models.sampling import Gate, SamplerSettings

FAR_DECADES = 1.5


@dataclass(frozen=True)
class Prediction:
    """Joint draws of what runs on some mixtures would reach.

    Attributes
    ----------
    observed, latent
        Scores ``(sample, point, benchmark)``, fractions.
    log_loss
        Latent log losses ``(sample, point, domain)``.
    """

    observed: np.ndarray
    latent: np.ndarray
    log_loss: np.ndarray


class BayesianFLPM:
    """Mixture, size and tokens to domain losses, and domain losses to scores, both with their uncertainty.

    Satisfies `bayes_cod.forecasts.Forecaster`. Given the losses of the runs the two stages share no
    parameter, so sampling them one after the other gives draws of their joint posterior.

    Parameters
    ----------
    seed
        Seed of the samplers and of luck.
    loss_priors, score_priors, settings
        See `LossPriors`, `ScorePriors`, `LossSettings`.
    sampler
        For both stages; each has its own where not given.
    sampling
        Settings that replace single ones of each stage's sampler (`draws`, `chains`, ...).
    name
        How the method is called in tables.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        loss_priors: LossPriors | None = None,
        score_priors: ScorePriors | None = None,
        settings: LossSettings | None = None,
        sampler: SamplerSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
        name: str = "bayes-flpm",
    ) -> None:
        self.seed = seed
        self.losses = MixtureLosses(seed, priors=loss_priors, settings=settings, sampler=sampler)
        self.scores = ScoreStage(seed, priors=score_priors, sampler=sampler)
        if sampling:
            self.losses.sampler = replace(self.losses.sampler, **sampling)
            self.scores.sampler = replace(self.scores.sampler, **sampling)
        self._name = name
        self._gate: Gate | None = None

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        return self._name

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Sample both stages given a ladder's runs.

        Parameters
        ----------
        ladder
            With the tables losses, mixtures and scores (or items).
        pool
            Other families' runs, used too where they have losses of the same domains and mixtures.

        Raises
        ------
        InputError
            If a table is missing or no run has mixture, losses and scores.
        """
        self.losses.fit(ladder, pool=pool)
        self.scores.fit(gather_scores(ladder, self.losses.evidence, pool))
        self._gate = _joined(self.losses.gate, self.scores.gate)
        return self

    def _fitted(self) -> Gate:
        if self._gate is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._gate

    @property
    def gate(self) -> Gate:
        """Diagnostics of both stages."""
        return self._fitted()

    def predict(self, points: Points, *, joint: bool = False, most: int | None = None) -> Prediction:
        """Joint draws of scores and losses of runs; see `MixtureLosses.forecast` for `joint` and `most`."""
        self._fitted()
        losses = self.losses.forecast(points, joint=joint, most=most)
        observed, latent = self.scores.forecast(losses.observed, losses.latent, points.log_compute)
        return Prediction(observed, latent, losses.latent)

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Posterior predictive scores of targets on every benchmark.

        Raises
        ------
        InputError
            Without a target, or if a target's mixture is missing, unknown or not a mixture.
        """
        gate = self._fitted()
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        points, notes = self.losses.points(targets)
        made = self.predict(points)
        judged = _joined(gate, self.losses.judge(points, [f"target {target.name}" for target in targets]))
        return Forecast.from_draws(
            made.observed,
            made.latent,
            targets,
            self.scores.evidence.benchmarks,
            self.name,
            self._facts(targets, points, notes),
            diagnostics=judged.table,
            explanation=self._explanation(targets) if explain else None,
        )

    def _explanation(self, targets: Sequence[Target]) -> Explanation:
        parts = {f"/{name}": self.losses.posterior[name].to_dataset() for name in ("posterior", "sample_stats")}
        parts["/scores"] = self.scores.posterior["posterior"].to_dataset()
        return Explanation(domain_losses=loss_table(self.losses, targets), posterior=xr.DataTree.from_dict(parts))

    def _facts(self, targets: Sequence[Target], points: Points, notes: Sequence[str]) -> dict[str, Any]:
        evidence = self.losses.evidence
        decades = (points.log_compute - evidence.points.log_compute.max()) / np.log(10.0)
        warnings = [*evidence.notes, *notes]
        open_share = self.losses.left_open(Points(**{**points.__dict__, **_at_largest(evidence.largest, len(points))}))
        for target, distance, unknown in zip(targets, decades, open_share, strict=True):
            if unknown > FAR_MIXTURE:
                warnings.append(f"{target.name}: its mixture is far from every run's; the forecast extrapolates")
            if distance > FAR_DECADES:
                warnings.append(f"{target.name} lies {distance:.1f} decades beyond the largest run")
        return {
            "decades": {target.name: float(d) for target, d in zip(targets, decades, strict=True)},
            "warnings": warnings,
            "n_runs": len(set(evidence.models)),
            "training_domains": list(evidence.sources),
            "loss_domains": list(evidence.domains),
            "settings": {
                "loss_priors": asdict(self.losses.priors),
                "score_priors": asdict(self.scores.priors),
                "losses": asdict(self.losses.settings),
                "loss_sampler": asdict(self.losses.sampler),
                "score_sampler": asdict(self.scores.sampler),
                "seed": self.seed,
            },
        }


def _at_largest(largest: tuple[float, float], count: int) -> dict[str, np.ndarray]:
    return {name: np.full(count, value) for name, value in zip(("log_params", "log_tokens"), largest, strict=True)}


def _joined(*gates: Gate) -> Gate:
    return Gate(pd.concat([gate.table for gate in gates], ignore_index=True).drop_duplicates(ignore_index=True))
