"""The shipped prior of Bayesian COD, learnt in one fit from families of public ladders.

    python docs/studies/cod_prior.py --out prior

samples the prior's numbers with everything else (`graph.build(learning=True)`), once from all families of `REAL` and
once without each of its sets, so that a set can be scored under a prior that has not seen it. Writes
`prior/without_SET.json` (`prior/all.json` is what `prior.csv` ships); what is there is kept.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import arviz as az
import cod_sets
import numpy as np

from bayes_cod.errors import InputError
from bayes_cod.models import sampling
from bayes_cod.models.cod.forecaster import SAMPLER
from bayes_cod.models.cod.graph import LEARNT_FAMILIES, LEARNT_SCALES, Shape, arrays, build
from bayes_cod.models.cod.observations import Observations, observe
from bayes_cod.models.cod.priors import Priors
from bayes_cod.models.sampling import CompiledModels

REAL = ("open_models", "base", "chat", "code", "pythia_sampling", "leaderboard")
"""Families of final models; ladders along training and the micro ladder are left out."""
FEWEST_RUNGS, LEAST_DECADES = 3, 0.75
START = Priors(
    slope_mean=-0.1,
    slope_sd=0.5,
    slope_spread=0.65,
    curvature_mean=0.12,
    curvature_sd=0.1,
    walk_mean=-1.4,
    walk_sd=0.5,
    shared_walk=0.15,
    noise_mean=-2.4,
    noise_sd=0.4,
)
"""Where learning starts: the numbers of the prior before it was learnt, chosen by hand."""

_models = CompiledModels()


def families(names: tuple[str, ...], data: Path) -> list[tuple[str, Observations]]:
    """Families with enough rungs over enough of the axis, each with its set."""
    found = []
    for name in names:
        ladder = cod_sets.load(name, data).ladder
        for family in sorted(ladder.families):
            own = ladder.select(family=family)
            if own.rungs()["flops"].nunique() < FEWEST_RUNGS:
                continue
            try:
                seen = observe(own, START)
            except InputError:  # no scores of this family
                continue
            if -seen.axis.rungs[0] >= LEAST_DECADES:
                found.append((name, seen))
    return found


def learn(seen: list[Observations], draws: int) -> dict[str, float]:
    """Numbers of the prior of a family not yet seen: the doubt about a mean is added to the families' spread."""
    shape = Shape.of(seen)
    compiled = _models.get(shape, lambda: build(shape, learning=True))
    settings = replace(SAMPLER, draws=draws, tune=draws)
    tree = sampling.sample(compiled, arrays(seen, shape, START), settings, 1)
    posterior = tree["posterior"].to_dataset()
    print(az.summary(tree, var_names=[name for name in posterior if name.startswith("learnt")]).to_string(), flush=True)
    means = {name: posterior[f"learnt_{name}_mean"] for name in LEARNT_FAMILIES}
    found = {name: float(posterior[f"learnt_{name}"].mean()) for name in LEARNT_SCALES}
    for name, draws_of in means.items():
        spread = found.get(f"{name}_sd", getattr(START, f"{name}_sd"))
        found |= {f"{name}_mean": float(draws_of.mean()), f"{name}_sd": float(np.hypot(spread, draws_of.std()))}
    return found


def main() -> None:
    """Learn from all, and without each set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=cod_sets.DATA)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    found = families(REAL, args.data)
    for left_out in ("", *REAL):
        file = args.out / (f"without_{left_out}.json" if left_out else "all.json")
        if not file.exists():
            seen = [one for name, one in found if name != left_out]
            print(f"{file.stem}: {len(seen)} families", flush=True)
            file.write_text(json.dumps(learn(seen, args.draws), indent=1))


if __name__ == "__main__":
    main()
