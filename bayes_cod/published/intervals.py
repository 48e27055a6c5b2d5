"""Distributions for point methods: bootstrap and conformal.

Both work on the logit scale, so that no draw leaves [0, 1], and both add the method's own errors to its point.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from scipy.special import expit, logit

from bayes_cod.errors import InputError
from bayes_cod.forecasts.explanation import Explanation, compute_grid, thinned
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.published.base import ItemMethod, PointMethod, ScoreMethod
from bayes_cod.published.problems import FloatArray, ItemProblem, ScoreProblem, Solution

MARGIN = 1e-4
"""Distance kept from 0 and 1 on the way to the logit scale."""

REPLICATES = 30
"""Refits of a bootstrap. With R of them the CRPS is that of infinitely many but for about 1 / R of their own spread."""


def _log_odds(score: FloatArray | float) -> FloatArray:
    return np.asarray(logit(np.clip(score, MARGIN, 1 - MARGIN)))


class _Interval:
    """A point method with a distribution around it."""

    suffix: str

    def __init__(self, method: PointMethod[Any], seed: int) -> None:
        self.method = method
        self.seed = seed

    @property
    def name(self) -> str:
        """Name of the method with the suffix."""
        return f"{self.method.name}+{self.suffix}"

    @abstractmethod
    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit the method and what its distribution is made from."""

    @abstractmethod
    def draws(self, targets: Sequence[Target]) -> tuple[FloatArray, FloatArray]:
        """Observed and latent draws, [sample, target, benchmark] each."""

    def forecast(self, targets: Sequence[Target], *, explain: bool = False) -> Forecast:
        """Forecast targets on every benchmark of the fitted ladder."""
        observed, latent = self.draws(targets)
        benchmarks = [problem.benchmark for problem in self.method.problems_]
        facts = self.method.facts(targets) | {"kind": self.suffix, "samples": len(observed)}
        explanation = Explanation(curves=self.curves(targets)) if explain else None
        return Forecast.from_draws(observed, latent, targets, benchmarks, self.name, facts, explanation=explanation)

    def curves(self, targets: Sequence[Target]) -> xr.Dataset | None:
        """Scores along compute, `latent` and `observed` over (sample, flops, benchmark), for methods that see no loss.

        One sample is one replicate, as in the forecast; a run's luck is its own at each compute. None for methods that
        go by way of losses, which need more of a run than its compute.
        """
        if not isinstance(self.method, (ScoreMethod, ItemMethod)):
            return None
        rungs = np.concatenate([np.asarray(problem.flops) for problem in self.method.problems_])
        grid = compute_grid(rungs, [target.flops for target in targets])
        observed, latent = self.draws([Target(f"{flops:.6g} FLOPs", float(flops)) for flops in grid])
        dims = ("sample", "flops", "benchmark")
        return xr.Dataset(
            {"latent": (dims, thinned(latent)), "observed": (dims, thinned(observed))},
            coords={"flops": grid, "benchmark": [problem.benchmark for problem in self.method.problems_]},
        )


