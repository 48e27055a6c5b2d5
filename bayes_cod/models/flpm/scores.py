"""The score stage: both maps from domain losses to scores, sampled, and stacked by how well they predict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import arviz as az
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import expit

from bayes_cod import sampling
from bayes_cod.errors import BayesCodError
from bayes_cod.models.flpm import score_graph
from bayes_cod.models.flpm.priors import ScorePriors
from bayes_cod.models.flpm.score_evidence import ScoreEvidence
from bayes_cod.models.flpm.score_graph import LINEAR, MAPS, NETWORK, MapKind, ScoreShape
from bayes_cod.sampling import CompiledModels, Gate, SamplerSettings

type FloatArray = NDArray[np.float64]

SCORE_SAMPLER = SamplerSettings(draws=1000, tune=1000, chains=4, target_accept=0.95, retry_accept=0.98)
_models = CompiledModels()


@dataclass(frozen=True)
class MapFit:
    """One fitted map.

    Attributes
    ----------
    kind
        Which map.
    tree
        Posterior draws and sampler statistics.
    log_likelihood
        ``(sample, run, benchmark)``, NaN where a run was not evaluated.
    """

    kind: MapKind
    tree: xr.DataTree
    log_likelihood: FloatArray

    def flat(self, name: str) -> FloatArray:
        """Draws of a quantity, chains joined."""
        array = np.asarray(self.tree["posterior"][name].values, dtype=float)
        return array.reshape(-1, *array.shape[2:])

    def __len__(self) -> int:
        return len(self.log_likelihood)

    @property
    def weights(self) -> tuple[str, ...]:
        """Names of the map's weights."""
        return LINEAR if self.kind == "linear" else NETWORK


