"""Figures of docs/mixtures.md: forecasts of domain losses and scores on unseen mixtures and sizes, against baselines.

``python docs/make_mixture_results.py SET DATA``, with DATA the folder of mixture losses and SET one of regmix,
regmix-within, 5Mix, RedPajama, 3Mix, one-size, micro, micro-seeds.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold

from bayes_cod.datasets import microladder
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flpm.evidence import LossEvidence, LossSettings, gather_losses
from bayes_cod.models.flpm.forecaster import BayesianFLPM
from bayes_cod.models.flpm.losses import MixtureLosses
from bayes_cod.models.sampling import SamplerSettings
from bayes_cod.published.flpm import FLPM
from bayes_cod.published.intervals import Bootstrap
from bayes_cod.readers.tables import read_tables
from bayes_cod.scoring.proper import crps

DML = {"5Mix": "dml_pile5.csv.gz", "RedPajama": "dml_redpajama7.csv.gz", "3Mix": "dml_pile3.csv.gz"}
TARGET_WIDTH = 40
"""Width of the micro ladder's held-out mixture runs."""

LARGEST_FITTED = {"5Mix": 201_541_632, "RedPajama": 201_541_632, "3Mix": 85_056_000}


def score(name: str, draws: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """One row of results; draws are losses ``(sample, point, domain)``, truth ``(point, domain)``."""
    middle, inside = np.median(draws, axis=0), interval_holds(draws, truth, 0.9)
    spread = draws.shape[0] > 1
    return {
        "method": name,
        "error of log loss": float(np.sqrt(((np.log(middle) - np.log(truth)) ** 2).mean())),
        "error": float(np.abs(middle - truth).mean()),
        "CRPS": float(crps(draws, truth).mean()),
        "rank of mean": float(spearmanr(middle.mean(axis=1), truth.mean(axis=1))[0]),
        "50 % holds": float(interval_holds(draws, truth, 0.5).mean()) if spread else np.nan,
        "90 % holds": float(inside.mean()) if spread else np.nan,
        "by domain": f"{inside.mean(axis=0).min():.2f} to {inside.mean(axis=0).max():.2f}" if spread else "",
    }


def interval_holds(draws: np.ndarray, truth: np.ndarray, level: float) -> np.ndarray:
    """Whether the central interval of some level holds the truth, of the shape of the truth; draws come first."""
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return (truth >= low) & (truth <= high)


def conformal(
    make: Callable[[], object], shares: np.ndarray, log_loss: np.ndarray, new: np.ndarray, seed: int = 0
) -> np.ndarray:
    """Losses from a regressor, its errors in ten-fold cross-validation added to its predictions (cross-conformal)."""
    rng = np.random.default_rng(seed)
    out = np.zeros((1000, len(new), log_loss.shape[1]))
    for column in range(log_loss.shape[1]):
        errors = []
        for fitted, held in KFold(10, shuffle=True, random_state=seed).split(shares):
            model = make().fit(shares[fitted], log_loss[fitted, column])  # type: ignore[attr-defined]
            errors.append(log_loss[held, column] - model.predict(shares[held]))
        point = make().fit(shares, log_loss[:, column]).predict(new)  # type: ignore[attr-defined]
        out[:, :, column] = point + rng.choice(np.concatenate(errors), (1000, len(new)))
    return np.exp(out)


def truths(ladder: Ladder, models: list[str], domains: tuple[str, ...]) -> np.ndarray:
    """Final losses ``(model, domain)``."""
    assert ladder.losses is not None
    final = ladder.losses[ladder.losses["is_final"]]
    return final.pivot_table(index="model", columns="domain", values="loss").loc[models, list(domains)].to_numpy()


def fit_losses(ladder: Ladder, sampler: SamplerSettings, settings: LossSettings | None = None) -> MixtureLosses:
    """Fitted once, with a line on how sampling went."""
    start = time.perf_counter()
    model = MixtureLosses(0, settings=settings, sampler=sampler, retry=False).fit(ladder)
    report_gate(model, time.perf_counter() - start)
    return model


def regmix(folder: Path, sampler: SamplerSettings) -> None:
    """Fitted to 512 mixtures at 1M; 256 others at 1M and 60M."""
    ladder = read_tables(folder / "regmix_pile17.csv.gz")
    names = [str(name) for name in ladder.models["model"]]
    parts = {part: [name for name in names if name.startswith(part)] for part in ("1M-train", "1M-test", "60M-test")}
    model = fit_losses(ladder.select(models=parts["1M-train"]), sampler)
    evidence = model.evidence
    shares, log_loss = evidence.points.shares, evidence.log_loss
    baselines: dict[str, Callable[[], object]] = {
        "ridge": lambda: RidgeCV(np.geomspace(1e-4, 1e3, 15)),
        "boosted trees": lambda: HistGradientBoostingRegressor(
            max_iter=300, learning_rate=0.05, max_leaf_nodes=8, random_state=0
        ),
    }
    points = {part: model.points([ladder.target(name) for name in parts[part]])[0] for part in parts}
    for part in ("1M-test", "60M-test"):  # the baselines know no size: the same forecast for both
        truth = truths(ladder, parts[part], evidence.domains)
        draws = np.exp(model.forecast(points[part]).observed)
        rows = [score("bayes-flpm", draws, truth)]
        if part == "1M-test":
            rows += [
                score(f"{name}+conformal", conformal(make, shares, log_loss, points[part].shares), truth)
                for name, make in baselines.items()
            ]
        show(part, rows)
        show_domains(evidence.domains, draws, truth)


def regmix_within(folder: Path, sampler: SamplerSettings) -> None:
    """Fitted to three quarters of the 512 mixtures at 1M, drawn at random; the fourth, for each quarter in turn."""
    ladder = read_tables(folder / "regmix_pile17.csv.gz")
    names = [str(name) for name in ladder.models["model"] if str(name).startswith("1M-train")]
    shuffled = np.random.default_rng(3).permutation(names)
    for number, (fitted, ahead) in enumerate(KFold(4).split(shuffled), start=1):
        model = fit_losses(ladder.select(models=[str(name) for name in shuffled[fitted]]), sampler)
        runs = [str(name) for name in shuffled[ahead]]
        points, _ = model.points([ladder.target(name) for name in runs])
        draws, truth = np.exp(model.forecast(points).observed), truths(ladder, runs, model.evidence.domains)
        show(f"quarter {number}", [score("bayes-flpm", draws, truth)])
        show_domains(model.evidence.domains, draws, truth)


def one_size(folder: Path, sampler: SamplerSettings) -> None:
    """Fitted to the mixtures of RedPajama at 70M; the ends of all larger runs."""
    ladder = read_tables(folder / DML["RedPajama"])
    sizes = ladder.models.set_index("model")["params"]
    small, large = (
        [str(name) for name in sizes.index[chosen]] for chosen in (sizes == sizes.min(), sizes > sizes.min())
    )
    model = fit_losses(ladder.select(models=small), sampler)
    ahead = gather_losses(ladder.select(models=large), LossSettings())
    truth = np.exp(ahead.log_loss)
    points, _ = model.points(targets_of(ahead))
    draws = np.exp(model.forecast(points).observed)
    show(f"{len(truth)} runs of 160M to 410M", [score("bayes-flpm", draws, truth)])
    show_domains(model.evidence.domains, draws, truth)


def show_domains(domains: tuple[str, ...], draws: np.ndarray, truth: np.ndarray) -> None:
    """Print coverage, and median forecast and truth of the mean over runs, by domain."""
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    rows = {"holds": interval_holds(draws, truth, 0.9).mean(axis=0), "median": middle.mean(axis=0)}
    rows |= {"truth": truth.mean(axis=0), "width": (high - low).mean(axis=0)}
    print(pd.DataFrame(rows, index=list(domains)).round(3).to_string(), flush=True)


def report_gate(model: MixtureLosses, seconds: float) -> None:
    """Print how sampling went."""
    table = model.gate.table
    print(f"fit: {seconds:.0f} s, {len(model.draws)} draws; {int((~table['passed']).sum())} of {len(table)} failed")
    print(f"largest R-hat {table['r_hat'].max():.3f}, least bulk ESS {table['ess_bulk'].min():.0f}", flush=True)


def show(title: str, rows: list[dict[str, object]]) -> None:
    """Print a table of results."""
    print(f"\n{title}\n{pd.DataFrame(rows).round(4).to_string(index=False)}", flush=True)


def dml(family: str, folder: Path, sampler: SamplerSettings) -> None:
    """Fitted up to 305M (or the largest size below 410M); all checkpoints of 410M."""
    ladder = read_tables(folder / DML[family])
    sizes = ladder.models.set_index("model")["params"]
    small = [str(name) for name in sizes.index[sizes <= LARGEST_FITTED[family]]]
    large = ladder.select(models=[str(name) for name in sizes.index[sizes > LARGEST_FITTED[family]]])
    model = fit_losses(ladder.select(models=small), sampler, LossSettings("late"))
    every = LossSettings("late", progress=1e-6, most=10_000)
    seen, ahead = gather_losses(ladder.select(models=small), every), gather_losses(large, every)
    targets = targets_of(ahead)
    truth = np.exp(ahead.log_loss)
    points, _ = model.points(targets)
    assert ahead.domains == model.evidence.domains
    rows = [score("bayes-flpm", np.exp(model.forecast(points).observed), truth)]
    rows.append(score("published product", published_product(seen, ahead), truth))
    rows.append(score("power law of each mixture", per_mixture(seen, ahead), truth))
    show(f"{family}: {len(targets)} checkpoints at 410M, {truth.shape[1]} domains", rows)


def targets_of(evidence: LossEvidence) -> list[Target]:
    """Every point as a target."""
    at = evidence.points
    return [
        Target(
            f"{name}@{row}",
            float(6 * np.exp(at.log_compute[row])),
            params=float(np.exp(at.log_params[row])),
            tokens=float(np.exp(at.log_tokens[row])),
            mixture=dict(zip(evidence.sources, map(float, at.shares[row]), strict=True)),
        )
        for row, name in enumerate(evidence.models)
    ]


def published_product(seen: LossEvidence, ahead: LossEvidence) -> np.ndarray:
    """FLP-M's first stage, ridge regression of log loss on log compute and log compute of each domain."""
    from bayes_cod.published.flpm import _design, _ridge

    unit = float(np.exp(seen.points.log_compute.max()))
    fitted = _design(np.exp(seen.points.log_compute), unit, seen.points.shares)
    coefficients = _ridge(fitted, seen.log_loss, 1e-6)
    return np.exp(_design(np.exp(ahead.points.log_compute), unit, ahead.points.shares) @ coefficients)[None]


def per_mixture(seen: LossEvidence, ahead: LossEvidence) -> np.ndarray:
    """A power law in compute for each mixture and domain; of the nearest mixture where one was not run small."""
    out = np.zeros_like(ahead.log_loss)
    distance = ((seen.points.shares[:, None] - ahead.points.shares[None]) ** 2).sum(axis=2)
    for row in range(len(ahead.models)):
        own = distance[:, row] <= distance[:, row].min() + 1e-9
        x = seen.points.log_compute[own]
        design = np.stack([np.ones_like(x), x], axis=1)
        coefficients = np.linalg.lstsq(design, seen.log_loss[own], rcond=None)[0]
        out[row] = np.array([1.0, ahead.points.log_compute[row]]) @ coefficients
    return np.exp(out)[None]


def one_family(whole: Ladder) -> Ladder:
    """Runs of all mixtures and seeds as one family, only their ends."""
    assert whole.scores is not None and whole.losses is not None
    return replace(
        whole,
        models=whole.models.assign(family="mixtures"),
        scores=whole.scores[whole.scores["is_final"]].reset_index(drop=True),
        losses=whole.losses[whole.losses["is_final"]].reset_index(drop=True),
    )


def micro(_: Path, sampler: SamplerSettings) -> None:
    """Fitted to 16 mixtures at three widths; the default and six unseen mixtures two rungs up."""
    forecast_micro(one_family(microladder("mixtures")), sampler)


def micro_seeds(_: Path, sampler: SamplerSettings) -> None:
    """The same, fitted also to the main part's runs below the targets' width: three seeds of the default mixture."""
    forecast_micro(one_family(microladder("mixed")), sampler)


def forecast_micro(whole: Ladder, sampler: SamplerSettings) -> None:
    """Fitted to all runs below the targets' width; forecasts of the runs of that width against baselines."""
    models = whole.models
    seen = models[models["width"] < TARGET_WIDTH]
    small = whole.select(models=[str(name) for name in seen["model"]])
    ahead = (models["width"] == TARGET_WIDTH) & (models["part"] == "mixtures")
    targets = [whole.target(str(name)) for name in models.loc[ahead, "model"]]
    start = time.perf_counter()
    model = BayesianFLPM(0)
    model.losses.sampler = sampler
    model.scores.sampler = replace(model.scores.sampler, cores=sampler.cores)
    model.losses.retry = False
    model.fit(small)
    report_gate(model.losses, time.perf_counter() - start)
    forecast = model.forecast(targets)
    print(f"both stages: {len(forecast.failed)} diagnostics failed", flush=True)
    names = forecast.benchmarks
    truth = np.array([[whole.truth(target.name, name) for name in names] for target in targets])
    usual = seen[seen["mixture"] == "default"]
    largest = usual.loc[usual["width"] == usual["width"].max(), "model"]
    unchanged = np.array([np.mean([small.truth(str(run), name) for run in largest]) for name in names])
    ours = whole.truth
    at_size = np.array([ours("w40-mix-default", name) for name in names])
    published = Bootstrap(FLPM(), seed=0).fit(small).forecast(targets).draws["score"].values
    for title, kept in (("all seven mixtures", slice(None)), ("the six unseen mixtures", slice(1, None))):
        rows = []
        for name, draws in (
            ("bayes-flpm", forecast.draws["score"].values),
            ("flpm+bootstrap", published),
            ("default mixture, largest rung", np.tile(unchanged, (1, len(targets), 1))),
            ("default mixture, target size (not known then)", np.tile(at_size, (1, len(targets), 1))),
        ):
            rows.append(micro_row(name, draws[:, kept], truth[kept]))
        show(title, rows)
    decide(model, targets[0], dict(zip([t.name for t in targets], truth.mean(axis=1), strict=True)), targets)


def micro_row(name: str, draws: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """Scores in points."""
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95], axis=0)
    return {
        "method": name,
        "error": 100 * np.abs(middle - truth).mean(),
        "CRPS": 100 * crps(draws, truth).mean(),
        "bias": 100 * (middle - truth).mean(),
        "90 % holds": interval_holds(draws, truth, 0.9).mean() if len(draws) > 1 else np.nan,
        "width": 100 * (high - low).mean(),
    }


