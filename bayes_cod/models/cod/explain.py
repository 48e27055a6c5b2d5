"""What stands behind a forecast of Bayesian COD: curves, whether the rungs fit, and what the priors decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from bayes_cod.forecasts import Explanation, Forecast
from bayes_cod.forecasts.checks import EVALUATIONS
from bayes_cod.forecasts.explanation import MOST_SAMPLES, compute_grid
from bayes_cod.ladder import Target
from bayes_cod.models.cod.cluster_graph import CLASSES
from bayes_cod.models.cod.clusters import WHOLE
from bayes_cod.models.cod.composition import Composition
from bayes_cod.models.cod.graph import Shape, arrays
from bayes_cod.models.cod.marginal import MISSING, evaluate
from bayes_cod.models.cod.observations import Observations
from bayes_cod.models.cod.path import score_of
from bayes_cod.models.cod.predict import Draws, evaluated, predict
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.common.power_scaling import POWERS, moved, sensitivity
from bayes_cod.models.sampling import flat
from bayes_cod.scoring.proper import pit

type FloatArray = NDArray[np.float64]

MAP_SAMPLES = 200
GROWTH, WALKS, NOISE = "growth", "walks", "passing noise"
_OF = {GROWTH: ("z_slope", "z_curvature"), WALKS: ("z_walk", "z_own_walk", "z_shared"), NOISE: ("z_noise",)}


@dataclass(frozen=True)
class Fit:
    """A fitted family: what was seen, draws, priors, the sampled tree, its clusters, how many families were fitted."""

    seen: Observations
    draws: Draws
    priors: Priors
    tree: xr.DataTree
    composition: Composition
    families: int = 1

    def share_extrapolating(self) -> dict[str, float]:
        """Posterior share of each benchmark's questions that follow its path."""
        shares = self.composition.extrapolating()
        return {name: float(share) for name, share in zip(self.seen.benchmarks, shares, strict=True)}


def explanation(fit: Fit, forecast: Forecast, targets: Sequence[Target], rng: np.random.Generator) -> Explanation:
    """All parts of the explanation that this model has."""
    grid = compute_grid(fit.seen.rungs["flops"], [target.flops for target in targets])
    along, by_cluster = curves(fit, grid, targets, rng)
    return Explanation(
        curves=along,
        clusters=clusters(fit),
        cluster_curves=by_cluster,
        cluster_observations=cluster_observations(fit),
        members=members(fit),
        subset_map=subset_map(fit, rng),
        prior_sensitivity=prior_sensitivity(fit, forecast),
        rung_check=rung_check(fit, rng),
        posterior=named(fit),
    )


def curves(
    fit: Fit, flops: FloatArray, targets: Sequence[Target], rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset]:
    """Along compute: `latent` and `observed` scores ``(sample, flops, benchmark)``; `pass_rate` of the clusters.

    On the axis of equivalent compute a run's place depends on its size and tokens too: the grid runs through the places
    of the rungs and targets, and its other points lie between theirs.
    """
    keep = fit.draws.kept(MOST_SAMPLES)
    scores = predict(fit.draws.at(keep), fit.seen, fit.priors, places(fit, flops, targets), rng)
    dims = ("sample", "flops", "benchmark")
    along = xr.Dataset(
        {"latent": (dims, scores.latent), "observed": (dims, scores.observed)},
        coords={"flops": np.asarray(flops, dtype=float), "benchmark": list(fit.seen.benchmarks)},
    )
    whole = fit.composition
    rates = whole.at(keep).pass_rates(scores.theta, fit.seen.floor, rng)
    by_cluster = xr.Dataset(
        {"pass_rate": (("sample", "flops", "cluster"), rates)},
        coords={
            "flops": np.asarray(flops, dtype=float),
            "cluster": ("cluster", [cluster.name for cluster in whole.clusters]),
            "benchmark": ("cluster", [cluster.benchmark for cluster in whole.clusters]),
        },
    )
    return along, by_cluster


def places(fit: Fit, flops: FloatArray, targets: Sequence[Target]) -> FloatArray:
    """Decades on the axis of points along compute, through those of rungs and targets."""
    axis = fit.seen.axis
    log_flops = np.log10(np.asarray(flops, dtype=float))
    known = np.concatenate([axis.log_flops, np.log10([target.flops for target in targets])])
    place = np.concatenate([axis.rungs, axis.of_targets(targets)])
    order = np.argsort(known, kind="stable")
    known, place = known[order], np.maximum.accumulate(place[order])
    alone = axis.of_flops(flops)
    beyond = alone + place[-1] - axis.of_flops(10.0 ** known[-1:])[0]
    before = alone + place[0] - axis.of_flops(10.0 ** known[:1])[0]
    between = np.interp(log_flops, known, place)
    found: FloatArray = np.where(log_flops > known[-1], beyond, np.where(log_flops < known[0], before, between))
    return found


