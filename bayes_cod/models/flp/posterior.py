"""The posterior of Bayesian FLP: both stages sampled, judged, and what fails drawn on or once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr
from joblib import Parallel, delayed
from numpy.typing import NDArray

from bayes_cod.models import sampling
from bayes_cod.models.flp import graph
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.predict import Draws, Points, Scores, predict
from bayes_cod.models.flp.priors import Priors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.flp.redraw import ROUNDS, redraw
from bayes_cod.models.sampling import Compiled, CompiledModels, Gate, SamplerSettings

LOSS: Final = "loss"
SCORE: Final = "score"
LOSS_THIN = 8
"""Draws of the loss stage, which is fast and correlated, for each that is kept."""
SCORE_THIN = 2
"""Draws of the score stage for each that is kept and redrawn; what benchmarks share is correlated and needs many."""
EASY_DEPTH = 7
"""Doublings that trajectories take at most where a low-rank mass matrix fits, which are long while it is not known."""
RETRY_DRAWS = 2
"""Draws of the one retry, in multiples of the twofold that a retry takes anyhow: benchmarks near chance move slowly."""
MORE_ROUNDS = 8
"""Rounds, `ROUNDS` at a time, in which a form is drawn on without the sampler while chains disagree on scores alone."""
APART = 1.05
"""R-hat of most scores from which on runs stand elsewhere in each chain: then another start helps, not more draws."""
CAREFUL_ACCEPT = 0.99
"""Target acceptance of the retry where more draws would only bring more divergences."""

_models = CompiledModels()


def _draw_loss(
    shape: graph.Shape, priors: Priors, data: Mapping[str, NDArray[Any]], settings: SamplerSettings, seed: int
) -> xr.DataTree:
    """The loss stage: the losses of the rungs are data of both stages, so their posteriors are independent."""
    compiled = _models.get((LOSS, shape, priors), lambda: graph.build_loss(shape, priors))
    longer = replace(settings, draws=settings.draws * LOSS_THIN, adaptation="low_rank")
    return _draw_thinned(compiled, graph.of_stage(data, LOSS), longer, LOSS_THIN, seed)


def _draw_thinned(
    compiled: Compiled, data: Mapping[str, NDArray[Any]], settings: SamplerSettings, thin: int, seed: int
) -> xr.DataTree:
    """One of `thin` draws each; the sampler's statistics are those of all."""
    tree = sampling.sample(compiled, data, settings, seed)
    tree["posterior"] = xr.DataTree(tree["posterior"].to_dataset().isel(draw=slice(None, None, thin)))
    return tree


def _latent(form: str) -> str:
    """What diagnostics call the latent scores of a form."""
    return f"latent score, {form}"


def _scores_of(form: str, benchmarks: Sequence[str], labels: Sequence[str]) -> frozenset[str]:
    """What diagnostics call the latent scores of benchmarks at points, by their labels."""
    return frozenset(sampling.quantity(_latent(form), name, label) for name in benchmarks for label in labels)


def _elsewhere(seed: int) -> int:
    """Seed of the second try: from the same start a chain may end where it ended before."""
    return int(np.random.SeedSequence([seed, 53]).generate_state(1)[0])


