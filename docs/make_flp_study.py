"""Coverage of Bayesian FLP and the published form on simulated ladders.

``python docs/make_flp_study.py 12 DIR [--large] [--wander] [--earlier 4 8]``

Four worlds, each one complaint about two-stage methods: checkpoints whose learning rate has not decayed, equal compute
at other sizes and tokens, a kink where benchmarks emerge, and saturation. None of them is drawn from the model's own
priors: the kink is a hinge, which no sigmoid is. Chains of Bayesian FLP are short, as in its calibration by simulation,
and all fits are counted. Ladders have five sizes and six benchmarks, or, ``--large``, eight and eighteen. Scores follow
their curve exactly, or, ``--wander``, leave it as those of real ladders do: by random walks along the loss, of each
benchmark and of all together. Every method is also recalibrated by what its intervals held on other ladders of the same
world: for each ladder the four drawn after it, and the eight (``--earlier``). Writes ``forecasts.csv`` and
``coverage.csv`` and prints the latter.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bayes_cod import laws
from bayes_cod.evaluation.recalibration import Recalibration
from bayes_cod.forecasts.forecast import Forecast
from bayes_cod.ladder import Ladder, Target
from bayes_cod.models.flp.simulation import SAMPLER
from bayes_cod.registry import make
from bayes_cod.scoring import proper as scores

METHODS = ("bayes-flp", "flp+bootstrap", "flp+conformal")
QUESTIONS = 1000
SHARES = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 0.85])
SHARED_WALK, OWN_WALK = 0.2, (0.12, 1.2)
"""Walks of ``--wander`` per root unit of progress: of all benchmarks in progress, and of one on the logit, from that of
the smoothest real ladder (OLMo) to that of the most abrupt (micro), as Bayesian FLP finds them (OpenLM: 0.22 and 0.2).
"""
GRID = 2000
EARLIER = (4, 8)
"""Other ladders that intervals are recalibrated by."""
CHANCE = {"a": 0.25, "b": 0.25, "c": 0.0, "d": 0.5, "e": 0.25, "f": 0.0}

type Map = Callable[[np.ndarray, float, float, float], np.ndarray]


@dataclass(frozen=True)
class World:
    """One way in which ladders come about.

    Attributes
    ----------
    ratios
        Tokens per parameter of the runs.
    target
        Size and tokens per parameter of the target.
    late
        Rise of the log loss at full learning rate, along training.
    late_score
        Part of that rise that scores do not see.
    score
        Share of the way from chance to the top, from log loss, the benchmark's middle, slope and top, without noise.
    middle
        Log loss at which benchmarks are half way, relative to the largest rung's: least and most.
    """

    ratios: tuple[float, ...]
    target: tuple[float, float]
    late: float
    late_score: float
    score: Map
    middle: tuple[float, float]


@dataclass(frozen=True)
class Design:
    """Sizes of a ladder's runs ``(size,)``, and chance of its benchmarks by name."""

    sizes: np.ndarray
    chance: dict[str, float]


DESIGNS = {
    "small": Design(np.array([5e7, 1e8, 2e8, 4e8, 8e8]), CHANCE),
    "large": Design(
        np.array([2e7, 3.5e7, 6e7, 1e8, 1.7e8, 2.9e8, 5e8, 8e8]),
        {f"{name}{number}": chance for number in range(3) for name, chance in CHANCE.items()},
    ),
}


def _sigmoid(log_loss: np.ndarray, middle: float, slope: float, top: float) -> np.ndarray:
    return np.asarray(top * laws.sigmoid(slope * (middle - log_loss)))


def _hinge(log_loss: np.ndarray, middle: float, slope: float, top: float) -> np.ndarray:
    return np.asarray(np.clip(0.25 * slope * (middle - log_loss), 0.0, top))


WORLDS = {
    "undecayed checkpoints": World((20.0,), (4e9, 20.0), 0.06, 0.06, _sigmoid, (-0.15, 0.1)),
    "equal compute, other (N, D)": World((5.0, 80.0), (4e9, 20.0), 0.02, 0.0, _sigmoid, (-0.15, 0.1)),
    "kink at emergence": World((20.0,), (4e9, 20.0), 0.02, 0.0, _hinge, (-0.05, 0.15)),
    "saturation": World((20.0,), (4e9, 20.0), 0.02, 0.0, _sigmoid, (0.0, 0.25)),
}