def decide(model: BayesianFLPM, default: Target, true_means: dict[str, float], targets: list[Target]) -> None:
    """The mixture chosen among the seven held-out runs, and its true regret against the stated interval."""
    points, _ = model.losses.points(targets)
    values = model.predict(points, joint=True).observed.mean(axis=2)  # the truth is of runs, with their luck
    best = int(values.mean(axis=0).argmax())
    regret = values.max(axis=1) - values[:, best]
    low, high = np.quantile(regret, [0.05, 0.95])
    true_regret = max(true_means.values()) - true_means[targets[best].name]
    print(
        f"\nchosen: {targets[best].name}; true regret {100 * true_regret:.2f} points, stated {100 * low:.2f} to "
        f"{100 * high:.2f} (90 %), expected {100 * regret.mean():.2f}"
    )
    beats = (values[:, best] > values[:, 0]).mean()
    gain = true_means[targets[best].name] - true_means[default.name]
    print(f"P(beats the default mixture) {beats:.2f}; true gain {100 * gain:+.2f} points", flush=True)
    means = np.array([true_means[target.name] for target in targets])
    first, second = np.array(list(itertools.combinations(range(len(targets)), 2))).T
    apart = values[:, first] - values[:, second]
    show("differences of mean score", [micro_row("all pairs", apart, means[first] - means[second])])


def main() -> None:
    """Run one set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", choices=["regmix", "regmix-within", *DML, "one-size", "micro", "micro-seeds"])
    parser.add_argument("data", type=Path)
    for name, value in (("draws", 300), ("tune", 300), ("chains", 4), ("cores", 2)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    sampler = SamplerSettings(given.draws, given.tune, given.chains, given.cores, 0.9, 0.95)
    if given.set in DML:
        dml(given.set, given.data, sampler)
    else:
        own = {"regmix": regmix, "regmix-within": regmix_within, "one-size": one_size}
        own |= {"micro": micro, "micro-seeds": micro_seeds}
        own[given.set](given.data, sampler)


if __name__ == "__main__":
    sys.exit(main())
