"""The posterior of Bayesian FLP: both stages sampled and judged.

The rungs' losses are data of both stages, which have no parameter in common: the joint posterior is their product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from bayes_cod.models import sampling
from bayes_cod.models.flp import law, score
from bayes_cod.models.flp.evidence import Evidence
from bayes_cod.models.flp.predict import Draws, Points, on_curve, progress_of
from bayes_cod.models.flp.priors import LossPriors, ScorePriors
from bayes_cod.models.flp.progress import Scale
from bayes_cod.models.sampling import CompiledModels, Gate, SamplerSettings

LATENT = "score on the curve"
_models = CompiledModels()


def flat(tree: xr.DataTree) -> dict[str, NDArray[np.float64]]:
    """Draws of all variables ``(sample, ...)``, chain after chain."""
    posterior = tree["posterior"].to_dataset()
    return {str(name): array.values.reshape(-1, *array.shape[2:]) for name, array in posterior.items()}


def sample_law(evidence: Evidence, scale: Scale, priors: LossPriors, own: SamplerSettings, seed: int) -> xr.DataTree:
    """Posterior and sampler statistics of the loss stage."""
    shape = len(evidence.series), evidence.n_pooled
    compiled = _models.get(("flp law", shape, priors), lambda: law.build(*shape, priors))
    tree = sampling.sample(compiled, law.arrays(evidence, scale), own, seed)
    return _named(tree, evidence)


def _sample_score(
    evidence: Evidence, scale: Scale, priors: ScorePriors, own: SamplerSettings, seed: int
) -> xr.DataTree:
    runs = score.padded_runs(evidence.n_runs)
    shape = len(evidence.benchmarks), len(evidence.series), runs, evidence.n_pooled
    compiled = _models.get(("flp score", shape, priors), lambda: score.build(*shape, priors))
    tree = sampling.sample(compiled, score.arrays(evidence, scale, priors), own, seed)
    return _named(tree, evidence)


def _named(tree: xr.DataTree, evidence: Evidence) -> xr.DataTree:
    """The posterior with the names of series and benchmarks, and without padded runs."""
    posterior = tree["posterior"].to_dataset()
    names = {"series": list(evidence.series), "benchmark": list(evidence.benchmarks)}
    names["part"] = [*evidence.series, "compute"]
    if "run" in posterior.dims:
        posterior = posterior.isel(run=slice(evidence.n_runs))
    posterior = posterior.assign_coords({dim: values for dim, values in names.items() if dim in posterior.dims})
    return tree.assign({"posterior": xr.DataTree(posterior)})


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
    of_law, of_score
        Groups `posterior` and `sample_stats` of each stage.
    """

    evidence: Evidence
    scale: Scale
    priors: tuple[LossPriors, ScorePriors]
    sampler: SamplerSettings
    seed: int
    of_law: xr.DataTree
    of_score: xr.DataTree

    @classmethod
    def sample(
        cls,
        evidence: Evidence,
        scale: Scale,
        priors: tuple[LossPriors, ScorePriors],
        sampler: SamplerSettings,
        seed: int,
    ) -> Self:
        """Sample both stages."""
        of_law = sample_law(evidence, scale, priors[0], sampler, seed)
        of_score = _sample_score(evidence, scale, priors[1], sampler, seed)
        return cls(evidence, scale, priors, sampler, seed, of_law, of_score)

    @property
    def draws(self) -> Draws:
        """Parameters of both stages by draw."""
        evidence, (of_loss, of_scores) = self.evidence, self.priors
        data = score.arrays(evidence, self.scale, of_scores)
        data["run_behind"] = data["run_behind"][: evidence.n_runs]
        made = score.parameters(flat(self.of_score), data, of_scores, np)
        draws = Draws(law.parameters(flat(self.of_law), of_loss, np), made, np.zeros(len(made["walk"])), of_scores)
        return replace(draws, furthest=furthest(draws, self.scale, evidence))

    @property
    def tree(self) -> xr.DataTree:
        """Posterior draws and sampler statistics of both stages."""
        parts = {"loss": self.of_law, "score": self.of_score}
        groups = {
            f"{part}/{name}": node.to_dataset() for part, tree in parts.items() for name, node in tree.children.items()
        }
        return xr.DataTree.from_dict(groups)

    def gate(self, points: Points, labels: Sequence[str]) -> dict[str, Gate]:
        """The gates of both stages, judged by losses and scores on their curves at points."""
        log_loss, on = on_curve(self.draws, self.scale, points)
        losses = sampling.by_label("log loss", self.evidence.series, labels, log_loss, self.of_law)
        scores = sampling.by_label(LATENT, self.evidence.benchmarks, labels, on, self.of_score)
        return {"loss": sampling.gate(losses, self.of_law), "score": sampling.gate(scores, self.of_score)}

    def judged(self, points: Points, labels: Sequence[str], *, retry: bool) -> tuple[Posterior, Gate]:
        """What was judged, and its gate: with `retry` a posterior that failed is sampled once more, longer."""
        own, gates = self, self.gate(points, labels)
        if retry and not all(gate.passed for gate in gates.values()):
            careful = replace(
                self.sampler,
                draws=self.sampler.draws * self.sampler.retry_times,
                tune=2 * self.sampler.tune,
                target_accept=self.sampler.retry_accept,
            )
            own = Posterior.sample(self.evidence, self.scale, self.priors, careful, _elsewhere(self.seed))
            gates = own.gate(points, labels)
        return own, Gate(pd.concat([gate.table for gate in gates.values()], ignore_index=True))

    def disagreed_on(self, gate: Gate, labels: Sequence[str]) -> tuple[str, ...] | None:
        """Benchmarks of whose scores alone the chains disagree; None if anything else failed."""
        of = {
            name: {sampling.quantity(LATENT, name, label) for label in labels} & gate.failed
            for name in self.evidence.benchmarks
        }
        return None if gate.failed.difference(*of.values()) else tuple(name for name, own in of.items() if own)


def furthest(draws: Draws, scale: Scale, evidence: Evidence) -> NDArray[np.float64]:
    """Furthest progress of the ladder's final rungs, their luck included ``(sample,)``."""
    n = evidence.n_rungs
    expected = progress_of(draws, scale, evidence.log_loss[None, :n], evidence.flops[:n])
    return np.asarray((expected + draws.of_score["luck"][:, :n]).max(axis=1))