# ---------------------------------------------------------------- clusters


def clusters(fit: Fit) -> pd.DataFrame:
    """benchmark, cluster, n_questions, weight, p_law, p_flat, p_irregular, kind."""
    rows = [
        (one.benchmark, one.name, len(one.questions), one.weight, *p, CLASSES[int(np.argmax(p))])
        for one, p in zip(fit.composition.clusters, fit.composition.probability, strict=True)
    ]
    columns = ["benchmark", "cluster", "n_questions", "weight", "p_law", "p_flat", "p_irregular", "kind"]
    return pd.DataFrame(rows, columns=columns)


def cluster_observations(fit: Fit) -> pd.DataFrame:
    """benchmark, cluster, weight, model, flops, pass_rate of every cluster and rung."""
    rows = [
        (one.benchmark, one.name, one.weight, str(model), float(flops), k / n)
        for one in fit.composition.clusters
        for model, flops, n, k in zip(
            fit.seen.rungs["model"], fit.seen.rungs["flops"], one.n_trials, one.n_correct, strict=True
        )
        if n > 0
    ]
    return pd.DataFrame(rows, columns=["benchmark", "cluster", "weight", "model", "flops", "pass_rate"])


def members(fit: Fit) -> pd.DataFrame:
    """benchmark, question_id, cluster."""
    rows = [(one.benchmark, question, one.name) for one in fit.composition.clusters for question in one.questions]
    return pd.DataFrame(rows, columns=["benchmark", "question_id", "cluster"])


def subset_map(fit: Fit, rng: np.random.Generator) -> xr.Dataset | None:
    """`full` over (sample, subset, benchmark); None where no benchmark has clusters."""
    whole = fit.composition
    if all(cluster.name == WHOLE for cluster in whole.clusters):
        return None
    keep = fit.draws.kept(MAP_SAMPLES)
    subset = np.linspace(0.0, 1.0, 41)
    return xr.Dataset(
        {"full": (("sample", "subset", "benchmark"), whole.at(keep).full_of_subset(subset, fit.seen.floor, rng))},
        coords={"subset": subset, "benchmark": list(fit.seen.benchmarks)},
    )


# ---------------------------------------------------------------- checks


def rung_check(fit: Fit, rng: np.random.Generator) -> pd.DataFrame:
    """What was seen at the rungs beside what the fit expects there.

    *fit*: the rung evaluated once more, given its place on the path. *step*: the rung trained and evaluated once more,
    given what was seen up to the rung before it; what benchmarks share has seen the rung itself, so the check is
    somewhat lenient.

    Returns
    -------
    pandas.DataFrame
        benchmark, model, kind, seen, median, low90, high90 (fractions), pit.
    """
    seen, draws = fit.seen, fit.draws
    at_rungs = draws.at_rungs(seen)
    noise = draws.noise[:, None, None] * rng.standard_normal(at_rungs.shape)
    again = {"fit": at_rungs + noise, "step": _steps(fit, rng)}
    rows = []
    for kind, theta in again.items():
        printed = evaluated(score_of(np.nan_to_num(theta), seen.floor), seen, rng)
        for b, benchmark in enumerate(seen.benchmarks):
            for r, model in enumerate(seen.rungs["model"]):
                if seen.n_trials[b, r] == 0 or np.isnan(theta[0, r, b]):
                    continue
                sample, score = printed[:, r, b], float(seen.score[b, r])
                low, median, high = np.quantile(sample, [0.05, 0.5, 0.95])
                rows.append((benchmark, str(model), kind, score, median, low, high, float(pit(sample, score, rng))))
    return pd.DataFrame(rows, columns=["benchmark", "model", "kind", "seen", "median", "low90", "high90", "pit"])


