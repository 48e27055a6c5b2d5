"""Bayesian FLP: the forecaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, Self

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from bayes_cod import sampling
from bayes_cod.errors import BayesCodError, InputError
from bayes_cod.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flp import explain, graph
from bayes_cod.models.flp.evidence import Evidence, EvidenceSettings, gather
from bayes_cod.models.flp.predict import Draws, Points, Scores, log_loss_law, predict
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.flp.redraw import ROUNDS, redraw
from bayes_cod.sampling import CompiledModels, Gate, SamplerSettings

LOSS: Final = "loss"
SCORE: Final = "score"
LOSS_THIN = 8
"""Draws of the loss stage, which is fast and correlated, for each that is kept."""
RETRY_DRAWS = 2
"""Draws of the one retry, in multiples of the twofold that a retry takes anyhow: benchmarks near chance move slowly."""
MORE_ROUNDS = 8
"""Rounds in which a form's parts are drawn on without the sampler where chains disagree on scores alone."""
CAREFUL_ACCEPT = 0.99
"""Target acceptance of the retry where nothing but divergences failed: more draws would only bring more of them."""
SAMPLER = SamplerSettings(draws=1000, tune=400, chains=2, target_accept=0.95, retry_accept=0.97, adaptation="auto")
REFUSED_AT_MOST = 0.2
FAR_DECADES = 2.0
NOT_EMERGED = 0.5
PLOT_SAMPLES = 400
MEAN_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MEAN_COLUMNS = ("q05", "q25", "q50", "q75", "q95")

FORMS = {"logistic": 1.0, "skewed": 0.3}
"""Forms of the map from progress to score, with the skew of each."""

_models = CompiledModels()


def _draw_loss(
    shape: graph.Shape, data: Mapping[str, NDArray[Any]], settings: SamplerSettings, seed: int
) -> xr.DataTree:
    """The loss stage: the losses of the rungs are data of both stages, so their posteriors are independent."""
    compiled = _models.get((LOSS, shape), lambda: graph.build_loss(shape))
    longer = replace(settings, draws=settings.draws * LOSS_THIN, adaptation="low_rank")
    long = sampling.sample(compiled, graph.of_stage(data, LOSS), longer, seed)
    return long.isel(draw=slice(None, None, LOSS_THIN))


def _latent(form: str) -> str:
    """What diagnostics call the latent scores of a form."""
    return f"latent score, {form}"


def _scores_of(form: str, benchmarks: Sequence[str], labels: Sequence[str]) -> frozenset[str]:
    """What diagnostics call the latent scores of benchmarks at points, by their labels."""
    return frozenset(sampling.quantity(_latent(form), name, label) for name in benchmarks for label in labels)


