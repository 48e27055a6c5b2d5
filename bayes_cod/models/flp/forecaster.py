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
from bayes_cod.models.flp import explain
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.posterior import Posterior
from bayes_cod.models.flp.predict import Draws, Points, Scores, log_loss_law, predict
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import Gate, SamplerSettings

SAMPLER = SamplerSettings(draws=1000, tune=400, chains=2, target_accept=0.95, retry_accept=0.97, adaptation="auto")
REFUSED_AT_MOST = 0.2
FAR_DECADES = 2.0
NOT_EMERGED = 0.5
PLOT_SAMPLES = 400

FORMS = {"logistic": 1.0, "skewed": 0.3}
"""Forms of the map from progress to score, with the skew of each."""


class BayesianFLP:
    """Loss law and map from loss to score in one model, benchmarks pooled.

    Satisfies `bayes_cod.forecasts.Forecaster`.

    Parameters
    ----------
    seed
        Seed of the sampler and of the luck and noise ahead.
    priors
        See `Priors`.
    evidence
        See `EvidenceSettings`.
    sampler
        See `SamplerSettings`.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    forms
        Forms of the map from progress to score by name, with the skew of each; their forecasts count alike.
    name
        How the method is called in tables.
    retry
        Whether a stage or form whose draws do not pass the gate of a forecast is drawn on, or once more, longer or in
        smaller steps.
    refused_at_most
        Share of the benchmarks that may be left out where chains disagree on them alone; beyond it all is refused.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: Priors | None = None,
        evidence: EvidenceSettings | None = None,
        sampler: SamplerSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
        forms: Mapping[str, float] | None = None,
        name: str = "bayes-flp",
        retry: bool = True,
        refused_at_most: float = REFUSED_AT_MOST,
    ) -> None:
        self.seed = seed
        self.retry = retry
        self.refused_at_most = refused_at_most
        self.priors = priors or Priors()
        self.settings = evidence or EvidenceSettings()
        self.sampler = replace(sampler or SAMPLER, **(sampling or {}))
        self.forms = dict(forms or FORMS)
        self._name = name
        self._posterior: Posterior | None = None
        self._gate: Gate | None = None
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
            Other families, which tell where benchmarks rise at a loss, and how losses depart from the law.

        Raises
        ------
        InputError
            Without losses, or with fewer than three rungs that have losses and scores.
        """
        evidence = gather(ladder, self.settings, pool)
        return self.fit_evidence(evidence, Scale.of(evidence))

    def fit_evidence(self, evidence: Evidence, scale: Scale) -> Self:
        """Sample the posterior given losses and scores that were gathered before."""
        self._posterior = Posterior(evidence, scale, self.priors, self.forms, self.sampler, self.seed)
        last = [evidence.n_rungs - 1]
        at_last = Points(evidence.flops[last], evidence.params[last], evidence.tokens[last])
        self._judge(at_last, ["last rung"], retry=False)  # a forecast is judged at its targets
        return self

    def _judge(self, points: Points, labels: Sequence[str], *, retry: bool) -> None:
        """Whether what is said of points may be reported, and of which benchmarks."""
        assert self._posterior is not None
        self._gate = self._posterior.judge(points, labels, retry=retry)
        alone = self._posterior.disagreed_on(self._gate, labels)
        few = alone is not None and len(alone) <= self.refused_at_most * len(self._posterior.evidence.benchmarks)
        self._refused = alone if few else None

    def _fitted(self) -> tuple[Evidence, Scale, Draws]:
        if self._posterior is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._posterior.evidence, self._posterior.scale, self._posterior.draws

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Posterior predictive scores of targets on the benchmarks of the fitted ladder.

        What does not pass the gate at a target is drawn on; the fit keeps its own draws.

        Returns
        -------
        Forecast
            Of all benchmarks but those of `refused`.

        Raises
        ------
        InputError
            Without a target, or without its size and tokens where the ladder has them.
        """
        points = self._points(targets)
        own = copy(self)
        own._posterior = self._of_fit().copy()
        return own._forecast(targets, points, explain)

    def _forecast(self, targets: Sequence[Target], points: Points, explain: bool) -> Forecast:
        """Of a copy, whose posterior may be drawn on."""
        self._judge(points, [f"target {target.name}" for target in targets], retry=self.retry)
        evidence, scale, draws = self._fitted()
        scores = predict(evidence, draws, scale, self.priors, points, self.seed)
        kept = self._reported
        is_kept = np.isin(evidence.benchmarks, kept)
        observed, latent = scores.observed[..., is_kept], scores.latent[..., is_kept]
        facts = self._facts(targets, observed)
        assert self._gate is not None
        explanation = None
        if explain:
            names = [target.name for target in targets]
            explanation = self._explanation(names, scores, points)
        return Forecast.from_draws(
            observed,
            latent,
            targets,
            kept,
            self.name,
            facts,
            diagnostics=self._gate.table,
            explanation=explanation,
        )

    def _explanation(self, names: Sequence[str], ahead: Scores, points: Points) -> Explanation:
        evidence, scale, draws = self._fitted()
        return Explanation(
            loss_table=self._loss_table(names, ahead, points),
            score_map=self._score_map(ahead, points),
            map_observations=self._of_reported(explain.observations(evidence)),
            emergence=self._of_reported(explain.emergence(evidence, draws, scale)),
            posterior=self._of_fit().tree,
        )

    def _of_fit(self) -> Posterior:
        self._fitted()
        assert self._posterior is not None
        return self._posterior

    def _points(self, targets: Sequence[Target]) -> Points:
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        evidence, _, _ = self._fitted()
        for target in targets:
            if evidence.sized and (target.params is None or target.tokens is None):
                raise InputError(
                    f"the method '{self.name}' needs size and tokens of the target '{target.name}', as the ladder's "
                    "models have them; give `target_params` and `target_tokens`"
                )
        return Points.of(targets)

    def _facts(self, targets: Sequence[Target], observed: NDArray[np.float64]) -> dict[str, Any]:
        evidence, scale, draws = self._fitted()
        decades = [(float(np.log(target.flops)) - scale.log_flops) / np.log(10) for target in targets]
        weight = dict(zip((*evidence.series, "compute"), draws.weight.mean(axis=0).tolist(), strict=True))
        return {
            "decades": dict(zip([target.name for target in targets], decades, strict=True)),
            "mean_over_benchmarks": mean_over_benchmarks(observed, [target.name for target in targets]),
            "refused": list(self.refused),
            "weights": weight,
            "walks": {"shared": float(draws.shared_walk.mean()), "own": float(draws.own_walk.mean())},
            "warnings": self._warnings(targets, decades),
            "settings": {
                "priors": asdict(self.priors),
                "evidence": asdict(self.settings),
                "sampler": asdict(self.sampler),
                "forms": self.forms,
                "refused_at_most": self.refused_at_most,
                "seed": self.seed,
            },
            "n_rungs": evidence.n_rungs,
        }

    def _warnings(self, targets: Sequence[Target], decades: Sequence[float]) -> list[str]:
        evidence, scale, draws = self._fitted()
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
        emerged = explain.emergence(evidence, draws, scale).set_index("benchmark")["p_emerged"]
        silent = [name for name in self._reported if emerged[name] < NOT_EMERGED]
        elsewhere = explain.emerged_elsewhere(evidence)
        for what, names in (
            ("when they emerge cannot be known from these", [name for name in silent if name not in elsewhere]),
            ("when they emerge rests on the pooled families", [name for name in silent if name in elsewhere]),
        ):
            if names:
                shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
                found.append(f"at their floor on every rung; {what}: {shown}")
        return found

    # ---------------------------------------------------------------- what a report shows

    def _loss_table(self, names: Sequence[str], ahead: Scores, points: Points) -> pd.DataFrame:
        """Losses of rungs and targets beside the law's; see `explain.loss_table`."""
        evidence, scale, draws = self._fitted()
        n = evidence.n_rungs
        rungs = Points(evidence.flops[:n], evidence.params[:n], evidence.tokens[:n])
        fitted = log_loss_law(draws, scale, self.priors, rungs)
        return explain.loss_table(evidence, fitted, names, ahead, points.flops)

    def _score_map(self, ahead: Scores, points: Points) -> xr.Dataset:
        """Latent score against loss: `score[sample, loss, benchmark]`."""
        evidence, scale, draws = self._fitted()
        progress = scale.progress(ahead.latent_log_loss, points.flops)
        reached = float((progress * draws.weight[:, None, :]).sum(axis=-1).mean(axis=0).max())
        furthest = max(float(draws.furthest.mean()), reached)
        step = max(1, len(draws) // PLOT_SAMPLES)
        curves = explain.score_map(evidence, draws, scale, furthest)
        return curves.isel(sample=slice(None, None, step)).sel(benchmark=self._reported)

    @property
    def _reported(self) -> list[str]:
        """Benchmarks that are reported: all but the refused ones."""
        return [name for name in self._fitted()[0].benchmarks if name not in self.refused]

    def _of_reported(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["benchmark"].isin(self._reported)].reset_index(drop=True)

    @property
    def draws(self) -> Draws:
        """Posterior draws of all forms."""
        return self._fitted()[2]

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