class Bootstrap(_Interval):
    """Parameter uncertainty by refitting replicates, and the rungs' residuals around each.

    Replicates: methods that see questions draw the questions with replacement and repeat everything, clustering too;
    methods that see scores add resampled logit residuals to the fitted scores; loss-based methods do so in both stages.
    Residuals are centred and scaled by sqrt(n / (n - p)). Where a curve has as many parameters as points, so that no
    residual is left, one binomial standard error of the evaluation takes their place.

    The same rungs are drawn for all benchmarks, as a run's luck is shared by them: in one draw the residuals of a
    benchmark come from where those of the others do, as far as the benchmarks have the same rungs (or checkpoints).

    Latent draws are the replicates' points. Observed draws add one residual of the method on this benchmark, as if the
    target were one more rung. The spread does not grow with extrapolation beyond what refitting makes it: with few
    rungs the intervals are known to be too narrow.

    Parameters
    ----------
    method
        The point method, unfitted.
    replicates
        Refits of every benchmark.
    per_replicate
        Observed draws from each replicate.
    seed
        Seed of the resampling.
    """

    suffix = "bootstrap"

    def __init__(
        self, method: PointMethod[Any], *, replicates: int = REPLICATES, per_replicate: int = 30, seed: int = 0
    ) -> None:
        super().__init__(method, seed)
        if replicates < 2 or per_replicate < 1:
            raise InputError(
                f"a bootstrap needs 2 replicates and 1 draw from each at least, got {replicates} and {per_replicate}"
            )
        self.replicates = replicates
        self.per_replicate = per_replicate

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit the method and every replicate."""
        self.method.fit(ladder, pool=pool)
        self.replicates_: list[list[Solution]] = []
        self.residuals_: list[FloatArray] = []
        for place, (problem, solution) in enumerate(zip(self.method.problems_, self.method.solutions_, strict=True)):
            # questions are drawn a benchmark at a time, residuals for all benchmarks alike: rungs are what they share
            rng = np.random.default_rng([self.seed, 3 + place] if isinstance(problem, ItemProblem) else self.seed)
            self.residuals_.append(problem.residuals(solution))
            self.replicates_.append(
                self.method.solve_or_fall_back(
                    [problem.resample(solution, rng) for _ in range(self.replicates)], solution
                )
            )
        return self

    def draws(self, targets: Sequence[Target]) -> tuple[FloatArray, FloatArray]:
        """Observed and latent draws; the residuals of a draw are of one rung on all benchmarks of the same rungs."""
        points = np.array([[[s.predict(t) for s in every] for every in self.replicates_] for t in targets])
        latent = np.repeat(np.clip(points, 0.0, 1.0).transpose(2, 0, 1), self.per_replicate, axis=0)
        size = (len(latent), len(targets))
        noise = np.stack([np.random.default_rng([self.seed, 1]).choice(r, size) for r in self.residuals_], axis=2)
        return expit(_log_odds(latent) + noise), latent


@dataclass(frozen=True)
class _Miss:
    """Error of one forecast inside the ladder.

    Logit units, decades beyond the largest rung it was made from, and that rung with the one that was forecast.
    """

    error: float
    decades: float
    event: tuple[str, str]


class Conformal(_Interval):
    """Errors of the method's own forecasts inside the ladder, carried over to the target.

    The largest rung, the two largest, and so on up to half of the ladder are left out; the method is refitted on the
    rest and forecasts the rungs left out. Its logit errors, from all benchmarks together, are scaled by
    ``sqrt(decades of the target / decades of the miss)``, as a random walk in log compute would grow, made symmetric,
    and added to the point. A draw takes the errors of all its benchmarks from one forecast (the same rungs left out,
    the same rung forecast) with one sign, each from a benchmark at random: a run's luck is shared by its benchmarks.

    This has the form of a split conformal interval, but not its guarantee: rungs are not exchangeable with a larger
    target. Observed and latent draws are the same, because the errors were made against observed scores.

    Parameters
    ----------
    method
        The point method, unfitted.
    samples
        Draws.
    min_decades
        Extrapolations shorter than this count as this long.
    max_cuts
        Refits of a benchmark at most; cuts are spread evenly if there would be more.
    seed
        Seed of the draws.
    """

    suffix = "conformal"

    def __init__(
        self,
        method: PointMethod[Any],
        *,
        samples: int = 1000,
        min_decades: float = 0.1,
        max_cuts: int = 6,
        seed: int = 0,
    ) -> None:
        super().__init__(method, seed)
        if samples < 2 or min_decades <= 0:
            raise InputError(f"samples must be 2 or more and min_decades above 0, got {samples} and {min_decades}")
        self.samples = samples
        self.min_decades = min_decades
        self.max_cuts = max_cuts

    def fit(self, ladder: Ladder, *, pool: Ladder | None = None) -> Self:
        """Fit the method, then again without the largest rungs.

        Raises
        ------
        InputError
            If the ladder is too short to leave out a rung.
        """
        self.method.fit(ladder, pool=pool)
        self.misses_ = [miss for problem in self.method.problems_ for miss in self._misses(problem, ladder)]
        if not self.misses_:
            raise InputError(
                f"'{self.name}' needs {self.method.min_rungs + 1} rungs or more, so that one can be left out; "
                f"ladder '{ladder.name}' has {len(ladder.rungs())}. Add rungs or use '{self.method.name}+bootstrap'"
            )
        return self

    def _misses(self, problem: ScoreProblem, ladder: Ladder) -> list[_Miss]:
        found = []
        targets = [ladder.target(model) for model in problem.models]
        for n in self._cuts(len(problem)):
            solution = self.method.solve(problem.first(n))
            for left_out in range(n, len(problem)):
                decades = float(np.log10(problem.flops[left_out] / problem.flops[n - 1]))
                if decades <= 0:
                    continue
                point = float(np.clip(solution.predict(targets[left_out]), 0.0, 1.0))
                error = float(problem.logit(problem.score[left_out]) - problem.logit(point))
                found.append(
                    _Miss(error, max(decades, self.min_decades), (problem.models[n - 1], problem.models[left_out]))
                )
        return found

    def _cuts(self, n_rungs: int) -> list[int]:
        """Numbers of rungs that are kept, from half of the ladder on."""
        every = np.arange(max(self.method.min_rungs, (n_rungs + 1) // 2), n_rungs)
        chosen = np.linspace(0, len(every) - 1, min(len(every), self.max_cuts)).round().astype(int)
        return [int(n) for n in every[chosen]]

    def draws(self, targets: Sequence[Target]) -> tuple[FloatArray, FloatArray]:
        """Draws, the same for the observed and the latent score."""
        points = self.method.points(targets)
        largest = np.array([problem.flops[-1] for problem in self.method.problems_])
        ahead = np.log10(np.array([target.flops for target in targets])[:, None] / largest[None, :])
        growth = np.sqrt(np.maximum(ahead, self.min_decades))
        noise = self._errors(points.shape) * growth
        draws = expit(_log_odds(points) + noise)
        return draws, draws

    def _errors(self, shape: tuple[int, ...]) -> FloatArray:
        """Errors scaled to one decade, [sample, target, benchmark]; a sample and target has one event and sign."""
        rng = np.random.default_rng([self.seed, 2])
        events: dict[tuple[str, str], list[float]] = {}
        for miss in self.misses_:
            events.setdefault(miss.event, []).append(miss.error / np.sqrt(miss.decades))
        scaled = np.concatenate([np.array(errors) for errors in events.values()])
        counts = np.array([len(errors) for errors in events.values()])
        first = np.cumsum(counts) - counts
        # an event is drawn in proportion to its errors, so that every error is as likely as any other
        event = rng.choice(len(counts), (self.samples, shape[0]), p=counts / counts.sum())
        place = (rng.random((self.samples, *shape)) * counts[event][:, :, None]).astype(np.int64)
        sign = rng.choice(np.array([-1.0, 1.0]), (self.samples, shape[0], 1))
        return np.asarray(sign * scaled[first[event][:, :, None] + place])
