"""Bayesian FLP: the forecaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod import sampling
from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flp import graph
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.predict import Draws, Points, Scores, predict
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.sampling import CompiledModels, Gate, SamplerSettings

FAR_DECADES = 2.0
SAMPLER = SamplerSettings(draws=400, tune=400, chains=2, target_accept=0.9, retry_accept=0.97)
FORMS = {"logistic": 1.0, "gompertz": 0.1}
"""Forms of the map from progress to score, with the skew of each."""

_models = CompiledModels()


class BayesianFLP:
    """Loss law and map from loss to score in one model, benchmarks pooled.

    Satisfies `bayes_cod.forecaster.Forecaster` and `Sampled`.

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
    forms
        Forms of the map from progress to score by name, with the skew of each; their forecasts count alike.
    name
        How the method is called in tables.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: Priors | None = None,
        evidence: EvidenceSettings | None = None,
        sampler: SamplerSettings | None = None,
        forms: Mapping[str, float] | None = None,
        name: str = "bayes-flp",
    ) -> None:
        self.seed = seed
        self.priors = priors or Priors()
        self.settings = evidence or EvidenceSettings()
        self.sampler = sampler or SAMPLER
        self.forms = dict(forms or FORMS)
        self._name = name
        self._evidence: Evidence | None = None
        self._scale: Scale | None = None
        self._draws: Draws | None = None
        self._trees: dict[str, xr.DataTree] = {}
        self._gate: Gate | None = None

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
            Not used by this model.

        Raises
        ------
        InputError
            Without losses, or with fewer than three rungs that have losses and scores.
        """
        evidence = gather(ladder, self.settings)
        self._evidence, self._scale = evidence, Scale.of(evidence)
        shape = graph.Shape.of(evidence)
        loss = _models.get(("loss", shape), lambda: graph.build_loss(shape))
        score = _models.get(("score", shape), lambda: graph.build_score(shape))
        for retry in (False, True):
            self._trees = self._sample(loss, score, shape, retry=retry)
            self._draws = Draws.join([self._draws_of(form) for form in self.forms])
            self._gate = self._judge(self._rungs_as_points(), ["last rung"])
            if self._gate.passed or self.sampler.retry_accept == self.sampler.target_accept:
                break
        return self

    def _sample(self, loss: Any, score: Any, shape: graph.Shape, *, retry: bool) -> dict[str, xr.DataTree]:
        """Both stages: the losses of the rungs are data of both, so their posteriors are independent."""
        assert self._evidence is not None and self._scale is not None
        data = graph.arrays(self._evidence, self._scale, shape, self.priors)
        low_rank = replace(self.sampler, adaptation="low_rank")
        trees = {"loss": sampling.sample(loss, graph.of_stage(data, "loss"), low_rank, self.seed, retry=retry)}
        for name, skew in self.forms.items():
            own = graph.of_stage(data, "score") | {"skew": np.array([skew])}
            trees[name] = sampling.sample(score, own, self.sampler, self.seed, retry=retry)
        return trees

    def _draws_of(self, form: str) -> Draws:
        assert self._evidence is not None
        loss, score = (self._trees[name]["posterior"].to_dataset() for name in ("loss", form))
        return Draws.of(loss, score, self._evidence, self.forms[form])

    def _rungs_as_points(self) -> Points:
        evidence, _, _ = self._fitted()
        last = evidence.n_rungs - 1
        return Points(evidence.flops[[last]], evidence.params[[last]], evidence.tokens[[last]])

    def _judge(self, points: Points, labels: Sequence[str]) -> Gate:
        """The gate of every form; chains of different forms are not one another's copies."""
        tables = []
        for form, tree in self._trees.items():
            if form == "loss":
                continue
            evidence, scale, _ = self._fitted()
            draws = self._draws_of(form)
            scores = predict(evidence, draws, scale, self.priors, points, self.seed)
            reported = _reported(f"latent score, {form}", evidence.benchmarks, labels, scores.latent, tree)
            if not tables:
                losses = _reported("log loss", evidence.series, labels, scores.latent_log_loss, tree)
                tables.append(sampling.gate(losses, self._trees["loss"]).table)
            tables.append(sampling.gate(reported, tree).table)
        return Gate(pd.concat(tables, ignore_index=True))

    def _fitted(self) -> tuple[Evidence, Scale, Draws]:
        if self._evidence is None or self._scale is None or self._draws is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._evidence, self._scale, self._draws

    def forecast(self, targets: Sequence[Target]) -> Forecast:
        """Posterior predictive scores of targets on every benchmark of the fitted ladder.

        Raises
        ------
        InputError
            Without a target, or without its size and tokens where the ladder has them.
        """
        evidence, scale, draws = self._fitted()
        points = self._points(targets)
        scores = predict(evidence, draws, scale, self.priors, points, self.seed)
        self._gate = self._judge(points, [f"target {target.name}" for target in targets])
        return Forecast.from_draws(
            scores.observed, scores.latent, targets, evidence.benchmarks, self.name, self._facts(targets, scores)
        )

    def _points(self, targets: Sequence[Target]) -> Points:
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        evidence, _, _ = self._fitted()
        for target in targets:
            if evidence.sized and (target.params is None or target.tokens is None):
                raise InputError(
                    f"the method '{self.name}' needs size and tokens of the target '{target.name}', as the ladder's "
                    "models have them; give --target-params and --target-tokens"
                )
        return Points(
            np.array([target.flops for target in targets], dtype=float),
            np.array([np.nan if target.params is None else target.params for target in targets], dtype=float),
            np.array([np.nan if target.tokens is None else target.tokens for target in targets], dtype=float),
        )

    def _facts(self, targets: Sequence[Target], scores: Scores) -> dict[str, Any]:
        evidence, scale, draws = self._fitted()
        decades = [(float(np.log(target.flops)) - scale.log_flops) / np.log(10) for target in targets]
        return {
            "decades": dict(zip([target.name for target in targets], decades, strict=True)),
            "settings": {
                "priors": asdict(self.priors),
                "evidence": asdict(self.settings),
                "sampler": asdict(self.sampler),
                "seed": self.seed,
            },
            "n_rungs": evidence.n_rungs,
            "warnings": [*evidence.notes],
        }

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws and sampler statistics; padded entries of the last axes carry the prior."""
        self._fitted()
        return xr.DataTree.from_dict(
            {f"{form}/{group}": node.to_dataset() for form, tree in self._trees.items() for group, node in tree.children.items()}
        )

    @property
    def diagnostics(self) -> pd.DataFrame:
        """One row a reported quantity: r_hat, ess_bulk, ess_tail, passed; then divergences and E-BFMI."""
        self._fitted()
        assert self._gate is not None
        return self._gate.table

    @property
    def gate_passed(self) -> bool:
        """Whether every diagnostic allows the result to be reported."""
        self._fitted()
        return self._gate is not None and self._gate.passed


def _reported(
    kind: str, names: Sequence[str], labels: Sequence[str], array: NDArray[np.float64], tree: xr.DataTree
) -> dict[str, NDArray[np.float64]]:
    """Draws ``(chain, draw)`` by name, from ``(sample, point, name)``."""
    by_chain = array.reshape(tree["posterior"].sizes["chain"], -1, *array.shape[1:])
    return {
        f"{kind}, {name}, {label}": by_chain[:, :, p, b]
        for p, label in enumerate(labels)
        for b, name in enumerate(names)
    }
