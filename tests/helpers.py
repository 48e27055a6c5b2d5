"""Ladders and forecasters that tests are made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import xarray as xr
from typer.testing import CliRunner

from bayes_cod.cli import app
from bayes_cod.forecasts import Explanation, Forecast
from bayes_cod.forecasts.explanation import compute_grid
from bayes_cod.ladder import Ladder, Target

MODELS = """model,family,flops,params,tokens
tiny,fam,1e18,1e6,1e9
small,fam,1e19,1e7,1e9
middle,fam,1e20,1e8,1e9
large,fam,1e21,1e9,1e9
huge,fam,1e22,1e10,1e9
lonely,other,1e20,1e8,1e9
nocompute,fam,,,
"""
RATES = {"tiny": 0.30, "small": 0.45, "middle": 0.62, "large": 0.74, "lonely": 0.5}
TRIALS = 20


def items_text(benchmark: str = "arith", questions: int = 12, rates: dict[str, float] | None = None) -> str:
    """An items table as CSV text."""
    random = np.random.default_rng(3)
    lines = ["benchmark,question_id,model,n_trials,n_correct,chance"]
    for model, rate in (rates or RATES).items():
        ease = np.linspace(-0.25, 0.2, questions)
        passes = random.binomial(TRIALS, np.clip(rate + ease, 0.02, 0.98))
        lines += [f"{benchmark},q{index},{model},{TRIALS},{count},0.1" for index, count in enumerate(passes)]
    return "\n".join(lines) + "\n"


def write_ladder(folder: Path, **files: str | bytes | None) -> Path:
    """Write a valid ladder of two benchmarks; `files` (name without .csv) replaces a file, or drops it if None."""
    texts: dict[str, str | bytes | None] = {
        "models": MODELS,
        "arith": items_text("arith"),
        "logic": items_text("logic", 8),
    }
    texts |= files
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        if text is None:
            continue
        file = folder / (name if "." in name else f"{name}.csv")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command line in this process: exit code, standard output and standard error, blanks made one."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.stdout.split()), " ".join(result.stderr.split())


class FakeBayes:
    """A forecaster with everything that a Bayesian one has, and no sampling: draws around the last rung's score."""

    def __init__(
        self,
        seed: int = 0,
        sampling: Mapping[str, int] | None = None,
        gate_passed: bool = True,
        priors: Any = None,
    ) -> None:
        self.seed, self.priors = seed, priors
        chosen = {"draws": 60, "chains": 2} | dict(sampling or {})
        self.draws, self.chains = chosen["draws"], chosen["chains"]
        self._gate_passed = gate_passed

    @property
    def name(self) -> str:
        return "fake-bayes"

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        self.ladder, self.pool = ladder, pool
        self.rungs = ladder.rungs()
        self.last = {
            name: float(np.nanmax([ladder.truth(model, name) for model in self.rungs["model"]]))
            for name in ladder.benchmark_names
        }
        return self

    def _latent(self, flops: np.ndarray) -> np.ndarray:
        """Shape ``(sample, flops, benchmark)``."""
        random = np.random.default_rng(self.seed)
        decades = np.log10(flops / self.rungs["flops"].max())
        slope = random.normal(0.1, 0.03, (self.draws * self.chains, 1, len(self.last)))
        level = random.normal(0, 0.01, slope.shape)
        return np.clip(np.array(list(self.last.values())) + level + slope * decades[None, :, None], 0, 1)

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        latent = self._latent(np.array([target.flops for target in targets]))
        noise = np.random.default_rng(self.seed + 1).normal(0, 0.02, latent.shape)
        last = float(self.rungs["flops"].max())
        facts: dict[str, Any] = {
            "decades": {target.name: float(np.log10(target.flops / last)) for target in targets},
            "share_extrapolating": dict.fromkeys(self.last, 0.8),
            "warnings": ["a warning of the method"],
            "settings": {"draws": self.draws, "chains": self.chains},
        }
        made = Forecast.from_draws(
            np.clip(latent + noise, 0, 1),
            latent,
            targets,
            list(self.last),
            self.name,
            facts,
            diagnostics=self.diagnostics,
        )
        return replace(made, explanation=self.explanation(made, targets)) if explain else made

    def explanation(self, made: Forecast, targets: Sequence[Target]) -> Explanation:
        grid = compute_grid(self.rungs["flops"], [target.flops for target in targets])
        return Explanation(
            curves=self.curves(grid),
            clusters=self.clusters(),
            cluster_curves=self.cluster_curves(grid),
            cluster_observations=self.cluster_observations(),
            prior_sensitivity=self.prior_sensitivity(made),
            rung_check=self.rung_check(),
            posterior=self.posterior,
        )

    @property
    def posterior(self) -> xr.DataTree:
        values = np.random.default_rng(self.seed).normal(size=(self.chains, self.draws))
        dataset = xr.Dataset({"slope": (("chain", "draw"), values)})
        return xr.DataTree.from_dict({"/posterior": dataset})

    @property
    def diagnostics(self) -> pd.DataFrame:
        r_hat = 1.002 if self._gate_passed else 1.31
        return pd.DataFrame(
            {
                "quantity": ["slope", "level", "divergences", "E-BFMI"],
                "r_hat": [r_hat, 1.001, np.nan, np.nan],
                "ess_bulk": [812.0, 900.0, np.nan, np.nan],
                "ess_tail": [700.0, 650.0, np.nan, np.nan],
                "passed": [self._gate_passed, True, True, True],
            }
        )

    def curves(self, flops: np.ndarray) -> xr.Dataset:
        dims = ("sample", "flops", "benchmark")
        return xr.Dataset(
            {"latent": (dims, self._latent(flops))}, coords={"flops": flops, "benchmark": list(self.last)}
        )

    def clusters(self) -> pd.DataFrame:
        kinds = {"law": (0.9, 0.06, 0.04), "flat": (0.2, 0.7, 0.1), "irregular": (0.1, 0.2, 0.7)}
        rows = [
            (name, index, 10 + 7 * index, *probabilities, kind)
            for name in self.last
            for index, (kind, probabilities) in enumerate(kinds.items())
        ]
        columns = ["benchmark", "cluster", "n_questions", "p_law", "p_flat", "p_irregular", "kind"]
        return pd.DataFrame(rows, columns=columns)

    def cluster_curves(self, flops: np.ndarray) -> xr.Dataset:
        table = self.clusters()
        level = self._latent(flops)[:, :, [list(self.last).index(name) for name in table["benchmark"]]]
        rate = np.clip(level + 0.25 - 0.25 * table["cluster"].to_numpy(), 0, 1)
        coords = {
            "flops": flops,
            "benchmark": ("cluster", table["benchmark"].to_numpy(dtype=object)),
            "cluster": table["cluster"].to_numpy(),
        }
        return xr.Dataset({"pass_rate": (("sample", "flops", "cluster"), rate)}, coords=coords)

    def cluster_observations(self) -> pd.DataFrame:
        rows = []
        for row in self.clusters().itertuples():
            for model, flops in zip(self.rungs["model"], self.rungs["flops"], strict=True):
                rate = np.clip(self.ladder.truth(model, row.benchmark) + 0.25 - 0.25 * row.cluster, 0, 1)
                rows.append((row.benchmark, row.cluster, model, flops, rate))
        return pd.DataFrame(rows, columns=["benchmark", "cluster", "model", "flops", "pass_rate"])

    def prior_sensitivity(self, forecast: Forecast) -> pd.DataFrame:
        """Every forecast rests on growth, the less the later it comes; none on floors."""
        cells = [(target, name) for target in forecast.targets for name in forecast.benchmarks]
        rows = [
            (target, name, prior, 0.3 / (1 + place) * share, 0.02, -0.01, 0.04, -0.03, 0.9, 0.1)
            for prior, share in (("growth", 1.0), ("floor and level", 0.01), ("evaluations", 2.0))
            for place, (target, name) in enumerate(cells)
        ]
        columns = ["target", "benchmark", "prior", "sensitivity", "median_half", "median_twice", "width_half"]
        return pd.DataFrame(rows, columns=[*columns, "width_twice", "pareto_k_half", "pareto_k_twice"])

    def rung_check(self) -> pd.DataFrame:
        """The first benchmark's last step was not expected."""
        rows = []
        for place, name in enumerate(self.last):
            for kind, first in (("fit", 0), ("step", 1)):
                models = list(self.rungs["model"])[first:]
                pit = np.full(len(models), 0.4)
                if place == 0 and kind == "step":
                    pit[-1] = 0.9999
                rows += [
                    (name, m, kind, self.ladder.truth(m, name), 0.5, 0.4, 0.6, p)
                    for m, p in zip(models, pit, strict=True)
                ]
        return pd.DataFrame(rows, columns=["benchmark", "model", "kind", "seen", "median", "low90", "high90", "pit"])