class ScoreStage:
    """Scores of benchmarks from domain losses.

    Parameters
    ----------
    seed
        Seed of the sampler and the luck ahead.
    priors, sampler
        See `ScorePriors`, `SamplerSettings`.
    maps
        Maps to fit; several are stacked.
    retry
        Whether a failed gate is followed by one longer try.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        priors: ScorePriors | None = None,
        sampler: SamplerSettings | None = None,
        maps: tuple[MapKind, ...] = MAPS,
        retry: bool = True,
    ) -> None:
        self.seed = seed
        self.retry = retry
        self.priors = priors or ScorePriors()
        self.sampler = sampler or SCORE_SAMPLER
        self.maps = maps
        self._evidence: ScoreEvidence | None = None
        self.fits: dict[MapKind, MapFit] = {}
        self.weights: dict[MapKind, float] = {}
        self._gates: list[Gate] = []

    def fit(self, evidence: ScoreEvidence) -> Self:
        """Sample every map and weigh them by stacking on approximate leave-one-out predictions."""
        self._evidence = evidence
        data = score_graph.arrays(evidence, self.priors)
        self._gates = []
        for kind in self.maps:
            shape = ScoreShape(kind, len(evidence.models), len(evidence.domains), len(evidence.benchmarks))
            compiled = _models.get(shape, lambda shape=shape: score_graph.build(shape))  # type: ignore[misc]
            for retry in (False, True)[: 1 + self.retry]:
                tree = sampling.sample(compiled, data, self.sampler, self.seed, retry=retry)
                self.fits[kind] = self._fit_of(kind, tree)
                gate = self._judge(self.fits[kind])
                if gate.passed:
                    break
            self._gates.append(gate)
        self.weights = self._stack()
        return self

    @property
    def evidence(self) -> ScoreEvidence:
        """What the fit rests on."""
        if self._evidence is None:
            raise BayesCodError("this model is not fitted yet; call fit first")
        return self._evidence

    @property
    def gates(self) -> list[Gate]:
        """Diagnostics of each map: scores of every benchmark at the runs' mean losses and at their lowest."""
        return self._gates

    def _fit_of(self, kind: MapKind, tree: xr.DataTree) -> MapFit:
        evidence = self.evidence
        empty = MapFit(kind, tree, np.empty((tree["posterior"].sizes["chain"] * tree["posterior"].sizes["draw"], 0, 0)))
        pieces = []
        for eta, (floor, top, luck) in self._each(empty, evidence.log_loss[None], evidence.log_compute):
            mean, sd = score_graph.moments(eta, floor, top, luck, evidence.n_trials, self.priors.evaluation, np)
            pieces.append(score_graph.log_density(evidence.score, mean, sd, np))
        return MapFit(kind, tree, np.stack(pieces))

    def _each(
        self, fit: MapFit, log_loss: FloatArray, log_compute: FloatArray, rows: NDArray[np.int64] | None = None
    ) -> Iterator[tuple[FloatArray, tuple[FloatArray, FloatArray, FloatArray]]]:
        """Logits ``(run, benchmark)`` and floor, top and luck for every draw, or those given by `rows`.

        `log_loss` is ``(draw or 1, run, domain)``.
        """
        evidence = self.evidence
        decades = evidence.decades(log_compute)[:, None]
        named = {name: fit.flat(name) for name in ("level", "of_size", "floor", "top", "luck", *fit.weights)}
        for place, index in enumerate(range(len(named["level"])) if rows is None else rows):
            falls = evidence.falls(log_loss[place if len(log_loss) > 1 else 0])
            above = score_graph.logit_above(fit.kind, falls, tuple(named[name][index] for name in fit.weights), np)
            eta = named["level"][index] + decades * named["of_size"][index] + above
            yield eta, (named["floor"][index], named["top"][index], named["luck"][index])

    def _judge(self, fit: MapFit) -> Gate:
        evidence, chains = self.evidence, fit.tree["posterior"].sizes["chain"]
        places = np.stack([evidence.centre, evidence.log_loss.min(axis=0)])
        compute = np.full(len(places), evidence.log_compute.max())
        each = self._each(fit, places[None], compute)
        scores = np.stack([floor + (top - floor) * expit(eta) for eta, (floor, top, _) in each])
        by_chain = scores.reshape(chains, -1, *scores.shape[1:])
        reported = {
            f"score, {benchmark}, {fit.kind} map, {label} losses": by_chain[:, :, p, b]
            for p, label in enumerate(("mean", "lowest"))
            for b, benchmark in enumerate(evidence.benchmarks)
        }
        return sampling.gate(reported, fit.tree)

    def _stack(self) -> dict[MapKind, float]:
        if len(self.fits) == 1:
            return dict.fromkeys(self.fits, 1.0)
        seen = np.isfinite(self.evidence.score)
        elpds = {}
        for kind, fit in self.fits.items():
            chains = fit.tree["posterior"].sizes["chain"]
            by_chain = fit.log_likelihood[:, seen].reshape(chains, -1, int(seen.sum()))
            tree = xr.DataTree.from_dict(
                {
                    "/posterior": fit.tree["posterior"].to_dataset()[["level"]],
                    "/log_likelihood": xr.Dataset({"score": (("chain", "draw", "cell"), by_chain)}),
                }
            )
            elpds[kind] = az.loo(tree, pointwise=True, var_name="score")
        table = az.compare(elpds, method="stacking")
        return {kind: float(table.loc[kind, "weight"]) for kind in self.fits}

    def forecast(
        self, observed: FloatArray, latent: FloatArray, log_compute: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Scores of runs from draws of their log losses.

        Every draw of the losses meets one draw of one map, chosen with the maps' weights.

        Parameters
        ----------
        observed, latent
            Log losses with and without a run's luck ``(sample, point, domain)``.
        log_compute
            Log of size times tokens ``(point,)``.

        Returns
        -------
        tuple of arrays
            Observed and latent scores ``(sample, point, benchmark)``.
        """
        rng = np.random.default_rng([self.seed, 21])
        evidence = self.evidence
        n_sample, n_point = observed.shape[:2]
        kinds = rng.choice(len(self.fits), n_sample, p=np.array([self.weights[kind] for kind in self.fits]))
        with_luck = np.zeros((n_sample, n_point, len(evidence.benchmarks)))
        without = np.zeros_like(with_luck)
        for which, fit in enumerate(self.fits.values()):
            rows = np.flatnonzero(kinds == which)
            picked = rng.choice(len(fit), len(rows), replace=len(rows) > len(fit))
            both = [self._each(fit, losses[rows], log_compute, picked) for losses in (observed, latent)]
            for row, (eta, (floor, top, luck)), (plain, _) in zip(rows, *both, strict=True):
                lucky = eta + luck * rng.standard_t(score_graph.TAIL_DEGREES, eta.shape)
                with_luck[row] = floor + (top - floor) * expit(lucky)
                without[row] = floor + (top - floor) * expit(plain)
        noise = np.sqrt(with_luck * (1 - with_luck) / evidence.n_trials + self.priors.evaluation**2)
        return np.clip(with_luck + noise * rng.standard_normal(noise.shape), 0.0, 1.0), without
