"""Bayesian COD: the forecaster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecasts import Explanation, Forecast
from bayes_cod.forecasts.explanation import compute_grid
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models import sampling as mcmc
from bayes_cod.models.cod import conditional, graph, path_graph
from bayes_cod.models.cod.anchors import with_anchors
from bayes_cod.models.cod.arrays import Shape, arrays
from bayes_cod.models.cod.description import Description, cluster_rates, describe
from bayes_cod.models.cod.grouping import REST, Evidence, GroupingSettings, gather
from bayes_cod.models.cod.learnt_prior import LearntPrior
from bayes_cod.models.cod.predict import Draws, Scores, along, predict
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.cod.readings import Reading
from bayes_cod.models.cod.rung_check import rung_check
from bayes_cod.models.cod.sensitivity import forecast_sensitivity
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

FAR_DECADES = 2.0
NEAR_CHANCE = 0.02
PLOT_SAMPLES = 500

SAMPLER = SamplerSettings(retry_times=4)
"""A fit that the gate refuses mostly has one benchmark whose rise is a jump or luck, and needs many draws."""

_GATE_AHEAD = (0.0, 0.5, 1.0)
_models = CompiledModels()


class BayesianCOD:
    """Hierarchical laws over benchmarks and clusters of questions, with effective compute as a random walk.

    Satisfies `bayes_cod.forecasts.Forecaster`.

    Parameters
    ----------
    seed
        Seed of the split of trials, the sampler and the noise ahead.
    priors
        See `Priors`; or a `LearntPrior` (or its record), which also says what it was learnt from.
    grouping
        See `GroupingSettings`.
    sampler
        See `SamplerSettings`.
    sampling
        Settings that replace single ones of the sampler (`draws`, `chains`, ...).
    name
        How the method is called in tables.
    anchors
        Items of up to four models of other families that inform the map (`with_anchors`), for clusters in the model.
    retry
        Whether draws that do not pass the gate are drawn once more, longer.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: Priors | LearntPrior | Mapping[str, Any] | None = None,
        grouping: GroupingSettings | None = None,
        sampler: SamplerSettings | None = None,
        sampling: Mapping[str, Any] | None = None,
        name: str = "bayes-cod",
        anchors: Ladder | None = None,
        retry: bool = True,
    ) -> None:
        self.seed = seed
        self.retry = retry
        self.anchors = anchors
        if isinstance(priors, Mapping):
            priors = LearntPrior.of(priors)
        self.learnt = priors if isinstance(priors, LearntPrior) else None
        self.priors = priors.priors if isinstance(priors, LearntPrior) else priors or Priors()
        self.grouping = grouping or GroupingSettings()
        self.sampler = replace(sampler or SAMPLER, **(sampling or {}))
        self._name = name
        self._evidence: Evidence | None = None
        self._readings: list[list[Reading]] | None = None
        self._draws: Draws | None = None
        self._tree: xr.DataTree | None = None
        self._gate: Gate | None = None
        self._described: Description | None = None
        self._sample: Callable[..., xr.DataTree] | None = None
        self._again = False
        self._families = 1

    @property
    def name(self) -> str:
        """Name in tables, reports and on the command line."""
        return self._name

    def taught_by(self, family: str, models: Collection[str]) -> str:
        """What of a family the prior was learnt from, in words; empty if nothing."""
        return self.learnt.overlap(family, models) if self.learnt is not None else ""

    # ---------------------------------------------------------------- fit

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Sample the posterior given a ladder's rungs.

        Parameters
        ----------
        ladder
            One family's rungs with question-level counts.
        pool
            Other families' ladders: their curves share slopes, curvature and the scales of luck with this one.

        Raises
        ------
        InputError
            With fewer than two rungs, without an items table, or if the prior was learnt from a family of the pool.
        """
        self._check_pool(pool)
        evidence = gather(ladder, self.grouping, self.seed)
        if self.anchors is not None:
            evidence = with_anchors(evidence, self.anchors)
        return self.fit_evidence(evidence, self._pooled(pool) if pool is not None else ())

    def fit_evidence(self, evidence: Evidence, pooled: Sequence[Evidence] = ()) -> Self:
        """Sample the posterior given questions that were grouped before, those of pooled families with them."""
        together = (evidence, *pooled)
        self._evidence, self._families = evidence, len(together)
        if path_graph.one_group_each(together):
            found = path_graph.read(evidence, self.priors, pooled)
            size = path_graph.PathShape.of(together, found)
            compiled = _models.get(size, lambda: path_graph.build(size))
            data = path_graph.arrays(together, found, size, self.priors)
            self._readings = found[0]
        else:
            shape = Shape.of(together)
            compiled = _models.get(shape, lambda: graph.build(shape))
            data = arrays(together, shape, self.priors)
            self._readings = None
        self._sample = partial(mcmc.sample, compiled, data, self.sampler, self.seed)
        self._draw(retry=False)
        self._judged(())
        return self

    def _draw(self, *, retry: bool) -> None:
        evidence = self._evidence
        assert evidence is not None and self._sample is not None
        self._tree = self._sample(retry=retry)
        posterior = self._tree["posterior"].to_dataset()
        if self._readings is None:
            self._draws = Draws.of(posterior, evidence)
        else:
            self._draws = conditional.draw(posterior, evidence, self._readings, self.priors, self.seed)
        self._described, self._again = None, retry

    def _judged(self, targets: Sequence[Target]) -> None:
        """Judge the draws at some distances and at targets; where they fail, sample once more, longer."""
        decades = np.concatenate([np.array(_GATE_AHEAD), self._decades(targets)])
        labels = [f"{d:g} decades ahead" for d in _GATE_AHEAD] + [f"target {target.name}" for target in targets]
        self._gate = self._judge(decades, labels)
        if self.retry and not self._gate.passed and not self._again:
            self._draw(retry=True)
            self._gate = self._judge(decades, labels)

    def _pooled(self, pool: Ladder) -> tuple[Evidence, ...]:
        """Evidence of the pool's families, one group a benchmark; families that can teach nothing are left out."""
        whole = replace(self.grouping, clusters="none")
        found = []
        for family in sorted(pool.families):
            if len(pool.rungs(family)) >= 2:
                with suppress(InputError):
                    found.append(gather(pool.select(family=family), whole, self.seed))
        return tuple(found)

    def _check_pool(self, pool: Ladder | None) -> None:
        for family in sorted(pool.families) if pool is not None else ():
            assert pool is not None
            if seen := self.taught_by(family, [str(name) for name in pool.rungs(family)["model"]]):
                raise InputError(
                    f"the prior was learnt from {seen}, which is in the pool too, so that its results would count "
                    "twice; use --pool none, or a prior learnt without it"
                )

    def _judge(self, decades: NDArray[np.float64], labels: Sequence[str]) -> Gate:
        evidence, draws, tree = self._fitted()
        latent = predict(evidence, draws, decades, self.priors, self.seed).latent
        return mcmc.gate(mcmc.by_label("latent score", evidence.benchmarks, labels, latent, tree), tree)

    @property
    def draws(self) -> Draws:
        """Posterior draws of the ladder's own parameters."""
        return self._fitted()[1]

    def _fitted(self) -> tuple[Evidence, Draws, xr.DataTree]:
        if self._evidence is None or self._draws is None or self._tree is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._evidence, self._draws, self._tree

    # ---------------------------------------------------------------- forecast

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Posterior predictive scores of targets on every benchmark of the fitted ladder.

        Draws that do not pass the gate at a target are drawn once more, longer, unless the fit has done so; the fit
        keeps its own.

        Raises
        ------
        InputError
            Without a target.
        """
        self._fitted()
        if not targets:
            raise InputError("no target was given; name one, or give its compute in FLOPs")
        return copy(self)._forecast(targets, explain)

    def _forecast(self, targets: Sequence[Target], explain: bool) -> Forecast:
        """Of a copy, whose draws may be other ones afterwards."""
        self._judged(targets)
        assert self._gate is not None
        evidence, draws, _ = self._fitted()
        decades = self._decades(targets)
        scores = predict(evidence, draws, decades, self.priors, self.seed)
        forecast = Forecast.from_draws(
            scores.observed,
            scores.latent,
            targets,
            evidence.benchmarks,
            self.name,
            self._facts(targets, decades),
            diagnostics=self._gate.table,
        )
        return replace(forecast, explanation=self._explanation(forecast, targets)) if explain else forecast

    def _explanation(self, forecast: Forecast, targets: Sequence[Target]) -> Explanation:
        evidence, _, tree = self._fitted()
        grid = compute_grid(evidence.rungs["flops"], [target.flops for target in targets])
        return Explanation(
            curves=self.curves(grid),
            clusters=self.clusters(),
            cluster_curves=self.cluster_curves(grid),
            cluster_observations=self.cluster_observations(),
            prior_sensitivity=self.prior_sensitivity(forecast),
            rung_check=self.rung_check(),
            posterior=tree,
        )

    def _decades(self, targets: Sequence[Target]) -> NDArray[np.float64]:
        return self._beyond(np.array([target.flops for target in targets]))

    def _beyond(self, flops: NDArray[np.float64]) -> NDArray[np.float64]:
        """Decades of compute from the last rung."""
        evidence, _, _ = self._fitted()
        return np.asarray(np.log10(flops) - np.log10(float(evidence.rungs["flops"].iloc[-1])))

    def _facts(self, targets: Sequence[Target], decades: NDArray[np.float64]) -> dict[str, Any]:
        evidence, _, _ = self._fitted()
        return {
            "decades": {target.name: float(d) for target, d in zip(targets, decades, strict=True)},
            "share_extrapolating": self._share_extrapolating(),
            "warnings": self._warnings(targets, decades),
            "settings": {
                "priors": asdict(self.priors),
                "grouping": asdict(self.grouping),
                "sampler": asdict(self.sampler),
                "seed": self.seed,
                "prior_learnt_from": None if self.learnt is None else self.learnt.origin()["families"],
            },
            "n_rungs": len(evidence.decades),
        }

    def _share_extrapolating(self) -> dict[str, float]:
        """Expected share of a benchmark's questions that follow the law."""
        table = self.clusters()
        share = (table["weight"] * table["p_law"]).groupby(table["benchmark"]).sum()
        return {str(name): float(value) for name, value in share.items()}

    def _warnings(self, targets: Sequence[Target], decades: NDArray[np.float64]) -> list[str]:
        evidence, _, _ = self._fitted()
        found = list(evidence.notes)
        for family in dict.fromkeys([*evidence.rungs["family"].astype(str), *(target.family for target in targets)]):
            if seen := self.taught_by(family, [*evidence.rungs["model"], *(target.name for target in targets)]):
                found.append(
                    f"the prior was learnt from {seen}: results of this family count twice, and intervals are too "
                    "narrow; use a prior learnt from other families"
                )
        if len(evidence.decades) == 2:
            found.append("two rungs only: the slope rests on the prior; intervals are wide on purpose")
        for target, distance in zip(targets, decades, strict=True):
            if distance > FAR_DECADES:
                found.append(
                    f"{target.name} lies {distance:.1f} decades beyond the last rung; no ladder tested here "
                    "supports a forecast that far"
                )
            if distance <= 0:
                found.append(f"{target.name} lies within the ladder: this is an interpolation")
        observations = self.cluster_observations()
        score = observations.assign(part=observations["weight"] * observations["pass_rate"])
        by_rung = score.groupby(["benchmark", "model"])["part"].sum().groupby("benchmark").max()
        for benchmark, chance in zip(evidence.benchmarks, evidence.chance, strict=True):
            known = 0.0 if np.isnan(chance) else float(chance)
            if float(by_rung[benchmark]) < known + NEAR_CHANCE:
                found.append(f"{benchmark}: at chance on every rung; when it will emerge cannot be known from these")
        return found

    # ---------------------------------------------------------------- what a report shows

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws and sampler statistics; padded entries of the last axes carry the prior."""
        return self._fitted()[2]

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

    def clusters(self) -> pd.DataFrame:
        """Groups of questions and what they do.

        Returns
        -------
        pandas.DataFrame
            benchmark, cluster, n_questions, weight (share of the benchmark), p_law, p_flat, p_irregular (posterior
            probabilities; 0 for a rest that goes through the map), kind.
        """
        evidence, draws, _ = self._fitted()
        probability = draws.class_probability.mean(axis=0)
        rows = [
            (group, *p)
            for group, p in zip(evidence.groups, probability, strict=True)
            if group.benchmark not in self._described_benchmarks()
        ]
        if evidence.described:
            rows += [(g, *p) for g, p in zip(evidence.described, self._description().probability, strict=True)]
        table = [
            (g.benchmark, g.name, len(g.questions), g.weight, *p, graph.CLASSES[int(np.argmax(p))]) for g, *p in rows
        ]
        table += [(g.benchmark, REST, len(g.questions), g.weight, 0.0, 0.0, 0.0, "map") for g in evidence.rest]
        columns = ["benchmark", "cluster", "n_questions", "weight", "p_law", "p_flat", "p_irregular", "kind"]
        return pd.DataFrame(table, columns=columns).sort_values(["benchmark", "cluster"], ignore_index=True)

    def _described_benchmarks(self) -> set[str]:
        evidence, _, _ = self._fitted()
        return {group.benchmark for group in evidence.described}

    def _description(self) -> Description:
        """Clusters along the paths of some draws; made once a fit."""
        evidence, draws, _ = self._fitted()
        if self._described is None:
            some = draws.thinned(PLOT_SAMPLES)
            owner = evidence.benchmark_index(evidence.described)
            rng = np.random.default_rng([self.seed, 1])
            self._described = describe(evidence.described, owner, some.path, some.floor, some.top, self.priors, rng)
        return self._described

    def cluster_observations(self) -> pd.DataFrame:
        """Pass rates of the groups at the rungs: benchmark, cluster, weight, model, flops, pass_rate."""
        evidence, _, _ = self._fitted()
        hidden = self._described_benchmarks()
        groups = [group for group in evidence.groups if group.benchmark not in hidden]
        rows = [
            (group.benchmark, group.name, group.weight, str(model), float(flops), k / n)
            for group in (*groups, *evidence.described, *evidence.rest)
            for model, flops, n, k in zip(
                evidence.rungs["model"], evidence.rungs["flops"], group.n_trials, group.n_correct, strict=True
            )
            if n > 0
        ]
        return pd.DataFrame(rows, columns=["benchmark", "cluster", "weight", "model", "flops", "pass_rate"])

    def curves(self, flops: NDArray[np.float64]) -> xr.Dataset:
        """Scores along compute: `latent` and `observed` over (sample, flops, benchmark), fractions."""
        evidence, _, _ = self._fitted()
        scores = self._along(flops)
        dims = ("sample", "flops", "benchmark")
        return xr.Dataset(
            {"latent": (dims, scores.latent), "observed": (dims, scores.observed)},
            coords={"flops": np.asarray(flops, dtype=float), "benchmark": list(evidence.benchmarks)},
        )

    def cluster_curves(self, flops: NDArray[np.float64]) -> xr.Dataset:
        """Pass rates of the groups along compute: `pass_rate[sample, flops, cluster]`, fractions."""
        evidence, draws, _ = self._fitted()
        hidden = self._described_benchmarks()
        shown = [i for i, group in enumerate(evidence.groups) if group.benchmark not in hidden]
        groups = [evidence.groups[i] for i in shown]
        rates = self._along(flops).group_rates[..., shown]
        if evidence.described:
            some = draws.thinned(PLOT_SAMPLES)
            owner = evidence.benchmark_index(evidence.described)
            growth = along(evidence, some, self._beyond(np.asarray(flops, dtype=float)), self.seed)
            own = cluster_rates(self._description(), owner, growth, some.floor, some.top)
            rates, groups = np.concatenate([rates, own], axis=2), [*groups, *evidence.described]
        return xr.Dataset(
            {"pass_rate": (("sample", "flops", "cluster"), rates)},
            coords={
                "flops": np.asarray(flops, dtype=float),
                "cluster": ("cluster", [group.name for group in groups]),
                "benchmark": ("cluster", [group.benchmark for group in groups]),
            },
        )

    def _along(self, flops: NDArray[np.float64]) -> Scores:
        evidence, draws, _ = self._fitted()
        some = draws.thinned(PLOT_SAMPLES)
        return predict(evidence, some, self._beyond(np.asarray(flops, dtype=float)), self.priors, self.seed)

    # ---------------------------------------------------------------- checks

    def prior_sensitivity(self, forecast: Forecast) -> pd.DataFrame:
        """How a forecast of this fit moves when groups of priors count for half or twice as much.

        Returns
        -------
        pandas.DataFrame
            See `bayes_cod.models.cod.sensitivity.forecast_sensitivity`.
        """
        evidence, draws, tree = self._fitted()
        if forecast.draws.sizes["sample"] != len(draws):
            raise InputError(
                f"the forecast has {forecast.draws.sizes['sample']} draws and this fit {len(draws)}; "
                "give a forecast that this fit made last"
            )
        posterior = tree["posterior"].to_dataset()
        return forecast_sensitivity(forecast, posterior, draws, evidence, self.priors, self._families)

    def rung_check(self) -> pd.DataFrame:
        """What was seen at the rungs beside what the fit expects there; see `bayes_cod.models.cod.rung_check`."""
        evidence, draws, _ = self._fitted()
        return rung_check(evidence, draws, self.priors, self.seed)