def _steps(fit: Fit, rng: np.random.Generator) -> FloatArray:
    """Theta of each rung with its passing noise, given the rungs before it ``(sample, rung, benchmark)``."""
    seen = fit.seen
    mean, covariance = fit.draws.moments(seen, fit.priors)  # (sample, rung), (sample, benchmark, rung, rung)
    samples, benchmarks, rungs, _ = covariance.shape
    found = np.full((samples, rungs, benchmarks), np.nan)
    for b in range(benchmarks):
        for r in range(1, rungs):
            before = np.flatnonzero(seen.variance[b, :r] < MISSING)
            if not len(before):
                continue
            known = covariance[:, b][:, before][:, :, before] + seen.variance[b, before] * np.eye(len(before))
            cross = covariance[:, b, r][:, before]
            pull = np.linalg.solve(known, cross[..., None])[..., 0]
            center = mean[:, r] + (pull * (seen.theta[b, before] - mean[:, before])).sum(axis=1)
            spread = covariance[:, b, r, r] - (pull * cross).sum(axis=1)
            found[:, r, b] = norm.rvs(center, np.sqrt(np.maximum(spread, 1e-9)), random_state=rng)
    return found


def prior_sensitivity(fit: Fit, forecast: Forecast) -> pd.DataFrame:
    """How a forecast moves when groups of priors, or the likelihood, count for half or twice as much.

    Returns
    -------
    pandas.DataFrame
        target, benchmark, prior, sensitivity, median_half, median_twice, width_half, width_twice, pareto_k_half,
        pareto_k_twice.
    """
    latent = forecast.draws["latent"].values
    flat = latent.reshape(len(latent), -1)
    chains = fit.tree["posterior"].sizes["chain"]
    cells = [(target, benchmark) for target in forecast.targets for benchmark in forecast.benchmarks]
    tables = []
    for name, density in _densities(fit).items():
        half, twice = (moved(flat, density, power, chains) for power in POWERS)
        table = pd.DataFrame(cells, columns=["target", "benchmark"]).assign(
            prior=name,
            sensitivity=sensitivity(flat, density, chains),
            median_half=half.median,
            median_twice=twice.median,
            width_half=half.width,
            width_twice=twice.width,
            pareto_k_half=half.pareto_k,
            pareto_k_twice=twice.pareto_k,
        )
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _densities(fit: Fit) -> dict[str, FloatArray]:
    """Log density of each group of priors and of the likelihood at every draw ``(sample,)``."""
    posterior = fit.tree["posterior"].to_dataset()
    samples = len(fit.draws)
    found = {}
    for group, names in _OF.items():
        z = [posterior[name].values.reshape(samples, -1) for name in names]
        found[group] = -0.5 * (np.concatenate(z, axis=1) ** 2).sum(axis=1)
    if fit.families == 1:
        found[EVALUATIONS] = _likelihood(fit)
    return found


def _likelihood(fit: Fit) -> FloatArray:
    shape = Shape.of([fit.seen])
    data = arrays([fit.seen], shape, fit.priors)
    p, draws = fit.priors, flat(fit.tree)
    fixed = np.array([p.level_mean, p.level_sd**2])
    along, slope, walk, noise = (draws[name] for name in ("moved", "mean_slope", "walk", "noise"))
    parts = zip(along, slope, walk**2, noise**2, strict=True)
    rest = (p.slope_spread, fixed, data["x"], data["seen"], data["variance"], data["family"])
    return np.array([evaluate(*part, *rest)[0] for part in parts])


def named(fit: Fit) -> xr.DataTree:
    """Posterior draws of the family under names of dimensions, without padding, and the sampler's statistics."""
    posterior = fit.tree["posterior"].to_dataset()
    sizes = (posterior.sizes["chain"], posterior.sizes["draw"])
    seen, draws = fit.seen, fit.draws

    def shaped(array: FloatArray) -> FloatArray:
        return array.reshape(*sizes, *array.shape[1:])

    first = ("chain", "draw")
    data = {
        "mean_slope": (first, posterior["mean_slope"].values[..., 0]),
        "curvature": (first, shaped(draws.curvature)),
        "noise": (first, shaped(draws.noise)),
        "shared_walk": ((*first, "rung"), shaped(draws.shared)),
        "level": ((*first, "benchmark"), shaped(draws.level)),
        "slope": ((*first, "benchmark"), shaped(draws.slope)),
        "walk": ((*first, "benchmark"), shaped(draws.walk)),
        "theta": ((*first, "rung", "benchmark"), shaped(draws.at_rungs(seen))),
    }
    coords = {"rung": [str(name) for name in seen.rungs["model"]], "benchmark": list(seen.benchmarks)}
    observed = xr.Dataset(
        {"score": (("rung", "benchmark"), seen.score.T), "n_trials": (("rung", "benchmark"), seen.n_trials.T)}, coords
    )
    return xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset(data, coords),
            "/sample_stats": fit.tree["sample_stats"].to_dataset(),
            "/observed_data": observed,
        }
    )
