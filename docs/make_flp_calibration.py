"""Calibration of Bayesian FLP by simulation: ``python docs/make_flp_calibration.py 200 DIR``.

Draws ladders from the priors, fits each, and writes ``ranks.csv`` and ``calibration.csv``; prints the latter.
"""

import sys
from pathlib import Path

from bayes_cod.models.flp.forecaster import BayesianFLP
from bayes_cod.models.flp.simulation import calibrate, summarise_ranks
from bayes_cod.sampling import SamplerSettings

SHORT = SamplerSettings(draws=250, tune=300, chains=2, target_accept=0.9)


def main() -> None:
    """Simulate, fit, rank and write."""
    n, out = int(sys.argv[1]), Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    model = BayesianFLP(0, sampler=SHORT, forms={"logistic": 1.0})
    ranks = calibrate(model, n, 0, progress=lambda done: print(f"\r{done} of {n}", end="", file=sys.stderr, flush=True))
    ranks.to_csv(out / "ranks.csv", index=False)
    table = summarise_ranks(ranks)
    table.to_csv(out / "calibration.csv", index=False)
    print(table.round(3).to_string(index=False))
    print(f"gate passed on {ranks.groupby('ladder')['passed'].first().mean():.0%} of ladders")


if __name__ == "__main__":
    main()