class BayesianFLP:
    """Loss law and map from loss to score in one model, benchmarks pooled.

    Satisfies `bayes_cod.forecaster.Forecaster` and `Staged`.

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
    retry
        Whether a stage or form whose draws do not pass the gate is drawn on, or once more, longer or in smaller steps.
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
        self.sampler = sampler or SAMPLER
        self.forms = dict(forms or FORMS)
        self._name = name
        self._evidence: Evidence | None = None
        self._scale: Scale | None = None
        self._draws: Draws | None = None
        self._trees: dict[str, xr.DataTree] = {}
        self._drawn_on: set[str] = set()
        self._drawn_again: set[str] = set()
        self._gate: Gate | None = None
        self._refused: tuple[str, ...] | None = None
        self._targets: tuple[str, ...] = ()
        self._ahead: Scores | None = None
        self._points_ahead: Points | None = None

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
        self._evidence, self._scale = evidence, scale
        self._ahead = self._points_ahead = None
        self._trees, self._drawn_on, self._drawn_again = {}, set(), set()
        self._draw(dict.fromkeys([LOSS, *self.forms], self.sampler))
        self._gated(self._rungs_as_points(), ["last rung"])
        return self

    def _draw(self, parts: Mapping[str, SamplerSettings]) -> None:
        """Draws of the loss stage, of forms, or of both."""
        shape, data = self._arrays()
        loss, forms = ([part for part in parts if (part == LOSS) == is_loss] for is_loss in (True, False))
        beside = 1 if (LOSS, shape) in _models else 2  # compiled in a process of its own while the forms are
        drawn = Parallel(n_jobs=beside, backend="loky", return_as="generator")(
            delayed(_draw_loss)(shape, data, parts[part], self.seed) for part in loss
        )
        self._trees |= {form: self._draw_form(form, parts[form]) for form in forms}
        self._trees |= dict(zip(loss, drawn, strict=True))
        self._join()

    def _join(self) -> None:
        most = max(self._n_draws(form) for form in self.forms)  # forms count alike
        self._draws = Draws.join([self._draws_of(form, most) for form in self.forms])

    def _arrays(self) -> tuple[graph.Shape, dict[str, NDArray[Any]]]:
        assert self._evidence is not None and self._scale is not None
        shape = graph.Shape.of(self._evidence)
        return shape, graph.arrays(self._evidence, self._scale, shape, self.priors)

    def _gated(self, points: Points, labels: Sequence[str]) -> None:
        """Judge what is reported at points; what fails is drawn on, and then once more, if it was not before."""
        gates = self._gates(points, labels)
        if self.retry and self._draw_on(gates, labels):
            gates = self._gates(points, labels)
        if self.retry and self._draw_again(gates):
            gates = self._gates(points, labels)
        self._gate = Gate(pd.concat([gate.table for gate in gates.values()], ignore_index=True))
        self._refused = self._apart(self._gate, labels)

    def _draw_on(self, gates: Mapping[str, Gate], labels: Sequence[str]) -> bool:
        """Forms of which nothing but scores failed, drawn on without the sampler; whether there were any."""
        names = self._fitted()[0].benchmarks
        stuck = [
            form
            for form in self.forms
            if gates[form].failed
            and gates[form].failed <= _scores_of(form, names, labels)
            and form not in self._drawn_on
        ]
        self._drawn_on |= set(stuck)
        for form in stuck:
            self._redraw(form, self._trees[form], self.sampler, (self.seed, 1), MORE_ROUNDS)
        if stuck:
            self._join()
        return bool(stuck)

    def _draw_again(self, gates: Mapping[str, Gate]) -> bool:
        """What still fails sampled once more, longer or in smaller steps; whether there was any."""
        failed = {part: gate for part, gate in gates.items() if not gate.passed and part not in self._drawn_again}
        self._drawn_again |= set(failed)
        if failed:
            self._draw({part: self._second_try(gate) for part, gate in failed.items()})
        return bool(failed)

    def _apart(self, gate: Gate, labels: Sequence[str]) -> tuple[str, ...] | None:
        """Benchmarks on which alone the chains disagree, so that the others may be reported; None if all is refused."""
        evidence, _, _ = self._fitted()
        of = {
            name: frozenset().union(*(_scores_of(form, [name], labels) for form in self.forms)) & gate.failed
            for name in evidence.benchmarks
        }
        refused = tuple(name for name, own in of.items() if own)
        few = len(refused) <= self.refused_at_most * len(evidence.benchmarks)
        return refused if few and not gate.failed.difference(*of.values()) else None

    def _second_try(self, gate: Gate) -> SamplerSettings:
        """How to draw again what failed: in smaller steps if it diverged but mixed, else longer."""
        own = self.sampler
        if gate.only_diverged:
            return replace(own, tune=2 * own.tune, target_accept=CAREFUL_ACCEPT)
        more = RETRY_DRAWS * own.retry_times
        return replace(own, draws=own.draws * more, tune=2 * own.tune, target_accept=own.retry_accept)

    def _draw_form(self, form: str, settings: SamplerSettings) -> xr.DataTree:
        shape, _ = self._arrays()
        compiled = _models.get((SCORE, shape), lambda: graph.build_score(shape))
        tree = sampling.sample(compiled, self._of_form(form), settings, self.seed)
        self._redraw(form, tree, settings, (self.seed,), ROUNDS)
        return tree

    def _redraw(
        self, form: str, tree: xr.DataTree, settings: SamplerSettings, seed: Sequence[int], rounds: int
    ) -> None:
        """Parts of the posterior drawn anew; see `redraw`."""
        assert self._evidence is not None
        drawn, n_benchmark = tree["posterior"].to_dataset(), len(self._evidence.benchmarks)
        new = redraw(drawn, self._of_form(form), n_benchmark, self.priors, seed, settings.cores, rounds)
        tree["posterior"] = xr.DataTree(new)

    def _of_form(self, form: str) -> dict[str, NDArray[Any]]:
        return graph.of_stage(self._arrays()[1], SCORE) | {"skew": np.array([self.forms[form]])}

    def _n_draws(self, part: str) -> int:
        return int(self._trees[part]["posterior"].sizes["draw"])

    def _draws_of(self, form: str, n: int) -> Draws:
        """`n` draws a chain of a form and of the loss law: of longer chains each second, of shorter ones each twice."""
        assert self._evidence is not None
        loss, score = (
            self._trees[part]["posterior"].to_dataset().isel(draw=np.arange(n) * self._n_draws(part) // n)
            for part in (LOSS, form)
        )
        return Draws.of(loss, score, self._evidence, self.forms[form])

    def _rungs_as_points(self) -> Points:
        evidence, _, _ = self._fitted()
        last = evidence.n_rungs - 1
        return Points(evidence.flops[[last]], evidence.params[[last]], evidence.tokens[[last]])

    def _gates(self, points: Points, labels: Sequence[str]) -> dict[str, Gate]:
        """The gate of the loss stage and of every form; chains of different forms are not one another's copies."""
        evidence, scale, _ = self._fitted()

        def ahead(form: str, part: str) -> Scores:
            draws = self._draws_of(form, self._n_draws(part))
            return predict(evidence, draws, scale, self.priors, points, self.seed)

        tree = self._trees[LOSS]
        log_loss = ahead(next(iter(self.forms)), LOSS).latent_log_loss
        gates = {LOSS: sampling.gate(sampling.by_label("log loss", evidence.series, labels, log_loss, tree), tree)}
        for form in self.forms:
            tree, latent = self._trees[form], ahead(form, form).latent
            reported = sampling.by_label(_latent(form), evidence.benchmarks, labels, latent, tree)
            gates[form] = sampling.gate(reported, tree)
        return gates

    def _fitted(self) -> tuple[Evidence, Scale, Draws]:
        if self._evidence is None or self._scale is None or self._draws is None:
            raise BayesCodError("this forecaster is not fitted yet; call fit(ladder) first")
        return self._evidence, self._scale, self._draws

    def forecast(self, targets: Sequence[Target]) -> Forecast:
        """Posterior predictive scores of targets on the benchmarks of the fitted ladder.

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
        self._gated(points, [f"target {target.name}" for target in targets])
        evidence, scale, draws = self._fitted()
        scores = predict(evidence, draws, scale, self.priors, points, self.seed)
        self._targets = tuple(target.name for target in targets)
        self._ahead, self._points_ahead = scores, points
        is_told = np.isin(evidence.benchmarks, self._told)
        observed, latent = scores.observed[..., is_told], scores.latent[..., is_told]
        return Forecast.from_draws(observed, latent, targets, self._told, self.name, self._facts(targets, observed))

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

    def _facts(self, targets: Sequence[Target], observed: NDArray[np.float64]) -> dict[str, Any]:
        evidence, scale, draws = self._fitted()
        decades = [(float(np.log(target.flops)) - scale.log_flops) / np.log(10) for target in targets]
        mean = np.quantile(observed.mean(axis=2), MEAN_QUANTILES, axis=0)
        weight = dict(zip((*evidence.series, "compute"), draws.weight.mean(axis=0).tolist(), strict=True))
        return {
            "decades": dict(zip([target.name for target in targets], decades, strict=True)),
            "mean_over_benchmarks": {
                target.name: dict(zip(MEAN_COLUMNS, mean[:, t].tolist(), strict=True))
                for t, target in enumerate(targets)
            },
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
                "(--draws) may help"
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
        silent = [name for name in self._told if emerged[name] < NOT_EMERGED]
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

    def loss_table(self) -> pd.DataFrame:
        """Losses of rungs and targets beside the law's; see `explain.loss_table`."""
        evidence, scale, draws = self._fitted()
        if self._ahead is None or self._points_ahead is None:
            raise BayesCodError("nothing was forecast yet; call forecast(targets) first")
        n = evidence.n_rungs
        rungs = Points(evidence.flops[:n], evidence.params[:n], evidence.tokens[:n])
        fitted = log_loss_law(draws, scale, self.priors, rungs)
        return explain.loss_table(evidence, fitted, self._targets, self._ahead, self._points_ahead.flops)

    def score_map(self) -> xr.Dataset:
        """Latent score against loss: `score[sample, loss, benchmark]`."""
        evidence, scale, draws = self._fitted()
        furthest = float(draws.furthest.mean())
        if self._ahead is not None and self._points_ahead is not None:
            ahead = scale.progress(self._ahead.latent_log_loss, self._points_ahead.flops)
            furthest = max(furthest, float((ahead * draws.weight[:, None, :]).sum(axis=-1).mean(axis=0).max()))
        step = max(1, len(draws) // PLOT_SAMPLES)
        curves = explain.score_map(evidence, draws, scale, furthest)
        return curves.isel(sample=slice(None, None, step)).sel(benchmark=self._told)

    def map_observations(self) -> pd.DataFrame:
        """Losses and scores that the map was fitted to: benchmark, loss, score, is_final."""
        return self._of_told(explain.observations(self._fitted()[0]))

    def emergence(self) -> pd.DataFrame:
        """Loss at which each benchmark leaves its floor: benchmark, loss, low90, high90, p_emerged."""
        evidence, scale, draws = self._fitted()
        return self._of_told(explain.emergence(evidence, draws, scale))

    @property
    def _told(self) -> list[str]:
        """Benchmarks that are reported: all but the refused ones."""
        return [name for name in self._fitted()[0].benchmarks if name not in self.refused]

    def _of_told(self, table: pd.DataFrame) -> pd.DataFrame:
        return table[table["benchmark"].isin(self._told)].reset_index(drop=True)

    @property
    def draws(self) -> Draws:
        """Posterior draws of all forms."""
        return self._fitted()[2]

    @property
    def posterior(self) -> xr.DataTree:
        """Posterior draws and sampler statistics; padded entries of the last axes carry the prior."""
        self._fitted()
        return xr.DataTree.from_dict(
            {
                f"{form}/{group}": node.to_dataset()
                for form, tree in self._trees.items()
                for group, node in tree.children.items()
            }
        )

    @property
    def diagnostics(self) -> pd.DataFrame:
        """One row a reported quantity: r_hat, ess_bulk, ess_tail, passed; then divergences and E-BFMI."""
        self._fitted()
        assert self._gate is not None
        return self._gate.table

    @property
    def gate_passed(self) -> bool:
        """Whether every diagnostic of what is reported passed."""
        self._fitted()
        return self._refused is not None

    @property
    def refused(self) -> tuple[str, ...]:
        """Benchmarks that are not reported, as the chains disagree on them and on nothing else."""
        self._fitted()
        return self._refused or ()
