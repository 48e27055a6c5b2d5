"""Bayesian FLP: the forecaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Explanation, Forecast
from bayes_cod.forecasts.forecast import mean_over_benchmarks
from bayes_cod.ladder import Ladder, Target
from bayes_cod.ladder.naming import some
from bayes_cod.models.flp import explain
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.posterior import Posterior
from bayes_cod.models.flp.predict import Draws, Points, Scores, log_loss_law, predict, progress_of
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import Gate, SamplerSettings

SAMPLER = SamplerSettings(
    draws=2000, tune=500, chains=2, target_accept=0.92, retry_accept=0.97, retry_times=4, max_depth=8
)
REFUSED_AT_MOST = 0.2
FAR_DECADES = 2.0
NOT_EMERGED = 0.5
PLOT_SAMPLES = 400


class BayesianFLP:
    """Loss law and map from loss to score in one model, benchmarks pooled.

    Satisfies `bayes_cod.forecasts.Forecaster`.

    Parameters
    ----------
    seed
        Seed of the sampler and of the luck and noise ahead.
    priors
        Of the losses and of the scores.
    evidence
        See `EvidenceSettings`.
    sampler
        See `SamplerSettings`.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    name
        How the method is called in tables.
    retry
        Whether a posterior that does not pass the gate of a forecast is sampled once more, longer and more carefully.
    refused_at_most
        Share of the benchmarks that may be left out where chains disagree on them alone; beyond it all is refused.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: tuple[LossPriors, ScorePriors] | None = None,
        evidence: EvidenceSettings | None = None,
        sampler: SamplerSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
        name: str = "bayes-flp",
        retry: bool = True,
        refused_at_most: float = REFUSED_AT_MOST,
    ) -> None:
        self.seed = seed
        self.retry = retry
        self.refused_at_most = refused_at_most
        self.priors = priors or (LossPriors(), ScorePriors())
        self.settings = evidence or EvidenceSettings()
        self.sampler = replace(sampler or SAMPLER, **(sampling or {}))
        self._name = name
        self._posterior: Posterior | None = None
        self._refused: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        return self._name

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Sample the posterior given a ladder's losses and scores.

        Parameters
        ----------
        ladder
            One family's rungs with losses (of benchmarks or validation sets) and scores, checkpoints included.
        pool
            Other families, which say where benchmarks rise at a loss, and how losses depart from the law.

        Raises
        ------
        InputError
            Without losses, or with fewer than three rungs that have losses and scores.
        """
        evidence = gather(ladder, self.settings, pool)
        return self.fit_evidence(evidence, Scale.of(evidence))

    def fit_evidence(self, evidence: Evidence, scale: Scale) -> Self:
        """Sample the posterior given losses and scores that were gathered before."""
        self._posterior = Posterior.sample(evidence, scale, self.priors, self.sampler, self.seed)
        last = [evidence.n_rungs - 1]
        at_last = Points(evidence.flops[last], evidence.params[last], evidence.tokens[last])
        _, gate = self._posterior.judged(at_last, ["last rung"], retry=False)  # a forecast is judged at its targets
        self._refused = self._refused_by(gate, ["last rung"])
        return self

    def _refused_by(self, gate: Gate, labels: Sequence[str]) -> tuple[str, ...] | None:
        """Benchmarks that are left out; None where nothing may be reported."""
        alone = self._fitted().disagreed_on(gate, labels)
        few = alone is not None and len(alone) <= self.refused_at_most * len(self._fitted().evidence.benchmarks)
        return alone if few else None

    def _fitted(self) -> Posterior:
        if self._posterior is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._posterior

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Posterior predictive scores of targets on the benchmarks of the fitted ladder.

        What does not pass the gate at a target is sampled once more; the fit keeps its own draws.

        Returns
        -------
        Forecast
            Of all benchmarks but those that the chains disagree on (`facts["refused"]`).

        Raises
        ------
        InputError
            Without a target, or without its size and tokens where the ladder has them.
        """
        points, labels = self._points(targets), [f"target {target.name}" for target in targets]
        own = copy(self)
        own._posterior, gate = self._fitted().judged(points, labels, retry=self.retry)
        own._refused = own._refused_by(gate, labels)
        return own._forecast(targets, points, gate, explain)

    def _forecast(self, targets: Sequence[Target], points: Points, gate: Gate, explain: bool) -> Forecast:
        """Of a copy, whose posterior may be another."""
        fit = self._fitted()
        scores = predict(fit.draws, fit.scale, points, fit.evidence.n_questions, self.seed)
        is_kept = np.isin(fit.evidence.benchmarks, self._reported)
        observed, latent = scores.observed[..., is_kept], scores.latent[..., is_kept]
        return Forecast.from_draws(
            observed,
            latent,
            targets,
            self._reported,
            self.name,
            self._facts(targets, observed),
            diagnostics=gate.table,
            explanation=self._explanation([target.name for target in targets], scores, points) if explain else None,
        )

    def _explanation(self, names: Sequence[str], ahead: Scores, points: Points) -> Explanation:
        fit = self._fitted()
        return Explanation(
            loss_table=self._loss_table(names, ahead, points),
            score_map=self._score_map(ahead, points),
            map_observations=self._of_reported(explain.observations(fit.evidence)),
            emergence=self._of_reported(explain.emergence(fit.evidence, fit.draws, fit.scale)),
            posterior=fit.tree,
        )

    def _points(self, targets: Sequence[Target]) -> Points:
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        evidence = self._fitted().evidence
        for target in targets:
            if evidence.sized and (target.params is None or target.tokens is None):
                raise InputError(
                    f"the method '{self.name}' needs size and tokens of the target '{target.name}', as the ladder's "
                    "models have them; give `target_params` and `target_tokens`"
                )
        return Points.of(targets)

    def _facts(self, targets: Sequence[Target], observed: NDArray[np.float64]) -> dict[str, Any]:
        fit = self._fitted()
        evidence, made = fit.evidence, fit.draws.of_score
        decades = [(float(np.log(target.flops)) - fit.scale.log_flops) / np.log(10) for target in targets]
        weight = dict(zip((*evidence.series, "compute"), made["weight"].mean(axis=0).tolist(), strict=True))
        return {
            "decades": dict(zip([target.name for target in targets], decades, strict=True)),
            "mean_over_benchmarks": mean_over_benchmarks(observed, [target.name for target in targets]),
            "refused": list(self.refused),
            "weights": weight,
            "walks": {"shared": self.priors[1].shared_walk, "own": float(made["walk"].mean())},
            "warnings": self._warnings(targets, decades),
            "settings": {
                "loss_priors": asdict(self.priors[0]),
                "score_priors": asdict(self.priors[1]),
                "evidence": asdict(self.settings),
                "sampler": asdict(self.sampler),
                "refused_at_most": self.refused_at_most,
                "seed": self.seed,
            },
            "n_rungs": evidence.n_rungs,
        }

    def _warnings(self, targets: Sequence[Target], decades: Sequence[float]) -> list[str]:
        fit = self._fitted()
        evidence = fit.evidence
        found = list(evidence.notes)
        if self.refused:
            found.append(
                f"not reported, as the sampler's chains disagree on them: {', '.join(self.refused)}; more draws "
                "(`draws`) may help"
            )
        if not evidence.sized:
            found.append("size or tokens of some rung are not known: the loss law is one in compute alone")
        for target, distance in zip(targets, decades, strict=True):
            if distance > FAR_DECADES:
                found.append(
                    f"{target.name} lies {distance:.1f} decades beyond the largest rung; no ladder tested here "
                    "supports a forecast that far"
                )
        emerged = explain.emergence(evidence, fit.draws, fit.scale).set_index("benchmark")["p_emerged"]
        silent = [name for name in self._reported if emerged[name] < NOT_EMERGED]
        elsewhere = explain.emerged_elsewhere(evidence)
        for what, names in (
            ("when they emerge cannot be known from these", [name for name in silent if name not in elsewhere]),
            ("when they emerge rests on the pooled families", [name for name in silent if name in elsewhere]),
        ):
            if names:
                found.append(f"at their floor on every rung; {what}: {some(names, 8)}")
        return found

    # ---------------------------------------------------------------- what a report shows

    def _loss_table(self, names: Sequence[str], ahead: Scores, points: Points) -> pd.DataFrame:
        """Losses of rungs and targets beside the law's; see `explain.loss_table`."""
        fit = self._fitted()
        evidence, n = fit.evidence, fit.evidence.n_rungs
        rungs = Points(evidence.flops[:n], evidence.params[:n], evidence.tokens[:n])
        fitted = log_loss_law(fit.draws, fit.scale, rungs)
        return explain.loss_table(evidence, fitted, names, ahead, points.flops)

    def _score_map(self, ahead: Scores, points: Points) -> xr.Dataset:
        """Latent score against loss: `score[sample, loss, benchmark]`."""
        fit, draws = self._fitted(), self._fitted().draws
        reached = progress_of(draws, fit.scale, ahead.latent_log_loss, points.flops).mean(axis=0).max()
        furthest = max(float(draws.furthest.mean()), float(reached))
        step = max(1, len(draws) // PLOT_SAMPLES)
        curves = explain.score_map(fit.evidence, draws, fit.scale, furthest)
        return curves.isel(sample=slice(None, None, step)).sel(benchmark=self._reported)

    @property
    def _reported(self) -> list[str]:
        """Benchmarks that are reported: all but the refused ones."""
        return [name for name in self._fitted().evidence.benchmarks if name not in self.refused]

    def _of_reported(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["benchmark"].isin(self._reported)].reset_index(drop=True)

    @property
    def draws(self) -> Draws:
        """Posterior draws of both stages."""
        return self._fitted().draws

    @property
    def gate_passed(self) -> bool:
        """Whether the fit passed its gate, judged at the last rung."""
        self._fitted()
        return self._refused is not None

    @property
    def refused(self) -> tuple[str, ...]:
        """Benchmarks that are not reported, as the chains disagree on them and on nothing else."""
        self._fitted()
        return self._refused or ()