def log_loss_law(params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """True loss: unequal exponents, so that compute alone does not tell it."""
    return np.asarray(np.log(laws.params_tokens_loss(params / 8e8, tokens / 1.6e10, 1.6, 0.45, 0.42, 0.55, 0.26)))


class Walks:
    """How far scores leave their curve at a log loss, as shifts of the log loss: nothing at the largest rung's.

    Parameters
    ----------
    unit
        Unit of progress: standard deviation of the rungs' log losses.
    last
        Log loss of the largest rung.
    slope
        Of the benchmarks on the logit, by name.
    rng
        Of the walks.
    """

    def __init__(self, unit: float, last: float, slope: dict[str, float], rng: np.random.Generator) -> None:
        self._grid = np.linspace(last - 1.0, last + 2.0, GRID)
        own = float(np.exp(rng.uniform(*np.log(OWN_WALK))))
        step = np.sqrt((self._grid[1] - self._grid[0]) / unit)
        paths = {name: own / of for name, of in slope.items()} | {"": SHARED_WALK * unit}
        for name, size in paths.items():
            path = size * step * rng.standard_normal(GRID).cumsum()
            paths[name] = path - np.interp(last, self._grid, path)
        self._paths = paths

    def __call__(self, log_loss: float, name: str) -> float:
        """Shift of a benchmark's log loss."""
        return float(np.interp(log_loss, self._grid, self._paths[name] + self._paths[""]))


def draw(world: World, seed: int, design: Design, wander: bool) -> tuple[Ladder, Target, dict[str, float]]:
    """A ladder, a target and its true observed scores."""
    rng = np.random.default_rng(seed)
    last = float(log_loss_law(np.array([8e8]), np.array([1.6e10]))[0])
    middle = {name: last + rng.uniform(*world.middle) for name in design.chance}
    slope = {name: float(np.exp(rng.normal(np.log(12.0), 0.25))) for name in design.chance}
    top = {name: float(rng.uniform(0.85, 0.98)) for name in design.chance}
    unit = float(np.std([log_loss_law(design.sizes, ratio * design.sizes) for ratio in world.ratios]))
    walks = Walks(unit, last, slope, np.random.default_rng([seed, 1])) if wander else None

    def score(log_loss: float, name: str, luck: float) -> float:
        at = log_loss + luck + (0.0 if walks is None else walks(log_loss, name))
        share = float(world.score(np.array([at]), middle[name], slope[name], top[name])[0])
        rate = design.chance[name] + (1 - design.chance[name]) * share + 0.01 * rng.standard_normal()
        return float(rng.binomial(QUESTIONS, np.clip(rate, 0, 1)) / QUESTIONS)

    models, losses, scores = [], [], []
    for size in design.sizes:
        for ratio in world.ratios:
            name, tokens = f"{size:.0e}-{ratio:g}", ratio * size
            run_luck, score_luck = 0.006 * rng.standard_normal(), 0.004 * rng.standard_normal()
            models.append((name, "made", size, tokens, 6 * size * tokens, True))
            for share in (*SHARES, 1.0):
                rise = world.late * (1 - share)
                log_loss = float(log_loss_law(np.array([size]), np.array([share * tokens]))[0]) + rise + run_luck
                row = (name, share * tokens, 6 * size * share * tokens, share == 1.0)
                losses.append((*row, "web", np.exp(log_loss + 0.002 * rng.standard_normal())))
                unseen = -world.late_score * (1 - share) * 0.5
                scores += [
                    (*row, benchmark, score(log_loss + unseen, benchmark, score_luck), QUESTIONS, chance)
                    for benchmark, chance in design.chance.items()
                ]
    columns = ["model", "tokens", "flops", "is_final"]
    ladder = Ladder(
        "made",
        pd.DataFrame(models, columns=["model", "family", "params", "tokens", "flops", "is_final"]).sort_values(
            ["flops", "model"], ignore_index=True
        ),
        pd.DataFrame({"benchmark": list(design.chance), "chance": list(design.chance.values())}),
        scores=pd.DataFrame(scores, columns=[*columns, "benchmark", "score", "n_questions", "chance"]),
        losses=pd.DataFrame(losses, columns=[*columns, "domain", "loss"]),
    )
    size, tokens = world.target[0], world.target[0] * world.target[1]
    true_loss = float(log_loss_law(np.array([size]), np.array([tokens]))[0]) + 0.006 * rng.standard_normal()
    luck = 0.004 * rng.standard_normal()
    truth = {name: score(true_loss, name, luck) for name in design.chance}
    return ladder, Target("target", 6 * size * tokens, "made", size, tokens), truth


def cells(world: str, repeat: int, forecast: Forecast, truth: dict[str, float]) -> pd.DataFrame:
    """What a back-test of the ladder would have written of the target."""
    draws = np.stack([forecast.samples("target", name) for name in truth], axis=1)
    pit = scores.pit(draws, np.array(list(truth.values())), np.random.default_rng(repeat))
    return pd.DataFrame(
        {
            **{"ladder": world, "family": f"made {repeat}", "cut": "last", "target": f"target {repeat}"},
            **{"benchmark": list(truth), "method": forecast.method, "status": "ok"},
            **{"pit": pit, "n_draws": float(len(draws))},
        }
    )


def run(repeats: int, design: Design, wander: bool, earlier: Sequence[int] = ()) -> pd.DataFrame:
    """Every method on every drawn ladder, as it is and recalibrated by so many of the other ladders."""
    rows = []
    for world_number, (name, world) in enumerate(WORLDS.items()):
        drawn = [draw(world, 1000 * world_number + repeat, design, wander) for repeat in range(repeats)]
        for method in METHODS:
            own = {"sampler": SAMPLER, "retry": False, "refused_at_most": 0.0} if method == "bayes-flp" else {}
            made = []
            for repeat, (ladder, target, _) in enumerate(drawn):
                made.append(make(method, repeat, **own).fit(ladder).forecast([target]))
                print(f"\r{name}, {method}: {repeat + 1} of {repeats}", end="", file=sys.stderr, flush=True)
            told = [cells(name, repeat, made[repeat], drawn[repeat][2]) for repeat in range(repeats)]
            for repeat in range(repeats):
                forms = {method: made[repeat]}
                for count in earlier:
                    others = [told[(repeat + 1 + place) % repeats] for place in range(count)]
                    by = Recalibration.learn(pd.concat(others), method)
                    forms[f"{method}, by {count} others"] = by.apply(made[repeat])
                for form, forecast in forms.items():
                    for benchmark, value in drawn[repeat][2].items():
                        low, high = forecast.interval("target", benchmark)
                        median = float(np.median(forecast.samples("target", benchmark)))
                        rows.append((name, repeat, form, benchmark, value, median, low, high))
    columns = ["world", "repeat", "method", "benchmark", "truth", "median", "low90", "high90"]
    return pd.DataFrame(rows, columns=columns)


def coverage(forecasts: pd.DataFrame) -> pd.DataFrame:
    """Coverage of 90 % intervals, their width and the error, in points, with the standard error over ladders."""
    marked = forecasts.assign(
        covered=forecasts["truth"].between(forecasts["low90"], forecasts["high90"]),
        width=100 * (forecasts["high90"] - forecasts["low90"]),
        error=100 * (forecasts["median"] - forecasts["truth"]).abs(),
    )
    by_ladder = marked.groupby(["world", "method", "repeat"], sort=False)[["covered", "width", "error"]].mean()
    grouped = by_ladder.groupby(["world", "method"], sort=False)
    table = grouped.mean()
    table["covered_se"] = grouped["covered"].std() / np.sqrt(grouped.size())
    return table.reset_index()


def main() -> None:
    """Draw, fit, score and write."""
    parser = argparse.ArgumentParser(
        description="Coverage of Bayesian FLP and the published form on simulated ladders."
    )
    parser.add_argument("repeats", type=int, help="ladders of each world")
    parser.add_argument("out", type=Path, help="folder for the tables")
    parser.add_argument("--large", action="store_true", help="eight sizes and eighteen benchmarks")
    parser.add_argument("--wander", action="store_true", help="scores leave their curve as those of real ladders do")
    parser.add_argument(
        "--earlier",
        type=int,
        nargs="*",
        help="numbers of other ladders of the same world by which intervals are recalibrated (4 and 8, if there are)",
    )
    asked = parser.parse_args()
    earlier = asked.earlier
    if earlier is None:
        earlier = [count for count in EARLIER if count < asked.repeats]
    if any(not 0 < count < asked.repeats for count in earlier):
        parser.error(f"--earlier {earlier}: each is at least 1 and below the number of ladders")
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    forecasts = run(asked.repeats, DESIGNS["large" if asked.large else "small"], asked.wander, earlier)
    table = coverage(forecasts)
    forecasts.to_csv(out / "forecasts.csv", index=False)
    table.to_csv(out / "coverage.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
