"""Many fits of one model: compiled once and refitted, against a hand-written PyMC loop that compiles at each fit.

    python -m tests.benchmarks refits

Both sample the same posterior of simulated ladders (eight benchmarks on six rungs: levels, slopes and a binomial
likelihood) with the same draws and chains, one after the other in one process: this package as its models do, PyMC by
`pm.sample` with its default sampler. A few of PyMC's fits are measured and 200 extrapolated from their mean; NumPyro is
left out, since it needs JAX, which the project's environment does not have.
"""

from __future__ import annotations

import logging
import time
import warnings

import numpy as np
import pymc as pm

from bayes_cod.models.sampling import CompiledModels, SamplerSettings, sample

BENCHMARKS, RUNGS, QUESTIONS = 8, 6, 400
DRAWS, TUNE, CHAINS = 500, 500, 2
OURS, THEIRS, ALL = 20, 3, 200


def model(at: np.ndarray, correct: np.ndarray, *, data: bool) -> pm.Model:
    """Scores of benchmarks along compute ``(rung, benchmark)``; arrays as `pm.Data`, or as they are."""
    with pm.Model() as made:
        place, seen = (pm.Data("at", at), pm.Data("correct", correct)) if data else (at, correct)
        level = pm.Normal("level", 0.0, 1.5, shape=BENCHMARKS)
        typical, spread = pm.Normal("typical", 0.0, 1.0), pm.HalfNormal("spread", 0.5)
        slope = typical + spread * pm.Normal("own", shape=BENCHMARKS)
        logit = level + slope * place[:, None]
        pm.Potential("scores", pm.logp(pm.Binomial.dist(QUESTIONS, logit_p=logit), seen).sum())
    return made


def ladder(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Decades from the last rung ``(rung,)``, and right answers ``(rung, benchmark)``."""
    rng = np.random.default_rng(seed)
    at = np.linspace(-2.0, 0.0, RUNGS)
    logit = rng.normal(0, 1, BENCHMARKS) + rng.normal(0.8, 0.3, BENCHMARKS) * at[:, None]
    return at, rng.binomial(QUESTIONS, 1 / (1 + np.exp(-logit))).astype(np.int32)


def refits() -> None:
    """Wall and processor time of fits by this package and by PyMC, and the ratio for 200."""
    logging.getLogger("pymc").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    settings = SamplerSettings(draws=DRAWS, tune=TUNE, chains=CHAINS, cores=1)
    start, processor = time.perf_counter(), time.process_time()
    compiled = CompiledModels().get("ladder", lambda: model(*ladder(0), data=True))
    built = time.process_time() - processor
    slopes = []
    for seed in range(OURS):
        at, correct = ladder(seed)
        tree = sample(compiled, {"at": at, "correct": correct}, settings, seed)
        slopes.append(float(tree["posterior"]["typical"].mean()))
    ours, ours_cpu = time.perf_counter() - start, time.process_time() - processor
    each = (ours_cpu - built) / OURS
    print(f"this package: compiled once in {built:.1f} s, then {each:.2f} s a fit ({OURS} fits, {ours:.0f} s of wall)")
    start, processor = time.perf_counter(), time.process_time()
    differences = []
    for seed in range(THEIRS):
        with model(*ladder(seed), data=False):
            drawn = pm.sample(DRAWS, tune=TUNE, chains=CHAINS, cores=1, random_seed=seed, progressbar=False)
        differences.append(float(drawn["posterior"]["typical"].mean()) - slopes[seed])
    theirs, theirs_cpu = time.perf_counter() - start, (time.process_time() - processor) / THEIRS
    print(f"PyMC, compiled at each fit: {theirs_cpu:.1f} s a fit ({THEIRS} fits, {theirs:.0f} s of wall time)")
    print(f"means of the typical slope differ by {np.abs(differences).max():.3f} at most")
    ratio = ALL * theirs_cpu / (built + ALL * each)
    print(f"{ALL} fits: {built + ALL * each:.0f} s against {ALL * theirs_cpu:.0f} s (extrapolated), {ratio:.0f} times")


if __name__ == "__main__":
    refits()