@dataclass
class Posterior:
    """Draws of both stages and all forms.

    Parameters
    ----------
    evidence, scale, priors
        What is fitted.
    forms
        Forms of the map from progress to score by name, with the skew of each.
    sampler, seed
        How it is sampled.

    Attributes
    ----------
    draws
        Of all forms, which count alike.
    """

    evidence: Evidence
    scale: Scale
    priors: Priors
    forms: Mapping[str, float]
    sampler: SamplerSettings
    seed: int
    draws: Draws = field(init=False)
    _trees: dict[str, xr.DataTree] = field(init=False, default_factory=dict)
    _drawn_on: Counter[str] = field(init=False, default_factory=Counter)
    _drawn_again: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._shape = graph.Shape.of(self.evidence)
        self._data = graph.arrays(self.evidence, self.scale, self._shape)
        self._draw(dict.fromkeys([LOSS, *self.forms], self.sampler), self.seed)

    def copy(self) -> Posterior:
        """The same draws; what is drawn on in the copy stays out of this one."""
        own = copy(self)
        own._trees, own._drawn_on, own._drawn_again = dict(self._trees), self._drawn_on.copy(), set(self._drawn_again)
        return own

    @property
    def tree(self) -> xr.DataTree:
        """Posterior draws and sampler statistics; padded entries of the last axes carry the prior."""
        return xr.DataTree.from_dict(
            {
                f"{part}/{group}": node.to_dataset()
                for part, tree in self._trees.items()
                for group, node in tree.children.items()
            }
        )

    # ---------------------------------------------------------------- judging

    def judge(self, points: Points, labels: Sequence[str], *, retry: bool) -> Gate:
        """The gate of what is reported at points.

        With `retry`, what fails is drawn on, and then once more, longer or in smaller steps, if it was not before. Of
        two tries that fail, the one with fewer failures stays.
        """
        gates = self._drawn_on_gates(points, labels) if retry else self._gates(points, labels)
        before = dict(self._trees)
        if retry and self._draw_again(gates, labels):
            again = self._drawn_on_gates(points, labels)
            worse = [part for part, gate in again.items() if len(gate.failed) > len(gates[part].failed)]
            if worse:  # by chance a chain of the second try may stay where runs stand anywhere
                self._trees |= {part: before[part] for part in worse}
                self._join()
            gates = again | {part: gates[part] for part in worse}
        return Gate(pd.concat([gate.table for gate in gates.values()], ignore_index=True))

    def disagreed_on(self, gate: Gate, labels: Sequence[str]) -> tuple[str, ...] | None:
        """Benchmarks of whose scores alone the chains disagree; None if anything else failed."""
        of = {
            name: frozenset().union(*(_scores_of(form, [name], labels) for form in self.forms)) & gate.failed
            for name in self.evidence.benchmarks
        }
        return None if gate.failed.difference(*of.values()) else tuple(name for name, own in of.items() if own)

    def _apart(self, part: str, gate: Gate, labels: Sequence[str]) -> bool:
        """Whether chains of a form stand apart on most scores: neither rounds nor more draws bring them together."""
        scores = gate.table["quantity"].isin(_scores_of(part, self.evidence.benchmarks, labels))
        return bool(gate.table.loc[scores, "r_hat"].median() > APART)

    def _gates(self, points: Points, labels: Sequence[str]) -> dict[str, Gate]:
        """The gate of the loss stage and of every form; chains of different forms are not one another's copies."""

        def ahead(form: str, part: str) -> Scores:
            draws = self._draws_of(form, self._n_draws(part))
            return predict(self.evidence, draws, self.scale, self.priors, points, self.seed)

        tree = self._trees[LOSS]
        log_loss = ahead(next(iter(self.forms)), LOSS).latent_log_loss
        gates = {LOSS: sampling.gate(sampling.by_label("log loss", self.evidence.series, labels, log_loss, tree), tree)}
        for form in self.forms:
            tree, latent = self._trees[form], ahead(form, form).latent
            reported = sampling.by_label(_latent(form), self.evidence.benchmarks, labels, latent, tree)
            gates[form] = sampling.gate(reported, tree)
        return gates

    def _drawn_on_gates(self, points: Points, labels: Sequence[str]) -> dict[str, Gate]:
        """The gates after forms were drawn on as far as that may help."""
        gates = self._gates(points, labels)
        while self._draw_on(gates, labels):
            gates = self._gates(points, labels)
        return gates

    # ---------------------------------------------------------------- drawing

    def _draw(self, parts: Mapping[str, SamplerSettings], seed: int) -> None:
        """Draws of the loss stage, of forms, or of both."""
        loss, forms = ([part for part in parts if (part == LOSS) == is_loss] for is_loss in (True, False))
        compiled = (LOSS, self._shape, self.priors) in _models
        beside = 1 if compiled else 2  # compiled in a process of its own while the forms are
        drawn = Parallel(n_jobs=beside, backend="loky", return_as="generator")(
            delayed(_draw_loss)(self._shape, self.priors, self._data, parts[part], seed) for part in loss
        )
        self._trees |= {form: self._draw_form(form, parts[form], seed) for form in forms}
        self._trees |= dict(zip(loss, drawn, strict=True))
        self._join()

    def _draw_form(self, form: str, settings: SamplerSettings, seed: int) -> xr.DataTree:
        compiled = _models.get((SCORE, self._shape, self.priors), lambda: graph.build_score(self._shape, self.priors))
        if settings.mass_matrix(compiled.density.n_dim) == "low_rank":
            settings = replace(settings, max_depth=min(EASY_DEPTH, settings.max_depth))
        tree = _draw_thinned(compiled, self._data_of(form), settings, SCORE_THIN, seed)
        return self._redrawn(form, tree, (seed,))

    def _redrawn(self, form: str, tree: xr.DataTree, seed: Sequence[int]) -> xr.DataTree:
        """Another tree, with parts of the posterior redrawn (see `redraw`); the one given stays, to go back to."""
        drawn, n_benchmark = tree["posterior"].to_dataset(), len(self.evidence.benchmarks)
        new = redraw(drawn, self._data_of(form), n_benchmark, self.priors, seed, self.sampler.cores, ROUNDS)
        return tree.assign({"posterior": xr.DataTree(new)})

    def _draw_on(self, gates: Mapping[str, Gate], labels: Sequence[str]) -> bool:
        """Forms of which only some scores failed, drawn on a few rounds without the sampler; whether any were."""
        stuck = [
            form
            for form in self.forms
            if gates[form].failed
            and gates[form].failed <= _scores_of(form, self.evidence.benchmarks, labels)
            and not self._apart(form, gates[form], labels)
            and self._drawn_on[form] < MORE_ROUNDS
        ]
        for form in stuck:
            self._drawn_on[form] += ROUNDS
            self._trees[form] = self._redrawn(form, self._trees[form], (self.seed, self._drawn_on[form]))
        if stuck:
            self._join()
        return bool(stuck)

    def _draw_again(self, gates: Mapping[str, Gate], labels: Sequence[str]) -> bool:
        """What still fails sampled once more, from elsewhere, longer or in smaller steps; whether there was any."""
        failed = {part: gate for part, gate in gates.items() if not gate.passed and part not in self._drawn_again}
        self._drawn_again |= set(failed)
        if failed:
            tries = {part: self._second_try(gate, self._apart(part, gate, labels)) for part, gate in failed.items()}
            self._draw(tries, _elsewhere(self.seed))
        return bool(failed)

    def _second_try(self, gate: Gate, apart: bool) -> SamplerSettings:
        """How to draw again what failed: in smaller steps if it only diverged or chains stood apart, else longer."""
        own = self.sampler
        if gate.only_diverged or apart:
            return replace(own, tune=2 * own.tune, target_accept=CAREFUL_ACCEPT)
        more = RETRY_DRAWS * own.retry_times
        return replace(own, draws=own.draws * more, tune=2 * own.tune, target_accept=own.retry_accept)

    # ---------------------------------------------------------------- what was drawn

    def _data_of(self, form: str) -> dict[str, NDArray[Any]]:
        return graph.of_stage(self._data, SCORE) | {"skew": np.array([self.forms[form]])}

    def _n_draws(self, part: str) -> int:
        return int(self._trees[part]["posterior"].sizes["draw"])

    def _draws_of(self, form: str, n: int) -> Draws:
        """`n` draws a chain of a form and of the loss law: of longer chains each second, of shorter ones each twice."""
        loss, score = (
            self._trees[part]["posterior"].to_dataset().isel(draw=np.arange(n) * self._n_draws(part) // n)
            for part in (LOSS, form)
        )
        return Draws.of(loss, score, self.evidence, self.forms[form])

    def _join(self) -> None:
        most = max(self._n_draws(form) for form in self.forms)  # forms count alike
        self.draws = Draws.join([self._draws_of(form, most) for form in self.forms])
