"""The posterior of Bayesian FLP: both stages sampled and judged.

The rungs' losses are data of both stages, which have no parameter in common: the joint posterior is their product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
import pandas as pd
import xarray as xr

from bayes_cod.models import sampling
from bayes_cod.models.flp import loss, score
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.predict import Draws, Points, on_curve
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

LOSS: Final = "loss"
SCORE: Final = "score"
LATENT = "score on the curve"
LOSS_ACCEPT = 0.99
"""Target acceptance of the loss stage at least: few parameters, whose scales of luck and noise take small steps."""
_models = CompiledModels()


def _elsewhere(seed: int) -> int:
    """Seed of the second try: from the same start a chain may end where it ended before."""
    return int(np.random.SeedSequence([seed, 53]).generate_state(1)[0])


@dataclass(frozen=True)
class Posterior:
    """Draws of both stages.

    Attributes
    ----------
    evidence, scale
        What was fitted.
    priors
        Of the losses and of the scores.
    sampler, seed
        How it was sampled.
    trees
        Groups `posterior` and `sample_stats` of each stage.
    """

    evidence: Evidence
    scale: Scale
    priors: tuple[LossPriors, ScorePriors]
    sampler: SamplerSettings
    seed: int
    trees: Mapping[str, xr.DataTree]

    @classmethod
    def sample(
        cls,
        evidence: Evidence,
        scale: Scale,
        priors: tuple[LossPriors, ScorePriors],
        sampler: SamplerSettings,
        seed: int,
        *,
        retry: bool = False,
    ) -> Self:
        """Sample both stages; with `retry` longer and more carefully."""
        empty = cls(evidence, scale, priors, sampler, seed, {})
        return replace(empty, trees={stage: empty._sampled(stage, retry=retry) for stage in (LOSS, SCORE)})

    def _sampled(self, stage: str, *, retry: bool) -> xr.DataTree:
        """One stage sampled; its graph is compiled once a shape."""
        evidence, sampler, (of_losses, of_scores) = self.evidence, self.sampler, self.priors
        n_series, n_runs, n_pooled = len(evidence.series), score.padded_runs(evidence.n_runs), evidence.n_pooled
        if stage == LOSS:
            accept = {name: max(LOSS_ACCEPT, getattr(sampler, name)) for name in ("target_accept", "retry_accept")}
            sampler = replace(sampler, adaptation="low_rank", **accept)
            key = (stage, n_series, n_runs, n_pooled, of_losses)
            compiled = _models.get(key, lambda: loss.build(n_series, n_runs, n_pooled, of_losses))
            data = loss.arrays(evidence, self.scale)
        else:
            sizes = len(evidence.benchmarks), n_series, n_runs, n_pooled
            compiled = _models.get((stage, sizes, of_scores), lambda: score.build(*sizes, of_scores))
            data = score.arrays(evidence, self.scale, of_scores)
        return self._named(sampling.sample(compiled, data, sampler, self.seed, retry=retry))

    def _named(self, tree: xr.DataTree) -> xr.DataTree:
        """The posterior with the names of series and benchmarks, and without padded runs."""
        posterior, evidence = tree["posterior"].to_dataset(), self.evidence
        names = {"series": list(evidence.series), "benchmark": list(evidence.benchmarks)}
        names["part"] = [*evidence.series, "compute"]
        posterior = posterior.isel(run=slice(evidence.n_runs))
        posterior = posterior.assign_coords({dim: values for dim, values in names.items() if dim in posterior.dims})
        return tree.assign({"posterior": xr.DataTree(posterior)})

    @cached_property
    def draws(self) -> Draws:
        """Parameters of both stages by draw."""
        evidence, (of_losses, of_scores) = self.evidence, self.priors
        data = score.arrays(evidence, self.scale, of_scores)
        data |= {name: data[name][: evidence.n_runs] for name in score.PER_RUN}
        made = score.parameters(sampling.flat(self.trees[SCORE]), data, of_scores, np)
        furthest = made["reached"][:, : evidence.n_rungs].max(axis=1)
        return Draws(loss.parameters(sampling.flat(self.trees[LOSS]), of_losses, np), made, furthest, of_scores)

    @property
    def tree(self) -> xr.DataTree:
        """Posterior draws and sampler statistics of both stages."""
        return xr.DataTree.from_dict(
            {
                f"{stage}/{name}": node.to_dataset()
                for stage, tree in self.trees.items()
                for name, node in tree.children.items()
            }
        )

    def gates(self, points: Points, labels: Sequence[str]) -> dict[str, Gate]:
        """The gates of both stages, judged by losses and scores on their curves at points."""
        log_loss, on = on_curve(self.draws, self.scale, points)
        losses = sampling.by_label("log loss", self.evidence.series, labels, log_loss, self.trees[LOSS])
        scores = sampling.by_label(LATENT, self.evidence.benchmarks, labels, on, self.trees[SCORE])
        reported = {LOSS: losses, SCORE: scores}
        return {stage: sampling.gate(reported[stage], tree) for stage, tree in self.trees.items()}

    def judged(self, points: Points, labels: Sequence[str], *, retry: bool) -> tuple[Posterior, Gate]:
        """What was judged, and its gate: with `retry` a posterior that failed is sampled once more, longer."""
        own, gates = self, self.gates(points, labels)
        if retry and not all(gate.passed for gate in gates.values()):
            seed = _elsewhere(self.seed)
            own = Posterior.sample(self.evidence, self.scale, self.priors, self.sampler, seed, retry=True)
            gates = own.gates(points, labels)
        return own, Gate(pd.concat([gate.table for gate in gates.values()], ignore_index=True))

    def disagreed_on(self, gate: Gate, labels: Sequence[str]) -> tuple[str, ...] | None:
        """Benchmarks of whose scores alone the chains disagree; None if anything else failed."""
        of = {
            name: {sampling.quantity(LATENT, name, label) for label in labels} & gate.failed
            for name in self.evidence.benchmarks
        }
        return None if gate.failed.difference(*of.values()) else tuple(name for name, own in of.items() if own)
